"""The canary run finds a leak at each watch, fails for it, and finds none where there is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.canary import Watch, watch, worth

SUITE = Path(__file__).with_name("leaky_suite.py")
TESTS = SUITE.parents[1]


@pytest.mark.long
@pytest.mark.leaks("the output of the inner run is full of leaks")
def test_each_planted_leak_is_found(tmp_path: Path) -> None:
    """Each leaky test is failed by the plugin, no clean one is, and so the run fails."""
    target = tmp_path / "test_leaky.py"
    target.write_bytes(SUITE.read_bytes())
    command = [sys.executable, "-m", "pytest", "-p", "support.canary", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, "-q", "-rA", "--rootdir", str(tmp_path), str(target)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        timeout=300,
    )
    assert ended.returncode == 1, ended.stdout[-3000:]
    # The plugin speaks when a test is over: an error beside the test's own outcome.
    passed, failed = (
        set(re.findall(rf"^(?:{how}) \S*::(\S+)", ended.stdout, re.MULTILINE))
        for how in ("PASSED", "ERROR|FAILED")
    )
    planted = set(re.findall(r"^def (test_leak\w+)", SUITE.read_text(), re.MULTILINE))
    assert len(planted) >= 20
    assert failed == planted
    assert planted < passed


def test_the_canary_run_watches_this_test() -> None:
    """The plugin is loaded for the whole suite, and on."""
    assert watch.on


@pytest.mark.parametrize("word", ["secret", "password", "pw", "aaaaaaaa1", "0000-0000"])
def test_plain_words_are_no_canaries(word: str) -> None:
    """A word that occurs anyway would prove nothing."""
    assert not worth(word)


def test_a_canary_is_found_inside_other_text() -> None:
    """As a word of its own, or not; one of another test is none."""
    fresh = Watch()
    fresh.begin(watched=True)
    fresh.add("a canary/9f31+x")
    fresh.add("canary-of-now-77")
    assert fresh.find("before:a canary/9f31+xafter")
    assert fresh.find("token='canary-of-now-77'.") == "canary-of-now-77"
    fresh.begin(watched=True)
    assert fresh.find("token='canary-of-now-77'") is None
