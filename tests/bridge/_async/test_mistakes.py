"""Mistakes of a user that would be silent, or blamed on something else."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from banqup_client.testing import FakeFile, Fault
from bridge import (
    AsyncConnection,
    CredentialsError,
    HookCheckpoints,
    MemoryCheckpoints,
    NotActivatedError,
    SQLiteCheckpoints,
    StoreError,
)
from bridge._async import _activation
from bridge._errors import IN_MEMORY
from bridge._reports.texts import Lang, translate
from support.bridge_world import DAY, HOUR, SPACE, AsyncWorld
from zenvoices_client import (
    AsyncZenvoicesClient,
    ConfigurationError,
    InboxUpload,
    NotFoundError,
    UserLogin,
)

pytestmark = pytest.mark.anyio


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings that the library has logged."""
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def names_in(folder: Path) -> list[str]:
    """The files in a folder."""
    return [path.name for path in folder.iterdir()]


# Checkpoints that do not last


async def test_checkpoints_in_memory_say_that_they_end(caplog: pytest.LogCaptureFixture) -> None:
    """The result of each activation says it; the log says it once per process."""
    _activation._warn_once.cache_clear()
    for _ in range(2):
        world = AsyncWorld()
        connection = world.connect()
        activation = await connection.activate()
        assert activation.notes == (IN_MEMORY,)
        assert "SQLiteCheckpoints" in activation.to_text()
        assert (await connection.export_new()).notes == ()
    assert warnings(caplog) == [IN_MEMORY]


async def test_checkpoints_that_last_say_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file outlives the process."""
    _activation._warn_once.cache_clear()
    world = AsyncWorld()
    with SQLiteCheckpoints(tmp_path / "exports.db", clock=world.clock) as store:
        connection = world.connect(checkpoints=store)
        assert (await connection.activate()).notes == ()
        assert (await connection.export_new()).notes == ()
    assert not warnings(caplog)


async def test_a_database_in_memory_says_that_it_ends() -> None:
    """Wherever its rows are kept, a store that ends with the process is called that."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from bridge import SQLAlchemyCheckpoints

    engine = sqlalchemy.create_engine(
        "sqlite://",
        poolclass=sqlalchemy.StaticPool,
        connect_args={"check_same_thread": False},
    )
    try:
        store = SQLAlchemyCheckpoints(engine)
        store.create_tables()
        activation = await AsyncWorld().connect(checkpoints=store).activate()
        assert activation.notes == (IN_MEMORY,)
    finally:
        engine.dispose()


def uncommitted() -> HookCheckpoints:
    """Hooks whose save() writes and never commits."""
    return HookCheckpoints(lambda: (None, 0), lambda value, expected: True)


def uncommitted_single() -> HookCheckpoints:
    """The same for a single worker."""
    return HookCheckpoints(lambda: None, lambda value: None, single_worker=True)


def behind() -> HookCheckpoints:
    """Hooks whose load() reads a replica that is one write behind."""
    values: list[str | None] = [None]

    def load() -> tuple[str | None, int]:
        return values[max(len(values) - 2, 0)], len(values)

    def save(value: str, _expected: object) -> bool:
        values.append(value)
        return True

    return HookCheckpoints(load, save)


@pytest.mark.parametrize("hooks", [uncommitted, uncommitted_single, behind])
async def test_a_save_that_is_lost_is_not_another_worker(
    hooks: Callable[[], HookCheckpoints],
) -> None:
    """The error names the save hook and what load() gave, and is not to be repeated."""
    connection = AsyncWorld().connect(checkpoints=hooks())
    with pytest.raises(StoreError, match="load\\(\\) then gave the former") as caught:
        await connection.activate()
    assert f"{hooks.__module__}.{hooks.__name__}" in caught.value.message
    assert "commit" in str(caught.value.hint)
    assert caught.value.code == "save_lost"
    assert not caught.value.retryable


