"""HookCheckpoints: a hostile text is refused, a failing hook is an error, a big one is told."""

from __future__ import annotations

import hashlib
import json
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._errors import StoreError
from bridge._stores import json_hook as _store_hook
from bridge._stores.json_hook import HookCheckpoints
from bridge._stores.protocol import Lease, Row


class Kept:
    """An application's value with a version."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.version = 0
        self.saved = 0

    def load(self) -> Any:
        return self.value, self.version

    def save(self, value: str, expected: object) -> bool:
        if expected != self.version:
            return False
        self.value, self.version, self.saved = value, self.version + 1, self.saved + 1
        return True


def filled() -> Kept:
    """A value with a connection in it."""
    kept = Kept()
    store = HookCheckpoints(kept.load, kept.save)
    lease = leased(store)
    store.commit(lease, head="h", rows=[Row("a", "waiting", 1.5, "{}")], ttl=60)
    return kept


def leased(store: HookCheckpoints) -> Lease:
    """The lease, which nobody holds."""
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    return lease


def changed(**members: Any) -> str:
    """A good value with members of its own object replaced, the checksum as it was."""
    return json.dumps(json.loads(filled().value) | members)


def signed(text: str) -> str:
    """The value with the checksum of what stands in it."""
    value = json.loads(text)
    body = json.dumps(value["connections"], sort_keys=True, separators=(",", ":"))
    return json.dumps(value | {"checksum": hashlib.sha256(body.encode()).hexdigest()})


HOSTILE: dict[str, Any] = {
    "empty text": "",
    "null": "null",
    "a number": "1",
    "a list": "[]",
    "an empty object": "{}",
    "not JSON": "hello",
    "half": filled().value[:100],
    "not text": {"format": "bridge-checkpoints"},
    "bytes": b"{}",
    "deep": "[" * 100_000,
    "deep within": '{"format":' + "[" * 100_000,
    "big number": '{"version":' + "9" * 5000 + "}",
    "NaN": changed().replace("1.5", "NaN"),
    "infinity": changed().replace("1.5", "1e999"),
    "another format": changed(format="other"),
    "version 0": changed(version=0),
    "version true": changed(version=True),
    "version text": changed(version="1"),
    "more members": changed(more=1),
    "no connections": changed(connections={}),
    "connections a list": signed(changed(connections=[])),
    "connection a number": signed(changed(connections={"k": 1})),
    "checksum a number": changed(checksum=1),
    "another fence": changed().replace('"fence": 1', '"fence": 2'),
    "fence true": signed(changed().replace('"fence": 1', '"fence": true')),
    "another state": changed().replace('"waiting"', '"delivered"'),
    "row too short": signed(changed().replace(', "value": "{}"', "")),
    "row of numbers": signed(changed().replace('"waiting"', "1").replace('"{}"', "3")),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_value_is_refused(kind: str) -> None:
    """Everything but None and what was saved raises, and is never replaced."""
    kept = Kept(HOSTILE[kind])
    assert kept.value != changed(), "the case changes nothing"
    store = HookCheckpoints(kept.load, kept.save)
    for call in (lambda: store.head("k"), lambda: store.acquire("k", "worker", 60)):
        with pytest.raises(StoreError) as caught:
            call()
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert kept.saved == 0


@given(st.data())
def test_a_changed_character_is_found(data: st.DataObject) -> None:
    """A value with one character changed reads as it was written, or raises."""
    text: str = filled_once
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    kept = Kept(text[:place] + other + text[place + 1 :])
    store = HookCheckpoints(kept.load, kept.save)
    try:
        seen = (store.head("k"), list(store.find("k", ["a"])))
    except StoreError:
        return
    assert seen == ("h", [Row("a", "waiting", 1.5, "{}")])


filled_once: str = filled().value


def test_a_newer_value_is_refused() -> None:
    """A value of a newer release is refused as such."""
    kept = Kept(changed(version=2))
    with pytest.raises(StoreError, match="newer release"):
        HookCheckpoints(kept.load, kept.save).head("k")


def test_a_database_may_write_the_json_its_own_way() -> None:
    """Other white space, key order and number spelling change nothing."""
    value = json.loads(filled().value)
    value["connections"]["k"]["expires"] = value["connections"]["k"]["expires"]
    value["connections"]["k"]["ttl"] = int(value["connections"]["k"]["ttl"])
    kept = Kept(json.dumps(dict(reversed(value.items())), indent=3))
    assert HookCheckpoints(kept.load, kept.save).head("k") == "h"


def test_none_means_nothing_was_ever_saved() -> None:
    """A value of None is an empty store."""
    kept = Kept()
    store = HookCheckpoints(kept.load, kept.save)
    assert store.head("k") is None
    assert kept.saved == 0, "reading writes nothing"


def test_a_lost_race_is_run_again_on_what_the_other_wrote() -> None:
    """When save() says False, the change is made again on top of what is there then."""
    kept = Kept()
    first = HookCheckpoints(kept.load, kept.save)
    other = HookCheckpoints(kept.load, kept.save)
    mine = first.acquire("mine", "worker", 60)
    theirs = other.acquire("theirs", "worker", 60)
    assert mine is not None
    assert theirs is not None
    races = 3

    def save(value: str, expected: object) -> bool:
        nonlocal races
        if races:
            races -= 1
            other.commit(theirs, head=f"theirs {races}", ttl=60)
        return kept.save(value, expected)

    racing = HookCheckpoints(kept.load, save)
    racing.commit(mine, head="mine", ttl=60)
    assert (other.head("mine"), other.head("theirs")) == ("mine", "theirs 0")


def test_a_save_that_never_agrees_is_an_error() -> None:
    """A save() that always says False ends as a retryable StoreError."""
    store = HookCheckpoints(lambda: (None, 0), lambda value, version: False)
    with pytest.raises(StoreError, match="refused") as caught:
        store.acquire("k", "worker", 60)
    assert caught.value.retryable


@pytest.mark.parametrize("answer", [None, 1, "True"])
def test_a_save_that_does_not_answer_is_an_error(answer: Any) -> None:
    """A save() that forgets its return value is told so, not believed."""
    store = HookCheckpoints(lambda: (None, 0), lambda value, version: answer)
    with pytest.raises(StoreError, match="single_worker"):
        store.acquire("k", "worker", 60)


@pytest.mark.parametrize("answer", [None, 5, ("a", "b", "c")])
def test_a_load_without_a_version_is_an_error(answer: Any) -> None:
    """A load() that gives no version needs single_worker=True."""
    store = HookCheckpoints(lambda: answer, lambda value, version: True)
    with pytest.raises(StoreError, match="version"):
        store.head("k")


@pytest.mark.parametrize("answer", [{"format": "bridge-checkpoints"}, b"{}", False, 0])
def test_a_load_that_gives_no_text_is_not_called_damage(answer: Any) -> None:
    """Some drivers decode JSON by themselves; the data are whole, and no backup is needed."""
    with pytest.raises(StoreError, match="not the text that was saved") as caught:
        HookCheckpoints(lambda: (answer, 0), lambda value, version: True).head("k")
    assert caught.value.hint is None


class DriverError(Exception):
    """What a database's driver of the application raises."""


