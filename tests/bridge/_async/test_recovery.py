"""Recovery: finding out what became of uploads whose end nobody saw."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve

from _client_kit import _clock
from banqup_client import AsyncBanqupClient, ClientCredentials, Environment
from banqup_client.testing import Fault
from bridge import AsyncConnection, ServiceError
from bridge._async._recovery import MARGIN
from bridge._delivery.delivery import Delivery
from bridge._delivery.row_format import head_of, head_text, row_of
from support.bridge_world import COMPANY, DAY, HOUR, SPACE, AsyncWorld, counted
from zenvoices_client import (
    AsyncZenvoicesClient,
    ConfigurationError,
    UnavailableError,
    UnreachableError,
    UserLogin,
)
from zenvoices_client._fake.service import Company

pytestmark = pytest.mark.anyio

MINUTE = 60.0


async def active(world: AsyncWorld, **options: Any) -> Any:
    connection = world.connect(**options)
    await connection.activate()
    return connection


def still_answers(world: AsyncWorld, *, visible: bool = True) -> None:
    """The number of a company linked anew is not listed any more, and answers if it is visible."""
    old = Company(world.company, "0042-old", "Brouwerij De Molenbeek BV", visible)
    world.zenvoices._companies[world.company] = old

    def unlisted(request: Any) -> None:
        old.visible = visible and request.operation != "companies.list"

    world.zenvoices.on_request = unlisted


async def in_doubt(world: AsyncWorld, connection: Any, *, applied: bool, known: bool = True) -> str:
    """Leave one document ``sending``; with ``known`` another one was delivered before."""
    if known:
        world.one()
        await connection.export_new()
    document = world.one()
    when: Any = "after" if applied else "before"
    world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1, when=when)
    # Else it would be found, or missed for the first time, in the same run.
    world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
    report = await connection.export_new()
    world.zenvoices.faults.clear()
    assert (report.ok, report.in_doubt, report.uncertain) == (True, 1, 0)
    assert world.states[document] == "sending"
    return document


def crashed(world: AsyncWorld, document: str, **changes: Any) -> None:
    """Put a delivery on record as a worker that died in the middle of an upload left it."""
    lease = world.store.acquire(world.key, "test", 600)
    assert lease is not None
    before = world.delivery(document)
    left: dict[str, Any] = {"in_doubt": False, "intended_at": world.clock.now, **changes}
    world.store.commit(lease, rows=[row_of(evolve(before, **left))], ttl=600)
    world.store.release(lease)


async def test_what_arrived_is_found() -> None:
    """An upload that arrived is delivered, with Zenvoices' number, and not sent again."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    report = await connection.export_new()
    assert (report.recovered, report.exported) == (1, 0)
    assert world.delivery(document).inbox_id == world.zenvoices.inbox[-1].id
    assert set(world.sent.values()) == {1}


async def test_absence_is_believed_on_the_second_answer_ten_minutes_later() -> None:
    """Until then it stays ``sending``; then it is charged, and later sent under the same id."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    external_id = world.delivery(document).external_id
    for _ in range(3):
        report = await connection.export_new()
        assert (world.states[document], report.in_doubt) == ("sending", 1)
        world.clock.pass_(3 * MINUTE)
    world.clock.pass_(2 * MINUTE)
    assert (await connection.export_new()).waiting == 1
    assert (world.delivery(document).attempts, world.delivery(document).suspect) == (1, True)
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1
    assert world.zenvoices.inbox[-1].external_id == external_id


async def test_intent_whose_end_nobody_saw_is_sent_again_uncharged() -> None:
    """Where our own process died, the document is not at fault: it is sent at once."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    crashed(world, document, intended_at=world.clock.now - DAY)
    await connection.export_new()
    world.clock.pass_(10 * MINUTE)
    assert (await connection.export_new()).exported == 1
    assert world.delivery(document).attempts == 0


