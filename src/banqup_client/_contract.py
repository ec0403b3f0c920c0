"""The wire facts this client relies on."""

from __future__ import annotations

from functools import cache

from _client_kit._contract import Contract, load_contract

__all__ = ["shipped_contract"]


@cache
def shipped_contract() -> Contract:
    """The contract this package ships, read once."""
    return load_contract("banqup_client")
