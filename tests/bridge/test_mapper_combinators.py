"""Mappers made of mappers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._errors import ConfigurationError
from banqup_client import Document
from bridge import (
    AsyncMapper,
    Mapper,
    Skip,
    SourceFile,
    default_mapper,
    journal,
    named,
    only,
    without,
)
from bridge.testing import TrialDocument, sample_documents, trial_document, try_mapper
from bridge.testing._samples.sample import sample
from zenvoices_client import InboxUpload

INVOICE = sample(0)
PURCHASE = trial_document(
    ("a.xml", INVOICE.content), supplier="Brouwerij De Molenbeek BV", customer="Café De Sluis BV"
)
SALE = trial_document(("b.xml", sample(2, sale=True).content), folder="SALES")


def upload_of(mapper: Mapper, document: TrialDocument = PURCHASE) -> InboxUpload:
    """The upload a mapper must make of a document."""
    said = mapper(*document)
    assert isinstance(said, InboxUpload), said
    return said


def test_only_lets_some_folders_pass() -> None:
    """A document of another folder is skipped, and the reason names its folder."""
    mapper = only(default_mapper, folders=["purchases"])
    assert upload_of(mapper).subject == f"Invoice {INVOICE.number}"
    assert mapper(*SALE) == Skip("SALES: documents of this kind are not exported")


def test_only_lets_some_categories_pass() -> None:
    """The category is Banqup's; a document without one does not pass."""
    mapper = only(default_mapper, categories=["INVOICE"])
    assert isinstance(mapper(*PURCHASE), InboxUpload)
    none = trial_document(("a.xml", INVOICE.content), category=None)
    assert isinstance(mapper(*none), Skip)


@pytest.mark.parametrize(
    "name",
    [
        "brouwerij de molenbeek bv",
        "Café De Sluis BV",
        INVOICE.supplier.enterprise_number,
        f"BE {INVOICE.supplier.enterprise_number[:4]}.{INVOICE.supplier.enterprise_number[4:]}",
    ],
)
def test_only_finds_parties_by_name_and_number(name: str) -> None:
    """Supplier or customer count, by Banqup's names or by the UBL's numbers."""
    assert isinstance(only(default_mapper, parties=[name])(*PURCHASE), InboxUpload)


@pytest.mark.parametrize("name", ["BROUWERIJ DE MOLENBEEK BV", INVOICE.supplier.enterprise_number])
def test_without_skips_documents_of_a_party(name: str) -> None:
    """By name or number; those of all others pass, and a list of nobody changes nothing."""
    mapper = without(default_mapper, parties=[name])
    assert isinstance(mapper(*PURCHASE), Skip)
    other = trial_document(("b.xml", sample(3).content), supplier="Another")
    assert isinstance(mapper(*other), InboxUpload)
    assert isinstance(without(default_mapper, parties=[])(*PURCHASE), InboxUpload)


def test_without_wants_a_list() -> None:
    """One text is not taken for a list of letters."""
    with pytest.raises(ConfigurationError, match="parties"):
        without(default_mapper, parties="Brouwerij")


def test_only_skips_other_parties() -> None:
    """Nobody named in the list takes part in the document."""
    assert isinstance(only(default_mapper, parties=["Visserij Noord NV"])(*PURCHASE), Skip)


@pytest.mark.parametrize("name", ["folders", "categories", "parties"])
def test_only_refuses_a_text_for_a_list(name: str) -> None:
    """``folders="SALES"`` would mean seven letters: it is refused when the mapper is made."""
    with pytest.raises(ConfigurationError, match=name):
        only(default_mapper, **{name: "SALES"})


def test_journal_writes_the_code_of_the_folder() -> None:
    """In brackets before the subject; a folder without a code stays as it was."""
    mapper = journal(default_mapper, {"PURCHASES": "INK"})
    assert upload_of(mapper).subject == f"[INK] Invoice {INVOICE.number}"
    assert upload_of(mapper, SALE) == upload_of(default_mapper, SALE)


def test_journal_by_a_rule_into_the_destination() -> None:
    """A rule sees document and files; the destination takes the code without brackets."""

    def rule(document: Document, files: Sequence[SourceFile]) -> str | None:
        return "VRK2" if document.folder == "SALES" and files[0].ubl else None

    mapper = journal(default_mapper, rule, into="destination")
    assert upload_of(mapper, SALE).destination == "VRK2"
    assert upload_of(mapper).destination is None


