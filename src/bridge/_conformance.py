"""The rules of a checkpoint store as tests, for stores we never saw.

Nothing here sleeps for long or needs more than pytest: leases are as short as a store's clock can
tell, and whatever is random is drawn from a fixed seed.
"""

# ruff: noqa: S101 - what fails here is a test

from __future__ import annotations

import datetime
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from attrs import frozen

from bridge._checkpoints import CheckpointStore, Lease, Row
from bridge._errors import LeaseLost

__all__ = ["OpenStore", "checkpoint_conformance"]

OpenStore = Callable[[Path], CheckpointStore]
"""Opens the store under test. Gets an empty directory of its own for each rule; called again with
the same directory, it opens the same data once more."""

_LONG = 600.0
_SHORT = 0.25
_PATIENCE = 20.0


@frozen
class _Bench:
    """What a rule works with: doors to one and the same data, and a key nobody else uses."""

    open: Callable[[], CheckpointStore]
    pass_time: Callable[[float], None]
    key: str

    def held(self, store: CheckpointStore, key: str | None = None) -> Lease:
        lease = store.acquire(key or self.key, "worker", _LONG)
        assert lease is not None, "a lease that nobody holds was refused"
        return lease


def checkpoint_conformance(
    open_store: OpenStore,
    *,
    shared: bool = True,
    advance: Callable[[float], None] | None = None,
) -> Callable[..., None]:
    """A test for a store of one's own, in one line; pytest shows every rule by its name.

    ::

        test_my_store = checkpoint_conformance(lambda directory: MyStore(directory / "state"))

    Args:
        open_store: Opens the store under test, see :data:`OpenStore`. A store that lives
            elsewhere ignores the directory: every rule uses keys of its own.
        shared: Whether two stores opened on one directory see the same data. False for a store
            in memory; the rules then use one store from all sides.
        advance: Moves the store's clock forward, where a test can; without it, the suite waits
            for leases of a quarter of a second to end.
    """
    import pytest

    if not __debug__:
        raise RuntimeError("under python -O these tests would check nothing")

    @pytest.mark.parametrize("rule", _RULES, ids=[_title(rule) for rule in _RULES])
    def test_checkpoint_store(rule: Callable[[_Bench], None], tmp_path: Path) -> None:
        """The store keeps the rule it is named after."""
        opened: list[CheckpointStore] = []

        def opener() -> CheckpointStore:
            if shared or not opened:
                opened.append(open_store(tmp_path))
            return opened[-1]

        try:
            rule(_Bench(opener, advance or time.sleep, f"conformance {uuid.uuid4()}"))
        finally:
            for store in opened:
                close: Callable[[], object] = getattr(store, "close", lambda: None)
                close()

    return test_checkpoint_store


def _title(rule: Callable[[_Bench], None]) -> str:
    return rule.__name__.strip("_").replace("_", "-")


_RULES: list[Callable[[_Bench], None]] = []


def _rule(check: Callable[[_Bench], None]) -> Callable[[_Bench], None]:
    _RULES.append(check)
    return check


# -- rows and heads ------------------------------------------------------------------------------


@_rule
def _a_new_key_is_empty(bench: _Bench) -> None:
    store = bench.open()
    assert store.head(bench.key) is None
    assert list(store.find(bench.key, ["a"])) == []
    assert list(store.find(bench.key, [])) == []
    assert _all(store, bench.key, ["waiting"]) == []
    bench.held(store)
    assert store.head(bench.key) is None, "taking a lease made a head"


