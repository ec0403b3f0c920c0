"""``python -m bridge``: the same as the command ``banqup-zenvoices``."""

import sys

from banqup_zenvoices import main

if __name__ == "__main__":
    sys.exit(main())
