"""Create the logins of this process; import the functions and open the store of the settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

from _client_kit._arguments import argument_error
from _client_kit._redaction import redact, sanitise
from _client_kit._text import Text
from _client_kit._user_code import place_of
from banqup_client import ClientCredentials
from bridge._errors import setting_error
from bridge._settings import ConnectionSettings
from bridge._stores.protocol import CheckpointStore
from bridge._stores.sqlite import SQLiteCheckpoints
from zenvoices_client import UserLogin

LONGEST_REASON = 300
LOGIN_VARIABLES = (
    "BANQUP_CLIENT_ID",
    "BANQUP_CLIENT_SECRET",
    "ZENVOICES_USER",
    "ZENVOICES_PASSWORD",
    "ZENVOICES_ORGANISATION_CODE",
)
_Login = TypeVar("_Login", ClientCredentials, UserLogin)
_lock = threading.Lock()
_shared: dict[tuple[type[Any], int], Any] = {}


def login_of_this_process(kind: type[_Login]) -> _Login:
    """Return the credentials of a class, from this process's environment.

    Each call for the class returns the same object, until one of the variables has changed.

    Raises:
        ConfigurationError: A variable is not set, or its value cannot be used.
    """
    # The key has a hash of the variables: their values must not be in local variables, which some
    # tools show in a traceback.
    key = (kind, hash(tuple(map(os.environ.get, (*LOGIN_VARIABLES, "BANQUP_SCOPE")))))
    with _lock:
        if key not in _shared:
            _shared[key] = kind.from_env()
        found: _Login = _shared[key]
        return found


def functions_of(field: str, names: Mapping[str, str] | None) -> dict[str, Callable[[Any], Any]]:
    """Return the functions of a config's table, by operation; an empty dict if `names` is None.

    Raises:
        ConfigurationError: As :func:`function_of` does.
    """
    given: Mapping[str, str] = {} if names is None else names
    return {key: function_of(f"{field}, {key[:80]}", name) for key, name in given.items()}


def function_of(field: str, name: str) -> Callable[..., Any]:
    """Import and return the function that a field names as ``"package.module:function"``.

    Raises:
        ConfigurationError: The import failed, or the name is not that of a function.
    """
    module_name, _, function_name = name.partition(":")
    try:
        function: Callable[..., Any] = getattr(import_module(module_name), function_name)
    except Exception as error:
        raise setting_error(
            "import_failed",
            "{0}: the import failed with {1}",
            *(field, Text("said", "{0}", _described(error))),
            hint="Correct or install what the error names, or put its folder on PYTHONPATH. The "
            "form is 'package.module:function', without a path and .py.",
        ) from error
    if not callable(function):  # None would count as "no mapper of your own"
        raise argument_error(field, Text("a_function", "a function"), function, service="bridge")
    return function


def _described(error: Exception) -> str:
    """Return class, place and text of the exception that the import of a module raised."""
    place, text = place_of(error), redact(sanitise(error))
    # If the module or the function is missing, the place is in importlib or in this module. Such a
    # place would not help the user, so leave it out.
    at = "" if place.startswith(("importlib.", "bridge.")) else f" at {place}"
    return f"{type(error).__name__}{at}: {text}"[:LONGEST_REASON]


def store_of(settings: ConnectionSettings) -> tuple[CheckpointStore, Callable[[], object]]:
    """Return the store that the settings name, and the function that closes it.

    Raises:
        ConfigurationError: The environment variable for the URL is not set, or does not hold the
            URL of a known database. Or the driver of the database is not installed.
        ImportError: SQLAlchemy is not installed.
    """
    if settings.checkpoint_file is not None:
        file = SQLiteCheckpoints(settings.checkpoint_file)
        return file, file.close
    # Import the bridge's module before SQLAlchemy: the module's ImportError says which extra to
    # install.
    from bridge._stores.sqlalchemy import SQLAlchemyCheckpoints

    name = str(settings.checkpoint_url_variable)
    from sqlalchemy import create_engine, exc

    try:
        engine = create_engine(os.environ.get(name, ""))
    except (exc.ArgumentError, ValueError):
        raise setting_error(
            "no_database_url",
            "the environment variable {0!r} holds no database URL, or is not set",
            name[:80],
            hint="checkpoint_url_variable names it. Set it, in the form "
            "postgresql+psycopg://user:password@host/database.",
        ) from None
    except ImportError as error:
        raise setting_error(
            "no_driver",
            "the database driver {0!r} is not installed",
            error.name or "?",
            hint="For PostgreSQL, install banqup-zenvoices[sql] and begin the URL with "
            "postgresql+psycopg://; for another database, install its driver.",
        ) from None
    return SQLAlchemyCheckpoints(engine), engine.dispose
