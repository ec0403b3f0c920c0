"""Every Python example in the documentation and the README runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import respx

from banqup_client.testing import FakeBanqup, FakeFile
from bridge._samples import sample
from zenvoices_client.testing import FakeZenvoices

ROOT = Path(__file__).resolve().parents[2]
SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# These pages have tests of their own, which set up what their examples need.
ELSEWHERE = {"testing.md", "testing-banqup.md", "testing-zenvoices.md", "first-contact.md"}

PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name not in ELSEWHERE and BLOCK.search(path.read_text(encoding="utf-8"))
]

# What a reader of a how-to page has already: the code of "Start in five minutes".
START = """
from banqup_client import BanqupClient, ClientCredentials, Environment
from zenvoices_client import UserLogin, ZenvoicesClient
from bridge import Connection, SQLiteCheckpoints

banqup = BanqupClient(ClientCredentials("client-id", "secret"), Environment.UAT_EU)
zenvoices = ZenvoicesClient(UserLogin("api-user", "password", organisation_code="acme"))
store = SQLiteCheckpoints("exports.db")
connection = Connection(
    banqup, zenvoices, space_id=SPACE, company_code="0042", checkpoints=store
)
"""


def examples(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def services() -> Iterator[tuple[FakeBanqup, FakeZenvoices]]:
    """Both services at their documented addresses, with what the examples name."""
    banqup = FakeBanqup(client_id="client-id", client_secret="secret")
    zenvoices = FakeZenvoices(user="api-user", password="password", organisation_code="acme")
    banqup.add_space(id=SPACE, name="Café De Sluis BV")
    zenvoices.add_company(code="0042", name="Café De Sluis BV")
    with respx.mock(assert_all_called=False) as router:
        banqup.mount(router)
        zenvoices.mount(router)
        yield banqup, zenvoices


def run(
    page: Path, services: tuple[FakeBanqup, FakeZenvoices], folder: Path, monkeypatch: Any
) -> dict[str, Any]:
    """Run a page's examples in order, in one namespace, as a reader would paste them."""
    monkeypatch.chdir(folder)
    banqup, _ = services
    names: dict[str, Any] = {"SPACE": SPACE, "__name__": page.stem}
    if page.name not in ("README.md", "start.md"):
        exec(START, names)
        names["connection"].activate()
        invoice = sample(1)
        banqup.publish(
            SPACE,
            status="FULLY_APPROVED",
            files=[FakeFile(invoice.filename, "application/xml", invoice.content)],
        )
    for number, code in enumerate(examples(page), start=1):
        exec(compile(code, f"{page.name} example {number}", "exec"), names)
    return names


def close(names: dict[str, Any]) -> None:
    for value in names.values():
        shut = getattr(value, "close", None)
        if shut is None or isinstance(value, type):
            continue
        if hasattr(value, "__enter__") or hasattr(value, "_store"):
            shut()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_examples_run(
    page: Path,
    services: tuple[FakeBanqup, FakeZenvoices],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each example of the page runs after the ones before it."""
    close(run(page, services, tmp_path, monkeypatch))


def test_the_readme_exports_what_it_says(
    services: tuple[FakeBanqup, FakeZenvoices],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The README's ten lines verify, activate and print a report."""
    close(run(ROOT / "README.md", services, tmp_path, monkeypatch))
    assert "0042" in capsys.readouterr().out


def test_a_broken_example_is_found(
    services: tuple[FakeBanqup, FakeZenvoices],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An example that calls what does not exist fails the run."""
    page = tmp_path / "page.md"
    page.write_text("```python\nconnection.export_old()\n```\n", encoding="utf-8")
    with pytest.raises(AttributeError):
        run(page, services, tmp_path, monkeypatch)


def test_every_page_with_examples_is_run() -> None:
    """No page falls out of the list by its name."""
    names = {page.name for page in PAGES}
    assert {"README.md", "start.md", "activate.md", "again.md", "schedule.md"} <= names
