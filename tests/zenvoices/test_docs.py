"""The pages of operations say what the contracts say."""

from __future__ import annotations

from pathlib import Path

import pytest

import generate_operation_pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", generate_operation_pages.pages())
def test_page_of_operations_is_what_the_contract_says(page: Path) -> None:
    """A change of the contract without a change of its page fails here."""
    written = (ROOT / page).read_text(encoding="utf-8")
    expected = generate_operation_pages.pages()[page]
    assert written == expected, "run tools/generate_operation_pages.py"


def test_tool_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tool writes what is missing or changed, and with --check only says so."""
    (tmp_path / "docs").mkdir()
    assert generate_operation_pages.main(["--check"], root=tmp_path) == 1
    assert "out of date" in capsys.readouterr().out
    assert list((tmp_path / "docs").iterdir()) == []
    assert generate_operation_pages.main([], root=tmp_path) == 0
    assert generate_operation_pages.main(["--check"], root=tmp_path) == 0
    page = tmp_path / "docs" / "zenvoices-operations.md"
    page.write_text(page.read_text(encoding="utf-8") + "x", encoding="utf-8")
    assert generate_operation_pages.main(["--check"], root=tmp_path) == 1


def test_page_shows_every_operation_with_its_mark() -> None:
    """Operations, properties, query names and marks are all on the page."""
    text = generate_operation_pages.pages()[Path("docs/zenvoices-operations.md")]
    assert "(#operation-inbox-upload) | `POST /public-api/v1/inbox` | assumed | yes |" in text
    assert "| `items[].code` | assumed | fields of an item are not listed |" in text
    assert "| `number` | `purchaseOrderNumber` |" in text
