"""Open a connection from settings."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from _client_kit import _runtime_async as runtime
from banqup_client import AsyncBanqupClient, ClientCredentials
from banqup_client._storage import STORAGE_HOSTS
from bridge._async._connection import AsyncConnection
from bridge._delivery.eligibility import Exportable, default_exportable
from bridge._mapping.mapper import AsyncMapper, default_mapper
from bridge._process import functions_of, login_of_this_process, store_of
from bridge._reports.events import Listener
from bridge._settings import ConnectionSettings
from bridge._stores.protocol import CheckpointStore
from zenvoices_client import AsyncZenvoicesClient, UserLogin


@asynccontextmanager
async def open_connection(
    settings: ConnectionSettings,
    *,
    banqup: AsyncBanqupClient | None = None,
    zenvoices: AsyncZenvoicesClient | None = None,
    checkpoints: CheckpointStore | None = None,
    mapper: AsyncMapper = default_mapper,
    listeners: Sequence[Listener] = (),
    exportable: Exportable = default_exportable,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[AsyncConnection]:
    """Return a connection for an ``async with`` block; its end closes all that was made for it.

    Credentials come from this process's environment. All connections of the process share
    the credentials and their tokens, so one login is enough for thousands of runs. A wrong
    password is tried once per process: to try it in each run could lock the user's account.

    Args:
        settings: The settings of the connection.
        banqup: A client to use, and leave open, instead of one made from these settings.
        zenvoices: The same for Zenvoices.
        checkpoints: A store to use, and leave open, instead of the store that the settings name.
        mapper: Makes the upload of a document, as for :class:`AsyncConnection`.
        listeners: Functions that are called with each event of a run.
        exportable: Decides which documents may be exported.
        clock: Returns epoch seconds; waiting documents become due by it.

    Raises:
        ConfigurationError: A credential is missing, a named function cannot be imported, or a
            value is not usable.
    """
    async with AsyncExitStack() as stack:
        if banqup is None:
            hosts = STORAGE_HOSTS if settings.storage_hosts is None else settings.storage_hosts
            banqup = AsyncBanqupClient(
                login_of_this_process(ClientCredentials),
                settings.environment,
                base_url=settings.banqup_url,
                timeout=settings.timeout,
                deadline=settings.deadline,
                contract=settings.banqup_contract,
                operations=functions_of("banqup_operations", settings.banqup_operations),
                storage_hosts=hosts,
            )
            await stack.enter_async_context(banqup)
        if zenvoices is None:
            zenvoices = AsyncZenvoicesClient(
                login_of_this_process(UserLogin),
                base_url=settings.zenvoices_url,
                timeout=settings.timeout,
                deadline=settings.deadline,
                contract=settings.zenvoices_contract,
                operations=functions_of("zenvoices_operations", settings.zenvoices_operations),
            )
            await stack.enter_async_context(zenvoices)
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
