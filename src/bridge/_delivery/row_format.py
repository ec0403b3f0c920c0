"""Convert deliveries and the connection's head to and from versioned JSON text.

The fields of a row are those of `delivery.Delivery`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from attrs import asdict, evolve, field, fields, frozen

from _client_kit._errors import StoreError
from _client_kit._json import is_object
from _client_kit._text import Text
from bridge._delivery.delivery import STATES, Delivery, WaitReason
from bridge._stores.protocol import Row

__all__ = [
    "NOT_KNOWN",
    "Head",
    "active_binding",
    "counted_as",
    "delivery_of",
    "head_of",
    "head_text",
    "row_of",
]

VERSION = 1
NOT_KNOWN = datetime.max.replace(tzinfo=UTC)
"""The value of `Head.restored_at` until Banqup has told the time: every document is older."""


@frozen
class Head:
    """What is stored about a connection besides its deliveries.

    Times of "the clock" are epoch seconds by the connection's argument ``clock=`` (this machine's
    time by default). A "server's time" comes from a service's answer.

    Attributes:
        binding: The space, the company and the services of the connection.
        active: Whether export_new() may run.
        activations: How often the connection was activated.
        activated_at: The server's time of the last activation.
        cursors: Per folder, the server's time since which changed documents are listed.
        full_at: Per folder, the clock's time of the last complete listing of all its documents.
        counts: How many deliveries are in each state; see :func:`counted_as`.
        controls: External id and company number of the latest deliveries, to test look-ups with.
        companies: The numbers that the company had in Zenvoices, the present one last. Documents
            sent before the company was linked again are found under an old number.
        restored_at: The server's time of the last run with ``look_first=True``. Documents older
            than that are looked up before they are sent, in later runs too. :data:`NOT_KNOWN`
            until Banqup has told the time.
        lookup: Whether the first delivery of a run was found when it was looked up at once:
            ``"works"``, ``"lags"``, or None if no run has tested it.
        deliveries: How many uploads of this connection ever arrived; never decreases.
        wire: A digest of the contract of Banqup's client with which the space was last listed.
        fetched: Whether the files of any document were ever downloaded and mapped.
        no_file_since: The clock's time at which a document without a file was first met; None if
            none was met, or once ``fetched`` is True.
        looked_up: Per state, the id of the document that was looked up last. The next run
            continues after it.
        named: Ids of waiting documents that only failures hold back, the latest last; status()
            lists them.
        unknown: Unrecognised statuses and folders, with how many documents had each.
        last_run: A summary of the last run. In the record of a space, which connection uses it.
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
    lookup: str | None = None
    deliveries: int = 0
    wire: str | None = None
    fetched: bool = False
    no_file_since: float | None = None
    looked_up: Mapping[str, str] = field(factory=dict[str, str])
    named: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(factory=dict[str, int])
    last_run: Mapping[str, Any] | None = None


def counted_as(delivery: Delivery) -> str:
    """Return the key of `Head.counts` for a delivery: its state, or ``"waiting_for_client"``."""
    if delivery.state == "waiting" and delivery.cause is WaitReason.CLIENT:
        return "waiting_for_client"
    return delivery.state


_DEFAULTS = {item.name: item.default for item in fields(Delivery)}
_TIMES = ("absent_at", "no_control_since")
_HEAD_TIMES = ("activated_at", "restored_at")


def row_of(delivery: Delivery) -> Row:
    """Return the store's row for a delivery; fields with their default value are left out."""
    members = {
        name: _plain(value)
        for name, value in asdict(delivery, recurse=False).items()
        if name not in ("document_id", "state", "due") and value != _DEFAULTS[name]
    }
    return Row(delivery.document_id, delivery.state, delivery.due, _text(members))


def _text(members: Mapping[str, Any]) -> str:
    # json.dumps writes ASCII: a store may refuse a NUL or a lone surrogate in a service's text.
    return json.dumps({"v": VERSION, **members}, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, WaitReason):
        return value.value
    if isinstance(value, Text):
        return value.to_json()
    return value.isoformat() if isinstance(value, datetime) else value


_HEAD = Text("head_of", "the connection's head")


def _damaged(what: Text) -> StoreError:
    return StoreError(
        Text("damaged", "the checkpoint is damaged: {0}", what),
        service="bridge",
        hint=Text(
            "hint_restore", "Restore it from a backup, then run export_new(look_first=True)."
        ),
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):  # 1e999 is infinite as a float; json.dumps refuses to write it
        raise ValueError
    return number


