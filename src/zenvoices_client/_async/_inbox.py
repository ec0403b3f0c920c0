"""Calls about inboxes: upload documents and look them up."""

from __future__ import annotations

from functools import partial

from _client_kit._arguments import check_instance
from _client_kit._clock import Deadline
from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    ProtocolError,
    RejectedError,
)
from _client_kit._files import json_parts, size_of
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._operations import USER_CODE
from _client_kit._response import ApiResponse, unexpected
from _client_kit._text import Text
from zenvoices_client._asked import AskedFind, AskedRecord, AskedUpload
from zenvoices_client._async._lists import AsyncRecords, check_company
from zenvoices_client._models import InboxDocument, InboxUpload, Lookup
from zenvoices_client._upload import encode_upload, uploaded_document

MAX_EXTERNAL_ID = 50
SCANNED_PAGES = 20


class AsyncInbox(AsyncRecords[InboxDocument]):
    """Calls about the inboxes of the companies."""

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
        """Upload a document to a company's inbox.

        Path, body and answer of the call are assumed. After a failure, the call is repeated only if
        it was certainly not applied. Zenvoices does not refuse duplicates, so look the document up
        by its external id before you upload it again.

        Args:
            upload: The document with its files, which are read while they are sent.
            company_id: Number of the company, from ``client.companies.resolve()``.
            external_id: Your own id of the document, at most 50 characters.
            max_bytes: Largest size in bytes of the library's own JSON body, also if a user's
                function sends another body; no limit by default. Zenvoices publishes no limit.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Returns:
            The inbox document. Its ``id`` is None if Zenvoices confirmed the upload without a
            number: by status 201, or by an ABP envelope with ``success: true`` and no result.

        Raises:
            ConfigurationError: ``company_id`` or ``external_id`` cannot be used.
            RejectedError: The upload was refused. The error's ``status`` is 413 if the upload is
                too large for Zenvoices or for ``max_bytes``.
            OutcomeUnknownError: It is unknown whether the document arrived.
            ProtocolError: The document may have arrived, but the answer does not confirm it.
        """
        check_company(company_id)
        if external_id is not None:
            check_instance(external_id, str, "external_id", service="zenvoices")
            if not 0 < len(external_id) <= MAX_EXTERNAL_ID or not external_id.isprintable():
                message = f"external_id may have 1 to {MAX_EXTERNAL_ID} printable characters"
                raise ConfigurationError(message, service="zenvoices")
        operation = self._calls.contract["inbox.upload"]
        body = encode_upload(upload, company_id, external_id)
        if (
            max_bytes is not None
            and (size := size_of(json_parts(operation.rename_out(body)))) > max_bytes
        ):
            message = f"{operation.name}: {size} bytes to send, the limit is {max_bytes}"
            raise RejectedError(
                message,
                service="zenvoices",
                status=413,
                code="too_large",
                operation=operation.name,
            )
        payload, answer = await self._calls.call(
            operation,
            json=body,
            asked=partial(
                AskedUpload, upload=upload, company_id=company_id, external_id=external_id
            ),
            limit=self._calls.limit(deadline, timeout, upload.attachments[0].content.check),
            decoded=False,
        )
        return uploaded_document(payload, answer, operation)

    async def details(
        self,
        id: int,  # noqa: A002 - the field's name
        *,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> InboxDocument:
        """Return one document by its number.

        The call is observed; its query names are assumed (see ``help(zenvoices_client)``).

        Args:
            id: Number of the document in Zenvoices.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: There is no such document.
        """
        return await self._call_one(
            "inbox.details",
            InboxDocument,
            query={"id": id},
            asked=partial(AskedRecord, id=id),
            limit=self._calls.limit(deadline, timeout),
        )

    async def find(
        self,
        *,
        external_id: str,
        company_id: int,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> Lookup:
        """Look up a document by its external id.

        The call is observed; its query names are assumed (see ``help(zenvoices_client)``). An
        answer that says that there is no such document gives the outcome ``"not found"``. If
        Zenvoices does not know the call or refuses its content, the first 20 pages of the company's
        inbox list are searched. If the answer is not understood, or is another document, this list
        is searched too. The list can prove that the document is there, but not that it is missing:
        without a match, the outcome is ``"cannot tell"``. A user's function for ``inbox.find``
        replaces the call and this search.

        Args:
            external_id: The external id that was given to :meth:`upload`.
            company_id: Number of the company at the time of the upload.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            ProtocolError: A user's function for ``inbox.find`` returned neither None nor a document
                with its ``externalId``, or the document's ``administrationId`` is not an int.
            ServiceError: The look-up failed, for example because a permission is missing.
        """
        check_company(company_id)
        limit = self._calls.limit(deadline, timeout)
        # The user's function for inbox.find, or None. If there is one, the list is not searched.
        own = self._calls.contract.operations.get("inbox.find")
        try:
            payload, answer = await self._calls.call(
                own or self._calls.contract["inbox.details"],
                query={"company_id": company_id, "external_id": external_id},
                asked=partial(AskedFind, company_id=company_id, external_id=external_id),
                limit=limit,
            )
        except NotFoundError as error:
            return Lookup("not found", answered_at=error.answered_at)
        except (ConfigurationError, RejectedError, ProtocolError) as error:
            if error.code == USER_CODE:
                raise
            payload, answer = None, ApiResponse(0, {}, b"", conclusive=False)
        document = decode(InboxDocument, payload) if is_object(payload) else None
        # Without the last condition, a document with an unreadable company number would match any
        # company.
        unreadable = (
            document is None
            or not document.external_id
            or (document.company_id is None and "administrationId" in document.extra)
        )
        if own is not None and payload is not None and unreadable:
            expected = Text(
                "a_found",
                "a document with its externalId, or None; its administrationId is an int",
            )
            raise unexpected(own, answer, expected)
        if document is not None and _matches(document, external_id, company_id):
            return Lookup("found", document, answer.date)
        if own is None:
            return await self._scan(external_id, company_id, limit)
        if payload is None and answer.conclusive:
            return Lookup("not found", answered_at=answer.date)
        return Lookup("cannot tell")

    async def _scan(self, external_id: str, company_id: int, limit: Deadline) -> Lookup:
        listing = self._listing(lambda: limit, company_id=company_id)
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
