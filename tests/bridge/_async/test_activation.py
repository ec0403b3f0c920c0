"""Activation: from which documents count, and which stay where they are."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from typing import Any

import pytest

from banqup_client import AskedDocuments, Call
from banqup_client.testing import Fault
from bridge import (
    BusyError,
    ConfigurationError,
    MemoryCheckpoints,
    NotActivatedError,
    ServiceError,
    StoreError,
    Wait,
    default_exportable,
)
from support.bridge_world import HOUR, SPACE, AsyncWorld, counted
from zenvoices_client import ProtocolError

pytestmark = pytest.mark.anyio


class Drift:
    """Changes the space behind the back of a listing: before the n-th request for a page."""

    def __init__(self, world: AsyncWorld, changes: dict[int, Any]) -> None:
        self._changes = changes
        self._pages = 0
        world.banqup.on_request = self

    def __call__(self, request: Any) -> None:
        if request.operation == "documents.list" and request.query.get("size") != "1":
            self._pages += 1
            if self._pages in self._changes:
                self._changes.pop(self._pages)()


async def test_every_document_is_stored_with_its_status() -> None:
    """Exportable ones are the baseline; the others wait, each with the status it had."""
    world = AsyncWorld()
    old = world.publish(120) + world.publish(3, "VALIDATED", folder="SALES")
    draft = world.one("AWAITING_VALIDATION")
    odd = world.one("APROVED")
    order = world.one(category="PURCHASE_ORDER")
    activation = await world.connect().activate()
    assert activation.new
    assert (activation.baseline, activation.waiting) == (123, 2)
    assert [row.document_id for row in activation.skipped] == [order]
    assert activation.company_id == world.company
    assert {world.states[document] for document in old} == {"baseline"}
    assert world.delivery(old[0]).status_at_activation == "FULLY_APPROVED"
    assert world.delivery(odd).status_at_activation == "APROVED"
    assert (world.states[draft], world.states[odd], world.states[order]) == (
        "waiting",
        "waiting",
        "skipped",
    )


@pytest.mark.parametrize("how", ["another name", "an odd id", "no object", "operations="])
async def test_activation_that_cannot_remember_everything_is_refused(how: str) -> None:
    """Entries without a usable id would look new later, so nothing becomes active before."""
    world = AsyncWorld()
    world.one()
    body = world.banqup._documents[world.one(folder="SALES")].body
    right = dict(body)
    if how == "an odd id":
        body["id"] = "../x"
    elif how == "another name":
        body["documentId"] = body.pop("id")
    elif how == "no object":
        answer = Fault.status(200, {"documents": ["?"], "total": 1})
        world.banqup.faults.add("documents.list", action=answer, nth=3)

    def listed(asked: AskedDocuments) -> Generator[Call, Any, Any]:
        answer = yield asked.default
        for row in answer["documents"]:
            row["id"] = None if row["folder"] == "SALES" else row["id"]
        return answer

    own = {"documents.list": listed} if how == "operations=" else None
    connection = world.connect(functions=own)
    with pytest.raises(ProtocolError, match="1 entry of SALES has no usable id or is") as caught:
        await connection.activate()
    assert "contract=" in (caught.value.hint or "")
    assert not (await connection.status()).active
    with pytest.raises(NotActivatedError):
        await connection.export_new()
    body.update(right)
    activation = await world.connect().activate()
    assert (activation.new, activation.baseline) == (True, 2)


async def test_entries_of_another_space_are_no_part_of_this_one() -> None:
    """Activation refuses them, and a run passes them over; capitals make no other space."""
    world = AsyncWorld()
    other = world.banqup.add_space(name="Other BV")
    world.one(extra={"spaceId": SPACE.upper()})
    world.one(extra={"spaceId": ...})
    body = world.banqup._documents[world.one()].body
    body["spaceId"] = other
    connection = world.connect()
    with pytest.raises(ProtocolError, match=r"1 entry of PURCHASES has .* or is of another space"):
        await connection.activate()
    body["spaceId"] = SPACE
    assert (await connection.activate()).baseline == 3
    world.one(extra={"spaceId": other})
    mine = world.one(extra={"spaceId": SPACE.upper()})
    report = await connection.export_new()
    assert (report.listed, report.exported) == (4, 1)
    (note,) = report.notes
    assert note.startswith("1 entry of Banqup's lists was passed over")
    assert world.states[mine] == "delivered"
    assert len(world.rows) == 4


async def test_nothing_from_before_activation_is_exported() -> None:
    """The baseline stays where it is for good, whatever becomes of it later."""
    world = AsyncWorld()
    old = world.publish(3)
    connection = world.connect()
    await connection.activate()
    world.banqup.set_status(old[0], "DISPUTED")
    await connection.export_new()
    world.banqup.set_status(old[0], "FULLY_APPROVED")
    world.clock.pass_(25 * HOUR)
    report = await connection.export_new()
    assert (report.exported, world.zenvoices.inbox) == (0, [])


async def test_document_approved_after_activation_is_exported() -> None:
    """A document that was there counts once its status has changed and is exportable."""
    world = AsyncWorld()
    draft = world.one("AWAITING_VALIDATION")
    connection = world.connect()
    await connection.activate()
    world.banqup.set_status(draft, "PARTIALLY_APPROVED")
    assert (await connection.export_new()).exported == 0
    world.banqup.set_status(draft, "FULLY_APPROVED")
    assert (await connection.export_new()).exported == 1
    assert world.states[draft] == "delivered"


async def test_misspelled_status_never_floods() -> None:
    """A word allowed after activation exports what gets it from then on, not what had it."""
    world = AsyncWorld()
    world.publish(5, "APROVED")
    await world.connect().activate()

    def rule(document: Any) -> Any:
        return document.status.document == "APROVED" or default_exportable(document)

    world.clock.pass_(25 * HOUR)
    connection = world.connect(exportable=rule)
    assert (await connection.export_new()).exported == 0
    world.one("APROVED")
    assert (await connection.export_new()).exported == 1


async def test_passes_go_on_until_two_agree() -> None:
    """A document whose status changes between the passes counts from what was seen first."""
    world = AsyncWorld()
    draft = world.one("AWAITING_VALIDATION")
    Drift(world, {3: lambda: world.banqup.set_status(draft, "FULLY_APPROVED")})
    connection = world.connect()
    await connection.activate()
    assert world.calls("documents.list") == 1 + 3 * 2
    assert world.delivery(draft).status_at_activation == "AWAITING_VALIDATION"
    assert (await connection.export_new()).exported == 1


async def test_space_that_never_rests_is_not_activated() -> None:
    """Where no two passes agree, nothing is active."""
    world = AsyncWorld()
    connection = world.connect()
    document = world.one("DRAFT")
    names = iter(f"STATUS_{number}" for number in range(100))
    world.banqup.on_request = lambda _: world.banqup.set_status(document, next(names))
    with pytest.raises(ServiceError, match="changed in each of"):
        await connection.activate()
    world.banqup.on_request = None
    with pytest.raises(NotActivatedError):
        await connection.export_new()


async def test_young_document_between_the_passes_is_new() -> None:
    """A document the server calls younger than the first answer is exported."""
    world = AsyncWorld()
    world.publish(2)

    def publish() -> None:
        world.clock.pass_(5)
        world.one()

    Drift(world, {3: publish})
    connection = world.connect()
    activation = await connection.activate()
    assert (activation.baseline, len(activation.skipped)) == (2, 0)
    assert (await connection.export_new()).exported == 1


async def test_old_document_between_the_passes_is_skipped_and_named() -> None:
    """A document that only the second pass shows, and that is not younger, is left and listed."""
    world = AsyncWorld()
    world.publish(2)
    made: list[str] = []
    Drift(world, {3: lambda: made.append(world.one(created_at=world.clock.now - 90))})
    connection = world.connect()
    activation = await connection.activate()
    assert [row.document_id for row in activation.skipped] == made
    assert activation.skipped[0].reason == "appeared during activation"
    assert (await connection.export_new()).exported == 0
    assert (await connection.resend(made))[0].accepted
    assert (await connection.export_new()).exported == 1


async def test_without_the_servers_time_no_document_is_young() -> None:
    """Where answers have no Date, what appears between the passes is skipped and named."""
    world = AsyncWorld()
    world.banqup.date_header = False
    Drift(world, {3: world.one})
    connection = world.connect()
    assert len((await connection.activate()).skipped) == 1
    assert (await connection.export_new()).exported == 0


async def test_listing_that_breaks_activates_nothing() -> None:
    """Until the last commit nothing is active; doing it again begins anew."""
    world = AsyncWorld()
    world.publish(60)
    connection = world.connect()
    world.banqup.faults.add("documents.list", action=Fault.status(500), nth=4)
    with pytest.raises(ServiceError):
        await connection.activate()
    assert not (await connection.status()).active
    with pytest.raises(NotActivatedError):
        await connection.export_new()
    late = world.one()
    assert (await connection.activate()).baseline == 61
    assert world.states[late] == "baseline"


async def test_crash_between_the_commits_is_done_again() -> None:
    """What an activation that ended half-way has stored says nothing to the next one."""
    world = AsyncWorld()
    documents = world.publish(500, "DRAFT")
    connection = world.connect()
    commit, left = world.store.commit, [2]

    def failing(*args: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("the disk is full", service="bridge")
        commit(*args, **options)

    world.store.commit = failing  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await connection.activate()
    world.store.commit = commit  # type: ignore[method-assign]
    assert not (await connection.status()).active
    assert "waiting" in world.states.values()
    for document in documents:
        world.banqup.set_status(document, "FULLY_APPROVED")
    assert (await connection.activate()).baseline == 500
    status = await connection.status()
    assert counted(status.counts) == world.counts == {"baseline": 500}
    assert (await connection.export_new()).exported == 0


async def test_activating_twice_changes_nothing() -> None:
    """On an active connection it says so and leaves everything as it is."""
    world = AsyncWorld()
    world.one()
    connection = world.connect()
    first = await connection.activate()
    new = world.one()
    again = await connection.activate()
    assert (first.new, again.new) == (True, False)
    assert (again.baseline, again.activated_at) == (1, first.activated_at)
    assert new not in world.states
    assert (await connection.export_new()).exported == 1


async def test_space_goes_to_one_company() -> None:
    """A space that is active with one company in a store is refused to another."""
    world = AsyncWorld()
    world.zenvoices.add_company(code="0043")
    first, second = world.connect(), world.connect("0043")
    await first.activate()
    with pytest.raises(ServiceError, match="active with the company '0042'") as caught:
        await second.activate()
    assert "deactivate()" in (caught.value.hint or "")
    await first.deactivate()
    assert (await second.activate()).new
    with pytest.raises(ServiceError, match="active with the company '0043'"):
        await first.activate()


class Reordering(MemoryCheckpoints):
    """A store that gives the members of a JSON text in another order, as a jsonb column does."""

    def head(self, key: str) -> str | None:
        """The head with its members sorted."""
        text = super().head(key)
        return None if text is None else json.dumps(json.loads(text), sort_keys=True)


async def test_space_has_one_company_in_a_store_that_reorders_json() -> None:
    """The company that uses the space is found, however the store writes the record."""
    world = AsyncWorld()
    world.zenvoices.add_company(code="0043")
    store = Reordering(clock=world.clock)
    await world.connect(checkpoints=store).activate()
    with pytest.raises(ServiceError, match="active with the company '0042'"):
        await world.connect("0043", checkpoints=store).activate()


async def test_two_companies_cannot_take_a_space_at_once() -> None:
    """While one activation is under way, another company's is refused."""
    world = AsyncWorld()
    world.zenvoices.add_company(code="0043")
    second = world.connect("0043")
    key = f"space {second._binding['banqup']} {SPACE}"
    assert world.store.acquire(key, "somebody", 600) is not None
    with pytest.raises(BusyError):
        await second.activate()
    assert not (await second.status()).active


