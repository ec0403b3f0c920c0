"""Convert deliveries and the connection's head to and from versioned JSON text.

The members of a row's JSON text are fields of `delivery.Delivery`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, field, fields, frozen

from _client_kit._json import is_object
from _client_kit._text import Text
from bridge._delivery.delivery import STATES, Delivery, WaitReason
from bridge._errors import THE_CHECKPOINT, damaged, newer_version, store_error
from bridge._stores.protocol import Row

VERSION = 1
NOT_KNOWN = datetime.max.replace(tzinfo=UTC)
"""`Head.restored_at` until Banqup has told the time. Every document counts as older than it."""


@frozen
class Head:
    """What is stored about a connection besides its deliveries.

    Times of "the clock" are epoch seconds by the connection's argument ``clock=`` (this machine's
    time by default). A "server's time" comes from a service's answer.

    Attributes:
        binding: The space, the company and the services of the connection.
        active: Whether export_new() may run.
        activations: How often the connection was activated.
        activated_at: The server's time of the last activation. If no answer had a time, the latest
            creation time of a document that was listed.
        cursors: Per folder, the server's time since which changed documents are listed.
        full_at: Per folder, the clock's time when its last complete list of all documents began.
        counts: How many deliveries are in each state; see :func:`counted_as`.
        controls: External id and company number of the latest deliveries, to test look-ups with.
        companies: The last five numbers that the company had in Zenvoices, the present one last. A
            document is found under the number that the company had when it was sent.
        restored_at: The server's time of the last run with ``look_first=True``. Later runs, too,
            look up older, undated and up to a day younger documents before they are sent.
            :data:`NOT_KNOWN` until Banqup's first answer with a time.
        lookups_lag: Whether a look-up right after a delivery missed it, in the latest run with such
            a look-up.
        deliveries: How many uploads of this connection were accepted, or found by a look-up right
            after them. Those that a later look-up found do not count. Never decreases.
        wire: A digest of the contract with which Banqup's client last listed the whole space.
        fetched: Whether the files of any document were ever downloaded and mapped.
        no_file_since: The clock's time at which a document without a file was first met; None if
            none was met, or once ``fetched`` is True.
        looked_up: Per state, the id of the document that was looked up last. The next run
            continues after it.
        last_run: A summary of the last run. In the record of a space, it is instead the binding of
            the connection that uses the space.
    """

    binding: Mapping[str, Any]
    active: bool = False
    activations: int = 0
    activated_at: datetime | None = None
    cursors: Mapping[str, datetime] = field(factory=dict[str, datetime])
    full_at: Mapping[str, float] = field(factory=dict[str, float])
    counts: Mapping[str, int] = field(factory=dict[str, int])
    controls: tuple[tuple[str, int], ...] = ()
    companies: tuple[int, ...] = ()
    restored_at: datetime | None = None
    lookups_lag: bool = False
    deliveries: int = 0
    wire: str | None = None
    fetched: bool = False
    no_file_since: float | None = None
    looked_up: Mapping[str, str] = field(factory=dict[str, str])
    last_run: Mapping[str, Any] | None = None


def counted_as(delivery: Delivery) -> str:
    """Return the key of `Head.counts` for a delivery: its state, or ``"waiting_for_client"``."""
    if delivery.state == "waiting" and delivery.cause is WaitReason.CLIENT:
        return "waiting_for_client"
    return delivery.state


_DEFAULTS = {item.name: item.default for item in fields(Delivery)}
_HEAD = Text("head_of", "the connection's head")


def row_of(delivery: Delivery) -> Row:
    """Return the store's row for a delivery; fields with their default value are left out."""
    members = {
        name: value
        for name, value in asdict(delivery, recurse=False).items()
        if name not in ("document_id", "state", "due") and value != _DEFAULTS[name]
    }
    return Row(delivery.document_id, delivery.state, delivery.due, _text(members))


def head_text(head: Head) -> str:
    """Return a head as JSON text."""
    return _text(asdict(head, recurse=False))


