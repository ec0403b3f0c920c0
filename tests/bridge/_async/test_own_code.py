"""A user's own code that raises is loud: a rule, a listener, a hook of a store."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from banqup_client import Document
from bridge import ConfigurationError, HookCheckpoints, MemoryCheckpoints, RunEnded, StoreError
from bridge._errors import IN_MEMORY
from support.bridge_world import DAY, HOUR, AsyncWorld
from zenvoices_client import Attachment, InboxUpload

pytestmark = pytest.mark.anyio


def looks_up(document: Document) -> bool:
    """A rule that looks for a word there is not."""
    return {"APPROVED": True}[str(document.status.document)]  # the rule's own line


def divides(document: Document) -> bool:
    """A rule with a mistake of another kind."""
    return bool(1 / len(document.files[:0]))  # the rule's own line


def says_nothing(document: Document) -> Any:
    """A rule without a return."""


def says_a_word(document: Document) -> Any:
    """A rule that returns what it should compare."""
    return document.status.document


RAISING = [looks_up, divides]
RULES = [*RAISING, says_nothing, says_a_word]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The warnings of the bridge, without the one that a process logs once."""
    said = [it for it in caplog.records if it.levelname == "WARNING" and it.name == "bridge"]
    return [it for it in said if it.getMessage() != IN_MEMORY]


def traceback_of(record: logging.LogRecord) -> str:
    """The traceback that was logged."""
    assert record.exc_info
    return "".join(traceback.format_exception(*record.exc_info))


