"""Everything in one process and in memory: services, store, clocks, and processes that crash.

Three clocks tick here, as in life: the true one, by which the services and every monotonic clock
go; the exporter's wall clock, which somebody may set wrong; and the store's, which is the same
machine's. Nothing sleeps.
"""

from __future__ import annotations

import copy
import functools
import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import httpx
from attrs import define, evolve, field

from _client_kit import _clock
from _client_kit import _runtime_sync as _world_sync
from banqup_client import BanqupClient, ClientCredentials, Environment
from banqup_client.testing import FakeFile
from bridge import (
    CheckpointStore,
    Connection,
    ExportReport,
    MemoryCheckpoints,
    Row,
    StoreError,
)
from bridge._delivery.delivery import STATES
from harness.document_faults import DocumentFault, DocumentFaults, floods
from harness.oracle import Findings, Truth, digest, judge
from harness.world import PartlyListed, add_neighbour, invoice
from zenvoices_client import UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices, InboxItem, Lookup

__all__ = ["Crash", "Process", "Simulation"]

START = 1_790_000_000.0
LEASE_TTL = 600.0
DEADLINE = 120.0
PAGE = 3


class Crash(BaseException):
    """The process dies here."""


class ShortPages(PartlyListed):
    """A Banqup whose pages are short, so that a few documents fill several.

    Attributes:
        page: Documents on a page at most.
    """

    page: int = PAGE

    def _number(self, query: Mapping[str, str], name: str, default: int, least: int) -> int:
        number = super()._number(query, name, default, least)
        return min(number, self.page) if name == "size" else number


@define(eq=False)
class Process:
    """One exporter's process: it counts its steps, and once it has crashed it does nothing more.

    Attributes:
        crash_at: The step at which it dies.
        hooks: What happens elsewhere in the world at some of its steps.
        store_fails_at: The step of the store, two for each call, at which the store fails: its
            call was not done, or it was and nobody hears of it.
        run: Its number, by which its calls are told from those of other processes.
    """

    crash_at: int | None = None
    hooks: dict[int, Callable[[], object]] = field(factory=dict)
    store_fails_at: int | None = None
    steps: int = 0
    store_steps: int = 0
    run: int = 0
    dead: bool = False

    def step(self) -> None:
        """One more step towards the outside."""
        if self.dead:
            raise Crash
        self.steps += 1
        if self.steps == self.crash_at:
            self.dead = True
            raise Crash
        hook = self.hooks.pop(self.steps, None)
        if hook is not None:
            hook()

    def store_step(self) -> None:
        """One more step of the store."""
        self.store_steps += 1
        if self.store_steps == self.store_fails_at:
            raise StoreError("the disk is full", service="bridge")


class SteppedTransport(httpx.BaseTransport):
    """A transport with a step before and after each request, in which a little time passes."""

    def __init__(self, inner: httpx.BaseTransport, process: Process, world: Simulation) -> None:
        self._inner = inner
        self._process = process
        self._world = world

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._process.step()
        self._world.pass_time(0.05)
        self._world.faults.run = self._process.run
        response = self._inner.handle_request(request)
        self._process.step()
        return response


class SteppedStore:
    """A store with a step before and after each call."""

    def __init__(self, store: CheckpointStore, process: Process) -> None:
        self._store = store
        self._process = process

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def stepped(*args: Any, **options: Any) -> Any:
            self._process.step()
            self._process.store_step()
            result = method(*args, **options)
            self._process.store_step()
            self._process.step()
            return result

        return stepped


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


