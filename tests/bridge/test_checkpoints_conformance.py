"""Every store we ship keeps the rules, and stores that break one are found."""

from __future__ import annotations

import datetime
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from _client_kit._errors import StoreError
from bridge._errors import LeaseLostError
from bridge._stores.json_hook import HookCheckpoints
from bridge._stores.memory import ConnectionRows, MemoryCheckpoints
from bridge._stores.protocol import CheckpointStore, Lease, Row
from bridge._stores.sqlite import SQLiteCheckpoints
from bridge.testing import checkpoint_conformance
from support.cases import QUICK_RULES, thinned


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class TextFile:
    """An application's own place for one text, with compare-and-set by a version line."""

    _lock = threading.Lock()

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[str | None, object]:
        if not self.path.exists():
            return None, 0
        version, _, value = self.path.read_text().partition("\n")
        return value, int(version)

    def save(self, value: str, expected: object) -> bool:
        with self._lock:
            if self.load()[1] != expected:
                return False
            assert isinstance(expected, int)
            draft = self.path.with_suffix(f".{threading.get_ident()}")
            draft.write_text(f"{expected + 1}\n{value}")
            draft.replace(self.path)
            return True


clock = Clock()


def open_hook(directory: Path) -> HookCheckpoints:
    """A HookCheckpoints on a file."""
    file = TextFile(directory / "state.json")
    return HookCheckpoints(file.load, file.save, clock=clock)


def open_single(directory: Path) -> HookCheckpoints:
    """A HookCheckpoints without compare-and-set."""
    kept: list[str] = []
    return HookCheckpoints(
        lambda: kept[-1] if kept else None, kept.append, single_worker=True, clock=clock
    )


test_memory = checkpoint_conformance(
    lambda directory: MemoryCheckpoints(clock=clock), shared=False, advance=clock.advance
)
test_sqlite = checkpoint_conformance(
    lambda directory: SQLiteCheckpoints(directory / "exports.db", clock=clock),
    advance=clock.advance,
)
test_sqlite_by_the_hosts_clock = thinned(
    checkpoint_conformance(lambda directory: SQLiteCheckpoints(directory / "exports.db")),
    QUICK_RULES,
)
test_hook = checkpoint_conformance(open_hook, advance=clock.advance)
test_hook_for_a_single_worker = checkpoint_conformance(
    open_single, shared=False, advance=clock.advance
)


# -- broken stores ---------------------------------------------------------------------------------


def by_callers_clock(read: Callable[[], float]) -> Callable[[], MemoryCheckpoints]:
    """A store that judges a lease by a wall clock of the process that asks."""
    return lambda: MemoryCheckpoints(clock=lambda: read() + clock.now - 1_800_000_000.0)


class LostUpdate(HookCheckpoints):
    """Its compare-and-set does not compare."""

    def __init__(self, directory: Path) -> None:
        file = TextFile(directory / "state.json")

        def save(value: str, expected: object) -> bool:
            time.sleep(0.001)  # what any real store takes; the race is then certain
            return file.save(value, file.load()[1]) or True

        super().__init__(file.load, save, clock=clock)


class Broken(MemoryCheckpoints):
    """A memory store to break in one place."""

    def __init__(self) -> None:
        super().__init__(clock=clock)

    def record(self, key: str) -> ConnectionRows:
        return self._apply(lambda known: (known.setdefault(key, ConnectionRows()), True))

    def records(self) -> list[ConnectionRows]:
        return self._apply(lambda known: (list(known.values()), False))


class FenceIgnored(Broken):
    """Lets any lease commit."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        super().commit(
            evolve(lease, fence=self.record(lease.key).fence), head=head, rows=rows, ttl=ttl
        )


class FenceStartsAgain(Broken):
    """Forgets the fence when a lease is given back."""

    def release(self, lease: Lease) -> None:
        super().release(lease)
        self.record(lease.key).fence = 0


class NotAtomic(Broken):
    """Writes row by row and stops at the first that it cannot write."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        super().commit(lease, head=head, ttl=ttl)
        for row in rows:
            super().commit(lease, rows=[row], ttl=ttl)
            time.sleep(0)


class TakesAnything(Broken):
    """Keeps rows without a look at them."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        super().commit(lease, head=head, ttl=ttl)
        self.record(lease.key).rows.update((row.id, row) for row in rows)


class ShowsHalf(Broken):
    """Replaces the first row, and the others once somebody has read them."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = threading.Semaphore(0)

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        found = super().find(key, ids)
        self._reads.release()
        return found

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        if self.record(lease.key).rows:
            super().commit(lease, head=head, rows=rows[:1], ttl=ttl)
            while self._reads.acquire(blocking=False):
                pass
            for _ in range(2):  # the first of them may have begun before
                self._reads.acquire(timeout=0.5)
        super().commit(lease, head=head, rows=rows, ttl=ttl)


class DueIgnored(Broken):
    """Selects by state alone."""

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        return super().select(key, states, due=None, after=after, limit=limit)


