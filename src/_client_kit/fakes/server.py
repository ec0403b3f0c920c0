"""The fake's door on loopback sockets: a small, fast HTTP/1.1 server.

`http.server` parses headers with the e-mail package and sends header and body apart; this one
reads with `recv_into`, answers with one packet where that is enough, and keeps connections
alive. It is a test double: it speaks what HTTP clients really send, not all of the standard.
"""

from __future__ import annotations

import contextlib
import http
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from _client_kit.fakes.wire import Head, Reply

if TYPE_CHECKING:
    from _client_kit.fakes.service import FakeService

_MAX_HEAD = 65_536
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


class _ClientGoneError(Exception):
    """The client closed the connection."""


class Loopback:
    """One or two loopback origins that answer from a fake until closed.

    Attributes:
        url: The API's origin, e.g. ``http://127.0.0.1:40123``.
        storage_url: The storage's origin; empty where the service has none.
    """

    def __init__(
        self,
        service: FakeService,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        storage_port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen at once, on free ports unless told which."""
        self._service = service
        self._context = ssl_context
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._listeners: list[tuple[socket.socket, threading.Thread]] = []
        ports = {"api": port, "storage": storage_port}
        if not service.storage_host:
            del ports["storage"]
        scheme = "https" if ssl_context else "http"
        urls: dict[str, str] = {}
        for origin, wanted in ports.items():
            listener = socket.create_server((host, wanted), backlog=128)
            urls[origin] = f"{scheme}://{host}:{listener.getsockname()[1]}"
            thread = threading.Thread(
                target=self._accept, args=(listener, origin), name=f"fake {origin}", daemon=True
            )
            self._listeners.append((listener, thread))
        self.url = urls["api"]
        self.storage_url = urls.get("storage", "")
        for _, thread in self._listeners:
            thread.start()

    def close(self) -> None:
        """Stop listening and end every connection."""
        if self._closing.is_set():
            return
        self._closing.set()
        for listener, thread in self._listeners:
            # Closing a socket does not wake an accept() everywhere; a connection does.
            with contextlib.suppress(OSError), socket.create_connection(listener.getsockname()):
                thread.join(5)
            listener.close()
        with self._lock:
            open_ones = list(self._connections.items())
        for _, connection in open_ones:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        patience = time.monotonic() + 5  # one may be asleep in a scripted delay
        for thread, _ in open_ones:
            if thread is not threading.current_thread():
                thread.join(max(0.0, patience - time.monotonic()))

    def __enter__(self) -> Self:
        """Return the server, which already listens."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _accept(self, listener: socket.socket, origin: str) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # pragma: no cover - where closing a listener ends its accept()
                return
            if self._closing.is_set():
                connection.close()
                return
            thread = threading.Thread(
                target=self._talk, args=(connection, origin), name="fake connection", daemon=True
            )
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _talk(self, raw: socket.socket, origin: str) -> None:
        connection = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connection = self._context.wrap_socket(raw, server_side=True)
                with self._lock:
                    self._connections[threading.current_thread()] = connection
            talk = _Conversation(self._service, connection, origin, self.storage_url)
            while talk.exchange() and not self._closing.is_set():
                pass
        except (_ClientGoneError, OSError):
            pass  # the client's own business: it went away, or it refused our certificate
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(threading.current_thread(), None)


class _Conversation:
    """The requests of one connection, one after the other."""

    def __init__(
        self, service: FakeService, connection: socket.socket, origin: str, storage_url: str
    ) -> None:
        self._service = service
        self._socket = connection
        self._origin = origin
        self._storage_url = storage_url
        self._buffer = bytearray()

    def exchange(self) -> bool:
        """Answer one request; False where the connection is to be closed."""
        head = self._read_head()
        if head is None:
            return False
        plan = self._service.begin(head)
        if plan.cut is not None:
            with contextlib.suppress(_ClientGoneError):
                self._take(min(plan.cut, int(head.headers.get("content-length", plan.cut))))
            self._service.abandon(plan)
            self._reset()
            return False
        if "100-continue" in head.headers.get("expect", "").lower():
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body = self._read_body(head.headers)
        except _ClientGoneError:
            self._service.abandon(plan)
            raise
        if plan.pause > 0:
            self._service.sleep(plan.pause)
        reply = self._service.finish(plan, body)
        del body
        if reply.pause > 0:
            self._service.sleep(reply.pause)
        return self._send(reply) and head.headers.get("connection", "").lower() != "close"

    def _send(self, reply: Reply) -> bool:
        delivery = reply.delivery
        if delivery is not None and delivery.kind == "drop":
            if delivery.reset:
                self._reset()
            return False
        if delivery is not None and delivery.kind == "garbage":
            self._socket.sendall(delivery.raw)
            return False
        lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in reply.wire_headers()]
        top = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        body, claimed = reply.wire_body()
        if delivery is not None and delivery.kind == "truncate":
            self._socket.sendall(top + body[: delivery.size])
            return False
        if delivery is not None and delivery.kind == "drip":
            self._socket.sendall(top)
            for start in range(0, len(body), delivery.size):
                if delivery.pause > 0:
                    self._service.sleep(delivery.pause)
                self._socket.sendall(body[start : start + delivery.size])
            return True
        if len(body) <= _MAX_HEAD:  # one packet, so that no delayed acknowledgement holds it up
            self._socket.sendall(top + body)
        else:
            self._socket.sendall(top)
            self._socket.sendall(body)
        # A length that lies must not eat into the next answer.
        return claimed == len(body) and (delivery is None or delivery.kind not in {"close", "cut"})

    def _reset(self) -> None:
        """Close so that the client sees a reset: lingering for zero seconds does that."""
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def _read_head(self) -> Head | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD:
                self._socket.sendall(b"HTTP/1.1 431 Too large\r\nContent-Length: 0\r\n\r\n")
                return None
            piece = self._socket.recv(_MAX_HEAD)
            if not piece:
                raise _ClientGoneError
            self._buffer += piece
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        words = lines[0].split(" ")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                words = []
                break
            name = name.lower()
            value = value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if len(words) != 3 or not words[1].startswith("/"):
            self._socket.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return None
        return Head(self._origin, words[0], words[1], headers, self._storage_url)

    def _read_body(self, headers: Mapping[str, str]) -> bytearray:
        if "chunked" not in headers.get("transfer-encoding", "").lower():
            return self._take(int(headers.get("content-length", "0")))
        body = bytearray()
        while size := int(self._line().partition(b";")[0], 16):
            body += self._take(size)
            self._line()
        while self._line():
            pass
        return body

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            piece = self._socket.recv(_MAX_HEAD)
            if not piece:
                raise _ClientGoneError
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, size: int) -> bytearray:
        if size <= len(self._buffer):
            body = self._buffer[:size]
            del self._buffer[:size]
            return body
        body = bytearray(size)
        have = len(self._buffer)
        body[:have] = self._buffer
        self._buffer.clear()
        with memoryview(body) as view:
            while have < size:
                got = self._socket.recv_into(view[have:])
                if not got:
                    raise _ClientGoneError
                have += got
        return body