async def test_upload_that_arrives_late_is_not_repeated() -> None:
    """A document that shows up between the two answers is delivered."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    world.zenvoices.lookup, world.zenvoices.lookup_lag = "lags", 5 * MINUTE
    lease = world.store.acquire(world.key, "test", 600)
    assert lease is not None
    world.store.release(lease)
    world.clock.pass_(MINUTE)
    await connection.export_new()
    assert world.states[document] in ("sending", "uncertain")
    world.clock.pass_(30 * MINUTE)
    await connection.export_new()
    if world.states[document] == "uncertain":
        await connection.settle(document, delivered=True)
    assert set(world.sent.values()) == {1}
    assert world.states[document] == "delivered"


async def test_upload_applied_after_it_was_looked_up_is_not_repeated() -> None:
    """Where the service is slower than our patience, one look-up that finds nothing is no proof."""
    world, slow, applied = AsyncWorld(), threading.Event(), threading.Event()
    world.zenvoices.sleep = lambda _: slow.wait(60)
    with world.zenvoices.serve() as served:
        zenvoices = AsyncZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            base_url=served.url,
            timeout=2.0,
        )
        connection = AsyncConnection(
            AsyncBanqupClient(
                ClientCredentials("demo-app", "demo-secret"),
                Environment.UAT_EU,
                transport=world.banqup.transport(),
                storage_transport=world.banqup.transport(),
            ),
            zenvoices,
            space_id=SPACE,
            company_code=COMPANY,
            checkpoints=world.store,
            clock=world.clock,
        )
        await connection.activate()
        world.one()
        await connection.export_new()
        document = world.one()
        world.zenvoices.faults.add("inbox.upload", nth=1, action=Fault.delay(60))
        report = await connection.export_new()
        assert (report.in_doubt, world.states[document]) == (1, "sending")
        assert world.delivery(document).absent_at is not None
        assert len(world.zenvoices.inbox) == 1
        world.zenvoices.refuse_when(lambda _: applied.set())
        slow.set()
        assert applied.wait(10)
        assert len(world.zenvoices.inbox) == 2
        world.clock.pass_(HOUR)
        assert (await connection.export_new()).recovered == 1
        await zenvoices.aclose()
    assert set(world.sent.values()) == {1}
    assert world.states[document] == "delivered"


async def test_without_the_servers_time_absence_is_never_believed() -> None:
    """Where answers have no Date, what cannot be found stays ``sending``."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    world.zenvoices.date_header = False
    for _ in range(4):
        world.clock.pass_(HOUR)
        await connection.export_new()
        assert world.states[document] == "sending"
    world.zenvoices.date_header = True
    for _ in range(2):
        await connection.export_new()
        world.clock.pass_(11 * MINUTE)
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.states[document] == "delivered"


async def test_our_clock_does_not_shorten_the_ten_minutes() -> None:
    """Only the server's Date counts between the two answers."""
    world = AsyncWorld()
    ours = [world.clock.now]
    connection = await active(world, clock=lambda: ours[0])
    document = await in_doubt(world, connection, applied=False)
    for _ in range(5):
        ours[0] += DAY
        await connection.export_new()
        assert world.states[document] == "sending"


async def test_next_delivery_is_the_first_control() -> None:
    """With nothing to test look-ups with, a document stays in doubt, named, until others went."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    report = await connection.export_new()
    assert (world.states[document], report.in_doubt) == ("sending", 1)
    world.one()
    report = await connection.export_new()
    # Looked up again once the other one was delivered, and read back.
    assert (report.exported, world.delivery(document).absent_at is not None) == (1, True)
    world.clock.pass_(10 * MINUTE)
    await connection.export_new()
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1
    assert set(world.sent.values()) == {1}


async def test_answers_before_there_was_a_control_do_not_count() -> None:
    """Two answers that nothing could test, hours apart, are none of the two that are needed."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    for _ in range(3):
        world.clock.pass_(HOUR)
        await connection.export_new()
        assert world.delivery(document).absent_at is None
    world.one()
    await connection.export_new()
    assert world.states[document] == "sending"


