"""SQLAlchemyCheckpoints on SQLite, and on a real PostgreSQL server."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from _client_kit._errors import ConfigurationError, StoreError
from bridge._stores import sqlalchemy as _sqlalchemy
from bridge._stores.protocol import Lease, Row
from bridge._stores.sqlalchemy import SQLAlchemyCheckpoints
from bridge.testing import checkpoint_conformance
from support.cases import QUICK_RULES, thinned
from support.postgres import NoPostgresError, postgres


class Closing(SQLAlchemyCheckpoints):
    """A store that closes its own engine, for suites that open many."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        super().__init__(self.engine)
        self.create_tables()

    def close(self) -> None:
        self.engine.dispose()


test_sqlite_conformance = thinned(
    checkpoint_conformance(lambda directory: Closing(f"sqlite:///{directory / 'state.db'}")),
    QUICK_RULES,
)


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """The URL of a running PostgreSQL."""
    try:
        with postgres() as url:
            yield url
    except NoPostgresError as reason:
        pytest.skip(str(reason))


_url: list[str] = []
_engines: list[sa.Engine] = []


@pytest.fixture(autouse=True)
def disposed() -> Generator[None]:
    """Closes the databases in memory that a test opened: Python 3.13 warns of those left open."""
    yield
    while _engines:
        _engines.pop().dispose()


@pytest.fixture
def named(server: str) -> Generator[None, None, None]:
    """Tells the conformance suite where the server is."""
    _url[:] = [server]
    yield
    _url.clear()


test_postgres_conformance = pytest.mark.long(
    pytest.mark.usefixtures("named")(checkpoint_conformance(lambda directory: Closing(_url[0])))
)

test_postgres_conformance_on_an_engine_that_commits_by_itself = pytest.mark.long(
    pytest.mark.usefixtures("named")(checkpoint_conformance(lambda directory: _autocommit()))
)


def _autocommit() -> SQLAlchemyCheckpoints:
    store = Closing(_url[0])
    strange = store.engine.execution_options(isolation_level="AUTOCOMMIT")
    SQLAlchemyCheckpoints.__init__(store, strange)
    return store


