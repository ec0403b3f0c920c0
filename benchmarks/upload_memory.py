"""How much memory the upload of one large file takes: the process's peak over the same one idle.

Usage::

    python benchmarks/upload_memory.py [--megabytes 100]

A fake Zenvoices is served from this process; each client runs in one of its own, whose peak the
kernel tells (Linux only). "Idle" is that process with the client made and nothing sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    InboxUpload,
    UserLogin,
    ZenvoicesClient,
)

BUDGET = 8.0
"""Megabytes that the peak may lie over idle."""

KINDS = [(world, content) for world in ("sync", "async") for content in ("path", "file")]


def status(name: str) -> float:
    """A figure of this process, in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def upload(world: str, content: str, url: str, path: Path) -> dict[str, float]:
    """Upload once and say what it took; runs in a process of its own."""
    login = UserLogin("api-user", "demo-password", organisation_code="acme")
    with path.open("rb") as file:
        what = InboxUpload(attachments=[Attachment("big.pdf", path if content == "path" else file)])
        client = ZenvoicesClient(login, base_url=url)
        async_client = AsyncZenvoicesClient(login, base_url=url)

        async def send() -> None:
            async with async_client:
                await async_client.inbox.upload(what, company_id=101)

        # The kernel forgets the peak so far: what importing took is not the upload's.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        idle = status("VmRSS")
        if world == "sync":
            client.inbox.upload(what, company_id=101)
        else:
            asyncio.run(send())
        client.close()
    return {"idle": idle, "peak": status("VmHWM")}


def measure(megabytes: int) -> dict[str, dict[str, float]]:
    """Idle and peak of each kind of upload."""
    from zenvoices_client.testing import FakeZenvoices

    fake = FakeZenvoices(max_body=megabytes * 2_000_000 + 100_000, keep_content=False)
    fake.add_company()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.NamedTemporaryFile() as file, fake.serve() as served:
        file.truncate(megabytes * 1_000_000)
        for world, content in KINDS:
            done = subprocess.run(
                [sys.executable, __file__, "--child", world, content, served.url, file.name],
                stdout=subprocess.PIPE,
                check=True,
            )
            figures[f"{world}, {content}"] = json.loads(done.stdout)
    sizes = [item.attachments[0].size for item in fake.inbox]
    if sizes != [megabytes * 1_000_000] * len(KINDS):
        raise RuntimeError(f"the fake received {sizes}")
    return figures


def main() -> int:
    """Run the command; 1 where the budget is not kept."""
    parser = argparse.ArgumentParser(description="Peak memory of one large upload.")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        world, content, url, path = options.child
        print(json.dumps(upload(world, content, url, Path(path))))
        return 0
    kept = True
    print(f"upload of {options.megabytes} MB: peak over idle, budget {BUDGET:g} MB")
    for kind, figure in measure(options.megabytes).items():
        over = figure["peak"] - figure["idle"]
        kept = kept and over <= BUDGET
        print(f"  {kind:12} idle {figure['idle']:6.1f} MB  peak +{over:.1f} MB")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