def _text(members: Mapping[str, Any]) -> str:
    plain = {
        name: value.to_json() if isinstance(value, Text) else value
        for name, value in members.items()
    }
    # json.dumps escapes NUL and lone surrogates, which may be in a service's text: a store may
    # refuse them.
    return json.dumps(
        {"v": VERSION, **plain}, separators=(",", ":"), allow_nan=False, default=_plain
    )


def _plain(value: WaitReason | datetime) -> str:
    return value.value if isinstance(value, WaitReason) else value.isoformat()


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):  # json.dumps would refuse to write NaN, or 1e999
        raise ValueError
    return number


def _versioned(text: str, what: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise damaged(THE_CHECKPOINT, what) from None
    version = value.pop("v", None) if is_object(value) else None
    if not is_object(value) or type(version) is not int or version < 1:
        raise damaged(THE_CHECKPOINT, what)
    if version > VERSION:
        raise newer_version(what, version)
    return value


# Readers of JSON values. Each returns the value of a field, or raises TypeError, ValueError or
# OverflowError.


def _exactly(kind: type[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


_integer = _exactly(int)
_object = _exactly(dict)
_list = _exactly(list)


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    return Text.from_json(_list(value))


def _number(value: Any) -> Any:
    # A whole number in JSON may be too large for a float; isfinite() then raises OverflowError.
    if type(value) in (int, float) and math.isfinite(value):
        return value
    raise TypeError


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def _control(value: Any) -> tuple[str, int]:
    external_id, company = value
    return _string(external_id), _integer(company)


def _mapping(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: read(item) for name, item in _object(value).items()}


def _tuple(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: tuple(map(read, _list(value)))


_READERS: dict[str, Callable[[Any], Any]] = {
    "bool": _exactly(bool),
    "int": _integer,
    "float": _number,
    "str": _string,
    "datetime": _time,
    "WaitReason": WaitReason,
    "Mapping[str, Any]": _object,
    "Mapping[str, datetime]": _mapping(_time),
    "Mapping[str, float]": _mapping(_number),
    "Mapping[str, int]": _mapping(_integer),
    "Mapping[str, str]": _mapping(_string),
    "tuple[int, ...]": _tuple(_integer),
    "tuple[tuple[str, int], ...]": _tuple(_control),
}
_DELIVERY_TYPES = {item.name: str(item.type) for item in fields(Delivery)}
_HEAD_TYPES = {item.name: str(item.type) for item in fields(Head)}


def _read(type_name: str, value: Any) -> Any:
    """Return the value of a field of this type from its JSON value."""
    if value is None and type_name.endswith(" | None"):
        return None
    return _READERS[type_name.removesuffix(" | None")](value)


def delivery_of(row: Row) -> Delivery:
    """Return the delivery stored in a row.

    Raises:
        StoreError: The row is damaged, or a newer release wrote it.
    """
    what = Text("row_of", "the row of document {0!r}", row.id[:80])
    value = _versioned(row.value, what)
    if row.state not in STATES:
        raise damaged(THE_CHECKPOINT, what)
    try:
        members = {name: _read(_DELIVERY_TYPES[name], item) for name, item in value.items()}
        due = _read("float | None", row.due)
        return Delivery(document_id=row.id, state=row.state, due=due, **members)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise damaged(THE_CHECKPOINT, what) from None


def head_of(text: str, binding: Mapping[str, Any]) -> Head:
    """Return the head stored in a JSON text.

    Raises:
        StoreError: The text is damaged, from a newer release, or of another connection.
    """
    value = _versioned(text, _HEAD)
    try:
        head = Head(**{name: _read(_HEAD_TYPES[name], item) for name, item in value.items()})
    except (TypeError, ValueError, KeyError, OverflowError):
        raise damaged(THE_CHECKPOINT, _HEAD) from None
    if head.binding != binding:
        raise store_error(
            "wrong_checkpoint",
            "the checkpoint belongs to another connection",
            hint="Use the store it was made with.",
        )
    return head
