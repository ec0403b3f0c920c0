"""Call every operation that an export uses, through the clients' public methods.

The answers are recorded. A user's functions from ``operations=`` are run too: their results are
recorded, not the raw answers.
"""

from __future__ import annotations

import io
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from _client_kit._errors import ServiceError
from _client_kit._models import encode
from _client_kit._text import Text
from _contract_check.shapes import Probe, rows_of
from banqup_client import AsyncBanqupClient, Document
from zenvoices_client import AsyncZenvoicesClient, InboxUpload

FOLDERS = ("SALES", "PURCHASES")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MAX_BYTES = 64 * 1024 * 1024
NO_FILE = Text("no_document_to_see", "the space holds no document with a file to look at")
NOT_SCANNED = Text("not_scanned", "the file is not scanned yet: look again later")
NOT_READ_BACK = Text(
    "hint_not_read_back",
    "The upload was taken, but its look-up does not find it: look into the company's inbox in "
    "Zenvoices. If it is there, correct inbox.details or inbox.list; until then a document whose "
    "upload breaks off is held as uncertain.",
)
FIND_WRONG = Text(
    "hint_find",
    "Correct your function for inbox.find: it returns the document with its externalId, and None "
    "once a call has said that there is none.",
)
NOT_LOOKED_UP = Text(
    "hint_query",
    "Check path and query names: ZenvoicesClient(contract={0}).",
    '{"inbox.details": {"query": {"external_id": "..."}}}',
)


@contextmanager
def _tried(operation: str, probes: list[Probe]) -> Generator[None]:
    """Return a context manager that adds a ServiceError of its block as a probe.

    The error is then not raised, so that the next operation can be called.
    """
    try:
        yield
    except ServiceError as error:
        probes.append(Probe(operation, error=error))


def _skipped(note: str, *operations: str) -> list[Probe]:
    return [Probe(operation, note=note, skipped=True) for operation in operations]


async def probe_banqup(client: AsyncBanqupClient, space_id: str) -> list[Probe]:
    """Make the calls that an export makes to Banqup, and return their probes.

    None of the calls changes anything in Banqup.
    """
    probes: list[Probe] = []
    documents: list[Document] = []
    with _tried("spaces.list", probes):
        spaces = await client.spaces.list()
        probes.append(Probe("spaces.list", (rows_of(spaces, 0, under="spaces"),)))
    with _tried("documents.list", probes):
        answers: list[Any] = []
        # An export lists each folder, and the documents that changed since a time.
        for folder, since in ((FOLDERS[0], None), (FOLDERS[1], None), (FOLDERS[0], LONG_AGO)):
            listing = client.documents.list(space_id, folder=folder, updated_since=since)
            page = await anext(listing.pages())
            documents += page.items
            answers.append(rows_of(page.items, page.unreadable, under="documents"))
        probes.append(Probe("documents.list", tuple(answers)))
    documents.sort(key=lambda document: not document.files)
    found = documents[0] if documents and documents[0].id else None
    return probes + await probe_document(client, space_id, found)


async def probe_document(
    client: AsyncBanqupClient, space_id: str, found: Document | None
) -> list[Probe]:
    """Make the calls that an export makes to Banqup for one document, and return their probes.

    ``found`` is a document from the list. If it is None, the calls are recorded as skipped.
    """
    probes: list[Probe] = []
    if found is None:
        return _skipped(NO_FILE, "documents.get", "files.details", "files.download")
    file_id = ""
    with _tried("documents.get", probes):
        found = await client.documents.get(space_id, found.id)
        probes.append(Probe("documents.get", (encode(found),)))
    with _tried("documents.files", probes):
        files = await client.documents.files(space_id, found)
        file_id = files[0].id if files else ""
    if not file_id:
        return probes + _skipped(NO_FILE, "files.details", "files.download")
    if not await _can_be_fetched(client, space_id, file_id, probes):
        note = Text("no_file_to_fetch", "there is no file to fetch")
        return probes + _skipped(note, "files.download")
    with _tried("files.download", probes), tempfile.TemporaryFile() as target:
        await client.files.download(space_id, file_id, target, max_bytes=MAX_BYTES)
        note = Text("bytes", "{0} byte|{0} bytes", target.seek(0, io.SEEK_END))
        probes.append(Probe("files.download", note=note))
    return probes


