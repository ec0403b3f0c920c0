"""Serve a fake on loopback sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self

from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply

_LONGEST_LINE = 65_536
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Loopback:
    """A server on one or two loopback ports that answers from a fake until it is closed.

    Attributes:
        url: The API's base URL, such as ``http://127.0.0.1:40123``.
        storage_url: The storage's base URL; empty if the service has no storage.
    """

    def __init__(
        self,
        service: FakeService,
        *,
        port: int = 0,
        storage_port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Start to listen; port 0 stands for any free port."""
        self._servers: list[_Server] = []
        self.storage_url = ""
        if service.storage_host:
            self._servers.append(_Server(service, "storage", storage_port, ssl_context))
            self.storage_url = self._servers[0].url
        self._servers.append(_Server(service, "api", port, ssl_context, self.storage_url))
        self.url = self._servers[-1].url

    def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.stop()

    def __repr__(self) -> str:
        """Show the URLs of the fake."""
        return f"<Loopback {' '.join(filter(None, (self.url, self.storage_url)))}>"

    def __enter__(self) -> Self:
        """Return the server, which already listens."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and end every connection."""
        self.close()


class _Server(ThreadingTCPServer):
    """A server for one port, with a thread for each connection."""

    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # on Windows two servers could then use one port

    def __init__(
        self,
        service: FakeService,
        origin: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
        storage_url: str = "",
    ) -> None:
        """Start to listen."""
        self.service = service
        self.origin = origin
        self.storage_url = storage_url
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        if ssl_context is not None:
            self.url = self.url.replace("http", "https", 1)
            # Each connection makes its handshake in its own thread. Otherwise a client that
            # refuses the certificate would end the listener.
            self.socket = ssl_context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        listen = partial(self.serve_forever, poll_interval=0.005)  # `shutdown()` waits for a poll
        threading.Thread(target=listen, name=f"fake {origin}", daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for thread, connection in list(self._connections.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if thread is not threading.current_thread():
                thread.join(1)  # a thread may still wait in a scripted delay

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._connections[thread] = request
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        # Do not call the base class: it calls `shutdown()` first, and the client sees no reset.
        self.close_request(request)
        self._connections.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            raise error
        # An OSError says that the client disconnected or rejected our certificate.


class _Handler(StreamRequestHandler):
    """The requests of one connection, one after the other.

    `http.server.BaseHTTPRequestHandler` would parse the headers as an e-mail, which takes most of
    the time of a request.
    """

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    # Without these two settings, header and body leave in two packets, and each answer waits 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        while self._exchange():
            pass

    def _exchange(self) -> bool:
        """Answer one request; return False if the connection must close."""
        call = self._read_head()
        if call is None:
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return False
        service, headers = self.server.service, call.headers
        service.begin(call)
        try:
            cut = call.scripted.action.body_read
            if cut is not None:
                self.rfile.read(min(cut, int(headers.get("content-length", cut))))
                self._reset_at_end()
                raise ConnectionResetError
            call.body = self._read_body(headers)
        except OSError:
            service.note(call)
            raise
        reply = service.finish(call)
        if reply.pause > 0:
            service.sleep(reply.pause)
        return self._send(reply) and headers.get("connection", "").lower() != "close"

    def _send(self, reply: Reply) -> bool:
        delivery = reply.delivery
        if delivery.kind == "reset":
            self._reset_at_end()
        if delivery.kind in {"reset", "drop", "garbage"}:
            self.wfile.write(reply.body)
            return False
        lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in reply.wire_headers().items()]
        self.wfile.write("\r\n".join([*lines, "\r\n"]).encode("latin-1"))
        body, claimed = reply.wire_body()
        if delivery.kind == "drip":
            for start in range(0, len(body), delivery.size):
                self.wfile.flush()
                if delivery.pause > 0:
                    self.server.service.sleep(delivery.pause)
                self.wfile.write(body[start : start + delivery.size])
        else:
            self.wfile.write(body)
        self.wfile.flush()
        # Close the connection after a wrong Content-Length: the client would read the next answer
        # as the rest of this answer.
        return claimed == len(body) and delivery.kind not in {"close", "cut"}

    def _reset_at_end(self) -> None:
        """Make the connection close with a TCP reset: SO_LINGER with zero seconds does that."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)

    def _read_head(self) -> Call | None:
        """Return a request without its body, or None if it is not HTTP."""
        words = self._line().split(" ")
        headers: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            if not colon:
                return None
            headers[name.lower()] = value.strip()
        if len(words) != 3 or not words[1].startswith("/"):
            return None
        server = self.server
        return Call(
            origin=server.origin,
            method=words[0],
            target=words[1],
            headers=headers,
            storage_url=server.storage_url,
        )

    def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", "").lower():
            return self._read(int(headers.get("content-length", "0")))
        parts: list[bytes] = []
        while size := int(self._line().partition(";")[0], 16):
            parts.append(self._read(size))
            self._line()
        while self._line():
            pass  # skip trailers
        return b"".join(parts)

    def _line(self) -> str:
        line = self.rfile.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return line.decode("latin-1").rstrip("\r\n")

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError
        return data
