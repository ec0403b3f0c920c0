"""How much memory the upload of one large file takes: the process's peak over the same one idle.

Usage::

    python benchmarks/upload_memory.py [--megabytes 100]

A fake Zenvoices is served from this process; each client runs in one of its own, whose peak the
kernel tells (Linux only). "Idle" is that process once it has listed the companies: what modules,
a TLS context and an event loop take is not the upload's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from zenvoices_client import (
    AskedUpload,
    AsyncZenvoicesClient,
    Attachment,
    Base64,
    Call,
    InboxUpload,
    UserLogin,
    ZenvoicesClient,
)

BUDGET = 8.0
"""Megabytes that the peak may lie over idle."""

KINDS = [
    (world, content) for world in ("sync", "async") for content in ("path", "file", "function")
]


def status(name: str) -> float:
    """A figure of this process, in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def at_rest() -> float:
    """What the process holds now; the kernel forgets the peak so far."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status("VmRSS")


def own(asked: AskedUpload) -> Any:
    """Make the upload by a function of the user's own, with the file in another place."""
    files = [{"content": Base64(item.content)} for item in asked.upload.attachments]
    body = {**asked.default.json}
    for named, file in zip(body["attachments"], files, strict=True):
        named.update(file)
    return (yield Call("POST", "/public-api/v1/inbox", json=body))


def upload(world: str, content: str, url: str, path: Path) -> dict[str, float]:
    """Upload once and say what it took; runs in a process of its own."""
    login = UserLogin("api-user", "demo-password", organisation_code="acme")
    with path.open("rb") as file:
        what = InboxUpload(attachments=[Attachment("big.pdf", file if content == "file" else path)])
        operations = {"inbox.upload": own} if content == "function" else None
        if world == "sync":
            with ZenvoicesClient(login, base_url=url, operations=operations) as client:
                list(client.companies.list())
                idle = at_rest()
                client.inbox.upload(what, company_id=101)
        else:

            async def send() -> float:
                async with AsyncZenvoicesClient(
                    login, base_url=url, operations=operations
                ) as client:
                    _ = [company async for company in client.companies.list()]
                    idle = at_rest()
                    await client.inbox.upload(what, company_id=101)
                    return idle

            idle = asyncio.run(send())
    return {"idle": idle, "peak": status("VmHWM")}


def measure(megabytes: int) -> dict[str, dict[str, float]]:
    """Idle and peak of each kind of upload."""
    from forgetful import ForgetfulZenvoices

    fake = ForgetfulZenvoices(max_body=megabytes * 2_000_000 + 100_000)
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
        print(f"  {kind:15} idle {figure['idle']:6.1f} MB  peak +{over:.1f} MB")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
