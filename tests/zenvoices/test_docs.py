"""The examples for users' own tests are run, and the page of operations says what the code does."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import generate_operations

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "testing-zenvoices.md"


def examples(page: Path) -> list[tuple[int, str]]:
    """Each Python block of a page with the line it starts on."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start()) + 2, match[1])
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize(("line", "source"), examples(PAGE))
def test_example_for_users_tests_passes(line: int, source: str) -> None:
    """Each example is a test module, and its tests pass as they stand on the page."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile("\n" * (line - 1) + source, str(PAGE), "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        result = test()
        if inspect.isawaitable(result):
            asyncio.run(result)  # type: ignore[arg-type]


def test_page_has_examples_of_every_kind() -> None:
    """The page shows the fake and respx, sync and async, sockets and webhooks."""
    sources = "\n".join(source for _, source in examples(PAGE))
    for sign in ("fake.transport()", "fake.mount(", "respx.post(", "async with", ".serve()"):
        assert sign in sources


@pytest.mark.parametrize("page", generate_operations.pages())
def test_page_of_operations_is_what_the_contract_says(page: Path) -> None:
    """A change of the contract without a change of its page fails here."""
    written = (ROOT / page).read_text(encoding="utf-8")
    assert written == generate_operations.pages()[page], "run tools/generate_operations.py"


def test_tool_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tool writes what is missing or changed, and with --check only says so."""
    (tmp_path / "docs").mkdir()
    assert generate_operations.main(["--check"], root=tmp_path) == 1
    assert "out of date" in capsys.readouterr().out
    assert list((tmp_path / "docs").iterdir()) == []
    assert generate_operations.main([], root=tmp_path) == 0
    assert generate_operations.main(["--check"], root=tmp_path) == 0
    page = tmp_path / "docs" / "zenvoices-operations.md"
    page.write_text(page.read_text(encoding="utf-8") + "x", encoding="utf-8")
    assert generate_operations.main(["--check"], root=tmp_path) == 1


def test_page_shows_every_operation_with_its_mark() -> None:
    """Operations, properties, query names and marks are all on the page."""
    text = generate_operations.pages()[Path("docs/zenvoices-operations.md")]
    assert "(#operation-inbox-upload) | `POST /public-api/v1/inbox` | assumed | yes |" in text
    assert "| `items[].code` | assumed | fields of an item are not listed |" in text
    assert "| `number` | `purchaseOrderNumber` |" in text
