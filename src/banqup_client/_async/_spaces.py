"""Calls about spaces."""

from __future__ import annotations

from _client_kit._async._client import AsyncCallGroup
from _client_kit._errors import NotFoundError
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._payload import rows_in
from _client_kit._redaction import sanitise
from banqup_client._dialect import NOT_WHITELISTED
from banqup_client._models import Space


class AsyncSpaces(AsyncCallGroup):
    """Calls about the spaces whose administrators have whitelisted the app."""

    async def list(
        self, *, timeout: float | None = None, deadline: float | None = None
    ) -> tuple[Space, ...]:
        """Return all spaces that the app may see.

        The call is published, without paging. An empty result means that no space administrator
        has whitelisted the app (published). Show ``banqup_client.NOT_WHITELISTED`` to the user.

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        operation = self._contract["spaces.list"]
        payload, answer = await self._calls.call(operation, timeout=timeout, deadline=deadline)
        rows = rows_in(payload, "spaces", operation, answer)
        return tuple(decode(Space, row) for row in rows if is_object(row))

    async def get(
        self, space_id: str, *, timeout: float | None = None, deadline: float | None = None
    ) -> Space:
        """Return one space, which is read from the list of spaces.

        Args:
            space_id: Id of the space; upper and lower case are the same.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: The app may not see the space; the hint says what to do.
        """
        wanted = str(space_id).strip()
        spaces = await self.list(timeout=timeout, deadline=deadline)
        for space in spaces:
            if wanted and space.id.lower() == wanted.lower():
                return space
        seen = ", ".join(sanitise(space.id)[:60] for space in spaces[:20]) or "none"
        message = f"the space {wanted[:80]!r} is not among those the app may see: {seen}"
        raise NotFoundError(message, service="banqup", hint=NOT_WHITELISTED)
