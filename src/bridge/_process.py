"""What a process makes of a connection that is described as data: its logins and its store."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

from _client_kit._redaction import redact, sanitise
from _client_kit._user_code import place_of
from banqup_client import ClientCredentials
from bridge._errors import configuration_error
from bridge._settings import ConnectionSettings
from bridge._stores.protocol import CheckpointStore
from bridge._stores.sqlite import SQLiteCheckpoints
from zenvoices_client import UserLogin

__all__ = ["function_of", "functions_of", "login_of_this_process", "store_of"]

LONGEST_REASON = 300
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


def functions_of(
    field: str, names: Mapping[str, str] | None
) -> dict[str, Callable[[Any], Any]] | None:
    """The functions that a config's table of operations names.

    Raises:
        ConfigurationError: As :func:`function_of` does.
    """
    if names is None:
        return None
    return {key: function_of(f"{field}, {key[:80]}", name) for key, name in names.items()}


def function_of(field: str, name: str) -> Callable[..., Any]:
    """The function that a config's field names as ``"package.module:function"``.

    Raises:
        ConfigurationError: It is written otherwise, or there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), function_name]):
        raise configuration_error(
            f"{field} must name a function",
            "Write it as 'package.module:function', with one colon and without a call.",
        )
    try:
        module = import_module(module_name)
    except Exception as error:
        hint = "The module was found: correct the line that failed, or what it imports."
        if isinstance(error, ModuleNotFoundError) and error.name in _packages(module_name):
            hint = "Install it, or put its folder on PYTHONPATH, where the connection is opened."
        message = f"{field}: importing {module_name[:80]!r} failed with {_described(error)}"
        raise configuration_error(message, hint) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise configuration_error(
            f"{field}: {module_name[:80]!r} has no function {function_name[:80]!r}",
            "Name a function that stands at the top level of the module.",
        )
    found: Callable[..., Any] = function
    return found


def _packages(name: str) -> set[str]:
    """The module itself, and the packages that it is in."""
    parts = name.split(".")
    return {".".join(parts[: end + 1]) for end in range(len(parts))}


def _described(error: Exception) -> str:
    """The class, place and text of what a module raised while it was imported."""
    place, text = place_of(error), redact(sanitise(error))
    # A module that is not there has no line: what is left are frames of importlib.
    at = "" if place.startswith("importlib.") else f" at {place}"
    return f"{type(error).__name__}{at}: {text}"[:LONGEST_REASON]


def store_of(settings: ConnectionSettings) -> tuple[CheckpointStore, Callable[[], object]]:
    """The store that settings name, and what closes it.

    Raises:
        ConfigurationError: The variable is not set, or holds no URL of a database that is known.
    """
    if settings.checkpoint_file is not None:
        file = SQLiteCheckpoints(settings.checkpoint_file)
        return file, file.close
    # First, because it says which extra to install where SQLAlchemy is missing.
    from bridge._stores.sqlalchemy import SQLAlchemyCheckpoints

    name = str(settings.checkpoint_url_variable)
    if not os.environ.get(name):
        raise configuration_error(
            f"the environment variable {name[:80]!r} is not set",
            "checkpoint_url_variable names it; it holds SQLAlchemy's URL of the database.",
        )
    from sqlalchemy import create_engine, exc

    try:
        engine = create_engine(os.environ[name])
    except (exc.ArgumentError, ValueError):
        raise configuration_error(
            f"the environment variable {name[:80]!r} holds no database URL",
            "Write it as postgresql+psycopg://user:password@host/database.",
        ) from None
    except ImportError as error:
        raise configuration_error(
            f"the database driver {error.name!r} is not installed",
            "For PostgreSQL, install banqup-zenvoices[sql] and begin the URL with "
            "postgresql+psycopg://; for another database, install its driver.",
        ) from None
    return SQLAlchemyCheckpoints(engine), engine.dispose
