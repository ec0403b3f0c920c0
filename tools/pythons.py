#!/usr/bin/env python3
"""Lists the builds of Python >= 3.11 that this machine has, lowest first: ``pythons.py``.

One line each: version, tab, path. Two builds of one version are two: what a distribution compiles
behaves differently from what a person compiles. Needs the standard library alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

# Version, path and name of the build; no version where it is an environment, no release, or free of
# the global lock.
PROBE = """
import sys, sysconfig, venv, ssl, sqlite3
try:
    import pip
except ImportError:
    import ensurepip
unfit = sys.version_info < (3, 11) or sys.version_info.releaselevel != "final"
unfit |= sys.prefix != sys.base_prefix or bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
unfit |= sys.implementation.name != "cpython"
version = "" if unfit else "%d.%d.%d" % sys.version_info[:3]
print(version, sys.executable, sys.version.replace("\\n", " "), sep="\\t")
"""
NAME = re.compile(r"python(3(\.\d+)?)?")


def folders() -> Iterator[Path]:
    """Where programs are: on the path, and in the usual other places."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder:
            yield Path(folder)
    yield from map(Path, ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"))
    for versions in (Path("~/.pyenv/versions"), Path("~/.local/share/uv/python")):
        try:
            yield from sorted(versions.expanduser().glob("*/bin"))
        except RuntimeError:  # nobody's home
            continue


def programs(where: Iterable[Path]) -> Iterator[Path]:
    """What may be a Python, each file once, though several names lead to it."""
    seen: set[Path] = set()
    for folder in where:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            real = path.resolve()
            if NAME.fullmatch(path.name) and real not in seen and real.is_file():
                seen.add(real)
                yield path


def build_of(program: Path) -> tuple[str, str, str] | None:
    """Version, path and name of a build; None where the file is no Python to test with."""
    command: Sequence[str | Path] = [program, "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, *rest = done.stdout.strip("\n").split("\t")
    if done.returncode != 0 or not version or len(rest) != 2:
        return None
    # A shim of a version manager says where the program is that it starts.
    return version, rest[0], rest[1]


def builds(where: Iterable[Path]) -> list[tuple[str, str]]:
    """Version and path of each build, lowest first."""
    found: dict[tuple[str, str], str] = {}
    for program in programs(where):
        build = build_of(program)
        if build is not None:
            version, path, name = build
            found.setdefault((version, name), path)
    named = [(version, path) for (version, _), path in found.items()]
    return sorted(named, key=lambda pair: [int(part) for part in pair[0].split(".")])


def main() -> int:
    """Print the builds; it is an error when there is none."""
    found = builds(folders())
    for version, path in found:
        print(f"{version}\t{path}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
