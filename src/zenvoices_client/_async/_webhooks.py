"""Webhooks: available events and subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from _client_kit._async._client import AsyncCallGroup
from _client_kit._clock import Deadline
from _client_kit._json import is_list, is_object
from _client_kit._models import decode
from _client_kit._response import rows_in
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
        rows = await self._rows("webhooks.available", self._calls.limit(deadline, timeout))
        return tuple(name for name in rows if isinstance(name, str))

    async def list(
        self, *, timeout: float | None = None, deadline: float | None = None
    ) -> tuple[WebhookSubscription, ...]:
        """Return the subscriptions.

        The call is observed; the field names are assumed (see ``help(zenvoices_client)``).

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        rows = await self._rows("webhooks.list", self._calls.limit(deadline, timeout))
        return tuple(decode(WebhookSubscription, row) for row in rows if is_object(row))

    async def _rows(self, name: str, limit: Deadline) -> Sequence[Any]:
        """Return the entries of an answer: a list, or an object with the list as ``items``."""
        operation = self._calls.contract[name]
        payload, answer = await self._calls.call(operation, limit=limit)
        wrapped = {"items": payload} if is_list(payload) else payload
        return rows_in(wrapped, "items", operation, answer)
