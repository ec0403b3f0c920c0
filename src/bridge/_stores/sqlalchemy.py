"""A store in an application's own PostgreSQL (or SQLite) database, through SQLAlchemy.

Every change begins by locking the connection's own row, so that of two workers one waits for the
other; only then the database's clock is read, because the waiting may have outlived a lease.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

try:
    import sqlalchemy as sa
    from sqlalchemy import exc
    from sqlalchemy.dialects import postgresql, sqlite
except ImportError as error:  # pragma: no cover - the test environment has the extra
    raise ImportError(
        "SQLAlchemyCheckpoints needs SQLAlchemy: pip install 'banqup-zenvoices[sql]'"
    ) from error

from _client_kit._errors import StoreError
from bridge._errors import LeaseLostError, wrong
from bridge._stores.protocol import (
    Lease,
    Row,
    check_ids,
    check_rows,
    check_text,
    check_ttl,
    failure,
)

__all__ = ["SQLAlchemyCheckpoints"]

VERSION = 1
"""Of what the rows mean; a row with a higher one is refused."""

# Ids are ordered and told apart by code point, whatever the database's own language is.
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
)
_delivery = sa.Table(
    "bridge_delivery",
    _metadata,
    sa.Column("connection", _Big, sa.ForeignKey(_connection.c.number), primary_key=True),
    sa.Column("id", _Exact, primary_key=True),
    sa.Column("state", _Exact, nullable=False),
    sa.Column("due", sa.Double),
    sa.Column("value", sa.Text, nullable=False),
    # What select() filters and orders by, so that a million delivered rows are never visited.
    sa.Index("bridge_delivery_by_state", "connection", "state", "id", "due"),
)

_CLOCKS = {
    # clock_timestamp() moves within a transaction, now() does not. A server that does not wait
    # for its disk is told to, for this transaction only.
    "postgresql": sa.text(
        "SELECT extract(epoch FROM clock_timestamp())::float8, "
        "CASE WHEN current_setting('synchronous_commit') = 'off' "
        "THEN set_config('synchronous_commit', 'on', true) END"
    ),
    "sqlite": sa.text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
}
_ISOLATION = {"postgresql": "READ COMMITTED", "sqlite": "SERIALIZABLE"}

_by_id = attrgetter("id")


class _Held(NamedTuple):
    """A connection's own row."""

    number: int
    fence: int
    expires: float | None
    ttl: float


