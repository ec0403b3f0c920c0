"""The data file that a PyInstaller program needs for ``zenvoices_client``, and its folder in it."""

from pathlib import Path

import zenvoices_client

datas = [(str(Path(zenvoices_client.__file__).with_name("contract.json")), "zenvoices_client")]
