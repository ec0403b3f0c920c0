"""Who could have written a checkpoint file, or put another one in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bridge._checkpoints import failure

__all__ = ["inspect_file", "inspect_folder"]


def inspect_file(path: Path, seen: os.stat_result) -> None:
    """Refuse a file that is a link, or that another user could have written.

    Args:
        path: The file.
        seen: What lstat says of it.
    """
    if not stat.S_ISREG(seen.st_mode):  # lstat: a link is none either
        raise failure(
            f"{path} is a link or not a file",
            hint="Name the checkpoint file itself; what is beside it may be no link either.",
        )
    if os.name == "posix":  # pragma: no branch - Windows has neither owners nor modes
        if seen.st_uid != os.geteuid():
            raise failure(
                f"{path} belongs to another user (id {seen.st_uid})",
                hint="Run as the file's owner, or give the file to this user with chown.",
            )
        if seen.st_mode & 0o022:
            raise failure(
                f"{path} can be changed by other users",
                hint=f"Check its content can be trusted, then: chmod 600 {path}",
            )


def inspect_folder(folder: Path) -> None:
    """Refuse a folder in which another user could put a file in the place of ours."""
    seen = folder.stat()
    if seen.st_uid not in (0, os.geteuid()):
        raise failure(
            f"{folder} belongs to another user (id {seen.st_uid}), who could replace the "
            "checkpoint file",
            hint="Give the directory to this user with chown, or keep the file in another one.",
        )
    # A user's own group may write: where each user has one, that is what a umask of 002 gives.
    open_to_all = seen.st_mode & 0o002
    open_to_group = seen.st_mode & 0o020 and seen.st_gid != os.getegid()
    if (open_to_all or open_to_group) and not seen.st_mode & stat.S_ISVTX:
        raise failure(
            f"{folder} lets {'every user' if open_to_all else 'its group'} replace the "
            "checkpoint file",
            hint="Keep the file in a directory of its own with mode 700.",
        )
