"""The rules about rows and heads."""

# ruff: noqa: S101 - what fails here is a test

from __future__ import annotations

import random

from bridge._stores.protocol import Row
from bridge.testing._store_rules.bench import (
    LONG,
    Bench,
    by_id,
    rule,
    select_all,
)


@rule
def _a_new_key_is_empty(bench: Bench) -> None:
    store = bench.open()
    assert store.head(bench.key) is None
    assert list(store.find(bench.key, ["a"])) == []
    assert list(store.find(bench.key, [])) == []
    assert select_all(store, bench.key, ["waiting"]) == []
    bench.held(store)
    assert store.head(bench.key) is None, "taking a lease made a head"


@rule
def _what_was_committed_reads_back_exactly(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    odd = 'é " \\ \n \t \u2028 \U0001f9fe % _ \' NULL {"a": [1, null]}'
    rows = [
        Row("a", "waiting", 1700000000.123456, "{}"),
        Row("b", "sending", None, odd),
        Row("c é \U0001f9fe", "delivered", 0.0, "x" * 100_000),
        Row("'; DROP TABLE x; --", "waiting", -1.5, ""),
    ]
    store.commit(lease, head=odd, rows=rows, ttl=LONG)
    for view in (store, bench.open()):
        assert view.head(bench.key) == odd
        assert by_id(view.find(bench.key, [row.id for row in rows])) == by_id(rows)


@rule
def _a_commit_without_a_head_leaves_the_head(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    store.commit(lease, head="first", ttl=LONG)
    store.commit(lease, rows=[Row("a", "waiting", None, "1")], ttl=LONG)
    assert store.head(bench.key) == "first"
    store.commit(lease, head="second", ttl=LONG)
    assert store.head(bench.key) == "second"
    assert list(store.find(bench.key, ["a"])) == [Row("a", "waiting", None, "1")]


@rule
def _a_row_is_replaced_whole(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    store.commit(lease, rows=[Row("a", "waiting", 5.0, "1")], ttl=LONG)
    store.commit(lease, rows=[Row("a", "delivered", None, "2")], ttl=LONG)
    assert list(store.find(bench.key, ["a"])) == [Row("a", "delivered", None, "2")]
    assert select_all(store, bench.key, ["waiting"]) == [], "the old state can still be selected"
    store.commit(
        lease, rows=[Row("a", "waiting", 1.0, "3"), Row("a", "failed", 2.0, "4")], ttl=LONG
    )
    assert list(store.find(bench.key, ["a"])) == [Row("a", "failed", 2.0, "4")], (
        "of two rows with one id in one commit, the last counts"
    )


@rule
def _find_takes_five_hundred_ids(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    rows = [Row(f"id-{n:04}", "delivered", None, str(n)) for n in range(600)]
    store.commit(lease, rows=rows, ttl=LONG)
    asked = [f"id-{n:04}" for n in range(300, 800)]
    assert by_id(store.find(bench.key, asked)) == rows[300:]
    assert by_id(store.find(bench.key, ["id-0001", "id-0001", "no"])) == [rows[1]], (
        "an id asked for twice is answered once"
    )


@rule
def _ids_are_told_apart_by_case_and_accents(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    names = ["a", "A", "a ", "é", "e", "e\u0301"]
    store.commit(lease, rows=[Row(name, "waiting", None, name) for name in names], ttl=LONG)
    assert by_id(store.find(bench.key, names)) == [
        Row(name, "waiting", None, name) for name in sorted(names)
    ]
    for name in [*names, "E", "É", " a"]:
        assert [row.value for row in store.find(bench.key, [name])] == [name] * (name in names)


@rule
def _select_filters_by_state_and_due(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    rows = [
        Row("a", "waiting", 10.0, "{}"),
        Row("b", "waiting", 20.0, "{}"),
        Row("c", "waiting", None, "{}"),
        Row("d", "sending", 5.0, "{}"),
        Row("e", "delivered", 5.0, "{}"),
    ]
    store.commit(lease, rows=rows, ttl=LONG)

    def ids(*states: str, due: float | None) -> str:
        return "".join(row.id for row in select_all(store, bench.key, states, due=due))

    assert ids("waiting", due=None) == "abc"
    assert ids("waiting", due=10.0) == "a", "a row is due at its very time, not only after it"
    assert ids("waiting", due=9.9) == ""
    assert ids("waiting", due=1e12) == "ab", "a row without a due is never due"
    assert ids("sending", "waiting", due=None) == "abcd"
    assert ids("sending", "waiting", due=15.0) == "ad"
    assert ids("Waiting", due=None) == ""
    assert ids(due=None) == "", "no state, no row"


@rule
def _select_pages_in_the_order_of_ids(bench: Bench) -> None:
    store = bench.open()
    lease = bench.held(store)
    names = ["B", "a", "Z", "_", "10", "9", "é", "\uffff", "\U0001f9fe", "-", "aa"]
    states = ["waiting", "sending"]
    rows = [Row(name, states[n % 2], float(n), "{}") for n, name in enumerate(names)]
    store.commit(lease, rows=rows, ttl=LONG)
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


@rule
def _keys_do_not_see_each_other(bench: Bench) -> None:
    store = bench.open()
    other = bench.key + "'"
    first, second = bench.held(store), bench.held(store, other)
    store.commit(first, head="1", rows=[Row("a", "waiting", 1.0, "1")], ttl=LONG)
    store.commit(second, head="2", rows=[Row("a", "failed", None, "2")], ttl=LONG)
    assert (store.head(bench.key), store.head(other)) == ("1", "2")
    assert list(store.find(bench.key, ["a"])) == [Row("a", "waiting", 1.0, "1")]
    assert list(store.find(other, ["a"])) == [Row("a", "failed", None, "2")]
    assert select_all(store, other, ["waiting"]) == []
    store.release(second)
    assert store.acquire(bench.key, "another", LONG) is None, "one key's release freed another"


@rule
def _random_calls_agree_with_a_model(bench: Bench) -> None:
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
                door.commit(lease, head=text, rows=fresh, ttl=LONG)
                rows.update((row.id, row) for row in fresh)
                head = head if text is None else text
            case 1:
                assert door.head(bench.key) == head
            case 2:
                asked = chance.sample(names, chance.randrange(len(names)))
                expected = [rows[name] for name in asked if name in rows]
                assert by_id(door.find(bench.key, asked)) == by_id(expected)
            case _:
                wanted = chance.sample(states, chance.randrange(1, 4))
                due = chance.choice([None, float(chance.randrange(10))])
                after = chance.choice([None, *names])
                limit = chance.randrange(1, 8)
                matching = [
                    row
                    for row in by_id(rows.values())
                    if row.state in wanted
                    and (due is None or (row.due is not None and row.due <= due))
                    and (after is None or row.id > after)
                ]
                page = door.select(bench.key, wanted, due=due, after=after, limit=limit)
                assert list(page) == matching[:limit]
