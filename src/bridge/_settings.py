"""The settings of a connection as plain data: what they may be, and how they are read."""

from __future__ import annotations

import codecs
import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeGuard

from attrs import NOTHING, Attribute, field, fields, frozen
from attrs.validators import optional

from _client_kit._address import check_base_url, check_id
from _client_kit._errors import ConfigurationError
from banqup_client import Environment
from bridge._errors import configuration_error

__all__ = ["ConnectionSettings", "read_toml"]

Contract = Mapping[str, Any] | str | None
_Validator = Callable[[Any, "Attribute[Any]", Any], None]

_SECRET_WORDS = ("password", "secret", "token", "client_id", "user", "login", "credential")
_WHERE_SECRETS_ARE = (
    "Credentials are no part of it: a worker takes them from its environment, see "
    "ClientCredentials.from_env and UserLogin.from_env."
)

# Validators. Their errors never repeat the value: a secret may have been put in the wrong place.


def _must_be(kind: str, fits: Callable[[Any], bool], hint: str | None = None) -> _Validator:
    def validate(_settings: Any, attribute: Attribute[Any], value: Any) -> None:
        if not fits(value):
            found = type(value).__name__
            raise configuration_error(f"{attribute.name} must be {kind}, not {found}", hint)

    return validate


def _is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_variable(value: Any) -> bool:
    # A database's URL, which holds a password, must not be taken for the name of a variable.
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value) is not None


def _is_positive(value: Any) -> bool:
    # True is an int to Python; infinity and NaN are not JSON.
    return type(value) in (int, float) and 0 < value < float("inf")


def _are_texts(value: Any) -> bool:
    return _is_tuple(value) and all(map(_is_text, value))


def _check_space(_settings: Any, _attribute: Attribute[Any], value: str) -> None:
    check_id(value, "space_id", service="bridge")


def _check_address(_settings: Any, attribute: Attribute[Any], value: str) -> None:
    try:
        check_base_url(value, service="bridge")
    except ConfigurationError as error:
        message = error.message.replace("base_url", attribute.name)
        hint = _WHERE_SECRETS_ARE if "@" in value else None
        raise configuration_error(message, hint) from None


_TEXT = _must_be("a text", _is_text)
_CODE = _must_be("a text", _is_text, 'Write it as a text with its leading zeros: "0042" is not 42.')
_FUNCTIONS = _must_be(
    "a table of operations with texts such as 'package.module:function'",
    lambda value: _is_table(value) and all(map(_is_text, value.values())),
)
_VARIABLE = _must_be(
    "the name of an environment variable",
    _is_variable,
    "Write the name, such as EXPORTS_DATABASE; the URL is what that variable holds.",
)
_PATCH = _must_be("a table or the path of a JSON file", lambda it: _is_table(it) or _is_text(it))
_HOSTS = _must_be("a list of host names", _are_texts)
_SECONDS = _must_be("a positive number of seconds", _is_positive)
_WHOLE = _must_be("a whole number", lambda value: type(value) is int)
_HOLD_OR_RESEND = _must_be("'hold' or 'resend'", lambda value: value in ("hold", "resend"))
_ENVIRONMENT = _must_be("an environment", lambda value: isinstance(value, Environment))


# Converters


def _environment(value: Any) -> Any:
    if not isinstance(value, str) or value in Environment.__members__:
        return Environment[value] if isinstance(value, str) else value
    near = _nearest(value, Environment.__members__)
    raise configuration_error("environment is none that is known", near)


def _patch(value: Any) -> Any:
    if not _is_table(value):
        return value
    # A copy, so that what is frozen stays as it is; and it must be JSON in the end.
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        raise configuration_error("a table must be data that JSON can hold") from None


def _hosts(value: Any) -> Any:
    return tuple(value) if _is_list(value) else value


