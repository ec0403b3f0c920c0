"""The rules about rows and heads; each public function is one rule."""

# ruff: noqa: S101 - these functions are tests

from __future__ import annotations

from bridge._stores.protocol import Row
from bridge.testing._store_rules.store_suite import LONG, StoreSuite


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
