"""The entry points find a Python, install once, and keep standard output clean."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="the scripts need bash")

# A Python as Debian packages it: no ensurepip, and a pip that may only install elsewhere. What pip
# is asked for goes to a file, and it talks on standard output as pip does.
DEBIAN = f"""#!/bin/sh
case "$*" in
  *"-m venv --without-pip"*) exec {sys.executable} "$@" ;;
  *"-m venv"*) mkdir -p .venv-x/bin; echo "ensurepip is not available"; exit 1 ;;
  *"import pip"*) exit 0 ;;
  *"-m pip "*) echo "$@" >> "$LOG"; echo "Collecting things" ;;
  *) exec {sys.executable} "$@" ;;
esac
"""
BROKEN = "#!/bin/sh\necho 'pyenv: python: command not found' >&2; exit 127\n"
OLD = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone with a blank in its path, and a folder for Pythons."""
    clone = tmp_path / "a clone"
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", clone)
    shutil.copy(ROOT / "scripts/_env.sh", clone / "scripts")
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "cat", "dirname", "mkdir", "rm", "sh"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return clone


def provide(project: Path, name: str, text: str) -> Path:
    """Put a program on the path that the scripts see."""
    path = project.parent / "bin" / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def source(project: Path, commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands behind the part that the scripts share, in a nearly empty environment."""
    everything: Mapping[str, str] = {
        "PATH": str(project.parent / "bin"),
        "HOME": str(project.parent),
        "LOG": str(project.parent / "log"),
        **environment,
    }
    return subprocess.run(
        [str(BASH), "-c", f"source scripts/_env.sh; {commands}"],
        cwd=project,
        env=everything,
        capture_output=True,
        text=True,
        check=False,
    )


def test_python_that_does_not_run_is_passed_over(project: Path) -> None:
    """A broken shim and an old Python come first on the path; the one that works is taken."""
    provide(project, "python3.13", BROKEN)
    provide(project, "python3.12", OLD)
    good = provide(project, "python3", DEBIAN)
    found = source(project, "find_python")
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{good}\n", "")


def test_python_named_by_the_caller_is_taken(project: Path) -> None:
    """PYTHON wins over the names on the path."""
    provide(project, "python3.13", DEBIAN)
    named = provide(project, "mine", DEBIAN)
    assert source(project, "find_python", PYTHON="mine").stdout == f"{named}\n"


def test_python_named_by_the_caller_must_suit(project: Path) -> None:
    """A PYTHON that is too old is an error, not a reason to take another."""
    provide(project, "python3.13", DEBIAN)
    provide(project, "mine", OLD)
    found = source(project, "find_python", PYTHON="mine")
    assert (found.returncode, found.stdout) == (1, "")
    assert "PYTHON=mine is not a Python >= 3.11" in found.stderr


def test_environment_is_installed_once(project: Path) -> None:
    """Without ensurepip the outer pip installs; the second time none is asked, until a change."""
    provide(project, "python3.11", DEBIAN)
    log = project.parent / "log"
    first = source(project, "prepare runtime .venv-x; echo ready")
    assert (first.returncode, first.stdout) == (0, "ready\n"), first.stderr
    # One line a step, and none of pip's.
    assert [line.split(" ")[1] for line in first.stderr.splitlines()] == [
        *("made", "installing", "ready")
    ]
    python = project / ".venv-x/bin/python"
    (asked,) = log.read_text(encoding="utf-8").splitlines()
    assert asked.startswith(f"-m pip --python {python} install --no-compile httpx ")
    second = source(project, 'prepare runtime .venv-x; echo "$python"', PATH="/usr/bin:/bin")
    assert (second.stdout, second.stderr) == (f"{python}\n", "")
    assert len(log.read_text(encoding="utf-8").splitlines()) == 1
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert source(project, "prepare runtime .venv-x").returncode == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) == 2


def test_python_without_pip_and_ensurepip_is_named(project: Path) -> None:
    """Where nothing can fill an environment, the error says what to install."""
    provide(project, "python3.11", DEBIAN.replace('"import pip"*) exit 0', '"import pip"*) exit 1'))
    run = source(project, "prepare runtime .venv-x; echo ready")
    assert (run.returncode, run.stdout) == (1, "")
    assert "has neither pip nor ensurepip. On Debian: apt-get install python3-venv" in run.stderr


def test_runtime_environment_imports_the_source(project: Path) -> None:
    """The demo's environment holds the dependencies alone; the packages are those of the clone."""
    (project / "src").mkdir()
    (project / "src/bridge.py").write_text("print('from the clone')", encoding="utf-8")
    provide(project, "python3.11", DEBIAN)
    run = source(project, 'prepare runtime .venv-x; cd /; "$python" -c "import bridge"')
    assert (run.returncode, run.stdout) == (0, "from the clone\n"), run.stderr


def test_failed_installation_is_tried_again(project: Path) -> None:
    """When pip fails the run ends, and the next one does not take the half-made environment."""
    fails = DEBIAN.replace('echo "Collecting things"', 'echo "No such thing"; exit 3')
    provide(project, "python3.11", fails)
    for attempt in (1, 2):
        run = source(project, "prepare dev .venv-x; echo ready")
        assert (run.returncode, run.stdout) == (1, "")
        assert "No such thing\nerror: pip could not install what .venv-x needs" in run.stderr
        asked = (project.parent / "log").read_text(encoding="utf-8").splitlines()
        assert len(asked) == attempt
    assert " --editable=.[" in asked[0]
    assert " pytest >= " in asked[0]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({}, ""),
        ({"PYTHONIOENCODING": "ascii"}, "ascii:replace"),
        ({"PYTHONIOENCODING": "ascii:strict"}, "ascii:strict"),
    ],
)
def test_encoding_without_a_fallback_gets_one(
    project: Path, given: dict[str, str], seen: str
) -> None:
    """A pipe that asked for ASCII gets question marks, not an exception; a choice is kept."""
    run = source(project, 'echo "$PYTHONUTF8 ${PYTHONIOENCODING:-}"', **given)
    assert run.stdout == f"1 {seen}\n"