class OwnerMayTakeAgain(Broken):
    """Gives a held lease to its owner once more."""

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        if self.record(key).owner == owner:
            self.record(key).expires = None
        return super().acquire(key, owner, ttl)


class NeverExpires(Broken):
    """Keeps a dead worker's lease for ever."""

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        return super().acquire(key, owner, 1e9)


class ExpiredMayNotCommit(Broken):
    """Refuses a lease that has expired though nobody took it."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        if self.held_until(lease.key) is None:
            raise LeaseLostError
        super().commit(lease, head=head, rows=rows, ttl=ttl)


class NotRenewed(Broken):
    """Does not renew the lease on commit."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        record = self.record(lease.key)
        until, term = record.expires, record.ttl
        super().commit(lease, head=head, rows=rows, ttl=ttl)
        record.expires, record.ttl = until, term


class OneKey(Broken):
    """Keeps all connections in one place."""

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        rows = {row.id: row for record in self.records() for row in record.rows.values()}
        return [rows[name] for name in dict.fromkeys(ids) if name in rows]


class IdsFoldCase(Broken):
    """Compares ids as a database with a friendly collation does."""

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        folded = {name.lower() for name in ids}
        return [row for row in self.record(key).rows.values() if row.id.lower() in folded]


class FirstPageForEver(Broken):
    """Ignores where the page before ended."""

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        rows = super().select(key, states, due=due, after=after, limit=limit)
        return rows or super().select(key, states, due=due, after=None, limit=limit)[:1]


class HeadCleared(Broken):
    """Takes "no head" for an empty head."""

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        super().commit(lease, head=head or "", rows=rows, ttl=ttl)


class NoLock(Broken):
    """Looks, thinks, and then takes the lease."""

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        if self.held_until(key) is not None:
            return None
        time.sleep(0.01)
        self.record(key).expires = None
        return super().acquire(key, owner, ttl)


BROKEN: list[tuple[Any, str]] = [
    (FenceIgnored, "a-superseded-lease-writes-nothing"),
    (FenceStartsAgain, "the-fence-grows-with-every-lease"),
    (NotAtomic, "a-commit-that-fails-writes-nothing"),
    (TakesAnything, "a-commit-that-fails-writes-nothing"),
    (ShowsHalf, "a-reader-never-sees-half-a-commit"),
    (DueIgnored, "select-filters-by-state-and-due"),
    (OwnerMayTakeAgain, "a-held-lease-is-refused-to-everybody"),
    (NeverExpires, "an-expired-lease-can-be-taken-over"),
    (ExpiredMayNotCommit, "an-expired-lease-that-nobody-took-commits-and-holds"),
    (NotRenewed, "a-commit-sets-when-the-lease-ends"),
    (OneKey, "keys-do-not-see-each-other"),
    (IdsFoldCase, "ids-are-told-apart-by-case-and-accents"),
    (FirstPageForEver, "select-pages-in-the-order-of-ids"),
    (HeadCleared, "a-commit-without-a-head-leaves-the-head"),
    (NoLock, "of-many-at-once-one-gets-the-lease"),
]


CLOCKS: dict[str, Callable[[], float]] = {
    "time": lambda: time.time(),
    "local time": lambda: datetime.datetime.now().timestamp(),
    "time of a zone": lambda: datetime.datetime.now(datetime.UTC).timestamp(),
}


def run_rule(test: Callable[..., None], name: str, directory: Path) -> None:
    """Run one rule of a conformance test by its name."""
    mark = test.pytestmark[0]  # type: ignore[attr-defined]
    rules = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))
    test(rules[name], directory)


