"""What is installed, and what it needs."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from email.message import Message
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = "banqup_zenvoices.py"
PACKAGES = ["_client_kit", "_contract_check", "banqup_client", "bridge", "zenvoices_client"]
URLS = "Project-URL"
LINK = re.compile(r"\]\(([^)#][^)]*)\)")


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


def test_program_in_one_file_has_every_file_it_reads() -> None:
    """PyInstaller finds the hooks by the entry point; they name each file that is no module."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    (folder,) = getattr(import_module(module), function)()
    taken: set[tuple[Path, str]] = set()
    for hook in Path(folder).glob("hook-*.py"):
        datas = runpy.run_path(str(hook))["datas"]
        assert {target for _, target in datas} == {hook.stem.removeprefix("hook-")}
        taken |= {(Path(source), target) for source, target in datas}
    read = {
        (file, package)
        for package in PACKAGES
        for file in Path(str(import_module(package).__file__)).parent.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc", ".typed")
    }
    assert taken == read
    assert len(read) == 2


@pytest.mark.parametrize(
    "package",
    [pytest.param(name, marks=() if name == "bridge" else pytest.mark.long) for name in PACKAGES],
)
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
    wanted |= {f"{package}/__init__.py" for package in PACKAGES} | {LAUNCHER}
    found = [f"{name} is missing" for name in sorted(wanted - files)]
    for name in sorted(files):
        top, last = name.split("/")[0], name.split("/")[-1]
        if top not in (*PACKAGES, LAUNCHER) and not top.endswith(".dist-info"):
            found.append(f"{name} belongs to no package of ours")
        elif top in PACKAGES and not last.endswith((".py", "py.typed", ".json")):
            found.append(f"{name} is no code")
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, as a release would upload them."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


def metadata_of(wheel: Path) -> Message:
    """What an index and pip read of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def sources() -> set[str]:
    """Every file under src, without what Python and pip leave there."""
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }


@pytest.mark.long
def test_wheel_holds_the_packages_and_nothing_else(built: Path) -> None:
    """The wheel has every contract and type marker, the licence, and no tests."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    assert contents_faults(files) == []
    assert any(name.endswith("/licenses/LICENSE") for name in files)
    # What is in the source tree and not in the wheel works here and nowhere else.
    assert sources() - set(files) == set()


@pytest.mark.long
def test_source_distribution_builds_the_same_and_holds_no_tests(built: Path) -> None:
    """What a build needs, the documentation and the examples; nothing that was built, no tests."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        files = {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}
    beside = {"PKG-INFO", "LICENSE", "pyproject.toml", ".gitignore"}
    beside |= {path.name for path in ROOT.glob("*.md")}
    assert {f"src/{name}" for name in sources()} - files == set()
    assert {name for name in files if "/" not in name} == beside
    assert {name.partition("/")[0] for name in files if "/" in name} == {"src", "docs", "examples"}
    assert not any("_build" in name for name in files)
    assert {"docs/first-contact.md", "docs/story.ipynb", "examples/process_pool.py"} <= files


@pytest.mark.long
def test_an_index_takes_both(built: Path) -> None:
    """``twine check --strict`` finds the long description whole and able to be shown."""
    files = sorted(str(path) for path in built.iterdir() if path.suffix in (".whl", ".gz"))
    assert len(files) == 2
    run = subprocess.run(
        [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("PASSED") == 2


@pytest.mark.long
def test_metadata_says_what_it_is(built: Path) -> None:
    """Version, dependencies, extras, Pythons, licence and links are what an index shows."""
    (wheel,) = built.glob("*.whl")
    found = metadata_of(wheel)
    assert names(found.get_all("Requires-Dist", [])) == ["attrs", "cattrs", "httpx"]
    assert found["Requires-Python"] == ">=3.11"
    assert found["License-Expression"] == "MIT"
    assert set(found.get_all("Provides-Extra", [])) >= {"progress", "sql", "testing", "yaml"}
    links = {text.partition(", ")[0]: text.partition(", ")[2] for text in found.get_all(URLS, [])}
    # Only what is known: a placeholder would send people, and their reports, to strangers.
    assert links == {"Banqup": "https://www.banqup.com", "Zenvoices": "https://www.zenvoices.com"}
    classifiers = found.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    assert not any("Stable" in text for text in classifiers), "it has not met the real services"


@pytest.mark.long
def test_long_description_is_readme_and_changelog(built: Path) -> None:
    """A reader of the index sees both; a page of the repository is named instead of linked."""
    (wheel,) = built.glob("*.whl")
    text = str(metadata_of(wheel).get_payload())
    assert metadata_of(wheel)["Description-Content-Type"] == "text/markdown"
    assert text.lstrip().startswith("# banqup-zenvoices")
    assert "It has not been run against the real services" in text
    assert "\n# Changelog" in text
    assert [link for link in LINK.findall(text) if not link.startswith("https://")] == []
    assert "First contact (`docs/first-contact.md`) has the ten steps" in " ".join(text.split())


def test_faulty_wheel_is_found() -> None:
    """A missing file, a test and a stray file in a wheel are each named."""
    good = [
        LAUNCHER,
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
