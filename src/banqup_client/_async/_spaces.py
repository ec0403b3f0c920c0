"""Spaces."""

from __future__ import annotations

from _client_kit._async._calls import AsyncCalls
from _client_kit._contract import Contract
from _client_kit._errors import NotFound, ProtocolError
from _client_kit._models import decode
from banqup_client._dialect import NOT_WHITELISTED
from banqup_client._models import Space

__all__ = ["AsyncSpaces"]


class AsyncSpaces:
    """The spaces whose administrators have whitelisted the app."""

    def __init__(self, calls: AsyncCalls, contract: Contract) -> None:
        self._calls = calls
        self._contract = contract

    async def list(self) -> tuple[Space, ...]:
        """Every space the app may see. Published; no paging is shown.

        Empty means that no space administrator has whitelisted the app (published).
        """
        payload, answer = await self._calls.call(self._contract["spaces.list"])
        rows = payload.get("spaces") if isinstance(payload, dict) else None
        if not isinstance(rows, list):
            message = "spaces.list: expected an object with a list 'spaces'"
            raise ProtocolError(message, service="banqup", status=answer.status)
        return tuple(decode(Space, row) for row in rows if isinstance(row, dict))

    async def get(self, space_id: str) -> Space:
        """One space, from the list.

        Raises:
            NotFound: The app may not see it; the hint says what to do.
        """
        spaces = await self.list()
        for space in spaces:
            if space.id is not None and space.id.lower() == space_id.strip().lower():
                return space
        seen = ", ".join(repr(space.id) for space in spaces[:20]) or "none"
        message = f"the space {space_id[:80]!r} is not among those the app may see: {seen}"
        raise NotFound(message, service="banqup", hint=NOT_WHITELISTED)
