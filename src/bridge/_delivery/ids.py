"""Which space goes to which company: the arguments of a connection that must be right."""

from __future__ import annotations

import re

from _client_kit._address import check_id
from bridge._errors import configuration_error

__all__ = ["canonical_id", "company_code_of", "of_another_space", "space_id_of", "spellings_of"]

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def space_id_of(given: str) -> str:
    """The space's id: however it is typed, a UUID is one space and one connection.

    Raises:
        ConfigurationError: It is not usable.
    """
    return canonical_id(check_id(given, "space_id", service="bridge"))


def canonical_id(given: str) -> str:
    """An id as it is compared and kept: a UUID is the same in capitals, no other id is."""
    return given.lower() if _UUID.fullmatch(given) else given


def spellings_of(given: str) -> tuple[str, ...]:
    """An id as a service may know it: a UUID in small letters or capitals."""
    if not _UUID.fullmatch(given):
        return (given,)
    return tuple(dict.fromkeys((given, given.lower(), given.upper())))


def of_another_space(named: str | None, space_id: str) -> bool:
    """Whether an entry names a space, and not this one."""
    return bool(named) and canonical_id(str(named)) != space_id


def company_code_of(given: object) -> str:
    """The company's code; a caller without a type checker may give a number.

    Raises:
        ConfigurationError: It is not usable.
    """
    if not isinstance(given, str) or not given.strip():
        raise configuration_error(
            "company_code must be a text such as '0042', with its leading zeros"
        )
    return given.strip()
