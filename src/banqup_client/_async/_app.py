"""Calls about the app itself: its user, the spaces it may see, its messages."""

from __future__ import annotations

from _client_kit._async._client import AsyncCallGroup
from _client_kit._errors import NotFoundError
from _client_kit._redaction import sanitise
from banqup_client._dialect import NOT_WHITELISTED
from banqup_client._models import ExtensionPoint, Space, User

_MESSAGE_LISTENERS = {
    "namespace": "com.unifiedpost.btx",
    "name": "messageListeners",
    "version": "1.0",
}


class AsyncUsers(AsyncCallGroup):
    """Calls about the user or app that the token belongs to."""

    async def me(self, *, timeout: float | None = None, deadline: float | None = None) -> User:
        """Return the user or app that the token belongs to.

        The call is published on an older page of the vendor's documentation; the names of the
        user's members are assumed.

        Args:
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        return await self._call_one("users.me", User, limit=self._calls.limit(deadline, timeout))


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
        return await self._call_many(
            "spaces.list", "spaces", Space, limit=self._calls.limit(deadline, timeout)
        )

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
        points = await self._call_many(
            "messages.find",
            "extensionPoints",
            ExtensionPoint,
            query=_MESSAGE_LISTENERS,
            limit=self._calls.limit(deadline, timeout),
        )
        if not points:
            message = "messages.find: Banqup names no extension point for message listeners"
            raise NotFoundError(message, service="banqup")
        return points[0]
