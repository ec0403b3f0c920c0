"""Hooks for PyInstaller, which finds them by an entry point: they add each ``contract.json``.

Without that file, a program that PyInstaller has made raises FileNotFoundError at its first client.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Return the folders that hold a ``hook-<package>.py`` for each package with data files."""
    return [str(Path(__file__).parent)]
