"""Make tests of a user's own checkpoint store; see `CheckpointStore` for the rules.

Each public function above `RULES` is one rule. The tests need only pytest, and use new
keys in each run.
"""

# ruff: noqa: S101 - these functions are tests

from __future__ import annotations

import datetime
import inspect
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from attrs import frozen

from bridge._errors import LeaseLostError
from bridge._stores.protocol import CheckpointStore, Lease, Row

# In seconds: a lease that does not end during a test; a lease whose end a test waits for; and the
# longest wait for that end, or for threads to start together.
LONG = 600.0
SHORT = 0.25
PATIENCE = 20.0


@frozen
class StoreSuite:
    """Four stores on the same data (or one store four times), and a key that no other test uses.

    ``pass_time`` lets a number of seconds pass on the stores' clock.
    """

    stores: list[CheckpointStore]
    pass_time: Callable[[float], None]
    key: str

    @property
    def first(self) -> CheckpointStore:
        return self.stores[0]

    @property
    def second(self) -> CheckpointStore:
        return self.stores[1]

    def lease(self, store: CheckpointStore | None = None, ttl: float = LONG) -> Lease:
        lease = (store or self.first).acquire(self.key, "worker", ttl)
        assert lease is not None, "a lease that no worker holds was refused"
        return lease

    def written(self, *rows: Row, head: str | None = None) -> Lease:
        lease = self.lease()
        self.first.commit(lease, head=head, rows=rows, ttl=LONG)
        return lease

    def after_expiry(self) -> Lease:
        """Wait until a short lease has ended and the second store gives a new one; return that."""
        for _ in range(int(PATIENCE / SHORT)):
            self.pass_time(SHORT)
            lease = self.second.acquire(self.key, "another", LONG)
            if lease is not None:
                return lease
        raise AssertionError("a lease that ended was never given out again")

    def assert_lost(self, lease: Lease, message: str, rows: Sequence[Row] = ()) -> None:
        """Fail with this message if the first store takes a commit with this lease."""
        try:
            self.first.commit(lease, head="late", rows=rows, ttl=LONG)
        except LeaseLostError:
            return
        raise AssertionError(message)

    def find(self, *ids: str, store: CheckpointStore | None = None) -> list[Row]:
        return sorted((store or self.first).find(self.key, ids), key=lambda row: row.id)

    def select(self, *states: str, due: float | None = None, key: str | None = None) -> list[Row]:
        rows = self.second.select(key or self.key, states, due=due, after=None, limit=1000)
        return list(rows)


