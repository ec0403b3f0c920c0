"""Nobody but root and the user can put a checkpoint file, or what SQLite keeps by it, in place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from _client_kit._errors import StoreError
from bridge._stores import file_owner as _file_owner
from bridge._stores import sqlite_file as _sqlite_file
from bridge._stores.sqlite import SQLiteCheckpoints

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners are those of POSIX")
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be: two folders of the user's own lead to it."""
    folder = tmp_path / "above" / "folder"
    folder.mkdir(parents=True)
    for ours in (folder, folder.parent):
        ours.chmod(0o755)
    return folder / "exports.db"


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The system's users and groups as the test has them: the user's own group is its own."""
    user = SimpleNamespace(pw_name="me", pw_uid=os.geteuid(), pw_gid=5000)
    found = SimpleNamespace(users=[user], groups={5000: SimpleNamespace(gr_mem=["me"])})
    monkeypatch.setattr(os, "getegid", lambda: 5000)
    monkeypatch.setattr("pwd.getpwall", lambda: found.users)
    monkeypatch.setattr("grp.getgrgid", found.groups.__getitem__)
    return found


def filled(path: Path, head: str = "ours") -> bytes:
    """Write a file, and give the whole of it."""
    with SQLiteCheckpoints(path) as store:
        lease = store.acquire("k", "worker", 600)
        assert lease is not None
        store.commit(lease, head=head, ttl=600)
        store.release(lease)
    return path.read_bytes()


def head(path: Path) -> str | None:
    """What a run would begin with."""
    with SQLiteCheckpoints(path) as store:
        return store.head("k")


def owned(monkeypatch: pytest.MonkeyPatch, *paths: Path, **other: int) -> None:
    """Make files or folders look as if they belonged to another user or group."""
    for name in ("stat", "lstat"):
        asked = getattr(os, name)

        def answer(
            what: Any, *rest: Any, asked: Callable[..., os.stat_result] = asked, **options: Any
        ) -> os.stat_result:
            seen = asked(what, *rest, **options)
            if what not in paths:
                return seen
            fields = list(seen[:10])
            fields[4], fields[5] = other.get("user", seen.st_uid), other.get("group", seen.st_gid)
            return os.stat_result(fields)

        monkeypatch.setattr(os, name, answer)


# -- the folder of the file ------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_where_others_may_replace_the_file_is_refused(path: Path, there: bool) -> None:
    """A directory that every user can write to is refused, and the remedy is one."""
    if there:
        filled(path)
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match=r"folder lets every user replace .*chmod go-w /"):
        head(path)
    assert path.exists() is there
    path.parent.chmod(0o755)
    head(path)


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_where_others_may_add_a_file_is_refused(path: Path, there: bool) -> None:
    """A sticky bit, as of /tmp, keeps the file but not what is put beside it; the remedy works."""
    if there:
        filled(path)
    path.parent.chmod(0o1777)
    with pytest.raises(
        StoreError, match=r"folder lets every user put .*: mkdir -m 700 /"
    ) as caught:
        head(path)
    assert path.exists() is there
    own = Path(str(caught.value).rpartition(" ")[2])
    own.mkdir(0o700)
    assert filled(own / path.name)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(("mode", "harm"), [(0o775, "replace"), (0o1775, "put something beside")])
def test_a_directory_a_group_may_change_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, mode: int, harm: str
) -> None:
    """Unless the group is the user's own, as where a umask of 002 is usual."""
    if there:
        filled(path)
    path.parent.chmod(mode)
    group = os.getegid() + 1
    with monkeypatch.context() as patch:
        owned(patch, path.parent, group=group)
        with pytest.raises(StoreError, match=rf"its group \(id {group}\) {harm} "):
            head(path)
    assert path.exists() is there
    owned(monkeypatch, path.parent, group=os.getegid())
    head(path)


