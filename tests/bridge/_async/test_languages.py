"""What people read in French and Dutch: no sentence of ours in English, documents by name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from banqup_client.testing import FakeFile, Fault
from bridge import ConfigurationError, Skip, StoreError, Verification, set_language
from bridge._reports.render import Printable
from bridge._reports.texts import translate
from bridge.testing import try_mapper
from support.bridge_world import DAY, HOUR, AsyncWorld, invoice

pytestmark = pytest.mark.anyio

ENGLISH = """
the and with that this which your there their have been were where while would could should nothing
other after before check checks sent failed right rights whether give user users again once until
not yet document documents answer answers found waiting skipped company code expected has was is
are no any more need needs person try next attempt attempts
"""
BOTH = {"fr": {"document", "documents", "code"}, "nl": {"document", "code", "is", "was"}}
"""Words that are right in the other language, too."""
DATA = re.compile(
    r"«[^»]*»|“[^”]*”|'[^']*'|https?:\S+|Settings > External applications|"
    r"API > (Inbox access|Companies > List access)|(Invoice|Credit note) \S+|"
    r"api-user|ZenvoicesClient\S*(\s*\S*[\]}])*|BanqupClient\S*(\s*\S*[\]}])*|\w+\.\w+\S*|[A-Z_]{4,}"
)
"""What a service said, names of screens that no page shows in the language, and code."""


async def shown(lang: Any) -> AsyncIterator[Printable]:
    """Outputs of every verb, when all is well and when much is not."""
    refused = {"success": False, "result": None, "error": {"message": "Periode gesloten"}}
    world = AsyncWorld()
    connection = world.connect()
    yield await connection.verify(lang=lang)
    yield await connection.activate()
    yield await connection.activate()
    world.publish(3)
    files = [FakeFile("a.xml", "application/xml", b"<a>"), FakeFile("a.pdf", "x", b"%PDF-1.4")]
    world.banqup.publish(world.space, files=files)
    world.banqup.publish(
        world.space,
        status="AWAITING_VALIDATION",
        files=[FakeFile("w.xml", "application/xml", invoice())],
    )
    world.banqup.publish(world.space, status="STRANGE", files=files)
    world.banqup.publish(world.space, files=[FakeFile("e.pdf", "application/pdf", b"")])
    yield await connection.export_new(dry_run=True)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(500, refused), times=1)
    yield await connection.export_new()
    yield await connection.status(waiting=True)
    yield await connection.confirm()
    world.clock.pass_(HOUR)
    world.publish(2)
    yield await connection.export_new(limit=1)
    wrong: list[Any] = [{"password": "wrong"}, {"company_code": "0o42"}, {"secret": "wrong"}]
    for options in wrong:
        yield await AsyncWorld().connect(**options).verify(lang=lang)
    world = AsyncWorld()
    world.zenvoices.user.rights = {"companies"}
    world.banqup.whitelisted = False
    yield await world.connect().verify(deep=True, lang=lang)
    for operation, fault in (
        ("companies.list", Fault.status(503)),
        ("inbox.list", Fault.status(200, {"success": True, "result": {"rows": []}})),
        ("login", Fault.status(200, "<html>", {"content-type": "text/html"})),
        ("inbox.details", Fault.status(404, "<html>")),
    ):
        world = AsyncWorld()
        world.one()
        world.zenvoices.faults.add(operation, action=fault, times=None)
        yield await world.connect().verify(deep=True, lang=lang)
    world = AsyncWorld()
    connection = world.connect(mapper=lambda document, files: 1 / 0)
    await connection.activate()
    world.one()
    yield await connection.export_new()
    yield await connection.status()
    connection = world.connect(mapper=lambda document, files: Skip("hors sujet"))
    world.clock.pass_(DAY)
    yield await connection.export_new()
    yield try_mapper()


@pytest.mark.parametrize("lang", ["fr", "nl"])
async def test_no_output_holds_a_sentence_in_english(lang: Any) -> None:
    """Titles, findings, reasons, remedies and headings, in text and in HTML."""
    count = 0
    async for value in shown(lang):
        count += 1
        for text in (value.to_text(lang=lang), re.sub(r"<[^>]*>", " ", value.to_html(lang=lang))):
            ours = DATA.sub(" ", " ".join(text.partition("</style>")[2].split()) or text)
            left = set(re.findall(r"\b[a-z]+\b", ours)) & (set(ENGLISH.split()) - BOTH[lang])
            assert left == set(), (left, text)
    assert count >= 20


NO_DOCUMENT = {"__abp": True, "success": False, "error": {"message": "Not found."}}


async def looked(operation: str, fault: Fault, times: dict[str, Any], lang: Any) -> Verification:
    """A deep look with a test document, in which one operation has a fault."""
    world = AsyncWorld()
    world.one()
    fake = world.zenvoices if operation.startswith("inbox.") else world.banqup
    fake.faults.add(operation, action=fault, **times)
    return await world.connect().verify(deep=True, sample=True, lang=lang)


@pytest.mark.parametrize("lang", ["fr", "nl"])
@pytest.mark.parametrize(
    ("operation", "fault", "times"),
    [
        ("documents.get", Fault.status(500), {}),
        ("files.details", Fault.status(404, "<html>"), {}),
        ("files.details", Fault.status(200, {"downloadURL": "x"}), {}),
        ("inbox.details", Fault.status(404, "<html>"), {"nth": 1}),
        ("inbox.upload", Fault.status(200, {"number": "one"}), {}),
        ("inbox.details", Fault.status(404, NO_DOCUMENT), {"nth": 2}),
    ],
    ids=["banqup", "no call", "other names", "zenvoices", "sample", "not read back"],
)
async def test_the_exception_of_a_deep_look_is_in_english(
    operation: str, fault: Fault, times: dict[str, Any], lang: Any
) -> None:
    """Its message and its remedy, while the checks are in the reader's language."""
    english = await looked(operation, fault, times, "en")
    verification = await looked(operation, fault, times, lang)
    with pytest.raises(ConfigurationError) as caught:
        verification.raise_for_failure()
    assert str(caught.value) == str(english.error)
    check, wanted = verification.failed[0], english.failed[0]
    assert wanted.detail in caught.value.message
    assert caught.value.hint == (wanted.remedy or None)
    for shown, said in ((check.detail, wanted.detail), (check.remedy, wanted.remedy)):
        assert shown == translate(said, lang)
        assert shown != said or not said


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
async def test_a_test_document_is_named_as_it_was_sent(lang: Any) -> None:
    """Its subject is in the language of the process, and the check in another quotes it so."""
    world = AsyncWorld()
    set_language("nl")
    try:
        verification = await world.connect().verify(deep=True, sample=True, lang=lang)
    finally:
        set_language("en")
    (item,) = world.zenvoices.inbox
    (check,) = (check for check in verification.checks if check.name == "inbox.upload")
    assert item.subject == "TEST, te verwijderen"
    assert item.subject in check.detail


