"""The faults one by one: what each does to its document, to its neighbours, and to the run."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from banqup_client.testing import FakeFile, Fault
from bridge import ExportReport, NotActivatedError, ServiceError, StoreError
from bridge._delivery.delivery import external_id_of
from harness.simulation import LEASE_TTL, Crash, Process, Simulation
from harness.world import World
from support.cases import matrix

DAY = 86_400.0
ENVELOPE = {"__abp": True, "success": False, "error": {"message": "The period is closed."}}
IN_DOUBT = {
    "reset": Fault.drop(),
    "closed": Fault.drop(reset=False),
    "500 without an envelope": Fault.status(500),
    "502": Fault.status(502),
    "408": Fault.status(408),
    "409": Fault.status(409),
    "too slow": Fault.delay(45.0, then=Fault.drop()),
    "garbage": Fault.garbage(),
}
UNREADABLE = {
    "a web page": Fault.html(),
    "nothing": Fault.status(200),
    "204": Fault.status(204),
    "a redirect": Fault.status(302, headers={"Location": "https://login.example/"}),
}


def _publish(world: Simulation, count: int) -> list[str]:
    return [world.publish("PURCHASES", "FULLY_APPROVED") for _ in range(count)]


def _uploads(world: Simulation) -> int:
    return world.zenvoices.counts["inbox.upload"]


def _states(world: Simulation, documents: list[str]) -> Counter[str | None]:
    return Counter(world.state(name) for name in documents)


# Uploads


@pytest.mark.parametrize(("what", "applied"), matrix(sorted(IN_DOUBT), [True, False]))
def test_an_upload_whose_end_nobody_saw(world: Simulation, what: str, applied: bool) -> None:
    """It is looked up before anything is sent again, and its neighbours go on."""
    documents = _publish(world, 4)
    world.zenvoices.faults.add(
        "inbox.upload", action=IN_DOUBT[what], nth=2, when="after" if applied else "before"
    )
    world.export()
    assert _uploads(world) == 4
    assert len(world.inbox) == (4 if applied else 3)
    expected = {"delivered": 4} if applied else {"delivered": 3, "sending": 1}
    assert _states(world, documents) == expected
    world.rest()
    assert _uploads(world) == (4 if applied else 5)


@pytest.mark.parametrize(("what", "applied"), matrix(sorted(UNREADABLE), [True, False]))
def test_a_success_that_cannot_be_read(world: Simulation, what: str, applied: bool) -> None:
    """It is never taken for a delivery by itself: it is looked up at once, and the run goes on."""
    documents = _publish(world, 3)
    world.zenvoices.faults.add(
        "inbox.upload", action=UNREADABLE[what], nth=1, when="after" if applied else "before"
    )
    report = world.export()
    assert (report.ok, report.in_doubt, _uploads(world)) == (True, 0 if applied else 1, 3)
    assert _states(world, documents)["delivered"] == (3 if applied else 2)
    world.rest()


def test_a_refused_document_stands_in_nobodys_way(world: Simulation) -> None:
    """An answer in Zenvoices' envelope refuses one document, once in this run."""
    documents = _publish(world, 4)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(500, ENVELOPE), nth=2)
    report = world.export()
    assert (report.exported, report.refused, _uploads(world)) == (3, 1, 4)
    assert _states(world, documents) == {"delivered": 3, "waiting": 1}
    (waiting,) = [row for row in report.deliveries if row.state == "waiting"]
    assert waiting.reason.endswith("The period is closed.")
    assert waiting.next_try is not None
    world.rest()


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_document_zenvoices_does_not_take(world: Simulation, status: int) -> None:
    """Once one was delivered, such an answer concerns one document only."""
    documents = _publish(world, 4)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(status), nth=2)
    report = world.export()
    assert report.exported == 3
    expected = "failed" if status == 413 else "waiting"
    assert _states(world, documents) == {"delivered": 3, expected: 1}


