"""verify(deep=True): call every operation of an export and compare its answer with the contract.

The calls are made through the clients' public methods, so a user's functions from ``operations=``
are run too: their results are compared, not the raw answers.
"""

from __future__ import annotations

import logging
import tempfile
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from attrs import evolve

from _client_kit._errors import ConfigurationError, ServiceError
from _client_kit._models import encode
from _client_kit._text import Text, joined
from _contract_check.banqup import BANQUP
from _contract_check.zenvoices import ZENVOICES
from banqup_client import AsyncBanqupClient, Document
from bridge._async._context import AsyncContext
from bridge._reports.contract_checks import ContractChecks, rows_of
from bridge._reports.texts import language, say, translate
from bridge._reports.verification import Check, Verification, translated
from bridge.testing._samples.sample import sample as sample_document
from zenvoices_client import AsyncZenvoicesClient, Attachment, InboxUpload

logger = logging.getLogger("bridge")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NO_FILE = Text("no_document_to_see", "the space holds no document with a file to look at")
NOT_SCANNED = Text("not_scanned", "the file is not scanned yet: look again later")
NOT_READ_BACK = Text(
    "hint_not_read_back",
    "The upload was taken, but its look-up does not find it: look into the company's inbox in "
    "Zenvoices. If it is there, correct inbox.details or inbox.list; until then a document whose "
    "upload breaks off is held as uncertain.",
)
LOOK_UP_WRONG = Text(
    "hint_find",
    "Correct path and query names with ZenvoicesClient(contract={0}), or your function for "
    "inbox.find: it returns the document with its externalId, and None once a call has said that "
    "there is none.",
    '{"inbox.details": {"query": {"external_id": "..."}}}',
)


async def look_deeper(
    verification: Verification, context: AsyncContext, sample: InboxUpload | bool | None
) -> Verification:
    """Return the verification with one more check for each operation.

    The calls only read, unless a test document is to be sent.

    Args:
        verification: The checks of the prerequisites, in the language to use.
        context: The connection; its ``checks`` know the company's number only if this verify()
            found it.
        sample: The test document to send, or whether to send an invented one.
    """
    source, target = ContractChecks(BANQUP), ContractChecks(ZENVOICES)
    company_id = context.checks.company_id
    await _read_banqup(source, context.banqup, context.space_id)
    await _read_zenvoices(target, context.zenvoices, company_id)
    if sample and (verification.error is not None or not company_id):
        note = Text("not_sent_checks", "other checks failed, so nothing was sent")
        target.skipped(note, "inbox.upload")
    elif sample:
        await _send(target, context, marked(sample))
    checks = source.made + target.made
    error = verification.error
    failed = next((check for check in checks if check.outcome == "failed"), None)
    if error is None and failed is not None:
        error = _error(failed, failed.code)
    # Translate only now: the error above stays in English, whatever the language of the checks.
    shown = (translated(check, verification.lang) for check in checks)
    return evolve(verification, checks=(*verification.checks, *shown), error=error)


async def check_readable(context: AsyncContext, document: Document | None) -> None:
    """Check, before an activation, that one listed document can be read with its file.

    An answer that cannot be read raises an error. Any other failure of a call is only logged: the
    document may be gone, or the service busy. Without a document, nothing is checked.

    Raises:
        ConfigurationError: An answer that an export needs cannot be read.
    """
    if document is None:
        return
    checks = ContractChecks(BANQUP)
    await _read_document(checks, context.banqup, context.space_id, document)
    if checks.unreadable is not None:
        raise _error(checks.unreadable, "unreadable")
    for check in checks.made:
        if check.outcome != "ok":
            logger.warning(
                "activate() could not try %s: %s. This does not stop the activation: call "
                "verify(deep=True) before the first export, which tries it again.",
                *(check.name, check.detail),
            )


def _error(check: Check, code: str) -> ConfigurationError:
    message = joined(": ", check.name, check.detail)
    hint = check.remedy or None
    return ConfigurationError(message, service="bridge", hint=hint, code=code)


async def _read_banqup(checks: ContractChecks, client: AsyncBanqupClient, space_id: str) -> None:
    """Make the calls that an export makes to Banqup; none of them changes anything there."""
    documents: list[Document] = []
    with checks.calling("spaces.list"):
        spaces = await client.spaces.list()
        checks.answered("spaces.list", [rows_of(spaces, 0, under="spaces")])
    with checks.calling("documents.list"):
        answers: list[Any] = []
        # An export lists each folder: all documents, or those that changed since a given time.
        for folder, since in (("SALES", None), ("PURCHASES", None), ("SALES", LONG_AGO)):
            listing = client.documents.list(space_id, folder=folder, updated_since=since)
            page = await anext(listing.pages())
            documents += page.items
            answers.append(rows_of(page.items, page.unreadable, under="documents"))
        checks.answered("documents.list", answers)
    documents.sort(key=lambda document: not document.files)
    found = documents[0] if documents and documents[0].id else None
    await _read_document(checks, client, space_id, found)


