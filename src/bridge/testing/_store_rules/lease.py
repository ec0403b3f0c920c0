"""The rules about the lease, and about many workers at once."""

# ruff: noqa: S101 - what fails here is a test

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

from bridge._stores.protocol import CheckpointStore, Lease, Row
from bridge.testing._store_rules.bench import (
    LONG,
    PATIENCE,
    SHORT,
    Bench,
    after_expiry,
    clock_of_the_caller,
    refused,
    rule,
    select_all,
    threads_of,
)


@rule
def _a_held_lease_is_refused_to_everybody(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = store.acquire(bench.key, "worker", LONG)
    assert lease is not None
    assert lease.key == bench.key
    for view in (store, door):
        assert view.acquire(bench.key, "another", LONG) is None
        assert view.acquire(bench.key, "worker", LONG) is None, "held is held, for its owner too"
    store.commit(lease, head="mine", ttl=LONG)


@rule
def _the_fence_grows_with_every_lease(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    fences: list[int] = []
    for view in (store, door, store, door):
        lease = bench.held(view)
        fences.append(lease.fence)
        view.release(lease)
    assert fences == sorted(set(fences)), "a fence came again or shrank"


@rule
def _a_released_lease_is_free_and_commits_nothing(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.release(lease)
    refused(lambda: store.commit(lease, head="late", ttl=LONG), "a released lease committed")
    assert door.head(bench.key) is None
    taken = bench.held(door)
    store.release(lease)  # once more, and too late: the new lease stays
    assert store.acquire(bench.key, "third", LONG) is None, "an old release freed a new lease"
    door.commit(taken, head="mine", ttl=LONG)


@rule
def _an_expired_lease_can_be_taken_over(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    old = store.acquire(bench.key, "dies", SHORT)
    assert old is not None
    new = after_expiry(bench, lambda: door.acquire(bench.key, "another", LONG))
    assert new.fence > old.fence


@rule
def _a_superseded_lease_writes_nothing(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    old = store.acquire(bench.key, "sleeps", SHORT)
    assert old is not None
    store.commit(old, head="before", rows=[Row("a", "sending", None, "1")], ttl=SHORT)
    new = after_expiry(bench, lambda: door.acquire(bench.key, "another", LONG))
    refused(
        lambda: store.commit(
            old,
            head="zombie",
            rows=[Row("a", "delivered", None, "2"), Row("b", "x", None, "")],
            ttl=LONG,
        ),
        "a superseded lease committed",
    )
    assert door.head(bench.key) == "before"
    assert list(door.find(bench.key, ["a", "b"])) == [Row("a", "sending", None, "1")]
    store.release(old)
    assert store.acquire(bench.key, "third", LONG) is None, "a zombie freed the new lease"
    door.commit(new, head="after", ttl=LONG)


@rule
def _an_expired_lease_that_nobody_took_commits_and_holds(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = store.acquire(bench.key, "slow", SHORT)
    assert lease is not None
    bench.pass_time(SHORT * 1.5)
    store.commit(lease, head="late, but alone", ttl=LONG)
    assert door.head(bench.key) == "late, but alone"
    assert door.acquire(bench.key, "another", LONG) is None, "the commit did not renew the lease"


@rule
def _a_commit_sets_when_the_lease_ends(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.commit(lease, ttl=SHORT)
    after_expiry(bench, lambda: door.acquire(bench.key, "another", LONG))


@rule
def _the_callers_clock_decides_nothing(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    with clock_of_the_caller(door, 86_400.0):
        assert door.acquire(bench.key, "fast clock", LONG) is None, (
            "a worker whose clock is a day fast was given a lease that is held"
        )
        assert store.acquire(bench.key, "fast clock", LONG) is None
    store.commit(lease, ttl=SHORT)
    with clock_of_the_caller(door, -86_400.0):
        after_expiry(bench, lambda: door.acquire(bench.key, "slow clock", LONG))


@rule
def _a_lease_the_store_never_gave_writes_nothing(bench: Bench) -> None:
    store = bench.open()
    unknown = Lease(bench.key, 1)
    refused(lambda: store.commit(unknown, head="x", ttl=LONG), "a key without a lease was written")
    lease = bench.held(store)
    later = Lease(bench.key, lease.fence + 7)
    # Such a lease stems from data that was since replaced by an older copy.
    refused(lambda: store.commit(later, head="x", ttl=LONG), "a lease of the future committed")
    assert store.head(bench.key) is None


@rule
def _a_commit_that_fails_writes_nothing(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    store.commit(lease, head="before", rows=[Row("a", "waiting", 1.0, "1")], ttl=LONG)
    unwritable: Any = object()
    for rows in (
        [Row("a", "delivered", None, "2"), Row("b", "waiting", None, unwritable)],
        [Row("a", "delivered", None, "2"), Row("b", unwritable, None, "")],
    ):
        try:
            store.commit(lease, head="after", rows=rows, ttl=LONG)
        except Exception:  # noqa: BLE001, S110 - which error it is, is the store's business
            pass
        else:
            raise AssertionError("a row whose value is not text was accepted")
        for view in (store, door):
            assert view.head(bench.key) == "before", "half of a failed commit is there"
            assert list(view.find(bench.key, ["a", "b"])) == [Row("a", "waiting", 1.0, "1")]
    store.commit(lease, head="after", ttl=LONG)
    assert door.head(bench.key) == "after", "a failed commit broke the store"


@rule
def _a_reader_never_sees_half_a_commit(bench: Bench) -> None:
    store, door = bench.open(), bench.open()
    lease = bench.held(store)
    names = [f"id-{n}" for n in range(20)]
    store.commit(lease, rows=[Row(name, "waiting", None, "0") for name in names], ttl=LONG)
    done = threading.Event()
    mixed: list[set[str]] = []

    def read() -> None:
        while not done.is_set():
            values = {row.value for row in door.find(bench.key, names)}
            if len(values) > 1:
                mixed.append(values)
                return

    with threads_of([read]):
        try:
            for n in range(1, 40):
                if mixed:
                    break
                store.commit(
                    lease, rows=[Row(name, "waiting", None, str(n)) for name in names], ttl=LONG
                )
        finally:
            done.set()
    assert not mixed, f"one find() saw two commits: {mixed}"


@rule
def _of_many_at_once_one_gets_the_lease(bench: Bench) -> None:
    stores = [bench.open() for _ in range(4)]
    for n in range(5):
        key = f"{bench.key} {n}"
        won: list[Lease] = []
        start = threading.Barrier(8)

        def take(
            store: CheckpointStore, key: str, start: threading.Barrier, to: list[Lease]
        ) -> None:
            start.wait(PATIENCE)
            lease = store.acquire(key, "worker", LONG)
            if lease is not None:
                to.append(lease)

        with threads_of([partial(take, stores[i % 4], key, start, won) for i in range(8)]):
            pass
        assert len(won) == 1, f"{len(won)} of 8 workers got the lease at once"


@rule
def _no_commit_is_lost_between_many_workers(bench: Bench) -> None:
    stores = [bench.open() for _ in range(4)]
    rounds = 8

    def work(n: int) -> None:
        store, key = stores[n], f"{bench.key} {n}"
        lease = bench.held(store, key)
        for i in range(rounds):
            store.commit(lease, head=str(i), rows=[Row(f"{i}", "waiting", None, "")], ttl=LONG)

    with threads_of([partial(work, n) for n in range(4)]):
        pass
    for n in range(4):
        key = f"{bench.key} {n}"
        assert stores[0].head(key) == str(rounds - 1), "a worker's commit overwrote another's"
        assert len(select_all(stores[0], key, ["waiting"])) == rounds, "a commit was lost"


@rule
def _a_count_under_the_lease_loses_nothing(bench: Bench) -> None:
    stores = [bench.open() for _ in range(3)]
    per_worker = 6

    def count(store: CheckpointStore) -> None:
        done, deadline = 0, time.monotonic() + PATIENCE
        while done < per_worker:
            assert time.monotonic() < deadline, "a released lease was never given out again"
            lease = store.acquire(bench.key, "worker", LONG)
            if lease is None:
                time.sleep(0.001)
                continue
            store.commit(lease, head=str(int(store.head(bench.key) or 0) + 1), ttl=LONG)
            store.release(lease)
            done += 1

    with threads_of([partial(count, store) for store in stores]):
        pass
    assert stores[0].head(bench.key) == str(3 * per_worker), "an update was lost"