def test_five_refusals_are_enough(world: Simulation) -> None:
    """Refused again and again while others pass, it is given up with its reason, and stays so."""
    (document,) = _publish(world, 1)
    bad = external_id_of(world.space, document, 0)
    tried: list[str | None] = []

    def refuse(item: Any) -> str | None:
        tried.append(item.external_id)
        return "The period is closed." if item.external_id == bad else None

    world.zenvoices.refuse_when(refuse)
    for _ in range(8):
        world.pass_time(DAY + 1.0)
        world.export()
        _publish(world, 1)
    assert world.state(document) == "failed"
    assert tried.count(bad) == 5
    (row,) = world.connection().status().attention
    assert "The period is closed." in row.reason


@pytest.mark.parametrize("status", [429, 503])
def test_a_storm_ends_the_run_and_the_next_goes_on(world: Simulation, status: int) -> None:
    """A service that is down costs no document an attempt."""
    documents = _publish(world, 14)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(status), nth=3, times=50)
    with pytest.raises(ServiceError) as caught:
        world.export()
    report: ExportReport = caught.value.report
    assert report.exported == 2
    assert report.stopped
    assert all(row.attempts == 0 for row in report.deliveries)
    assert _states(world, documents)["delivered"] == 2
    world.rest()
    assert len(world.inbox) == 14


def test_rate_limited_then_ended(world: Simulation) -> None:
    """Told to wait three times, then ended from outside: nothing is lost or sent twice."""
    _publish(world, 3)
    world.zenvoices.faults.add("inbox.upload", action=Fault.rate_limit(5), nth=1, times=3)

    def end() -> None:
        if _uploads(world) == 3:
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        world.export(Process(hooks=dict.fromkeys(range(1, 80), end)))
    assert world.judge().clean
    world.rest()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, pytest.param(SystemExit, marks=pytest.mark.long)]
)
def test_interrupted_at_every_step(world: Simulation, error: type[BaseException]) -> None:
    """Ctrl-C, or a signal's handler, at any step: nothing is called delivered that is not."""
    _publish(world, 3)

    def interrupt() -> None:
        raise error

    for step in range(1, 90, 5):
        _publish(world, 1)
        process = Process(hooks={step: interrupt})
        try:
            world.export(process)
        except error:
            found = world.judge()
            assert found.clean, found
        # Whoever ends in good order gives the lease back: the next one need not wait.
        world.pass_time(700.0)
    world.rest(4)


# Tokens, rights, the network


def test_tokens_that_live_for_three_requests(world: Simulation) -> None:
    """Expiry in the middle of a run is no event: one renewal, and the call again."""
    world.banqup.token_uses = world.zenvoices.token_uses = 3
    documents = _publish(world, 8)
    assert world.export().exported == 8
    assert _states(world, documents) == {"delivered": 8}
    assert world.judge(final=True).clean


@pytest.mark.parametrize("status", [401, 403])
def test_a_right_that_is_missing_stops_the_run(world: Simulation, status: int) -> None:
    """It concerns every document: none is charged, and three are tried at most."""
    documents = _publish(world, 4)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(status))
    logins = world.zenvoices.counts["login"]
    with pytest.raises(ServiceError) as caught:
        world.export()
    assert _uploads(world) <= (6 if status == 401 else 3)  # a 401 is renewed once
    # A token that is refused is renewed once a call, and each of these logins is accepted.
    assert world.zenvoices.counts["login"] - logins <= 7
    assert all(row.attempts == 0 for row in caught.value.report.deliveries)
    assert _states(world, documents)["delivered"] == 0
    world.rest()


def test_a_password_that_is_wrong_is_tried_once(world: Simulation) -> None:
    """Five wrong logins lock the user out: one is all we make in a run."""
    _publish(world, 4)
    world.zenvoices.user.password = "another"
    for tries in (1, 2):
        with pytest.raises(ServiceError):
            world.export()
        assert world.zenvoices.counts["login"] == 1 + tries
    world.zenvoices.user.password = "demo-password"
    world.rest()


@pytest.mark.parametrize("at", [4, 12, 30])
def test_a_network_that_is_gone(world: Simulation, at: int) -> None:
    """Nothing was sent, so nothing is charged; the next run does it all."""
    documents = _publish(world, 4)

    def cut() -> None:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    process = Process(hooks=dict.fromkeys(range(at, 400), cut))
    with pytest.raises((ServiceError, httpx.ConnectError)) as caught:
        world.export(process)
    assert "ConnectError" not in str(caught.value)
    assert not set(_states(world, documents)) & {"failed", "skipped", "uncertain"}
    world.rest()


