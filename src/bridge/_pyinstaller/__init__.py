"""PyInstaller hooks, found by an entry point: they add the ``contract.json`` of each client.

Without that file, a program that PyInstaller has made raises FileNotFoundError when it makes a
client.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Return the folders that hold a ``hook-<package>.py`` for each package with data files."""
    return [str(Path(__file__).parent)]
