"""Who could have written a checkpoint file, or put another one in its place.

Nothing holds a path still between a look at it and SQLite's open. So it must lead only through
folders where nobody but root and this user can change that: what CERT's FIO15-C calls a secure
directory, and what sshd asks of a key file (StrictModes).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bridge._stores.protocol import failure

__all__ = ["inspect_file", "inspect_folders"]

_ROOT = Path("/")


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


def inspect_folders(file: Path) -> None:
    """Refuse a path that another user could make lead elsewhere, or put something beside its end.

    Args:
        file: An absolute path; of the file itself nothing is asked.
    """
    try:
        file.parent.stat()  # a folder that is missing, links that go round in a circle
        folder = _walk(file.parent)
        # Here a sticky bit is not enough: SQLite believes a journal that it finds beside the file.
        _inspect_folder(folder, os.lstat(folder), "put something beside the checkpoint file")
    except OSError as error:
        raise failure(
            f"{file.parent} cannot be looked at: {error.strerror}",
            hint=f"{file.parent} must be a directory that this user can write to.",
        ) from None


def _walk(folder: Path) -> Path:
    """Go to a folder as the system does, from the root and through every link, and look around.

    So each folder and link is known to be trusted before anything is looked up in it.

    Returns:
        The folder, by a path without links.
    """
    place, left = _ROOT, [*reversed(folder.parts)]
    while left:
        part = left.pop()
        if part == "..":
            place = place.parent  # which it is: there are no links in it
            continue
        before, place = place, place / part
        seen = os.lstat(place)
        _inspect_owner(place, seen)
        if stat.S_ISLNK(seen.st_mode):
            left += reversed(place.readlink().parts)
            place = before
        elif not seen.st_mode & stat.S_ISVTX:
            # With the sticky bit, what belongs to root or to us stays where it is.
            _inspect_folder(place, seen, "replace the checkpoint file")
    return place


def _inspect_owner(place: Path, seen: os.stat_result) -> None:
    # Who owns / can replace everything, and is root; but in a user namespace that root outside is
    # shown as "nobody" (65534), as is everybody else outside. Nothing tells these apart, and to
    # refuse them all would leave no path there.
    if seen.st_uid not in (0, os.geteuid(), os.lstat(_ROOT).st_uid):
        raise failure(
            f"{place} belongs to another user (id {seen.st_uid}), who could replace the "
            "checkpoint file",
            hint="Give it to this user with chown, or keep the file in another directory.",
        )


def _inspect_folder(folder: Path, seen: os.stat_result, harm: str) -> None:
    if seen.st_mode & 0o002:
        who = "every user"
    elif seen.st_mode & 0o020 and not _is_nobody_elses(seen.st_gid):
        who = f"its group (id {seen.st_gid})"
    else:
        return
    raise failure(
        f"{folder} lets {who} {harm}",
        hint=f"Keep the file in a directory of its own: mkdir -m 700 {folder / 'checkpoints'}"
        if seen.st_mode & stat.S_ISVTX
        else f"Close it to others (chmod go-w {folder}), or keep the file in another directory.",
    )


def _is_nobody_elses(group: int) -> bool:
    """Whether a group is root's, or ours alone: then it may write, as a umask of 002 lets it.

    Where all users share a group, as "users" or macOS' "staff", ours is theirs too. A container may
    run with a number that is listed nowhere; in group 0, which OpenShift gives it, images list
    accounts of the system.
    """
    import grp  # neither is there on Windows
    import pwd

    if group == 0 or group != os.getegid():
        return group == 0
    users, me = pwd.getpwall(), os.geteuid()
    ours = {user.pw_name for user in users if user.pw_uid == me}
    members = {user.pw_name for user in users if user.pw_gid == group}
    try:
        members.update(grp.getgrgid(group).gr_mem)
    except KeyError:
        return members <= ours
    return bool(members) and members <= ours  # where we are in it unlisted, others may be
