"""Calls about the user or app that the token belongs to."""

from __future__ import annotations

from _client_kit._async._client import AsyncCallGroup
from _client_kit._models import decode
from _client_kit._response import object_in
from banqup_client._models import User


class AsyncUsers(AsyncCallGroup):
    """Calls about the user or app that the token belongs to."""

    async def me(self, *, timeout: float | None = None, deadline: float | None = None) -> User:
        """Return the user or app that the token belongs to.

        The call is published on an older page; the names of the user's members are assumed.

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        operation = self._contract["users.me"]
        payload, answer = await self._calls.call(operation, timeout=timeout, deadline=deadline)
        return decode(User, object_in(payload, operation, answer))
