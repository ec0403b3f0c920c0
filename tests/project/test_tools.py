"""The tools behind the documentation and the release do what the scripts rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import check_links
import pythons

ROOT = Path(__file__).resolve().parents[2]


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


def program(path: Path, text: str) -> None:
    """A program that answers in place of a Python."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_builds_of_python_are_listed_lowest_first(tmp_path: Path) -> None:
    """Two builds of one version are two; another name of one, a shim that refuses, none."""
    for folder, name, version, build in (
        ("a", "python3.12", "3.12.10", "newest"),
        ("a", "python3", "3.11.2", "of the distribution"),
        ("b", "python3", "3.11.2", "compiled here"),
        ("b", "python3.12", "3.12.9", "middle"),
        ("c", "python", "3.12.9", "middle"),
        ("c", "python3.10", "", "too old"),
        ("c", "python3-config", "3.12.99", "no Python"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / name
        program(path, f"printf '{version}\\t{path}\\t{build}\\n'")
    program(tmp_path / "c/python3.13", "exit 127")
    found = pythons.builds([tmp_path / name for name in ("a", "b", "c", "gone")])
    assert [(version, Path(path).relative_to(tmp_path).as_posix()) for version, path in found] == [
        ("3.11.2", "a/python3"),
        ("3.11.2", "b/python3"),
        ("3.12.9", "b/python3.12"),
        ("3.12.10", "a/python3.12"),
    ]


def test_an_environment_is_no_build_of_python() -> None:
    """What runs the tests is made from a build, and only that one is tested with."""
    assert sys.prefix != sys.base_prefix
    assert pythons.build_of(Path(sys.executable)) is None
