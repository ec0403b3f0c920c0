"""The jobs of workers: download a document's files, map them, upload the result.

Workers use neither the store nor the report nor the listeners; only the coordinator (`AsyncRun`,
with `AsyncSending`) does.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from attrs import define, evolve, field, frozen

from _client_kit import _runtime_async as runtime
from _client_kit._errors import ConfigurationError, NotFoundError, ServiceError
from _client_kit._files import os_reason
from _client_kit._operations import USER_CODE
from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from banqup_client import Document, DocumentFile, FileNotReadyError
from bridge._async._context import AsyncContext
from bridge._async._recovery import AsyncRecovery, arrived
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import faults, transitions
from bridge._delivery.eligibility import Skip
from bridge._delivery.outcome import Candidate, Outcome
from bridge._mapping import calling
from bridge._mapping.mapper import SourceFile
from bridge._mapping.spool import IN_MEMORY, Spool
from zenvoices_client import Attachment, InboxDocument, InboxUpload

_EMPTY = Text("empty_file", "the file is empty")
_MEDIA_TYPE = re.compile(r"[!-~]{1,100}(; ?[!-~]{1,100}){0,3}")


@frozen
class Prepared:
    """A document that is downloaded and mapped, and can be uploaded.

    ``sent`` are details for the report; ``passed`` are the operations that worked.
    """

    candidate: Candidate
    upload: InboxUpload = field(repr=False)
    spools: tuple[Spool, ...] = field(repr=False)
    external_id: str
    sent: dict[str, Any] = field(repr=False)
    passed: frozenset[str] = frozenset()


@define(eq=False)
class AsyncTransfer:
    """Prepare and upload documents; several workers use one object at the same time."""

    _context: AsyncContext
    _session: AsyncCheckpointSession
    _recovery: AsyncRecovery
    _spools: list[Spool] = field(factory=list[Spool])

    def discard(self) -> None:
        """Delete all downloaded files that are left, such as those of a cancelled job."""
        for spool in self._spools:
            spool.close()
        self._spools.clear()

    async def prepare(self, candidate: Candidate, look_first: bool) -> Prepared | Outcome:
        """Download and map a document; before that, look it up if it may have been sent already.

        Returns:
            The document, ready for the upload; or the outcome, if this failed or there is nothing
            to upload.
        """
        spools: list[Spool] = []
        passed: set[str] = set()
        result: Prepared | Outcome = Outcome(candidate)
        try:
            result = await self._prepare(candidate, look_first, spools, passed)
        except Exception as error:
            # Without this clause, an unexpected exception would end the run. The coordinator
            # decides from it whether the document is sent again.
            if raised_by_signal_handler(error):
                raise
            operation = faults.operation_of(error)
            if operation == faults.DOWNLOAD or (spools and isinstance(error, FileNotReadyError)):
                passed.add(faults.DETAILS)
            result = Outcome(candidate, error=error, operation=operation)
        finally:
            if not isinstance(result, Prepared):
                for spool in spools:
                    spool.close()
        return evolve(result, passed=frozenset(passed))

    async def _prepare(
        self, candidate: Candidate, look_first: bool, spools: list[Spool], passed: set[str]
    ) -> Prepared | Outcome:
        document, delivery = candidate.document, candidate.delivery
        external_id = deliveries.external_id_of(
            self._context.space_id, delivery.document_id, delivery.generation
        )
        again = delivery.external_id is not None or delivery.generation > 0
        if look_first or again or (delivery.requested and self._recovery.restored):
            found = await self._recovery.before_sending(delivery, external_id, thorough=look_first)
            passed.add(faults.LOOK_UP)
            if found is not None:
                return Outcome(candidate, found)
        listed = await self._context.banqup.documents.files(self._context.space_id, document)
        if not listed:
            missing = Text("no_file_yet", "the document has no file yet")
            raise FileNotReadyError(missing, service="banqup")
        files: list[SourceFile] = []
        for file in listed:
            # All files of a document share one limit of memory.
            spool = Spool(max(IN_MEMORY - sum(file.size for file in files), 0))
            spools.append(spool)
            self._spools.append(spool)
            try:
                fetched = await self._fetch(file, spool)
            except NotFoundError as error:
                if not await self._is_gone(document.id or delivery.document_id):
                    raise
                operation = error.operation or faults.DETAILS
                return Outcome(candidate, transitions.GONE, error, operation)
            passed.update((faults.DETAILS, faults.DOWNLOAD))
            files.append(fetched)
        if not any(file.size for file in files):
            return Outcome(candidate, transitions.Refused(_EMPTY, final=True))
        mapped = await self._map(evolve(document, files=listed), tuple(files))
        passed.add(faults.MAPPER)
        if not isinstance(mapped, InboxUpload):
            return Outcome(candidate, mapped)
        sent = calling.sent_details(mapped, files)
        return Prepared(candidate, mapped, tuple(spools), external_id, sent)

    async def _fetch(self, file: DocumentFile, spool: Spool) -> SourceFile:
        """Download one file into the spool."""
        details = await self._context.banqup.files.download(
            self._context.space_id, file.id or "", cast("BinaryIO", spool), size=file.file_size
        )
        size = spool.seek(0, io.SEEK_END)
        kind = details.content_type or file.content_type or ""
        if not _MEDIA_TYPE.fullmatch(kind):
            kind = "application/octet-stream"
        name = file.filename or details.filename or str(file.id)
        return SourceFile(str(file.id), name, kind, size, cast("BinaryIO", spool))

    async def _is_gone(self, document_id: str) -> bool:
        """Return True if Banqup no longer has the document whose file was not found."""
        try:
            await self._context.banqup.documents.get(self._context.space_id, document_id)
        except NotFoundError:
            return True
        return False

    async def _map(
        self, document: Document, files: tuple[SourceFile, ...]
    ) -> InboxUpload | transitions.Event:
        call, mapper = calling.call_mapper, self._context.mapper
        try:
            mapped: object = await runtime.run_blocking(call, mapper, document, files)
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            raise _mapper_error(calling.describe_exception(error)) from error
        if isinstance(mapped, Skip):
            return transitions.Skipped(mapped.reason)
        if not isinstance(mapped, InboxUpload):
            raise _mapper_error(calling.describe_result(mapped))
        if not all(attachment.size for attachment in mapped.attachments):
            return transitions.Refused(_EMPTY, final=True)
        return mapped

    async def upload(self, prepared: Prepared) -> Outcome:
        """Upload a prepared document under the company number that its delivery names.

        The lease is checked before the upload and before each chunk. If the upload ends without a
        clear answer, the document is looked up at once.

        Args:
            prepared: The document; its files are deleted at the end.
        """
        candidate = prepared.candidate
        company_id = candidate.delivery.company_id or 0
        check_lease = self._session.guard
        began = False

        def before_each_piece() -> None:
            nonlocal began
            check_lease()
            began = True

        try:
            check_lease(self._context.zenvoices.deadline)
            upload = _checked(prepared.upload, before_each_piece)
            document = await self._context.zenvoices.inbox.upload(
                upload, company_id=company_id, external_id=prepared.external_id
            )
        except Exception as error:
            # Without this clause, an unexpected exception would end the run.
            if raised_by_signal_handler(error):
                raise
            failure = error
        else:
            event = await self._arrived(prepared, company_id, document)
            return Outcome(candidate, event, passed=frozenset({faults.UPLOAD, faults.FUNCTION}))
        finally:
            for spool in prepared.spools:
                spool.close()
        if not faults.in_doubt(failure, began=began):
            return Outcome(candidate, None, failure, faults.operation_of(failure, faults.UPLOAD))
        found = await self._look_up(prepared, company_id)
        if found is not None:
            return Outcome(candidate, found, failure, passed=frozenset({faults.UPLOAD}))
        doubt = transitions.InDoubt(faults.reason_of(failure))
        return Outcome(candidate, doubt, failure, faults.UPLOAD)

    async def _arrived(
        self, prepared: Prepared, company_id: int, document: InboxDocument
    ) -> transitions.Arrived:
        if document.id is None:
            found = await self._look_up(prepared, company_id)
            reason = Text(
                "no_number", "Zenvoices took it and told no number; confirm() looks it up"
            )
            # A reason becomes a note in the report. Here it would only say that the look-up worked.
            return evolve(found, reason="") if found else transitions.Arrived(None, reason)
        elsewhere = ""
        if document.company_id not in (None, company_id):
            elsewhere = Text(
                "elsewhere",
                "Zenvoices says it is in the company {0}, not {1}: look there",
                *(str(document.company_id), str(company_id)),
            )
        return transitions.Arrived(document.id, elsewhere)

    async def _look_up(self, prepared: Prepared, company_id: int) -> transitions.Arrived | None:
        """Look up a document that was just sent; return None unless the look-up finds it."""
        try:
            found = await self._recovery.find(prepared.external_id, company_id)
        except ServiceError:
            return None
        return arrived(found, prepared.external_id) if found.outcome == "found" else None


def _mapper_error(reason: str, operation: str = faults.MAPPER) -> ConfigurationError:
    return ConfigurationError(reason, service="bridge", code=USER_CODE, operation=operation)


def _checked(upload: InboxUpload, check: Callable[[], None]) -> InboxUpload:
    """Return the upload with files that call `check` before each chunk is read."""
    attachments: list[Attachment] = []
    for attachment in upload.attachments:
        # A mapper may attach the path of a file that it has deleted since. Without this test, the
        # error would come only when a part of the upload has been sent.
        try:
            attachment.content.open().close()
        except OSError as error:
            template = "the mapper attached {0}, which cannot be read any more: {1}"
            why = Text("said", "{0}", os_reason(error))
            reason = Text("attachment_gone", template, attachment.file_name, why)
            # With FUNCTION, this failure counts as an attempt only if another upload of this run
            # succeeds. With MAPPER, `operation_of` would return UPLOAD, and the failure would
            # always count.
            raise _mapper_error(reason, faults.FUNCTION) from error
        attachments.append(evolve(attachment, content=evolve(attachment.content, check=check)))
    return evolve(upload, attachments=tuple(attachments))
