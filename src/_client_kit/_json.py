"""Parse untrusted JSON, and write compact JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Never, TypeGuard

MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""Largest number of values. It limits memory: an empty object takes 2 bytes as JSON, and about 40
times as much in Python."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """The bytes are not acceptable JSON; the message gives the reason without quoting them."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return True if a decoded value is a JSON object."""
    return type(value) is dict


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return True if a decoded value is a JSON list."""
    return type(value) is list


def _refuse_constant(name: str) -> Never:
    message = f"{name} is not JSON"
    raise JsonError(message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        message = "an object names the same member twice"
        raise JsonError(message)
    return value


_decode = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique
).decode


def loads(body: bytes) -> Any:
    """Decode UTF-8 JSON; a byte order mark is allowed, and fractions become ``Decimal``.

    Unpaired surrogates, on which logs and databases fail, become U+FFFD.

    Raises:
        JsonError: The body is not UTF-8 or not JSON, or it has NaN, Infinity, a duplicate member,
            a number too long to convert, over a million values, or more than 64 levels.
    """
    # Each value takes at least two bytes with its separator, so count values in long bodies only.
    if len(body) > 2 * MAX_VALUES and sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        message = f"more than {MAX_VALUES:,} values"
        raise JsonError(message)
    try:
        value = _decode(body.decode("utf-8-sig"))
    except JsonError:
        raise
    except RecursionError:
        reason = _TOO_DEEP
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    except json.JSONDecodeError as error:
        reason = f"not JSON (at character {error.pos})"
    except (ValueError, InvalidOperation):
        reason = "a number is too long to read"
    else:
        # With no more brackets than allowed levels, nesting cannot be too deep.
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
            raise JsonError(_TOO_DEEP)
        return _clean(value) if _SURROGATE.search(body) else value
    raise JsonError(reason)


def _is_deeper(value: Any, levels: int) -> bool:
    """Return True if a value has more than ``levels`` levels of lists and objects."""
    if not is_object(value) and not is_list(value):
        return False
    members: Iterable[Any] = value.values() if is_object(value) else value
    return levels == 0 or any(_is_deeper(member, levels - 1) for member in members)


def _clean(value: Any) -> Any:
    if type(value) is str:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if is_list(value):
        return [_clean(item) for item in value]
    if is_object(value):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def plain(value: object) -> object:
    """Return a ``Decimal`` as a float, for ``json.dumps``.

    Raises:
        TypeError: The value has another type.
        ValueError: A float cannot hold all digits: rounding would change an amount silently.
    """
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} cannot be written as JSON"
        raise TypeError(message)
    number = float(value)
    if not math.isfinite(number) or Decimal(repr(number)) != value:
        message = "a number has too many digits to be written as JSON"
        raise ValueError(message)
    return number


def dumps(value: object, *, default: Callable[[object], object] = plain) -> str:
    """Return compact JSON; ``Decimal`` becomes a number, unpaired surrogates become U+FFFD.

    Raises:
        TypeError: A value has a type that JSON does not have.
        ValueError: JSON cannot hold a number, such as NaN.
    """
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default
    )
    return text if text.isascii() else _LONE.sub("\ufffd", text)
