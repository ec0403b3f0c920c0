"""The file that PyInstaller must take along with ``zenvoices_client``, and where to."""

from pathlib import Path

import zenvoices_client

datas = [(str(Path(zenvoices_client.__file__).with_name("contract.json")), "zenvoices_client")]
