"""verify(deep=True): every call of an export held against the contract, values never shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, field

from banqup_client import AsyncBanqupClient, Call, ClientCredentials, Environment
from banqup_client.testing import FakeBanqup, FakeFile
from bridge import AsyncConnection, Check, MemoryCheckpoints, Verification
from bridge.testing._samples.sample import sample
from support import corrections, dialects
from support.dialects import Dialect
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    ConfigurationError,
    InboxUpload,
    UserLogin,
)
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio

CALLS = (
    "spaces.list", "documents.list", "documents.get", "files.details", "files.download",
    "companies.list", "inbox.list", "inbox.details",
)  # fmt: skip


@define
class World:
    """Both services with one document, and a connection between them."""

    banqup: FakeBanqup = field(factory=FakeBanqup)
    zenvoices: FakeZenvoices = field(factory=FakeZenvoices)
    banqup_dialect: Callable[[FakeBanqup], Dialect] | None = None
    zenvoices_dialect: Callable[[FakeZenvoices], Dialect] | None = None
    banqup_options: dict[str, Any] = field(factory=dict)
    zenvoices_options: dict[str, Any] = field(factory=dict)
    documents: int = 1

    async def verify(self, *, looks: int = 1, deep: bool = True, **options: Any) -> Verification:
        """What the last of some looks finds."""
        space = self.banqup.add_space()
        self.zenvoices.add_company(code="0042")
        for number in range(self.documents):
            file = FakeFile("geheim.xml", "application/xml", sample(number).content)
            self.banqup.publish(
                space,
                files=[file],
                extra={
                    "metadata": {
                        "supplier": {"legalName": "Brouwerij De Molenbeek BV"},
                        "customer": {},
                        "be:vat-of-somebody 0404616494": {"klant": 1},
                    }
                },
            )
        reader = AsyncBanqupClient(
            ClientCredentials("demo-app", "demo-secret"),
            Environment.UAT_EU,
            transport=(self.banqup_dialect or FakeBanqup.transport)(self.banqup),
            storage_transport=self.banqup.transport(),
            **self.banqup_options,
        )
        writer = AsyncZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            transport=(self.zenvoices_dialect or FakeZenvoices.transport)(self.zenvoices),
            **self.zenvoices_options,
        )
        async with reader, writer:
            connection = AsyncConnection(
                reader,
                writer,
                space_id=space,
                company_code="0042",
                checkpoints=MemoryCheckpoints(),
            )
            for _ in range(looks - 1):
                await connection.verify(deep=deep, **options)
            return await connection.verify(deep=deep, **options)


def check(verification: Verification, name: str) -> Check:
    """The check of one call."""
    (found,) = (item for item in verification.checks if item.name == name)
    return found


async def test_every_call_of_an_export_is_looked_at_without_an_upload() -> None:
    """All is well with services that answer as assumed, and nothing was sent."""
    world = World()
    verification = await world.verify()
    assert verification.ok
    verification.raise_for_failure()
    assert [item.name for item in verification.checks][-len(CALLS) :] == list(CALLS)
    assert check(verification, "spaces.list").outcome == "ok"
    assert world.zenvoices.inbox == []
    assert not world.zenvoices.counts["inbox.upload"]


def rows(change: Callable[[Any], Any]) -> dict[str, Any]:
    """Functions that change each document."""

    def listed(asked: Any) -> Any:
        answer = yield asked.default
        return {**answer, "documents": [change(row) for row in answer["documents"]]}

    return {"documents.list": listed}


async def test_ordinary_verify_makes_no_deep_call() -> None:
    """Only who asks for it pays for it, and a sample needs it."""
    world = World()
    assert (await world.verify(deep=False)).ok
    assert not world.banqup.counts["files.details"]
    with pytest.raises(ConfigurationError, match="deep=True"):
        await World().verify(deep=False, sample=True)


async def test_other_structure_is_shown_by_names_and_types_only() -> None:
    """What was expected, what came and what corrects it; no value of a document anywhere."""
    world = World(banqup_dialect=dialects.banqup_nested)
    verification = await world.verify()
    found = check(verification, "documents.list")
    assert found.outcome == "failed"
    assert "expected documents[].status (object)" in found.detail
    came = "documents[] has content (object), header (object), key (string), workflow (object)"
    assert came in found.detail
    assert "BanqupClient(contract=" in found.remedy
    assert 'BanqupClient(operations={"documents.list": ...})' in found.remedy
    with pytest.raises(ConfigurationError, match=r"documents\.list"):
        verification.raise_for_failure()
    shown = f"{verification}{verification.to_dict()}{verification.error}"
    for value in ("geheim", "Molenbeek BV (", "0404616494", "APPROVED", "PURCHASES"):
        assert value not in shown


async def test_correction_makes_every_call_answer_as_assumed() -> None:
    """With its patches and functions, services of other dialects pass."""
    world = World(
        banqup_dialect=dialects.banqup_nested,
        zenvoices_dialect=dialects.zenvoices_renamed,
        banqup_options={"operations": corrections.BANQUP_NESTED},
        zenvoices_options={"contract": corrections.ZENVOICES_RENAMED},
    )
    verification = await world.verify(sample=True)
    assert [item.name for item in verification.failed] == []
    assert len(world.zenvoices.inbox) == 1


async def test_name_in_other_letters_is_put_into_the_remedy() -> None:
    """The patch a person needs is written out."""

    def cased(document: Any) -> Any:
        return {("Files" if name == "files" else name): document[name] for name in document}

    world = World(banqup_options={"operations": rows(cased)})
    found = check(await world.verify(), "documents.list")
    assert "expected documents[].files (array)" in found.detail
    assert '{"documents.list": {"rename": {"documents[].files": "Files"}}}' in found.remedy


async def test_address_that_does_not_exist_says_where_to_correct_it() -> None:
    """A missing call names the path in the contract, in both languages."""
    world = World(zenvoices_dialect=dialects.zenvoices_cased)
    found = check(await world.verify(lang="fr"), "companies.list")
    assert found.title == "companies.list répond comme prévu"
    assert 'ZenvoicesClient(contract={"companies.list": {"path": "..."}})' in found.remedy
    assert "corrigez" in found.remedy


async def test_empty_space_is_said_and_is_no_failure() -> None:
    """What could not be looked at for want of a document does not count against an export."""
    verification = await World(documents=0).verify()
    assert verification.ok
    for name in ("documents.get", "files.details", "files.download"):
        assert check(verification, name).outcome == "skipped"
        assert check(verification, name).detail


async def test_file_that_is_not_scanned_yet_is_no_contradiction() -> None:
    """The download URL comes later."""
    banqup = FakeBanqup()
    world = World(banqup=banqup)
    publish = banqup.publish

    def not_ready(*arguments: Any, **options: Any) -> str:
        document = publish(*arguments, **options)
        banqup.set_file_status(document, 0, "AWAITING_UPLOAD")
        return document

    banqup.publish = not_ready  # type: ignore[method-assign]
    verification = await world.verify()
    assert check(verification, "files.details").outcome == "skipped"
    assert verification.ok


async def test_sample_is_announced_marked_sent_once_and_read_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The announcement is in the log before the document is in the inbox."""
    world = World()
    announced: list[int] = []

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "test document" in record.getMessage():
                announced.append(len(world.zenvoices.inbox))

    watch = Watch()
    logging.getLogger("bridge").addHandler(watch)
    try:
        verification = await world.verify(sample=True)
    finally:
        logging.getLogger("bridge").removeHandler(watch)
    assert announced == [0]
    assert "0042" in caplog.text
    (item,) = world.zenvoices.inbox
    assert item.subject is not None
    assert item.subject.startswith("TEST")
    assert item.attachments[0].file_name.startswith("TEST")
    assert "found when read back" in check(verification, "inbox.upload").detail
    assert verification.ok


