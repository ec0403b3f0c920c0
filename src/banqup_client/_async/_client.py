"""The Banqup client.

An operation needs an entry in this package's ``contract.json`` and a method in the module of its
group, beside this one. Then run ``tools/generate_sync.py``, and for the documentation
``tools/generate_operation_pages.py``.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from _client_kit._arguments import check_instance
from _client_kit._async._calls import AsyncCalls
from _client_kit._async._client import AsyncApiClient
from _client_kit._contract import load_contract
from _client_kit._retry import RetryPolicy
from banqup_client._async._app import AsyncMessages, AsyncSpaces, AsyncUsers
from banqup_client._async._documents import AsyncDocuments
from banqup_client._async._files import AsyncFiles
from banqup_client._async._storage import AsyncStorage
from banqup_client._credentials import ClientCredentials
from banqup_client._dialect import dialect_of
from banqup_client._environment import Environment, address_of
from banqup_client._storage import STORAGE_HOSTS


class AsyncBanqupClient(AsyncApiClient):
    """A client of the Banqup API.

    Args:
        credentials: Credentials of the app. Clients can share them.
        environment: The environment of Banqup to use; give either this or ``base_url``.
        base_url: Base URL instead of an environment; https unless it is on loopback.
        timeout: Seconds for each connect, read and write.
        deadline: Seconds for a whole call, with retries, pauses and the request for a token.
        user_agent: Name of your application, put in front of the User-Agent header.
        retry: Policy for repeating failed calls; ``RetryPolicy()`` by default. After a
            failure whose outcome is unknown, only calls that change nothing are repeated.
        transport: An httpx transport for API calls, instead of the network.
        http_client: An httpx client for API calls; you have to close it.
        ssl_context: Your own TLS settings; they then decide how certificates are verified.
        contract: Corrections of the API's paths and names: a mapping, or the path of a JSON file.
        operations: Your own functions by name of the operation, such as ``"documents.list"``. Each
            yields the calls to make instead of this library's own, or only returns a value.
        storage_hosts: The exact hosts that signed URLs may have; ``storage.googleapis.com`` by
            default.
        storage_transport: An httpx transport for signed URLs, which never use ``transport`` or
            ``http_client``.

    Raises:
        ConfigurationError: An argument cannot be used; the message says which and why.
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
        hint = "Write ClientCredentials(client_id, client_secret), or ClientCredentials.from_env()."
        check_instance(credentials, ClientCredentials, "credentials", service="banqup", hint=hint)
        self.credentials: ClientCredentials = credentials
        address = address_of(environment, base_url)
        facts = load_contract("banqup_client").patched(contract)
        facts = facts.with_functions(operations, also={"documents.files": "documents.get"})
        self._calls = AsyncCalls(
            dialect_of(credentials, facts),
            credentials._states,
            base_url=address,
            timeout=timeout,
            deadline=deadline,
            user_agent=user_agent,
            retry=retry,
            transport=transport,
            http_client=http_client,
            ssl_context=ssl_context,
        )
        self._storage = AsyncStorage(
            self._calls, storage_hosts, transport=storage_transport, ssl_context=ssl_context
        )
        self.wire_digest: str = facts.digest

    @cached_property
    def spaces(self) -> AsyncSpaces:
        """Calls about the spaces whose administrators have whitelisted the app."""
        return AsyncSpaces(self._calls)

    @cached_property
    def documents(self) -> AsyncDocuments:
        """Calls about documents in spaces."""
        return AsyncDocuments(self._calls)

    @cached_property
    def files(self) -> AsyncFiles:
        """Calls about files in spaces."""
        return AsyncFiles(self._calls, self._storage)

    @cached_property
    def users(self) -> AsyncUsers:
        """Calls about the user or app that the token belongs to."""
        return AsyncUsers(self._calls)

    @cached_property
    def messages(self) -> AsyncMessages:
        """Calls about Banqup's messages, which notify an app of changes."""
        return AsyncMessages(self._calls)

    async def aclose(self) -> None:
        """Close the connections, except those of an ``http_client=``: its owner closes them."""
        try:
            await super().aclose()
        finally:
            await self._storage.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.credentials.client_id!r}, base_url={self.base_url!r})"
