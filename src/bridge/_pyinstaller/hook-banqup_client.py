"""The data file that PyInstaller must include with ``banqup_client``, and its folder there."""

from pathlib import Path

import banqup_client

datas = [(str(Path(banqup_client.__file__).with_name("contract.json")), "banqup_client")]
