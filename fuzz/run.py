"""Run one target under atheris: ``python fuzz/run.py ubl [libFuzzer arguments]``."""

from __future__ import annotations

import logging
import sys
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import atheris

FOLDER = Path(__file__).resolve().parent.parent / ".fuzz"


def main(name: str, given: list[str]) -> None:
    """Fuzz until told to stop; what is learned and what is found go to ``.fuzz``."""
    # Its only log line is not what is looked at, and costs more than a call.
    logging.getLogger("httpx").disabled = True
    with atheris.instrument_imports(
        include=["_client_kit", "banqup_client", "zenvoices_client", "bridge", f"fuzz_{name}"]
    ):
        module = import_module(f"fuzz_{name}")
    learned = FOLDER / name
    learned.mkdir(parents=True, exist_ok=True)
    for seed in module.seeds():
        (learned / f"seed-{sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    repeated = any(Path(argument).is_file() for argument in given)
    arguments = [
        sys.argv[0],
        f"-artifact_prefix={FOLDER}/",
        "-max_len=32768",
        "-rss_limit_mb=1024",
        "-timeout=20",
        "-print_final_stats=1",
        *given,
        *([] if repeated else [str(learned)]),
    ]
    atheris.Setup(arguments, module.target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
