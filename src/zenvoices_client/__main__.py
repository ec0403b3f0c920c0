"""``python -m zenvoices_client contract``: compare the contract with Zenvoices' OpenAPI file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from _contract_check.command import run
from _contract_check.zenvoices import ZENVOICES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run("zenvoices_client", ZENVOICES, arguments)


if __name__ == "__main__":
    sys.exit(main())