async def test_control_under_another_number_does_not_count() -> None:
    """A delivery to the company's new number says nothing of look-ups under the old one."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    world.zenvoices.relink_company(world.company)
    still_answers(world)
    for _ in range(3):
        world.one()
        assert (await connection.export_new()).exported == 1
        assert (world.states[document], world.delivery(document).absent_at) == ("sending", None)
        world.clock.pass_(HOUR)


async def test_without_a_control_for_a_day_it_is_held() -> None:
    """After 24 hours by Zenvoices' time it is uncertain; a later control still decides it."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    await connection.export_new()
    world.clock.pass_(DAY - 1)
    assert (await connection.export_new()).in_doubt == 1
    world.clock.pass_(1)
    report = await connection.export_new()
    assert (world.states[document], report.uncertain, report.in_doubt) == ("uncertain", 1, 0)
    assert "test look-ups" in report.deliveries[0].reason
    status = await connection.status()
    assert [row.document_id for row in status.attention] == [document]
    world.one()
    await connection.export_new()
    for _ in range(2):
        world.clock.pass_(10 * MINUTE)
        await connection.export_new()
    assert (world.states[document], world.delivery(document).attempts) == ("waiting", 1)
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1
    assert set(world.sent.values()) == {1}


async def test_uncertain_document_that_is_found_later_is_delivered() -> None:
    """It is looked up in every run, and being found is always believed."""
    world = AsyncWorld()
    world.zenvoices.lookup = "missing"
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    await connection.export_new()
    assert world.states[document] == "uncertain"
    external_id = world.delivery(document).external_id
    world.zenvoices.lookup = "works"
    await connection.export_new()
    assert world.states[document] == "uncertain"  # one answer that does not find it proves nothing
    await connection._zenvoices.inbox.upload(
        _upload(), company_id=world.company, external_id=external_id
    )
    report = await connection.export_new()
    assert (world.states[document], report.recovered) == ("delivered", 1)


async def test_at_most_fifty_uncertain_documents_are_looked_up_in_a_run() -> None:
    """All of them stay named, and the next run begins with those that were left out."""
    world = AsyncWorld()
    connection = await active(world)
    names = [f"held-{number:02}" for number in range(52)]
    held = [Delivery(name, "uncertain", external_id=f"bq-{name}-0") for name in names]
    lease = world.store.acquire(world.key, "test", 600)
    assert lease is not None
    world.store.commit(lease, rows=[row_of(one) for one in held], ttl=600)
    world.store.release(lease)
    asked: list[str] = []

    def note(request: Any) -> None:
        if request.operation == "inbox.details":
            asked.append(request.query["externalId"])

    world.zenvoices.on_request = note
    for first in (0, 50):
        asked.clear()
        report = await connection.export_new()
        expected = [*held[first:], *held][:50]
        assert asked == [one.external_id for one in expected]
        assert {row.document_id for row in report.deliveries} == set(names)


@pytest.mark.parametrize("nth", [1, 2], ids=["the document", "the control"])
@pytest.mark.parametrize("answer", [Fault.html(), Fault.status(400)], ids=["page", "refusal"])
async def test_foreign_answer_holds_until_look_ups_work_again(nth: int, answer: Fault) -> None:
    """It decides nothing; two clear answers, 10 minutes apart, decide afterwards."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    world.zenvoices.faults.add("inbox.details", action=answer, nth=nth)
    world.zenvoices.faults.add("inbox.list", action=answer)
    await connection.export_new()
    assert (world.states[document], world.delivery(document).in_doubt) == ("uncertain", True)
    world.zenvoices.faults.clear()
    for _ in range(2):
        await connection.export_new()
        assert world.states[document] == "uncertain"
        world.clock.pass_(10 * MINUTE - 1)
    world.clock.pass_(1)
    await connection.export_new()
    assert (world.states[document], world.delivery(document).attempts) == ("waiting", 1)
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1
    assert set(world.sent.values()) == {1}


async def test_held_document_that_another_worker_may_be_sending_is_waited_for() -> None:
    """A document is not missing as long as the worker that began its upload may be at work."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    world.zenvoices.faults.add("inbox.details", action=Fault.html(), nth=1)
    crashed(world, document, state="sending")
    await connection.export_new()
    assert world.states[document] == "uncertain"
    await connection.export_new()
    assert world.delivery(document).absent_at is None
    world.clock.pass_(connection._zenvoices.deadline + MARGIN)
    await connection.export_new()
    assert world.delivery(document).absent_at is not None