async def test_space_id_is_one_however_it_is_typed() -> None:
    """A UUID in capitals is the same connection."""
    world = AsyncWorld()
    await world.connect().activate()
    again = await world.connect(space_id=SPACE.upper()).activate()
    assert not again.new


async def test_export_before_activation_and_after_deactivation() -> None:
    """Without an activation nothing is exported."""
    world = AsyncWorld()
    world.one()
    connection = world.connect()
    with pytest.raises(NotActivatedError):
        await connection.export_new()
    with pytest.raises(NotActivatedError):
        await connection.export_new(dry_run=True)
    with pytest.raises(NotActivatedError):
        await connection.resend(["doc"])
    await connection.activate()
    await connection.deactivate()
    with pytest.raises(NotActivatedError):
        await connection.export_new()
    assert world.zenvoices.inbox == []


async def test_reactivation_leaves_what_was_attempted() -> None:
    """A refused document keeps its attempts and is sent after all; a delivered one stays so."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    good, bad = world.one(), world.one()
    refused = {"F0002.xml"}
    world.zenvoices.refuse_when(
        lambda item: "no" if item.attachments[0].file_name in refused else None
    )
    await connection.export_new()
    assert (world.states[good], world.delivery(bad).attempts) == ("delivered", 1)
    await connection.deactivate()
    await connection.activate()
    assert (world.states[good], world.delivery(bad).attempts) == ("delivered", 1)
    world.zenvoices.refuse_when(None)
    world.clock.pass_(2 * HOUR)
    assert (await connection.export_new()).exported == 1


async def test_approved_while_inactive_is_skipped_and_named() -> None:
    """What waited and was approved meanwhile is left, counted and listed; what waits on counts."""
    world = AsyncWorld()
    old = world.one("AWAITING_VALIDATION")
    connection = world.connect()
    await connection.activate()
    new, odd, later = world.one("DRAFT"), world.one("APROVED"), world.one("DRAFT")
    await connection.export_new()
    await connection.deactivate()
    for document in (old, new, odd):
        world.banqup.set_status(document, "FULLY_APPROVED")
    unseen = world.one()
    activation = await connection.activate()
    assert {row.document_id for row in activation.skipped} == {old, new, odd}
    assert {row.reason for row in activation.skipped} == {"approved while inactive"}
    assert all(row.label for row in activation.skipped)
    assert world.states[unseen] == "baseline"
    world.banqup.set_status(later, "FULLY_APPROVED")
    report = await connection.export_new()
    assert (report.exported, world.states[later]) == (1, "delivered")
    status = await connection.status()
    assert counted(status.counts) == world.counts


async def test_approved_while_active_is_exported_after_reactivation() -> None:
    """What was exportable before the connection was switched off is not lost by it."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    document = world.one()
    world.banqup.set_file_status(document, 0, "AWAITING_UPLOAD")
    await connection.export_new()
    await connection.deactivate()
    await connection.activate()
    world.banqup.set_file_status(document, 0, "AVAILABLE")
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1


