"""The whole story on one machine: both services played by fakes on loopback sockets."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from banqup_client import BanqupClient, ClientCredentials
from banqup_client.testing import FakeBanqup, FakeFile
from bridge._reports.report import ExportReport
from bridge._stores.sqlite import SQLiteCheckpoints
from bridge._sync._connection import Connection
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client import UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices, InboxItem

__all__ = ["Services", "run_demo", "run_sandbox", "services"]

CLIENT_ID, USER, ORGANISATION = "demo-app", "api-user", "acme"
COMPANY_CODE = "0042"
COMPANY_NAME = "Café De Sluis BV"
REFUSED = 7
NOT_APPROVED = 6
PUBLISH_EVERY = 15.0

_KINDS = {".xml": "application/xml", ".pdf": "application/pdf"}


@define
class Services:
    """Both fakes, served, with a space that belongs to one company."""

    banqup: FakeBanqup
    zenvoices: FakeZenvoices
    space_id: str
    banqup_url: str
    zenvoices_url: str
    published: dict[str, bytes] = field(factory=dict)

    def banqup_login(self) -> ClientCredentials:
        """What Banqup's fake takes."""
        return ClientCredentials(CLIENT_ID, self.banqup.client_secret)

    def zenvoices_login(self) -> UserLogin:
        """What Zenvoices' fake takes."""
        return UserLogin(USER, self.zenvoices.user.password, organisation_code=ORGANISATION)

    def publish(self, name: str, content: bytes, **details: Any) -> str:
        """A new document with one file; what it holds is remembered for comparison."""
        kind = _KINDS.get(Path(name).suffix.lower(), "application/octet-stream")
        document = self.banqup.publish(
            self.space_id, files=[FakeFile(name, kind, content)], **details
        )
        self.published[document] = content
        return document

    def publish_sample(self, invoice: Sample, *, status: str, folder: str = "PURCHASES") -> str:
        """A new document made of a sample invoice, with the parties Banqup would show."""
        return self.publish(
            invoice.filename,
            invoice.content,
            folder=folder,
            category="CREDIT_NOTE" if invoice.kind == "credit note" else "INVOICE",
            status=status,
            supplier={"legalName": invoice.supplier.name},
            customer={"legalName": invoice.customer.name},
        )

    def arrived_unchanged(self, report: ExportReport) -> bool:
        """Whether every exported file lies in the inbox with the bytes that were published."""
        inbox = {item.external_id: item for item in self.zenvoices.inbox}
        delivered = [row for row in report.deliveries if row.state == "delivered"]
        return len(delivered) == report.exported and all(
            row.external_id in inbox
            and inbox[row.external_id].attachments[0].sha256
            == hashlib.sha256(self.published[row.document_id]).hexdigest()
            for row in delivered
        )


@contextmanager
def services(
    client_secret: str = "demo-secret",  # noqa: S107 - the fakes' own, open nothing
    password: str = "demo-password",  # noqa: S107
) -> Generator[Services, None, None]:
    """Serve both fakes on loopback for as long as the block lasts."""
    banqup = FakeBanqup(client_id=CLIENT_ID, client_secret=client_secret)
    zenvoices = FakeZenvoices(user=USER, password=password, organisation_code=ORGANISATION)
    space_id = banqup.add_space(name=COMPANY_NAME)
    zenvoices.add_company(code=COMPANY_CODE, name=COMPANY_NAME)
    zenvoices.add_company(code="0043", name="Brasserie du Canal SRL")
    with banqup.serve() as at_banqup, zenvoices.serve() as at_zenvoices:
        yield Services(banqup, zenvoices, space_id, at_banqup.url, at_zenvoices.url)


@frozen
class _Screen:
    """Where the story is told; silent when only the figures are wanted."""

    silent: bool

    def say(self, text: object = "") -> None:
        if not self.silent:
            print(text, flush=True)

    def step(self, number: int, text: str) -> None:
        self.say(f"\n{number}. {text}\n")


def run_demo(*, documents: Path | None = None, as_json: bool = False) -> int:
    """Tell the story, or print its figures as one JSON object. Returns the exit code."""
    began = time.perf_counter()
    screen = _Screen(as_json)
    with (
        # Other users of this machine reach loopback, too, and the documents may be one's own.
        services(secrets.token_hex(8), secrets.token_hex(8)) as world,
        tempfile.TemporaryDirectory(prefix="banqup-zenvoices-demo-") as folder,
        BanqupClient(world.banqup_login(), base_url=world.banqup_url) as banqup,
        ZenvoicesClient(world.zenvoices_login(), base_url=world.zenvoices_url) as zenvoices,
        SQLiteCheckpoints(Path(folder) / "exports.db") as checkpoints,
    ):
        connection = Connection(
            banqup,
            zenvoices,
            space_id=world.space_id,
            company_code=COMPANY_CODE,
            checkpoints=checkpoints,
        )
        figures = _story(world, connection, screen, documents)
        figures["seconds"] = round(time.perf_counter() - began, 3)
    if as_json:
        print(json.dumps(figures))
    else:
        screen.say(f"\nAll of this took {figures['seconds']:.1f} s and left nothing behind.")
    good = figures["verified"] and figures["bytes_identical"] and figures["exported"] > 0
    return 0 if good and figures["second_run_exported"] == 0 else 1


