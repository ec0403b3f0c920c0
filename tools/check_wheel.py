#!/usr/bin/env python3
"""Builds the wheel and runs the tests against it, on every supported Python of this machine.

Usage: ``check_wheel.py [--python PATH]... [--] [PYTEST ARGUMENTS]``. Needs hatchling, and pip or a
Python with ensurepip. Each Python keeps an environment of its own in ``.venv-wheel-<version>``.

The tests are copied to a folder that has no ``src`` beside it, so that only what is in the wheel
can be imported; a pass that imports anything else fails. Left out are the parts that look at the
source tree, judge it with type checkers, or take long: see AREAS and LEFT_OUT.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What a user of the wheel relies on. tests/project is about the source tree; tests/harness,
# tests/workers and tests/security simulate whole services for minutes, and the main run has them.
AREAS = ("kit", "banqup", "zenvoices", "bridge", "fakes")
LEFT_OUT = (
    "--ignore=tests/bridge/test_typing.py",
    "--deselect=tests/zenvoices/test_contract.py::test_package_is_completely_typed",
)
COPIED = ("tests", "tools", "docs", "examples", "benchmarks", "pyproject.toml")
# Development tools that no test of these areas imports.
NOT_NEEDED = {
    *("atheris", "basedpyright", "furo", "hatch-fancy-pypi-readme", "hatchling", "ipykernel"),
    *("lxml-stubs", "matplotlib", "mypy", "myst-nb", "nbclient", "pandas", "pandas-stubs", "ruff"),
    *("sphinx", "twine", "ty", "types-pyyaml", "zizmor"),
}
PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); import venv, ssl, sqlite3"
WHERE = """
import importlib, pathlib, sys
for name in ("_client_kit", "banqup_client", "bridge", "zenvoices_client"):
    file = pathlib.Path(importlib.import_module(name).__file__).resolve()
    if not file.is_relative_to(pathlib.Path(sys.prefix).resolve()):
        raise SystemExit(f"{name} is imported from {file}, not from the wheel")
"""


def say(text: str) -> None:
    """Write a line at once, also into a pipe."""
    print(text, flush=True)


def name_of(requirement: str) -> str:
    """The distribution a requirement asks for."""
    name = requirement
    for mark in "[<>=~! ;":
        name = name.split(mark, 1)[0]
    return name.lower()


def needed(project: dict[str, object], group: Sequence[str]) -> list[str]:
    """What the tests need from the development tools, and the extras of the project itself."""
    extras: set[str] = set()
    wanted: list[str] = []
    for requirement in group:
        if name_of(requirement) == project["name"]:
            extras |= set(requirement.partition("[")[2].partition("]")[0].split(","))
        elif name_of(requirement) not in NOT_NEEDED:
            wanted.append(requirement)
    optional = project["optional-dependencies"]
    assert isinstance(optional, dict)
    for extra in sorted(extras):
        wanted += optional[extra]
    dependencies = project["dependencies"]
    assert isinstance(dependencies, list)
    return [*wanted, *dependencies]


def version_of(python: Path) -> str | None:
    """``"3.12"``, or None where the file is no Python that can be used."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def places(version: str) -> Iterable[Path]:
    """Where a Python of a version may be."""
    name = f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder:
            yield Path(folder, name)
    for folder in ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"):
        yield Path(folder, name)
    for versions in (Path("~/.pyenv/versions"), Path("~/.local/share/uv/python")):
        try:
            found = versions.expanduser().glob(f"*/bin/{name}")
        except RuntimeError:  # nobody's home
            continue
        yield from sorted(found, reverse=True)


def find_python(version: str) -> Path | None:
    """A Python of this very version on this machine, if there is one that works."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version == own:
        return Path(sys.executable)
    for path in places(version):
        if path.is_file() and version_of(path) == version:
            return path
    return None


def supported(project: dict[str, object]) -> list[str]:
    """The versions that the classifiers name."""
    classifiers = project["classifiers"]
    assert isinstance(classifiers, list)
    last = [str(text).rpartition(" :: ")[2] for text in classifiers]
    return [text for text in last if text.startswith("3.") and text[2:].isdigit()]


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command; its failure ends the pass."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("PYTHONPATH", None)
    subprocess.run(command, cwd=cwd, env=environment, check=True)


def environment_for(version: str, base: Path, requirements: Sequence[str]) -> Path:
    """A virtual environment with what the tests need, made anew only when that changes."""
    folder = ROOT / f".venv-wheel-{version}"
    python = folder / "bin" / "python"
    mark = folder / ".made-from"
    stamp = hashlib.sha256("\0".join([str(base), *requirements]).encode()).hexdigest()
    if mark.is_file() and mark.read_text() == stamp and version_of(python) == version:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        run(base, "-m", "venv", folder)
        pip: list[str | Path] = [python, "-m", "pip"]
    except subprocess.CalledProcessError:
        # Debian ships Python without ensurepip; its own pip can install into an environment.
        run(base, "-m", "venv", "--clear", "--without-pip", folder)
        pip = [base, "-m", "pip", "--python", python]
    run(*pip, "install", "--quiet", "pip", *requirements)
    mark.write_text(stamp)
    return python


def copy_tests(folder: Path) -> None:
    """Everything the tests look at, but no source."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build")
            )
        else:
            shutil.copy(source, folder)


def test(python: Path, wheel: Path, folder: Path, arguments: Sequence[str]) -> None:
    """One pass: install the wheel, see that it is what is imported, run the tests."""
    run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    run(python, "-P", "-c", WHERE, cwd=folder)
    chosen = [f"tests/{area}" for area in AREAS]
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-m", "not long", "-n", "2"]
    command += ["--dist", "worksteal", "-p", "no:cacheprovider", *LEFT_OUT]
    run(*command, *(arguments or chosen), cwd=folder)


def main() -> int:
    """Test the wheel on each Python, and say how each pass went."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--python", action="append", type=Path, help="test on these only")
    parser.add_argument("arguments", nargs="*", help="for pytest, in place of the areas")
    options = parser.parse_args()
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = needed(data["project"], data["dependency-groups"]["dev"])
    pythons: dict[str, Path | None]
    if options.python:
        pythons = {version_of(path) or str(path): path for path in options.python}
    else:
        pythons = {version: find_python(version) for version in supported(data["project"])}
    outcomes: list[str] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        temporary = Path(name).resolve()
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", temporary / "dist")
        (wheel,) = (temporary / "dist").glob("*.whl")
        for version, base in pythons.items():
            if base is None:
                outcomes.append(f"skipped  Python {version}: none on this machine")
                continue
            started = time.monotonic()
            folder = temporary / version
            folder.mkdir()
            copy_tests(folder)
            say(f"\n{wheel.name} on Python {version} ({base})")
            try:
                test(environment_for(version, base, requirements), wheel, folder, options.arguments)
            except subprocess.CalledProcessError as error:
                failed = True
                outcomes.append(f"FAILED   Python {version}: exit code {error.returncode}")
            else:
                took = time.monotonic() - started
                outcomes.append(f"ok       Python {version}: {took:.0f} s")
    say("\n" + "\n".join(outcomes))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
