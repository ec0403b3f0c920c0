"""Documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from _client_kit._async._calls import AsyncCalls
from _client_kit._async._paging import AsyncListing
from _client_kit._contract import Contract
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._models import decode
from _client_kit._paging import Page, fingerprint
from banqup_client._models import Document

__all__ = ["AsyncDocuments"]

DecodeDocument = Callable[[Mapping[str, Any]], Mapping[str, Any]]

MAX_PAGE_SIZE = 50


class AsyncDocuments:
    """The documents in spaces."""

    def __init__(
        self, calls: AsyncCalls, contract: Contract, decode_document: DecodeDocument | None
    ) -> None:
        self._calls = calls
        self._contract = contract
        self._decode_document = decode_document

    def list(
        self,
        space_id: str,
        *,
        folder: str | None = None,
        updated_since: datetime | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> AsyncListing[Document]:
        """The documents of a space, lazily, in no order that could be relied on. Assumed.

        A service that ignores a filter returns more: check what matters on the documents.

        Args:
            space_id: The space.
            folder: ``SALES`` or ``PURCHASES``; both by default.
            updated_since: Only documents that changed at or after this aware time.
            page_size: Entries per request, 1 to 50.
        """
        operation = self._contract["documents.list"]
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            message = f"page_size must be 1 to {MAX_PAGE_SIZE}, not {page_size}"
            raise ConfigurationError(message, service="banqup")
        since: str | None = None
        if updated_since is not None:
            if updated_since.tzinfo is None:
                message = "updated_since must be an aware datetime, with a time zone"
                raise ConfigurationError(message, service="banqup")
            text = updated_since.astimezone(UTC).isoformat(timespec="milliseconds")
            since = text.replace("+00:00", "Z")

        async def fetch(position: Any) -> Page[Document]:
            query = {"folder": folder, "updated_since": since, "size": page_size}
            query["next" if isinstance(position, str) else "page"] = position
            payload, answer = await self._calls.call(
                operation, path={"space_id": space_id}, query=query
            )
            rows = payload.get("documents") if isinstance(payload, dict) else None
            if not isinstance(rows, list):
                message = "documents.list: expected an object with a list 'documents'"
                raise ProtocolError(message, service="banqup", status=answer.status)
            items = tuple(self._decode(row) for row in rows if isinstance(row, dict))
            total, size, following = (payload.get(name) for name in ("total", "size", "next"))
            wanted = min(page_size, size) if type(size) is int and size > 0 else page_size
            by_token = isinstance(following, str) and bool(following)
            return Page(
                items,
                total if type(total) is int else None,
                answer.date,
                unreadable=len(rows) - len(items),
                full=by_token or len(rows) >= wanted,
                next=following if by_token else self._next_page(position),
                fingerprint=fingerprint(rows),
            )

        return AsyncListing(fetch, 0)

    @staticmethod
    def _next_page(position: Any) -> int | None:
        # After a page asked for by token, no token means the end.
        return position + 1 if isinstance(position, int) else None

    async def get(self, space_id: str, document_id: str) -> Document:
        """One document. Assumed.

        Raises:
            NotFound: The space does not have it.
        """
        payload, answer = await self._calls.call(
            self._contract["documents.get"],
            path={"space_id": space_id, "document_id": document_id},
        )
        if not isinstance(payload, dict):
            message = "documents.get: expected an object"
            raise ProtocolError(message, service="banqup", status=answer.status)
        return self._decode(payload)

    def _decode(self, row: Mapping[str, Any]) -> Document:
        return decode(Document, self._decode_document(row) if self._decode_document else row)
