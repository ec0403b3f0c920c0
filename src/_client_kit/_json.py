"""Reading JSON that a stranger wrote."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Never

__all__ = ["MAX_DEPTH", "JsonError", "dumps", "loads"]

MAX_DEPTH = 64

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """The bytes are not JSON we accept; the text says why, without quoting them."""


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
    """Decode UTF-8 JSON, a byte order mark allowed; fractions become ``Decimal``.

    Lone surrogates, which would break later in a log or a database, become U+FFFD.

    Raises:
        JsonError: Not UTF-8, not JSON, NaN or Infinity, a member named twice, a number too long
            to convert, or nested deeper than 64.
    """
    try:
        value = _decode(body.decode("utf-8-sig"))
    except RecursionError:
        message = f"nested deeper than {MAX_DEPTH}"
        raise JsonError(message) from None
    except JsonError:
        raise
    except UnicodeDecodeError:
        message = "not UTF-8 text"
        raise JsonError(message) from None
    except json.JSONDecodeError as error:
        message = f"not JSON (at character {error.pos})"
        raise JsonError(message) from None
    except (ValueError, InvalidOperation):
        message = "a number is too long to read"
        raise JsonError(message) from None
    if _too_deep(value):
        message = f"nested deeper than {MAX_DEPTH}"
        raise JsonError(message)
    return _clean(value) if _SURROGATE.search(body) else value


def _too_deep(value: Any) -> bool:
    """Breadth first, so that depth costs no recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                below.extend(x for x in item.values() if type(x) is dict or type(x) is list)
            elif type(item) is list:
                below.extend(x for x in item if type(x) is dict or type(x) is list)
        if not below:
            return False
        level = below
    return True


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        # The shortest float that reads back the same: JSON has no other way to write a fraction.
        return float(value)
    message = f"{type(value).__name__} cannot be written as JSON"
    raise TypeError(message)


def dumps(value: object, **options: Any) -> str:
    """Compact JSON; ``Decimal`` becomes a number."""
    options.setdefault("default", _plain)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), **options)
