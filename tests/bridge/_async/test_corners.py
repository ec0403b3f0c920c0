"""What happens seldom: odd arguments, files that are gone, services that fail in the middle."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from _client_kit._errors import PermissionDeniedError, StoreError, UnavailableError
from banqup_client.testing import FakeRequest, Fault
from bridge import ServiceError
from support.bridge_world import AsyncWorld
from zenvoices_client import Attachment, ConfigurationError, InboxUpload
from zenvoices_client._fake.service import Company

pytestmark = pytest.mark.anyio


async def active(world: AsyncWorld, **options: Any) -> Any:
    connection = world.connect(**options)
    await connection.activate()
    return connection


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"in_flight": 0}, "in_flight must be a whole number from 1 up"),
        ({"in_flight": -1}, "in_flight must be a whole number from 1 up"),
        ({"on_uncertain": "perhaps"}, "on_uncertain must be"),
        ({"company_code": 42}, "company_code must be a text"),
        ({"company_code": " "}, "company_code must be a text"),
    ],
)
async def test_argument_that_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    """A connection that could not work is not built."""
    with pytest.raises(ConfigurationError, match=said):
        AsyncWorld().connect(**options)


async def test_connection_cannot_be_pickled() -> None:
    """It holds credentials: workers build their own."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(AsyncWorld().connect())


async def test_deactivation_of_what_is_not_active_changes_nothing() -> None:
    """The second one finds nothing to do."""
    world = AsyncWorld()
    connection = await active(world)
    await connection.deactivate()
    before = world.store.head(world.key)
    await connection.deactivate()
    assert world.store.head(world.key) == before


async def test_list_that_does_not_end_is_no_baseline() -> None:
    """Activation needs to have seen everything, or what was missed would count as new."""
    world = AsyncWorld()
    world.one()
    world.banqup.total = 10
    connection = world.connect()
    with pytest.raises(UnavailableError, match="did not end where it said"):
        await connection.activate()
    assert not (await connection.status()).active


async def test_document_whose_id_cannot_be_asked_for_is_passed_over() -> None:
    """Every run goes on without it, and the report counts it."""
    world = AsyncWorld()
    connection = await active(world)
    world.one(id="../x")
    good = world.one()
    report = await connection.export_new()
    assert world.states == {good: "delivered"}
    (note,) = report.notes
    assert note.startswith("1 entry of Banqup's lists was passed over")


async def test_two_failures_are_both_shown_and_the_first_is_raised() -> None:
    """Whoever sets up both services reads everything at once."""
    verification = await AsyncWorld().connect(secret="wrong", password="wrong").verify()
    failed = [check.name for check in verification.failed]
    assert failed == ["banqup login", "zenvoices login"]
    with pytest.raises(ServiceError) as caught:
        verification.raise_for_failure()
    assert caught.value.service == "banqup"


