"""``python -m banqup_client contract``: compare the contract with Banqup's OpenAPI file."""

import sys

from _contract_check.banqup import BANQUP
from _contract_check.command import run

if __name__ == "__main__":
    sys.exit(run("banqup_client", BANQUP))
