"""The tools behind the documentation and the release do what the scripts rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import check_links
import check_wheel

ROOT = Path(__file__).resolve().parents[2]
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """A missing page, file or anchor is named with its page; other sites are not asked."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top"></h1><a href="#top"></a><a href="sub/b.html#here"></a><a href="gone.html">'
        '<a href="sub/b.html#no"></a><img src="x.png"><a href="https://x.test/"></a>',
        encoding="utf-8",
    )
    (tmp_path / "sub/b.html").write_text('<p id="here"><a href="../index.html">', encoding="utf-8")
    assert check_links.broken(tmp_path) == [
        "index.html: gone.html",
        "index.html: sub/b.html#no",
        "index.html: x.png",
    ]


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    """A check that looked at nothing is no success."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "check_links.py", tmp_path],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2


def test_the_wheel_is_tested_with_what_the_tests_import() -> None:
    """Extras of the project are resolved; type checkers and tools of the build are left out."""
    project: dict[str, object] = {
        "name": "thing",
        "dependencies": ["httpx >= 0.28"],
        "optional-dependencies": {"sql": ["SQLAlchemy >= 2"], "other": ["nothing"]},
    }
    group = ["thing[sql]", "mypy >= 1", "pytest >= 8", "types-PyYAML >= 6", "lxml >= 5"]
    assert check_wheel.needed(project, group) == [
        *("pytest >= 8", "lxml >= 5", "SQLAlchemy >= 2", "httpx >= 0.28")
    ]


def test_the_pythons_are_those_of_the_classifiers() -> None:
    """ "Only" and the major version are no versions to look for."""
    names = ("3 :: Only", "3", "3.11", "3.13")
    classifiers = [f"Programming Language :: Python :: {name}" for name in names]
    assert check_wheel.supported({"classifiers": [*classifiers, "Typing :: Typed"]}) == [
        *("3.11", "3.13")
    ]


def test_the_running_python_is_always_found() -> None:
    """The Python that runs the tool is taken for its own version."""
    assert check_wheel.find_python(OWN) == Path(sys.executable)


def test_a_python_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim that refuses to run is no Python, and neither is one of another version."""
    for version, text in {
        "3.98": "#!/bin/sh\nexit 127\n",
        "3.99": "#!/bin/sh\necho 3.97\n",
    }.items():
        program = tmp_path / f"python{version}"
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_wheel.find_python("3.98") is None
    assert check_wheel.find_python("3.99") is None
    (tmp_path / "python3.99").write_text("#!/bin/sh\necho 3.99\n", encoding="utf-8")
    assert check_wheel.find_python("3.99") == tmp_path / "python3.99"


def test_what_would_hide_a_missing_file_is_not_copied(tmp_path: Path) -> None:
    """The tests of the wheel run beside no source."""
    assert "src" not in check_wheel.COPIED
    assert check_wheel.version_of(tmp_path / "python") is None
