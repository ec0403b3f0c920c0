"""Peak memory of downloading a large file to a path, over the same process idle.

The fake storage runs in this process and the download in a child, so that only the client's own
memory is measured. Run it with ``python benchmarks/download_memory.py [--megabytes N] [--async]``;
it prints one JSON line. Linux and macOS only: it needs the kernel's own count of the peak.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

BUDGET_MB = 8.0
SECRET = "bench-secret"


def peak_mb() -> float:
    """The most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


async def download_async(url: str, space: str, files: list[str], folder: Path) -> list[float]:
    """The peak after each file, by the async client."""
    from banqup_client import AsyncBanqupClient, ClientCredentials

    peaks: list[float] = []
    async with AsyncBanqupClient(ClientCredentials("app", SECRET), base_url=url) as client:
        for file in files:
            await client.files.download(space, file, folder / "file")
            peaks.append(peak_mb())
    return peaks


def download(url: str, space: str, files: list[str], folder: Path) -> list[float]:
    """The peak after each file, by the sync client."""
    from banqup_client import BanqupClient, ClientCredentials

    peaks: list[float] = []
    with BanqupClient(ClientCredentials("app", SECRET), base_url=url) as client:
        for file in files:
            client.files.download(space, file, folder / "file")
            peaks.append(peak_mb())
    return peaks


def child(mode: str, url: str, space: str, *files: str) -> None:
    """Download a small file to be warm, then the large one; print both peaks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if mode == "async":
            peaks = asyncio.run(download_async(url, space, list(files), folder))
        else:
            peaks = download(url, space, list(files), folder)
        size = (folder / "file").stat().st_size
    print(json.dumps({"peaks": peaks, "size": size}))


def measure(megabytes: int, mode: str) -> float:
    """Megabytes by which a download of so many raises the peak of a warm process."""
    from banqup_client.testing import FakeBanqup, FakeFile

    fake = FakeBanqup(client_id="app", client_secret=SECRET)
    space = fake.add_space()
    content = bytes(megabytes * 1024 * 1024)
    files = [FakeFile("small.pdf", "application/pdf", b"x" * 200_000)]
    files.append(FakeFile("large.pdf", "application/pdf", content))
    fake.publish(space, files=files)
    ids = [file["id"] for file in fake.documents(space)[0]["files"]]
    with fake.serve() as served:
        command = [sys.executable, __file__, "--child", mode, served.url, space, *ids]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(run.stdout)
    if result["size"] != len(content):
        raise RuntimeError("the file that arrived is not the file that was sent")
    idle, peak = result["peaks"]
    return float(peak - idle)


def main() -> int:
    """Print the figure. Returns 1 when the budget was missed."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(description="Measure the memory of a download.")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the file")
    parser.add_argument("--async", dest="mode", action="store_const", const="async", default="sync")
    options = parser.parse_args()
    raised = measure(options.megabytes, options.mode)
    line = {
        "measure": f"download {options.megabytes} MB to a path, {options.mode}",
        "value": round(raised, 2),
        "unit": "MB over idle",
        "budget": f"<= {BUDGET_MB:g}",
        "met": raised <= BUDGET_MB,
    }
    print(json.dumps(line))
    return 0 if line["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
