"""Settings of a connection that can be sent as data, and that open the connection."""

from __future__ import annotations

from attrs import frozen

from bridge._async._opening import open_connection as open_connection_async
from bridge._settings import ConnectionSettings
from bridge._sync._opening import open_connection


@frozen(kw_only=True)
class ConnectionConfig(ConnectionSettings):
    """The settings of a connection without its credentials; its fields cannot be changed.

    An application can send the result of :meth:`to_dict` to a worker as JSON. The worker opens the
    connection with the credentials of its own environment, so the message contains no secret::

        config = ConnectionConfig.from_dict(message)
        with config.open() as connection:
            report = connection.export_new()

    Attributes:
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices, a text: ``"0042"``.
        environment: The environment of Banqup; in JSON its name, such as ``"UAT_EU"``.
        banqup_url: The address of Banqup; give either this or an environment.
        zenvoices_url: The address of Zenvoices.
        checkpoint_file: The path of the file for :class:`SQLiteCheckpoints`.
        checkpoint_url_variable: In place of a file, the *name* of the environment variable that
            holds SQLAlchemy's URL of a database: the URL itself may hold a password.
        banqup_contract: Corrections for ``BanqupClient(contract=)``: a table, or the path of a JSON
            file on the machine that opens the connection.
        zenvoices_contract: The same for ``ZenvoicesClient(contract=)``.
        banqup_operations: Functions for ``BanqupClient(operations=)``: a table of operations, each
            with its function as ``"package.module:function"``. Opening the connection imports these
            modules and so runs their code: take the names only from a source that you trust.
        zenvoices_operations: The same for ``ZenvoicesClient(operations=)``.
        storage_hosts: The hosts from which files may be downloaded by signed URLs; None for the
            client's default.
        timeout: Seconds for each connect, read and write of both clients.
        deadline: Seconds for a whole call of either client.
        in_flight: The number of documents that are downloaded and sent at the same time.
        on_uncertain: ``"hold"`` or ``"resend"``, as for :class:`Connection`.
        lease_ttl: The length of the lease of a run in seconds, as for :class:`Connection`.

    Raises:
        ConfigurationError: A value is not usable; the message names the field.
    """

    open = open_connection
    open_async = open_connection_async
