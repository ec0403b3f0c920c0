"""Which space goes to which company: the arguments of a connection that must be right."""

from __future__ import annotations

import re

from _client_kit._address import check_id
from bridge._errors import configuration_error

__all__ = ["canonical_id", "check_options", "company_code_of", "of_another_space", "space_id_of"]

MAX_IN_FLIGHT = 32
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


def check_options(
    checkpoints: object, in_flight: int, on_uncertain: str, lease_ttl: float, upload_deadline: float
) -> None:
    """Refuse what a run could not work with.

    Raises:
        ConfigurationError: The message says which and why.
    """
    if not all(hasattr(checkpoints, name) for name in ("acquire", "commit", "head", "select")):
        raise configuration_error(
            f"checkpoints must be a store, not {type(checkpoints).__name__}",
            "Pass one such as SQLiteCheckpoints('exports.db').",
        )
    if not 1 <= in_flight <= MAX_IN_FLIGHT:
        raise configuration_error(f"in_flight must be 1 to {MAX_IN_FLIGHT}, not {in_flight}")
    if on_uncertain not in ("hold", "resend"):
        raise configuration_error("on_uncertain must be 'hold' or 'resend'")
    if not lease_ttl >= 2 * upload_deadline:  # nor is NaN a number of seconds
        raise configuration_error(
            f"lease_ttl ({lease_ttl:g} s) must be at least twice the Zenvoices client's "
            f"deadline ({upload_deadline:g} s)"
        )
