"""Mappers at work in an export: what is sent, what is flagged, and what a bad mapper can harm."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import frozen

from banqup_client import AsyncBanqupClient, ClientCredentials, Document
from banqup_client.testing import FakeBanqup, FakeFile
from bridge import (
    AsyncConnection,
    AsyncMapper,
    MemoryCheckpoints,
    Skip,
    SourceFile,
    default_mapper,
    journal,
    only,
)
from bridge.testing._samples.sample import sample
from support.broken_ubl import UNREADABLE
from support.corpus import MALFORMED, corpus_files, needs_corpus
from zenvoices_client import AsyncZenvoicesClient, Attachment, InboxUpload, UserLogin
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio


@frozen
class World:
    """Both services and an active connection between them."""

    banqup: FakeBanqup
    zenvoices: FakeZenvoices
    space: str
    connection: AsyncConnection

    def publish(self, *files: tuple[str, bytes], **details: Any) -> str:
        """A new document with these files."""
        made = [FakeFile(name, _kind(name), content) for name, content in files]
        return self.banqup.publish(self.space, files=made, **details)


def _kind(name: str) -> str:
    return "application/pdf" if name.lower().endswith(".pdf") else "application/xml"


@asynccontextmanager
async def world(mapper: AsyncMapper, **options: Any) -> AsyncIterator[World]:
    banqup = FakeBanqup()
    zenvoices = FakeZenvoices(user="api", password="pw", organisation_code="acme")
    space = banqup.add_space()
    zenvoices.add_company(code="0042", name="Café De Sluis BV")
    login = UserLogin("api", "pw", organisation_code="acme")
    app = ClientCredentials("demo-app", "demo-secret")
    with banqup.serve() as source, zenvoices.serve() as target:
        async with (
            AsyncBanqupClient(app, base_url=source.url) as reader,
            AsyncZenvoicesClient(login, base_url=target.url) as writer,
        ):
            connection = AsyncConnection(
                reader,
                writer,
                space_id=space,
                company_code="0042",
                checkpoints=MemoryCheckpoints(),
                mapper=mapper,
                **options,
            )
            await connection.activate()
            yield World(banqup, zenvoices, space, connection)


async def test_the_ubl_goes_unchanged_and_the_pdf_beside_it_is_named() -> None:
    """One file arrives, byte by byte the UBL; the report names the one that stayed."""
    invoice = sample(1)
    async with world(default_mapper) as at:
        at.publish(("beside.pdf", invoice.pdf), (invoice.filename, invoice.content))
        report = await at.connection.export_new()
        (item,) = at.zenvoices.inbox
        assert item.attachments[0].sha256 == hashlib.sha256(invoice.content).hexdigest()
        assert len(item.attachments) == 1
        assert item.subject == f"Invoice {invoice.number}"
        (row,) = report.deliveries
        assert (row.other_files, row.warning) == (("beside.pdf",), "")
        assert row.status == "ready to process"


async def test_a_malformed_document_is_sent_and_flagged() -> None:
    """XML nobody can read arrives as it is, and its line says so; its neighbour has no flag."""
    async with world(default_mapper) as at:
        broken = at.publish(("broken.xml", b"<Invoice><cbc:ID>1</cbc:ID>"))
        at.publish((sample(2).filename, sample(2).content))
        report = await at.connection.export_new()
        assert (report.exported, report.flagged) == (2, 1)
        (row,) = [row for row in report.deliveries if row.warning]
        assert row.document_id == broken
        assert row.warning.startswith("not readable as UBL: ")
        assert "not readable as UBL" in str(report)


@pytest.mark.parametrize("kind", ["utf-8 labelled utf-16", "two marks", "utf-32", "DOCTYPE"])
async def test_an_unreadable_invoice_arrives_also_with_a_pdf_beside_it(kind: str) -> None:
    """The same bytes and the same flag as without the PDF, whose name the line keeps."""
    digest = hashlib.sha256(UNREADABLE[kind]).hexdigest()
    async with world(default_mapper) as at:
        at.publish(("f.xml", UNREADABLE[kind]))
        alone = await at.connection.export_new()
        at.publish(("f.pdf", b"%PDF-1.4"), ("f.xml", UNREADABLE[kind]))
        beside = await at.connection.export_new()
        assert [item.attachments[0].sha256 for item in at.zenvoices.inbox] == [digest, digest]
        assert (alone.flagged, beside.flagged) == (1, 1)
        assert beside.deliveries[0].warning == alone.deliveries[0].warning
        assert beside.deliveries[0].other_files == ("f.pdf",)


async def test_an_unreadable_file_that_is_not_sent_is_named() -> None:
    """A mapper of the user's own sends the PDF: the line of the report names the XML."""

    def mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
        (pdf,) = [file for file in files if file.is_pdf]
        return InboxUpload(attachments=(pdf.attachment(),))

    async with world(mapper) as at:
        at.publish(("f.xml", UNREADABLE["DOCTYPE"]), ("f.pdf", b"%PDF-1.4"))
        report = await at.connection.export_new()
        assert (report.exported, report.flagged) == (1, 1)
        warning = report.deliveries[0].warning
        assert warning == "f.xml is not sent and not readable as UBL: a DOCTYPE is not accepted"


@pytest.mark.parametrize("kind", ["application/pdf;charset=binary", "Application/PDF", ""])
async def test_a_pdf_without_an_extension_goes_before_a_table(kind: str) -> None:
    """Its media type counts in capitals and with parameters; without one its first bytes do."""
    files = [FakeFile("detail.csv", "text/csv", b"1;2"), FakeFile("scan", kind, b"%PDF-1.4")]
    async with world(default_mapper) as at:
        at.banqup.publish(at.space, files=files)
        await at.connection.export_new()
        assert at.zenvoices.inbox[0].attachments[0].file_name == "scan"


