"""The data file of ``zenvoices_client``, and the folder that it gets in a PyInstaller program."""

from pathlib import Path

import zenvoices_client

datas = [(str(Path(zenvoices_client.__file__).with_name("contract.json")), "zenvoices_client")]
