"""What workers do: fetch a document, map it, upload it. No store, no report, no listener."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from attrs import evolve, field, frozen

from _client_kit import _runtime_async as world
from _client_kit._address import check_id
from _client_kit._errors import ConfigurationError, NotFound, Rejected
from _client_kit._files import FileSource
from banqup_client import AsyncBanqupClient, Document, DocumentFile
from bridge._async._recovery import AsyncRecovery
from bridge._delivery import delivery as life
from bridge._delivery.eligibility import Skip
from bridge._delivery.faults import fetch_fault, upload_fault
from bridge._delivery.outcome import (
    Candidate,
    Outcome,
    call_mapper,
    files_digest,
    nonsense,
    raised,
    sent_details,
)
from bridge._mapping.mapper import AsyncMapper, SourceFile
from bridge._mapping.spool import IN_MEMORY, Guarded, Spool
from zenvoices_client import AsyncZenvoicesClient, Attachment, InboxUpload

__all__ = ["AsyncTransfer", "Prepared"]

MOST_FILES = 64
_MEDIA_TYPE = re.compile(r"[!-~]{1,100}(; ?[!-~]{1,100}){0,3}")


@frozen
class Prepared:
    """A document fetched and mapped, ready to be sent."""

    candidate: Candidate
    upload: InboxUpload = field(repr=False)
    spools: tuple[Spool, ...] = field(repr=False)
    external_id: str
    files: str
    sent: dict[str, Any] = field(repr=False)

    def discard(self) -> None:
        """Throw the fetched bytes away."""
        for spool in self.spools:
            spool.discard()


class AsyncTransfer:
    """Moves one document at a time from a space to a company; used by several workers at once."""

    def __init__(
        self,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        space_id: str,
        mapper: AsyncMapper,
        recovery: AsyncRecovery,
    ) -> None:
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._space_id = space_id
        self._mapper = mapper
        self._recovery = recovery
        self._spools: list[Spool] = []

    def discard(self) -> None:
        """Throw away what is left of documents whose jobs did not come to their end."""
        for spool in self._spools:
            spool.discard()
        self._spools.clear()

    async def prepare(
        self, candidate: Candidate, company_id: int, look_first: bool
    ) -> Prepared | Outcome:
        """Fetch and map a document; look it up first where it may have been sent before."""
        spools: list[Spool] = []
        prepared = False
        try:
            result = await self._prepare(candidate, company_id, look_first, spools)
            prepared = isinstance(result, Prepared)
        except Exception as error:  # noqa: BLE001 - whatever it is, only this document is concerned
            return Outcome(candidate, *fetch_fault(error))
        finally:
            if not prepared:
                for spool in spools:
                    spool.discard()
        return result

    async def _prepare(
        self, candidate: Candidate, company_id: int, look_first: bool, spools: list[Spool]
    ) -> Prepared | Outcome:
        document, delivery = candidate.document, candidate.delivery
        external_id = life.external_id_of(self._space_id, delivery.document_id, delivery.generation)
        again = delivery.external_id is not None or delivery.generation > 0
        if look_first or again or (delivery.forced and self._recovery.restored):
            found = await self._recovery.before_sending(
                delivery, external_id, company_id, thorough=look_first
            )
            if found is not None:
                return Outcome(candidate, found)
        if not document.files:
            return Outcome(candidate, life.NotReady("the document has no file yet"))
        if len(document.files) > MOST_FILES:
            too_many = f"it has {len(document.files)} files; {MOST_FILES} at most are fetched"
            return Outcome(candidate, life.Refused(too_many, final=True))
        files: list[SourceFile] = []
        for file in document.files:
            # A document's files share what one may take of the memory.
            spool = Spool(max(IN_MEMORY - sum(file.size for file in files), 0))
            spools.append(spool)
            self._spools.append(spool)
            fetched = await self._fetch(file, spool)
            if fetched is None:
                gone = await self._gone(document.id or delivery.document_id)
                return Outcome(candidate, gone)
            files.append(fetched)
        if not any(file.size for file in files):
            return Outcome(candidate, life.Refused("the file is empty", final=True))
        mapped = await self._map(document, tuple(files))
        if not isinstance(mapped, InboxUpload):
            return Outcome(candidate, mapped)
        return Prepared(
            candidate,
            mapped,
            tuple(spools),
            external_id,
            files_digest(document),
            sent_details(mapped, files),
        )

    async def _fetch(self, file: DocumentFile, spool: Spool) -> SourceFile | None:
        """One file's bytes in the spool; None where the service does not have it."""
        try:
            check_id(file.id, "file id", service="banqup")
        except ConfigurationError:
            message = "a file of the document has no usable id"
            raise Rejected(message, service="banqup") from None
        try:
            details = await self._banqup.files.download(
                self._space_id, str(file.id), cast("BinaryIO", spool)
            )
        except NotFound:
            return None
        size = spool.seal()
        kind = details.content_type or file.content_type or ""
        if not _MEDIA_TYPE.fullmatch(kind):
            kind = "application/octet-stream"
        name = file.filename or details.filename or str(file.id)
        return SourceFile(str(file.id), name, kind, size, cast("BinaryIO", spool))

    async def _gone(self, document_id: str) -> life.Event:
        """What it means that a file is not there: the document is gone, or just the file."""
        try:
            await self._banqup.documents.get(self._space_id, document_id)
        except NotFound:
            return life.Skipped("gone", gone=True)
        return life.Refused("Banqup does not have the document's file")

    async def _map(
        self, document: Document, files: tuple[SourceFile, ...]
    ) -> InboxUpload | life.Event:
        try:
            mapped: object = await world.run_blocking(call_mapper, self._mapper, document, files)
        except Exception as error:  # noqa: BLE001 - somebody else's function
            return life.Refused(raised(error))
        if isinstance(mapped, Skip):
            return life.Skipped(mapped.reason)
        if not isinstance(mapped, InboxUpload):
            return life.Refused(nonsense(mapped))
        if not all(attachment.size for attachment in mapped.attachments):
            return life.Refused("the file is empty", final=True)
        return mapped

    async def upload(
        self, prepared: Prepared, company_id: int, guard: Callable[[float], None]
    ) -> Outcome:
        """Upload what was prepared; the guard is called before each piece and may stop it."""
        candidate = prepared.candidate
        began = False
        opened: list[Guarded] = []

        def before_each_piece() -> None:
            nonlocal began
            guard(0.0)
            began = True

        try:
            guard(self._zenvoices.deadline)
            upload = _watched(prepared, before_each_piece, opened)
            document = await self._zenvoices.inbox.upload(
                upload, company_id=company_id, external_id=prepared.external_id
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, only this document is concerned
            event, fault = upload_fault(error, began=began)
            return Outcome(candidate, event, fault, prepared.sent)
        finally:
            prepared.discard()
            for file in opened:
                file.discard()
        elsewhere = ""
        if document.company_id not in (None, company_id):
            elsewhere = (
                f"Zenvoices says it is in the company {document.company_id}, not {company_id}: "
                "look there"
            )
        return Outcome(candidate, life.Arrived(document.id, elsewhere), sent=prepared.sent)


def _watched(
    prepared: Prepared, before_each_piece: Callable[[], None], opened: list[Guarded]
) -> InboxUpload:
    """The upload with the guard before each piece, wherever a mapper took its bytes from."""
    attachments: list[Attachment] = []
    for attachment in prepared.upload.attachments:
        opened.append(Guarded(attachment.content.open(), before_each_piece))
        content = FileSource.of(cast("BinaryIO", opened[-1]))
        attachments.append(evolve(attachment, content=content))
    return evolve(prepared.upload, attachments=tuple(attachments))