# Listings


def test_a_listing_that_fails_once_is_repeated(world: Simulation) -> None:
    """A safe call is simply made again."""
    _publish(world, 4)
    world.banqup.faults.add("documents.list", action=Fault.status(500), nth=1)
    assert world.export().exported == 4


def test_a_listing_that_fails_always_changes_nothing(world: Simulation) -> None:
    """It is the run that fails, and no document knows of it."""
    world.export()
    rows = world.rows()
    _publish(world, 4)
    world.banqup.faults.add("documents.list", action=Fault.status(500))
    with pytest.raises(ServiceError):
        world.export()
    assert world.rows() == rows
    world.rest()


@pytest.mark.parametrize(
    ("what", "operation"),
    matrix(sorted(UNREADABLE), ["documents.list", "files.details", "token.get"]),
)
def test_an_answer_of_banqup_that_is_none(world: Simulation, what: str, operation: str) -> None:
    """A web page, or nothing, where JSON belongs delivers nothing and loses nothing."""
    world.banqup.expire_tokens()
    documents = _publish(world, 2)
    world.banqup.faults.add(operation, action=UNREADABLE[what])
    try:
        world.export()
    except ServiceError:
        pass
    else:
        assert operation == "files.details"
    assert _states(world, documents)["delivered"] == 0
    world.rest()


def test_a_document_in_both_folders_is_sent_once(world: Simulation) -> None:
    """A document without a folder is in both lists."""
    world.publish(None, "FULLY_APPROVED")  # type: ignore[arg-type]
    report = world.export()
    assert (report.listed, report.exported) == (2, 1)
    world.rest()


@pytest.mark.parametrize(
    "step", [5, 9, 12, 16, *(pytest.param(step, marks=pytest.mark.long) for step in range(6, 20))]
)
def test_pages_that_shift_while_they_are_read(world: Simulation, step: int) -> None:
    """A document that appears or goes between two pages hides another one for one run at most."""
    documents = _publish(world, 9)

    def shift() -> None:
        world.remove(documents[step % 9])
        world.publish("PURCHASES", "FULLY_APPROVED")

    world.export(Process(hooks={step: shift}))
    world.rest(2)


def test_a_document_that_appears_late_with_an_old_stamp(world: Simulation) -> None:
    """No time of a document decides whether it is new: once a day everything is listed."""
    world.export()
    world.pass_time(3 * DAY)
    world.export()
    late = world.publish("PURCHASES", "FULLY_APPROVED", created_at=world.now - 2.5 * DAY)
    world.pass_time(DAY + 60.0)
    world.export()
    assert world.state(late) == "delivered"


def test_a_document_approved_days_later(world: Simulation) -> None:
    """It waits, says why, and is exported once when it is approved."""
    name = world.publish("PURCHASES", "AWAITING_VALIDATION")
    for _ in range(3):
        world.export()
        assert world.state(name) == "waiting"
        world.pass_time(2 * DAY)
    world.set_status(name, "FULLY_APPROVED", touch=False)
    world.rest()


def test_an_old_document_that_comes_to_life_again(world: Simulation) -> None:
    """Edited, disputed, approved again: what was old stays old, until a person asks for it."""
    (old,) = [name for name, truth in world.truths.items() if truth.old]
    for status in ("DISPUTED", "FULLY_APPROVED", "VALIDATED", "FULLY_APPROVED"):
        world.set_status(old, status)
        world.pass_time(DAY)
        world.export()
    assert world.inbox == []
    world.connection().resend([old])
    world.truths[old].old = False
    world.rest()
    assert len(world.inbox) == 1


@pytest.mark.parametrize(("step", "jump"), matrix([1, 9, 25], [-DAY, DAY]))
def test_a_clock_that_jumps_in_the_middle_of_a_run(
    world: Simulation, step: int, jump: float
) -> None:
    """Our own clock decides when to look again, never what is new."""
    _publish(world, 4)

    def set_clock() -> None:
        world.skew = jump

    world.export(Process(hooks={step: set_clock}))
    _publish(world, 2)
    world.rest()


# Files