async def _read_document(
    checks: ContractChecks, client: AsyncBanqupClient, space_id: str, found: Document | None
) -> None:
    """Make the calls that an export makes to Banqup for one document from the list.

    If ``found`` is None, the checks of the calls are skipped.
    """
    if found is None:
        checks.skipped(NO_FILE, "documents.get", "files.details", "files.download")
        return
    file_id = ""
    with checks.calling("documents.get"):
        found = await client.documents.get(space_id, found.id)
        checks.answered("documents.get", [encode(found)])
    with checks.calling("documents.files"):
        files = await client.documents.files(space_id, found)
        file_id = files[0].id if files else ""
    if not file_id:
        checks.skipped(NO_FILE, "files.details", "files.download")
        return
    own = "files.download" in client.operations
    ready = own and "files.details" not in client.operations  # no export calls files.details then
    if not ready:
        with checks.calling("files.details"):
            details = await client.files.details(space_id, file_id)
            ready = details.status != "AWAITING_UPLOAD"
            if not ready:
                checks.skipped(NOT_SCANNED, "files.details")
            else:  # a user's own function for the download needs no downloadUrl
                checks.answered("files.details", [] if own else [encode(details)])
    if not ready:
        checks.skipped(Text("no_file_to_fetch", "there is no file to fetch"), "files.download")
        return
    with checks.calling("files.download"), tempfile.TemporaryFile() as target:
        await client.files.download(space_id, file_id, target)
        checks.answered("files.download", [])


async def _read_zenvoices(
    checks: ContractChecks, client: AsyncZenvoicesClient, company_id: int
) -> None:
    """Make the calls that an export makes to Zenvoices except the upload.

    ``company_id`` is 0 if the company is not known.
    """
    with checks.calling("companies.list"):
        companies = await anext(client.companies.list(page_size=50).pages())
        rows = rows_of(companies.items, companies.unreadable, under="items")
        checks.answered("companies.list", [rows])
    if not company_id:
        note = Text("no_company", "the company is not known")
        checks.skipped(note, "inbox.list", "inbox.details")
        return
    known: str | None = None
    own = "inbox.find" in client.operations  # an export needs no inbox.list then
    with suppress(ServiceError) if own else checks.calling("inbox.list"):
        page = await anext(client.inbox.list(company_id=company_id, page_size=50).pages())
        checks.answered("inbox.list", [rows_of(page.items, page.unreadable, under="items")])
        ids = [item.external_id for item in page.items if item.company_id in (None, company_id)]
        known = next(filter(None, ids), None)
    with checks.calling("inbox.details"):
        await _look_up(checks, client, known, company_id)


async def _look_up(
    checks: ContractChecks, client: AsyncZenvoicesClient, known: str | None, company_id: int
) -> None:
    """Look up ``known``, an external id that the inbox lists, and an id that no document has.

    If ``known`` is None, only the other id is looked up.
    """
    name = "inbox.details"
    answers: list[Any] = []
    if known is not None:
        found = await client.inbox.find(external_id=known, company_id=company_id)
        if found.document is None:
            template = "a document that the inbox lists is answered by {0!r}"
            checks.wrong(name, Text("listed_not_found", template, found.outcome), LOOK_UP_WRONG)
            return
        answers = [encode(found.document)]
    nothing = await client.inbox.find(external_id=_new_id("none"), company_id=company_id)
    if nothing.outcome == "not found":
        checks.answered(name, answers)
    else:
        note = Text(
            "id_ignored",
            "the look-up of an id that does not exist proves nothing: is the id ignored?",
        )
        checks.wrong(name, note, LOOK_UP_WRONG)


async def _send(checks: ContractChecks, context: AsyncContext, upload: InboxUpload) -> None:
    """Send one test document and look it up by its external id."""
    inbox, company_id = context.zenvoices.inbox, context.checks.company_id
    name, subject = "inbox.upload", upload.subject or ""
    external_id = _new_id("test")
    logger.warning(
        "verify(sample=) now sends one test document to the company %r in Zenvoices: %r, "
        "external id %s. Delete it there afterwards.",
        *(context.company_code, subject, external_id),
    )
    with checks.calling(name):
        sent = await inbox.upload(upload, company_id=company_id, external_id=external_id)
        found = await inbox.find(external_id=external_id, company_id=company_id)
        if found.outcome == "found":
            note = Text("read_back", "sent as {0!r}, and found when read back", subject)
            checks.answered(name, [encode(sent)], note)
        else:
            note = Text("not_read_back", "sent as {0!r}, and not found when read back", subject)
            checks.wrong(name, note, NOT_READ_BACK)


def _new_id(kind: str) -> str:
    """Return an external id that no document has."""
    return f"{kind}-{uuid.uuid4().hex}"


def marked(sample: InboxUpload | bool) -> InboxUpload:
    """Return the test document to send; its subject begins with ``TEST``."""
    if isinstance(sample, InboxUpload):
        return evolve(sample, subject=f"TEST {sample.subject or ''}".strip())
    content = sample_document(0).content
    return InboxUpload(
        attachments=(Attachment("TEST-please-delete.xml", content),),
        # A str, and no Text: the check must show the subject as it was sent, in any language.
        subject=str(translate(say("test document"), language())),
        sender_name="TEST banqup-zenvoices",
    )