async def test_what_waits_is_named_by_supplier_number_and_date() -> None:
    """In the report, in the status that lists it, and after a failure by its number."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    refused = {"success": False, "result": None, "error": {"message": "Nee"}, "__abp": True}
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(500, refused), times=None)
    document = world.one()
    waits = world.banqup.publish(
        world.space,
        status="AWAITING_VALIDATION",
        files=[FakeFile("S_42.xml", "application/xml", invoice())],
    )
    report = await connection.export_new()
    rows = {row.document_id: row for row in report.deliveries}
    assert "S_42.xml, 20" in rows[waits].label
    assert "Invoice F0001, 20" in rows[document].label
    status = await world.connect().status(waiting=True)
    assert {row.document_id: row.label for row in status.waiting} == {
        name: row.label for name, row in rows.items()
    }
    assert rows[waits].label in " ".join(str(status).split())
    assert (await world.connect().status()).waiting == ()


async def test_a_skipped_document_is_named_in_the_report_of_its_run_alone() -> None:
    """Skipped by the rule, by a mapper, or gone: a person can find it; the store keeps no name."""
    world = AsyncWorld()
    connection = world.connect(mapper=lambda _document, _files: Skip("booked by hand"))
    await connection.activate()
    order, booked = world.one(category="PURCHASE_ORDER"), world.one()
    gone = world.one("DRAFT")
    rows = {row.document_id: row for row in (await connection.export_new()).deliveries}
    assert [rows[name].state for name in (order, booked)] == ["skipped", "skipped"]
    assert all(rows[name].label for name in (order, booked))
    assert rows[booked].label in " ".join(str(rows[booked]).split())
    world.banqup.remove(gone)
    world.clock.pass_(DAY)
    (row,) = (await connection.export_new()).deliveries
    assert (row.document_id, row.state, row.label) == (gone, "skipped", rows[gone].label)
    assert {world.delivery(name).label for name in (order, booked, gone)} == {""}


async def test_a_refused_document_keeps_its_name() -> None:
    """A list, which has only the file's name, does not take the invoice's number away."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.zenvoices.refuse_when(lambda _: "The period is closed.")
    world.banqup.publish(
        world.space,
        status="FULLY_APPROVED",
        files=[FakeFile("S_42.xml", "application/xml", invoice())],
    )
    first, second = [(await connection.export_new()).deliveries[0] for _ in range(2)]
    assert first.label.startswith("Invoice F1, ")
    assert second.label == first.label


