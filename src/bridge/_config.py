"""Settings of a connection that can be sent as data, and that open the connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager

from attrs import frozen

from banqup_client import AsyncBanqupClient, BanqupClient
from bridge._async._connection import AsyncConnection
from bridge._async._opening import open_connection as open_connection_async
from bridge._delivery.eligibility import Exportable, default_exportable
from bridge._mapping.mapper import AsyncMapper, Mapper, default_mapper
from bridge._reports.events import Listener
from bridge._settings import ConnectionSettings
from bridge._stores.protocol import CheckpointStore
from bridge._sync._connection import Connection
from bridge._sync._opening import open_connection
from zenvoices_client import AsyncZenvoicesClient, ZenvoicesClient


@frozen(kw_only=True)
class ConnectionConfig(ConnectionSettings):
    """The settings of a connection without its credentials; they cannot be changed.

    An application can send the result of :meth:`to_dict` to a worker as JSON. The worker opens the
    connection with the credentials of its own environment, so the message contains no secret::

        config = ConnectionConfig.from_dict(message)
        with config.open() as connection:
            report = connection.export_new()

    Attributes:
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices, a text: ``"0042"``.
        environment: The environment of Banqup; in JSON its name, such as ``"UAT_EU"``.
        banqup_url: The address of Banqup, in place of an environment.
        zenvoices_url: The address of Zenvoices.
        checkpoint_file: The file of :class:`SQLiteCheckpoints`.
        checkpoint_url_variable: In place of a file, the *name* of the environment variable that
            holds SQLAlchemy's URL of a database: the URL itself may hold a password.
        banqup_contract: Corrections for ``BanqupClient(contract=)``: a table, or the path of a JSON
            file on the machine that opens the connection.
        zenvoices_contract: The same for ``ZenvoicesClient(contract=)``.
        banqup_operations: Functions for ``BanqupClient(operations=)``: a table of operations, each
            with its function as ``"package.module:function"``. Opening the connection imports these
            modules and so runs their code: take the names only from a source that you trust.
        zenvoices_operations: The same for ``ZenvoicesClient(operations=)``.
        storage_hosts: The hosts of signed URLs from which files may be downloaded; None for the
            client's default.
        timeout: Seconds for each connect, read and write of both clients.
        deadline: Seconds for a whole call of either client.
        in_flight: The number of documents that are fetched and sent at the same time.
        on_uncertain: ``"hold"`` or ``"resend"``, as for :class:`Connection`.
        lease_ttl: The length of the lease of a run, in seconds.

    Raises:
        ConfigurationError: A value is not usable; the message names the field.
    """

    def open(
        self,
        *,
        banqup: BanqupClient | None = None,
        zenvoices: ZenvoicesClient | None = None,
        checkpoints: CheckpointStore | None = None,
        mapper: Mapper = default_mapper,
        listeners: Sequence[Listener] = (),
        exportable: Exportable = default_exportable,
        clock: Callable[[], float] = time.time,
    ) -> AbstractContextManager[Connection]:
        """Return the connection for a ``with`` block, which closes what open() itself created.

        Credentials come from this process's environment. All connections of the process share
        the credentials and their tokens, so one login is enough for thousands of runs. A wrong
        password is tried once per process: to try it in each run could lock the user's account.

        Args:
            banqup: A client to use, and leave open, instead of one made from these settings.
            zenvoices: The same for Zenvoices.
            checkpoints: A store to use, and leave open, instead of the one the settings name.
            mapper: Makes the upload of a document, as for :class:`Connection`.
            listeners: Functions that are called with each event of a run.
            exportable: Decides which documents may be exported.
            clock: Returns epoch seconds; waiting documents become due by it.

        Raises:
            ConfigurationError: A credential is missing, a named function cannot be imported, or a
                value is not usable.
        """
        return open_connection(
            self, banqup, zenvoices, checkpoints, mapper, listeners, exportable, clock
        )

    def open_async(
        self,
        *,
        banqup: AsyncBanqupClient | None = None,
        zenvoices: AsyncZenvoicesClient | None = None,
        checkpoints: CheckpointStore | None = None,
        mapper: AsyncMapper = default_mapper,
        listeners: Sequence[Listener] = (),
        exportable: Exportable = default_exportable,
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        """Do the same as :meth:`open`, for ``async with``."""
        return open_connection_async(
            self, banqup, zenvoices, checkpoints, mapper, listeners, exportable, clock
        )
