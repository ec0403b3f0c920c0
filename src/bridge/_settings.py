"""The settings of a connection as plain data: their types, and how they are read."""

from __future__ import annotations

import codecs
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeGuard

from attrs import NOTHING, Attribute, asdict, field, fields, frozen
from attrs.validators import optional

from _client_kit._address import check_base_url
from _client_kit._arguments import check_number, check_seconds, check_word, nearest
from _client_kit._errors import ConfigurationError
from _client_kit._json import is_list
from _client_kit._text import Text, joined
from banqup_client import Environment
from banqup_client._environment import check_space_id
from bridge._delivery.ids import company_code_of
from bridge._errors import configuration_error, setting_error

Contract = Mapping[str, Any] | str | None
_Validator = Callable[[Any, "Attribute[Any]", Any], None]

_SECRET_WORDS = ("password", "secret", "token", "client_id", "user", "login", "credential")
_WHERE_SECRETS_ARE = Text(
    "hint_credentials",
    "Credentials are no part of it: they come from the environment variables BANQUP_CLIENT_ID, "
    "BANQUP_CLIENT_SECRET, ZENVOICES_USER, ZENVOICES_PASSWORD and ZENVOICES_ORGANISATION_CODE.",
)

# Validators. Except for `on_uncertain`, their errors do not show a given text: it may be a secret
# that was put into the wrong field.


def _must_be(wanted: Text, fits: Callable[[Any], bool], hint: Text | None = None) -> _Validator:
    """Return a validator that raises ConfigurationError if `fits` returns False for the value."""

    def validate(_settings: Any, attribute: Attribute[Any], value: Any) -> None:
        if not fits(value):
            message = Text("must_be_that", "{0} must be {1}", attribute.name, wanted)
            raise configuration_error(message, hint)

    return validate


def _checked_by(check: Callable[..., object], **options: Any) -> _Validator:
    def validate(_settings: Any, attribute: Attribute[Any], value: Any) -> None:
        check(value, name=attribute.name, service="bridge", **options)

    return validate


def _check_code(_settings: Any, _attribute: Attribute[Any], value: Any) -> None:
    company_code_of(value)


def _is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_variable(value: Any) -> bool:
    # Without this, a database URL could be given here, and a URL may contain a password.
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value) is not None


_TEXT = _must_be(Text("some_text", "a text that is not empty"), _is_text)
*_FIRST, _LAST = Environment.__members__
_ENVIRONMENT = _must_be(
    Text("either", "{0} or {1}", ", ".join(_FIRST), _LAST),
    lambda value: isinstance(value, Environment),
)
_FUNCTIONS = _must_be(
    Text(
        "table_of_functions",
        "a table of operations with texts such as 'package.module:function'",
    ),
    lambda value: _is_table(value) and all(map(_is_text, value.values())),
    Text("hint_functions", 'Write the name in quotes: "inbox.upload" = "package.module:function".'),
)
_PATCH = _must_be(
    Text("table_or_path", "a table or the path of a JSON file"),
    lambda value: _is_table(value) or _is_text(value),
)
_VARIABLE = _must_be(
    Text("variable_name", "the name of an environment variable"),
    _is_variable,
    Text("hint_variable", "Write a name such as EXPORTS_DATABASE; that variable holds the URL."),
)
_HOSTS = _must_be(
    Text("list_of_hosts", "a list of host names"),
    lambda value: _is_tuple(value) and all(map(_is_text, value)),
)
_HOLD_OR_RESEND = _checked_by(check_word, known=("hold", "resend"))
_ADDRESS = [_TEXT, _checked_by(check_base_url)]
_SECONDS, _WHOLE = _checked_by(check_seconds), _checked_by(check_number)
_ID = _checked_by(check_space_id)


# Converters


def _environment(value: Any) -> Any:
    return Environment.__members__.get(value, value) if isinstance(value, str) else value


def _hosts(value: Any) -> Any:
    return tuple(value) if is_list(value) else value