async def test_held_by_look_first_is_not_sent_again_by_a_look_up() -> None:
    """A lost checkpoint may have had it under another id: only a person may say it is missing."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.lookup = "missing"
    document = world.one()
    await connection.export_new(look_first=True)
    world.zenvoices.lookup = "works"
    for _ in range(4):
        world.clock.pass_(10 * MINUTE)
        await connection.export_new()
    assert (world.states[document], world.sent.get(document, 0)) == ("uncertain", 0)


async def test_settle_says_of_a_held_document_that_it_is_missing() -> None:
    """A person's word sends it again."""
    world = AsyncWorld()
    world.zenvoices.lookup = "missing"
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    await connection.export_new()
    settled = await connection.settle(document, delivered=False)
    assert settled.state == "waiting"
    assert (await connection.export_new()).exported == 1


async def test_anybodys_document_serves_as_the_first_control() -> None:
    """Where nothing was delivered yet, a document that has an external id tests the look-up."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    other = world.connect()
    await other._zenvoices.inbox.upload(
        _upload(), company_id=world.company, external_id="somebody-else-1"
    )
    await connection.export_new()
    assert world.states[document] == "sending"
    world.clock.pass_(11 * MINUTE)
    await connection.export_new()
    assert world.states[document] == "waiting"
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.states[document] == "delivered"
    assert set(world.sent.values()) == {1}


def _upload() -> Any:
    from zenvoices_client import Attachment, InboxUpload

    return InboxUpload(attachments=(Attachment("other.xml", b"<Invoice/>"),))


async def test_control_of_ones_own_is_not_replaced_by_anybodys() -> None:
    """Where known deliveries are no longer found, the look-up is not believed."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    world.zenvoices.remove(world.zenvoices.inbox[0].id)
    await connection._zenvoices.inbox.upload(
        _upload(), company_id=world.company, external_id="somebody-else-1"
    )
    await connection.export_new()
    assert world.states[document] == "uncertain"


@pytest.mark.parametrize("lookup", ["missing", "ignores_external_id"])
@pytest.mark.parametrize("applied", [True, False])
async def test_lookup_that_decides_nothing_holds(lookup: Any, applied: bool) -> None:
    """Without a look-up that works, nothing in doubt is sent again; the list may show it."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.lookup = lookup
    document = await in_doubt(world, connection, applied=applied)
    for _ in range(3):
        await connection.export_new()
        world.clock.pass_(HOUR)
    assert world.states[document] == ("delivered" if applied else "uncertain")
    assert set(world.sent.values()) == {1}


async def test_lookup_that_lags_holds() -> None:
    """Where the first delivery is not shown at once, what is in doubt is held, never repeated."""
    world = AsyncWorld()
    world.zenvoices.lookup, world.zenvoices.lookup_lag = "lags", 2 * HOUR
    connection = await active(world)
    world.one()
    report = await connection.export_new()
    assert any("held for a person" in note for note in report.notes)
    text = world.store.head(world.key) or ""
    assert head_of(text, connection._binding).lookups_lag is True
    world.clock.pass_(3 * HOUR)  # by now the first one can be found
    document = await in_doubt(world, connection, applied=True, known=False)
    for _ in range(2):
        await connection.export_new()
        world.clock.pass_(15 * MINUTE)
    assert world.states[document] == "uncertain"
    assert set(world.sent.values()) == {1}


async def test_first_delivery_is_read_back_once_a_run() -> None:
    """One look-up tells whether look-ups can be relied on."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(5)
    await connection.export_new()
    assert world.calls("inbox.details") == 1
    text = world.store.head(world.key) or ""
    assert head_of(text, connection._binding).lookups_lag is False