@pytest.mark.long
def test_postgres_hands_one_lease_to_many_new_workers(server: str) -> None:
    """Of many workers that meet on a key nobody used before, one gets the lease."""
    stores = [Closing(server) for _ in range(6)]
    try:
        for n in range(15):
            won: list[Lease | None] = []
            start = threading.Barrier(6)

            def take(store: Closing, key: str, start: threading.Barrier, won: list[Any]) -> None:
                start.wait(20)
                won.append(store.acquire(key, "worker", 600))

            threads = [
                threading.Thread(target=take, args=(store, f"meet {n}", start, won))
                for store in stores
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert len(won) == 6
            assert sum(lease is not None for lease in won) == 1
    finally:
        for store in stores:
            store.close()


@pytest.mark.long
def test_postgres_judges_a_lease_after_waiting_for_its_row(server: str) -> None:
    """A lease that ends while another worker waits for the row is given to that worker."""
    store, engine = Closing(server), sa.create_engine(server)
    assert store.acquire("waits", "dies", 0.3)
    got: list[Lease | None] = []
    with engine.begin() as db:
        db.execute(sa.text("SELECT 1 FROM bridge_connection WHERE key = 'waits' FOR UPDATE"))
        waiter = threading.Thread(target=lambda: got.append(store.acquire("waits", "next", 60)))
        waiter.start()
        db.execute(sa.text("SELECT pg_sleep(0.6)"))
    waiter.join(20)
    store.close()
    engine.dispose()
    assert got[0] is not None


@pytest.mark.long
def test_postgres_that_rounds_floats_is_not_called_damaged(server: str) -> None:
    """Servers before version 12 return 15 digits of a time, unless they are asked for all."""
    engine = sa.create_engine(server, connect_args={"options": "-c extra_float_digits=0"})
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    lease = store.acquire("rounded", "worker", 60)
    assert lease is not None
    row = Row("d1", "waiting", 1_790_000_000.123456, "{}")
    store.commit(lease, rows=[row], ttl=60)
    assert store.find("rounded", ["d1"]) == [row]
    engine.dispose()


@pytest.mark.long
def test_postgres_waits_for_its_disk_though_told_not_to(server: str) -> None:
    """A commit is durable also where the database's default is not to wait for the disk."""
    engine = sa.create_engine(server, connect_args={"options": "-c synchronous_commit=off"})
    seen: list[str] = []

    @sa.event.listens_for(engine, "commit")
    def before_commit(connection: sa.Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("SHOW synchronous_commit")
        seen.extend(cursor.fetchone() or [])

    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    seen.clear()
    lease = store.acquire("durable", "worker", 60)
    assert lease is not None
    store.commit(lease, head="1", ttl=60)
    engine.dispose()
    assert seen == ["on", "on"]


@pytest.mark.long
def test_postgres_that_went_away_is_an_error_to_try_again() -> None:
    """A server that stopped is a retryable StoreError, without the statement in it."""
    try:
        with postgres() as url:
            store = Closing(url)
            lease = store.acquire("k", "worker", 60)
            assert lease is not None
    except NoPostgresError as reason:
        pytest.skip(str(reason))
    with pytest.raises(StoreError) as caught:
        store.commit(lease, head="private head", ttl=60)
    store.close()
    assert caught.value.retryable
    assert "private head" not in str(caught.value)


# -- on SQLite -------------------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Generator[sa.Engine, None, None]:
    """An engine on an empty SQLite file."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    yield engine
    engine.dispose()


def test_tables_that_are_not_there_are_an_error(engine: sa.Engine) -> None:
    """Missing tables are never taken for "nothing was ever activated"."""
    with pytest.raises(StoreError, match="create_tables") as caught:
        SQLAlchemyCheckpoints(engine).head("k")
    assert not caught.value.retryable
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_create_tables_twice_keeps_what_is_there(engine: sa.Engine) -> None:
    """create_tables() changes nothing that exists."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    store.commit(lease, head="kept", ttl=60)
    store.create_tables()
    assert store.head("k") == "kept"


def test_rows_of_a_newer_release_are_refused(engine: sa.Engine) -> None:
    """Whatever is asked of a connection that a newer release wrote is refused."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    store.commit(lease, head="h", rows=[Row("a", "waiting", 1.0, "{}")], ttl=60)
    with engine.begin() as db:
        db.execute(sa.text("UPDATE bridge_connection SET version = 2"))
    calls: list[Any] = [
        lambda: store.head("k"),
        lambda: store.find("k", ["a"]),
        lambda: store.select("k", ["waiting"], due=None, after=None, limit=5),
        lambda: store.acquire("k", "worker", 60),
        lambda: store.commit(lease, head="x", ttl=60),
        lambda: store.release(lease),
        lambda: store.held_until("k"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="newer release"):
            call()


def test_a_lease_ends_by_the_databases_clock(engine: sa.Engine) -> None:
    """held_until() is in the database's epoch seconds, and None once released."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    with engine.connect() as db:
        now = db.execute(sa.text("SELECT (julianday('now') - 2440587.5) * 86400.0")).scalar_one()
    lease = store.acquire("k", "worker", 600)
    assert lease is not None
    until = store.held_until("k")
    assert until is not None
    assert now + 599 < until < now + 660
    store.release(lease)
    assert store.held_until("k") is None


def test_a_clock_set_back_frees_a_dead_workers_lease(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease far beyond its own length is cut to it when somebody asks."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    with monkeypatch.context() as tomorrow:
        clock = "SELECT (julianday('now', '+1 day') - 2440587.5) * 86400.0"
        tomorrow.setitem(_sqlalchemy._CLOCKS, "sqlite", clock)
        assert store.acquire("k", "dies", 60)
    assert store.acquire("k", "another", 60) is None
    with engine.connect() as db:
        query = "SELECT expires - (julianday('now') - 2440587.5) * 86400.0 FROM bridge_connection"
        assert db.execute(sa.text(query)).scalar_one() <= 60


@pytest.mark.parametrize(
    "change",
    ["UPDATE bridge_delivery SET state = 'failed'", "UPDATE bridge_connection SET head = 'x'"],
)
def test_a_changed_row_is_refused(engine: sa.Engine, change: str) -> None:
    """A row or a head that no longer matches its checksum raises."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    store.commit(lease, head="h", rows=[Row("a", "waiting", 1.0, "{}")], ttl=60)
    with engine.begin() as db:
        db.execute(sa.text(change))
    with pytest.raises(StoreError, match="damaged: its checksum"):
        _ = store.find("k", ["a"]), store.head("k")


def test_another_database_is_refused() -> None:
    """A dialect whose locks we never tested is refused, with what to use."""
    driver = SimpleNamespace(paramstyle="format", __version__="1", version_info=(1, 4, 6))
    engine = sa.create_engine("mysql+pymysql://", module=driver)
    with pytest.raises(ConfigurationError, match="PostgreSQL or SQLite"):
        SQLAlchemyCheckpoints(engine)


class AsyncEngine:
    """What create_async_engine() gives, as far as it looks like an engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self.sync_engine, self.dialect, self.url = engine, engine.dialect, engine.url
        self.pool = engine.pool


@pytest.mark.parametrize("kind", ["AsyncEngine", "str", "Connection"])
def test_what_is_no_synchronous_engine_is_refused(engine: sa.Engine, kind: str) -> None:
    """Refused when the store is made, by its kind; an address is not shown."""
    url = "postgresql://exporter:word@db/exports"
    with engine.connect() as connection:
        given: Any = {"AsyncEngine": AsyncEngine(engine), "str": url, "Connection": connection}
        with pytest.raises(ConfigurationError, match=f"synchronous engine, not {kind}") as caught:
            SQLAlchemyCheckpoints(given[kind])
    assert "create_engine(url)" in str(caught.value)
    assert "word" not in str(caught.value)


MEMORY = [
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file::memory:?uri=true",
    "sqlite:///file::memory:?cache=shared&uri=true",
    "sqlite:///file:name?mode=memory&cache=shared&uri=true",
]


@pytest.mark.filterwarnings("ignore:Selection of the SingletonThreadPool")
@pytest.mark.parametrize("url", MEMORY)
@pytest.mark.parametrize("pool", [None, sa.QueuePool, sa.NullPool, sa.SingletonThreadPool])
def test_a_database_in_memory_of_each_thread_is_refused(url: str, pool: Any) -> None:
    """Its tables may be missing in every other thread; the error shows the cure."""
    engine = sa.create_engine(url, poolclass=pool)
    with pytest.raises(ConfigurationError, match="all threads share") as caught:
        SQLAlchemyCheckpoints(engine)
    cure = str(caught.value).split("Use ")[1].split(", or name")[0]
    space: dict[str, Any] = {"create_engine": sa.create_engine, "sqlalchemy": sa}
    cured = eval(cure, space)
    SQLAlchemyCheckpoints(cured).create_tables()
    _engines.extend((engine, cured))


def in_memory(url: str = "sqlite://") -> SQLAlchemyCheckpoints:
    """A store in memory as the documentation shows it."""
    options = {"check_same_thread": False}
    engine = sa.create_engine(url, poolclass=sa.StaticPool, connect_args=options)
    _engines.append(engine)
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()
    return store


@pytest.mark.parametrize("url", MEMORY)
def test_one_connection_for_all_threads_will_do(url: str) -> None:
    """With StaticPool, what one thread wrote another reads."""
    store = in_memory(url)
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    seen: list[str | None] = []
    store.commit(lease, head="h", ttl=60)
    thread = threading.Thread(target=lambda: seen.append(store.head("k")))
    thread.start()
    thread.join(20)
    assert seen == ["h"]


test_conformance_in_memory = pytest.mark.long(
    checkpoint_conformance(lambda directory: in_memory(), shared=False)
)


@pytest.mark.parametrize("name", ["state.db", "memory.db", "file.db"])
def test_a_database_in_a_file_needs_no_pool(tmp_path: Path, name: str) -> None:
    """Whatever the file is called."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / name}")
    SQLAlchemyCheckpoints(engine).create_tables()
    engine.dispose()


# -- errors of other drivers -----------------------------------------------------------------------


class DriverError(Exception):
    """The root of a driver's errors."""


class PsycopgError(DriverError):
    """psycopg: the state is an attribute."""

    sqlstate = "42P01"


class PsycopgDiagError(DriverError):
    """psycopg, where only the server's own words have it."""

    sqlstate = None
    diag = SimpleNamespace(sqlstate="42P01")


class Psycopg2Error(DriverError):
    """psycopg2: under the name of a code."""

    pgcode = "42P01"


class Pg8000Error(DriverError):
    """pg8000: the fields of the server's message."""

    def __init__(self) -> None:
        super().__init__({"S": "ERROR", "C": "42P01", "M": 'relation "x" does not exist'})


def failing(engine: sa.Engine, error: Exception, kind: type[Any]) -> SQLAlchemyCheckpoints:
    """A store whose driver raises this on every statement."""
    store = SQLAlchemyCheckpoints(engine)
    store.create_tables()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def fail(*_: object) -> None:
        try:
            raise error
        except Exception as origin:
            raise kind("SELECT private", {"value": "private"}, origin) from origin

    return store


@pytest.mark.parametrize(
    "error", [PsycopgError(), PsycopgDiagError(), Psycopg2Error(), Pg8000Error()], ids=repr
)
def test_missing_tables_are_told_whatever_the_driver(engine: sa.Engine, error: Exception) -> None:
    """Each driver keeps the SQLSTATE in a place of its own."""
    store = failing(engine, error, sa.exc.ProgrammingError)
    with pytest.raises(StoreError, match=r"\(42P01\).*call create_tables\(\) once") as caught:
        store.head("k")
    assert not caught.value.retryable


@pytest.mark.parametrize("details", [(), ("text",), ({"M": "no code"},), ({"C": 7},)])
def test_a_driver_without_a_state_is_told_by_its_class(engine: sa.Engine, details: Any) -> None:
    """What cannot be read is left out, and nothing is guessed from words."""
    store = failing(engine, DriverError(*details), sa.exc.OperationalError)
    with pytest.raises(StoreError, match="failed: DriverError") as caught:
        store.head("k")
    assert "create_tables" not in str(caught.value)
    assert caught.value.retryable


def test_a_drivers_error_is_the_cause(engine: sa.Engine) -> None:
    """The developer sees what the driver said; the statement and its values are in no text."""
    error = DriverError("connection refused")
    store = failing(engine, error, sa.exc.OperationalError)
    with pytest.raises(StoreError) as caught:
        store.head("k")
    assert caught.value.__cause__ is error
    text = "".join(traceback.format_exception(caught.value))
    assert "connection refused" in text
    assert "private" not in text.replace('raise kind("SELECT private"', "")


def test_metadata_holds_both_tables() -> None:
    """Alembic finds the tables in metadata."""
    assert set(SQLAlchemyCheckpoints.metadata.tables) == {"bridge_connection", "bridge_delivery"}


def test_no_rows_are_asked_for(tmp_path: Path) -> None:
    """A limit of nothing gives nothing."""
    store = Closing(f"sqlite:///{tmp_path / 'state.db'}")
    lease = store.acquire("k", "worker", 60)
    assert lease is not None
    store.commit(lease, rows=[Row("a", "waiting", None, "1")], ttl=60)
    assert list(store.select("k", ["waiting"], due=None, after=None, limit=0)) == []
    assert len(store.select("k", ["waiting"], due=None, after=None, limit=1)) == 1
    store.close()