def test_a_document_deleted_before_its_download(world: Simulation) -> None:
    """It is gone, and named so; the others are delivered."""
    documents = _publish(world, 4)
    real = world.banqup.on_request

    def vanish(request: object) -> None:
        if getattr(request, "operation", "") == "files.details":
            world.banqup.on_request = real
            world.remove(documents[0])

    world.banqup.on_request = vanish
    world.export()
    world.rest()
    assert world.state(documents[0]) in ("skipped", "delivered")
    assert _states(world, documents[1:]) == {"delivered": 3}


def test_a_file_that_is_not_ready_yet(world: Simulation) -> None:
    """Waiting for the virus scan is no failure, and costs no attempt."""
    name = world.publish("PURCHASES", "FULLY_APPROVED")
    world.banqup.set_file_status(name, 0, "AWAITING_UPLOAD")
    report = world.export()
    assert world.state(name) == "waiting"
    assert [row.attempts for row in report.deliveries] == [0]
    world.banqup.set_file_status(name, 0, "AVAILABLE")
    world.rest()


def test_an_infected_file_is_given_up(world: Simulation) -> None:
    """The service says it will never hand it out."""
    name, other = _publish(world, 2)
    world.banqup.set_file_status(name, 0, "REJECTED")
    world.export()
    assert (world.state(name), world.state(other)) == ("failed", "delivered")


def test_an_empty_file_is_given_up(world: Simulation) -> None:
    """Zenvoices could do nothing with it."""
    name, other = _publish(world, 2)
    world.banqup.replace_file(name, 0, FakeFile("F.xml", "application/xml", b""))
    world.export()
    assert (world.state(name), world.state(other)) == ("failed", "delivered")


def test_a_file_that_changed_after_its_export(world: Simulation) -> None:
    """It is counted, and not sent again by itself."""
    (name,) = _publish(world, 1)
    world.export()
    world.banqup.replace_file(name, 0, FakeFile("F.xml", "application/xml", b"<Other/>"))
    world.pass_time(DAY)
    assert world.export().changed == 1
    assert len(world.inbox) == 1


@pytest.mark.parametrize("size", [40, 20_000])
def test_a_size_that_is_not_the_files(world: Simulation, size: int) -> None:
    """A download that is not as long as Banqup says is not sent."""
    name, other = _publish(world, 2)
    world.banqup.replace_file(
        name, 0, FakeFile("F.xml", "application/xml", b"<Invoice/>", size=size)
    )
    world.export()
    assert (world.state(name), world.state(other)) == ("waiting", "delivered")
    assert len(world.inbox) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_a_mapper_that_ends_more_than_its_document(
    world: Simulation, error: type[BaseException]
) -> None:
    """What is not an Exception ends the run and leaves a state to go on from; the rest does not."""
    _publish(world, 3)

    def mapper(document: object, files: object) -> None:
        raise error

    if issubclass(error, Exception):
        report = world.connection(mapper=mapper).export_new()
        assert report.waiting == 3
    else:
        with pytest.raises(error):
            world.connection(mapper=mapper).export_new()
    assert world.judge().clean
    world.rest()


# The checkpoint


def test_no_upload_without_a_durable_intent(world: Simulation) -> None:
    """Whenever an upload arrives, the checkpoint already says that it is being sent."""
    _publish(world, 4)
    seen: list[str] = []

    def look(item: object) -> None:
        seen.extend(row.state for row in world.rows() if row.state == "sending")

    world.zenvoices.refuse_when(look)
    world.export()
    assert len(seen) == 4


def test_a_full_disk_before_the_upload_sends_nothing(world: Simulation) -> None:
    """Where the intent cannot be stored, nothing is sent."""
    _publish(world, 1)
    for step in range(1, 60):
        try:
            world.export(Process(store_fails_at=step))
        except StoreError:
            sending = [row for row in world.rows() if row.state == "sending"]
            assert len(world.inbox) <= len(sending)
        if world.inbox:
            break
    world.rest()


def test_a_restored_backup(world: Simulation) -> None:
    """With look_first, what was sent after the copy was made is found, not sent again."""
    _publish(world, 3)
    backup = world.backup()
    world.export()
    world.restore(backup)
    world.pass_time(LEASE_TTL)
    _publish(world, 1)
    report = world.export(look_first=True)
    assert (report.exported, report.recovered) == (1, 3)
    world.rest()