async def test_a_copied_store_is_found_by_the_first_document_sent_twice() -> None:
    """The other documents of the run are looked up first, and confirm() asks about a copy."""
    world = AsyncWorld()
    first = world.connect()
    await first.activate()
    second = world.connect(checkpoints=_copy_of(world), in_flight=1)
    world.publish(8)
    assert (await first.export_new()).exported == 8
    report = await second.export_new()
    assert any("copy of this store" in note for note in report.notes)
    # One went one at a time, and one was fetched while the first was looked up.
    assert report.exported <= 3
    assert report.exported + report.recovered == 8
    confirmation = await second.confirm()
    assert len(confirmation.twice) == report.exported
    assert "copy of this store" in confirmation.to_text()


@pytest.mark.parametrize("folder", ["PURCHASES", "SALES"])
@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
async def test_a_copied_store_is_found_where_a_run_begins_with_a_new_document(
    folder: str, order: Any
) -> None:
    """In each folder the oldest goes first, and the first one delivered is looked up."""
    world = AsyncWorld()
    first = world.connect()
    await first.activate()
    second = world.connect(checkpoints=_copy_of(world), in_flight=1)
    world.banqup.order = order
    world.publish(4, folder="PURCHASES")
    assert (await first.export_new()).exported == 4
    world.clock.pass_(HOUR)
    world.publish(4, folder=folder)
    report = await second.export_new()
    assert report.twice == 1
    assert report.ok
    assert report.needs_person
    assert any("copy of this store" in note for note in report.notes)
    assert sum(world.sent.values()) - len(world.sent) <= 2
    assert (await first.export_new()).twice == 1


async def test_an_only_store_looks_up_one_document_of_a_folder() -> None:
    """That is what a copy costs those who have none: one call for up to 200 documents."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    before = world.zenvoices.counts["inbox.list"] + world.zenvoices.counts["inbox.details"]
    world.publish(20, folder="PURCHASES")
    world.publish(20, folder="SALES")
    report = await connection.export_new()
    after = world.zenvoices.counts["inbox.list"] + world.zenvoices.counts["inbox.details"]
    assert (report.exported, report.twice, after - before) == (40, 0, 2)
    assert not report.needs_person


def _copy_of(world: AsyncWorld) -> MemoryCheckpoints:
    made = MemoryCheckpoints(clock=world.clock)
    made._records.update({key: _copied(record) for key, record in world.store._records.items()})
    return made


def _copied(record: Any) -> Any:
    from copy import copy

    made = copy(record)
    made.rows = dict(record.rows)
    return made


async def test_an_only_store_asks_about_no_copy() -> None:
    """Neither after a run that sends for the first time, nor after one that recovers."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.publish(3)
    report = await connection.export_new()
    assert report.exported == 3
    assert report.notes == ()
    assert "copy" not in (await connection.confirm()).to_text()


# A connection that is not active


async def export(connection: AsyncConnection) -> object:
    return await connection.export_new()


async def dry_run(connection: AsyncConnection) -> object:
    return await connection.export_new(dry_run=True)


async def resend(connection: AsyncConnection) -> object:
    return await connection.resend(["d-1"])


async def confirm(connection: AsyncConnection) -> object:
    return await connection.confirm()


async def settle(connection: AsyncConnection) -> object:
    return await connection.settle("d-1", delivered=True)


async def deactivate(connection: AsyncConnection) -> None:
    await connection.deactivate()


VERBS = [export, dry_run, resend, confirm, settle]


