"""The data file of ``banqup_client``, and the folder that it gets in a PyInstaller program."""

from pathlib import Path

import banqup_client

datas = [(str(Path(banqup_client.__file__).with_name("contract.json")), "banqup_client")]
