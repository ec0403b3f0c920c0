"""The data file of ``banqup_client`` for a PyInstaller program, and its folder inside it."""

from pathlib import Path

import banqup_client

datas = [(str(Path(banqup_client.__file__).with_name("contract.json")), "banqup_client")]
