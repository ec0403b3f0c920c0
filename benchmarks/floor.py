"""The physical limit: what the same bytes cost with sockets, base64 and the disk alone.

Per document three exchanges over a kept-alive loopback connection (details, download, upload),
base64 of the content, and the two commits of an export as bare writes that reach the disk.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from binascii import b2a_base64
from collections.abc import Iterator

from measure import Measure, absolute

REQUEST = b"x" * 400
DETAILS = b"y" * 900
ANSWER = b"z" * 300
PAGE = b"\0" * 4096

SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
content = b"c" * int(sys.argv[1])
def read(count):
    while count:
        count -= len(connection.recv(min(count, 1 << 20)))
while connection.recv(1, socket.MSG_PEEK):
    read(400); connection.sendall(b"y" * 900)
    read(400); connection.sendall(content)
    read(400 + (len(content) + 2) // 3 * 4); connection.sendall(b"z" * 300)
"""


def measures(rounds: int) -> Iterator[Measure]:
    """Documents per second that no program on this machine could beat, one at a time."""
    for name, size, count in (("10 KB", 10_000, 500), ("2 MB", 2_000_000, 50)):
        rates = [_documents(size, count) for _ in range(rounds)]
        yield absolute(f"floor: sockets, base64, fsync, {name}, 0 ms", rates, unit="documents/s")


def _documents(size: int, count: int) -> float:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(size)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    port = int(server.stdout.readline())
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        tempfile.TemporaryFile() as store,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(count):
            connection.sendall(REQUEST)
            _read(connection, len(DETAILS))
            connection.sendall(REQUEST)
            content = _read(connection, size)
            _to_disk(store.fileno())
            connection.sendall(REQUEST + b2a_base64(content, newline=False))
            _read(connection, len(ANSWER))
            _to_disk(store.fileno())
        seconds = time.perf_counter() - began
    server.wait(timeout=10)
    server.stdout.close()
    return count / seconds


def _read(connection: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _to_disk(number: int) -> None:
    os.write(number, PAGE)
    os.fdatasync(number)