class SQLAlchemyCheckpoints:
    """Checkpoints in two tables of a PostgreSQL or SQLite database.

    ::

        store = SQLAlchemyCheckpoints(create_engine("postgresql+psycopg://..."))
        store.create_tables()     # or let Alembic do it, from SQLAlchemyCheckpoints.metadata

    For Alembic, add :attr:`metadata` to ``target_metadata`` in ``env.py``:
    ``target_metadata = [Base.metadata, SQLAlchemyCheckpoints.metadata]``.

    Leases end by the database's clock. The store keeps no connection open between calls and is
    as safe for threads as the engine is; after a fork, call ``engine.dispose(close=False)`` in the
    child as SQLAlchemy asks for.

    Warning:
        The database must be one that does not lose commits: not a replica that lags, and on
        PostgreSQL not one with ``fsync = off``.

    Args:
        engine: A synchronous engine. Its pool and its credentials stay the application's.
    """

    metadata: ClassVar[sa.MetaData] = _metadata

    def __init__(self, engine: sa.Engine) -> None:
        if not hasattr(engine, "dialect"):  # as an address, which holds a password, has not
            raise wrong(
                f"SQLAlchemyCheckpoints takes an engine, not {type(engine).__name__}",
                "Make one with sqlalchemy.create_engine(url).",
            )
        dialect = engine.dialect.name
        if dialect not in _CLOCKS:
            raise wrong(
                f"SQLAlchemyCheckpoints does not know {dialect}",
                "Use PostgreSQL or SQLite, or write a store and run the conformance suite.",
            )
        self._dialect = dialect
        self._engine = engine
        self._clock = _CLOCKS[dialect]
        self._insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert

    def create_tables(self) -> None:
        """Create the tables that are not there yet. Nothing that exists is changed."""
        with self._errors():
            _metadata.create_all(self._engine)

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_ttl(ttl)
        check_text(key, "the key")
        check_text(owner, "the owner")
        with self._writing() as db:
            held = self._lock(db, key)
            if held is None:
                # Two workers may both come here: one of them inserts, the other waits for it.
                db.execute(
                    self._insert(_connection)
                    .values(key=key, version=VERSION, fence=0, ttl=0.0)
                    .on_conflict_do_nothing()
                )
                held = self._lock(db, key)
                if held is None:
                    raise failure("the database did not keep a new connection's row")
            now = self._now(db)
            if held.expires is not None and held.expires > now:
                if held.expires > now + held.ttl:
                    # A clock that was set back must not keep a dead worker's lease for ever.
                    self._update(db, held.number, expires=now + held.ttl)
                return None
            fence = held.fence + 1
            self._update(db, held.number, fence=fence, owner=owner, expires=now + ttl, ttl=ttl)
            return Lease(key, fence)

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        with self._writing() as db:
            held = self._lock(db, lease.key)
            if held is not None and held.fence == lease.fence:
                # Raising the fence makes a returned lease as useless as a superseded one.
                self._update(db, held.number, fence=held.fence + 1, owner=None, expires=None)

    def held_until(self, key: str) -> float | None:
        """When the lease ends, or None when nobody holds it."""
        with self._reading() as db:
            held = self._held(db, key, lock=False)
            if held is None or held.expires is None:
                return None
            now = self._now(db)
        return min(held.expires, now + held.ttl) if held.expires > now else None

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        query = sa.select(_connection.c.head, _connection.c.version).where(_connection.c.key == key)
        with self._reading() as db:
            found = db.execute(query).one_or_none()
        if found is None:
            return None
        _known(found.version)
        head: str | None = found.head
        return head

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        if not check_ids(ids):
            return []
        with self._reading() as db:
            return self._rows(db, self._query(key).where(_delivery.c.id.in_(list(set(ids)))))

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        if limit <= 0:
            return []
        query = self._query(key).order_by(_delivery.c.id).limit(limit)
        if after is not None:
            query = query.where(_delivery.c.id > after)
        if due is not None:
            query = query.where(_delivery.c.due <= due)
        # One state at a time walks the index in order, and stops at the limit. One statement for
        # all of them, so that a row that changes its state meanwhile is seen once.
        parts = [
            query.where(_delivery.c.state == state).subquery().select()
            for state in dict.fromkeys(states)
        ]
        if not parts:
            return []
        with self._reading() as db:
            found = self._rows(db, sa.union_all(*parts))
        by_state: dict[str, list[Row]] = {}
        for row in sorted(found, key=_by_id):
            by_state.setdefault(row.state, []).append(row)
        return list(islice(merge(*by_state.values(), key=_by_id), limit))

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        check_ttl(ttl)
        # Of two rows with one id the last counts; PostgreSQL takes each once per statement.
        latest = {row.id: row for row in check_rows(rows)}
        if head is not None:
            check_text(head, "the head")
        with self._writing() as db:
            held = self._lock(db, lease.key)
            if held is None or held.fence != lease.fence:
                raise LeaseLostError
            if latest:
                insert = self._insert(_delivery)
                new = insert.excluded
                db.execute(
                    insert.on_conflict_do_update(
                        index_elements=["connection", "id"],
                        set_={"state": new.state, "due": new.due, "value": new.value},
                    ),
                    [
                        {
                            "connection": held.number,
                            "id": row.id,
                            "state": row.state,
                            "due": row.due,
                            "value": row.value,
                        }
                        for row in latest.values()
                    ],
                )
            changes: dict[str, Any] = {"expires": self._now(db) + ttl, "ttl": ttl}
            if head is not None:
                changes["head"] = head
            self._update(db, held.number, **changes)

    # -- rows ----------------------------------------------------------------------------------

    def _lock(self, db: sa.Connection, key: str) -> _Held | None:
        """The connection's row, nobody else's until the end of the transaction."""
        if self._dialect == "sqlite":  # pragma: no branch - PostgreSQL has the long tests
            # SQLite has no FOR UPDATE: beginning with a write takes the file's write lock.
            same = sa.update(_connection).where(_connection.c.key == key)
            db.execute(same.values(fence=_connection.c.fence))
        return self._held(db, key, lock=True)

    def _held(self, db: sa.Connection, key: str, *, lock: bool) -> _Held | None:
        table = _connection.c
        query = sa.select(table.number, table.fence, table.expires, table.ttl, table.version)
        query = query.where(table.key == key)
        found = db.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            return None
        *values, version = found
        _known(version)
        return _Held(*values)

    def _update(self, db: sa.Connection, number: int, **values: Any) -> None:
        db.execute(sa.update(_connection).where(_connection.c.number == number).values(**values))

    def _now(self, db: sa.Connection) -> float:
        return float(db.execute(self._clock).one()[0])

    def _query(self, key: str) -> Any:
        table = _delivery.c
        return (
            sa.select(table.id, table.state, table.due, table.value, _connection.c.version)
            .join_from(_delivery, _connection)
            .where(_connection.c.key == key)
        )

    def _rows(self, db: sa.Connection, query: sa.Executable) -> list[Row]:
        rows: list[Row] = []
        for name, state, due, value, version in db.execute(query):
            _known(version)
            rows.append(Row(name, state, due, value))
        return rows

    # -- transactions --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Generator[sa.Connection, None, None]:
        with self._reading() as db, db.begin():
            yield db

    @contextlib.contextmanager
    def _reading(self) -> Generator[sa.Connection, None, None]:
        with self._errors(), self._engine.connect() as db:
            # Whatever the engine's own level: AUTOCOMMIT would not be atomic, and a higher one
            # would make a worker that waited for another fail instead of going on. Set on the
            # connection, because an option of the engine does not override an older one.
            yield db.execution_options(isolation_level=_ISOLATION[self._dialect])

    @contextlib.contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            yield
        except exc.SQLAlchemyError as error:
            raise _failed(error) from None


def _known(version: int) -> None:
    if version != VERSION:
        raise failure(
            f"the checkpoint tables were written by a newer release (version {version}, "
            f"this one reads {VERSION})",
            hint="Update this installation; the tables were left as they are.",
        )


def _failed(error: exc.SQLAlchemyError) -> StoreError:
    # Not the error's text: it names the statement and its values.
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None)
    what = type(origin if origin is not None else error).__name__
    missing = state == "42P01" or "no such table" in str(origin)
    passing = isinstance(error, exc.OperationalError | exc.TimeoutError) or (
        isinstance(error, exc.DBAPIError) and error.connection_invalidated
    )
    return failure(
        "the checkpoint database failed: " + (f"{what} ({state})" if state else what),
        hint="Its tables are not there: call create_tables() once." if missing else None,
        retryable=passing and not missing,
    )
