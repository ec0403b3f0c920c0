"""Where the processor time of each hot path goes: ``python benchmarks/hotspots.py``.

A sampler of our own, so that what is measured is hardly slowed: every millisecond of processor time
the running stack is noted, under the first of the layers below that it passes through.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from footprint import clients
from service import COMPANY_CODE, Service

from bridge import Connection, SQLiteCheckpoints

# The first that any frame of the stack is in; then the innermost of ours, if none.
LAYERS = (
    (
        "store: SQLite and the disk",
        ("bridge/_stores/sql.py", "bridge/_stores/sqlite.py"),
    ),
    ("UBL and mapper", ("bridge/ubl/", "bridge/_mapping/mapper.py")),
    ("base64 and JSON of the upload", ("_sync/_body.py",)),
    ("reading answers, models", ("_client_kit/_models.py", "_client_kit/_json.py", "_dialect.py")),
    ("httpx, httpcore, h11, sockets", ("/httpx/", "/httpcore/", "/h11/")),
    ("calls: token, address, classification", ("_client_kit/", "banqup_client/", "zenvoices_cli")),
    ("coordinator, report, records", ("bridge/",)),
)


@contextmanager
def sampled() -> Generator[Counter[str]]:
    """Count samples by layer while the block runs in the main thread."""
    found: Counter[str] = Counter()

    def note(number: int, frame: FrameType | None) -> None:
        del number
        files: list[str] = []
        while frame is not None:
            files.append(frame.f_code.co_filename)
            frame = frame.f_back
        for layer, parts in LAYERS:
            if any(part in name for name in files for part in parts):
                found[layer] += 1
                return
        found["other"] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def show(name: str, times: int, run: Callable[[], object]) -> None:
    """Print how one path's time is spread, per document or run."""
    began = time.process_time()
    with sampled() as found:
        run()
    spent = 1000 * (time.process_time() - began) / times
    print(f"\n{name}: {spent:.2f} ms of processor time each")
    total = sum(found.values())
    for layer, count in found.most_common():
        print(f"  {count / total:5.0%}  {spent * count / total:6.2f} ms  {layer}")


def main() -> None:
    """Profile an export of small and of large documents, and a run with nothing new."""
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        banqup, zenvoices = clients(service)
        with banqup, zenvoices, SQLiteCheckpoints(Path(folder) / "exports.db") as store:
            for name, size, count in (("10 KB", 2_900, 400), ("2 MB", 1_500_000, 60)):
                space = service.ask("space")
                connection = Connection(
                    banqup,
                    zenvoices,
                    space_id=space,
                    company_code=COMPANY_CODE,
                    checkpoints=store,
                    in_flight=1,
                )
                connection.activate()
                service.ask("publish", space=space, count=count, pdf_size=size, raw=None)
                show(f"export of a {name} document", count, connection.export_new)
            show("run with nothing new", 100, lambda: [connection.export_new() for _ in range(100)])


if __name__ == "__main__":
    main()