@frozen(kw_only=True)
class ConnectionSettings:
    """The fields of a :class:`ConnectionConfig`, which says what each is for."""

    space_id: str = field(validator=[_TEXT, _check_space])
    company_code: str = field(validator=_CODE)
    environment: Environment | None = field(
        default=None, converter=_environment, validator=optional(_ENVIRONMENT)
    )
    banqup_url: str | None = field(default=None, validator=optional([_TEXT, _check_address]))
    zenvoices_url: str = field(
        default="https://app.zenvoices.com", validator=[_TEXT, _check_address]
    )
    checkpoint_file: str | None = field(default=None, validator=optional(_TEXT))
    checkpoint_url_variable: str | None = field(default=None, validator=optional(_VARIABLE))
    banqup_contract: Contract = field(
        default=None, converter=_patch, validator=optional(_PATCH), hash=False
    )
    zenvoices_contract: Contract = field(
        default=None, converter=_patch, validator=optional(_PATCH), hash=False
    )
    banqup_operations: Mapping[str, str] | None = field(
        default=None, converter=_patch, validator=optional(_FUNCTIONS), hash=False
    )
    zenvoices_operations: Mapping[str, str] | None = field(
        default=None, converter=_patch, validator=optional(_FUNCTIONS), hash=False
    )
    storage_hosts: tuple[str, ...] | None = field(
        default=None, converter=_hosts, validator=optional(_HOSTS)
    )
    timeout: float = field(default=30.0, validator=_SECONDS)
    deadline: float = field(default=300.0, validator=_SECONDS)
    in_flight: int = field(default=4, validator=_WHOLE)
    on_uncertain: Literal["hold", "resend"] = field(default="hold", validator=_HOLD_OR_RESEND)
    lease_ttl: float = field(default=600.0, validator=_SECONDS)

    def __attrs_post_init__(self) -> None:
        if (self.environment is None) == (self.banqup_url is None):
            raise configuration_error("give either environment or banqup_url")
        if (self.checkpoint_file is None) == (self.checkpoint_url_variable is None):
            raise configuration_error(
                "give either checkpoint_file or checkpoint_url_variable",
                "Checkpoints are what a connection remembers between two runs.",
            )
        if "://" in (self.checkpoint_file or ""):
            raise configuration_error(
                "checkpoint_file must be the path of a file, not a URL",
                "A URL may hold a password: put it into an environment variable of the workers "
                "and name that variable in checkpoint_url_variable.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold, without the fields that have their default."""
        data: dict[str, Any] = {}
        for item in fields(type(self)):
            value = getattr(self, item.name)
            if value != item.default:
                data[item.name] = _plain(value)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the config that :meth:`to_dict` gave, or one from a table written by hand.

        Raises:
            ConfigurationError: A key is unknown or missing, or a value is not usable; the message
                names it, with the nearest right key.
        """
        if not _is_table(data):
            kind = type(data).__name__
            raise configuration_error(f"a connection must be a table of keys, not {kind}")
        known = {item.name: item.default for item in fields(cls)}
        for key in data:
            if key not in known:
                raise _unknown(key, known)
        missing = [name for name in known if known[name] is NOTHING and name not in data]
        if missing:
            raise configuration_error(f"{' and '.join(missing)} must be given")
        return cls(**data)

    @classmethod
    def many(cls, rows: Iterable[Mapping[str, Any]], /, **shared: Any) -> tuple[Self, ...]:
        """Make a connection of each row of a table, with ``shared`` where the row is silent.

        ::

            rows = database.execute("SELECT space_id, company_code FROM clients").mappings()
            configs = ConnectionConfig.many(rows, environment="PRODUCTION_EU", ...)

        Raises:
            ConfigurationError: A row is not usable, or names a space that an earlier one names;
                the message counts the rows from 1.
        """
        first: dict[str, int] = {}
        configs: list[Self] = []
        for number, row in enumerate(rows, 1):
            try:
                config = cls.from_dict({**shared, **row} if _is_table(row) else row)
                earlier = first.setdefault(config.space_id.lower(), number)
                if earlier != number:
                    raise configuration_error(
                        f"space_id is that of connection {earlier} too",
                        "A space goes to one company.",
                    )
            except ConfigurationError as error:
                raise _inside(f"connection {number}", error) from None
            configs.append(config)
        return tuple(configs)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> tuple[Self, ...]:
        """Make a connection of each ``[[connection]]`` table of a TOML file; the rest is shared.

        ::

            environment = "PRODUCTION_EU"
            checkpoint_url_variable = "EXPORTS_DATABASE"

            [[connection]]
            space_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
            company_code = "0042"

        Paths in it are relative to its own folder: cron starts a program in another one.

        Raises:
            ConfigurationError: The file cannot be read, or holds something unusable.
        """
        # An address taken for a path may hold a password, and a line break would forge a log line.
        name = str(path)
        if "://" in name or not name.isprintable():
            name = "the file"
        try:
            shared = read_toml(Path(path))
            rows = shared.pop("connection", None)
            if not _is_list(rows) or not rows:
                raise configuration_error(
                    "it has no [[connection]] table",
                    "Begin each connection with the line [[connection]], in double brackets.",
                )
            folder = os.path.dirname(path)  # noqa: PTH120 - Path would mend a URL's two slashes
            rows = [_below(folder, row) if _is_table(row) else row for row in rows]
            return cls.many(rows, **_below(folder, shared))
        except ConfigurationError as error:
            raise _inside(name, error) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        ConfigurationError: The file cannot be read, or is not TOML.
    """
    hint = None
    try:
        raw = path.read_bytes()
        # Editors and shells of Windows write a byte order mark, and also UTF-16.
        wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return tomllib.loads(raw.decode("utf-16" if wide else "utf-8-sig"))
    except OSError as error:
        told = error.strerror
    except tomllib.TOMLDecodeError as error:
        told = str(error)
        hint = (
            'Codes and ids stand in quotes: company_code = "0042". A path with backslashes stands '
            r"in single quotes: checkpoint_file = 'C:\exports.db'."
        )
    except UnicodeDecodeError:
        told, hint = "it is not text in UTF-8", "Save it as UTF-8."
    except (ValueError, RecursionError):
        told = None
    raise configuration_error(f"it cannot be read: {told or 'it is not TOML'}", hint)


def _below(folder: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose relative paths begin at a folder."""
    paths = {
        name: os.path.join(folder, value)  # noqa: PTH118 - as above
        for name in ("checkpoint_file", "banqup_contract", "zenvoices_contract")
        if isinstance(value := table.get(name), str) and value.strip()
    }
    return {**table, **paths}


def _inside(where: str, error: ConfigurationError) -> ConfigurationError:
    """Return the error with the place where it was found in front."""
    return configuration_error(f"{where}: {error.message}", error.hint)


def _nearest(word: str, words: Iterable[str]) -> str:
    known = list(words)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."


def _unknown(key: object, known: Iterable[str]) -> ConfigurationError:
    text = str(key)
    if not re.fullmatch(r"[\w.-]{1,80}", text):
        return configuration_error("a key is not the name of a setting", _WHERE_SECRETS_ARE)
    secret = any(word in text.lower() for word in _SECRET_WORDS)
    hint = _WHERE_SECRETS_ARE if secret else _nearest(text, known)
    return configuration_error(f"unknown key {text!r}", hint)


def _plain(value: Any) -> Any:
    if isinstance(value, Environment):
        return value.name
    if _is_tuple(value):
        return list(value)
    return _patch(value)