async def _can_be_fetched(
    client: AsyncBanqupClient, space_id: str, file_id: str, probes: list[Probe]
) -> bool:
    """Call files.details, if an export would call it; return True if the file can be downloaded."""
    own = "files.download" in client.operations
    if own and "files.details" not in client.operations:
        return True
    ready = False
    with _tried("files.details", probes):
        details = await client.files.details(space_id, file_id)
        ready = details.status != "AWAITING_UPLOAD"
        # A user's own function for the download needs no downloadUrl.
        answers = () if own or not ready else (encode(details),)
        note = "" if ready else NOT_SCANNED
        probes.append(Probe("files.details", answers, note=note, skipped=not ready))
    return ready


async def probe_zenvoices(client: AsyncZenvoicesClient, company_id: int | None) -> list[Probe]:
    """Make the calls that an export makes to Zenvoices except the upload; return their probes.

    Args:
        client: A client with the user's contract and functions.
        company_id: Number of the company; None if it is not known.
    """
    probes: list[Probe] = []
    with _tried("companies.list", probes):
        companies = await anext(client.companies.list(page_size=50).pages())
        rows = rows_of(companies.items, companies.unreadable, under="items")
        probes.append(Probe("companies.list", (rows,)))
    if company_id is None:
        note = Text("no_company", "the company is not known")
        return probes + _skipped(note, "inbox.list", "inbox.details")
    known: str | None = None
    listed: list[Probe] = []
    with _tried("inbox.list", listed):
        page = await anext(client.inbox.list(company_id=company_id, page_size=50).pages())
        rows = rows_of(page.items, page.unreadable, under="items")
        listed.append(Probe("inbox.list", (rows,)))
        ids = [item.external_id for item in page.items if item.company_id in (None, company_id)]
        known = next(filter(None, ids), None)
    if "inbox.find" not in client.operations or listed[0].error is None:
        probes += listed
    with _tried("inbox.details", probes):
        probes.append(await _look_up(client, known, company_id))
    return probes


async def _look_up(client: AsyncZenvoicesClient, known: str | None, company_id: int) -> Probe:
    """Look up ``known``, an external id that the inbox lists, and an id that no document has.

    Return the probe. If ``known`` is None, only the other id is looked up.
    """
    name = "inbox.details"
    remedy = FIND_WRONG if "inbox.find" in client.operations else NOT_LOOKED_UP
    answers: tuple[Any, ...] = ()
    if known is not None:
        found = await client.inbox.find(external_id=known, company_id=company_id)
        if found.document is None:
            note = Text(
                "listed_not_found",
                "a document that the inbox lists is answered by {0!r}",
                found.outcome,
            )
            return Probe(name, note=note, remedy=remedy)
        answers = (encode(found.document),)
    nothing = await client.inbox.find(external_id=new_id("none"), company_id=company_id)
    if nothing.outcome != "not found":
        note = Text(
            "id_ignored",
            "the look-up of an id that does not exist proves nothing: is the id ignored?",
        )
        return Probe(name, note=note, remedy=remedy)
    return Probe(name, answers)


async def probe_upload(
    client: AsyncZenvoicesClient, upload: InboxUpload, company_id: int, external_id: str
) -> Probe:
    """Upload one test document, look it up by its external id, and return the probe."""
    name = "inbox.upload"
    try:
        sent = await client.inbox.upload(upload, company_id=company_id, external_id=external_id)
        found = await client.inbox.find(external_id=external_id, company_id=company_id)
    except ServiceError as error:
        return Probe(name, error=error)
    subject = upload.subject or ""
    note = Text("read_back", "sent as {0!r}, and found when read back", subject)
    remedy: str = ""
    if found.outcome != "found":
        remedy = NOT_READ_BACK
        note = Text("not_read_back", "sent as {0!r}, and not found when read back", subject)
    return Probe(name, (encode(sent),), note=note, remedy=remedy)


def new_id(kind: str) -> str:
    """Return an external id that no document has."""
    return f"{kind}-{uuid.uuid4().hex}"
