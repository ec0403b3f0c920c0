"""Calls about documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from _client_kit._arguments import argument_error, check_word
from _client_kit._async._client import AsyncCallGroup
from _client_kit._async._paging import AsyncListing
from _client_kit._json import is_list, is_object
from _client_kit._models import decode, encode
from _client_kit._response import Page, fingerprint, rows_in, unexpected
from _client_kit._text import Text
from _client_kit._times import to_wire_time
from banqup_client._asked import AskedDocument, AskedDocumentFiles, AskedDocuments, AskedSpace
from banqup_client._models import (
    Document,
    DocumentConnection,
    DocumentFile,
    DocumentMetadata,
    DocumentStatus,
    Party,
)

FOLDERS = ("SALES", "PURCHASES")
MAX_PAGE_SIZE = 50


class AsyncDocuments(AsyncCallGroup):
    """Calls about documents in spaces."""

    def list(
        self,
        space_id: str,
        *,
        folder: str | None = None,
        updated_since: datetime | None = None,
        page_size: int = MAX_PAGE_SIZE,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> AsyncListing[Document]:
        """List the documents of a space in no reliable order; pages are fetched on demand.

        The call and its filters are assumed, because the vendor does not document them. A service
        that ignores a filter returns more documents, so check folder and time of each document
        yourself. The iteration always ends, even if the service repeats its pages. Documents that
        move between pages during the iteration may come twice or be missing. So list again before
        you conclude that a document is gone.

        Args:
            space_id: Id of the space.
            folder: ``SALES`` or ``PURCHASES``, or another value as a :class:`ServiceWord`; all
                folders by default.
            updated_since: List only documents that changed at or after this time, which must have
                a time zone; all documents by default.
            page_size: Number of entries per request, 1 to 50.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for each page; the client's own by default.
        """
        if type(page_size) is not int or not 1 <= page_size <= MAX_PAGE_SIZE:
            wanted = f"a whole number from 1 to {MAX_PAGE_SIZE}"
            raise argument_error("page_size", wanted, page_size, service="banqup")
        if folder is not None:
            check_word(folder, FOLDERS, "folder", service="banqup")
        since = to_wire_time(updated_since, "updated_since", service="banqup")
        operation = self._calls.contract["documents.list"]
        own = operation.function is not None

        async def fetch(position: tuple[int, str | None]) -> Page[Document]:
            page, asked_token = position
            where = {"page": page} if asked_token is None else {"next": asked_token}
            payload, answer = await self._calls.call(
                operation,
                path={"space_id": space_id},
                query={"folder": folder, "updated_since": since, "size": page_size, **where},
                asked=partial(
                    AskedDocuments,
                    space_id=space_id,
                    folder=folder,
                    updated_since=updated_since,
                    page=page,
                    token=asked_token,
                    size=page_size,
                ),
                limit=self._calls.limit(deadline, timeout),
            )
            rows = rows_in(payload, "documents", operation, answer)
            following, total, size = (payload.get(name) for name in ("next", "total", "size"))
            token = following if type(following) is str and following else None
            last = payload.get("last") if own else None
            # The answer can say that another page follows, even if this page is empty.
            more = token is not None or last is False
            known = type(total) is int and total >= len(rows)
            wanted = size if type(size) is int and 0 < size < page_size else page_size
            short = len(rows) < wanted
            by_number = asked_token is None and token is None
            # Compare only ids if a user's function made the page: it may return other details of
            # the same documents each time.
            content = sorted(map(_id_of, rows)) if own else rows
            documents = tuple(decode(Document, row) for row in rows if is_object(row))
            return Page(
                documents,
                total if known else None,
                answer.date,
                unreadable=len(rows) - len(documents),
                # Without a total, a page with fewer entries than requested need not be the last:
                # the service may limit the size of pages.
                full=more or (bool(rows) and not (known and short)),
                # An answer without a token is the last page in two cases. The page was requested
                # by a token, or the user's function has returned `"last": True`.
                next=(page + 1, token) if token or (by_number and last is not True) else None,
                fingerprint=fingerprint(content or [token, page]),
                # A page without token and total may come twice in a row. If it is short, or made by
                # a user's function, the service ignores the page number and has only this page.
                repeat_is_end=by_number and not more and not known and (own or short),
            )

        return AsyncListing(fetch, (0, None))

    async def files(
        self,
        space_id: str,
        document: Document,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> tuple[DocumentFile, ...]:
        """Return ``document.files``, or the result of a user's function for ``documents.files``.

        Args:
            space_id: Id of the space.
            document: The document, from :meth:`list` or :meth:`get`.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            ProtocolError: The function for ``documents.files`` did not return a list of objects.
        """
        operation = self._calls.contract.operations.get("documents.files")
        if operation is None:
            return document.files
        rows, answer = await self._calls.run(
            operation,
            AskedDocumentFiles(space_id=space_id, document=document),
            self._calls.limit(deadline, timeout),
        )
        if not is_list(rows) or not all(map(is_object, rows)):
            expected = Text("list_of_objects", "a list of objects")
            raise unexpected(operation, answer, expected)
        return tuple(decode(DocumentFile, row) for row in rows)

    async def get(
        self,
        space_id: str,
        document_id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> Document:
        """Return one document. The call is assumed, because the vendor does not document it.

        Args:
            space_id: Id of the space.
            document_id: Id of the document.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: The space has no such document.
            ProtocolError: The answer is a document with another id.
        """
        return await self._call_one(
            "documents.get",
            Document,
            wanted_id=document_id,
            path={"space_id": space_id, "document_id": document_id},
            asked=partial(AskedDocument, space_id=space_id, document_id=document_id),
            limit=self._calls.limit(deadline, timeout),
        )

    async def create(
        self,
        space_id: str,
        *,
        folder: str,
        category: str = "INVOICE",
        supplier: Party | None = None,
        customer: Party | None = None,
        due_date: date | None = None,
        connections: Sequence[DocumentConnection] = (),
        status: DocumentStatus | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "documentcreator",
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> Document:
        """Create a document.

        The call is published; how to attach a file to the document is not. The call is not
        repeated if it is unknown whether Banqup created the document.

        Args:
            space_id: Id of the space.
            folder: ``SALES`` or ``PURCHASES``, or another value as a :class:`ServiceWord`.
            category: Category of the document, such as ``INVOICE``.
            supplier: Party that sends the document.
            customer: Party that receives the document.
            due_date: Date by which to pay.
            connections: The other parties, from the view of the space.
            status: Initial statuses.
            metadata: Further members of the metadata, under the API's names; ``supplier``,
                ``customer`` and ``due_date`` replace members of the same name.
            source: The application that creates the document.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            OutcomeUnknownError: The document may exist: list the documents before trying again.
            RejectedError: Banqup refused the document.
        """
        check_word(folder, FOLDERS, "folder", service="banqup")
        details = encode(DocumentMetadata(supplier=supplier, customer=customer))
        if due_date is not None:
            details["dueDate"] = due_date.isoformat()[:10]  # only the date of a datetime
        body: dict[str, Any] = {
            "source": source,
            "spaceId": str(space_id),
            "folder": folder,
            "category": category,
            "connections": [encode(connection) for connection in connections],
            "metadata": {**(metadata or {}), **details},
        }
        if status is not None:
            body["status"] = encode(status)
        return await self._call_one(
            "documents.create",
            Document,
            path={"space_id": space_id},
            json=body,
            asked=partial(AskedSpace, space_id=space_id),
            limit=self._calls.limit(deadline, timeout),
        )


def _id_of(row: Any) -> str:
    return str(row.get("id")) if is_object(row) else repr(row)
