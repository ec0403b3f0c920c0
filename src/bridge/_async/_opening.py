"""Open a connection from settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from _client_kit import _runtime_async as runtime
from banqup_client import AsyncBanqupClient, ClientCredentials
from banqup_client._storage import STORAGE_HOSTS
from bridge._async._connection import AsyncConnection
from bridge._delivery.eligibility import Exportable
from bridge._mapping.mapper import AsyncMapper
from bridge._process import functions_of, login_of_this_process, store_of
from bridge._reports.events import Listener
from bridge._settings import ConnectionSettings
from bridge._stores.protocol import CheckpointStore
from zenvoices_client import AsyncZenvoicesClient, UserLogin


@asynccontextmanager
async def open_connection(
    settings: ConnectionSettings,
    banqup: AsyncBanqupClient | None,
    zenvoices: AsyncZenvoicesClient | None,
    checkpoints: CheckpointStore | None,
    mapper: AsyncMapper,
    listeners: Sequence[Listener],
    exportable: Exportable,
    clock: Callable[[], float],
) -> AsyncGenerator[AsyncConnection]:
    """Open a connection from settings.

    Clients and a store that are not passed in are created here, and closed at the end of the block.
    """
    async with AsyncExitStack() as stack:
        if banqup is None:
            banqup = await stack.enter_async_context(_banqup(settings))
        if zenvoices is None:
            zenvoices = await stack.enter_async_context(_zenvoices(settings))
        if checkpoints is None:
            store, close = await runtime.call_store(store_of, settings)
            stack.push_async_callback(runtime.call_store, close)
            checkpoints = store
        yield AsyncConnection(
            banqup,
            zenvoices,
            space_id=settings.space_id,
            company_code=settings.company_code,
            checkpoints=checkpoints,
            mapper=mapper,
            listeners=listeners,
            in_flight=settings.in_flight,
            on_uncertain=settings.on_uncertain,
            exportable=exportable,
            clock=clock,
            lease_ttl=settings.lease_ttl,
        )


def _banqup(settings: ConnectionSettings) -> AsyncBanqupClient:
    credentials = login_of_this_process(ClientCredentials)
    hosts = STORAGE_HOSTS if settings.storage_hosts is None else settings.storage_hosts
    return AsyncBanqupClient(
        credentials,
        settings.environment,
        base_url=settings.banqup_url,
        timeout=settings.timeout,
        deadline=settings.deadline,
        contract=settings.banqup_contract,
        operations=functions_of("banqup_operations", settings.banqup_operations),
        storage_hosts=hosts,
    )


def _zenvoices(settings: ConnectionSettings) -> AsyncZenvoicesClient:
    login = login_of_this_process(UserLogin)
    return AsyncZenvoicesClient(
        login,
        base_url=settings.zenvoices_url,
        timeout=settings.timeout,
        deadline=settings.deadline,
        contract=settings.zenvoices_contract,
        operations=functions_of("zenvoices_operations", settings.zenvoices_operations),
    )
