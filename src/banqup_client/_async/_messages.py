"""The extension point for Banqup's messages."""

from __future__ import annotations

from _client_kit._async._client import AsyncCallGroup
from _client_kit._errors import NotFoundError
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._response import rows_in
from banqup_client._models import ExtensionPoint


class AsyncMessages(AsyncCallGroup):
    """Calls about the extension point where an app registers to receive messages.

    The body of a registration is not documented, so no method makes a registration. Send the body
    that Banqup gives you with ``client.request(Call("POST",
    f"/core/plugin/api/v1/extensionPoints/{point.id}/extensions", json=...))``. Decode messages that
    arrive with :meth:`banqup_client.Message.from_body`.
    """

    async def find(
        self, *, timeout: float | None = None, deadline: float | None = None
    ) -> ExtensionPoint:
        """Return the extension point of message listeners.

        The call is published; the structure of its answer is assumed.

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: Banqup has no such extension point.
        """
        operation = self._contract["messages.find"]
        query = {"namespace": "com.unifiedpost.btx", "name": "messageListeners", "version": "1.0"}
        payload, answer = await self._calls.call(
            operation, query=query, timeout=timeout, deadline=deadline
        )
        for row in rows_in(payload, "extensionPoints", operation, answer):
            if is_object(row):
                return decode(ExtensionPoint, row)
        message = "messages.find: Banqup names no extension point for message listeners"
        raise NotFoundError(message, service="banqup", status=answer.status)