async def test_no_final_state_keeps_the_name_of_a_document() -> None:
    """What is delivered or skipped leaves no supplier and no number in the store."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    document = world.one()
    await connection.export_new()
    assert world.delivery(document).state == "delivered"
    assert world.delivery(document).label == ""
    assert "F0001" not in str(world.rows)


async def test_confirm_names_what_is_there_more_than_once() -> None:
    """The store keeps no name of what was delivered: Zenvoices shows supplier and number."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.one()
    await connection.export_new()
    (first,) = world.zenvoices.inbox
    world.zenvoices._inbox[9001] = evolve(first, id=9001)
    confirmation = await connection.confirm()
    (row,) = confirmation.twice
    assert row.label == ", ".join(filter(None, (first.sender_name, first.subject)))
    assert "F0001" in row.label
    for lang in ("en", "fr", "nl"):
        assert row.label in " ".join(confirmation.to_text(lang=lang).split())


async def test_confirm_counts_what_others_sent_to_the_inbox() -> None:
    """Where the vendor's own extension is still on, each invoice is there a second time."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.publish(2)
    await connection.export_new()
    assert (await connection.confirm()).others == 0
    await connection.resend(list(world.rows))
    assert (await connection.confirm()).others == 0
    assert (await connection.export_new()).exported == 2
    assert (await connection.confirm()).others == 0
    first = world.zenvoices.inbox[0]
    for number in (9001, 9002):
        copy = evolve(first, id=number, external_id=None)
        world.zenvoices._inbox[number] = copy
    confirmation = await connection.confirm()
    assert confirmation.others == 2
    assert "Banqup's own Zenvoices extension is still on" in " ".join(str(confirmation).split())
    assert "l'extension Zenvoices de Banqup est encore active" in " ".join(
        confirmation.to_text(lang="fr").split()
    )


def raising(event: object) -> None:
    raise ValueError(type(event).__name__)


async def test_failures_of_a_listener_are_counted() -> None:
    """In the report, its data, its summary and what is printed, and in the status."""
    world = AsyncWorld()
    connection = world.connect(listeners=[raising])
    await connection.activate()
    world.one()
    report = await connection.export_new()
    assert report.exported == 1
    assert report.listener_failures == report.to_dict()["listener_failures"] >= 3
    assert f"{report.listener_failures} raised in your own code" in report.summary()
    assert "raised in your own code" in str(report)
    status = await connection.status()
    assert status.raised == status.to_dict()["raised"] == report.listener_failures
    assert "raised in your own code" in str(status)


async def test_a_store_that_fails_is_told_in_french() -> None:
    """Its message and its remedy go by their codes."""
    world = AsyncWorld()
    await world.connect().activate()
    world.store._records[world.key].head = "{"
    verification = await world.connect().verify(lang="fr")
    (failed,) = verification.failed
    assert failed.code == "damaged"
    assert failed.detail.startswith("le registre est endommagé")
    with pytest.raises(StoreError, match="damaged"):
        await world.connect().export_new()
