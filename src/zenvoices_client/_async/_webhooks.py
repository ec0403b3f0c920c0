"""Webhooks: available events and subscriptions."""

from __future__ import annotations

from typing import Any

from _client_kit._async._client import AsyncCallGroup
from _client_kit._contract import Operation
from _client_kit._json import is_list, is_object
from _client_kit._models import decode
from _client_kit._response import ApiResponse, unexpected
from _client_kit._text import Text
from zenvoices_client._dialect import member
from zenvoices_client._webhooks import WebhookSubscription


class AsyncWebhooks(AsyncCallGroup):
    """Calls about webhook subscriptions; how to create or delete one is not documented."""

    async def available(
        self, *, timeout: float | None = None, deadline: float | None = None
    ) -> tuple[str, ...]:
        """Return the names of the events that can be subscribed to.

        The call is observed (see ``help(zenvoices_client)``).

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        operation = self._contract["webhooks.available"]
        payload, answer = await self._calls.call(operation, timeout=timeout, deadline=deadline)
        return tuple(name for name in _rows(payload, operation, answer) if isinstance(name, str))

    async def list(
        self, *, timeout: float | None = None, deadline: float | None = None
    ) -> tuple[WebhookSubscription, ...]:
        """Return the subscriptions.

        The call is observed; their field names are assumed (see ``help(zenvoices_client)``).

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        operation = self._contract["webhooks.list"]
        payload, answer = await self._calls.call(operation, timeout=timeout, deadline=deadline)
        rows = _rows(payload, operation, answer)
        return tuple(decode(WebhookSubscription, row) for row in rows if is_object(row))


def _rows(payload: object, operation: Operation, answer: ApiResponse) -> list[Any]:
    """Return the entries of a list, which may be wrapped in an object."""
    rows = member(payload, "items") if is_object(payload) else payload
    if not is_list(rows):
        raise unexpected(operation, answer, Text("a_list", "a list"))
    return rows
