"""A real PostgreSQL server of the tests' own, in a temporary directory, on a socket only."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

__all__ = ["NoPostgresError", "postgres"]


class NoPostgresError(Exception):
    """Why there is no server to test with."""


def _programs() -> Path:
    found = shutil.which("initdb")
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in [*([Path(found).resolve().parent] if found else []), *homes]:
        if all((home / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return home
    raise NoPostgresError("PostgreSQL is not installed here (Debian: apt-get install postgresql)")


def _user() -> tuple[int | None, tuple[str, ...]]:
    """The user to run as, and what to start the programs through: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None, ()
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name).pw_uid
            # initdb cannot do without it, and some containers give it to root alone: then the
            # server runs as root under another number.
            if stat.S_IMODE(Path(os.devnull).stat().st_mode) & 0o006 == 0o006:
                return user, ()
            return None, ("unshare", f"--map-user={user}", f"--map-group={user}", "--")
    raise NoPostgresError("PostgreSQL does not run as root, and there is no other user here")


@contextlib.contextmanager
def postgres() -> Generator[str, None, None]:
    """Start a server; give SQLAlchemy's URL of an empty database; stop it and remove it.

    Raises:
        NoPostgresError: There is none to be had here.
    """
    programs, (user, through) = _programs(), _user()
    # Not pytest's own directory: its parents are closed to other users, and its name is too long
    # for a socket.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if user is not None:
            os.chown(home, user, -1)
        data, log = home / "data", home / "log"

        def run(*command: str) -> None:
            done = subprocess.run(
                [*through, str(programs / command[0]), *command[1:]],
                user=user,
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
            if done.returncode:
                said = log.read_text() if log.exists() else ""
                why = f"{done.stderr.strip()} {said}".strip().splitlines()[-1:]
                raise NoPostgresError(f"{command[0]} failed: {''.join(why)}")

        # A language's own order, not C: ids must be ordered by code point in any database.
        run("initdb", "-D", str(data), "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {home} -c listen_addresses='' -c max_connections=200"
        run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={home}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
