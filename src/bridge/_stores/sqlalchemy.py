"""A store in the application's own PostgreSQL or SQLite database, through SQLAlchemy.

Each change first locks a row of the table ``bridge_connection``, so that two workers change the
same checkpoint one after the other. The database's clock is read after that, because a lease may
end while a worker waits for the lock.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Generator
from typing import Any, ClassVar, cast

try:
    import sqlalchemy as sa
    from sqlalchemy import exc
    from sqlalchemy.dialects import postgresql
except ImportError as error:  # pragma: no cover - the test environment has the extra
    raise ImportError(
        "SQLAlchemyCheckpoints needs SQLAlchemy: pip install 'banqup-zenvoices[sql]'"
    ) from error

from _client_kit._arguments import argument_error
from _client_kit._errors import StoreError
from _client_kit._text import Text
from bridge._errors import THE_CHECKPOINT, newer_version, setting_error, store_error
from bridge._stores.connection_record import ConnectionRecord
from bridge._stores.sql import INSERT_CONNECTION, Execute, SQLStore, Values, columns_of

VERSION = 1
"""The version of the table format; rows with another version are refused."""

# Order and compare ids by code point: the database's own collation may ignore case.
_Exact = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_metadata = sa.MetaData()
_connection = sa.Table(
    "bridge_connection",
    _metadata,
    sa.Column("number", _Big, sa.Identity(), primary_key=True),
    sa.Column("key", _Exact, nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False, server_default=str(VERSION)),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("expires", sa.Double),
    sa.Column("ttl", sa.Double, nullable=False),
    sa.Column("head", sa.Text),
    sa.Column("crc", sa.BigInteger, nullable=False),
)
_delivery = sa.Table(
    "bridge_delivery",
    _metadata,
    sa.Column("connection", _Big, sa.ForeignKey(_connection.c.number), primary_key=True),
    sa.Column("id", _Exact, primary_key=True),
    sa.Column("state", _Exact, nullable=False),
    sa.Column("due", sa.Double),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("crc", sa.BigInteger, nullable=False),
    # The index has all columns that select() filters and orders by. Without this index, select()
    # would read all rows of a connection, also those of delivered documents.
    sa.Index("bridge_delivery_by_state", "connection", "state", "id", "due"),
)

_CLOCKS = {
    # now() is the time at which the transaction began, so use clock_timestamp(). The second column
    # switches synchronous_commit on if it is off. Without that, a crash of the server could lose a
    # commit, and documents that were sent would be sent again.
    "postgresql": """SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8),
        CASE WHEN current_setting('synchronous_commit') = 'off'
        THEN set_config('synchronous_commit', 'on', true) END""",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}
_ISOLATION = {"postgresql": "READ COMMITTED", "sqlite": "SERIALIZABLE"}

# Insert the connection's row if it is missing. Lock it (in SQLite, the whole file) until the
# transaction ends.
_LOCK = f"{INSERT_CONNECTION} bridge_connection.fence"
_VERSION = "SELECT version{0} FROM bridge_connection WHERE key = :key"
# Some servers return only 15 digits of a float by default, and then the checksums would not match.
_ALL_DIGITS = {"postgresql": ", set_config('extra_float_digits', '3', true)", "sqlite": ""}


class SQLAlchemyCheckpoints(SQLStore):
    """Checkpoints in two tables of a PostgreSQL or SQLite database.

    ::

        store = SQLAlchemyCheckpoints(create_engine("postgresql+psycopg://..."))
        store.create_tables()     # or let Alembic do it, from SQLAlchemyCheckpoints.metadata

    For Alembic, add :attr:`metadata` to ``target_metadata`` in ``env.py``:
    ``target_metadata = [Base.metadata, SQLAlchemyCheckpoints.metadata]``.

    Leases end by the database's clock. The store keeps no connection open between calls, and is
    as thread-safe as the engine. After a fork, call ``engine.dispose(close=False)`` in the child,
    as SQLAlchemy requires.

    Warning:
        The database must not lose commits: do not fail over to a replica that lags, and do not
        run PostgreSQL with ``fsync = off``.

    Args:
        engine: A synchronous engine for PostgreSQL or SQLite; the application closes it. A SQLite
            database in memory needs ``poolclass=StaticPool`` and
            ``connect_args={"check_same_thread": False}``.
    """

    metadata: ClassVar[sa.MetaData] = _metadata

    def __init__(self, engine: sa.Engine) -> None:
        if not isinstance(engine, sa.Engine):  # pyright: ignore[reportUnnecessaryIsInstance]
            # Do not show the argument: a URL may contain a password.
            raise argument_error(
                "engine",
                "a synchronous engine",
                engine,
                service="bridge",
                hint="Make one with sqlalchemy.create_engine(url); AsyncConnection calls it in "
                "threads.",
            )
        dialect = engine.dialect.name
        if dialect not in _CLOCKS:
            raise setting_error(
                "unknown_dialect",
                "SQLAlchemyCheckpoints does not know {0}",
                dialect,
                hint="Use PostgreSQL or SQLite, or write a store and run the conformance suite.",
            )
        one_connection = isinstance(engine.pool, sa.StaticPool)
        self.in_memory: bool = dialect == "sqlite" and _in_memory(engine.url)
        if self.in_memory and not one_connection:
            raise setting_error(
                "database_in_memory",
                "a SQLite database in memory needs one connection that all threads share",
                hint='Use create_engine("sqlite://", poolclass=sqlalchemy.StaticPool, '
                'connect_args={{"check_same_thread": False}}), or name a file.',
            )
        self._dialect = dialect
        self._version = _VERSION.format(_ALL_DIGITS[dialect])
        self._engine = engine
        # Without this lock, two threads that share one connection would share a transaction.
        self._turn = threading.Lock() if one_connection else contextlib.nullcontext()

    def create_tables(self) -> None:
        """Create the tables that do not exist yet; never change existing ones."""
        with self._errors():
            _metadata.create_all(self._engine)

    def _now(self, execute: Execute) -> float:
        return float(execute(_CLOCKS[self._dialect], {}).one()[0])

    @contextlib.contextmanager
    def _transaction(self, key: str, *, write: bool) -> Generator[Execute]:
        with self._errors(), self._turn, self._engine.connect() as engine_connection:
            # The engine may have another isolation level. AUTOCOMMIT would not be atomic. With a
            # higher level, a worker that waited for the lock would fail. Set the level on the
            # database connection: set on the engine, it would not replace an existing one.
            db = engine_connection.execution_options(isolation_level=_ISOLATION[self._dialect])

            def execute(statement: str, values: Values) -> Any:
                return db.execute(sa.text(statement), values)

            with db.begin():
                if write:
                    execute(_LOCK, columns_of(key, ConnectionRecord()))
                version = execute(self._version, {"key": key}).scalar()
                if version is not None and version != VERSION:
                    raise newer_version(THE_CHECKPOINT, version)
                yield execute

    @contextlib.contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            yield
        except exc.SQLAlchemyError as error:
            # Chain the driver's error: SQLAlchemy's error contains the statement with its values.
            origin = getattr(error, "orig", None) or error
            raise _error_of(error, origin) from origin


def _in_memory(url: sa.URL) -> bool:
    name = url.database or ":memory:"
    return ":memory:" in name or url.query.get("mode") == "memory" or "mode=memory" in name


_NO_TABLES = Text(
    "hint_no_tables",
    "Its tables are not there: run banqup-zenvoices activate, or call create_tables() once.",
)
_UNREACHABLE = Text(
    "hint_database",
    "Check that the database runs, and host, port, user and database of its URL. The cause of this "
    "error has the driver's own words.",
)


def _error_of(error: exc.SQLAlchemyError, origin: BaseException) -> StoreError:
    state = _sqlstate(origin)
    # SQLITE_ERROR means a missing table, because the SQL of this package is correct.
    missing = state == "42P01" or getattr(origin, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    passing = isinstance(error, exc.OperationalError | exc.TimeoutError) or (
        isinstance(error, exc.DBAPIError) and error.connection_invalidated
    )
    return store_error(
        "database_failed",
        "the checkpoint database failed: {0}",
        type(origin).__name__ + (f" ({state})" if state else ""),
        hint=_NO_TABLES if missing else _UNREACHABLE if passing else None,
        retryable=passing and not missing,
    )


def _sqlstate(origin: BaseException) -> str | None:
    """Return the SQLSTATE of an error of psycopg, psycopg2 or pg8000; None for other errors."""
    details: Any = origin.args[0] if origin.args else None
    found: Any = (
        getattr(origin, "sqlstate", None)
        or getattr(origin, "pgcode", None)
        or getattr(getattr(origin, "diag", None), "sqlstate", None)
        or (cast("dict[str, Any]", details).get("C") if isinstance(details, dict) else None)
    )
    return found if isinstance(found, str) else None
