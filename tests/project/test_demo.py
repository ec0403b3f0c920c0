"""The commands a newcomer runs first."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.testing._samples.sample import sample
from support.corpus import CORPUS, needs_corpus


def demo(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "bridge", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def told(*arguments: str) -> str:
    """What a demo prints whose documents all arrived once and unchanged."""
    ended = demo(*arguments, encoding="utf-8", env={"PYTHONUTF8": "1", "PATH": ""})
    assert ended.returncode == 0, ended.stderr
    shown: str = ended.stdout
    return shown


def test_the_demo_tells_the_story_in_words() -> None:
    """A newcomer reads each step, what was sent, what waits, and why."""
    shown = told()
    for words in (
        "connection.verify()",
        "Ready to export",
        "connection.activate()",
        "\nthere before activation  3\n",
        "   7 documents\n",
        "connection.export_new()",
        "Export: 5 documents sent to company 0042\n",
        "\nof which waiting                  2\n",
        "\nrefused by Zenvoices              1\n",
        "not approved yet",
        "The period of invoice",
        "\n   0 documents exported",
    ):
        assert words in shown, words


@pytest.mark.long
def test_the_demo_survives_a_pipe_that_is_not_utf_8() -> None:
    """Letters the output cannot show are replaced; the command does not fail."""
    ended = demo(env={"PYTHONIOENCODING": "ascii", "PATH": "", "LANG": "C"})
    assert ended.returncode == 0, ended.stderr
    assert "Caf?" in ended.stdout


@pytest.mark.long
def test_the_demo_exports_the_documents_of_a_folder(tmp_path: Path) -> None:
    """Every .xml and .pdf below the folder goes through unchanged, all but an empty one."""
    below = tmp_path / "below"
    below.mkdir()
    invoice = sample(1)
    (below / "A.XML").write_bytes(invoice.content)
    (tmp_path / "b.pdf").write_bytes(invoice.pdf)
    (tmp_path / "broken.xml").write_bytes(invoice.content[:500])
    (tmp_path / "empty.xml").write_bytes(b"")
    (tmp_path / "ignored.txt").write_bytes(b"text")
    shown = told("--documents", str(tmp_path))
    assert "   4 documents\n" in shown
    assert "Export: 3 documents sent to company 0042; 1 needs a person\n" in shown


@pytest.mark.long
@needs_corpus
def test_the_demo_exports_every_real_invoice() -> None:
    """All real files, the malformed ones too, arrive unchanged; only the empty one does not."""
    files = [path for path in CORPUS.rglob("*") if path.suffix.lower() in (".xml", ".pdf")]
    shown = told("--documents", str(CORPUS))
    assert f"   {len(files)} documents\n" in shown
    assert f"Export: {len(files) - 1} documents sent to company 0042; 1 needs a person\n" in shown


def test_the_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """The file, the variables and the code it prints work as they stand; SIGTERM ends it."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-u", "-m", "bridge", "sandbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as sandbox:
        assert sandbox.stdout is not None
        lines = []
        for line in sandbox.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        text = "".join(lines)
        toml = re.search(r"^checkpoint_file.*?^company_code[^\n]*", text, re.DOTALL | re.MULTILINE)
        code = re.search(r"^import sys\n.*?export_new\(\)\)$", text, re.DOTALL | re.MULTILINE)
        assert toml is not None
        assert code is not None
        (tmp_path / "connections.toml").write_text(toml[0])
        variables = dict(re.findall(r"([A-Z_]+)=(\S+)", text))
        told = [
            subprocess.run(
                [sys.executable, "-c", code[0], *once],
                env={**os.environ, **variables},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for once in (["activate"], [])
        ]
        sandbox.send_signal(signal.SIGTERM)
        _, errors = sandbox.communicate(timeout=30)
    assert [ended.returncode for ended in told] == [0, 0], [ended.stderr for ended in told]
    assert "Activated" in told[0].stdout
    assert told[1].stdout.startswith("Export: ")
    assert (tmp_path / "exports.db").exists()
    assert sandbox.returncode == 0
    assert errors == ""
