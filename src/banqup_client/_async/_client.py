"""The Banqup client."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self

import httpx

from _client_kit._arguments import check_instance
from _client_kit._async._calls import AsyncCalls
from _client_kit._operations import Call
from _client_kit._retry import RetryPolicy
from _client_kit._secret import refuse_pickling
from _client_kit._user_agent import user_agent_of
from banqup_client._async._storage import AsyncStorage
from banqup_client._contract import shipped_contract
from banqup_client._credentials import ClientCredentials
from banqup_client._dialect import dialect_of
from banqup_client._environment import Environment, address_of
from banqup_client._storage import STORAGE_HOSTS

if TYPE_CHECKING:
    from banqup_client._async._documents import AsyncDocuments
    from banqup_client._async._files import AsyncFiles
    from banqup_client._async._messages import AsyncMessages
    from banqup_client._async._spaces import AsyncSpaces
    from banqup_client._async._users import AsyncUsers

__all__ = ["AsyncBanqupClient"]


class AsyncBanqupClient:
    """A client of the Banqup API.

    Args:
        credentials: The app that calls. Clients may share them.
        environment: Which Banqup to speak to.
        base_url: Another address instead, https unless on loopback.
        timeout: Seconds for each connect, read and write.
        deadline: Seconds for a whole call, with its retries, pauses and token.
        user_agent: Your application's part of the User-Agent header.
        retry: How often a call that is safe to repeat is repeated.
        transport: An httpx transport to send API calls through instead of the network.
        http_client: An httpx client to send API calls through; it stays yours to close.
        ssl_context: TLS settings of your own, which then decide what is verified.
        contract: Corrections of wire facts, a mapping or the path of a JSON file.
        operations: Functions of your own by the name of the operation, such as
            ``"documents.list"``: generators that yield the calls Banqup really has.
        storage_hosts: Hosts whose signed URLs are followed, exactly these.
        storage_transport: An httpx transport for signed URLs, which never go through
            ``transport`` or ``http_client``.

    Raises:
        ConfigurationError: An argument is not usable; the message says which and why.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        environment: Environment | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        deadline: float = 300.0,
        user_agent: str | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        contract: Mapping[str, Any] | str | Path | None = None,
        operations: Mapping[str, Callable[[Any], Any]] | None = None,
        storage_hosts: Iterable[str] = STORAGE_HOSTS,
        storage_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        check_instance(credentials, ClientCredentials, "credentials", service="banqup")
        self.credentials: ClientCredentials = credentials
        address = address_of(environment, base_url)
        facts = shipped_contract().patched(contract)
        facts = facts.with_functions(operations, also={"documents.files": "documents.get"})
        agent = user_agent_of(user_agent, service="banqup")
        self._calls = AsyncCalls(
            dialect_of(credentials, facts),
            credentials._states,
            base_url=address,
            timeout=timeout,
            deadline=deadline,
            user_agent=agent,
            retry=retry,
            transport=transport,
            http_client=http_client,
            ssl_context=ssl_context,
        )
        self._storage = AsyncStorage(
            self._calls,
            facts,
            storage_hosts,
            user_agent=agent,
            retry=retry,
            transport=storage_transport,
            ssl_context=ssl_context,
        )
        self._facts = facts
        self.wire_digest: str = facts.digest

    # Each part of the API, with its models, is loaded when it is first used.

    @cached_property
    def spaces(self) -> AsyncSpaces:
        """The spaces whose administrators have whitelisted the app."""
        from banqup_client._async._spaces import AsyncSpaces

        return AsyncSpaces(self._calls, self._facts)

    @cached_property
    def documents(self) -> AsyncDocuments:
        """The documents in spaces."""
        from banqup_client._async._documents import AsyncDocuments

        return AsyncDocuments(self._calls, self._facts)

    @cached_property
    def files(self) -> AsyncFiles:
        """The files of a space's documents."""
        from banqup_client._async._files import AsyncFiles

        return AsyncFiles(self._calls, self._facts, self._storage)

    @cached_property
    def users(self) -> AsyncUsers:
        """The user behind the app."""
        from banqup_client._async._users import AsyncUsers

        return AsyncUsers(self._calls, self._facts)

    @cached_property
    def messages(self) -> AsyncMessages:
        """Banqup's messages about what has changed."""
        from banqup_client._async._messages import AsyncMessages

        return AsyncMessages(self._calls, self._facts)

    async def request(
        self, call: Call, *, timeout: float | None = None, deadline: float | None = None
    ) -> Any:
        """Call what this library does not model, with its token, retries and errors.

        Args:
            call: What to call; not repeated after a fault whose outcome is unknown, unless it is
                a GET or has ``safe=True``.
            timeout: Seconds for each connect, read and write.
            deadline: Seconds for the whole call.

        Returns:
            The answer's JSON; None for an empty answer. With ``whole=True`` in the call, the
            :class:`Answer`.

        Raises:
            ConfigurationError: The call cannot be made as it is written.
            ServiceError: Of the subclass that says what went wrong.
        """
        return await self._calls.request(call, timeout=timeout, deadline=deadline)

    @property
    def base_url(self) -> str:
        """The address this client speaks to."""
        return self._calls.base_url

    @property
    def deadline(self) -> float:
        """Seconds a whole call may take."""
        return self._calls.deadline

    @property
    def is_closed(self) -> bool:
        """Whether it was closed here; connections of its own it opens again in another loop."""
        return self._calls.is_closed

    async def aclose(self) -> None:
        """Close the connections."""
        try:
            await self._calls.aclose()
        finally:
            await self._storage.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.credentials.client_id!r}, base_url={self.base_url!r})"

    def __reduce__(self) -> Never:
        refuse_pickling(self)
