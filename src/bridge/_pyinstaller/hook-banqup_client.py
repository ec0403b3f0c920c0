"""The data file that a PyInstaller program needs for ``banqup_client``, and its folder in it."""

from pathlib import Path

import banqup_client

datas = [(str(Path(banqup_client.__file__).with_name("contract.json")), "banqup_client")]
