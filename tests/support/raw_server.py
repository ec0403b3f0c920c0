"""A server on a loopback socket that sends exactly the bytes a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Script = bytes | Callable[[socket.socket], None]
"""An answer: its bytes, or what to do with the connection. The connection is closed after it."""


class RawServer:
    """Answers one request per connection by script; the last answer is repeated.

    Attributes:
        requests: The head of every request, and what came of its body in the same packets.
        port: Where it listens.
        failures: Connections that broke before a request came, such as refused certificates.
    """

    def __init__(self, *script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.failures = 0
        self._script = script
        self._tls = tls
        self._closing = False
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its origin."""
        # Certificates are for names.
        origin = "http://127.0.0.1" if self._tls is None else "https://localhost"
        return f"{origin}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            self._connections.append(connection)
            with contextlib.suppress(OSError), contextlib.closing(connection):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                self.failures += 1
                return
        with contextlib.closing(connection):
            head = bytearray()
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65_536)
                if not piece:
                    self.failures += 1
                    return
                head += piece
            self.requests.append(bytes(head))
            step = self._script[min(len(self.requests), len(self._script)) - 1]
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                step(connection)


def answer(
    body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = -1
) -> bytes:
    """An HTTP answer as bytes; ``length`` replaces its true Content-Length, None leaves it out."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
