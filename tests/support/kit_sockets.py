"""A server on loopback that says exactly what a test wants, byte for byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Talk = Callable[["Peer"], None]
TOKEN_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"token": "t"}'


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, stopped: threading.Event) -> None:
        self.sock = sock
        self.stopped = stopped

    def head(self) -> bytes:
        """The next request's head; token requests are answered on the way."""
        while True:
            data = b""
            while b"\r\n\r\n" not in data:
                more = self.sock.recv(65_536)
                if not more:
                    raise ConnectionResetError
                data += more
            if b"POST /token" not in data:
                return data
            while not data.endswith(b"password=canary-password-5f1e"):
                data += self.sock.recv(65_536)
            self.send(TOKEN_ANSWER)

    def send(self, data: bytes) -> None:
        """Say it."""
        self.sock.sendall(data)

    def drip(self, piece: bytes, pause: float) -> None:
        """Say it again and again until the other side goes away, or for far too long."""
        for _ in range(300):
            if self.stopped.wait(pause):
                return
            self.send(piece)

    def reset(self) -> None:
        """End the connection with a reset instead of a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@contextmanager
def server(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[int]]]:
    """Serve each connection by this talk; gives the address and a list of connection numbers."""
    connections: list[int] = []
    stopped = threading.Event()
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def handle(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client goes away when it has seen enough
            if tls is not None:
                sock = tls.wrap_socket(sock, server_side=True)
                sockets.append(sock)
            talk(Peer(sock, stopped))
        with contextlib.suppress(OSError):
            sock.close()

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections.append(len(connections))
            sockets.append(sock)
            thread = threading.Thread(target=handle, args=(sock,), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://localhost:{listener.getsockname()[1]}", connections
    finally:
        stopped.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in (accepting, *threads):
            thread.join(10)
        for sock in sockets:
            sock.close()