async def test_unknown_status_is_not_client_action() -> None:
    """A rule may say that waiting is nobody's turn; status() keeps the two apart."""
    world = AsyncWorld()
    world.one("DRAFT")
    world.one("APROVED")
    connection = world.connect()
    await connection.activate()
    status = await connection.status()
    assert (status.client_action_needed, status.queued) == (1, 1)
    other = world.connect(exportable=lambda _: Wait("later", client_action=False))
    world.clock.pass_(25 * HOUR)
    assert (await other.export_new()).exported == 0


UNREADABLE: dict[str, Any] = {
    "documents.get": lambda asked: {"key": "other"},
    "files.details": lambda asked: {"name": "F1"},
    "files.download": lambda asked: "https://files.example/f",
    "documents.files": lambda asked: 1 / 0,
}


@pytest.mark.parametrize("operation", UNREADABLE)
async def test_activation_refuses_what_an_export_could_not_read(operation: str) -> None:
    """Before anything counts, so that the correction comes before the first export."""
    world = AsyncWorld()
    world.one()
    connection = world.connect(functions={operation: UNREADABLE[operation]})
    with pytest.raises(ConfigurationError, match=rf"bridge: {operation}") as caught:
        await connection.activate()
    assert caught.value.code == "unreadable"
    assert not (await connection.status()).active
    assert (await world.connect().activate()).baseline == 1


@pytest.mark.parametrize("status", [404, 503, 403, None])
async def test_what_activation_could_not_try_is_a_warning(
    status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A document may be gone, have no file, or a service be busy: it says what that means."""
    world = AsyncWorld()
    if status is None:
        world.one(files=[])
    else:
        world.one()
        world.banqup.faults.add("files.details", action=Fault.status(status, {"title": "No"}))
    with caplog.at_level(logging.WARNING, "bridge"):
        assert (await world.connect().activate()).new
    assert "activate() could not try" in caplog.text
    assert "files.download" in caplog.text
    assert "does not stop the activation: call verify(deep=True) before" in caplog.text


async def test_activation_of_an_empty_space_warns_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is nothing to look at; the result itself says that Banqup listed no document."""
    with caplog.at_level(logging.WARNING, "bridge"):
        activation = await AsyncWorld().connect().activate()
    assert [it for it in caplog.records if it.levelname == "WARNING"] == []
    assert "Banqup listed no document" in str(activation)
