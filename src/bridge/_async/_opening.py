"""Opening a connection that is described as data."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from _client_kit import _runtime_async as runtime
from banqup_client import AsyncBanqupClient, ClientCredentials
from banqup_client._storage import STORAGE_HOSTS
from bridge._async._connection import AsyncConnection
from bridge._delivery.eligibility import Exportable
from bridge._mapping.mapper import AsyncMapper
from bridge._process import function_of, login_of_this_process, store_of
from bridge._reports.events import Listener
from bridge._stores.protocol import CheckpointStore
from zenvoices_client import AsyncZenvoicesClient, UserLogin

if TYPE_CHECKING:
    from bridge._config import ConnectionConfig

__all__ = ["open_connection"]


def open_connection(
    config: ConnectionConfig,
    banqup: AsyncBanqupClient | None,
    zenvoices: AsyncZenvoicesClient | None,
    checkpoints: CheckpointStore | None,
    mapper: AsyncMapper,
    listeners: Sequence[Listener],
    exportable: Exportable,
    clock: Callable[[], float],
) -> AbstractAsyncContextManager[AsyncConnection]:
    """A connection; what was not handed in is made from the config, and closed at the end."""

    async def connect(stack: AsyncExitStack) -> AsyncConnection:
        source, target, store = banqup, zenvoices, checkpoints
        if source is None:
            source = await stack.enter_async_context(_banqup(config))
        if target is None:
            target = await stack.enter_async_context(_zenvoices(config))
        if store is None:
            made, close = await runtime.call_store(store_of, config)
            stack.push_async_callback(runtime.call_store, close)
            store = made
        return AsyncConnection(
            source,
            target,
            space_id=config.space_id,
            company_code=config.company_code,
            checkpoints=store,
            mapper=mapper,
            listeners=listeners,
            in_flight=config.in_flight,
            on_uncertain=config.on_uncertain,
            exportable=exportable,
            clock=clock,
            lease_ttl=config.lease_ttl,
        )

    return _opened(connect)


@asynccontextmanager
async def _opened(
    connect: Callable[[AsyncExitStack], Awaitable[AsyncConnection]],
) -> AsyncGenerator[AsyncConnection]:
    async with AsyncExitStack() as stack:
        yield await connect(stack)


def _banqup(config: ConnectionConfig) -> AsyncBanqupClient:
    credentials = login_of_this_process(ClientCredentials)
    hosts = STORAGE_HOSTS if config.storage_hosts is None else config.storage_hosts
    return AsyncBanqupClient(
        credentials,
        config.environment,
        base_url=config.banqup_url,
        timeout=config.timeout,
        deadline=config.deadline,
        contract=config.banqup_contract,
        decode_document=function_of("decode_document", config.decode_document),
        storage_hosts=hosts,
    )


def _zenvoices(config: ConnectionConfig) -> AsyncZenvoicesClient:
    login = login_of_this_process(UserLogin)
    return AsyncZenvoicesClient(
        login,
        base_url=config.zenvoices_url,
        timeout=config.timeout,
        deadline=config.deadline,
        contract=config.zenvoices_contract,
        encode_upload=function_of("encode_upload", config.encode_upload),
    )