@pytest.mark.parametrize(("broken", "rule"), BROKEN, ids=[broken.__name__ for broken, _ in BROKEN])
def test_a_broken_store_is_found(
    broken: Callable[[], CheckpointStore],
    rule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that breaks a rule fails the test named after that rule."""
    monkeypatch.setattr("bridge.testing._store_rules.PATIENCE", 0.5)
    test = checkpoint_conformance(lambda directory: broken(), shared=False, advance=clock.advance)
    with pytest.raises((AssertionError, LeaseLostError)):
        run_rule(test, rule, tmp_path)


@pytest.mark.parametrize("read", CLOCKS.values(), ids=CLOCKS)
def test_a_store_that_reads_the_callers_clock_is_found(
    read: Callable[[], float], tmp_path: Path
) -> None:
    """Whatever function gives the time to a store, the rule moves it, and sets it right again."""
    before = read()
    store = by_callers_clock(read)
    test = checkpoint_conformance(lambda _: store(), shared=False, advance=clock.advance)
    with pytest.raises(AssertionError, match="a day fast"):
        run_rule(test, "the-callers-clock-decides-nothing", tmp_path)
    assert 0 <= read() - before < 3600


def test_a_clock_that_a_store_imported_by_name_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule also moves what the store's module has under a name of its own."""
    module: Any = ModuleType("store_of_a_test")
    module.now = time.time
    monkeypatch.setitem(sys.modules, "store_of_a_test", module)

    class Store(MemoryCheckpoints):
        """A store of an application's own."""

        __module__ = "store_of_a_test"

        def __init__(self) -> None:
            super().__init__(clock=lambda: module.now() + clock.now - 1_800_000_000.0)

    test = checkpoint_conformance(lambda _: Store(), shared=False, advance=clock.advance)
    with pytest.raises(AssertionError, match="a day fast"):
        run_rule(test, "the-callers-clock-decides-nothing", tmp_path)
    assert module.now is time.time


def test_a_lost_update_is_found(tmp_path: Path) -> None:
    """A store whose compare-and-set overwrites another worker's commit fails."""
    test = checkpoint_conformance(LostUpdate, advance=clock.advance)
    with pytest.raises((AssertionError, StoreError)):
        run_rule(test, "no-commit-is-lost-between-many-workers", tmp_path)


def test_stores_that_share_nothing_are_found(tmp_path: Path) -> None:
    """Two stores on one directory that do not see each other's data fail."""
    test = checkpoint_conformance(
        lambda directory: MemoryCheckpoints(clock=clock), advance=clock.advance
    )
    with pytest.raises(AssertionError):
        run_rule(test, "what-was-committed-reads-back-exactly", tmp_path)


def test_every_rule_has_a_name_of_its_own() -> None:
    """Rules are told apart by readable names in the output of pytest."""
    ids = test_memory.pytestmark[0].kwargs["ids"]  # type: ignore[attr-defined]
    assert len(set(ids)) == len(ids) >= 20
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz-") for name in ids)


@pytest.mark.long
def test_one_line_is_all_a_user_writes(pytester_source: tuple[str, Path]) -> None:
    """A test file with one line runs the suite under plain pytest."""
    source, directory = pytester_source
    file = directory / "test_mine.py"
    file.write_text(source)
    assert (
        pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(directory), str(file)]) == 0
    )


@pytest.fixture
def pytester_source(tmp_path: Path) -> tuple[str, Path]:
    """A user's whole test module."""
    line = "test_mine = checkpoint_conformance(lambda path: SQLiteCheckpoints(path / 'mine.db'))"
    imports = (
        "from bridge._stores.sqlite import SQLiteCheckpoints\n"
        "from bridge.testing import checkpoint_conformance\n"
    )
    return imports + line + "\n", tmp_path


# -- what the shipped stores add -----------------------------------------------------------------


def shipped(
    kind: str, directory: Path, clock: Clock
) -> MemoryCheckpoints | SQLiteCheckpoints | HookCheckpoints:
    """A new store of the kind."""
    if kind == "memory":
        return MemoryCheckpoints(clock=clock)
    if kind == "sqlite":
        return SQLiteCheckpoints(directory / "x.db", clock=clock)
    file = TextFile(directory / "state.json")
    return HookCheckpoints(file.load, file.save, clock=clock)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "hook"])
def test_a_store_tells_when_a_lease_ends(kind: str, tmp_path: Path) -> None:
    """held_until() is the end of a held lease in the store's epoch seconds, else None."""
    here = Clock()
    store = shipped(kind, tmp_path, here)
    assert store.held_until("k") is None
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    assert store.held_until("k") == here.now + 60
    store.commit(lease, ttl=90)
    assert store.held_until("k") == here.now + 90
    here.advance(90)
    assert store.held_until("k") is None
    store.commit(lease, ttl=5)
    store.release(lease)
    assert store.held_until("k") is None


@pytest.mark.parametrize("kind", ["memory", "sqlite", "hook"])
def test_a_clock_set_back_frees_a_dead_workers_lease_in_time(kind: str, tmp_path: Path) -> None:
    """After the clock jumps back a day, a lease still lasts no longer than it was for."""
    here = Clock()
    store = shipped(kind, tmp_path, here)
    assert store.acquire("k", "dies", 60)
    here.advance(-86_400)
    assert store.acquire("k", "another", 60) is None
    here.advance(61)
    assert store.acquire("k", "another", 60) is not None


def test_names_are_unique_per_conformance_run() -> None:
    """A rule never meets what an earlier run left in a store that lives elsewhere."""
    seen: list[str] = []

    class Spy(MemoryCheckpoints):
        def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
            seen.append(key)
            return super().acquire(key, owner, ttl)

    test = checkpoint_conformance(lambda directory: Spy(), shared=False)
    for _ in itertools.repeat(None, 2):
        run_rule(test, "a-new-key-is-empty", Path())
    assert len(set(seen)) == 2


def test_text_file_keeps_plain_json(tmp_path: Path) -> None:
    """What a hook is given to keep is JSON that any tool can read."""
    store = open_hook(tmp_path)
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    store.commit(lease, head="h", rows=[Row("a", "waiting", 1.0, "{}")], ttl=60)
    value = json.loads(TextFile(tmp_path / "state.json").load()[0] or "")
    assert value["connections"]["k"]["rows"] == {
        "a": {"id": "a", "state": "waiting", "due": 1.0, "value": "{}"}
    }