@frozen(kw_only=True)
class ConnectionSettings:
    """The fields of a :class:`ConnectionConfig`, whose docstring describes them."""

    space_id: str = field(validator=[_TEXT, _ID])
    company_code: str = field(validator=_check_code)
    environment: Environment | None = field(
        default=None, converter=_environment, validator=optional(_ENVIRONMENT)
    )
    banqup_url: str | None = field(default=None, validator=optional(_ADDRESS))
    zenvoices_url: str = field(default="https://app.zenvoices.com", validator=_ADDRESS)
    checkpoint_file: str | None = field(default=None, validator=optional(_TEXT))
    checkpoint_url_variable: str | None = field(default=None, validator=optional(_VARIABLE))
    banqup_contract: Contract = field(default=None, validator=optional(_PATCH), hash=False)
    zenvoices_contract: Contract = field(default=None, validator=optional(_PATCH), hash=False)
    banqup_operations: Mapping[str, str] | None = field(
        default=None, validator=optional(_FUNCTIONS), hash=False
    )
    zenvoices_operations: Mapping[str, str] | None = field(
        default=None, validator=optional(_FUNCTIONS), hash=False
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
        for one, other in (
            ("environment", "banqup_url"),
            ("checkpoint_file", "checkpoint_url_variable"),
        ):
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                raise setting_error(
                    "give_either",
                    "give either {0} or {1}",
                    *(one, other),
                    hint="In a file, what all connections share stands above the first "
                    "[[connection]].",
                )
        if "://" in (self.checkpoint_file or ""):
            raise setting_error(
                "url_as_file",
                "checkpoint_file must be the path of a file, not a URL",
                hint="A URL may hold a password: put it into an environment variable of the "
                "workers and name that variable in checkpoint_url_variable.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as data that JSON can hold; leave out default values."""
        return asdict(
            self,
            filter=lambda item, value: value != item.default,
            value_serializer=lambda _, __, value: (
                value.name if isinstance(value, Environment) else value
            ),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the config for data from :meth:`to_dict`, or for a table written by hand.

        Raises:
            ConfigurationError: A key is unknown or missing, or a value is not usable; the message
                names the key. For an unknown key, the hint names the most similar known key, or
                all known keys; for a credential, the hint says where credentials come from.
        """
        cls._check_keys(data)
        known = {item.name: item.default for item in fields(cls)}
        missing = [name for name in known if known[name] is NOTHING and name not in data]
        if missing:
            names = joined(" and ", *missing)
            raise setting_error("missing_keys", "{0} must be given", names, len(missing))
        return cls(**data)

    @classmethod
    def _check_keys(cls, data: Mapping[str, Any]) -> None:
        known = [item.name for item in fields(cls)]
        for key in data:
            if key not in known:
                secret = any(word in key.lower() for word in _SECRET_WORDS)
                hint = _WHERE_SECRETS_ARE if secret else nearest(key, known)
                raise setting_error("unknown_key", "unknown key {0!r}", key[:80], hint=hint)

    @classmethod
    def many(cls, rows: Iterable[Mapping[str, Any]], /, **shared: Any) -> tuple[Self, ...]:
        """Return a config for each row of a table; ``shared`` are defaults for all rows.

        ::

            rows = database.execute("SELECT space_id, company_code FROM clients").mappings()
            configs = ConnectionConfig.many(rows, environment="PRODUCTION_EU", ...)

        Raises:
            ConfigurationError: A key of ``shared`` is unknown, a row is not usable, or a row has
                the same space as an earlier row. For a row, the message has its number, from 1.
        """
        cls._check_keys(shared)
        first: dict[str, int] = {}
        configs: list[Self] = []
        for number, row in enumerate(rows, 1):
            try:
                config = cls.from_dict({**shared, **row})
                earlier = first.setdefault(config.space_id.lower(), number)
                if earlier != number:
                    raise setting_error(
                        "same_space",
                        "space_id is that of connection {0} too",
                        earlier,
                        hint="A space goes to one company.",
                    )
            except ConfigurationError as error:
                raise _inside(Text("connection_number", "connection {0}", number), error) from None
            configs.append(config)
        return tuple(configs)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> tuple[Self, ...]:
        """Return a config for each ``[[connection]]`` table of a TOML file.

        Settings outside these tables are defaults for every connection.

        ::

            environment = "PRODUCTION_EU"
            checkpoint_url_variable = "EXPORTS_DATABASE"

            [[connection]]
            space_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
            company_code = "0042"

        Relative paths in the file begin at the file's folder, because cron starts a program in
        another folder.

        Raises:
            ConfigurationError: The file cannot be read, has no ``[[connection]]`` table, or a
                setting in it is not usable.
        """
        try:
            shared = _read(Path(path))
            rows = shared.pop("connection", None)
            if not is_list(rows) or not rows or not all(map(_is_table, rows)):
                raise setting_error(
                    "no_connections",
                    "it has no [[connection]] table",
                    hint="Begin each connection with the line [[connection]], in double brackets. "
                    "In a file of banqup-zenvoices pairs, take the # away from [[connection]], "
                    "space_id and company_code of each pair that is right.",
                )
            folder = os.path.dirname(path)  # noqa: PTH120 - Path would change "//" of a URL to "/"
            return cls.many([_below(folder, row) for row in rows], **_below(folder, shared))
        except ConfigurationError as error:
            raise _inside(str(path), error) from None


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        ConfigurationError: The file cannot be read, or is not TOML.
    """
    hint = None
    try:
        raw = path.read_bytes()
        # Editors and shells on Windows may write a byte order mark, or UTF-16.
        wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return tomllib.loads(raw.decode("utf-16" if wide else "utf-8-sig"))
    except OSError as error:
        why = Text("said", "{0}", error.strerror)
    except ValueError as error:
        why = Text("said", "{0}", str(error))
        hint = Text(
            "hint_toml",
            'Write codes and ids in quotes: company_code = "0042"; and a path with backslashes in '
            r"single quotes: checkpoint_file = 'C:\exports.db'.",
        )
        if isinstance(error, UnicodeDecodeError):
            hint = Text("hint_utf8", "Save it as UTF-8.")
    raise setting_error("unreadable", "it cannot be read: {0}", why, hint=hint)


def _below(folder: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table with its relative paths joined to a folder."""
    paths = {
        name: os.path.join(folder, value)  # noqa: PTH118 - Path would change "//" of a URL to "/"
        for name in ("checkpoint_file", "banqup_contract", "zenvoices_contract")
        if isinstance(value := table.get(name), str) and value.strip()
    }
    return {**table, **paths}


def _inside(where: str, error: ConfigurationError) -> ConfigurationError:
    """Return a new error whose message has `where` in front, the place of the mistake."""
    return configuration_error(joined(": ", where, error.message), error.hint)
