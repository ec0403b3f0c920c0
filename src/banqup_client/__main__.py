"""``python -m banqup_client contract``: compare the contract with Banqup's OpenAPI file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from _contract_check.banqup import BANQUP
from _contract_check.command import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run("banqup_client", BANQUP, arguments)


if __name__ == "__main__":
    sys.exit(main())
