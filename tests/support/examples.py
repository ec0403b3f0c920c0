"""The programs in ``examples``, loaded as modules."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge import ConnectionConfig

__all__ = ["EXAMPLES", "load", "write_toml"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(path: str) -> Any:
    """A program as a fresh module of its own name."""
    file = EXAMPLES / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_toml(path: Path, configs: Sequence[ConnectionConfig]) -> Path:
    """A file that ``ConnectionConfig.from_toml`` reads as these configs."""
    lines: list[str] = []
    for config in configs:
        lines.append("[[connection]]")
        lines += [f"{name} = {_toml(value)}" for name, value in config.to_dict().items()]
    path.write_text("\n".join(lines))
    return path


def _toml(value: Any) -> str:
    # A text or a number is written in TOML as it is in JSON, a table of texts nearly so.
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)} = {json.dumps(v)}' for k, v in value.items())}}}"
    return json.dumps(value)
