"""Of which kind each setting of a connection's config must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from banqup_client import Environment

__all__ = ["ABOUT", "KINDS", "is_table", "is_tuple"]


def is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _optional(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_variable(value: Any) -> bool:
    # A database's URL, which holds a password, must not be taken for the name of a variable.
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value) is not None


def _is_positive(value: Any) -> bool:
    # True is an int to Python; infinity and NaN are not JSON.
    return type(value) in (int, float) and 0 < value < float("inf")


def _is_patch(value: Any) -> bool:
    return is_table(value) or _is_text(value)


def _are_hosts(value: Any) -> bool:
    return is_tuple(value) and all(map(_is_text, value))


_TEXT = ("a text", _is_text)
_OPTIONAL_TEXT = ("a text", _optional(_is_text))
_PATCH = ("a table or the path of a JSON file", _optional(_is_patch))
_OPTIONAL_FUNCTION = ("a text such as 'package.module:function'", _optional(_is_text))
_SECONDS = ("a positive number of seconds", _is_positive)
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "space_id": _TEXT,
    "company_code": _TEXT,
    "environment": ("an environment", _optional(lambda value: isinstance(value, Environment))),
    "banqup_url": _OPTIONAL_TEXT,
    "zenvoices_url": _TEXT,
    "checkpoint_file": _OPTIONAL_TEXT,
    "checkpoint_url_variable": ("the name of an environment variable", _optional(_is_variable)),
    "banqup_contract": _PATCH,
    "zenvoices_contract": _PATCH,
    "decode_document": _OPTIONAL_FUNCTION,
    "encode_upload": _OPTIONAL_FUNCTION,
    "storage_hosts": ("a list of host names", _optional(_are_hosts)),
    "timeout": _SECONDS,
    "deadline": _SECONDS,
    "in_flight": ("a whole number", lambda value: type(value) is int),
    "on_uncertain": ("'hold' or 'resend'", lambda value: value in ("hold", "resend")),
    "lease_ttl": _SECONDS,
}
ABOUT = {
    "company_code": 'Write it as a text with its leading zeros: "0042" is not 42.',
}