class Simulation:
    """A world in memory, with what a test knows of it. Use it as a context manager."""

    def __init__(
        self, *, lookup: Lookup = "works", lag: float = 0.0, neighbour: bool = True
    ) -> None:
        self.now = START
        self.skew = 0.0
        self.banqup = ShortPages(clock=self.true_time, sleep=self.pass_time, token_life=900.0)
        self.zenvoices = FakeZenvoices(
            clock=self.true_time, sleep=self.pass_time, lookup=lookup, lookup_lag=lag
        )
        # Every id is the same each time: hypothesis must be able to try an example again.
        self.space = self.banqup.add_space("Brouwerij De Molenbeek BV", id=_id("space"))
        self.company = self.zenvoices.add_company(code="0042", name="Brouwerij De Molenbeek BV")
        if neighbour:
            add_neighbour(self.zenvoices, self.company, self.now - 86_400.0)
        self.store = MemoryCheckpoints(clock=self.wall_time)
        self.faults = DocumentFaults()
        self.faults.watch(self.banqup, self.zenvoices)
        self.contract: Mapping[str, Any] | None = None
        self.truths: dict[str, Truth] = {}
        self.statuses: dict[str, tuple[str, str]] = {}
        self._numbers = itertools.count(1)
        self._runs = itertools.count(1)
        self._undo: list[Callable[[], None]] = []

    # Time

    def true_time(self) -> float:
        """The services' time."""
        return self.now

    def wall_time(self) -> float:
        """What the exporter's machine takes for the time."""
        return self.now + self.skew

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def __enter__(self) -> Self:
        monotonic, sleep = _clock.monotonic, _world_sync.sleep
        # A monotonic clock knows nothing of a wall clock that was set.
        _clock.monotonic = self.true_time
        _world_sync.sleep = self.pass_time

        def undo() -> None:
            _clock.monotonic = monotonic
            _world_sync.sleep = sleep

        self._undo.append(undo)
        return self

    def __exit__(self, *_: object) -> None:
        for undo in self._undo:
            undo()

    # Documents

    def publish(self, folder: str, status: str, **options: Any) -> str:
        """Put a document with a file of its own into the space."""
        number = next(self._numbers)
        content = invoice(number)
        file = FakeFile(f"F-{number}.xml", "application/xml", content, id=_id(f"file {number}"))
        name = self.banqup.publish(
            self.space,
            folder=folder,
            status=status,
            files=[file],
            id=_id(f"document {number}"),
            **options,
        )
        self.truths[name] = Truth(name, digest(content))
        self.statuses[name] = (folder, status)
        self.faults.know(name, content, [str(file.id)])
        return name

    def publish_bad(self, operation: str, fault: DocumentFault) -> str:
        """Put an approved document into the space, one operation of which always fails."""
        name = self.publish("PURCHASES", "FULLY_APPROVED")
        self.faults.hit(name, operation, fault)
        return name

    def set_status(self, document: str, status: str, *, touch: bool = True) -> None:
        """Change a document's status."""
        self.banqup.set_status(document, status, touch=touch)
        self.statuses[document] = (self.statuses[document][0], status)

    def remove(self, document: str) -> None:
        """Delete a document: it may have arrived before, and need not."""
        self.banqup.remove(document)
        del self.statuses[document]
        self.truths[document].blocked = True

    def hide(self, document: str) -> Callable[[], None]:
        """Have Banqup answer as if it had no such document; returns what brings it back."""
        space = self.banqup._spaces[self.space]
        kept = space.documents.pop(document)

        def back() -> None:
            space.documents[document] = kept

        return back

    def exportable(self, document: str) -> bool:
        """Whether it is approved, or sent, now."""
        folder, status = self.statuses.get(document, ("", ""))
        return status == "FULLY_APPROVED" or (folder == "SALES" and status == "VALIDATED")

    # Exporters

    def clients(self, process: Process) -> tuple[BanqupClient, ZenvoicesClient]:
        """Clients of a fresh process, with no token."""
        process.run = process.run or next(self._runs)
        banqup = BanqupClient(
            ClientCredentials("demo-app", "demo-secret"),
            Environment.UAT_EU,
            contract=self.contract,
            transport=SteppedTransport(self.banqup.transport(), process, self),
            storage_transport=SteppedTransport(self.banqup.transport(), process, self),
            deadline=DEADLINE,
        )
        zenvoices = ZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            transport=SteppedTransport(self.zenvoices.transport(), process, self),
            deadline=DEADLINE,
        )
        return banqup, zenvoices

    def connection(self, process: Process | None = None, **options: Any) -> Connection:
        """A connection in a process of its own."""
        process = process or Process()
        banqup, zenvoices = self.clients(process)
        return Connection(
            banqup,
            zenvoices,
            space_id=self.space,
            company_code="0042",
            checkpoints=SteppedStore(self.store, process),
            clock=self.wall_time,
            in_flight=1,
            lease_ttl=LEASE_TTL,
            **options,
        )

    def export(self, process: Process | None = None, **options: Any) -> ExportReport:
        """One run of a fresh process."""
        return self.connection(process).export_new(**options)

    # What became of it

    @property
    def inbox(self) -> list[InboxItem]:
        """What was put into the company's inbox by this connection."""
        return [item for item in self.zenvoices.inbox if item.attachments]

    @functools.cached_property
    def observer(self) -> Connection:
        """A connection that only looks at the store, made once: clients take time to make."""
        return self.connection()

    def rows(self) -> Sequence[Row]:
        """Every delivery."""
        return self.store.select(self.observer.key, STATES, due=None, after=None, limit=100_000)

    def backup(self) -> object:
        """A copy of the checkpoint."""
        return copy.deepcopy(self.store._records)

    def restore(self, backup: Any) -> None:
        """Put a copy in the place of the checkpoint."""
        self.store._records = copy.deepcopy(backup)

    def judge(self, *, final: bool = False) -> Findings:
        """Ask the oracle, and whether a run went on too long or gave a document up too early."""
        rows = self.rows()
        truths: list[Truth] = []
        for name, truth in self.truths.items():
            truth.wanted = not truth.old and not truth.blocked and self.exportable(name)
            # Wanted and blocked: it may stay out, but the checkpoint must name it.
            truths.append(evolve(truth, blocked=True) if name in self.faults.bad else truth)
        found = judge(truths, self.inbox, rows, self.observer.status(), final=final)
        return evolve(
            found, wrong=(*found.wrong, *floods(self.faults.log), *self.faults.hasty(rows))
        )

    def state(self, document: str) -> str | None:
        """What the checkpoint says of a document."""
        return next((row.state for row in self.rows() if row.id == document), None)

    def rest(self, runs: int = 3) -> None:
        """Faults stop and days pass, until a run finds nothing to do: all must be there, once."""
        self.banqup.faults.clear()
        self.zenvoices.faults.clear()
        self.faults.ended()
        for _ in range(runs):
            self.pass_time(86_400.0 + LEASE_TTL)
            report = self.export()
            unfinished = {row.state for row in self.rows()} & {"waiting", "sending"}
            if not (report.exported or report.recovered or unfinished):
                break
        found = self.judge(final=True)
        assert found.clean, found
        assert not found.uncertain, found