async def test_on_uncertain_resend() -> None:
    """Whoever prefers a duplicate to a gap has it sent again, looked up first."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.lookup = "missing"
    document = await in_doubt(world, connection, applied=False, known=False)
    await connection.export_new()
    assert world.states[document] == "uncertain"
    report = await world.connect(on_uncertain="resend").export_new()
    assert (report.exported, world.states[document]) == (1, "delivered")
    assert set(world.sent.values()) == {1}


async def test_outage_during_recovery_leaves_it_sending() -> None:
    """A look-up that could not be made decides nothing, and holds up nobody else."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    world.one()
    line = world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
    report = await connection.export_new()
    assert line.fired
    assert (world.states[document], report.exported, report.in_doubt) == ("sending", 1, 1)
    assert any("look-up could not be made" in note for note in report.notes)
    world.zenvoices.faults.clear()
    report = await connection.export_new()
    assert (report.recovered, world.states[document]) == (1, "delivered")
    assert set(world.sent.values()) == {1}


async def test_unreachable_service_during_recovery_is_raised() -> None:
    """With no connection at all the run ends, and what was in doubt stays as it is."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    hosts, world.zenvoices.hosts = world.zenvoices.hosts, frozenset()
    with pytest.raises(UnreachableError):
        await connection.export_new()
    assert world.states[document] == "sending"
    world.zenvoices.hosts = hosts
    await connection.export_new()
    assert world.states[document] == "delivered"


async def test_refused_look_up_never_ends_the_run_alone() -> None:
    """Without the right to look nothing is decided, and it stays in doubt."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    world.zenvoices.user.rights = {"companies"}
    report = await connection.export_new()
    assert (report.ok, report.in_doubt, world.states[document]) == (True, 1, "sending")
    assert any("not permitted" in note for note in report.notes)


async def test_sender_that_may_still_be_at_work_is_waited_for() -> None:
    """After a crash, absence counts only once the upload's deadline and a margin have passed."""
    world = AsyncWorld()
    connection = await active(world, deadline=300.0)
    document = await in_doubt(world, connection, applied=False)
    crashed(world, document)
    await connection.export_new()
    assert world.delivery(document).absent_at is None
    world.clock.pass_(359)
    await connection.export_new()
    assert world.delivery(document).absent_at is None
    world.clock.pass_(1)
    await connection.export_new()
    assert world.delivery(document).absent_at is not None
    world.clock.pass_(600)
    await connection.export_new()
    assert world.states[document] == "delivered"


async def test_intent_from_the_future_is_not_waited_for() -> None:
    """A clock that was set back does not hold a document until the clock catches up."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False)
    crashed(world, document, intended_at=world.clock.now + 1000 * DAY)
    await connection.export_new()
    world.clock.pass_(11 * MINUTE)
    await connection.export_new()
    assert world.states[document] == "delivered"


async def test_expired_lease_is_taken_over() -> None:
    """A worker that died holding the connection blocks it until its lease ends, not longer."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    assert world.store.acquire(world.key, "the dead", 600) is not None
    with pytest.raises(ServiceError, match="another worker"):
        await connection.export_new()
    world.clock.pass_(601)
    await connection.export_new()
    assert world.states[document] == "delivered"


@pytest.mark.parametrize("visible", [True, False, None])
async def test_relinked_company_is_looked_up_under_its_old_number(visible: bool | None) -> None:
    """What was sent to the old number is found there; where that is closed, it is held."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    new = world.zenvoices.relink_company(world.company)
    if visible is not None:
        still_answers(world, visible=visible)
    fresh = world.one()
    report = await connection.export_new()
    assert world.states[document] == ("delivered" if visible else "uncertain")
    assert (report.exported, world.delivery(fresh).company_id) == (1, new)
    assert set(world.sent.values()) == {1}


async def test_resend_is_preceded_by_a_look_up_of_its_own_id() -> None:
    """A resend that had arrived, after a store was restored, is found and not repeated."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    await connection.export_new()
    await connection.resend([document])
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    await connection.export_new()
    assert len(world.zenvoices.inbox) == 2
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    report = await connection.export_new()
    assert (report.exported, report.recovered) == (0, 1)
    assert len(world.zenvoices.inbox) == 2