def hooks_that_raise(error: Exception) -> list[HookCheckpoints]:
    """A store for each place where a hook is called."""

    def fail(*_: object) -> Any:
        raise error

    return [
        HookCheckpoints(fail, fail),
        HookCheckpoints(lambda: (None, 0), fail),
        HookCheckpoints(fail, fail, single_worker=True),
        HookCheckpoints(lambda: None, fail, single_worker=True),
    ]


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (TypeError("password=hunter2"), False),
        (KeyError("password=hunter2"), False),
        (AttributeError("password=hunter2"), False),
        (UnicodeDecodeError("utf-8", b"hunter2", 0, 1, "hunter2"), False),
        (ZeroDivisionError("hunter2"), False),
        (ModuleNotFoundError("hunter2"), False),
        (OSError("password=hunter2"), True),
        (TimeoutError("hunter2"), True),
        (ConnectionResetError("hunter2"), True),
        (DriverError("password=hunter2"), True),
        (RuntimeError("hunter2"), True),
        (StoreError("hunter2", service="bridge", retryable=True), True),
        (StoreError("hunter2", service="bridge"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_failing_hook_is_loud(error: Exception, retryable: bool) -> None:
    """The cause and the user's line are shown; its text, which may hold a secret, is not copied.

    It is to be tried again only where that can help: a bug fails the next time as well.
    """
    for store in hooks_that_raise(error):
        with pytest.raises(StoreError, match=type(error).__name__) as caught:
            store.acquire("k", "worker", 60)
        assert caught.value.__cause__ is error
        assert caught.value.retryable is retryable
        assert "hunter2" not in str(caught.value)
        lines = "".join(traceback.format_exception(caught.value))
        assert f'File "{__file__}"' in lines
        assert "raise error" in lines


def test_an_interrupt_of_a_hook_is_no_failure_of_it() -> None:
    """KeyboardInterrupt goes through, and the store works on."""
    kept, interrupted = filled(), True

    def load() -> Any:
        if interrupted:
            raise KeyboardInterrupt
        return kept.load()

    store = HookCheckpoints(load, kept.save)
    with pytest.raises(KeyboardInterrupt):
        store.head("k")
    interrupted = False
    assert store.head("k") == "h"


def test_a_failed_save_is_forgotten() -> None:
    """What could not be saved is not read back as if it were."""
    kept = filled()
    fail = False

    def save(value: str, expected: object) -> bool:
        if fail:
            raise OSError
        return kept.save(value, expected)

    store = HookCheckpoints(kept.load, save, clock=lambda: 1e10)
    lease = leased(store)
    fail = True
    with pytest.raises(StoreError):
        store.commit(lease, head="lost", ttl=60)
    assert store.head("k") == "h"


def test_too_many_rows_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing is written, and the error names the store to move to."""
    monkeypatch.setattr(_store_hook, "ROW_LIMIT", 10)
    kept = Kept()
    store = HookCheckpoints(kept.load, kept.save)
    lease = leased(store)
    store.commit(lease, rows=[Row(str(n), "waiting", None, "") for n in range(10)], ttl=60)
    with pytest.raises(StoreError, match="SQLiteCheckpoints"):
        store.commit(lease, rows=[Row("one more", "waiting", None, "")], ttl=60)
    assert store.find("k", ["one more"]) == []
    store.commit(lease, rows=[Row("1", "delivered", None, "")], ttl=60)


def test_the_limit_is_twenty_thousand_rows() -> None:
    """The limit that the documentation names."""
    assert _store_hook.ROW_LIMIT == 20_000


def test_a_row_of_a_database_is_as_good_as_a_pair() -> None:
    """load() may give whatever can be unpacked in two, as the rows of drivers are."""
    kept = filled()
    store = HookCheckpoints(lambda: iter(kept.load()), kept.save)
    assert store.head("k") == "h"


def test_whole_numbers_read_back() -> None:
    """A clock, a length and a due in whole numbers are times like others."""
    kept = Kept()
    store = HookCheckpoints(kept.load, kept.save, clock=lambda: 1000)
    lease = leased(store)
    store.commit(lease, rows=[Row("a", "waiting", 5, "{}")], ttl=60)
    again = HookCheckpoints(kept.load, kept.save, clock=lambda: 1000)
    assert again.held_until("k") == 1060
    assert list(again.find("k", ["a"])) == [Row("a", "waiting", 5.0, "{}")]


def test_a_single_worker_needs_no_version() -> None:
    """With single_worker=True the hooks are a plain getter and setter."""
    kept: list[str] = []
    store = HookCheckpoints(lambda: kept[-1] if kept else None, kept.append, single_worker=True)
    lease = leased(store)
    store.commit(lease, head="h", ttl=60)
    again = HookCheckpoints(lambda: kept[-1], kept.append, single_worker=True)
    assert again.head("k") == "h"


@pytest.mark.parametrize("single_worker", [True, False])
def test_a_hook_that_fails_again_is_logged_again(
    single_worker: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """After a successful save() the same exception is news; before it, one line is enough."""
    kept: list[str] = []
    broken = False

    def load() -> Any:
        text = kept[-1] if kept else None
        return text if single_worker else (text, len(kept))

    def save(text: str, *_version: Any) -> bool:
        if broken:
            raise OSError("the disk is full")
        kept.append(text)
        return True

    if single_worker:
        store = HookCheckpoints(load, save, single_worker=True)
    else:
        store = HookCheckpoints(load, save)
    lease = leased(store)
    for _ in range(2):
        broken = True
        for _ in range(2):
            with pytest.raises(StoreError):
                store.commit(lease, head="h", ttl=60)
        broken = False
        store.commit(lease, head="h", ttl=60)
    assert len(caplog.records) == 2
