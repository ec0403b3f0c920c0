"""Async only: what a cancelled download leaves behind."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from pathlib import Path

import pytest

from banqup_client import AsyncBanqupClient
from support.banqup_service import (
    LOOPBACK,
    ONCE,
    SPACE,
    Scripted,
    credentials,
    fake_banqup,
    file_details,
    invoice,
)
from support.raw_server import RawServer, answer

pytestmark = pytest.mark.anyio


def names_in(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    """The path is as it was, nothing is beside it, and the client still works."""
    started = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.sendall(answer(b"part", length=1000))
        started.set()
        connection.recv(1)

    path = tmp_path / "F1.xml"
    path.write_bytes(b"old")
    with RawServer(stall, answer(b"x" * 1000)) as server:
        client = AsyncBanqupClient(
            credentials(),
            base_url=LOOPBACK,
            transport=Scripted(lambda _: file_details(f"{server.url}/f?s=1", 1000)),
            retry=ONCE,
        )
        async with client:
            task = asyncio.create_task(client.files.download(SPACE, "f1", path))
            await asyncio.to_thread(started.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert path.read_bytes() == b"old"
            assert names_in(tmp_path) == ["F1.xml"]
            assert await client.files.download(SPACE, "f1") == b"x" * 1000


async def test_a_write_under_way_ends_before_the_file_is_put_back() -> None:
    """A thread that still writes cannot add to a file that was cut back already."""
    writing, go_on, written = threading.Event(), threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def write(self, data: object, /) -> int:
            writing.set()
            go_on.wait()
            count: int = super().write(bytes(data))  # type: ignore[call-overload]
            written.set()
            return count

    class NotMemory:
        """A file that is written in a thread, as one on a disk is."""

        def __init__(self) -> None:
            self.held = Slow()
            self.write, self.seek = self.held.write, self.held.seek
            self.tell, self.truncate = self.held.tell, self.held.truncate

    target = NotMemory()
    fake = fake_banqup()
    space = fake.add_space()
    fake.publish(space, files=[invoice()])
    file = fake.documents(space)[0]["files"][0]["id"]
    client = AsyncBanqupClient(
        credentials(),
        base_url=LOOPBACK,
        transport=fake.transport(),
        storage_transport=fake.transport(),
    )
    task = asyncio.create_task(client.files.download(space, file, target))  # type: ignore[call-overload]
    await asyncio.to_thread(writing.wait)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(written.wait)
    assert target.held.getvalue() == b""