async def test_lease_that_cannot_be_given_back_costs_no_report(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was done is durable, and the lease ends by itself."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()

    def broken(_: object) -> None:
        raise StoreError("the disk is gone", service="bridge")

    monkeypatch.setattr(world.store, "release", broken)
    assert (await connection.export_new()).exported == 1
    assert "could not be given back: the disk is gone" in caplog.text


# Files


async def test_file_that_banqup_does_not_have_is_tried_again() -> None:
    """The document is still there, so its file may be too, later."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    world.banqup.faults.add("files.details", nth=1, action=Fault.status(404, NOT_FOUND))
    await connection.export_new()
    assert world.delivery(document).reason == "files.details: not found (404): Not found"
    assert (world.states[document], world.delivery(document).attempts) == ("waiting", 1)


NOT_FOUND = {"status": 404, "error": "NOT_FOUND", "title": "Not found"}


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("readable", [True, False])
async def test_document_removed_in_the_middle(readable: bool, newest_first: bool) -> None:
    """It is gone where documents can be asked for; where they cannot, nothing says so."""
    world = AsyncWorld()
    connection = await active(world)
    # Whichever is listed last is tried first, to see whether documents can be asked for.
    stays, goes = world.one("DRAFT"), world.one()
    world.banqup.order = "newest_first" if newest_first else "oldest_first"

    if readable:

        def take_away(request: FakeRequest) -> None:
            if request.operation == "files.details":
                world.banqup.on_request = None
                world.banqup.remove(goes)

        world.banqup.on_request = take_away
    else:
        world.banqup.faults.add("files.details", action=Fault.status(404, NOT_FOUND))
        world.banqup.faults.add("documents.get", action=Fault.status(404, NOT_FOUND))
    await connection.export_new()
    assert world.states[stays] == "waiting"
    expected = ("waiting", "files.details: not found (404): Not found")
    if readable:
        expected = ("skipped", "gone")
    assert (world.states[goes], world.delivery(goes).reason) == expected


async def test_file_id_that_cannot_be_asked_for_hurts_its_document_only() -> None:
    """It would lead elsewhere in a path."""
    world = AsyncWorld()
    connection = await active(world)
    odd = world.one(extra={"files": [{"id": "../x", "filename": "a.xml"}]})
    good = world.one()
    await connection.export_new()
    assert "file_id must be 1 to 128" in world.delivery(odd).reason
    assert (world.states[odd], world.states[good]) == ("waiting", "delivered")


async def test_doubt_that_cannot_be_looked_up_at_once_waits_for_the_next_run() -> None:
    """The run ends well; what it does not know stays as it is."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(2)
    world.zenvoices.faults.add("inbox.upload", nth=2, action=Fault.drop(), when="after")
    world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
    await connection.export_new()
    assert sorted(world.states.values()) == ["delivered", "sending"]
    world.zenvoices.faults.clear()
    world.clock.pass_(3600)
    assert (await connection.export_new()).recovered == 1
    assert set(world.sent.values()) == {1}


# Confirming


async def test_confirm_passes_over_what_is_not_ours() -> None:
    """What came without an external id is no delivery of ours."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    await connection.export_new()
    by_hand = InboxUpload(attachments=(Attachment("a.xml", b"<Invoice/>"),))
    await connection._zenvoices.inbox.upload(by_hand, company_id=world.company)
    confirmation = await connection.confirm()
    assert (confirmation.confirmed, confirmation.twice) == (1, ())
    assert world.states == {document: "confirmed"}


async def test_confirm_cannot_tell_what_lies_under_a_closed_number() -> None:
    """Of what was sent under the company's old number, no longer ours, nothing is said."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    await connection.export_new()
    world.zenvoices.relink_company(world.company)
    old = Company(world.company, "0042-old", "Brouwerij De Molenbeek BV", False)
    world.zenvoices._companies[world.company] = old
    confirmation = await world.connect().confirm()
    assert [row.document_id for row in confirmation.undecided] == [document]
    assert confirmation.missing == ()


async def test_confirm_cannot_tell_what_was_never_sent_by_us() -> None:
    """What a person saw in Zenvoices, and we never sent, has no external id to look up."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.lookup = "missing"
    document = world.one()
    await connection.export_new(look_first=True)
    await connection.settle(document, delivered=True)
    confirmation = await connection.confirm()
    assert [row.document_id for row in confirmation.undecided] == [document]
    assert world.states == {document: "delivered"}


async def test_confirm_without_the_right_to_look_up_raises() -> None:
    """A right that is missing is no answer about a document."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.remove(world.zenvoices.inbox[0].id)
    world.zenvoices.faults.add("inbox.details", action=Fault.status(403))
    with pytest.raises(PermissionDeniedError):
        await connection.confirm()


# verify(deep=True)


async def looked(world: AsyncWorld, **options: Any) -> dict[str, Any]:
    """The checks of a deep look, by name."""
    connection = world.connect(**options)
    checks = (await connection.verify(deep=True)).checks
    return {check.name: check for check in checks}


@pytest.mark.parametrize(
    ("operation", "fault", "outcome"),
    [
        ("documents.list", Fault.status(500), "failed"),
        ("documents.list", Fault.status(200, {"rows": [1]}), "failed"),
        ("documents.get", Fault.status(500), "failed"),
        ("files.download", Fault.status(500), "failed"),
        ("inbox.details", Fault.status(500), "failed"),
    ],
)
async def test_deep_look_names_the_operation_that_fails(
    operation: str, fault: Fault, outcome: str
) -> None:
    """Each operation has its own check, and the others are looked at all the same."""
    world = AsyncWorld()
    world.one()
    fake = world.zenvoices if operation.startswith("inbox.") else world.banqup
    fake.faults.add(operation, action=fault)
    checks = await looked(world)
    assert checks[operation].outcome == outcome
    assert checks["inbox.list"].outcome == "ok"


async def test_deep_look_survives_a_function_that_raises() -> None:
    """The check names the function that could not read a page."""
    world = AsyncWorld()
    world.one()

    def broken(_: object) -> Any:
        raise RuntimeError

    connection = world.connect(functions={"documents.list": broken})
    with pytest.raises(ConfigurationError, match="broken"):
        (await connection.verify(deep=True)).raise_for_failure()


async def test_deep_look_wants_a_known_document_to_be_found() -> None:
    """A look-up that misses what the list shows would send it twice."""
    world = AsyncWorld()
    connection = await active(world)
    by_hand = InboxUpload(attachments=(Attachment("a.xml", b"<Invoice/>"),))
    await connection._zenvoices.inbox.upload(by_hand, company_id=world.company)
    world.one()
    await connection.export_new()
    assert (await looked(world))["inbox.details"].outcome == "ok"
    envelope = {"__abp": True, "success": False, "error": {"message": "Not found."}}
    world.zenvoices.faults.add("inbox.details", action=Fault.status(404, envelope), nth=1)
    assert (await looked(world))["inbox.details"].outcome == "failed"
    world.zenvoices.faults.add("inbox.details", action=Fault.status(404))
    assert (await looked(world))["inbox.details"].outcome == "failed"


async def test_sample_is_not_sent_to_a_company_that_is_unknown() -> None:
    """Without the company's number nothing leaves."""
    world = AsyncWorld()
    connection = world.connect(company_code="unknown")
    verification = await connection.verify(deep=True, sample=True)
    (check,) = (check for check in verification.checks if check.name == "inbox.upload")
    assert (check.outcome, world.zenvoices.inbox) == ("skipped", [])


async def test_sample_whose_answer_is_not_understood_is_not_read_back() -> None:
    """The answer itself is what is wrong, so that is what is said."""
    world = AsyncWorld()
    odd = Fault.status(200, {"number": "one"})
    world.zenvoices.faults.add("inbox.upload", action=odd, when="after")
    verification = await world.connect().verify(deep=True, sample=True)
    (check,) = (check for check in verification.checks if check.name == "inbox.upload")
    assert check.outcome == "failed"
    assert "read back" not in check.detail
