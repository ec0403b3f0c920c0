"""A JSON body with files in it."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._async import _body
from _client_kit._async._body import AsyncJsonBody
from _client_kit._errors import OutcomeUnknownError
from _client_kit._files import Base64, BodyPart, FileSource, json_parts, size_of

pytestmark = pytest.mark.anyio


async def sent(parts: Sequence[BodyPart]) -> bytes:
    """The whole body, in the pieces it travels in put together."""
    body = AsyncJsonBody(parts, service="bridge")
    pieces = [piece async for piece in body]
    again = [piece async for piece in body]
    assert again == pieces  # it can be sent any number of times
    return b"".join(pieces)


class Trickle(io.BytesIO):
    """A file that gives fewer bytes than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most two."""
        return super().read(2 if size is None or size < 0 else min(size, 2))


class Broken(io.BytesIO):
    """A file whose disk fails behind the first bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Three bytes, then an error."""
        if self.tell():
            raise OSError(5, "GET https://bucket.example/a.xml?sig=the-storage-behind-it")
        return super().read(3)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 100])
@pytest.mark.parametrize("kind", ["bytes", "path", "file", "trickle"])
async def test_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, kind: str) -> None:
    """Files of any length arrive whole, and the length announced is the length sent."""
    monkeypatch.setattr(_body, "READ_SIZE", 6)
    content = bytes(range(size))
    path = tmp_path / "x"
    path.write_bytes(content)
    makers: dict[str, Any] = {
        "bytes": lambda: content,
        "path": lambda: path,
        "file": lambda: io.BytesIO(content),
        "trickle": lambda: Trickle(content),
    }
    source = FileSource.of(makers[kind]())
    parts = json_parts({"a": "x", "files": [Base64(source), Base64(source)], "z": None})
    body = await sent(parts)
    assert len(body) == size_of(parts)
    value = json.loads(body)
    assert [b64decode(text, validate=True) for text in value["files"]] == [content] * 2
    assert (value["a"], value["z"]) == ("x", None)


async def test_open_file_is_read_from_where_it_stood() -> None:
    """What was read before is not sent, and the file is left open."""
    file = io.BytesIO(b"head and rest")
    file.seek(9)
    parts = json_parts([Base64(FileSource.of(file))])
    assert b64decode(json.loads(await sent(parts))[0]) == b"rest"
    assert not file.closed


async def test_what_a_source_opens_is_a_source_again() -> None:
    """A file handed on by its reader: each starts where it stood, and closing one closes none."""
    file = io.BytesIO(b"head and rest")
    file.seek(9)
    with FileSource.of(file).open() as first:
        first.read(1)
        again = FileSource.of(first)
        assert again.size == 3
        for _ in range(2):
            second = again.open()
            assert second.read() == b"est"
            second.close()
        first.seek(0)
        assert (first.read(4), first.tell()) == (b"head", 4)
    assert not file.closed


async def test_pieces_stay_small(tmp_path: Path) -> None:
    """A large file is never in memory as a whole."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 1_000_000)
    parts = json_parts([Base64(FileSource.of(path))])
    largest = 0
    async for piece in AsyncJsonBody(parts, service="bridge"):
        largest = max(largest, len(piece))
    assert largest <= _body.READ_SIZE // 3 * 4 + 10


async def test_file_that_shrinks(tmp_path: Path) -> None:
    """A file cut short after its length was announced is an error, not a shorter upload."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 10)
    parts = json_parts([Base64(FileSource.of(path))])
    path.write_bytes(b"x" * 5)
    with pytest.raises(OutcomeUnknownError, match="became shorter"):
        await sent(parts)


async def test_file_that_grows(tmp_path: Path) -> None:
    """A file written to meanwhile is sent as long as was announced."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 10)
    parts = json_parts([Base64(FileSource.of(path))])
    path.write_bytes(b"x" * 50)
    assert b64decode(json.loads(await sent(parts))[0]) == b"x" * 10


async def test_file_that_breaks_in_the_middle() -> None:
    """What was sent of it may have arrived, and the reason is the disk's."""
    parts = json_parts([Base64(FileSource.of(Broken(b"x" * 10)))])
    with pytest.raises(OutcomeUnknownError, match="Input/output error") as caught:
        await sent(parts)
    assert not caught.value.retryable


async def test_file_that_vanishes(tmp_path: Path) -> None:
    """A file that cannot be opened or read any more is our error, and says why."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 10)
    parts = json_parts([Base64(FileSource.of(path))])
    path.unlink()
    with pytest.raises(OutcomeUnknownError, match="No such file"):
        await sent(parts)
    (tmp_path / "x").mkdir()
    with pytest.raises(OutcomeUnknownError, match="Is a directory"):
        await sent(parts)


@pytest.mark.parametrize("content", [7, None, object(), io.StringIO("text"), ["x"]])
def test_what_is_no_file(content: object) -> None:
    """Something else than a file is refused by its type."""
    with pytest.raises(TypeError, match=f"not {type(content).__name__}"):
        FileSource.of(cast("BinaryIO", content))


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.binary(), max_size=5),
    st.lists(st.binary(max_size=20), max_size=3),
)
def test_any_texts_and_files(texts: dict[str, Any], files: list[bytes]) -> None:
    """Whatever texts stand beside the files, the pieces make the same JSON again."""
    value: list[Any] = [
        {
            key: Base64(FileSource.of(text)) if isinstance(text, bytes) else text
            for key, text in texts.items()
        },
        *[Base64(FileSource.of(file)) for file in files],
    ]
    parts = json_parts(value)
    whole = b"".join(
        b"!" * part.encoded_size if isinstance(part, Base64) else cast("bytes", part)
        for part in parts
    )
    assert len(whole) == size_of(parts)
    found = json.loads(whole)
    assert len(found) == 1 + len(files)
    assert set(found[0]) == set(texts)


def test_nothing_else_is_written() -> None:
    """A value JSON does not know is refused, beside a file too."""
    with pytest.raises(TypeError, match="set cannot be written"):
        json_parts([Base64(FileSource.of(b"x")), {1}])