async def test_sample_of_ones_own_is_marked_too() -> None:
    """Its subject says that it is a test."""
    upload = InboxUpload(attachments=(Attachment("a.xml", b"<Invoice/>"),), subject="Factuur")
    world = World()
    await world.verify(sample=upload)
    (item,) = world.zenvoices.inbox
    assert item.subject == "TEST Factuur"
    assert item.attachments[0].content == b"<Invoice/>"


async def test_sample_that_cannot_be_read_back_fails() -> None:
    """An upload whose look-up answers for another document is no proof of arrival."""
    zenvoices = FakeZenvoices(lookup="lags")
    found = check(await World(zenvoices=zenvoices).verify(sample=True), "inbox.upload")
    assert found.outcome == "failed"
    assert "read back" in found.detail
    assert found.remedy


async def test_look_up_that_ignores_the_external_id_is_found_out() -> None:
    """An answer about another document is no answer, and neither is a missing call."""
    zenvoices = FakeZenvoices(lookup="ignores_external_id")
    # The third look finds two documents, and is answered with the newest whatever it asks for.
    found = check(await World(zenvoices=zenvoices).verify(looks=3, sample=True), "inbox.details")
    assert found.outcome == "failed"
    assert "ignored" in found.detail
    missing = World(zenvoices=FakeZenvoices(lookup="missing"))
    assert check(await missing.verify(), "inbox.details").outcome == "failed"