@pytest.mark.parametrize("verb", [*VERBS, deactivate])
async def test_a_changed_company_code_is_told_by_every_verb(verb: Callable[..., Any]) -> None:
    """The space is active with the former code: that is said, and no activate() asked for."""
    world = AsyncWorld()
    await world.connect().activate()
    world.zenvoices.add_company(code="0099")
    changed = world.connect("0099")
    with pytest.raises(ConfigurationError, match="active with the company '0042' of") as caught:
        await verb(changed)
    assert not isinstance(caught.value, NotActivatedError)
    assert "put them back first and run" in str(caught.value.hint)
    assert (await world.connect().status()).active


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
async def test_a_changed_company_code_is_told_by_status_and_verify(lang: Lang) -> None:
    """In the words of export_new(), without advice to activate."""
    world = AsyncWorld()
    await world.connect().activate()
    world.zenvoices.add_company(code="0099")
    changed = world.connect("0099")
    status = await changed.status()
    assert not status.active
    told = [translate(text, lang) for text in status.not_active]
    assert "'0042'" in told[0]
    assert "deactivate()" in told[1]
    shown = " ".join(status.to_text(lang=lang).split())
    assert all(" ".join(text.split())[1:] in shown for text in told)  # notes begin with a capital
    verification = await changed.verify(lang=lang)
    assert [check.name for check in verification.failed] == ["checkpoints"]
    assert verification.failed[0].code == "space_is_active"
    assert verification.failed[0].detail == told[0]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_wrong_folder_is_named(verb: Callable[..., Any], tmp_path: Path) -> None:
    """A store that is not there is named by its path; what only reads does not make it."""
    world = AsyncWorld()
    with SQLiteCheckpoints(tmp_path / "exports.db", clock=world.clock) as store:
        connection = world.connect(checkpoints=store)
        status = await connection.status()
        assert str(tmp_path / "exports.db") in status.not_active[0]
        assert "once" in status.not_active[1]
        assert await connection.verify()
        assert names_in(tmp_path) == []
        with pytest.raises(NotActivatedError) as caught:
            await verb(connection)
        assert str(tmp_path / "exports.db") in caught.value.message
        assert caught.value.code == "not_activated"
        await connection.deactivate()
        await connection.activate()
        assert "exports.db" in names_in(tmp_path)


async def test_after_deactivate_it_is_not_asked_to_activate_once() -> None:
    """It says that it was deactivated, and what activate() would leave."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    await connection.deactivate()
    status = await connection.status()
    with pytest.raises(NotActivatedError) as caught:
        await connection.export_new()
    for text in (status.to_text(), str(caught.value)):
        assert "was deactivated" in " ".join(text.split())
        assert "once" not in text


# Names in the place of ids


@pytest.mark.parametrize("name", ["Molenbeek", "MOLENBEEK"])
async def test_the_name_of_a_space_is_answered_with_its_id(name: str) -> None:
    """Where a name can pass for an id, verify() shows the id that belongs to it."""
    world = AsyncWorld()
    other = world.banqup.add_space("Molenbeek")
    verification = await world.connect(space_id=name).verify()
    assert [check.name for check in verification.failed] == ["banqup space"]
    assert f"{other} (Molenbeek)" in verification.failed[0].detail
    assert SPACE in verification.failed[0].detail


@pytest.mark.parametrize(
    "given",
    ["De Molenbeek B.V.", f"https://banqup.example/spaces/{SPACE}", "3fa85f64 5717", "café"],
)
async def test_what_is_no_id_of_a_space_is_refused_with_where_ids_are(given: str) -> None:
    """A name or an address cannot pass for an id; the hint says what an id looks like."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncWorld().connect(space_id=given)
    assert "banqup-zenvoices pairs" in str(caught.value.hint)


@pytest.mark.parametrize("given", ["Brouwerij BV", "brouwerij bv", "number"])
async def test_the_name_or_number_of_a_company_is_answered_with_its_code(given: str) -> None:
    """Both stand beside the code on the screens of Zenvoices."""
    world = AsyncWorld()
    number = world.zenvoices.add_company(code="0077", name="Brouwerij BV")
    verification = await world.connect(str(number) if given == "number" else given).verify()
    failed = verification.failed[0]
    assert failed.name == "company code"
    assert "its code is '0077'" in failed.remedy


# A rule that says no


async def test_a_rule_that_says_no_shows_what_it_was_given() -> None:
    """All that a rule decides by, so that a typing error in it can be seen."""
    world = AsyncWorld()
    connection = world.connect(
        exportable=lambda document: document.status.document == "FULLY_APROVED"
    )
    await connection.activate()
    world.one(category="CREDIT_NOTE")
    (row,) = (await connection.export_new()).deliveries
    for shown in (
        "folder 'PURCHASES'",
        "category 'CREDIT_NOTE'",
        "status.document 'FULLY_APPROVED'",
    ):
        assert shown in row.reason