@pytest.mark.parametrize("code", ["", "A B", "IN]K", "x" * 31, "INK\n"])
def test_journal_refuses_codes_that_would_not_be_read(code: str) -> None:
    """Refused when the mapper is made; a rule's bad code hurts only its document."""
    with pytest.raises(ConfigurationError):
        journal(default_mapper, {"SALES": code})
    if code:
        (trial,) = try_mapper(journal(default_mapper, lambda *_: code), [PURCHASE])
        assert trial.outcome == "failed"


def test_journal_refuses_another_place() -> None:
    """There are two places for the code."""
    with pytest.raises(ConfigurationError):
        journal(default_mapper, {}, into="body")  # type: ignore[arg-type]


def test_the_sender_cannot_choose_the_journal() -> None:
    """A code in a supplier's own invoice number is no code any more."""
    hostile = INVOICE.content.replace(INVOICE.number.encode(), b"[VRK] 1")
    subject = upload_of(default_mapper, trial_document(("a.xml", hostile))).subject
    assert subject == "Invoice (VRK) 1"


def test_named_fills_in_what_is_known() -> None:
    """UBL and document give the parts; the extension stays; what is missing leaves no gap."""
    mapper = named(default_mapper, "{date}_{supplier}_{category}_{number}")
    (item,) = upload_of(mapper).attachments
    assert item.file_name == (
        f"{INVOICE.issue_date}_Brouwerij De Molenbeek BV_INVOICE_{INVOICE.number}.xml"
    )
    bare = trial_document(("scan 7.pdf", b"%PDF-1.4 x"), category=None)
    assert upload_of(mapper, bare).attachments[0].file_name == "scan 7.pdf"


@pytest.mark.parametrize("pattern", ["{nr}", "{}", "{a", "{date:%Y}", "{number.x}", 3])
def test_named_refuses_a_pattern_it_cannot_fill(pattern: Any) -> None:
    """A typing error is seen when the mapper is made."""
    with pytest.raises(ConfigurationError):
        named(default_mapper, pattern)


@given(name=st.text(max_size=40))
def test_named_never_makes_an_unsafe_name(name: str) -> None:
    """Whatever a supplier is called, the file has one harmless name without folders."""
    document = trial_document(("../x.xml", INVOICE.content), supplier=name)
    (item,) = upload_of(named(default_mapper, "{supplier}/{number}"), document).attachments
    assert "/" not in item.file_name
    assert "\\" not in item.file_name
    assert item.file_name.isprintable()
    assert item.file_name.endswith(".xml")


@pytest.mark.parametrize("given", ["FTH/2026/7.pdf", r"FTH\2026\7.pdf"])
def test_named_keeps_what_stands_before_a_slash(given: str) -> None:
    """Else two invoices, numbered 7 in two books, would have one name."""
    document = trial_document((given, b"%PDF-1.4 x"))
    (item,) = upload_of(named(default_mapper, "{number}"), document).attachments
    assert item.file_name == "FTH-2026-7.pdf"


def test_named_numbers_several_files() -> None:
    """A second file does not get the name of the first."""

    def both(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
        return InboxUpload(attachments=[file.attachment() for file in files])

    document = trial_document(("a.xml", INVOICE.content), ("a.pdf", b"%PDF-1.4 x"))
    names = [item.file_name for item in upload_of(named(both, "x{number}"), document).attachments]
    assert names == [f"x{INVOICE.number}.xml", f"x{INVOICE.number}-2.pdf"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "wrap",
    [
        lambda mapper: only(mapper, folders=["PURCHASES"]),
        lambda mapper: journal(mapper, {"PURCHASES": "INK"}),
        lambda mapper: named(mapper, "{number}"),
    ],
)
async def test_combinators_take_coroutine_functions(
    wrap: Callable[[AsyncMapper], AsyncMapper],
) -> None:
    """What they make of a coroutine function does what they make of a plain one."""

    async def slow(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
        return default_mapper(document, files)

    def plain(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
        return default_mapper(document, files)

    said = wrap(slow)(*PURCHASE)
    assert isinstance(said, Awaitable)
    assert await said == wrap(plain)(*PURCHASE)
    for document, files in sample_documents():
        mapped = wrap(slow)(document, files)
        result = await mapped if isinstance(mapped, Awaitable) else mapped
        assert result == wrap(plain)(document, files)


def test_skips_and_nonsense_pass_through() -> None:
    """Only uploads are changed: what else a mapper says is for the export to judge."""
    assert journal(lambda *_: Skip("no"), {"PURCHASES": "INK"})(*PURCHASE) == Skip("no")
    (trial,) = try_mapper(named(lambda *_: 7, "{number}"), [PURCHASE])  # type: ignore[arg-type]
    assert "returned int" in trial.reason
