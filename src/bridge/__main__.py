"""``python -m bridge demo`` and ``python -m bridge sandbox``."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from bridge._demo import run_demo, run_sandbox


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge",
        description="Moves new invoices from Banqup to Zenvoices: see it at work on this machine.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="tell the whole story, against fakes of both services")
    demo.add_argument(
        "--documents",
        type=Path,
        metavar="DIR",
        help="export every .xml and .pdf under DIR instead of sample invoices",
    )
    demo.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    commands.add_parser("sandbox", help="serve fakes of both services to try the library against")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if options.command == "sandbox":
        stop = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        return run_sandbox(stop)
    if options.documents is not None and not options.documents.is_dir():
        parser.error(f"--documents: {options.documents} is not a folder")
    return run_demo(documents=options.documents, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