def _versioned(text: str, what: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _damaged(Text("not_our_json", "{0} is not JSON", what)) from None
    if not is_object(value):
        raise _damaged(Text("not_an_object", "{0} is not a JSON object", what))
    version = value.pop("v", None)
    if type(version) is not int or version < 1:
        raise _damaged(Text("no_version", "{0} has no version", what))
    if version > VERSION:
        message = Text(
            "newer_checkpoint",
            "{0} was written by a newer version of this library ({1})",
            *(what, str(version)),
        )
        hint = Text("hint_update", "Update banqup-zenvoices.")
        raise StoreError(message, service="bridge", hint=hint)
    return value


def _is_number(value: Any) -> bool:
    """Return True for a number that fits a float; JSON's integers have no limit."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str | None": lambda value: value is None or type(value) is str,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: type(value) is bool,
    "int": lambda value: type(value) is int,
    "int | None": lambda value: value is None or type(value) is int,
    "float | None": lambda value: value is None or _is_number(value),
    "datetime | None": lambda value: isinstance(value, datetime),
    "WaitReason": lambda value: isinstance(value, WaitReason),
}
_KINDS = {item.name: _CHECKS[str(item.type)] for item in fields(Delivery)}


def delivery_of(row: Row) -> Delivery:
    """Return the delivery stored in a row.

    Raises:
        StoreError: The row is damaged, or a newer release wrote it.
    """
    what = Text("row_of", "the row of document {0!r}", row.id[:80])
    value = _versioned(row.value, what)
    if row.state not in STATES:
        raise _damaged(
            Text("unknown_state", "{0} has the unknown state {1!r}", what, row.state[:40])
        )
    try:
        if "cause" in value:
            value["cause"] = WaitReason(value["cause"])
        for name in ("reason", "label"):
            if isinstance(value.get(name), list):
                value[name] = Text.from_json(value[name])
        for name in _TIMES:
            if name in value:
                value[name] = _time(value[name])
        if not all(_KINDS[name](item) for name, item in [*value.items(), ("due", row.due)]):
            raise TypeError
        return Delivery(document_id=row.id, state=row.state, due=row.due, **value)
    except (TypeError, ValueError, KeyError):
        raise _damaged(Text("wrong_members", "{0} has members of the wrong kind", what)) from None


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError from None


def head_text(head: Head) -> str:
    """Return a head as JSON text."""
    members = asdict(head, recurse=False)
    members["cursors"] = {name: _plain(value) for name, value in head.cursors.items()}
    for name in _HEAD_TIMES:
        members[name] = _plain(members[name])
    return _text(members)


def head_of(text: str, binding: Mapping[str, Any]) -> Head:
    """Return the head stored in a JSON text.

    Raises:
        StoreError: The text is damaged, from a newer release, or of another connection.
    """
    value = _versioned(text, _HEAD)
    try:
        head = Head(**value)
        if not (
            isinstance(head.binding, dict)
            and type(head.active) is bool
            and type(head.activations) is int
            and _numbers(head.counts)
            and _numbers(head.full_at)
            and _numbers(head.unknown)
            and head.lookup in (None, "works", "lags")
            and type(head.deliveries) is int
            and (head.wire is None or type(head.wire) is str)
            and type(head.fetched) is bool
            and is_object(head.looked_up)
            and all(type(name) is str for name in head.looked_up.values())
            and (head.no_file_since is None or _is_number(head.no_file_since))
            and (head.last_run is None or isinstance(head.last_run, dict))
        ):
            raise TypeError
        controls = tuple((name, company) for name, company in head.controls)
        if not all(type(name) is str and type(company) is int for name, company in controls):
            raise TypeError
        named = tuple(head.named)
        if not all(type(name) is str for name in named):
            raise TypeError
        companies = tuple(head.companies)
        if not all(type(number) is int for number in companies):
            raise TypeError
        times: dict[str, Any] = {
            name: None if value.get(name) is None else _time(value[name]) for name in _HEAD_TIMES
        }
        cursors = {str(name): _time(moment) for name, moment in head.cursors.items()}
    except (TypeError, ValueError, AttributeError):
        raise _damaged(Text("wrong_members", "{0} has members of the wrong kind", _HEAD)) from None
    if head.binding != binding:
        message = Text("wrong_checkpoint", "the checkpoint belongs to another connection")
        hint = Text("hint_its_store", "Use the store it was made with.")
        raise StoreError(message, service="bridge", hint=hint)
    return evolve(
        head, **times, cursors=cursors, controls=controls, companies=companies, named=named
    )


def _numbers(value: object) -> bool:
    return is_object(value) and all(map(_is_number, value.values()))


def active_binding(text: str) -> Mapping[str, Any] | None:
    """Return the binding in the head of any connection, or None if that connection is inactive."""
    head = _versioned(text, _HEAD)
    binding = head.get("binding")
    return binding if head.get("active") is True and is_object(binding) else None