# A user's own correction


async def test_a_wrong_correction_of_a_path_points_at_the_contract() -> None:
    """A 404 at an address that contract= gave asks nobody for a right."""
    from banqup_client import AsyncBanqupClient, ClientCredentials, Environment

    world = AsyncWorld()
    async with AsyncBanqupClient(
        ClientCredentials("demo-app", "demo-secret"),
        Environment.UAT_EU,
        transport=world.banqup.transport(),
        contract={"spaces.list": {"path": "/entitystore/v9/spaces"}},
    ) as banqup:
        with pytest.raises(NotFoundError) as caught:
            await banqup.spaces.list()
    assert "Correct the assumption with the contract= argument" in str(caught.value.hint)
    assert caught.value.operation == "spaces.list"


# Arguments of the verbs


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda it: it.verify(deep="no"), "deep must be a bool"),
        (lambda it: it.verify(deep=1), "deep must be a bool"),
        (lambda it: it.verify(deep=True, sample="invoice.xml"), "sample must be True or an"),
        (lambda it: it.verify(deep=True, sample=b"<Invoice/>"), "sample must be True or an"),
        (lambda it: it.status(waiting="yes"), "waiting must be a bool"),
        (lambda it: it.status(waiting=None), "waiting must be a bool"),
    ],
)
async def test_an_argument_of_a_wrong_type_is_refused(
    call: Callable[[Any], Any], told: str
) -> None:
    """What counts as true in an ``if`` would look deeper, or send an invented invoice."""
    world = AsyncWorld()
    with pytest.raises(ConfigurationError, match=told):
        await call(world.connect())
    assert world.zenvoices.inbox == []
    assert not world.calls("spaces.list")


async def test_hooks_that_are_swapped_or_take_too_little_are_refused() -> None:
    """Where they are passed, and not in the middle of a run."""

    def load() -> tuple[str | None, int]:
        return None, 0

    def save(value: str, expected: object) -> bool:
        return True

    def plain_save(value: str) -> None:
        pass

    mistakes: list[Callable[[], object]] = [
        lambda: HookCheckpoints(save, load),  # type: ignore[arg-type]
        lambda: HookCheckpoints(load, plain_save),
        lambda: HookCheckpoints(load, save, single_worker=True),
    ]
    for wrong in mistakes:
        with pytest.raises(ConfigurationError, match="must take") as caught:
            wrong()
        assert "save(value, expected)" in str(caught.value.hint)
    HookCheckpoints(load, save)
    HookCheckpoints(lambda: None, plain_save, single_worker=True)


async def test_an_object_in_the_place_of_its_id_is_refused() -> None:
    """The text of a space, a document or a file would not be found."""
    world = AsyncWorld()
    document_id = world.one()
    connection = world.connect()
    banqup = connection._banqup
    (space,) = await banqup.spaces.list()
    document = await banqup.documents.get(SPACE, document_id)
    with pytest.raises(ConfigurationError, match="not Space"):
        world.connect(space_id=space)
    with pytest.raises(ConfigurationError, match="not Space"):
        await banqup.documents.get(space, document_id)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="not Document"):
        await banqup.documents.get(SPACE, document)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="not DocumentFile"):
        await banqup.files.details(SPACE, document.files[0])  # type: ignore[arg-type]
    assert world.connect(space_id=UUID(SPACE)).space_id == SPACE


@pytest.mark.parametrize("given", ["invoice.xml", b"<Invoice/>", ["invoice.xml"], [b"<x/>"], []])
async def test_a_file_in_the_place_of_an_attachment_is_told_what_to_write(given: Any) -> None:
    """In the mapper's own line, with the class that takes a file."""
    told = "attachments must be a list of at least one Attachment(file_name, content)"
    with pytest.raises(TypeError, match=re.escape(told)):
        InboxUpload(attachments=given)