@pytest.mark.parametrize("rule", RULES)
async def test_rule_that_fails_is_loud(
    rule: Callable[[Document], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """One WARNING a run and place; each document waits, is named and counted, and not charged."""
    world = AsyncWorld()
    await world.connect().activate()
    made = world.publish(3)
    connection = world.connect(exportable=rule)
    report = await connection.export_new()
    (warning,) = warnings_of(caplog)
    assert "exportable=" in warning.message
    if rule not in RAISING:
        assert warning.message.startswith("return True or False from exportable=")
    assert (rule in RAISING) == bool(warning.exc_info)
    if rule in RAISING:
        assert "# the rule's own line" in traceback_of(warning)
        assert f"{__name__}.{rule.__name__}, line " in warning.message
    assert (report.raised, report.to_dict()["raised"], report.exported) == (3, 3, 0)
    assert "3 raised" in report.summary()
    assert {world.delivery(name).attempts for name in made} == {0}
    status = await connection.status()
    assert {row.document_id for row in status.attention} == set(made)
    assert all("exportable=" in row.reason for row in status.attention)
    assert status.last_run
    assert status.last_run["raised"] == 3


async def test_rule_that_is_corrected_sends_what_waited(caplog: pytest.LogCaptureFixture) -> None:
    """Each run warns again; with the rule corrected nothing is lost and nothing is named."""
    world = AsyncWorld()
    await world.connect().activate()
    world.publish(2)
    for _ in range(3):
        await world.connect(exportable=looks_up).export_new()
        world.clock.pass_(HOUR)
    assert len(warnings_of(caplog)) == 3
    world.clock.pass_(DAY)
    connection = world.connect()
    report = await connection.export_new()
    assert (report.exported, report.raised) == (2, 0)
    assert not (await connection.status()).attention


@pytest.mark.parametrize("rule", RULES)
async def test_activation_stops_where_the_rule_fails(
    rule: Callable[[Document], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is activated: what the rule would have said tells the baseline from what is new."""
    world = AsyncWorld()
    world.publish(2)
    connection = world.connect(exportable=rule)
    with pytest.raises(ConfigurationError, match="exportable=") as caught:
        await connection.activate()
    assert not caught.value.retryable
    assert len(warnings_of(caplog)) == 1
    assert not (await connection.status()).active
    if rule in RAISING:
        assert "# the rule's own line" in "".join(traceback.format_exception(caught.value))
    assert (await world.connect().activate()).baseline == 2


def looks_for_a_row(event: Any) -> None:
    """A listener that takes every event for one of a document."""
    event.delivery.reason.strip()  # the listener's own line


def counts(event: object) -> None:
    """A listener with a mistake of another kind."""
    seen: dict[str, int] = {}
    seen[type(event).__name__] += 1  # the listener's own line


@pytest.mark.parametrize("listeners", [[looks_for_a_row], [counts], [counts, looks_for_a_row]])
async def test_listener_that_raises_is_loud(
    listeners: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """One WARNING a run and place, counted; what is delivered is delivered all the same."""
    world = AsyncWorld()
    connection = world.connect(listeners=listeners)
    await connection.activate()
    world.publish(3)
    report = await connection.export_new()
    said = [it for it in warnings_of(caplog) if "a listener raised" in it.message]
    assert len(said) == len(listeners)
    assert all("the listener's own line" in traceback_of(it) for it in said)
    assert report.exported == 3
    assert report.listener_failures > 0
    assert [note for note in report.notes if "raised" in note] == [it.message for it in said]
    assert all(f"{__name__}.{it.__name__}, line " in str(report.notes) for it in listeners)
    await connection.export_new()
    assert len(warnings_of(caplog)) == 2 * len(listeners)


async def test_listener_that_raises_at_the_end_is_in_the_report() -> None:
    """The event of the end holds the report, which then says that the listener failed."""

    def at_the_end(event: Any) -> None:
        if isinstance(event, RunEnded):
            event.report.total  # type: ignore[attr-defined]  # noqa: B018

    connection = AsyncWorld().connect(listeners=[at_the_end])
    await connection.activate()
    report = await connection.export_new()
    assert report.listener_failures == 1
    assert report.needs_person
    (note,) = (note for note in report.notes if "a listener raised AttributeError" in note)
    assert "at_the_end, line " in note
    assert "has no attribute 'total'" in note


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_file_that_the_mapper_has_deleted_is_its_own_failure(
    in_flight: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent and nothing is called a refusal; the file is named."""

    def mapper(document: Document, files: Any) -> InboxUpload:
        path = tmp_path / f"{document.id}.xml"
        path.write_bytes(files[0].open().read())
        upload = InboxUpload(attachments=[Attachment("mine.xml", path)])
        path.unlink()
        return upload

    world = AsyncWorld()
    await world.connect().activate()
    world.publish(2)
    report = await world.connect(mapper=mapper, in_flight=in_flight).export_new()
    assert (report.raised, report.refused, report.exported) == (2, 0, 0)
    assert all("the mapper attached mine.xml" in row.reason for row in report.deliveries)
    assert len(warnings_of(caplog)) == 1
    again = await world.connect().export_new()
    assert again.exported == 2


class Broken:
    """Two hooks, of which one raises once it is told to."""

    def __init__(self, hook: str, kind: type[Exception]) -> None:
        self.value: tuple[str | None, int] = (None, 0)
        self.hook = hook
        self.kind = kind
        self.armed = False

    def load(self) -> tuple[str | None, int]:
        """The text and its version."""
        if self.armed and self.hook == "load":
            raise self.kind("value")  # the hook's own line
        return self.value

    def save(self, text: str, expected: object) -> bool:
        """Keep the text."""
        if self.armed and self.hook == "save":
            raise self.kind("value")  # the hook's own line
        self.value = (text, self.value[1] + 1)
        return True


@pytest.mark.parametrize("hook", ["load", "save"])
@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (KeyError, False),
        (AttributeError, False),
        (TypeError, False),
        (ConnectionError, True),
    ],
)
async def test_hook_that_raises_is_loud(
    hook: str, kind: type[Exception], retryable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Each verb says the line and keeps the cause; repeating is proposed where it may help."""
    hooks = Broken(hook, kind)
    world = AsyncWorld()
    store = HookCheckpoints(hooks.load, hooks.save, clock=world.clock)
    connection = world.connect(checkpoints=store)
    await connection.activate()
    hooks.armed = True
    for verb in (connection.export_new, connection.activate, connection.confirm):
        with pytest.raises(StoreError) as caught:
            await verb()
        lines = "".join(traceback.format_exception(caught.value))
        assert "# the hook's own line" in lines
        assert f"the application's {hook} hook raised {kind.__name__} at " in lines
        assert f"{__name__}.{hook}, line " in caught.value.message
        assert caught.value.retryable is retryable
    assert "# the hook's own line" in traceback_of(warnings_of(caplog)[0])


async def test_error_that_activate_raises_has_its_cause() -> None:
    """What verify() found is raised with what the store itself met."""

    class Failing(MemoryCheckpoints):
        def head(self, key: str) -> str | None:
            try:
                raise OSError(5, "the disk of this test")
            except OSError as error:
                raise StoreError("the store failed", service="bridge") from error

    world = AsyncWorld()
    for verb in ("activate", "export_new", "resend"):
        connection = world.connect(checkpoints=Failing())
        with pytest.raises(StoreError) as caught:
            await getattr(connection, verb)(*([["doc"]] if verb == "resend" else []))
        assert "the disk of this test" in "".join(traceback.format_exception(caught.value))
