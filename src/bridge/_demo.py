"""The demo, and the fakes of both services on loopback sockets, which the sandbox uses too."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from banqup_client import BanqupClient, ClientCredentials
from banqup_client.testing import FakeBanqup, FakeFile
from bridge._reports.delivery_rows import document_count
from bridge._reports.report import ExportReport
from bridge._reports.texts import language, tell, translate
from bridge._stores.sqlite import SQLiteCheckpoints
from bridge._sync._connection import Connection
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client import UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

COMPANY_CODE = "0042"
COMPANY_NAME = "Café De Sluis BV"

_KINDS = {".xml": "application/xml", ".pdf": "application/pdf"}


@define
class Services:
    """Both fakes on sockets, with one space and its company.

    Attributes:
        published: The content of each published document, by the document's id.
    """

    banqup: FakeBanqup
    zenvoices: FakeZenvoices
    space_id: str
    banqup_url: str
    zenvoices_url: str
    published: dict[str, bytes] = field(factory=dict)

    def banqup_client(self) -> BanqupClient:
        """Return a client of the fake Banqup."""
        login = ClientCredentials(self.banqup.client_id, self.banqup.client_secret)
        return BanqupClient(login, base_url=self.banqup_url)

    def zenvoices_client(self) -> ZenvoicesClient:
        """Return a client of the fake Zenvoices."""
        user, organisation = self.zenvoices.user, self.zenvoices.organisation_code
        login = UserLogin(user.name, user.password, organisation_code=organisation)
        return ZenvoicesClient(login, base_url=self.zenvoices_url)

    def publish(self, name: str, content: bytes, **details: Any) -> str:
        """Publish a document with one file, and return its id.

        `details` are arguments of `FakeBanqup.publish`; by default the document is approved.
        """
        file = FakeFile(name, _KINDS[Path(name).suffix.lower()], content)
        document = self.banqup.publish(self.space_id, files=[file], **details)
        self.published[document] = content
        return document

    def publish_sample(self, invoice: Sample, **details: Any) -> str:
        """Publish a sample invoice, with its parties as Banqup would show them; return its id."""
        return self.publish(
            invoice.filename,
            invoice.content,
            category="CREDIT_NOTE" if invoice.kind == "credit note" else "INVOICE",
            supplier={"legalName": invoice.supplier.name},
            customer={"legalName": invoice.customer.name},
            **details,
        )

    def arrived_unchanged(self, report: ExportReport) -> bool:
        """Return True if the inbox has exactly the files of the delivered documents, unchanged."""
        delivered = [row for row in report.deliveries if row.state == "delivered"]
        sent = Counter(self.published[row.document_id] for row in delivered)
        return sent == Counter(item.attachments[0].content for item in self.zenvoices.inbox)


def is_invoice(path: Path) -> bool:
    """Return True for a file that the demo can publish: .xml or .pdf."""
    return path.is_file() and path.suffix.lower() in _KINDS


@contextmanager
def services(
    client_secret: str = "demo-secret",  # noqa: S107 - of the fakes only
    password: str = "demo-password",  # noqa: S107
    *,
    space_id: str | None = None,
    port: int = 0,
) -> Generator[Services, None, None]:
    """Serve both fakes on loopback until the block ends.

    Args:
        client_secret: The client secret for the fake Banqup.
        password: The password for the fake Zenvoices.
        space_id: The id of the space; by default a new one.
        port: The port of Banqup; its file storage and Zenvoices take the next two. 0 means any free
            ports.
    """
    banqup, zenvoices = FakeBanqup(client_secret=client_secret), FakeZenvoices(password=password)
    space_id = banqup.add_space(name=COMPANY_NAME, id=space_id)
    zenvoices.add_company(code=COMPANY_CODE, name=COMPANY_NAME)
    zenvoices.add_company(code="0043", name="Brasserie du Canal SRL")
    with (
        banqup.serve(port=port) as at_banqup,
        zenvoices.serve(port=port and port + 2) as at_zenvoices,
    ):
        yield Services(banqup, zenvoices, space_id, at_banqup.url, at_zenvoices.url)


def run_demo(*, documents: Path | None = None) -> int:
    """Run the demo and print each step; return 0 if all went as expected, else 1.

    Args:
        documents: A folder whose .xml and .pdf files, also in subfolders, are exported in place of
            sample invoices.
    """
    began = time.perf_counter()
    with (
        # Random secrets: other users of this machine can reach loopback, and the documents may be
        # private.
        services(secrets.token_hex(8), secrets.token_hex(8)) as served,
        tempfile.TemporaryDirectory(prefix="banqup-zenvoices-demo-") as folder,
        served.banqup_client() as banqup,
        served.zenvoices_client() as zenvoices,
        SQLiteCheckpoints(Path(folder) / "exports.db") as checkpoints,
    ):
        connection = Connection(
            banqup,
            zenvoices,
            space_id=served.space_id,
            company_code=COMPANY_CODE,
            checkpoints=checkpoints,
        )
        good = _tell(served, connection, documents)
    print(f"\n{tell('demo took', time.perf_counter() - began)}")
    return 0 if good else 1


def _tell(served: Services, connection: Connection, documents: Path | None) -> bool:
    """Run the steps of the demo and print them.

    Return True if every check passed, and the documents arrived once and unchanged.
    """

    def step(number: int, call: str = "") -> None:
        print(f"\n{number}. {tell(f'demo {number}')} {call}".rstrip(), end="\n\n", flush=True)

    print(tell("only here"))
    for n in range(1, 4):
        served.publish_sample(sample(n))
    step(1, "connection.verify()")
    verification = connection.verify(lang=language())
    print(verification)
    step(2, "connection.activate()")
    print(connection.activate())
    step(3)
    before = len(served.published)
    if documents is None:
        _publish_samples(served)
    else:
        for path in sorted(filter(is_invoice, documents.rglob("*"))):
            served.publish(path.name, path.read_bytes())
    published = document_count(len(served.published) - before)
    print(f"   {translate(published, language())}")
    step(4, "connection.export_new()")
    report = connection.export_new()
    print(report)
    step(5)
    for item in served.zenvoices.inbox[:20]:
        print(f"   {item.id:<6} {item.subject or '':32.32} {item.sender_name or '':.40}")
    if len(served.zenvoices.inbox) > 20:
        print(f"   {tell('and more', len(served.zenvoices.inbox) - 20)}")
    step(6, "connection.export_new()")
    second = connection.export_new()
    print(f"   {tell('demo second', second.exported)}")
    arrived_once = report.exported > 0 and second.exported == 0
    return verification.ok and arrived_once and served.arrived_unchanged(report)


def _publish_samples(served: Services) -> None:
    """Publish purchases and sales; one is not approved yet, and Zenvoices refuses another."""
    refused = sample(7)
    message = tell("period closed", refused.number)
    served.zenvoices.refuse_when(
        lambda item: message if refused.number in (item.subject or "") else None
    )
    for invoice in (sample(4), sample(5), refused, sample(8, kind="credit note")):
        served.publish_sample(invoice)
    served.publish_sample(sample(6), status="AWAITING_VALIDATION")
    for invoice in (sample(9, sale=True), sample(10, kind="credit note", sale=True)):
        served.publish_sample(invoice, status="VALIDATED", folder="SALES")