async def test_a_mappers_files_in_the_place_of_attachments_are_told_what_to_write() -> None:
    """The document's line names the class that takes a file."""

    def raw(_: Any, files: Any) -> Any:
        return InboxUpload(attachments=files)

    world = AsyncWorld()
    connection = world.connect(mapper=raw)
    await connection.activate()
    world.one()
    report = await connection.export_new()
    assert "Attachment(file_name, content)" in report.deliveries[0].reason


# Decisions about the wrong document


@pytest.mark.parametrize("state", ["waiting", "sending", "delivered", "baseline"])
async def test_settling_what_is_not_undecided_is_refused(state: str) -> None:
    """The error says in which state the document is."""
    world = AsyncWorld()
    connection = world.connect()
    if state == "baseline":
        document = world.one()
    await connection.activate()
    if state == "sending":
        world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1, when="after")
        world.zenvoices.lookup, world.zenvoices.lookup_lag = "lags", DAY
    if state != "baseline":
        document = world.one("AWAITING_VALIDATION" if state == "waiting" else "FULLY_APPROVED")
    await connection.export_new()
    assert world.states[document] == state
    with pytest.raises(ConfigurationError, match="not uncertain, failed or refused"):
        await connection.settle(document, delivered=True)
    assert world.states[document] == state


async def test_a_refused_login_names_the_organisation_code_that_was_sent() -> None:
    """Both with and without a cause from Zenvoices: a company's code may stand in its place."""
    zenvoices = AsyncWorld().zenvoices
    for said in (True, False):
        login = UserLogin("api-user", "password", organisation_code="0042")
        if not said:
            zenvoices.faults.add("login", action=Fault.status(401))
        async with AsyncZenvoicesClient(login, transport=zenvoices.transport()) as client:
            with pytest.raises(CredentialsError) as caught:
                await client.companies.resolve("0042")
        assert "code that was sent is '0042'" in str(caught.value.hint)
        assert "'0042'" in translate(caught.value.hint or "", "fr")
        assert "'0042'" in translate(caught.value.hint or "", "nl")


@pytest.mark.parametrize(
    ("given", "told"),
    [(None, "not None"), (True, "not True"), ("", "1 to 128"), ("x" * 129, "1 to 128")],
)
async def test_an_id_that_is_none_says_what_was_given(given: Any, told: str) -> None:
    """A missing or too long id: what is allowed, and no name of a Python type."""
    with pytest.raises(ConfigurationError, match="must be 1 to 128 letters") as caught:
        await AsyncWorld().connect()._banqup.documents.get(SPACE, given)
    assert told in str(caught.value)
    assert "str" not in str(caught.value)


# A run that sends nothing


async def test_an_alarm_asks_whether_a_person_is_needed() -> None:
    """Also where Zenvoices refuses everything, which leaves failed at 0 and the report ok."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.publish(3)
    world.zenvoices.refuse_when(lambda _: "The period is closed.")
    report = await connection.export_new()
    assert (report.ok, report.failed, report.exported) == (True, 0, 0)
    assert report.needs_person
    assert report.to_dict()["needs_person"]
    assert not (await connection.export_new()).unsettled
    world.zenvoices.refuse_when(lambda _: None)
    world.clock.pass_(2 * DAY)
    report = await connection.export_new()
    assert (report.exported, report.needs_person) == (3, False)


async def test_what_failed_in_an_earlier_run_needs_a_person_until_it_is_settled() -> None:
    """The document is in no line of a later report, and counts in it all the same."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    document = world.one(files=[FakeFile("e.xml", "application/xml", b"")])
    for _ in range(2):
        report = await connection.export_new()
        assert (report.unsettled, report.needs_person) == (1, True)
        world.clock.pass_(DAY)
    assert not report.deliveries
    await connection.settle(document, delivered=False)
    report = await connection.export_new()
    assert (report.unsettled, report.needs_person) == (0, False)
