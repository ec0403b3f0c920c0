"""The notebook in the documentation runs from its first cell to its last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STORY = Path(__file__).resolve().parents[2] / "docs" / "story.ipynb"

# In a process of its own: what notebooks are run with warns of things that are not ours.
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def execute(notebook: Path, folder: Path) -> dict[str, Any]:
    """The notebook with the outputs of a run in a fresh kernel.

    Raises:
        subprocess.CalledProcessError: A cell raised.
    """
    made = folder / "made.ipynb"
    environment = {
        **os.environ,
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    command = [sys.executable, "-c", RUN, str(notebook), str(made)]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    found: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
    return found


def outputs(notebook: dict[str, Any], kind: str) -> list[str]:
    """What the cells show in one media type."""
    return [
        "".join(output["data"][kind])
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if kind in output.get("data", {})
    ]


@pytest.mark.long
def test_the_story_runs_and_shows_what_it_tells(tmp_path: Path) -> None:
    """Tables, a plot, a failed document found and sent again, and nothing sent twice."""
    pytest.importorskip("nbclient", reason="notebooks need the dependencies of the documentation")
    pytest.importorskip("matplotlib", reason="the notebook draws a plot")
    pytest.importorskip("pandas", reason="the notebook shows rows as a table of data")
    made = execute(STORY, tmp_path)
    text = "\n".join(outputs(made, "text/plain"))
    assert "Export: 31 documents sent to company 0042; 1 needs a person" in text
    assert "the file is empty" in text
    assert "Export: 1 document sent to company 0042\n" in text
    assert "Accès à la boîte de réception" in text
    assert len(outputs(made, "image/png")) == 1
    assert sum("bz-view" in page for page in outputs(made, "text/html")) >= 7


def test_the_committed_story_shows_its_outputs() -> None:
    """Readers of the documentation see the tables and the plot without running anything."""
    kept = json.loads(STORY.read_text(encoding="utf-8"))
    assert outputs(kept, "image/png")
    assert any("bz-view" in page for page in outputs(kept, "text/html"))
    errors = [
        output
        for cell in kept["cells"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]
    assert errors == []


@pytest.mark.long
def test_a_story_that_fails_is_noticed(tmp_path: Path) -> None:
    """A cell that raises fails the run."""
    pytest.importorskip("nbclient", reason="notebooks need the dependencies of the documentation")
    kept = json.loads(STORY.read_text(encoding="utf-8"))
    kept["cells"] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "x",
            "metadata": {},
            "outputs": [],
            "source": "1 / 0",
        }
    ]
    broken = tmp_path / "broken.ipynb"
    broken.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        execute(broken, tmp_path)
