"""The data file of ``zenvoices_client`` for a PyInstaller program, and its folder inside it."""

from pathlib import Path

import zenvoices_client

datas = [(str(Path(zenvoices_client.__file__).with_name("contract.json")), "zenvoices_client")]
