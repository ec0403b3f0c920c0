"""A connection as plain data, for engines that hand work to other processes."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, cast

from attrs import NOTHING, field, fields, frozen

from _client_kit._address import check_base_url, check_id
from _client_kit._errors import ConfigurationError
from banqup_client import AsyncBanqupClient, BanqupClient, Environment
from bridge._delivery.eligibility import Exportable, default_exportable
from bridge._errors import configuration_error
from bridge._mapping.mapper import AsyncMapper, Mapper, default_mapper
from bridge._reports.events import Listener
from bridge._settings import ABOUT, KINDS, is_table, is_tuple
from bridge._stores.protocol import CheckpointStore
from zenvoices_client import AsyncZenvoicesClient, ZenvoicesClient

if TYPE_CHECKING:
    from bridge._async._connection import AsyncConnection
    from bridge._sync._connection import Connection

__all__ = ["ConnectionConfig"]

Contract = Mapping[str, Any] | str | None

ZENVOICES = "https://app.zenvoices.com"
SECRET_WORDS = ("password", "secret", "token", "client_id", "user", "login", "credential")
WHERE_SECRETS_ARE = (
    "Credentials are no part of it: a worker takes them from its environment, see "
    "ClientCredentials.from_env and UserLogin.from_env."
)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _environment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Environment[value]
    except KeyError:
        near = _nearest(value, Environment.__members__)
        raise configuration_error("environment is none that is known", near) from None


def _patch(value: Any) -> Any:
    if not is_table(value):
        return value
    # A copy, so that what is frozen stays as it is; and it must be JSON in the end.
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        raise configuration_error("a contract patch must be data that JSON can hold") from None


def _hosts(value: Any) -> Any:
    return tuple(value) if _is_list(value) else value


@frozen(kw_only=True)
class ConnectionConfig:
    """Everything that makes a connection, but its credentials: frozen, and JSON in and out.

    An engine sends it to a worker as :meth:`to_dict`; the worker opens it with credentials of its
    own environment. Whoever can read the engine's queue learns no secret::

        config = ConnectionConfig.from_dict(message)
        with config.open() as connection:
            report = connection.export_new()

    Attributes:
        space_id: The space.
        company_code: The company's code, a text: ``"0042"``.
        environment: Which Banqup to speak to; in JSON its name, such as ``"UAT_EU"``.
        banqup_url: Another address of Banqup instead.
        zenvoices_url: Where Zenvoices answers.
        checkpoint_file: The file of :class:`SQLiteCheckpoints`.
        checkpoint_url_variable: Instead of a file, the *name* of the environment variable that
            holds SQLAlchemy's URL of a database: the URL itself may hold a password.
        banqup_contract: Corrections of wire facts: data, or the path of a JSON file at the worker.
        zenvoices_contract: The same for Zenvoices.
        decode_document: Names the function for ``BanqupClient(decode_document=)``, as
            ``"package.module:function"``. It is imported where the connection is opened, so take
            the name only from where you would take code.
        encode_upload: The same for ``ZenvoicesClient(encode_upload=)``.
        storage_hosts: Hosts whose signed URLs are followed; None for those the client knows.
        timeout: Seconds for each connect, read and write of both clients.
        deadline: Seconds for a whole call of both clients.
        in_flight: How many documents are fetched and sent at the same time.
        on_uncertain: ``"hold"`` or ``"resend"``, as for :class:`Connection`.
        lease_ttl: Seconds for which a run holds the connection.

    Raises:
        ConfigurationError: A value is not usable; the message names the field.
    """

    space_id: str
    company_code: str
    environment: Environment | None = field(default=None, converter=_environment)
    banqup_url: str | None = None
    zenvoices_url: str = ZENVOICES
    checkpoint_file: str | None = None
    checkpoint_url_variable: str | None = None
    banqup_contract: Contract = field(default=None, converter=_patch, hash=False)
    zenvoices_contract: Contract = field(default=None, converter=_patch, hash=False)
    decode_document: str | None = None
    encode_upload: str | None = None
    storage_hosts: tuple[str, ...] | None = field(default=None, converter=_hosts)
    timeout: float = 30.0
    deadline: float = 300.0
    in_flight: int = 4
    on_uncertain: Literal["hold", "resend"] = "hold"
    lease_ttl: float = 600.0

    def __attrs_post_init__(self) -> None:
        for name, (kind, fits) in KINDS.items():
            value = getattr(self, name)
            if not fits(value):
                # Never the value: somebody may have put a secret there.
                raise configuration_error(
                    f"{name} must be {kind}, not {type(value).__name__}", ABOUT.get(name)
                )
        check_id(self.space_id, "space_id", service="bridge")
        if (self.environment is None) == (self.banqup_url is None):
            raise configuration_error("give either environment or banqup_url")
        if (self.checkpoint_file is None) == (self.checkpoint_url_variable is None):
            raise configuration_error(
                "give either checkpoint_file or checkpoint_url_variable",
                "Checkpoints are what a connection remembers between two runs.",
            )
        if self.checkpoint_file is not None and "://" in self.checkpoint_file:
            raise configuration_error(
                "checkpoint_file must be the path of a file, not a URL",
                "A URL may hold a password: put it into an environment variable of the workers "
                "and name that variable in checkpoint_url_variable.",
            )
        for name in ("banqup_url", "zenvoices_url"):
            _check_address(name, getattr(self, name))

    # Data in and out

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; what has its default is left out."""
        data: dict[str, Any] = {}
        for item in fields(type(self)):
            value = getattr(self, item.name)
            if item.default is NOTHING or value != item.default:
                data[item.name] = _plain(value)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConnectionConfig:
        """The config that :meth:`to_dict` gave, or a table written by hand.

        Raises:
            ConfigurationError: A key is unknown or missing, or a value is not usable; the message
                names it, with the nearest right key.
        """
        if not is_table(data):
            raise configuration_error(
                f"a connection must be a table of keys, not {type(data).__name__}"
            )
        known = {item.name: item for item in fields(cls)}
        for key in data:
            if key not in known:
                raise _unknown(key, known)
        missing = [name for name, item in known.items() if item.default is NOTHING]
        missing = [name for name in missing if name not in data]
        if missing:
            raise configuration_error(f"{' and '.join(missing)} must be given")
        return cls(**data)

    @classmethod
    def many(
        cls, rows: Iterable[Mapping[str, Any]], /, **shared: Any
    ) -> tuple[ConnectionConfig, ...]:
        """One connection per row of a table, each with ``shared`` where its row is silent.

        ::

            rows = database.execute("SELECT space_id, company_code FROM clients").mappings()
            configs = ConnectionConfig.many(rows, environment="PRODUCTION_EU", ...)

        Raises:
            ConfigurationError: A row is not usable, or names a space that an earlier one names;
                the message counts the rows from 1.
        """
        configs: list[ConnectionConfig] = []
        first: dict[str, int] = {}
        for number, row in enumerate(rows, 1):
            try:
                config = cls.from_dict(_merged(shared, row))
            except ConfigurationError as error:
                raise configuration_error(
                    f"connection {number}: {error.message}", error.hint
                ) from None
            space = config.space_id.lower()
            if space in first:
                raise configuration_error(
                    f"connection {number}: space_id is that of connection {first[space]} too",
                    "A space goes to one company.",
                )
            first[space] = number
            configs.append(config)
        return tuple(configs)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> tuple[ConnectionConfig, ...]:
        """One connection per ``[[connection]]`` table of a TOML file; what stands above is shared.

        ::

            environment = "PRODUCTION_EU"
            checkpoint_url_variable = "EXPORTS_DATABASE"

            [[connection]]
            space_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
            company_code = "0042"

        Raises:
            ConfigurationError: The file cannot be read, or holds something unusable.
        """
        import tomllib

        # Not an address that somebody took for a file: it may hold a password.
        name = str(path) if re.fullmatch(r"(?:[A-Za-z]:)?[\w ./\\+-]+", str(path)) else "the file"
        try:
            shared = tomllib.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            if isinstance(error, tomllib.TOMLDecodeError):
                told = str(error)
            raise configuration_error(f"{name} cannot be read: {told or 'it is no TOML'}") from None
        rows = shared.pop("connection", None)
        if not isinstance(rows, list) or not rows:
            raise configuration_error(f"{name} has no [[connection]] table")
        try:
            return cls.many(cast("list[Mapping[str, Any]]", rows), **shared)
        except ConfigurationError as error:
            raise configuration_error(f"{name}: {error.message}", error.hint) from None

    # Connections

    def open(
        self,
        *,
        banqup: BanqupClient | None = None,
        zenvoices: ZenvoicesClient | None = None,
        checkpoints: CheckpointStore | None = None,
        mapper: Mapper = default_mapper,
        listeners: Sequence[Listener] = (),
        exportable: Exportable = default_exportable,
        clock: Callable[[], float] = time.time,
    ) -> AbstractContextManager[Connection]:
        """The connection, for a ``with`` block; what is not handed in is made, and closed after.

        Credentials come from this process's environment. Every connection that the process opens
        shares them with their tokens: one login serves thousands of runs, and a wrong password is
        tried once per process instead of once per run, which would lock the user.

        Args:
            banqup: A client to use, and leave open, instead of one of the config's own.
            zenvoices: The same for Zenvoices.
            checkpoints: A store to use, and leave open, instead of the one the config names.
            mapper: As for :class:`Connection`, and so are the others.
            listeners: Called with each event.
            exportable: Says which documents may be exported.
            clock: Epoch seconds.

        Raises:
            ConfigurationError: A credential is missing, a named function cannot be imported, or a
                value is not usable after all.
        """
        from bridge._sync._opening import open_connection

        return open_connection(
            self, banqup, zenvoices, checkpoints, mapper, listeners, exportable, clock
        )

    def open_async(
        self,
        *,
        banqup: AsyncBanqupClient | None = None,
        zenvoices: AsyncZenvoicesClient | None = None,
        checkpoints: CheckpointStore | None = None,
        mapper: AsyncMapper = default_mapper,
        listeners: Sequence[Listener] = (),
        exportable: Exportable = default_exportable,
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same as :meth:`open`, for ``async with``."""
        from bridge._async._opening import open_connection

        return open_connection(
            self, banqup, zenvoices, checkpoints, mapper, listeners, exportable, clock
        )


def _merged(shared: Mapping[str, Any], row: object) -> Any:
    return {**shared, **row} if is_table(row) else row


def _nearest(word: str, words: Iterable[str]) -> str:
    import difflib

    known = list(words)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."


def _unknown(key: object, known: Iterable[str]) -> ConfigurationError:
    text = str(key)
    if not re.fullmatch(r"[\w.-]{1,80}", text):
        return configuration_error("a key is not the name of a setting", WHERE_SECRETS_ARE)
    if any(word in text.lower() for word in SECRET_WORDS):
        return configuration_error(f"unknown key {text!r}", WHERE_SECRETS_ARE)
    return configuration_error(f"unknown key {text!r}", _nearest(text, known))


def _check_address(name: str, address: str | None) -> None:
    try:
        if address is not None:
            check_base_url(address, service="bridge")
    except ConfigurationError as error:
        raise configuration_error(
            error.message.replace("base_url", name), WHERE_SECRETS_ARE
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Environment):
        return value.name
    if is_tuple(value):
        return list(value)
    return _patch(value)
