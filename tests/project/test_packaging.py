"""What is installed, and what it needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["_client_kit", "banqup_client", "bridge", "zenvoices_client"]


def names(requirements: Iterable[str]) -> list[str]:
    """The distributions that requirement texts ask for, without those of extras."""
    return sorted(
        re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0].lower()
        for text in requirements
        if "extra ==" not in text
    )


def test_runtime_dependencies_are_three() -> None:
    """Nothing but httpx, attrs and cattrs is needed to run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert names(project["dependencies"]) == ["attrs", "cattrs", "httpx"]
    assert "dependencies" not in project.get("dynamic", [])


def test_fourth_dependency_would_be_seen() -> None:
    """Versions, markers and extras do not hide a requirement's name."""
    texts = ["httpx[http2]>=1; python_version > '3'", "Orjson (>=3)", "tqdm; extra == 'progress'"]
    assert names(texts) == ["httpx", "orjson"]


@pytest.mark.parametrize("package", PACKAGES)
def test_import_raises_no_warning(package: str) -> None:
    """A fresh interpreter that takes warnings as errors imports each package, silently."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {package}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def contents_faults(files: Iterable[str]) -> list[str]:
    """What a wheel's list of files lacks, and what it should not have."""
    files = set(files)
    wanted = {f"{package}/py.typed" for package in PACKAGES}
    wanted |= {f"{client}/contract.json" for client in ("banqup_client", "zenvoices_client")}
    wanted |= {f"{package}/__init__.py" for package in PACKAGES}
    found = [f"{name} is missing" for name in sorted(wanted - files)]
    for name in sorted(files):
        top, *_, last = name.split("/")
        if top not in PACKAGES and not top.endswith(".dist-info"):
            found.append(f"{name} belongs to no package of ours")
        elif top in PACKAGES and not last.endswith((".py", "py.typed", ".json")):
            found.append(f"{name} is no code")
    return found


@pytest.mark.long
def test_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    """The wheel that pip would build has every contract and type marker, the licence, no tests."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
        (metadata,) = (name for name in files if name.endswith(".dist-info/METADATA"))
        required = re.findall(r"(?m)^Requires-Dist: (.+)$", archive.read(metadata).decode())
    assert contents_faults(files) == []
    assert any(name.endswith("/licenses/LICENSE") for name in files)
    assert names(required) == ["attrs", "cattrs", "httpx"]
    # What is in the source tree and not in the wheel works here and nowhere else.
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    assert sources - set(files) == set()


def test_faulty_wheel_is_found() -> None:
    """A missing file, a test and a stray file in a wheel are each named."""
    good = [
        *(f"{package}/{name}" for package in PACKAGES for name in ("__init__.py", "py.typed")),
        "banqup_client/contract.json",
        "zenvoices_client/contract.json",
        "banqup_zenvoices-1.dist-info/METADATA",
    ]
    assert contents_faults(good) == []
    bad = {*good, "tests/test_a.py", "bridge/exports.db"} - {"banqup_client/contract.json"}
    assert contents_faults(bad) == [
        "banqup_client/contract.json is missing",
        "bridge/exports.db is no code",
        "tests/test_a.py belongs to no package of ours",
    ]