@_rule
def _what_was_committed_reads_back_exactly(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    odd = 'é " \\ \n \t \u2028 \U0001f9fe % _ \' NULL {"a": [1, null]}'
    rows = [
        Row("a", "waiting", 1700000000.123456, "{}"),
        Row("b", "sending", None, odd),
        Row("c é \U0001f9fe", "delivered", 0.0, "x" * 100_000),
        Row("'; DROP TABLE x; --", "waiting", -1.5, ""),
    ]
    store.commit(lease, head=odd, rows=rows, ttl=_LONG)
    for view in (store, bench.open()):
        assert view.head(bench.key) == odd
        assert _by_id(view.find(bench.key, [row.id for row in rows])) == _by_id(rows)


@_rule
def _a_commit_without_a_head_leaves_the_head(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    store.commit(lease, head="first", ttl=_LONG)
    store.commit(lease, rows=[Row("a", "waiting", None, "1")], ttl=_LONG)
    assert store.head(bench.key) == "first"
    store.commit(lease, head="second", ttl=_LONG)
    assert store.head(bench.key) == "second"
    assert list(store.find(bench.key, ["a"])) == [Row("a", "waiting", None, "1")]


@_rule
def _a_row_is_replaced_whole(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    store.commit(lease, rows=[Row("a", "waiting", 5.0, "1")], ttl=_LONG)
    store.commit(lease, rows=[Row("a", "delivered", None, "2")], ttl=_LONG)
    assert list(store.find(bench.key, ["a"])) == [Row("a", "delivered", None, "2")]
    assert _all(store, bench.key, ["waiting"]) == [], "the old state can still be selected"
    store.commit(
        lease, rows=[Row("a", "waiting", 1.0, "3"), Row("a", "failed", 2.0, "4")], ttl=_LONG
    )
    assert list(store.find(bench.key, ["a"])) == [Row("a", "failed", 2.0, "4")], (
        "of two rows with one id in one commit, the last counts"
    )


@_rule
def _find_takes_five_hundred_ids(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    rows = [Row(f"id-{n:04}", "delivered", None, str(n)) for n in range(600)]
    store.commit(lease, rows=rows, ttl=_LONG)
    asked = [f"id-{n:04}" for n in range(300, 800)]
    assert _by_id(store.find(bench.key, asked)) == rows[300:]
    assert _by_id(store.find(bench.key, ["id-0001", "id-0001", "no"])) == [rows[1]], (
        "an id asked for twice is answered once"
    )


@_rule
def _ids_are_told_apart_by_case_and_accents(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    names = ["a", "A", "a ", "é", "e", "e\u0301"]
    store.commit(lease, rows=[Row(name, "waiting", None, name) for name in names], ttl=_LONG)
    assert _by_id(store.find(bench.key, names)) == [
        Row(name, "waiting", None, name) for name in sorted(names)
    ]
    for name in [*names, "E", "É", " a"]:
        assert [row.value for row in store.find(bench.key, [name])] == [name] * (name in names)


@_rule
def _select_filters_by_state_and_due(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    rows = [
        Row("a", "waiting", 10.0, "{}"),
        Row("b", "waiting", 20.0, "{}"),
        Row("c", "waiting", None, "{}"),
        Row("d", "sending", 5.0, "{}"),
        Row("e", "delivered", 5.0, "{}"),
    ]
    store.commit(lease, rows=rows, ttl=_LONG)

    def ids(*states: str, due: float | None) -> str:
        return "".join(row.id for row in _all(store, bench.key, states, due=due))

    assert ids("waiting", due=None) == "abc"
    assert ids("waiting", due=10.0) == "a", "a row is due at its very time, not only after it"
    assert ids("waiting", due=9.9) == ""
    assert ids("waiting", due=1e12) == "ab", "a row without a due is never due"
    assert ids("sending", "waiting", due=None) == "abcd"
    assert ids("sending", "waiting", due=15.0) == "ad"
    assert ids("Waiting", due=None) == ""
    assert ids(due=None) == "", "no state, no row"


@_rule
def _select_pages_in_the_order_of_ids(bench: _Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    names = ["B", "a", "Z", "_", "10", "9", "é", "\uffff", "\U0001f9fe", "-", "aa"]
    states = ["waiting", "sending"]
    rows = [Row(name, states[n % 2], float(n), "{}") for n, name in enumerate(names)]
    store.commit(lease, rows=rows, ttl=_LONG)
    for due in (None, 100.0):
        seen: list[str] = []
        after: str | None = None
        while True:
            page = store.select(bench.key, states, due=due, after=after, limit=3)
            assert len(page) <= 3, "more rows than the limit"
            seen += [row.id for row in page]
            if len(page) < 3:
                break
            after = page[-1].id
        assert seen == sorted(names), "ids are ordered by code point, and each comes once"


@_rule
def _keys_do_not_see_each_other(bench: _Bench) -> None:
    store = bench.open()
    other = bench.key + "'"
    first, second = bench.held(store), bench.held(store, other)
    store.commit(first, head="1", rows=[Row("a", "waiting", 1.0, "1")], ttl=_LONG)
    store.commit(second, head="2", rows=[Row("a", "failed", None, "2")], ttl=_LONG)
    assert (store.head(bench.key), store.head(other)) == ("1", "2")
    assert list(store.find(bench.key, ["a"])) == [Row("a", "waiting", 1.0, "1")]
    assert list(store.find(other, ["a"])) == [Row("a", "failed", None, "2")]
    assert _all(store, other, ["waiting"]) == []
    store.release(second)
    assert store.acquire(bench.key, "another", _LONG) is None, "one key's release freed another"


# -- the lease -----------------------------------------------------------------------------------


@_rule
def _a_held_lease_is_refused_to_everybody(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = store.acquire(bench.key, "worker", _LONG)
    assert lease is not None
    assert lease.key == bench.key
    for view in (store, door):
        assert view.acquire(bench.key, "another", _LONG) is None
        assert view.acquire(bench.key, "worker", _LONG) is None, "held is held, for its owner too"
    store.commit(lease, head="mine", ttl=_LONG)


@_rule
def _the_fence_grows_with_every_lease(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    fences: list[int] = []
    for view in (store, door, store, door):
        lease = bench.held(view)
        fences.append(lease.fence)
        view.release(lease)
    assert fences == sorted(set(fences)), "a fence came again or shrank"


@_rule
def _a_released_lease_is_free_and_commits_nothing(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.release(lease)
    _refused(lambda: store.commit(lease, head="late", ttl=_LONG), "a released lease committed")
    assert door.head(bench.key) is None
    taken = bench.held(door)
    store.release(lease)  # once more, and too late: the new lease stays
    assert store.acquire(bench.key, "third", _LONG) is None, "an old release freed a new lease"
    door.commit(taken, head="mine", ttl=_LONG)


@_rule
def _an_expired_lease_can_be_taken_over(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    old = store.acquire(bench.key, "dies", _SHORT)
    assert old is not None
    new = _after(bench, lambda: door.acquire(bench.key, "another", _LONG))
    assert new.fence > old.fence


@_rule
def _a_superseded_lease_writes_nothing(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    old = store.acquire(bench.key, "sleeps", _SHORT)
    assert old is not None
    store.commit(old, head="before", rows=[Row("a", "sending", None, "1")], ttl=_SHORT)
    new = _after(bench, lambda: door.acquire(bench.key, "another", _LONG))
    _refused(
        lambda: store.commit(
            old,
            head="zombie",
            rows=[Row("a", "delivered", None, "2"), Row("b", "x", None, "")],
            ttl=_LONG,
        ),
        "a superseded lease committed",
    )
    assert door.head(bench.key) == "before"
    assert list(door.find(bench.key, ["a", "b"])) == [Row("a", "sending", None, "1")]
    store.release(old)
    assert store.acquire(bench.key, "third", _LONG) is None, "a zombie freed the new lease"
    door.commit(new, head="after", ttl=_LONG)


@_rule
def _an_expired_lease_that_nobody_took_commits_and_holds(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = store.acquire(bench.key, "slow", _SHORT)
    assert lease is not None
    bench.pass_time(_SHORT * 1.5)
    store.commit(lease, head="late, but alone", ttl=_LONG)
    assert door.head(bench.key) == "late, but alone"
    assert door.acquire(bench.key, "another", _LONG) is None, "the commit did not renew the lease"


@_rule
def _a_commit_sets_when_the_lease_ends(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.commit(lease, ttl=_SHORT)
    _after(bench, lambda: door.acquire(bench.key, "another", _LONG))


@_rule
def _the_callers_clock_decides_nothing(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    with _clock_of_the_caller(door, 86_400.0):
        assert door.acquire(bench.key, "fast clock", _LONG) is None, (
            "a worker whose clock is a day fast was given a lease that is held"
        )
        assert store.acquire(bench.key, "fast clock", _LONG) is None
    store.commit(lease, ttl=_SHORT)
    with _clock_of_the_caller(door, -86_400.0):
        _after(bench, lambda: door.acquire(bench.key, "slow clock", _LONG))


@_rule
def _a_lease_the_store_never_gave_writes_nothing(bench: _Bench) -> None:
    store = bench.open()
    unknown = Lease(bench.key, 1)
    _refused(
        lambda: store.commit(unknown, head="x", ttl=_LONG), "a key without a lease was written"
    )
    lease = bench.held(store)
    later = Lease(bench.key, lease.fence + 7)
    # Such a lease stems from data that was since replaced by an older copy.
    _refused(lambda: store.commit(later, head="x", ttl=_LONG), "a lease of the future committed")
    assert store.head(bench.key) is None


# -- all or nothing, and all at once -------------------------------------------------------------


@_rule
def _a_commit_that_fails_writes_nothing(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.commit(lease, head="before", rows=[Row("a", "waiting", 1.0, "1")], ttl=_LONG)
    unwritable: Any = object()
    for rows in (
        [Row("a", "delivered", None, "2"), Row("b", "waiting", None, unwritable)],
        [Row("a", "delivered", None, "2"), Row("b", unwritable, None, "")],
    ):
        try:
            store.commit(lease, head="after", rows=rows, ttl=_LONG)
        except Exception:  # noqa: BLE001, S110 - which error it is, is the store's business
            pass
        else:
            raise AssertionError("a row whose value is not text was accepted")
        for view in (store, door):
            assert view.head(bench.key) == "before", "half of a failed commit is there"
            assert list(view.find(bench.key, ["a", "b"])) == [Row("a", "waiting", 1.0, "1")]
    store.commit(lease, head="after", ttl=_LONG)
    assert door.head(bench.key) == "after", "a failed commit broke the store"


@_rule
def _a_reader_never_sees_half_a_commit(bench: _Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    names = [f"id-{n}" for n in range(20)]
    store.commit(lease, rows=[Row(name, "waiting", None, "0") for name in names], ttl=_LONG)
    done = threading.Event()
    mixed: list[set[str]] = []

    def read() -> None:
        while not done.is_set():
            values = {row.value for row in door.find(bench.key, names)}
            if len(values) > 1:
                mixed.append(values)
                return

    with _threads([read]):
        try:
            for n in range(1, 40):
                store.commit(
                    lease, rows=[Row(name, "waiting", None, str(n)) for name in names], ttl=_LONG
                )
        finally:
            done.set()
    assert not mixed, f"one find() saw two commits: {mixed}"


@_rule
def _of_many_at_once_one_gets_the_lease(bench: _Bench) -> None:
    stores = [bench.open() for _ in range(4)]
    for n in range(5):
        key = f"{bench.key} {n}"
        won: list[Lease] = []
        start = threading.Barrier(8)

        def take(
            store: CheckpointStore, key: str, start: threading.Barrier, to: list[Lease]
        ) -> None:
            start.wait(_PATIENCE)
            lease = store.acquire(key, "worker", _LONG)
            if lease is not None:
                to.append(lease)

        with _threads([partial(take, stores[i % 4], key, start, won) for i in range(8)]):
            pass
        assert len(won) == 1, f"{len(won)} of 8 workers got the lease at once"


@_rule
def _no_commit_is_lost_between_many_workers(bench: _Bench) -> None:
    stores = [bench.open() for _ in range(4)]
    rounds = 8

    def work(n: int) -> None:
        store, key = stores[n], f"{bench.key} {n}"
        lease = bench.held(store, key)
        for i in range(rounds):
            store.commit(lease, head=str(i), rows=[Row(f"{i}", "waiting", None, "")], ttl=_LONG)

    with _threads([partial(work, n) for n in range(4)]):
        pass
    for n in range(4):
        key = f"{bench.key} {n}"
        assert stores[0].head(key) == str(rounds - 1), "a worker's commit overwrote another's"
        assert len(_all(stores[0], key, ["waiting"])) == rounds, "a commit was lost"


@_rule
def _a_count_under_the_lease_loses_nothing(bench: _Bench) -> None:
    stores = [bench.open() for _ in range(3)]
    per_worker = 6

    def count(store: CheckpointStore) -> None:
        done, deadline = 0, time.monotonic() + _PATIENCE
        while done < per_worker:
            assert time.monotonic() < deadline, "a released lease was never given out again"
            lease = store.acquire(bench.key, "worker", _LONG)
            if lease is None:
                time.sleep(0.001)
                continue
            store.commit(lease, head=str(int(store.head(bench.key) or 0) + 1), ttl=_LONG)
            store.release(lease)
            done += 1

    with _threads([partial(count, store) for store in stores]):
        pass
    assert stores[0].head(bench.key) == str(3 * per_worker), "an update was lost"


@_rule
def _random_calls_agree_with_a_model(bench: _Bench) -> None:
    chance = random.Random(20_260_101)  # noqa: S311 - a fixed seed is the point
    doors = [bench.open(), bench.open()]
    lease = bench.held(doors[0])
    rows: dict[str, Row] = {}
    head: str | None = None
    names = [f"{c}{n}" for c in "aBé" for n in range(6)]
    states = ["waiting", "sending", "delivered"]
    for _ in range(150):
        door = chance.choice(doors)
        match chance.randrange(4):
            case 0:
                fresh = [
                    Row(
                        name,
                        chance.choice(states),
                        chance.choice([None, float(chance.randrange(10))]),
                        str(chance.random()),
                    )
                    for name in chance.sample(names, chance.randrange(5))
                ]
                text = chance.choice([None, str(chance.random())])
                door.commit(lease, head=text, rows=fresh, ttl=_LONG)
                rows.update((row.id, row) for row in fresh)
                head = head if text is None else text
            case 1:
                assert door.head(bench.key) == head
            case 2:
                asked = chance.sample(names, chance.randrange(len(names)))
                expected = [rows[name] for name in asked if name in rows]
                assert _by_id(door.find(bench.key, asked)) == _by_id(expected)
            case _:
                wanted = chance.sample(states, chance.randrange(1, 4))
                due = chance.choice([None, float(chance.randrange(10))])
                after = chance.choice([None, *names])
                limit = chance.randrange(1, 8)
                matching = [
                    row
                    for row in _by_id(rows.values())
                    if row.state in wanted
                    and (due is None or (row.due is not None and row.due <= due))
                    and (after is None or row.id > after)
                ]
                page = door.select(bench.key, wanted, due=due, after=after, limit=limit)
                assert list(page) == matching[:limit]


# -- tools ---------------------------------------------------------------------------------------


def _all(store: CheckpointStore, key: str, states: Any, *, due: float | None = None) -> list[Row]:
    return list(store.select(key, list(states), due=due, after=None, limit=1000))


def _by_id(rows: Any) -> list[Row]:
    return sorted(rows, key=lambda row: row.id)


def _refused(act: Callable[[], object], message: str) -> None:
    try:
        act()
    except LeaseLost:
        return
    raise AssertionError(message)


def _after(bench: _Bench, acquire: Callable[[], Lease | None]) -> Lease:
    """The lease, once the short one has ended."""
    for _ in range(int(_PATIENCE / _SHORT)):
        bench.pass_time(_SHORT)
        lease = acquire()
        if lease is not None:
            return lease
    raise AssertionError("a lease that ended was never given out again")


@contextmanager
def _threads(work: list[Callable[[], None]]) -> Generator[None, None, None]:
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(_PATIENCE * 2)
    assert not any(thread.is_alive() for thread in threads), "a call never came back"
    if errors:
        raise errors[0]


@contextmanager
def _clock_of_the_caller(store: CheckpointStore, shift: float) -> Generator[None, None, None]:
    """Every wall clock that Python code of the store could read, set wrong."""
    real_time, real_datetime = time.time, datetime.datetime

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + datetime.timedelta(seconds=shift)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    def shifted_time() -> float:
        return real_time() + shift

    def shifted_time_ns() -> int:
        return int(shifted_time() * 1e9)

    wrong: list[tuple[Any, Any]] = [
        (time.time_ns, shifted_time_ns),
        (real_time, shifted_time),
        (real_datetime, Shifted),
    ]
    module = sys.modules.get(type(store).__module__)
    with ExitStack() as patches:
        for name, value in list(vars(module).items()) if module else []:
            for right, replacement in wrong:
                if value is right:
                    patches.enter_context(mock.patch.object(module, name, replacement))
        patches.enter_context(mock.patch.object(time, "time", shifted_time))
        patches.enter_context(mock.patch.object(time, "time_ns", shifted_time_ns))
        patches.enter_context(mock.patch.object(datetime, "datetime", Shifted))
        yield