def _in_threads(*tasks: Callable[[], object]) -> list[Any]:
    """Run all tasks at the same time; return their results, or raise the first error."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        return [future.result(PATIENCE * 2) for future in futures]


@contextmanager
def _wrong_clock(store: CheckpointStore, seconds: float) -> Generator[None, None, None]:
    """Move `time.time` and `datetime.now` by some seconds, also in the store's Python module."""
    real_time, real_datetime = time.time, datetime.datetime

    class Moved(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + datetime.timedelta(seconds=seconds)

    def moved_time() -> float:
        return real_time() + seconds

    moved = {id(real_time): moved_time, id(real_datetime): Moved}
    modules = {time, datetime, sys.modules.get(type(store).__module__, time)}
    with ExitStack() as patches:
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in moved:
                    patches.enter_context(mock.patch.object(module, name, moved[id(value)]))
        yield


# Rows and heads


def a_new_key_is_empty(suite: StoreSuite) -> None:
    for _ in range(2):  # the second time while a lease is held
        assert suite.first.head(suite.key) is None
        assert suite.find("a") == suite.find() == []
        assert suite.select("waiting") == []
        suite.first.acquire(suite.key, "worker", LONG)


def what_was_committed_reads_back_exactly(suite: StoreSuite) -> None:
    odd = 'é " \\ \n \t \u2028 \U0001f9fe % _ \' NULL {"a": [1, null]}'
    rows = [
        Row("'; DROP TABLE x; --", "waiting", -1.5, ""),
        Row("a", "waiting", 1700000000.123456, "{}"),
        Row("b", "sending", None, odd),
        Row("c é \U0001f9fe", "delivered", 0.0, "x" * 100_000),
    ]
    suite.written(*rows, head=odd)
    for store in suite.stores:
        assert store.head(suite.key) == odd
        assert suite.find(*(row.id for row in rows), store=store) == rows


def a_commit_without_a_head_leaves_the_head(suite: StoreSuite) -> None:
    lease = suite.written(head="first")
    suite.first.commit(lease, rows=[Row("a", "waiting", None, "1")], ttl=LONG)
    assert suite.first.head(suite.key) == "first"
    suite.first.commit(lease, head="second", ttl=LONG)
    assert suite.first.head(suite.key) == "second"
    assert suite.find("a") == [Row("a", "waiting", None, "1")]


def a_row_is_replaced_whole(suite: StoreSuite) -> None:
    lease = suite.written(Row("a", "waiting", 5.0, "1"))
    suite.first.commit(lease, rows=[Row("a", "delivered", None, "2")], ttl=LONG)
    assert suite.find("a") == [Row("a", "delivered", None, "2")]
    assert suite.select("waiting") == [], "the old state can still be selected"


def find_takes_five_hundred_ids(suite: StoreSuite) -> None:
    rows = [Row(f"id-{n:04}", "delivered", None, str(n)) for n in range(600)]
    suite.written(*rows)
    assert suite.find(*(f"id-{n:04}" for n in range(300, 800))) == rows[300:]
    twice = suite.find("id-0001", "id-0001", "no")
    assert twice == [rows[1]], "an id asked for twice is answered once"


def ids_are_told_apart_by_case_and_accents(suite: StoreSuite) -> None:
    names = sorted(["a", "A", "a ", "é", "e", "e\u0301"])
    rows = [Row(name, "waiting", None, name) for name in names]
    suite.written(*rows)
    assert suite.find(*names) == rows
    for name in [*names, "E", "É", " a"]:
        assert [row.value for row in suite.find(name)] == [name] * (name in names)


def select_filters_by_state_and_due(suite: StoreSuite) -> None:
    suite.written(
        Row("a", "waiting", 10.0, "{}"),
        Row("b", "waiting", 20.0, "{}"),
        Row("c", "waiting", None, "{}"),
        Row("d", "sending", 5.0, "{}"),
        Row("e", "delivered", 5.0, "{}"),
    )

    def ids(*states: str, due: float | None) -> str:
        return "".join(row.id for row in suite.select(*states, due=due))

    assert ids("waiting", due=None) == "abc"
    assert ids("waiting", due=10.0) == "a", "a row is due at its very time, not only after it"
    assert ids("waiting", due=9.9) == ""
    assert ids("waiting", due=1e12) == "ab", "a row without a due is never due"
    assert ids("sending", "waiting", due=None) == "abcd"
    assert ids("sending", "waiting", due=15.0) == "ad"
    assert ids("Waiting", due=None) == ""
    assert ids(due=None) == "", "no state, no row"


def select_pages_in_the_order_of_ids(suite: StoreSuite) -> None:
    names = ["B", "a", "Z", "_", "10", "9", "é", "\uffff", "\U0001f9fe", "-", "aa"]
    states = ["waiting", "sending"]
    suite.written(*(Row(name, states[n % 2], float(n), "{}") for n, name in enumerate(names)))
    for due in (None, 100.0):
        seen: list[str] = []
        page = suite.first.select(suite.key, states, due=due, after=None, limit=3)
        while page and len(seen) <= len(names):
            assert len(page) <= 3, "more rows than the limit"
            seen += [row.id for row in page]
            page = suite.first.select(suite.key, states, due=due, after=seen[-1], limit=3)
        assert seen == sorted(names), "ids are ordered by code point, and each comes once"


def keys_do_not_see_each_other(suite: StoreSuite) -> None:
    suite.written(Row("a", "waiting", 1.0, "1"), head="1")
    store, other = suite.first, suite.key + "'"
    lease = store.acquire(other, "worker", LONG)
    assert lease is not None, "the lease of one key keeps workers from another"
    store.commit(lease, head="2", rows=[Row("a", "failed", None, "2")], ttl=LONG)
    assert (store.head(suite.key), store.head(other)) == ("1", "2")
    assert suite.find("a") == [Row("a", "waiting", 1.0, "1")]
    assert list(store.find(other, ["a"])) == [Row("a", "failed", None, "2")]
    assert suite.select("waiting", key=other) == []
    store.release(lease)
    assert store.acquire(suite.key, "another", LONG) is None, "one key's release freed another"


# The lease, and several workers


def a_held_lease_is_refused_to_everybody(suite: StoreSuite) -> None:
    lease = suite.lease()
    assert lease.key == suite.key
    for store in suite.stores:
        assert store.acquire(suite.key, "another", LONG) is None
        assert store.acquire(suite.key, "worker", LONG) is None, "held is held, for its owner too"
    suite.first.commit(lease, head="mine", ttl=LONG)


def the_fence_grows_with_every_lease(suite: StoreSuite) -> None:
    fences: list[int] = []
    for store in suite.stores:
        lease = suite.lease(store)
        fences.append(lease.fence)
        store.release(lease)
    assert fences == sorted(set(fences)), "a fence came again or shrank"


def a_released_lease_is_free_and_commits_nothing(suite: StoreSuite) -> None:
    first, second, lease = suite.first, suite.second, suite.lease()
    first.release(lease)
    suite.assert_lost(lease, "a released lease committed")
    assert second.head(suite.key) is None
    taken = suite.lease(second)
    first.release(lease)  # an old release must not end the new lease
    assert first.acquire(suite.key, "third", LONG) is None, "an old release freed a new lease"
    second.commit(taken, head="mine", ttl=LONG)


def an_expired_lease_can_be_taken_over(suite: StoreSuite) -> None:
    old = suite.lease(ttl=SHORT)
    assert suite.after_expiry().fence > old.fence


def a_superseded_lease_writes_nothing(suite: StoreSuite) -> None:
    first, second, old = suite.first, suite.second, suite.lease(ttl=SHORT)
    before = Row("a", "sending", None, "1")
    first.commit(old, head="before", rows=[before], ttl=SHORT)
    new = suite.after_expiry()
    rows = [Row("a", "delivered", None, "2"), Row("b", "x", None, "")]
    suite.assert_lost(old, "a superseded lease committed", rows)
    assert second.head(suite.key) == "before"
    assert suite.find("a", "b", store=second) == [before]
    first.release(old)
    assert first.acquire(suite.key, "third", LONG) is None, "a superseded lease freed the new one"
    second.commit(new, head="after", ttl=LONG)


def an_expired_lease_that_nobody_took_commits_and_holds(suite: StoreSuite) -> None:
    lease = suite.lease(ttl=SHORT)
    suite.pass_time(SHORT * 1.5)
    suite.first.commit(lease, head="late, but alone", ttl=LONG)
    assert suite.second.head(suite.key) == "late, but alone"
    taken = suite.second.acquire(suite.key, "another", LONG)
    assert taken is None, "the commit did not renew the lease"


def a_commit_sets_when_the_lease_ends(suite: StoreSuite) -> None:
    suite.first.commit(suite.lease(), ttl=SHORT)
    suite.after_expiry()


def the_callers_clock_decides_nothing(suite: StoreSuite) -> None:
    lease = suite.lease()
    with _wrong_clock(suite.first, 86_400.0):
        for store in suite.stores:
            assert store.acquire(suite.key, "fast clock", LONG) is None, (
                "a worker whose clock is a day fast was given a lease that is held"
            )
    suite.first.commit(lease, ttl=SHORT)
    with _wrong_clock(suite.first, -86_400.0):
        suite.after_expiry()


def a_lease_the_store_never_gave_writes_nothing(suite: StoreSuite) -> None:
    suite.assert_lost(Lease(suite.key, 1), "a key without a lease changed")
    later = Lease(suite.key, suite.lease().fence + 7)
    # A worker may have such a lease if the data was restored from a backup older than the lease.
    suite.assert_lost(later, "a lease of the future committed")
    assert suite.first.head(suite.key) is None


def a_commit_that_fails_writes_nothing(suite: StoreSuite) -> None:
    before, unwritable = Row("a", "waiting", 1.0, "1"), object()
    lease = suite.written(before, head="before")
    bad: list[Any] = [Row("b", "waiting", None, unwritable), Row("b", unwritable, None, "")]  # type: ignore[arg-type]
    for row in bad:
        try:
            rows = [Row("a", "delivered", None, "2"), row]
            suite.first.commit(lease, head="after", rows=rows, ttl=LONG)
        except Exception:  # noqa: BLE001, S110 - a store may raise any error
            pass
        else:
            raise AssertionError("a row whose value is not text was accepted")
        for store in suite.stores:
            assert store.head(suite.key) == "before", "half of a failed commit is there"
            assert suite.find("a", "b", store=store) == [before]
    suite.first.commit(lease, head="after", ttl=LONG)
    assert suite.second.head(suite.key) == "after", "a failed commit broke the store"


def a_reader_never_sees_half_a_commit(suite: StoreSuite) -> None:
    names = [f"id-{n}" for n in range(20)]
    lease = suite.written(*(Row(name, "waiting", None, "0") for name in names))
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                values = {row.value for row in suite.second.find(suite.key, names)}
                assert len(values) == 1, f"one find() saw two commits: {values}"
        finally:
            done.set()

    def write() -> None:
        try:
            for n in range(1, 40):
                if done.is_set():
                    return
                rows = [Row(name, "waiting", None, str(n)) for name in names]
                suite.first.commit(lease, rows=rows, ttl=LONG)
        finally:
            done.set()

    _in_threads(read, write)


def of_many_at_once_one_gets_the_lease(suite: StoreSuite) -> None:
    start = threading.Barrier(8)

    def take(store: CheckpointStore, key: str) -> Lease | None:
        start.wait(PATIENCE)
        return store.acquire(key, "worker", LONG)

    for n in range(5):
        key = f"{suite.key} {n}"
        leases = _in_threads(*(partial(take, store, key) for store in suite.stores * 2))
        given = [lease for lease in leases if lease is not None]
        assert len(given) == 1, f"{len(given)} of 8 workers got the lease at once"


def no_commit_is_lost_between_many_workers(suite: StoreSuite) -> None:
    rounds = 8
    keys = [f"{suite.key} {n}" for n in range(len(suite.stores))]

    def work(store: CheckpointStore, key: str) -> None:
        lease = store.acquire(key, "worker", LONG)
        assert lease is not None
        for n in range(rounds):
            store.commit(lease, head=str(n), rows=[Row(f"{n}", "waiting", None, "")], ttl=LONG)

    _in_threads(*map(partial, [work] * len(keys), suite.stores, keys))
    for key in keys:
        assert suite.first.head(key) == str(rounds - 1), "a commit overwrote another worker's"
        assert len(suite.select("waiting", key=key)) == rounds, "a commit was lost"


Rule = Callable[[StoreSuite], None]
RULES: dict[str, Rule] = {
    name.replace("_", "-"): function
    for name, function in inspect.getmembers(sys.modules[__name__], inspect.isfunction)
    if function.__module__ == __name__ and not name.startswith("_")
}

OpenStore = Callable[[Path], CheckpointStore]
"""A function that opens the store under test. Each rule passes its own empty directory. If a rule
calls the function again with the same directory, the result must be a store on the same data. If
the store has a method ``close()``, it is called at the end."""


def checkpoint_conformance(
    open_store: OpenStore,
    *,
    shared: bool = True,
    advance: Callable[[float], None] | None = None,
) -> Callable[..., None]:
    """Return a test for your own store; pytest shows each rule by its name.

    ::

        test_my_store = checkpoint_conformance(lambda directory: MyStore(directory / "state"))

    Args:
        open_store: Opens the store under test; see :data:`OpenStore`. A store elsewhere, such as a
            database, can ignore the directory: every rule uses keys of its own.
        shared: Whether two stores opened on one directory see the same data. For a store in memory
            pass False: the rules then use one store only.
        advance: Moves the store's clock forward by a number of seconds, if a test can do that.
            Without this function, the tests wait for leases of a quarter of a second to end.
    """
    import pytest

    pass_time = advance or time.sleep

    @pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
    def test_checkpoint_store(rule: Rule, tmp_path: Path) -> None:
        """The store follows the rule."""
        stores = [open_store(tmp_path) for _ in range(4 if shared else 1)]
        try:
            rule(StoreSuite(stores * (4 // len(stores)), pass_time, f"conformance {uuid.uuid4()}"))
        finally:
            for store in stores:
                close: Callable[[], object] = getattr(store, "close", lambda: None)
                close()

    return test_checkpoint_store
