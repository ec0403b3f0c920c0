"""Hooks for PyInstaller, found by its entry point: they add ``contract.json`` to the program.

Without this file, a program in one file ends at the first client with FileNotFoundError.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Return the folders that hold a ``hook-<package>.py`` for each package with data files."""
    return [str(Path(__file__).parent)]
