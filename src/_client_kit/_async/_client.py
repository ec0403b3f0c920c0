"""The base classes of both clients and of their groups of calls."""

from __future__ import annotations

from typing import Any, Never, Self, TypeVar

from _client_kit._async._calls import AsyncCalls
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._operations import Call
from _client_kit._response import object_in, rows_in, unexpected
from _client_kit._secret import refuse_pickling
from _client_kit._text import Text

_T = TypeVar("_T")


class AsyncCallGroup:
    """Base class of the calls about one kind of object, such as ``client.documents``."""

    def __init__(self, calls: AsyncCalls) -> None:
        self._calls = calls

    async def _call_one(
        self, name: str, model: type[_T], *, wanted_id: str | None = None, **request: Any
    ) -> _T:
        """Call an operation that answers with one object.

        Args:
            name: Name of the operation.
            model: The class of the result.
            wanted_id: The id that the object must have, in any letter case, unless it has no id;
                None for any id.
            request: Arguments of :meth:`AsyncCalls.call`.

        Raises:
            ProtocolError: The answer is not a JSON object, or is an object with another id.
        """
        operation = self._calls.contract[name]
        payload, answer = await self._calls.call(operation, **request)
        found: Any = decode(model, object_in(payload, operation, answer))
        del payload  # it may hold a signed URL as a plain text
        if wanted_id and (found.id or wanted_id).lower() != wanted_id.lower():
            raise unexpected(operation, answer, Text("same_id", "the id that was asked for"))
        return found  # type: ignore[no-any-return]

    async def _call_many(
        self, name: str, member: str, model: type[_T], **request: Any
    ) -> tuple[_T, ...]:
        """Call an operation that answers with a list in the member ``member``.

        Entries of the list that are not JSON objects are left out.
        """
        operation = self._calls.contract[name]
        payload, answer = await self._calls.call(operation, **request)
        rows = rows_in(payload, member, operation, answer)
        return tuple(decode(model, row) for row in rows if is_object(row))


class AsyncApiClient:
    """Base class of both clients."""

    _calls: AsyncCalls

    async def request(
        self, call: Call, *, timeout: float | None = None, deadline: float | None = None
    ) -> Any:
        """Make a call for which the client has no method, with its token, retries and errors.

        Args:
            call: The call. After a failure whose outcome is unknown, only a safe call is repeated.
                By default only GET is safe; ``safe=True`` marks another call as safe.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Returns:
            The answer's JSON without Zenvoices' envelope; None for an empty answer. With
            ``whole=True`` in the call, the :class:`Answer`.

        Raises:
            ConfigurationError: The call or a number of seconds is not valid, or the client is
                closed.
            ServiceError: The call failed; the subclass gives the kind of failure.
        """
        return await self._calls.request(call, self._calls.limit(deadline, timeout))

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations for which ``operations=`` has a function."""
        return self._calls.contract.own

    @property
    def base_url(self) -> str:
        """The base URL of the API."""
        return self._calls.base_url

    @property
    def deadline(self) -> float:
        """Seconds for a whole call that is given no ``deadline=`` of its own."""
        return self._calls.deadline

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed in this process and event loop."""
        return self._calls.is_closed

    async def aclose(self) -> None:
        """Close the connections, except those of an ``http_client=``: its owner closes them."""
        await self._calls.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce__(self) -> Never:
        refuse_pickling(self)
