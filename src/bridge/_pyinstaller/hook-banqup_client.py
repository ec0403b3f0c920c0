"""The file that PyInstaller must take along with ``banqup_client``, and where to."""

from pathlib import Path

import banqup_client

datas = [(str(Path(banqup_client.__file__).with_name("contract.json")), "banqup_client")]
