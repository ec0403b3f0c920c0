"""What workers do: fetch a document, map it, upload it. No store, no report, no listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from _client_kit import _world_async as world
from _client_kit._address import check_id
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    Indefinite,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Rejected,
    ServiceError,
    StoreError,
    Unavailable,
    Unreachable,
)
from banqup_client import (
    AsyncBanqupClient,
    Document,
    DocumentFile,
    FileNotReady,
    FileRefused,
    UrlExpired,
)
from bridge import _life as life
from bridge._eligibility import Skip
from bridge._life import Delivery
from bridge._mapper import AsyncMapper, SourceFile
from bridge._outcome import Candidate, Outcome, files_digest, sent_details
from bridge._spool import Spool
from zenvoices_client import AsyncZenvoicesClient, InboxUpload

__all__ = ["AsyncTransfer", "Prepared"]


@frozen
class Prepared:
    """A document fetched and mapped, ready to be sent."""

    candidate: Candidate
    upload: InboxUpload = field(repr=False)
    spools: tuple[Spool, ...] = field(repr=False)
    external_id: str
    files: str
    sent: dict[str, Any] = field(repr=False)

    def close(self) -> None:
        """Throw the fetched bytes away."""
        for spool in self.spools:
            spool.close()


class AsyncTransfer:
    """Moves one document at a time from a space to a company; used by several workers at once."""

    def __init__(
        self,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        space_id: str,
        mapper: AsyncMapper,
    ) -> None:
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._space_id = space_id
        self._mapper = mapper

    async def prepare(
        self, candidate: Candidate, company_id: int, look_first: bool
    ) -> Prepared | Outcome:
        """Fetch and map a document; look it up first where it may have been sent before."""
        spools: list[Spool] = []
        try:
            result = await self._prepare(candidate, company_id, look_first, spools)
        except BaseException as error:
            for spool in spools:
                spool.close()
            if not isinstance(error, Exception):
                raise
            return Outcome(candidate, *_fetch_fault(error))
        if isinstance(result, Outcome):
            for spool in spools:
                spool.close()
        return result

    async def _prepare(
        self, candidate: Candidate, company_id: int, look_first: bool, spools: list[Spool]
    ) -> Prepared | Outcome:
        document, delivery = candidate.document, candidate.delivery
        external_id = life.external_id_of(self._space_id, delivery.document_id, delivery.generation)
        if look_first or delivery.external_id is not None:
            found = await self._look_up(delivery, external_id, company_id)
            if found is not None:
                return Outcome(candidate, found)
        if not document.files:
            return Outcome(candidate, life.NotReady("the document has no file yet"))
        files: list[SourceFile] = []
        for file in document.files:
            spools.append(Spool())
            fetched = await self._fetch(file, spools[-1])
            if fetched is None:
                return Outcome(candidate, await self._gone(delivery.document_id))
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

    async def _look_up(
        self, delivery: Delivery, external_id: str, company_id: int
    ) -> life.Event | None:
        """The event of having arrived earlier, if Zenvoices has the document."""
        wanted = delivery.external_id or external_id
        for company in dict.fromkeys((delivery.company_id or company_id, company_id)):
            found = await self._zenvoices.inbox.find(external_id=wanted, company_id=company)
            if found.outcome == "found":
                inbox_id = found.document.id if found.document else None
                return life.Arrived(inbox_id, "was there already")
        return None

    async def _fetch(self, file: DocumentFile, spool: Spool) -> SourceFile | None:
        """One file's bytes in the spool; None where the service does not have it."""
        try:
            check_id(file.id, "file id", service="banqup")
        except ConfigurationError:
            message = "a file of the document has no usable id"
            raise ProtocolError(message, service="banqup") from None
        try:
            details = await self._banqup.files.download(self._space_id, str(file.id), spool)
        except NotFound:
            return None
        size = spool.seek(0, 2)
        kind = details.content_type or file.content_type or "application/octet-stream"
        name = file.filename or details.filename or str(file.id)
        return SourceFile(str(file.id), name, kind, size, spool)

    async def _gone(self, document_id: str) -> life.Event:
        """What it means that a file is not there: the document is gone, or just the file."""
        try:
            await self._banqup.documents.get(self._space_id, document_id)
        except NotFound:
            return life.Skipped("gone")
        return life.Refused("Banqup does not have the document's file")

    async def _map(
        self, document: Document, files: tuple[SourceFile, ...]
    ) -> InboxUpload | life.Event:
        try:
            mapped = await world.run_blocking(self._mapper, document, files)
        except Exception as error:  # noqa: BLE001 - somebody else's function
            return life.Refused(f"the mapper raised {type(error).__name__}: {error}"[:300])
        if isinstance(mapped, Skip):
            return life.Skipped(mapped.reason)
        if not isinstance(mapped, InboxUpload):
            reason = f"the mapper returned {type(mapped).__name__}, not InboxUpload or Skip"
            return life.Refused(reason)
        if not all(attachment.size for attachment in mapped.attachments):
            return life.Refused("the file is empty", final=True)
        return mapped

    async def upload(
        self, prepared: Prepared, company_id: int, guard: Callable[[], None]
    ) -> Outcome:
        """Upload what was prepared; the guard is called before each piece and may stop it."""
        candidate = prepared.candidate
        try:
            guard()
            for spool in prepared.spools:
                spool.guard = guard
            document = await self._zenvoices.inbox.upload(
                prepared.upload, company_id=company_id, external_id=prepared.external_id
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, only this document is concerned
            event, fault = _upload_fault(error)
            return Outcome(candidate, event, fault, prepared.sent)
        finally:
            prepared.close()
        return Outcome(candidate, life.Arrived(document.id), sent=prepared.sent)


def _fetch_fault(error: Exception) -> tuple[life.Event, ServiceError | None]:
    """What a failure before the upload means for its document and for the run."""
    if not isinstance(error, ServiceError):
        return life.Refused(f"{type(error).__name__} while it was fetched and mapped"), None
    reason = error.message
    match error:
        case FileRefused():
            return life.Refused(reason, final=True), None
        case FileNotReady():
            return life.NotReady(reason), None
        case UrlExpired():
            return life.Refused(reason), None
        case (
            CredentialsError()
            | PermissionDenied()
            | RateLimited()
            | Unreachable()
            | ConfigurationError()
            | StoreError()
        ):
            return life.NotSent(reason), error
        case Unavailable() | Indefinite():
            return life.Refused(reason), error
        case Rejected():
            return life.Refused(reason, final="larger than" in reason), None
        case _:
            return life.Refused(reason), None


def _upload_fault(error: Exception) -> tuple[life.Event, ServiceError | None]:
    """What a failed upload means for its document and for the run."""
    if not isinstance(error, ServiceError):
        return life.Doubtful(f"{type(error).__name__} while it was sent"), None
    reason = error.message
    match error:
        case Rejected(status=413):
            return life.Refused(reason, final=True), None
        case Rejected():
            return life.Refused(reason), error
        case Indefinite() | ProtocolError():
            return life.Doubtful(reason), error
        case _:
            return life.NotSent(reason), error
