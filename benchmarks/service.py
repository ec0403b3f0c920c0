"""Both fakes in a process of their own, so that the measured one has its core to itself.

Commands come as JSON lines on standard input, answers go as JSON lines to standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64encode
from hashlib import shake_128
from typing import Any, Self

CLIENT_ID, CLIENT_SECRET = "bench-app", "bench-secret"
USER, PASSWORD, ORGANISATION, COMPANY_CODE = "bench", "bench-password", "acme", "0042"


class Service:
    """The process, as its user sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.company_id = 0
        self.__dict__.update(self._answer())

    banqup_url: str
    zenvoices_url: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def ask(self, command: str, **arguments: Any) -> Any:
        """Have a command done and return its answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the service process has ended")
        return json.loads(line)


def serve() -> None:
    """What the process does."""
    from forgetful import ForgetfulZenvoices

    from banqup_client.testing import FakeBanqup, FakeFile, Fault
    from bridge.testing._samples.sample import sample

    banqup = FakeBanqup(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    zenvoices = ForgetfulZenvoices(user=USER, password=PASSWORD, organisation_code=ORGANISATION)
    zenvoices.max_body = 400_000_000
    banqup.token_life = 86_400.0
    company_id = zenvoices.add_company(code=COMPANY_CODE, name="Café De Sluis BV")

    def publish(space: str, count: int, pdf_size: int | None, raw: int | None) -> None:
        invoice = sample(1)
        content = invoice.content if raw is None else b"%PDF-1.7\n" + b"x" * raw
        if pdf_size is not None:
            # Pseudo-random bytes do not compress, like the images of a real invoice.
            padded = invoice.pdf + shake_128(b"pdf").digest(pdf_size - len(invoice.pdf))
            content = content.replace(b64encode(invoice.pdf), b64encode(padded))
        name = invoice.filename if raw is None else "large.pdf"
        kind = "application/xml" if raw is None else "application/pdf"
        for _ in range(count):
            banqup.publish(space, status="FULLY_APPROVED", files=[FakeFile(name, kind, content)])

    def tell(value: Any) -> None:
        print(json.dumps(value), flush=True)

    seen: list[tuple[str, float]] = []

    def note(record: Any) -> None:
        seen.append((record.operation, time.perf_counter()))

    banqup.on_request = zenvoices.on_request = note

    def first_upload() -> dict[str, float]:
        """When the first upload since the last ``watch`` arrived, and how many calls it needs.

        Those are all calls before it, of the files only the two of its own document.
        """
        names = [name for name, _ in seen]
        first = names.index("inbox.upload")
        needed = sum(not name.startswith("files.") for name in names[:first]) + 2
        return {"at": seen[first][1], "calls": needed}

    with banqup.serve() as at_banqup, zenvoices.serve() as at_zenvoices:
        tell(
            {
                "banqup_url": at_banqup.url,
                "zenvoices_url": at_zenvoices.url,
                "company_id": company_id,
            }
        )
        for line in sys.stdin:
            asked = json.loads(line)
            match asked["command"]:
                case "space":
                    tell(banqup.add_space(name="Café De Sluis BV"))
                case "publish":
                    publish(asked["space"], asked["count"], asked["pdf_size"], asked["raw"])
                    tell(None)
                case "delay":
                    for fake in (banqup, zenvoices):
                        fake.faults.clear()
                        if asked["seconds"]:
                            fake.faults.add("*", action=Fault.delay(asked["seconds"]))
                    tell(None)
                case "counts":
                    counts = {**banqup.counts, **zenvoices.counts}
                    tell(counts)
                case "watch":
                    seen.clear()
                    tell(None)
                case "first upload":
                    tell(first_upload())
                case "inbox":
                    tell(len(zenvoices.inbox))


if __name__ == "__main__":
    serve()
