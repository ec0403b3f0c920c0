"""A PostgreSQL server for the tests of workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import sqlalchemy as sa

from support.postgres import NoPostgresError, postgres

Address = Callable[[str], str]


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """The URL of a running PostgreSQL."""
    try:
        with postgres() as url:
            yield url
    except NoPostgresError as reason:
        pytest.skip(f"no PostgreSQL to test with: {reason}")


@pytest.fixture(scope="session")
def database(server: str) -> Callable[[], str]:
    """Makes an empty database and gives its URL."""
    numbers = itertools.count()

    def make() -> str:
        name = f"exports_{next(numbers)}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return server.replace("@/postgres?", f"@/{name}?")

    return make


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Gives the address of a new store of a kind, see `support.stores.open_store`."""
    numbers = itertools.count()

    def make(kind: str) -> str:
        path = tmp_path / f"exports-{next(numbers)}"
        match kind:
            case "SQLite":
                return f"file:{path}.db"
            case "text":
                return f"text:{path}.json"
            case "SQLite through SQLAlchemy":
                return f"sqlite:///{path}.db"
            case _:
                made: str = request.getfixturevalue("database")()
                return made

    return make
