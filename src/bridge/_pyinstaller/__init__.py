"""Hooks for PyInstaller, found by its entry point: a program in one file needs the contracts.

Without them it ends at the first client with FileNotFoundError.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Return the folders that hold a ``hook-<package>.py`` for each package with data files."""
    return [str(Path(__file__).parent)]
