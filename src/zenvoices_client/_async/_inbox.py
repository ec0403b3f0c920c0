"""The inbox: uploads, and looking up what became of them."""

from __future__ import annotations

from functools import partial
from typing import Any

from _client_kit._async._calls import AsyncCalls
from _client_kit._async._paging import AsyncListing
from _client_kit._clock import Deadline
from _client_kit._contract import Contract
from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    ProtocolError,
    RejectedError,
)
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._operations import USER_CODE
from _client_kit._response import ApiResponse
from zenvoices_client._answers import uploaded_document
from zenvoices_client._asked import AskedFind, AskedRecord, AskedUpload
from zenvoices_client._async._lists import list_all, read_object
from zenvoices_client._models import InboxDocument, InboxUpload, Lookup, encode_upload

__all__ = ["AsyncInbox"]

MAX_EXTERNAL_ID = 50
SCANNED_PAGES = 20


class AsyncInbox:
    """The inboxes of the companies."""

    def __init__(self, calls: AsyncCalls, contract: Contract) -> None:
        self._calls = calls
        self._contract = contract

    async def upload(
        self,
        upload: InboxUpload,
        *,
        company_id: int,
        external_id: str | None = None,
        max_bytes: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> InboxDocument:
        """Put a document into a company's inbox. Assumed: path, body and answer.

        Sent once: repeated only after an answer that says it was definitely not applied. Zenvoices
        does not refuse a duplicate, so look up by external id before sending again.

        Args:
            upload: The document with its files, which are read while they are sent.
            company_id: The company's number, see :meth:`companies.resolve`.
            external_id: The sender's own id, at most 50 characters.
            max_bytes: A limit on the JSON body to keep to; Zenvoices publishes none.
            timeout: Seconds for each connect, read and write.
            deadline: Seconds for the whole call.

        Returns:
            What Zenvoices made of it. Its ``id`` is None where Zenvoices took the document and
            told no number: an answer 201, or its envelope with success and no result.

        Raises:
            RejectedError: Refused; ``status`` 413 when too large, by Zenvoices or by ``max_bytes``.
            OutcomeUnknownError: Nobody knows whether it arrived.
            ProtocolError: It may have arrived, but the answer does not say so.
        """
        payload, answer = await self._send(
            upload,
            company_id,
            external_id,
            max_bytes=max_bytes,
            timeout=timeout,
            deadline=deadline,
        )
        return uploaded_document(payload, answer, self._contract["inbox.upload"])

    async def _send(
        self,
        upload: InboxUpload,
        company_id: int,
        external_id: str | None,
        *,
        max_bytes: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> tuple[Any, ApiResponse]:
        """Send an upload; None stands for an answer that is no JSON."""
        if external_id is not None and not (
            0 < len(external_id) <= MAX_EXTERNAL_ID and external_id.isprintable()
        ):
            message = f"external_id may have 1 to {MAX_EXTERNAL_ID} printable characters"
            raise ConfigurationError(message, service="zenvoices")
        return await self._calls.call(
            self._contract["inbox.upload"],
            json=encode_upload(upload, company_id, external_id),
            asked=partial(
                AskedUpload, upload=upload, company_id=company_id, external_id=external_id
            ),
            timeout=timeout,
            deadline=deadline,
            decoded=False,
            check=upload.attachments[0].content.check,
            max_bytes=max_bytes,
        )

    def list(
        self,
        *,
        company_id: int | None = None,
        page_size: int = 250,
        sorting: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> AsyncListing[InboxDocument]:
        """The documents in the inboxes, lazily. Observed; the company filter is assumed.

        Args:
            company_id: Only this company's, if Zenvoices honours the filter.
            page_size: Entries per request, 1 to 250.
            sorting: A field to sort by, with ``" DESC"`` behind it for descending.
            timeout: Seconds for each connect, read and write.
            deadline: Seconds for each page.
        """
        return list_all(
            self._calls,
            self._contract["inbox.list"],
            InboxDocument,
            page_size=page_size,
            filters={"administrationId": company_id, "sorting": sorting},
            timeout=timeout,
            deadline=deadline,
        )

    async def details(
        self,
        id: int,  # noqa: A002 - the field's name
        *,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> InboxDocument:
        """One document by Zenvoices' number. Observed; the query is assumed.

        Args:
            id: Zenvoices' number of the document.
            timeout: Seconds for each connect, read and write.
            deadline: Seconds for the whole call.

        Raises:
            NotFoundError: There is none with it.
        """
        operation = self._contract["inbox.details"]
        payload, answer = await self._calls.call(
            operation,
            query={"id": id},
            asked=partial(AskedRecord, id=id),
            timeout=timeout,
            deadline=deadline,
        )
        return read_object(InboxDocument, payload, operation, answer)

    async def find(
        self,
        *,
        external_id: str,
        company_id: int,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> Lookup:
        """Look a document up by its sender's id. Observed; the query is assumed.

        Says ``"cannot tell"`` when Zenvoices' answer proves nothing: it does not know the call, or
        brings another document. Then the list is scanned, which can prove presence, never absence.

        Args:
            external_id: The sender's own id, as it was given to :meth:`upload`.
            company_id: The company's number at that time.
            timeout: Seconds for each connect, read and write.
            deadline: Seconds for everything together.

        Raises:
            ServiceError: The look-up could not be made.
        """
        limit = self._calls.limit(deadline)
        operation = self._contract.operations.get("inbox.find")
        scans = operation is None  # else the user's function is all that is asked
        try:
            payload, answer = await self._calls.call(
                operation or self._contract["inbox.details"],
                query={"company_id": company_id, "external_id": external_id},
                asked=partial(AskedFind, company_id=company_id, external_id=external_id),
                timeout=timeout,
                deadline=limit.remaining(),
            )
        except NotFoundError as error:
            return Lookup("not found", answered_at=error.answered_at)
        except (ConfigurationError, RejectedError, ProtocolError) as error:
            if error.code == USER_CODE:
                raise
            payload, answer = None, None
        document = decode(InboxDocument, payload) if is_object(payload) else None
        if answer is not None:
            if document is not None and _matches(document, external_id, company_id):
                return Lookup("found", document, answer.date)
            if not scans and payload is None and answer.conclusive:
                return Lookup("not found", answered_at=answer.date)
        if not scans:
            return Lookup("cannot tell")
        return await self._scan(external_id, company_id, timeout, limit)

    async def _scan(
        self, external_id: str, company_id: int, timeout: float | None, limit: Deadline
    ) -> Lookup:
        listing = list_all(
            self._calls,
            self._contract["inbox.list"],
            InboxDocument,
            filters={"administrationId": company_id},
            timeout=timeout,
            limit=limit,
        )
        pages = 0
        try:
            async for page in listing.pages():
                for document in page.items:
                    if _matches(document, external_id, company_id):
                        return Lookup("found", document, page.answered_at)
                pages += 1
                if pages == SCANNED_PAGES:
                    break
        except (ConfigurationError, RejectedError, ProtocolError, NotFoundError):
            pass
        return Lookup("cannot tell")


def _matches(document: InboxDocument, external_id: str, company_id: int) -> bool:
    return document.external_id == external_id and document.company_id in (None, company_id)
