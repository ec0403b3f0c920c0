"""Decode JSON into frozen attrs objects, leniently, and encode them as JSON.

The services' answers are only partly documented, so decoding never refuses an object. A missing
member gets the field's default. An unknown member, or a member of another type, is kept unchanged
in the field ``extra`` under its wire name. The wire name is the field's name in camel case unless
``wire()`` gives another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import attrs

from _client_kit._json import is_list, is_object
from _client_kit._secret import Secret
from _client_kit._times import parse_time

if TYPE_CHECKING:
    from cattrs import Converter

_T = TypeVar("_T")
_Hook = Callable[[Any, Any], Any]


def wire(name: str, **options: Any) -> Any:
    """Return an attrs field with this wire name; its default is None unless ``options`` has one."""
    options.setdefault("default", None)
    return attrs.field(metadata={"wire": name}, **options)


def wire_name(attribute: attrs.Attribute[Any]) -> str:
    """Return the name of an attrs field's JSON member."""
    named: str | None = attribute.metadata.get("wire")
    return named or re.sub(r"_(\w)", lambda match: match[1].upper(), attribute.name)


class DataMixin:
    """Conversions of an attrs object to plain data, for JSON and for tables."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as values that JSON can hold.

        Unknown members (``extra``) and signed URLs are left out; other secrets are masked.
        """
        return attrs.asdict(
            cast("Any", self),
            filter=lambda field, _: field.name != "extra" and not field.name.startswith("_"),
            value_serializer=_plain,
        )

    def to_row(self) -> dict[str, Any]:
        """Return :meth:`to_dict` as a flat table row, with keys such as ``status.document``."""
        return dict(_flat("", self.to_dict()))


@attrs.frozen(kw_only=True)
class Model(DataMixin):
    """Base class of the objects in a service's answers.

    Attributes:
        extra: Members of the JSON object that the class does not know, unchanged. Members whose
            value has another type than the field are here too.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, hash=False)


def _plain(_owner: object, _field: object, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | Secret) else value


def _flat(start: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not is_object(value):
        yield start, value
        return
    for name, inner in value.items():
        yield from _flat(f"{start}.{name}" if start else name, inner)


def _taking(make: Callable[[Any], Any], *kinds: type[object]) -> _Hook:
    """Return a cattrs hook: it calls ``make`` for values of these types and raises for others."""

    def hook(value: Any, _: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError
        return make(value)

    return hook


def _unchanged(value: Any) -> Any:
    return value


def _finite(value: Any) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    return number


_HOOKS: dict[Any, _Hook] = {
    str: _taking(str, str, int),  # a service may write a code or an id as a number
    int: _taking(_unchanged, int),
    bool: _taking(_unchanged, bool),
    Decimal: _taking(_finite, int, str, Decimal),
    datetime: _taking(parse_time, str),
    Secret: _taking(Secret, str),
}


def _is_tuple(type_: Any) -> bool:
    return get_origin(type_) is tuple


_FAULTS = (TypeError, ValueError, InvalidOperation, OverflowError)


def _tuple_factory(type_: Any) -> _Hook:
    item_type = get_args(type_)[0]
    hook = _converter().get_structure_hook(item_type)

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if not is_list(value):
            raise TypeError
        return tuple(hook(item, item_type) for item in value)

    return structure


def _model_factory(cls: Any) -> _Hook:
    attrs.resolve_types(cls)
    fields = [
        (
            attribute.name,
            wire_name(attribute),
            attribute.type,
            _converter().get_structure_hook(attribute.type),
        )
        for attribute in attrs.fields(cls)
        if attribute.name != "extra"
    ]
    known = frozenset(name for _, name, _, _ in fields)

    def structure(value: Any, _: Any) -> Any:
        if not is_object(value):
            raise TypeError
        arguments: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, wire_name, type_, hook in fields:
            raw = value.get(wire_name)
            if raw is None:
                continue
            try:
                arguments[name] = hook(raw, type_)
            except _FAULTS:
                extra[wire_name] = raw
        if not value.keys() <= known:
            extra.update((name, value[name]) for name in value.keys() - known)
        return cls(extra=extra, **arguments)

    return structure


@cache
def _converter() -> Converter:
    import cattrs  # on first use: the import is slow

    converter = cattrs.Converter(detailed_validation=False)
    for type_, hook in _HOOKS.items():
        converter.register_structure_hook(type_, hook)
    mapping = _taking(_unchanged, dict)
    converter.register_structure_hook_func(lambda type_: type_ == Mapping[str, Any], mapping)
    converter.register_structure_hook_factory(attrs.has, _model_factory)
    converter.register_structure_hook_factory(_is_tuple, _tuple_factory)
    return converter


def decode(cls: type[_T], value: Any) -> _T:
    """Return an instance of an attrs class, made from a decoded JSON object.

    Raises:
        TypeError: The value is not a JSON object.
    """
    return _converter().structure(value, cls)


def encode(value: Any) -> Any:
    """Return a model as JSON values, with ``extra``, without None and empty collections."""
    if isinstance(value, Model):
        members = {
            wire_name(attribute): encode(member)
            for attribute in attrs.fields(type(value))
            if attribute.name != "extra"
            and (member := getattr(value, attribute.name)) not in (None, (), {})
        }
        return {**members, **value.extra}
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [encode(item) for item in cast("Sequence[Any]", value)]
    return value
