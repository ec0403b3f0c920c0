"""``python -m zenvoices_client contract``: compare the contract with Zenvoices' OpenAPI file."""

import sys

from _contract_check.command import run
from _contract_check.zenvoices import ZENVOICES

if __name__ == "__main__":
    sys.exit(run("zenvoices_client", ZENVOICES))