@pytest.mark.long
@needs_corpus
async def test_every_real_invoice_arrives_byte_by_byte() -> None:
    """All files but the empty one are sent unchanged; exactly the malformed ones are flagged."""
    files = corpus_files(".xml", ".pdf")
    async with world(default_mapper) as at:
        published = {at.publish((path.name, path.read_bytes())): path for path in files}
        report = await at.connection.export_new()
        empty = [path for path in files if not path.stat().st_size]
        assert report.exported == len(files) - len(empty)
        sent = {item.attachments[0].sha256 for item in at.zenvoices.inbox}
        assert sent == {
            hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path not in empty
        }
        flagged = {published[row.document_id].name for row in report.deliveries if row.warning}
        malformed = {path.name for path in files if path.name in MALFORMED} - {
            path.name for path in empty
        }
        assert flagged == malformed
        for row in report.deliveries:
            if row.state == "delivered" and not row.warning:
                assert row.subject
                assert row.subject.startswith(("Invoice ", "Credit note "))


def raising(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
    """A mapper with a mistake in it."""
    raise KeyError("sûr\n[bad]")


def stopping(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
    """A mapper that runs into the end of an iterator."""
    uploads: Iterator[InboxUpload] = iter(())
    return next(uploads)


class UnprintableError(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError


def unprintable(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
    """A mapper whose failure fails again when it is looked at."""
    raise UnprintableError


def nothing(document: Document, files: Sequence[SourceFile]) -> Any:
    """A mapper that forgets to return."""


def attachment_only(document: Document, files: Sequence[SourceFile]) -> Any:
    """A mapper that returns a part of what it should."""
    return files[0].attachment()


@pytest.mark.parametrize("bad", [raising, stopping, unprintable, nothing, attachment_only])
async def test_a_bad_mapper_hurts_only_its_document(bad: AsyncMapper) -> None:
    """Its document waits with a reason and is tried again; the others arrive."""

    def mapper(document: Document, files: Sequence[SourceFile]) -> Any:
        return (bad if files[0].name == "hit.xml" else default_mapper)(document, files)

    async with world(mapper) as at:
        at.publish((sample(1).filename, sample(1).content))
        hit = at.publish(("hit.xml", sample(2).content))
        at.publish((sample(3).filename, sample(3).content))
        report = await at.connection.export_new()
        assert report.exported == 2
        (row,) = [row for row in report.deliveries if row.state != "delivered"]
        assert (row.document_id, row.state, row.attempts) == (hit, "waiting", 1)
        assert row.reason


async def test_a_mapper_may_skip_with_a_reason() -> None:
    """What it says is in the report, and the document is not looked at again."""
    async with world(lambda document, files: Skip("not ours")) as at:
        at.publish((sample(1).filename, sample(1).content))
        report = await at.connection.export_new()
        assert [(row.state, row.reason) for row in report.deliveries] == [("skipped", "not ours")]
        assert (await at.connection.export_new()).deliveries == ()


async def test_closed_handles_and_several_readers_do_no_harm() -> None:
    """A mapper may read twice at once, close what it was given, and send a reader of its own."""
    content = sample(1).content

    def mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload:
        with files[0].open() as first:
            start = first.read(10)
            with files[0].open() as second:
                assert second.read(10) == start == content[:10]
            assert files[0].ubl
            assert start + first.read() == content
        with files[0].open() as third:
            return InboxUpload(attachments=(Attachment("again.xml", third),))

    async with world(mapper) as at:
        at.publish(("one.xml", content))
        report = await at.connection.export_new()
        (item,) = at.zenvoices.inbox
        assert item.attachments[0].sha256 == hashlib.sha256(content).hexdigest()
        assert report.deliveries[0].other_files == ()


async def test_combinators_reach_the_inbox() -> None:
    """The journal code stands before the subject of what passes; the rest is skipped."""
    mapper = journal(only(default_mapper, folders=["PURCHASES"]), {"PURCHASES": "INK"})
    async with world(mapper) as at:
        at.publish((sample(1).filename, sample(1).content))
        at.publish((sample(2).filename, sample(2).content), folder="SALES", status="VALIDATED")
        report = await at.connection.export_new()
        assert [item.subject for item in at.zenvoices.inbox] == [
            f"[INK] Invoice {sample(1).number}"
        ]
        assert report.skipped == 1


async def test_events_tell_the_story_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """Start, each document found before it is sent, end; a listener that raises harms nobody."""
    told: list[str] = []

    def failing(event: object) -> None:
        told.append(type(event).__name__)
        raise RuntimeError("a listener's own mistake")

    async with world(default_mapper, listeners=[failing]) as at:
        at.publish((sample(1).filename, sample(1).content))
        at.publish(("x.xml", b"<a/>"), status="AWAITING_VALIDATION")
        with caplog.at_level(logging.DEBUG, "bridge"):
            report = await at.connection.export_new()
    assert report.exported == 1
    assert told[0] == "RunStarted"
    assert told[-1] == "RunEnded"
    assert told.index("DocumentFound") < told.index("DocumentSent")
    assert told.count("DocumentWaiting") == 1
    raised = [record for record in caplog.records if "a listener raised" in record.message]
    assert len(raised) == 1  # once a run and place
    assert raised[0].exc_info
