"""Serve a fake on loopback sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self

from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply

_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Loopback:
    """A server on one or two loopback ports that answers from a fake until it is closed.

    Attributes:
        url: The API's base URL, such as ``http://127.0.0.1:40123``.
        storage_url: The storage's base URL; empty if the service has no storage.
    """

    def __init__(self, service: FakeService, *, port: int = 0) -> None:
        """Start to listen: API on this port, storage on the next; 0 means any free ports."""
        self._servers: list[_Server] = []
        self.storage_url = ""
        if service.storage_host:
            self._servers.append(_Server(service, "storage", port and port + 1))
            self.storage_url = self._servers[0].url
        self._servers.append(_Server(service, "api", port, self.storage_url))
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
    allow_reuse_address = os.name != "nt"  # on Windows, True would let two servers use one port

    def __init__(self, service: FakeService, origin: str, port: int, storage_url: str = "") -> None:
        """Start to listen."""
        self.service = service
        self.origin = origin
        self.storage_url = storage_url
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        listen = partial(self.serve_forever, poll_interval=0.005)  # `shutdown()` waits that long
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
        # Do not call this method of the base class: it shuts the socket down in an orderly way
        # first, and the client would see no reset.
        self.close_request(request)
        self._connections.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            raise error
        # Ignore an OSError: the client, or a scripted fault, closed the connection.


class _Handler(BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = default_request_version = "HTTP/1.1"
    # Without these two settings, header and body leave in two packets, and each answer waits 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""

    def _exchange(self) -> None:
        """Answer one request."""
        service, headers = self.server.service, self.headers
        if "transfer-encoding" in headers:
            # Without this, a body without a length would count as empty.
            self.send_error(411)
            return
        call = Call(
            origin=self.server.origin,
            method=self.command,
            target=self.requestline.split()[1],  # `self.path` may have fewer slashes
            headers={name.lower(): value for name, value in headers.items()},
            storage_url=self.server.storage_url,
        )
        service.begin(call)
        try:
            if call.cut is not None:
                self.rfile.read(min(call.cut, int(headers.get("content-length", call.cut))))
                self._reset_at_end()
                raise ConnectionResetError
            call.body = self._read(int(headers.get("content-length", "0")))
        except OSError:
            service.note(call)
            raise
        if call.pause > 0:
            service.sleep(call.pause)
        reply = service.finish(call)
        if reply.pause > 0:
            service.sleep(reply.pause)
        self.close_connection = not self._send(reply) or self.close_connection

    # `http.server` calls the method whose name is `do_` with the HTTP method.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _exchange  # noqa: N815

    def _send(self, reply: Reply) -> bool:
        """Send an answer; return False if the connection must close after it."""
        if reply.delivery == "reset":
            self._reset_at_end()
        if reply.delivery in {"reset", "drop", "garbage"}:
            self.wfile.write(reply.body)
            return False
        self.send_response_only(reply.status)
        for name, value in reply.wire_headers().items():
            self.send_header(name, value)
        self.end_headers()
        body, claimed = reply.wire_body()
        self.wfile.write(body)
        self.wfile.flush()
        # Close the connection after a wrong Content-Length: the client would read the next answer
        # as the rest of this answer.
        return claimed == len(body)

    def _reset_at_end(self) -> None:
        """Make the connection close with a TCP reset: SO_LINGER with zero seconds does that."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError
        return data