@pytest.mark.parametrize("other", ["primary", "named", "unlisted"])
def test_a_group_that_others_are_in_too_is_not_the_users_own(
    path: Path, lists: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Where users share a primary group, what it may write to is open to all of them."""
    if other == "primary":
        lists.users.append(SimpleNamespace(pw_name="her", pw_uid=os.geteuid() + 1, pw_gid=5000))
    elif other == "named":
        lists.groups[5000].gr_mem.append("her")
    else:  # and so are we
        lists.users.clear()
        lists.groups[5000].gr_mem.clear()
    path.parent.chmod(0o775)
    owned(monkeypatch, path.parent, group=5000)
    with pytest.raises(StoreError, match=r"its group \(id 5000\) replace"):
        head(path)


def test_another_name_of_the_user_is_nobody_else(
    path: Path, lists: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts of an account is its number, as of "root" and "toor"."""
    lists.users.append(SimpleNamespace(pw_name="also", pw_uid=os.geteuid(), pw_gid=5000))
    lists.groups[5000].gr_mem.append("also")
    path.parent.chmod(0o775)
    owned(monkeypatch, path.parent, group=5000)
    assert filled(path)


@pytest.mark.parametrize("group", [0, 5000])
def test_a_container_may_run_as_nobody_that_is_listed(
    path: Path, lists: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    """With any number, in a group of its own or in that of root, as OpenShift has it."""
    lists.users[:] = [SimpleNamespace(pw_name="sync", pw_uid=os.geteuid() + 5, pw_gid=0)]
    lists.groups.clear()
    path.parent.chmod(0o775)
    owned(monkeypatch, path.parent, group=group)
    assert filled(path)


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_of_another_user_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Its owner could replace the file; root may own it."""
    if there:
        filled(path)
    with monkeypatch.context() as patch:
        owned(patch, path.parent, user=os.geteuid() + 1)
        with pytest.raises(StoreError, match=r"another user .* chown, or keep"):
            head(path)
    assert path.exists() is there
    owned(monkeypatch, path.parent, user=0)
    head(path)


# -- the folders above -----------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_above_that_others_may_change_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Whoever can rename the folder can replace the file, so each one above is looked at."""
    if there:
        filled(path)
    for above in (path.parents[1], path.parents[2]):
        before = above.stat().st_mode
        above.chmod(0o777)
        with pytest.raises(StoreError, match=rf"{above} lets every user .*chmod go-w {above}\)"):
            head(path)
        above.chmod(0o775)
        with monkeypatch.context() as patch:
            owned(patch, above, group=os.getegid() + 1)
            with pytest.raises(StoreError, match=rf"{above} lets its group .*chmod go-w"):
                head(path)
        above.chmod(before)
    assert path.exists() is there
    head(path)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_above_of_another_user_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Its owner can rename what is in it, sticky bit or not."""
    if there:
        filled(path)
    for above in (path.parents[1], path.parents[2]):
        before = above.stat().st_mode
        for mode in (0o755, 0o1777):
            above.chmod(mode)
            with monkeypatch.context() as patch:
                owned(patch, above, user=os.geteuid() + 1)
                with pytest.raises(StoreError, match=rf"{above} belongs to another user"):
                    head(path)
        above.chmod(before)
    assert path.exists() is there


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives a file away")
def test_a_folder_above_that_was_given_away_is_refused(path: Path) -> None:
    """As above, with a folder that does belong to another user."""
    filled(path)
    os.chown(path.parents[1], NOBODY, -1)
    with pytest.raises(StoreError, match=r"above belongs to another user \(id 65534\)"):
        head(path)
    os.chown(path.parents[1], 0, -1)
    assert head(path) == "ours"


@pytest.mark.parametrize("mode", [0o1777, 0o775, 0o755, 0o711, 0o700])
@pytest.mark.parametrize("user", [0, None])
def test_the_usual_folders_will_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, user: int | None
) -> None:
    """A private folder in /tmp, one with the user's own group, one below what belongs to root."""
    above = path.parents[1]
    above.chmod(mode)
    owned(monkeypatch, above, user=os.geteuid() if user is None else user, group=os.getegid())
    filled(path)
    assert head(path) == "ours"


def test_a_root_that_is_not_known_here_is_root(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a user namespace, / may be shown as nobody's, as all outside are; else it is a user."""
    filled(path)
    owned(monkeypatch, path.parents[1], user=NOBODY)
    with pytest.raises(StoreError, match="another user"):
        head(path)
    owned(monkeypatch, Path("/"), user=NOBODY)
    assert head(path) == "ours"


def test_a_relative_path_is_meant_where_it_was_given(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going to another directory afterwards changes neither the file nor what is looked at."""
    filled(path)
    monkeypatch.chdir(path.parent)
    with SQLiteCheckpoints(path.name) as store:
        monkeypatch.chdir(tmp_path)
        assert store.head("k") == "ours"
        store.close()
        path.parents[1].chmod(0o777)
        with pytest.raises(StoreError, match="above lets every user"):
            store.head("k")


def test_what_leads_back_up_is_looked_at_where_it_ends(path: Path) -> None:
    """Behind "..", the folder of the file is the one above."""
    path.parents[1].chmod(0o1777)
    with pytest.raises(StoreError, match="above lets every user put"):
        head(path.parent / ".." / path.name)
    path.parents[1].chmod(0o755)
    assert filled(path.parent / ".." / path.name) == (path.parents[1] / path.name).read_bytes()


# -- links -----------------------------------------------------------------------------------------


@pytest.fixture(params=["absolute", "relative", "two"])
def link(request: pytest.FixtureRequest, path: Path, tmp_path: Path) -> Path:
    """A link to the folder of the file, from a folder beside those that lead to it."""
    place = tmp_path / "links"
    place.mkdir(0o755)
    link = place / "link"
    if request.param == "two":
        link.symlink_to("other")
        link = place / "other"
    link.symlink_to("../above/folder" if request.param == "relative" else path.parent)
    return place / "link"


def test_a_folder_may_be_reached_through_a_link(path: Path, link: Path) -> None:
    """A link that only root or the user can set is as good as a folder, in /tmp too."""
    filled(link / path.name)
    assert head(path) == "ours"
    link.parent.chmod(0o1777)
    assert head(link / path.name) == "ours"


def test_a_link_that_others_may_set_is_refused(
    path: Path, link: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a folder that others can change, nor another user's, as somebody puts in /tmp."""
    filled(path)
    link.parent.chmod(0o777)
    with pytest.raises(StoreError, match="links lets every user replace"):
        head(link / path.name)
    link.parent.chmod(0o1777)
    owned(monkeypatch, link, user=os.geteuid() + 1)
    with pytest.raises(StoreError, match="link belongs to another user"):
        head(link / path.name)
    assert head(path) == "ours"


def test_a_links_target_is_looked_at_too(path: Path, link: Path) -> None:
    """What leads to the folder counts, and the folder, however the link is kept."""
    filled(path)
    path.parents[1].chmod(0o777)
    with pytest.raises(StoreError, match="above lets every user replace"):
        head(link / path.name)
    path.parents[1].chmod(0o755)
    path.parent.chmod(0o1777)
    with pytest.raises(StoreError, match="folder lets every user put"):
        head(link / path.name)


def test_a_link_set_elsewhere_while_in_use_is_noticed(
    path: Path, link: Path, tmp_path: Path
) -> None:
    """Then nothing is written: neither to the file that was meant, nor to the other one."""
    filled(path)
    other = tmp_path / "copy"
    other.mkdir(0o755)
    before = filled(other / path.name, "other")
    with SQLiteCheckpoints(link / path.name) as store:
        lease = store.acquire("k", "worker", 600)
        assert lease is not None
        link.unlink()
        link.symlink_to(other)
        with pytest.raises(StoreError, match="removed or replaced"):
            store.commit(lease, head="lost", ttl=600)
    assert head(path) == "ours"
    assert (other / path.name).read_bytes() == before


def test_links_in_a_circle_are_named(path: Path, tmp_path: Path) -> None:
    """The error is one of the store's, with the system's reason."""
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(StoreError, match=r"circle cannot be looked at: .*must be a directory"):
        head(tmp_path / "circle" / path.name)


# -- beside the file -------------------------------------------------------------------------------


def forged(place: Path, tail: str) -> bytes:
    """A log, or a journal of what is to be undone, that brings a head of somebody else's."""
    path = place / "forged.db"
    filled(path, "forged")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        if tail == "-wal":
            file.execute("VACUUM")  # writes all of the file anew, into the log
        else:
            file.execute("PRAGMA journal_mode = DELETE")
            # Without a wait for the disk, a journal counts as soon as it is written.
            file.execute("PRAGMA synchronous = OFF")
            file.execute("BEGIN")
            file.execute("UPDATE connection SET head = NULL")
        return path.with_name(path.name + tail).read_bytes()


@pytest.mark.parametrize("tail", ["-wal", "-journal"])
def test_a_forged_journal_is_never_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    """Where others could put one beside the file, even at the last moment, SQLite opens nothing."""
    journal = forged(tmp_path, tail)
    before = filled(path)
    beside = path.with_name(path.name + tail)
    opened = _sqlite_file._Handle.open

    def plant(handle: Any, *args: Any) -> Any:
        beside.touch(0o600)
        beside.write_bytes(journal)
        return opened(handle, *args)

    monkeypatch.setattr(_sqlite_file._Handle, "open", plant)
    path.parent.chmod(0o1777)
    with pytest.raises(StoreError, match="every user put something beside"):
        head(path)
    assert not beside.exists()
    assert path.read_bytes() == before

    def trust(*_: object) -> None:
        pass

    # What it would have done: this is why the folder counts.
    monkeypatch.setattr(_file_owner, "_inspect_folder", trust)
    assert head(path) == "forged"


@pytest.mark.parametrize("tail", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("fault", ["link", "mode", "owner"])
def test_what_is_beside_the_file_is_looked_at_too(
    path: Path, monkeypatch: pytest.MonkeyPatch, tail: str, fault: str
) -> None:
    """A log from a time when others could write there is not read, nor is it written to."""
    before = filled(path)
    beside = path.with_name(path.name + tail)
    target = path.with_name("nowhere")
    if fault == "link":
        beside.symlink_to(target)
    else:
        beside.touch(0o600)
    if fault == "mode":
        beside.chmod(0o606)
    if fault == "owner":
        owned(monkeypatch, beside, user=os.geteuid() + 1)
    with pytest.raises(StoreError, match=f"exports.db{tail} (is a link|can be|belongs)"):
        head(path)
    assert path.read_bytes() == before
    assert not target.exists()


def test_what_is_put_beside_the_file_while_it_is_opened_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite keeps there is looked at again once the file is open."""
    filled(path)
    opened = _sqlite_file._Handle.open

    def plant(handle: Any, *args: Any) -> Any:
        path.with_name("exports.db-journal").symlink_to("elsewhere")
        return opened(handle, *args)

    monkeypatch.setattr(_sqlite_file._Handle, "open", plant)
    with pytest.raises(StoreError, match="db-journal"):
        head(path)
