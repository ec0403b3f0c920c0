"""The rules about the lease and about several workers; each public function is one rule."""

# ruff: noqa: S101 - these functions are tests

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from bridge._stores.protocol import CheckpointStore, Lease, Row
from bridge.testing._store_rules.store_suite import (
    LONG,
    PATIENCE,
    SHORT,
    StoreSuite,
    assert_lost,
    in_threads,
    wrong_clock,
)


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
    assert_lost(lambda: first.commit(lease, head="late", ttl=LONG), "a released lease committed")
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
    assert_lost(
        lambda: first.commit(old, head="late", rows=rows, ttl=LONG), "a superseded lease committed"
    )
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
    with wrong_clock(suite.first, 86_400.0):
        for store in suite.stores:
            assert store.acquire(suite.key, "fast clock", LONG) is None, (
                "a worker whose clock is a day fast was given a lease that is held"
            )
    suite.first.commit(lease, ttl=SHORT)
    with wrong_clock(suite.first, -86_400.0):
        suite.after_expiry()


def a_lease_the_store_never_gave_writes_nothing(suite: StoreSuite) -> None:
    store, unknown = suite.first, Lease(suite.key, 1)
    assert_lost(lambda: store.commit(unknown, head="x", ttl=LONG), "a key without a lease changed")
    later = Lease(suite.key, suite.lease().fence + 7)
    # Such a lease was given before the data was restored from an older backup.
    assert_lost(lambda: store.commit(later, head="x", ttl=LONG), "a lease of the future committed")
    assert store.head(suite.key) is None


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

    in_threads(read, write)


def of_many_at_once_one_gets_the_lease(suite: StoreSuite) -> None:
    start = threading.Barrier(8)
    for n in range(5):
        taken: list[Lease | None] = []

        def take(store: CheckpointStore, key: str, taken: list[Lease | None]) -> None:
            start.wait(PATIENCE)
            taken.append(store.acquire(key, "worker", LONG))

        in_threads(*(partial(take, store, f"{suite.key} {n}", taken) for store in suite.stores * 2))
        given = [lease for lease in taken if lease is not None]
        assert len(given) == 1, f"{len(given)} of 8 workers got the lease at once"


def no_commit_is_lost_between_many_workers(suite: StoreSuite) -> None:
    rounds = 8
    keys = [f"{suite.key} {n}" for n in range(len(suite.stores))]

    def work(store: CheckpointStore, key: str) -> None:
        lease = store.acquire(key, "worker", LONG)
        assert lease is not None
        for n in range(rounds):
            store.commit(lease, head=str(n), rows=[Row(f"{n}", "waiting", None, "")], ttl=LONG)

    in_threads(*map(partial, [work] * len(keys), suite.stores, keys))
    for key in keys:
        assert suite.first.head(key) == str(rounds - 1), "a commit overwrote another worker's"
        assert len(suite.select("waiting", key=key)) == rounds, "a commit was lost"
