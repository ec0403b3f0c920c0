"""Zenvoices' lists: POST, page by page, with a total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from _client_kit._async._calls import AsyncCalls
from _client_kit._async._paging import AsyncListing
from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._models import decode
from _client_kit._paging import Page, fingerprint

__all__ = ["list_all"]

T = TypeVar("T")


def list_all(
    calls: AsyncCalls,
    operation: Operation,
    model: type[T],
    *,
    page_size: int,
    filters: Mapping[str, Any] | None = None,
) -> AsyncListing[T]:
    """A lazy list of an operation that pages by ``skipCount`` and ``maxResultCount``."""
    if not 1 <= page_size <= 250:
        message = f"page_size must be 1 to 250, not {page_size}"
        raise ConfigurationError(message, service="zenvoices")
    sent = {name: value for name, value in (filters or {}).items() if value is not None}

    async def fetch(skip: Any) -> Page[T]:
        body = {**sent, "maxResultCount": page_size, "skipCount": skip}
        payload, answer = await calls.call(operation, json=body)
        rows = payload.get("items") if isinstance(payload, dict) else None
        if not isinstance(rows, list):
            message = f"{operation.name}: expected an object with a list 'items'"
            raise ProtocolError(message, service="zenvoices", status=answer.status)
        total = payload.get("totalCount")
        items = tuple(decode(model, row) for row in rows if isinstance(row, dict))
        return Page(
            items,
            total if type(total) is int else None,
            answer.date,
            unreadable=len(rows) - len(items),
            full=len(rows) >= page_size,
            next=skip + len(rows),
            fingerprint=fingerprint(rows),
        )

    return AsyncListing(fetch, 0)
