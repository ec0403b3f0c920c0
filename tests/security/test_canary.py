"""The canary run finds a leak of every kind, fails for it, and finds none where there is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.canary import Watch, watch, worth

SUITE = Path(__file__).with_name("leaky_suite.py")
TESTS = SUITE.parents[1]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the leaky suite with the plugin."""
    target = folder / "test_leaky.py"
    target.write_bytes(SUITE.read_bytes())
    command = [sys.executable, "-m", "pytest", "-p", "support.canary", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-q", "-rA", "--rootdir", str(folder), *options, str(target)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        timeout=300,
    )


@pytest.mark.leaks("the output of the inner runs is full of leaks")
@pytest.mark.parametrize("options", [(), pytest.param(("-n", "2"), marks=pytest.mark.long)])
def test_every_kind_of_leak_is_found(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Each leaky test is failed by the plugin, no clean one is, and so the run fails."""
    ended = run(tmp_path, *options)
    assert ended.returncode == 1, ended.stdout[-3000:]
    # The plugin speaks when a test is over: an error beside the test's own outcome.
    passed, failed = (
        set(re.findall(rf"^(?:{how}) \S*::(\S+)", ended.stdout, re.MULTILINE))
        for how in ("PASSED", "ERROR|FAILED")
    )
    leaky = {name for name in passed if name.startswith("test_leak")}
    assert len(leaky) >= 40
    assert failed == leaky


@pytest.mark.leaks("the output of the inner run is full of leaks")
@pytest.mark.parametrize("options", [(), pytest.param(("-n", "2"), marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("leak", "said"),
    [("warning", "was seen in a warning"), ("kept", "that lives when its test ended")],
)
def test_a_leak_after_the_last_test_is_found(
    tmp_path: Path, leak: str, said: str, options: tuple[str, ...]
) -> None:
    """A warning is told, and what lives is looked at, when its test is over: the run fails."""
    ended = run(tmp_path, "-k", f"zz_leak_{leak}", *options)
    assert ended.returncode == 1, ended.stdout[-3000:]
    assert "1 passed" in ended.stdout
    assert said in ended.stdout
    assert run(tmp_path, "-k", "clean", *options).returncode == 0


def test_the_canary_run_watches_this_test() -> None:
    """The plugin is loaded for the whole suite, and on."""
    assert watch.on
    assert watch.tests > 0


@pytest.mark.parametrize("word", ["secret", "password", "pw", "aaaaaaaa1", "0000-0000"])
def test_plain_words_are_no_canaries(word: str) -> None:
    """A word that occurs anyway would prove nothing."""
    assert not worth(word)


def test_a_canary_is_found_in_any_clothing() -> None:
    """Inside other text, quoted for a URL, and long after its own test."""
    fresh = Watch()
    fresh.on = True
    fresh.add("a canary/9f31+x")
    assert fresh.find("before:a canary/9f31+xafter")
    assert fresh.find("q=a%20canary%2F9f31%2Bx")
    fresh.add("canary-of-old-77")
    fresh.begin(watched=True)
    assert fresh.find("token='canary-of-old-77'") == "canary-of-old-77"
    assert fresh.find("nothing here") is None