async def test_restored_backup_with_look_first() -> None:
    """What was sent since the backup is found before it would be sent again."""
    world = AsyncWorld()
    connection = await active(world)
    first = world.one()
    await connection.export_new()
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    world.publish(7)
    await connection.export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    new = world.one()
    report = await connection.export_new(look_first=True)
    assert (report.exported, report.recovered) == (1, 7)
    assert set(world.sent.values()) == {1}
    assert {world.states[first], world.states[new]} == {"delivered"}
    assert counted((await connection.status()).counts) == world.counts


async def test_looking_first_goes_on_for_what_is_older() -> None:
    """A run that looks first and does not come to everything leaves that to the next ones."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    world.publish(5)
    await connection.export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    report = await connection.export_new(look_first=True, limit=2)
    assert (report.exported, report.recovered) == (0, 2)
    world.clock.pass_(2 * DAY)
    world.publish(2)
    looked = world.calls("inbox.details")
    report = await connection.export_new()
    assert (report.exported, report.recovered) == (2, 3)
    # Three that are older, and the first delivery of the run: nothing that came later.
    assert world.calls("inbox.details") == looked + 4
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize("service", ["banqup", "zenvoices", "nobody"])
async def test_looking_first_goes_on_after_a_run_that_listed_nothing(service: str) -> None:
    """A run that looks first and stops before Banqup's first page leaves all to the next ones."""
    world = AsyncWorld()
    await active(world)
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    world.publish(3)
    await world.connect().export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    if service == "nobody":
        assert (await world.connect().export_new(look_first=True, deadline=1e-9)).stopped
    else:
        down = {"banqup": "documents.list", "zenvoices": "companies.list"}[service]
        getattr(world, service).faults.add(down, action=Fault.status(503))
        with pytest.raises(UnavailableError):
            await world.connect().export_new(look_first=True)
        getattr(world, service).faults.clear()
    report = await world.connect().export_new()
    assert (report.exported, report.recovered) == (0, 3)
    world.clock.pass_(2 * DAY)
    world.one()
    looked = world.calls("inbox.details")
    assert (await world.connect().export_new()).exported == 1
    assert world.calls("inbox.details") == looked + 1  # the first delivery of the run


@pytest.mark.parametrize("created", [None, "2099-01-01T00:00:00Z", "ahead", "no date"])
async def test_looking_first_goes_on_where_times_cannot_be_compared(created: str | None) -> None:
    """A document without a credible time, or a Banqup that tells none, is looked up later too."""
    world = AsyncWorld()
    await active(world)
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    extra: dict[str, Any] = {"createdAt": ... if created is None else created}
    if created == "ahead":
        local = datetime.fromtimestamp(world.clock.now, timezone(timedelta(hours=2)))
        extra = {"createdAt": local.replace(tzinfo=None).isoformat()}
    elif created == "no date":
        world.banqup.date_header = False
        extra = {}
    world.publish(4, extra=extra)
    await world.connect().export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    await world.connect().export_new(look_first=True, limit=1)
    world.clock.pass_(60)
    report = await world.connect().export_new()
    assert (report.exported, report.recovered) == (0, 3)
    assert set(world.sent.values()) == {1}


