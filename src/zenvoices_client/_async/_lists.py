"""Zenvoices' lists: POST requests, page by page, with a total."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from _client_kit._arguments import argument_error, check_number
from _client_kit._async._calls import AsyncCalls
from _client_kit._async._client import AsyncCallGroup
from _client_kit._async._paging import AsyncListing
from _client_kit._clock import Deadline
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._response import Page, fingerprint, rows_in
from zenvoices_client._asked import AskedPage
from zenvoices_client._dialect import member

T = TypeVar("T")


def check_company(company_id: object) -> None:
    """Check that `company_id` is a whole number: a company's code, which is a text, is refused.

    Raises:
        ConfigurationError: The value is not a whole number.
    """
    hint = "The number of a company is client.companies.resolve('0042').id; its code is a text."
    check_number(company_id, "company_id", service="zenvoices", hint=hint)


class AsyncPages(AsyncCallGroup, Generic[T]):
    """Base class of the calls about one kind of record, which can be listed page by page."""

    def __init__(self, calls: AsyncCalls, resource: str, model: type[T]) -> None:
        super().__init__(calls)
        self._resource = resource
        self._model = model

    def _listing(
        self,
        limit: Callable[[], Deadline],
        *,
        page_size: int = 250,
        company_id: int | None = None,
        sorting: str | None = None,
    ) -> AsyncListing[T]:
        """Return a lazy list that requests pages by ``skipCount`` and ``maxResultCount``.

        ``limit`` is called before each page, and returns the deadline of its request.
        """
        if type(page_size) is not int or not 1 <= page_size <= 250:
            wanted = "a whole number from 1 to 250"
            raise argument_error("page_size", wanted, page_size, service="zenvoices")
        operation = self._calls.contract[f"{self._resource}.list"]
        filters = {"administrationId": company_id, "sorting": sorting}
        sent = {name: value for name, value in filters.items() if value is not None}

        async def fetch(skip: Any) -> Page[T]:
            payload, answer = await self._calls.call(
                operation,
                json={**sent, "maxResultCount": page_size, "skipCount": skip},
                asked=partial(
                    AskedPage, skip=skip, size=page_size, company_id=company_id, sorting=sorting
                ),
                limit=limit(),
            )
            rows = rows_in(payload, "items", operation, answer)
            total = member(payload, "totalCount")
            total = total if type(total) is int and total >= 0 else None
            items = tuple(decode(self._model, row) for row in rows if is_object(row))
            seen = skip + len(rows)
            return Page(
                items,
                total,
                answer.date,
                unreadable=len(rows) - len(items),
                full=len(rows) >= page_size,
                # Stop only if the total is exactly reached: a total below the number of entries
                # read so far is wrong.
                next=None if seen == total else seen,
                fingerprint=fingerprint(rows),
            )

        return AsyncListing(fetch, 0)


class AsyncRecords(AsyncPages[T]):
    """Calls about one kind of record that companies have; subclasses can read single records."""

    def list(
        self,
        *,
        company_id: int | None = None,
        page_size: int = 250,
        sorting: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> AsyncListing[T]:
        """List the records of all companies or of one; pages are fetched on demand.

        The call is observed; its filter by company is assumed (see ``help(zenvoices_client)``).

        Args:
            company_id: Number of a company, to list its records only; all companies by default.
            page_size: Number of entries per request, 1 to 250.
            sorting: Name of the field to sort by; append ``" DESC"`` for descending order.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for each page; the client's own by default.
        """
        if company_id is not None:
            check_company(company_id)
        return self._listing(
            lambda: self._calls.limit(deadline, timeout),
            page_size=page_size,
            company_id=company_id,
            sorting=sorting,
        )