async def test_upload_in_another_dialect_is_not_lost_silently() -> None:
    """A refused test document fails the check and names the address."""
    world = World(zenvoices_dialect=dialects.zenvoices_nested)
    found = check(await world.verify(sample=True), "inbox.upload")
    assert found.outcome == "failed"
    assert '{"inbox.upload": {"path": "..."}}' in found.remedy
    assert world.zenvoices.inbox == []


async def test_functions_of_a_user_are_looked_through() -> None:
    """What an export would read is what is seen: files by a call of their own, and its errors."""

    def listed(asked: Any) -> Any:
        answer = yield asked.default
        return {**answer, "documents": [{**row, "files": []} for row in answer["documents"]]}

    def read(asked: Any) -> Any:
        return {**(yield asked.default), "files": []}

    def files(asked: Any) -> Any:
        path = "/datastore/documents/transaction/v2/spaces/{}/documents/{}"
        answer = yield Call("GET", path.format(asked.space_id, asked.document.id))
        return answer["files"]

    functions = {"documents.list": listed, "documents.get": read}
    verification = await World(banqup_options={"operations": functions}).verify()
    assert check(verification, "files.details").outcome == "skipped"
    functions["documents.files"] = files
    verification = await World(banqup_options={"operations": functions}).verify()
    assert verification.ok
    assert check(verification, "files.download").outcome == "ok"

    def broken(asked: Any) -> Any:
        return (yield asked.default)["nothing"]

    functions["documents.files"] = broken
    verification = await World(banqup_options={"operations": functions}).verify()
    assert check(verification, "documents.files").outcome == "failed"
    assert "broken" in check(verification, "documents.files").detail


@pytest.mark.parametrize("own_details", [False, True])
async def test_details_are_not_needed_where_a_function_fetches_the_file(own_details: bool) -> None:
    """Neither the call nor an address in its answer, unless it is the user's own call."""
    path = "/datastore/documents/transaction/v1/spaces/{}/files/{}"

    def download(asked: Any) -> Any:
        answer = yield Call("GET", path.format(asked.space_id, asked.file_id))
        return answer["downloadUrl"]

    def details(asked: Any) -> Any:
        return {**(yield asked.default), "downloadUrl": None}

    functions = {"files.download": download, "files.details": details}
    if not own_details:
        del functions["files.details"]
    verification = await World(banqup_options={"operations": functions}).verify()
    looked_at = [one.outcome for one in verification.checks if one.name == "files.details"]
    assert looked_at == ["ok"] * own_details
    assert check(verification, "files.download").outcome == "ok"
    assert verification.ok


async def test_look_up_of_the_users_own_that_proves_nothing_names_the_function() -> None:
    """The contract cannot correct it."""

    def find(asked: Any) -> Any:
        return None

    verification = await World(zenvoices_options={"operations": {"inbox.find": find}}).verify()
    found = check(verification, "inbox.details")
    assert found.outcome == "failed"
    assert "your function for inbox.find" in found.remedy
