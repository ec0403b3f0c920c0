"""The wire facts that this client relies on."""

from __future__ import annotations

from functools import cache

from _client_kit._contract import Contract, load_contract

__all__ = ["shipped_contract"]


@cache
def shipped_contract() -> Contract:
    """Return the contract of this package; the file is read once."""
    return load_contract("banqup_client")
