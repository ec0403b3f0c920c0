"""What a process makes of a connection that is described as data: its logins and its store."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from _client_kit._errors import ConfigurationError
from banqup_client import ClientCredentials
from bridge._checkpoints import CheckpointStore
from zenvoices_client import UserLogin

if TYPE_CHECKING:
    from bridge._config import ConnectionConfig

__all__ = ["login_of_this_process", "store_of", "wrong"]

_VARIABLES = (
    "BANQUP_CLIENT_ID",
    "BANQUP_CLIENT_SECRET",
    "BANQUP_SCOPE",
    "ZENVOICES_USER",
    "ZENVOICES_PASSWORD",
    "ZENVOICES_ORGANISATION_CODE",
)
_Login = TypeVar("_Login", ClientCredentials, UserLogin)
_lock = threading.Lock()
_shared: dict[tuple[type[Any], bytes], Any] = {}


def login_of_this_process(kind: type[_Login]) -> _Login:
    """The credentials in this process's environment: the same object while they are the same.

    Raises:
        ConfigurationError: A variable is not set.
    """
    # A digest, so that no secret stands in a traceback's local variables.
    digest = hashlib.sha256()
    for name in _VARIABLES:
        digest.update(f"{name}={os.environ.get(name)}\0".encode("utf-8", "surrogateescape"))
    key = (kind, digest.digest())
    with _lock:
        if key not in _shared:
            _shared[key] = kind.from_env()
        found: _Login = _shared[key]
        return found


def wrong(message: str, hint: str | None = None) -> ConfigurationError:
    """A setting of a connection that cannot be used."""
    return ConfigurationError(message, service="bridge", hint=hint)


def store_of(config: ConnectionConfig) -> tuple[CheckpointStore, Callable[[], object]]:
    """The store a config names, and what closes it.

    Raises:
        ConfigurationError: The variable is not set, or holds no URL of a database that is known.
    """
    if config.checkpoint_file is not None:
        from bridge._store_sqlite import SQLiteCheckpoints

        file = SQLiteCheckpoints(config.checkpoint_file)
        return file, file.close
    # First, because it says which extra to install where SQLAlchemy is missing.
    from bridge._store_sqlalchemy import SQLAlchemyCheckpoints

    name = str(config.checkpoint_url_variable)
    if not os.environ.get(name):
        raise wrong(
            f"the environment variable {name[:80]!r} is not set",
            "checkpoint_url_variable names it; it holds SQLAlchemy's URL of the database.",
        )
    from sqlalchemy import create_engine, exc

    try:
        engine = create_engine(os.environ[name])
    except (exc.ArgumentError, ValueError):
        raise wrong(f"the environment variable {name[:80]!r} holds no database URL") from None
    except ImportError as error:
        raise wrong(f"the database driver {error.name!r} is not installed") from None
    return SQLAlchemyCheckpoints(engine), engine.dispose
