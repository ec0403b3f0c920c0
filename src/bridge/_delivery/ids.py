"""Check and normalise the ids of spaces, companies and documents."""

from __future__ import annotations

import re

from _client_kit._address import check_id
from _client_kit._errors import ConfigurationError
from _client_kit._text import Text
from bridge._errors import configuration_error

__all__ = [
    "canonical_id",
    "check_space_id",
    "company_code_of",
    "of_another_space",
    "space_id_of",
    "spellings_of",
]

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def check_space_id(given: object, name: str, *, service: str) -> str:
    """Return the id of a space; refuse its name, and the address of its page.

    Raises:
        ConfigurationError: The id is not usable.
    """
    try:
        return check_id(given, name, service=service)
    except ConfigurationError as error:
        text = str(given)
        if _UUID.search(text) and "/" not in text:  # an id with a character too many
            raise
        hint = Text(
            "hint_space_id",
            "Give the id of the space, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, and not its "
            "name or its address: banqup-zenvoices pairs lists the ids (in Python: spaces.list()).",
        )
        raise configuration_error(error.message, hint) from None


def space_id_of(given: str) -> str:
    """Return the space's id in its canonical form.

    Without this, one space typed in two ways would be two connections, and each document would be
    sent twice.

    Raises:
        ConfigurationError: The id is not usable.
    """
    return canonical_id(check_space_id(given, "space_id", service="bridge"))


def canonical_id(given: str) -> str:
    """Return the form of an id to compare and store: a UUID in lower case, else unchanged."""
    return given.lower() if _UUID.fullmatch(given) else given


def spellings_of(given: str) -> tuple[str, ...]:
    """Return the spellings of an id to try in calls: as given; a UUID in both cases, too."""
    if not _UUID.fullmatch(given):
        return (given,)
    return tuple(dict.fromkeys((given, given.lower(), given.upper())))


def of_another_space(named: str | None, space_id: str) -> bool:
    """Return True if an entry of a list names a space, and it is another than `space_id`.

    Args:
        named: The id of the space in the entry, in any spelling; None if it names no space.
        space_id: The id of the connection's space, in canonical form.
    """
    return bool(named) and canonical_id(str(named)) != space_id


def company_code_of(given: object) -> str:
    """Return the company's code without white space around it.

    A number is refused, because it has lost the leading zeros of the code.

    Raises:
        ConfigurationError: The code is not usable.
    """
    if not isinstance(given, str) or not given.strip():
        raise configuration_error(
            "company_code must be a text such as '0042', with its leading zeros"
        )
    return given.strip()