async def test_what_a_person_did_not_find_is_sent_after_a_restored_backup() -> None:
    """Held because nobody could tell, settled as not there, and not held again."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.lookup = "missing"
    document = world.one()
    report = await connection.export_new(look_first=True)
    assert (report.exported, report.uncertain) == (0, 1)
    await connection.settle(document, delivered=False)
    assert (await connection.export_new()).exported == 1
    assert world.states[document] == "delivered"


@pytest.mark.parametrize("anew", [False, True], ids=["same number", "linked anew"])
async def test_a_wish_carried_out_after_the_backup_is_found(anew: bool) -> None:
    """What resend() asked for before the backup, and was sent after it, is not sent once more."""
    world = AsyncWorld()
    before = world.one()
    connection = await active(world)
    delivered = world.one()
    await connection.export_new()
    await connection.resend([before, delivered])
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    assert (await connection.export_new()).exported == 2
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    if anew:
        world.zenvoices.relink_company(world.company)
        still_answers(world)
    stopped = await world.connect().export_new(look_first=True, deadline=1e-9)
    assert (stopped.exported, stopped.recovered) == (0, 0)
    report = await world.connect().export_new()
    assert (report.exported, report.recovered) == (0, 2)
    assert set(world.sent.values()) == {1}


async def test_what_is_to_be_sent_again_as_configured_is_not_held_for_ever() -> None:
    """Held once after a restored backup, and sent by the next run, as ``on_uncertain`` says."""
    world = AsyncWorld()
    connection = await active(world, on_uncertain="resend")
    world.zenvoices.lookup = "missing"
    document = world.one()
    assert (await connection.export_new(look_first=True)).uncertain == 1
    assert (await connection.export_new()).exported == 1
    assert world.states[document] == "delivered"


@pytest.mark.parametrize("visible", [True, False, None])
async def test_restored_backup_of_a_company_linked_anew(visible: bool | None) -> None:
    """What went under the old number is found there; where that is closed, it is held."""
    world = AsyncWorld()
    connection = await active(world)
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    sent = world.one()
    await connection.export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    world.zenvoices.relink_company(world.company)
    if visible is not None:
        still_answers(world, visible=visible)
    report = await connection.export_new(look_first=True)
    assert (report.exported, world.states[sent]) == (0, "delivered" if visible else "uncertain")
    assert visible or f"old number {world.company}" in world.delivery(sent).reason
    world.clock.pass_(2 * DAY)
    fresh = world.one()
    assert (await connection.export_new()).exported == 1
    assert world.states[fresh] == "delivered"
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize("lookup", ["missing", "ignores_external_id"])
async def test_look_first_without_a_look_up_that_works_holds(lookup: Any) -> None:
    """After a restored backup nothing is sent that cannot be looked up."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.lookup = lookup
    world.one()
    await connection.export_new()
    world.publish(2)
    report = await connection.export_new(look_first=True)
    assert (report.exported, report.uncertain) == (0, 2)


async def test_look_first_with_a_look_up_that_finds_nothing_holds() -> None:
    """A look-up that does not find a known delivery proves no absence."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.lookup, world.zenvoices.lookup_lag = "lags", 100 * DAY
    world.publish(2)
    report = await connection.export_new(look_first=True)
    assert (report.exported, report.uncertain) == (0, 2)


async def test_look_first_into_an_empty_inbox_sends() -> None:
    """Where there is nothing in the inbox, nothing can have been sent before."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    assert (await connection.export_new(look_first=True)).exported == 3


async def test_deleted_document_is_not_sent_again() -> None:
    """What Zenvoices' users delete after it was delivered stays deleted."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.remove(world.zenvoices.inbox[0].id)
    world.clock.pass_(2 * DAY)
    assert (await connection.export_new()).exported == 0


async def test_head_of_another_connection_is_refused() -> None:
    """A store whose head was made for another company is not used."""
    world = AsyncWorld()
    connection = await active(world)
    text = world.store.head(world.key) or ""
    head = head_of(text, connection._binding)
    other = {**connection._binding, "company": "0099"}
    world.store._records[world.key].head = head_text(evolve(head, binding=other))
    with pytest.raises(ServiceError, match="another connection"):
        await connection.export_new()


async def test_wrong_lease_is_refused() -> None:
    """A lease shorter than two uploads is no lease."""
    world = AsyncWorld()
    with pytest.raises(ConfigurationError, match="lease_ttl"):
        world.connect(deadline=301.0)


async def relinked(world: AsyncWorld, *, sent: bool, known: bool) -> str:
    """A restored store of a company linked anew whose old number can still be asked about."""
    connection = await active(world)
    if known:
        world.one()
        await connection.export_new()
    shelf = world.store._records[world.key]
    backup = (shelf.head, dict(shelf.rows))
    document = world.one()
    if sent:
        await connection.export_new()
    shelf.head, shelf.rows = backup[0], dict(backup[1])
    world.zenvoices.relink_company(world.company)
    still_answers(world)
    return document


@pytest.mark.parametrize(
    ("sent", "known", "state"),
    [
        (True, False, "delivered"),
        (True, True, "delivered"),
        (False, True, "delivered"),
        (False, False, "uncertain"),
    ],
)
async def test_look_first_asks_under_the_companys_old_number(
    sent: bool, known: bool, state: str
) -> None:
    """What is there is found; what is not is sent where the old number shows what it has."""
    world = AsyncWorld()
    document = await relinked(world, sent=sent, known=known)
    report = await world.connect().export_new(look_first=True)
    assert world.states[document] == state
    assert (report.recovered, report.exported) == (int(sent), int(known and not sent))
    assert set(world.sent.values()) <= {1}


@pytest.mark.parametrize("fill", [1, 1001])
async def test_documents_without_an_external_id_test_no_look_up(fill: int) -> None:
    """Nothing in the inbox can be looked up, so nobody can say what is not there."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=False, known=False)
    await connection._zenvoices.inbox.upload(_upload(), company_id=world.company)
    (item,) = world.zenvoices.inbox
    for number in range(fill):
        world.zenvoices._inbox[number] = evolve(item, id=number)
    pages = world.calls("inbox.list")
    before = world.delivery(document).reason
    await connection.export_new()
    assert (world.states[document], world.delivery(document).reason) == (
        "sending",
        before,
    )
    # However many there are, a few pages are looked at.
    assert world.calls("inbox.list") == pages + (1 if fill == 1 else 4)