def _story(
    world: Services, connection: Connection, screen: _Screen, documents: Path | None
) -> dict[str, Any]:
    screen.say("Both services are played by fakes on this machine; nothing leaves it.")
    for n in range(1, 4):
        world.publish_sample(sample(n), status="FULLY_APPROVED")
    screen.step(1, "Is everything in place? connection.verify()")
    verification = connection.verify()
    screen.say(verification)
    screen.step(2, "From now on documents count: connection.activate()")
    activation = connection.activate()
    screen.say(activation)
    before = set(world.published)
    if documents is None:
        screen.step(3, "Business goes on: new documents appear in Banqup")
        _publish_samples(world)
        refused = sample(REFUSED).number
        world.zenvoices.refuse_when(
            lambda item: (
                f"The period of invoice {refused} is closed." if _is(item, refused) else None
            )
        )
    else:
        screen.step(3, f"Every .xml and .pdf under {documents} arrives as an approved purchase")
        for path in sorted(documents.rglob("*")):
            if path.is_file() and path.suffix.lower() in _KINDS:
                world.publish(path.name, path.read_bytes(), status="FULLY_APPROVED")
    screen.say(f"   {len(world.published) - len(before)} documents")
    screen.step(4, "Move what is new: connection.export_new()")
    report = connection.export_new()
    screen.say(report)
    screen.step(5, "What Zenvoices shows in the inbox of that company now")
    screen.say(_inbox(world.zenvoices.inbox))
    screen.step(6, "Once more: connection.export_new()")
    second = connection.export_new()
    screen.say(f"   {second.exported} exported: nothing is sent twice.")
    return {
        "verified": verification.ok,
        "baseline": activation.baseline,
        "published": len(world.published) - len(before),
        "exported": report.exported,
        "skipped": report.skipped,
        "waiting": report.waiting,
        "failed": report.failed,
        "uncertain": report.uncertain,
        "refused": report.refused,
        "second_run_exported": second.exported,
        "bytes_identical": world.arrived_unchanged(report),
    }


def _publish_samples(world: Services) -> None:
    for n in (4, 5, REFUSED):
        world.publish_sample(sample(n), status="FULLY_APPROVED")
    world.publish_sample(sample(NOT_APPROVED), status="AWAITING_VALIDATION")
    world.publish_sample(sample(8, kind="credit note"), status="FULLY_APPROVED")
    world.publish_sample(sample(9, sale=True), status="VALIDATED", folder="SALES")
    credit = sample(10, kind="credit note", sale=True)
    world.publish_sample(credit, status="VALIDATED", folder="SALES")


def _is(item: InboxItem, number: str) -> bool:
    return number in (item.subject or "")


def _inbox(items: list[InboxItem]) -> str:
    lines = [f"   {'Id':<6} {'Subject':<32} {'Sender':<28} Size"]
    for item in items[:20]:
        size = sum(attachment.size for attachment in item.attachments)
        subject, sender = (item.subject or "")[:32], (item.sender_name or "")[:28]
        lines.append(f"   {item.id:<6} {subject:<32} {sender:<28} {size:>6,}")
    if len(items) > 20:
        lines.append(f"   ... and {len(items) - 20} more")
    return "\n".join(lines)


_SNIPPET = """\
from banqup_client import BanqupClient, ClientCredentials
from zenvoices_client import UserLogin, ZenvoicesClient
from bridge import Connection, SQLiteCheckpoints

banqup = BanqupClient(
    ClientCredentials("{client_id}", "{client_secret}"),
    base_url="{banqup_url}",
)
zenvoices = ZenvoicesClient(
    UserLogin("{user}", "{password}", organisation_code="{organisation}"),
    base_url="{zenvoices_url}",
)
connection = Connection(
    banqup, zenvoices,
    space_id="{space_id}", company_code="{company_code}",
    checkpoints=SQLiteCheckpoints("exports.db"),
)
print(connection.verify())
print(connection.activate())
print(connection.export_new())   # run this line again after a while
"""


def run_sandbox(stop: threading.Event) -> int:
    """Serve both fakes until stopped, with a new approved invoice every now and then."""
    with services() as world:
        for n in range(1, 4):
            world.publish_sample(sample(n), status="FULLY_APPROVED")
        secret, password = world.banqup.client_secret, world.zenvoices.user.password
        snippet = _SNIPPET.format(
            client_id=CLIENT_ID,
            client_secret=secret,
            banqup_url=world.banqup_url,
            user=USER,
            password=password,
            organisation=ORGANISATION,
            zenvoices_url=world.zenvoices_url,
            space_id=world.space_id,
            company_code=COMPANY_CODE,
        )
        print(f"Banqup     {world.banqup_url}   client id {CLIENT_ID}, secret {secret}")
        print(f"Zenvoices  {world.zenvoices_url}   user {USER}, password {password},")
        print(f"           organisation code {ORGANISATION}, company code {COMPANY_CODE}")
        print(f"Space      {world.space_id}\n")
        print("3 approved purchases are there; another arrives every 15 seconds. Try:\n")
        print(snippet)
        print("Ctrl-C ends it.", flush=True)
        n = 100
        while not stop.wait(PUBLISH_EVERY):
            world.publish_sample(sample(n), status="FULLY_APPROVED")
            n += 1
    return 0
