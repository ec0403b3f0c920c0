"""How requests, bytes, commits and CPU time grow with connections, documents and their size.

Usage: python benchmarks/growth.py. Prints the table of docs/scaling.md: two sizes of each, and what
one more costs. CPU time is this process's, so that a busy machine does not change it much.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import frozen
from httpcore._backends.sync import SyncStream
from service import CLIENT_ID, CLIENT_SECRET, COMPANY_CODE, ORGANISATION, PASSWORD, USER, Service

from banqup_client import BanqupClient, ClientCredentials
from bridge import Connection, SQLiteCheckpoints
from zenvoices_client import UserLogin, ZenvoicesClient

BASE = {"connections": 20, "documents": 10, "size": 3_000}
LARGER = {"connections": 80, "documents": 50, "size": 1_000_000}


@frozen
class Cost:
    """What some runs took, all connections together."""

    requests: int
    sent: int
    received: int
    commits: int
    cpu: float
    wall: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*(a - b for a, b in zip(self._values(), other._values(), strict=True)))

    def __truediv__(self, number: float) -> tuple[float, ...]:
        return tuple(value / number for value in self._values())

    def _values(self) -> tuple[Any, ...]:
        return self.requests, self.sent, self.received, self.commits, self.cpu, self.wall


class Wire:
    """Counts every byte on the sockets of this process's clients."""

    def __init__(self) -> None:
        self.sent = self.received = 0
        read, write = SyncStream.read, SyncStream.write

        def counted_read(stream: SyncStream, *args: Any, **options: Any) -> bytes:
            data = read(stream, *args, **options)
            self.received += len(data)
            return data

        def counted_write(stream: SyncStream, buffer: bytes, *args: Any, **options: Any) -> None:
            self.sent += len(buffer)
            write(stream, buffer, *args, **options)

        SyncStream.read = counted_read  # type: ignore[method-assign]
        SyncStream.write = counted_write  # type: ignore[method-assign]


class Counted(SQLiteCheckpoints):
    """A store that counts its commits."""

    commits = 0

    def commit(self, *args: Any, **options: Any) -> None:
        """Count, and commit."""
        self.commits += 1
        super().commit(*args, **options)


def runs(service: Service, wire: Wire, connections: int, documents: int, size: int) -> list[Cost]:
    """The cost of a run that moves everything, then of one that finds nothing new."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = stack.enter_context(Counted(Path(folder) / "exports.db"))
        banqup = stack.enter_context(
            BanqupClient(ClientCredentials(CLIENT_ID, CLIENT_SECRET), base_url=service.banqup_url)
        )
        zenvoices = stack.enter_context(
            ZenvoicesClient(
                UserLogin(USER, PASSWORD, organisation_code=ORGANISATION),
                base_url=service.zenvoices_url,
            )
        )
        made: list[Connection] = []
        for _ in range(connections):
            space = service.ask("space")
            connection = Connection(
                banqup, zenvoices, space_id=space, company_code=COMPANY_CODE, checkpoints=store
            )
            connection.activate()
            service.ask("publish", space=space, count=documents, pdf_size=size, raw=None)
            made.append(connection)
        costs: list[Cost] = []
        for expected in (documents, 0):
            requests = sum(service.ask("counts").values())
            sent, received, commits = wire.sent, wire.received, store.commits
            cpu, wall = time.process_time(), time.perf_counter()
            for connection in made:
                report = connection.export_new()
                assert report.exported == expected, report.summary()
            costs.append(
                Cost(
                    sum(service.ask("counts").values()) - requests,
                    wire.sent - sent,
                    wire.received - received,
                    store.commits - commits,
                    time.process_time() - cpu,
                    time.perf_counter() - wall,
                )
            )
    return costs


def line(name: str, figures: tuple[float, ...]) -> str:
    """One line of the table."""
    requests, sent, received, commits, cpu, wall = figures
    return (
        f"| {name:<44} | {requests:9,.1f} | {sent / 1000:11,.1f} | {received / 1000:11,.1f} "
        f"| {commits:8,.1f} | {cpu * 1000:9,.1f} | {wall * 1000:9,.1f} |"
    )


def main() -> None:
    """Measure, and print."""
    wire = Wire()
    print("| | requests | KB sent | KB received | commits | CPU ms | ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with Service() as service:
        runs(service, wire, 2, 2, 3_000)  # warm
        many, idle = runs(service, wire, BASE["connections"], BASE["documents"], BASE["size"])
        n, d = BASE["connections"], BASE["documents"]
        print(line(f"{n} connections, {d} small documents each", many / 1))
        print(line(f"{n} connections, nothing new", idle / 1))
        more, more_idle = runs(service, wire, LARGER["connections"], d, BASE["size"])
        print(line(f"{LARGER['connections']} connections, {d} small documents each", more / 1))
        print(line(f"{LARGER['connections']} connections, nothing new", more_idle / 1))
        deep, deep_idle = runs(service, wire, n, LARGER["documents"], BASE["size"])
        print(line(f"{n} connections, {LARGER['documents']} small documents each", deep / 1))
        print(line(f"{n} connections, nothing new ({LARGER['documents']} past)", deep_idle / 1))
        big, _ = runs(service, wire, n, d, LARGER["size"])
        print(line(f"{n} connections, {d} documents with 1 MB PDF", big / 1))
    extra = LARGER["connections"] - n
    print(line("per connection with nothing new", (more_idle - idle) / extra))
    documents = n * (LARGER["documents"] - d)
    print(line("per small document", (deep - many) / documents))
    grown = n * d * (LARGER["size"] - BASE["size"]) / 1_000_000
    print(line("per MB of a document's PDF", (big - many) / grown))


if __name__ == "__main__":
    main()
