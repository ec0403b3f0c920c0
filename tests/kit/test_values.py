"""Secrets, errors, answers, and files that appear when they are whole."""

from __future__ import annotations

import copy
import io
import os
import pickle
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from _client_kit import _errors
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._errors import CredentialsError, ProtocolError, ServiceError
from _client_kit._files import FileView, atomic_file
from _client_kit._redaction import sanitise
from _client_kit._request import PreparedRequest
from _client_kit._response import ApiResponse, Token
from _client_kit._secret import Secret
from _client_kit._status import meaning_of
from _client_kit._tokens import TokenCache
from support.kit_service import READ, dialect

CANARY = "canary-7d1f"


@attrs.frozen
class Holder:
    """A value with a secret in it."""

    name: str
    secret: Secret


def test_secret_shows_only_itself_when_asked() -> None:
    """No way of showing an object shows the secret in it."""
    secret = Secret(CANARY)
    holder = Holder("x", secret)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031 - as a log call does
        repr(holder),
        str(attrs.asdict(holder)),
        repr([getattr(secret, name) for name in dir(secret) if name != "reveal"]),
    ]
    assert CANARY not in " ".join(shown)
    assert secret.reveal() == CANARY
    assert Secret(secret).reveal() == CANARY


def test_secret_equality_and_truth() -> None:
    """Secrets compare by what they hold, are falsy when empty, and are no keys."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")
    with pytest.raises(TypeError):
        hash(Secret("a"))


@pytest.mark.parametrize("value", [None, 7, b"bytes"])
def test_secret_of_another_type(value: Any) -> None:
    """Only text is a secret; the error names the type and not the value."""
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        Secret(value)


@pytest.mark.parametrize("value", [Secret(CANARY), Holder("x", Secret(CANARY))])
def test_secret_is_not_pickled(value: object) -> None:
    """A secret does not leave the process, and the error says what to do instead."""
    with pytest.raises(TypeError, match=r"from_env\(\)"):
        pickle.dumps(value)


def test_secret_is_copied_as_itself() -> None:
    """Copying what holds a secret works and makes no second text."""
    holder = Holder("x", Secret(CANARY))
    assert copy.deepcopy(holder) == holder
    assert copy.copy(holder.secret) is holder.secret


def test_tokens_and_requests_show_nothing() -> None:
    """What carries a token or a password through the library masks it."""
    request = PreparedRequest(Operation("login", "POST", "/login"), "/login", {}, CANARY.encode())
    answer = ApiResponse(200, {"set-cookie": CANARY}, CANARY.encode())
    assert CANARY not in repr([Token(Secret(CANARY), 1.0), request, answer])


ERRORS = [getattr(_errors, name) for name in (*_errors.__all__, "StoreError")]


@pytest.mark.parametrize("cls", ERRORS)
def test_every_error_is_pickled_whole(cls: type[ServiceError]) -> None:
    """An error survives the way to another process, with all it carries and nothing else."""
    error = cls(
        "what happened",
        service="bridge",
        status=418,
        retry_after=3.0,
        request_id="r-1",
        hint="Do this.",
        members=("a", "b"),
        answered_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), error.copy()):
        assert type(twin) is cls
        assert vars(twin) == vars(error)
        assert twin.args == ("what happened",)
        assert str(twin) == "bridge: what happened. Do this. (request id r-1)"
        assert twin.__traceback__ is None


@pytest.mark.parametrize("cls", ERRORS)
def test_errors_are_retryable_and_applied_by_class(cls: type[ServiceError]) -> None:
    """Only what may pass by itself is retryable; only the two unclear kinds leave doubt."""
    error = cls("x", service="bridge")
    assert error.retryable is (error.kind in ("rate limited", "unavailable", "indefinite"))
    assert (error.applied is None) is (error.kind in ("indefinite", "protocol"))
    assert cls("x", service="bridge", retryable=True).retryable is True


@pytest.mark.parametrize("safe", [True, False])
def test_every_status_means_something(safe: bool) -> None:
    """Each status has an error that names it, and a read never leaves an outcome in doubt."""
    for status in range(300, 600):
        kind, text, _ = meaning_of(status, safe=safe)
        assert str(status) in text
        if safe:
            assert kind is not _errors.OutcomeUnknownError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\nERROR forged\x1b[31m", "ERROR forged [31m"),
        ("a\u202eb\u2028c\x85d", "a b c d"),
        ("\ud800x", "x"),
        (["x"], "['x']"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_server_text_is_made_safe(text: object, shown: str) -> None:
    """A service's words are one short line without anything that controls a terminal."""
    assert sanitise(text) == shown


