"""Answers that no honest service sends."""

from __future__ import annotations

import gzip
import re
import tracemalloc
import zlib
from typing import Any

import httpx
import pytest

from _client_kit._async import _calls as calls_module
from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ProtocolError, ServiceError
from _client_kit._retry import RetryPolicy
from support.kit_service import ORIGIN, READ, WRITE, Service, call_async, dialect, reply

pytestmark = pytest.mark.anyio

CAP = 100_000


@pytest.fixture(autouse=True)
def _small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_ANSWER", CAP)


async def ask(*script: httpx.Response | Exception, write: bool = False) -> Any:
    """The payload that an answer becomes."""
    calls = AsyncCalls(
        dialect(),
        {},
        base_url=ORIGIN,
        timeout=10.0,
        deadline=60.0,
        user_agent="test",
        retry=RetryPolicy(attempts=1),
        transport=Service(*script),
        http_client=None,
        ssl_context=None,
    )
    if write:
        return (await call_async(calls, WRITE, json={}))[0]
    return (await call_async(calls, READ, path={"thing_id": "a1"}))[0]


@pytest.mark.parametrize("size", [1, 7, CAP])
async def test_pieces_are_put_together(size: int) -> None:
    """A body in many pieces is the same as in one."""
    body = b'{"text":"' + b"x" * 1000 + b'"}'
    pieces = tuple(body[start : start + size] for start in range(0, len(body), size))
    assert await ask(reply(pieces=pieces)) == {"text": "x" * 1000}


@pytest.mark.parametrize("piece", [CAP + 1, 1000, 1])
async def test_oversize(piece: int) -> None:
    """A body over the cap is refused while it comes, in big pieces or small ones."""
    pieces = tuple(b" " * piece for _ in range(CAP // piece + 1))
    with pytest.raises(ProtocolError, match=f"larger than {CAP} bytes"):
        await ask(reply(pieces=pieces))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_although_declined(encoding: str) -> None:
    """A compressed answer is read all the same: some gateways never ask."""
    body = b'{"id": 1}'
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    headers = {"Content-Encoding": encoding}
    assert await ask(reply(200, packed, headers)) == {"id": 1}
    halves = (packed[:5], packed[5:])
    assert await ask(reply(200, headers=headers, pieces=halves)) == {"id": 1}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_decompression_bomb(encoding: str) -> None:
    """A small answer that unpacks to a huge one is refused without unpacking it."""
    size = 300 * CAP
    bomb = b"[" + b" " * size + b"]"
    packed = gzip.compress(bomb) if encoding == "gzip" else zlib.compress(bomb)
    del bomb
    assert len(packed) < CAP
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match=f"larger than {CAP} bytes"):
            await ask(reply(200, packed, {"Content-Encoding": encoding}))
        assert tracemalloc.get_traced_memory()[1] < size / 10
    finally:
        tracemalloc.stop()


async def test_double_gzip() -> None:
    """Two layers are not unpacked: the inner one is no JSON."""
    packed = gzip.compress(gzip.compress(b"{}"))
    for encoding in ("gzip", "gzip, gzip"):
        with pytest.raises(ProtocolError, match=r"expected JSON|a web page"):
            await ask(reply(200, packed, {"Content-Encoding": encoding}))


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b'{"id": 1}')[:-4], gzip.compress(b"{}")[:9], b"not gzip at all"],
    ids=["no checksum", "head only", "no gzip"],
)
async def test_damaged_compression(packed: bytes) -> None:
    """A truncated or false gzip body is an error, never a shorter answer."""
    with pytest.raises(ProtocolError, match="compression is damaged"):
        await ask(reply(200, packed, {"Content-Encoding": "gzip"}))


HOSTILE = {
    "an empty body": b"",
    "a web page": b"<!doctype html><title>Maintenance</title>",
    "not UTF-8": '{"name": "Café"}'.encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "a member twice": b'{"a": 1, "a": 2}',
    "deep lists": b"[" * 40_000 + b"]" * 40_000,
    "deep objects": b'{"a":' * 15_000 + b"1" + b"}" * 15_000,
    "one level too deep": b"[" * 65 + b"]" * 65,
    "a number without end": b"[" + b"9" * 5_000 + b"]",
    "an exponent without end": b"[1e" + b"9" * 40 + b"]",
    "half an answer": b'{"a": [1, 2',
    "two answers": b"{}{}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_not_the_json_we_accept(body: bytes) -> None:
    """What is not plain JSON is a protocol error that does not quote it."""
    with pytest.raises(ProtocolError) as caught:
        await ask(reply(200, body, {"Content-Type": "text/html; charset=x\x1b[31m"}))
    assert re.search("expected JSON|a web page", str(caught.value))
    assert "Maintenance" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud800"}', {"a": "\ufffd"}),
        (b'{"\\udfff": ["x\\ud83d\\ude00"]}', {"\ufffd": ["x\U0001f600"]}),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
async def test_odd_but_harmless(body: bytes, payload: object) -> None:
    """A byte order mark, lone surrogates and deep but bounded nesting are no errors."""
    value = await ask(reply(200, body, {"Content-Type": "text/plain; charset=iso-8859-1"}))
    if payload is not None:
        assert value == payload
    assert str(value).encode()  # can be written anywhere


@pytest.mark.parametrize("location", ["https://evil.example/", "http://[", "", "//x", "\x7f:"])
async def test_redirects_are_never_followed(location: str) -> None:
    """A redirect is an error, whatever it points to; a write may have been applied."""
    for write in (False, True):
        with pytest.raises(ServiceError) as caught:
            await ask(reply(302, None, {"Location": location}), write=write)
        assert "evil" not in str(caught.value)
        assert caught.value.applied is None or not write


async def test_broken_in_the_body() -> None:
    """A body that breaks off is an error, never a shorter answer."""
    with pytest.raises(ServiceError, match="connection broke"):
        await ask(reply(pieces=(b"[1", httpx.RemoteProtocolError("peer closed"))))
