"""Check the ids and options with which a connection is made."""

from __future__ import annotations

import re

from _client_kit._address import check_id
from bridge._errors import configuration_error

__all__ = ["canonical_id", "check_options", "company_code_of", "of_another_space", "space_id_of"]

MAX_IN_FLIGHT = 32
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def space_id_of(given: str) -> str:
    """Return the space's id in its canonical form.

    Without this, one space typed in two ways would be two connections, and be sent twice.

    Raises:
        ConfigurationError: The id is not usable.
    """
    return canonical_id(check_id(given, "space_id", service="bridge"))


def canonical_id(given: str) -> str:
    """Return the form of an id to compare and store: a UUID in lower case, else unchanged."""
    return given.lower() if _UUID.fullmatch(given) else given


def of_another_space(named: str | None, space_id: str) -> bool:
    """Return True if a listed entry names a space other than `space_id`."""
    return bool(named) and canonical_id(str(named)) != space_id


def company_code_of(given: object) -> str:
    """Return the company's code; a number is refused, because it has lost its leading zeros.

    Raises:
        ConfigurationError: The code is not usable.
    """
    if not isinstance(given, str) or not given.strip():
        raise configuration_error(
            "company_code must be a text such as '0042', with its leading zeros"
        )
    return given.strip()


def check_options(
    checkpoints: object, in_flight: int, on_uncertain: str, lease_ttl: float, upload_deadline: float
) -> None:
    """Refuse options with which a run could not work.

    Raises:
        ConfigurationError: An option is not usable; the message names the option and the reason.
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
    if not lease_ttl >= 2 * upload_deadline:  # written this way, NaN is refused
        raise configuration_error(
            f"lease_ttl ({lease_ttl:g} s) must be at least twice the Zenvoices client's "
            f"deadline ({upload_deadline:g} s)"
        )