def test_a_store_without_this_connection_is_no_first_run(world: Simulation) -> None:
    """A checkpoint that is gone is not taken for permission to export everything."""
    _publish(world, 2)
    world.store._records.clear()
    with pytest.raises(NotActivatedError):
        world.export()
    assert world.inbox == []


def test_another_tenants_credentials_find_no_checkpoint(world: Simulation) -> None:
    """The checkpoint belongs to space, company and organisation: another is not active."""
    _publish(world, 1)
    connection = world.connection()
    connection._binding["organisation"] = "another"
    with pytest.raises((NotActivatedError, ServiceError)):
        connection.export_new()
    assert world.inbox == []


def test_deleted_in_zenvoices_is_not_sent_again(world: Simulation) -> None:
    """What a person deletes there is not brought back by the next run."""
    (name,) = _publish(world, 1)
    world.export()
    world.zenvoices.remove(world.inbox[0].id)
    for _ in range(3):
        world.pass_time(DAY + 60.0)
        world.export()
    assert world.inbox == []
    assert world.state(name) == "delivered"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: world.banqup.set_whitelisted(world.space, False),
        lambda world: world.zenvoices.set_visible(world.company, False),
    ],
    ids=["the space is not ours", "the company is not visible"],
)
def test_a_wrong_space_or_company_exports_nothing(
    world: Simulation, spoil: Callable[[Simulation], None]
) -> None:
    """The run says what is wrong, and verify() where to change it."""
    _publish(world, 2)
    spoil(world)
    with pytest.raises(ServiceError):
        world.export()
    assert not world.connection().verify().ok
    assert world.inbox == []


# Many, and for long


@pytest.mark.long
def test_thousands_of_documents_faults_and_crashes(world: Simulation) -> None:
    """1 % bad documents, 5 % failing calls, crashes: everything arrives, with few requests."""
    documents = _publish(world, 1_500)
    bad = set(documents[::100])
    contents = {world.truths[name].content for name in bad}
    for name in bad:
        world.truths[name].blocked = True
    world.zenvoices.refuse_when(
        lambda item: "no" if item.attachments[0].sha256 in contents else None
    )
    for nth in range(20, 6_000, 40):
        world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), nth=nth, when="after")
        world.banqup.faults.add("files.details", action=Fault.status(500), nth=nth)
    for crash_at in (900, 2_500, 4_000):
        with pytest.raises((Crash, ServiceError)):
            world.export(Process(crash_at=crash_at))
        world.pass_time(DAY)
    for _ in range(6):
        world.pass_time(DAY)
        # Where only bad documents are left, five refusals in a row end a run.
        with suppress(ServiceError):
            world.export()
    found = world.judge(final=True)
    assert found.clean, found
    states = _states(world, documents)
    assert states["delivered"] == 1_485
    # A bad one may have met a broken connection last: then it is looked up in the next run.
    named = ("failed", "waiting", "sending", "uncertain")
    assert states["delivered"] + sum(states[state] for state in named) == 1_500
    requests = world.banqup.counts.total() + world.zenvoices.counts.total()
    # Per document: details, file, upload, and a share of the lists, three to a page.
    assert requests < 1_000 + 1_500 * 10


def test_an_interpreter_that_just_ends(tmp_path: Path) -> None:
    """Clients and stores that nobody closed do not keep a process from ending."""
    with World(tmp_path) as world:
        script = (
            "from banqup_client import BanqupClient, ClientCredentials\n"
            "from bridge import Connection, SQLiteCheckpoints\n"
            "from zenvoices_client import UserLogin, ZenvoicesClient\n"
            f"b = BanqupClient(ClientCredentials('demo-app', {world.banqup.client_secret!r}), "
            f"base_url={world.banqup_url!r})\n"
            f"z = ZenvoicesClient(UserLogin('api-user', {world.zenvoices.user.password!r}, "
            f"organisation_code='acme'), base_url={world.zenvoices_url!r})\n"
            f"c = Connection(b, z, space_id={world.space!r}, company_code='0042', "
            f"checkpoints=SQLiteCheckpoints({str(world.checkpoint)!r}))\n"
            "print(c.activate().new)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
