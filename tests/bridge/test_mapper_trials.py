"""Trying a mapper on sample documents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from banqup_client import Document
from bridge import ConfigurationError, Skip, SourceFile, default_mapper, set_language
from bridge._reports import texts
from bridge._reports.texts import Lang
from bridge._sync._deep import marked
from bridge.testing import sample_documents, trial_document, try_mapper
from zenvoices_client import InboxUpload


def test_the_default_mapper_copes_with_every_sample() -> None:
    """All are sent, one line of subject each, the broken one flagged, the PDF beside named."""
    trials = try_mapper()
    assert trials.ok
    trials.raise_for_failure()
    assert [trial.outcome for trial in trials] == ["sent"] * len(sample_documents())
    for trial in trials:
        assert trial.upload
        assert trial.upload.subject
        assert trial.upload.subject.isprintable()
        assert len(trial.upload.attachments) == 1
    kinds = [str(row["subject"]).rsplit(" ", 1)[0] for row in trials.rows]
    assert kinds.count("Credit note") == 1
    assert sum(bool(trial.warning) for trial in trials) == 1
    assert [trial.other_files for trial in trials if trial.other_files] == [("invoice.pdf",)]
    assert trials.rows[2]["sender_name"] == trials[2].document.supplier.name


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", {"Invoice", "Credit note"}),
        ("fr", {"Facture", "Note de crédit"}),
        ("nl", {"Factuur", "Creditnota"}),
    ],
)
def test_subjects_are_in_the_language_of_the_process(
    lang: Lang, words: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accountant reads them in Zenvoices; the number stays the last word."""
    monkeypatch.setitem(texts._display, "language", "en")
    numbers = [str(row["subject"]).rsplit(" ", 1)[1] for row in try_mapper().rows]
    set_language(lang)
    subjects = [str(row["subject"]).rsplit(" ", 1) for row in try_mapper().rows]
    assert {word for word, _ in subjects} == words
    assert [number for _, number in subjects] == numbers
    assert (marked(sample=True).subject or "").startswith("TEST, ")


def test_a_failing_mapper_is_shown_and_can_be_raised() -> None:
    """The table says what happened to each, and a test can let the first failure out."""

    def careless(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
        if document.folder == "SALES":
            return Skip("no sales")
        ubl = files[0].ubl
        return InboxUpload(attachments=(files[0].attachment(),), subject=ubl.number)  # type: ignore[union-attr]

    trials = try_mapper(careless)
    assert not trials.ok
    assert {trial.outcome for trial in trials} == {"sent", "skipped", "failed"}
    for document, _ in sample_documents()[2:4]:  # one is skipped, the mapper fails for the other
        assert str(document.files[0].filename) in " ".join(str(trials).split())
    assert "AttributeError" in str(trials)
    assert "no sales" in trials.to_html()
    assert "ÉCHEC" in trials.to_text(lang="fr")
    assert "MISLUKT" in trials.to_text(lang="nl")
    with pytest.raises(AttributeError):
        trials.raise_for_failure()


def test_nonsense_is_a_type_error() -> None:
    """A mapper that returns something else raises nothing itself, so the trial does."""
    with pytest.raises(TypeError, match="returned str"):
        try_mapper(lambda *_: "INK").raise_for_failure()  # type: ignore[arg-type]


def test_ones_own_files_can_be_tried(tmp_path: Path) -> None:
    """A document is made of paths, or of names and bytes."""
    path = tmp_path / "mine.pdf"
    path.write_bytes(b"%PDF-1.4 mine")
    document = trial_document(path, ("other.txt", b"note"), supplier="Visserij Noord NV")
    (trial,) = try_mapper(default_mapper, [document])
    assert trial.to_dict()["files"] == "mine.pdf"
    assert trial.to_dict()["sender_name"] == "Visserij Noord NV"
    assert trial.other_files == ("other.txt",)


def test_a_coroutine_function_is_told_where_it_belongs() -> None:
    """Only the asynchronous connection takes one."""

    async def slow(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
        return default_mapper(document, files)

    with pytest.raises(ConfigurationError, match="only AsyncConnection takes it"):
        try_mapper(slow)  # type: ignore[arg-type]


def test_coroutine_functions_can_be_tried_in_a_loop_of_their_own() -> None:
    """They give what plain ones give, failures included."""

    async def slow(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
        if document.folder == "SALES":
            raise KeyError(document.id)
        return default_mapper(document, files)

    trials = try_mapper(lambda document, files: asyncio.run(slow(document, files)))
    assert [trial.outcome for trial in trials].count("failed") == 1
    assert "KeyError" in trials[2].reason