def test_answer() -> None:
    """An answer's header fields are read leniently."""
    headers = httpx.Headers(
        {
            "Date": "Sun, 01 Mar 2026 10:00:00 GMT",
            "Retry-After": "Sun, 01 Mar 2026 10:00:09 GMT",
            "Content-Type": "Application/JSON; charset=utf-8",
            "X-Correlation-Id": "r-1\x1b[31m" + "x" * 200,
        }
    )
    answer = ApiResponse(200, headers, b"{}")
    assert answer.date == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert answer.retry_after == 9.0
    assert answer.content_type == "application/json"
    assert answer.request_id is not None
    assert len(answer.request_id) == 100
    assert "\x1b" not in answer.request_id
    bare = ApiResponse(200, {"date": "today", "retry-after": "later"}, b"")
    assert (bare.date, bare.retry_after, bare.request_id) == (None, None, None)
    assert bare.describe() == "an empty body"
    assert bare.json_or_none() is None


def test_payload_error_carries_the_answers_facts() -> None:
    """An answer that is no JSON is described by size and type, never quoted."""
    headers = {"content-type": "text/html", "x-request-id": "r-1"}
    answer = ApiResponse(200, headers, b"<html>private</html>")
    with pytest.raises(ProtocolError, match="20 bytes of text/html") as caught:
        dialect().payload(answer, READ)
    assert caught.value.request_id == "r-1"
    assert "private" not in str(caught.value)
    assert caught.value.__context__ is None


def test_deadlines() -> None:
    """A deadline never has less than no time left; none at all never comes."""
    assert Deadline(at=0.0).remaining() == 0.0
    assert Deadline.after(None).remaining() == float("inf")
    assert 59.0 < Deadline.after(60.0).remaining() <= 60.0


def test_dropping_an_old_token_keeps_its_successor() -> None:
    """A late 401 for an old token does not throw away the fresh one."""
    state = TokenCache()
    old, new = Token(Secret("old"), 3600.0), Token(Secret("new"), 3600.0)
    far = Deadline.after(1e6).at
    state.store(old, far)
    state.store(new, far)
    state.drop(old)
    assert state.current() is new
    state.drop(new)
    assert state.current() is None


def test_rejection_outlives_everything() -> None:
    """Once refused, always refused, each time with an exception of its own."""
    state = TokenCache()
    error = CredentialsError("no", service="bridge")
    state.reject(error)
    state.store(Token(Secret("x"), 3600.0), 1e9)
    caught: list[CredentialsError] = []
    for _ in range(2):
        with pytest.raises(CredentialsError, match="no") as info:
            state.current()
        caught.append(info.value)
    assert len({id(one) for one in (*caught, error)}) == 3


def test_atomic_file_appears_whole(tmp_path: Path) -> None:
    """Nothing is under the name until the block ends; then the old content is replaced."""
    path = tmp_path / "invoice.xml"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["invoice.xml"]  # noqa: PTH208 - hidden files count
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_atomic_file_of_a_block_that_fails(tmp_path: Path, kind: type[BaseException]) -> None:
    """An exception leaves neither a new file nor a temporary one."""
    path = tmp_path / "invoice.xml"

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"half")
            raise kind

    with pytest.raises(kind):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_atomic_file_on_a_full_disk(tmp_path: Path) -> None:
    """When even closing fails, the temporary file is removed all the same."""

    def fail() -> None:
        with atomic_file(tmp_path / "x") as file, open("/dev/full", "wb") as full:  # noqa: PTH123
            os.dup2(full.fileno(), file.fileno())
            file.write(b"x")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_atomic_file_does_not_follow_a_link(tmp_path: Path) -> None:
    """A link under the name is replaced; what it pointed to is left alone."""
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    path = tmp_path / "invoice.xml"
    path.symlink_to(other)
    with atomic_file(path) as file:
        file.write(b"ours")
    assert other.read_bytes() == b"theirs"
    assert path.read_bytes() == b"ours"
    assert not path.is_symlink()


def test_atomic_file_replaces_no_device(tmp_path: Path) -> None:
    """A folder, a pipe or a device under the name is refused, not replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path(os.devnull)):
        with pytest.raises(FileExistsError, match="not an ordinary file"), atomic_file(path):
            pass
    assert pipe.is_fifo()


def test_atomic_file_stays_where_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name means the folder of the beginning, whatever the process moves to."""
    monkeypatch.chdir(tmp_path)
    with atomic_file("invoice.xml"):
        monkeypatch.chdir("/")
    assert (tmp_path / "invoice.xml").exists()


def test_file_view_copies_no_piece() -> None:
    """What the file hands out is handed on: an upload copies each piece of a file once."""

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            pieces.append(super().read(size))
            return pieces[-1]

    pieces: list[bytes] = []
    views = [FileView(Watched(b"0123456789"), start) for start in (0, 4)]
    taken = [view.read(size) for size in (3, None, 3) for view in views]
    assert taken == [b"012", b"456", b"3456789", b"789", b"", b""]
    assert all(mine is its for mine, its in zip(taken, pieces, strict=True))