async def test_look_ups_that_fail_in_a_row_are_not_gone_on_with() -> None:
    """After three of them the others stay as they are, named, until the next run."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
    for _ in range(2):
        world.publish(3)
        broken = Fault.drop()
        world.zenvoices.faults.add("inbox.upload", action=broken, nth=2, times=2, when="after")
        await connection.export_new()
    doubts = {name for name, state in world.states.items() if state == "sending"}
    assert len(doubts) == 4
    looked = world.calls("inbox.details")
    report = await connection.export_new()
    assert world.calls("inbox.details") == looked + 3
    assert {row.document_id for row in report.deliveries if row.state == "sending"} == doubts
    world.zenvoices.faults.clear()
    assert (await connection.export_new()).recovered == 4
    assert set(world.sent.values()) == {1}


async def test_service_that_goes_away_before_a_look_up_is_raised() -> None:
    """The company could still be asked for, and nothing after it: the run ends."""
    world = AsyncWorld()
    connection = await active(world)
    document = await in_doubt(world, connection, applied=True)
    hosts = world.zenvoices.hosts

    def gone(request: Any) -> None:
        if request.operation == "companies.list":
            world.zenvoices.hosts = frozenset()

    world.zenvoices.on_request = gone
    with pytest.raises(UnreachableError):
        await connection.export_new()
    assert world.states[document] == "sending"
    world.zenvoices.on_request, world.zenvoices.hosts = None, hosts
    await connection.export_new()
    assert world.states[document] == "delivered"


async def test_doubt_that_has_not_arrived_yet_stays_in_doubt() -> None:
    """The look at the end of a run believes only what it finds."""
    world = AsyncWorld()
    connection = await active(world)
    documents = world.publish(2)
    world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), nth=2)
    report = await connection.export_new()
    assert (report.exported, report.recovered, report.in_doubt) == (1, 0, 1)
    assert sorted(world.states[name] for name in documents) == ["delivered", "sending"]


async def test_after_the_deadline_no_doubt_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is out of time leaves what is in doubt to the next one."""
    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.publish(2)
    jump = [0.0]
    real = _clock.monotonic
    monkeypatch.setattr(_clock, "monotonic", lambda: real() + jump[0])

    def slow(item: Any) -> None:
        if world.zenvoices.inbox:
            jump[0] = 100.0

    world.zenvoices.refuse_when(slow)
    world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), nth=2, when="after")
    world.zenvoices.faults.add("inbox.details", action=Fault.status(503), nth=2)
    looked = world.calls("inbox.details")
    report = await connection.export_new(deadline=60)
    assert (report.exported, report.in_doubt) == (1, 1)
    assert world.calls("inbox.details") == looked + 2  # the first delivery, and the doubt at once
    assert (await connection.export_new()).recovered == 1
    assert set(world.sent.values()) == {1}