def test_proxies_never_stand_before_this_machine(project: Path) -> None:
    """Loopback is added to what the caller already excepts, in both spellings."""
    run = source(project, 'echo "$no_proxy $NO_PROXY"', no_proxy="intra.example")
    local = "127.0.0.1,localhost,::1"
    assert run.stdout == f"intra.example,{local} {local}\n"


def test_empty_home_is_none(project: Path) -> None:
    """An empty HOME would put caches at the root of the disk."""
    assert source(project, 'echo "${HOME-none}"', HOME="").stdout == "none\n"


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", ".ci/run"])
def test_entry_point_can_be_run(script: str) -> None:
    """Each is executable and is valid bash."""
    path = ROOT / script
    assert path.stat().st_mode & stat.S_IXUSR
    check = subprocess.run([str(BASH), "-n", str(path)], capture_output=True, check=False)
    assert (check.returncode, check.stderr) == (0, b"")


# A Python in an environment that is complete: mypy finds something, and every other part is well.
FINDS = """#!/bin/sh
case "$*" in
  "- "*) echo the-same ;;
  *"-m mypy"*) seq 1 40; exit 3 ;;
esac
"""


def test_a_run_ends_with_the_last_lines_of_what_failed_and_a_line_per_part(project: Path) -> None:
    """Whoever looks at the end of the output sees why it failed, and what else there was."""
    shutil.copy(ROOT / "scripts/test", project / "scripts")
    for tool in ("mktemp", "rm", "seq", "tail", "tee"):
        (project.parent / "bin" / tool).unlink(missing_ok=True)
        (project.parent / "bin" / tool).symlink_to(str(shutil.which(tool)))
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(FINDS, encoding="utf-8")
    python.chmod(0o755)
    (project / ".venv/.made-from").write_text("the-same\n", encoding="utf-8")
    run = subprocess.run(
        [str(BASH), "scripts/test"],
        cwd=project,
        env={"PATH": str(project.parent / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    why, _, parts = run.stdout.partition("--- mypy ended with\n")[2].partition("\n\n")
    assert why.splitlines() == [str(number) for number in range(16, 41)]
    *each, last = parts.splitlines()
    assert [line.split()[:2] for line in each] == [
        *(["ok", "environment"], ["ok", "lint"], ["ok", "format"], ["ok", "sync"]),
        *(["ok", "tests"], ["FAILED", "mypy"]),
    ]
    assert last.startswith("1 of 6 parts failed")


def test_the_tests_that_are_chosen_by_name_exist() -> None:
    """A moved test is noticed here, and not only where another build of Python is tried."""
    named = re.findall(r"\btests/[\w/.]+", (ROOT / "scripts/test").read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_unknown_argument_is_refused() -> None:
    """A misspelt option ends the run before anything is installed."""
    run = subprocess.run(
        [str(ROOT / "scripts/test"), "--al"],
        env={**os.environ, "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert "unknown argument --al" in run.stderr
