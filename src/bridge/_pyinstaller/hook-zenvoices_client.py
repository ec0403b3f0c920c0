"""The data file that PyInstaller must include with ``zenvoices_client``, and its folder there."""

from pathlib import Path

import zenvoices_client

datas = [(str(Path(zenvoices_client.__file__).with_name("contract.json")), "zenvoices_client")]
