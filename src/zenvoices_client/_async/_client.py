"""The Zenvoices client."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Never, Self

import httpx

from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ConfigurationError
from _client_kit._retry import RetryPolicy
from _client_kit._secret import refuse_pickling
from _client_kit._user_agent import user_agent_of
from zenvoices_client._async._companies import AsyncCompanies
from zenvoices_client._async._inbox import AsyncInbox, EncodeUpload
from zenvoices_client._contract import shipped_contract
from zenvoices_client._credentials import UserLogin
from zenvoices_client._dialect import dialect_of
from zenvoices_client._models import encode_upload as default_encode_upload

__all__ = ["AsyncZenvoicesClient"]

BASE_URL = "https://app.zenvoices.com"


class AsyncZenvoicesClient:
    """A client of the Zenvoices public API.

    Args:
        login: Who logs in. Clients may share one.
        base_url: Another address, https unless on loopback.
        timeout: Seconds for each connect, read and write.
        deadline: Seconds for a whole call, with its retries, pauses and login.
        user_agent: Your application's part of the User-Agent header.
        retry: How often a call that is safe to repeat is repeated.
        transport: An httpx transport to send through instead of the network.
        http_client: An httpx client to send through; it stays yours to close.
        ssl_context: TLS settings of your own; verification cannot be switched off otherwise.
        contract: Corrections of wire facts, a mapping or the path of a JSON file.
        encode_upload: Builds an upload's JSON where its structure differs from the assumed one.

    Raises:
        ConfigurationError: An argument is not usable; the message says which and why.
    """

    def __init__(
        self,
        login: UserLogin,
        *,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        deadline: float = 300.0,
        user_agent: str | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        contract: Mapping[str, Any] | str | Path | None = None,
        encode_upload: EncodeUpload = default_encode_upload,
    ) -> None:
        if not isinstance(login, UserLogin):
            message = f"login must be a UserLogin, not {type(login).__name__}"
            raise ConfigurationError(message, service="zenvoices")
        facts = shipped_contract().patched(contract)
        self.login = login
        self._calls = AsyncCalls(
            dialect_of(login, facts),
            login._states,
            base_url=base_url.removesuffix("/").removesuffix("/public-api/v1"),
            timeout=timeout,
            deadline=deadline,
            user_agent=user_agent_of(user_agent, service="zenvoices"),
            retry=retry,
            transport=transport,
            http_client=http_client,
            ssl_context=ssl_context,
        )
        self.companies = AsyncCompanies(self._calls, facts)
        self.inbox = AsyncInbox(self._calls, facts, encode_upload)

    @property
    def base_url(self) -> str:
        """The address this client speaks to."""
        return self._calls.base_url

    @property
    def deadline(self) -> float:
        """Seconds a whole call may take."""
        return self._calls.deadline

    async def aclose(self) -> None:
        """Close the connections."""
        await self._calls.aclose()

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
        return f"{type(self).__name__}({self.login.user!r}, base_url={self.base_url!r})"

    def __reduce__(self) -> Never:
        refuse_pickling(self)
