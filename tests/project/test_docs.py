"""Every Python example in the documentation and the README runs."""

import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import respx
from sqlalchemy import Engine

import bridge
from banqup_client.testing import FakeBanqup, FakeFile
from bridge.testing._samples.sample import sample
from zenvoices_client.testing import FakeZenvoices

ROOT = Path(__file__).resolve().parents[2]
SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# These pages have tests of their own, which set up what their examples need.
ELSEWHERE = {"testing.md", "first-contact.md", "operations.md"}

PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name not in ELSEWHERE and BLOCK.search(path.read_text(encoding="utf-8"))
]

ENVIRONMENT = {
    "BANQUP_CLIENT_ID": "client-id",
    "BANQUP_CLIENT_SECRET": "secret",
    "ZENVOICES_USER": "api-user",
    "ZENVOICES_PASSWORD": "password",
    "ZENVOICES_ORGANISATION_CODE": "acme",
}

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
    level = logging.getLogger("httpx").level
    filters = [(handler, handler.filters[:]) for handler in logging.getLogger().handlers]
    with respx.mock(assert_all_called=False) as router:
        banqup.mount(router)
        zenvoices.mount(router)
        yield banqup, zenvoices
    # What an example sets for its application is not for other tests.
    logging.getLogger("httpx").setLevel(level)
    for handler, before in filters:
        handler.filters[:] = before


def run(
    page: Path, services: tuple[FakeBanqup, FakeZenvoices], folder: Path, monkeypatch: Any
) -> dict[str, Any]:
    """Run a page's examples in order, in one namespace, as a reader would paste them."""
    monkeypatch.chdir(folder)
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
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
    """Close what an application would close, before a later test is blamed for it."""
    for value in names.values():
        if isinstance(value, Engine):
            value.dispose()
        shut = getattr(value, "close", None)
        if shut is None or isinstance(value, type):
            continue
        if hasattr(value, "__enter__") or hasattr(value, "_store"):
            shut()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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


def executed() -> str:
    """The code of every example that some test runs, the story's cells among it."""
    story = json.loads((ROOT / "docs" / "story.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in story["cells"] if cell["cell_type"] == "code"]
    pages = [*PAGES, *(ROOT / "docs" / name for name in sorted(ELSEWHERE))]
    return "\n".join([*(code for page in pages for code in examples(page)), *cells])


def test_the_service_on_the_page_is_the_example_file() -> None:
    """So that it can be read as Markdown, and is type-checked and tested as a file."""
    file = (ROOT / "examples" / "fastapi_app.py").read_text(encoding="utf-8")
    assert file in examples(ROOT / "docs" / "schedule.md")


def not_shown(names: list[str], code: str) -> list[str]:
    """The names that are nowhere in the code as a whole word."""
    return [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code)]


def test_every_public_name_of_the_bridge_is_shown() -> None:
    """A reader finds each name in an example that runs, and each error in their table."""
    names = [name for name in bridge.__all__ if not name.endswith("Error")]
    assert not_shown(names, executed()) == []


def test_a_name_that_is_not_shown_is_found() -> None:
    """A part of a longer word shows nothing, and neither does prose."""
    assert not_shown(["Row", "Lease"], "row: DeliveryRow\nlease: Lease") == ["Row"]
    assert not_shown(["PostgreSQL"], executed()) == ["PostgreSQL"]


@pytest.mark.long
def test_the_store_on_the_page_keeps_the_rules(
    services: tuple[FakeBanqup, FakeZenvoices],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The suite that "A store of your own" names judges the store shown there."""
    names = run(ROOT / "docs" / "stores.md", services, tmp_path, monkeypatch)
    test = names["test_my_store"]
    (mark,) = test.pytestmark
    assert len(mark.args[1]) > 10
    for number, rule in enumerate(mark.args[1]):
        folder = tmp_path / str(number)
        folder.mkdir()
        test(rule, folder)
    close(names)


# The site as a whole

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
ANCHOR = re.compile(r"^\(([\w-]+)\)=$|^#{1,6} +(.+)$", re.MULTILINE)
DIRECTIVE = re.compile(
    r"^\.\. (?:(currentmodule):: (\S+)|auto(?:class|exception|function|data):: (\S+))$",
    re.MULTILINE,
)
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PUBLIC = (
    *("banqup_client", "banqup_client.testing", "bridge", "bridge.testing", "bridge.ubl"),
    *("zenvoices_client", "zenvoices_client.testing"),
)


def without_code(text: str) -> str:
    """The prose of a page, without its examples."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What a link may name behind ``#``: labels, and headings as GitHub and Sphinx write them."""
    prose = without_code(text)
    found: set[str] = set()
    for label, heading in ANCHOR.findall(prose):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower())
        found.add(label or plain.strip().replace(" ", "-"))
    return found


def broken_links(page: Path) -> list[str]:
    """Links of a page to files and headings that are not there."""
    prose = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    broken: list[str] = []
    for link in LINK.findall(prose):
        target, _, heading = link.partition("#")
        if re.match(r"[a-z]+:", link) or heading.split(".")[0] in {"bridge", "banqup_client"}:
            continue
        file = (page.parent / target) if target else page
        if not file.exists() or (
            heading
            and file.suffix == ".md"
            and heading not in anchors(file.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    return broken


def test_the_french_guide_keeps_its_punctuation_together() -> None:
    """No line of a page begins with a mark that has a blank before it in French."""
    text = (ROOT / "docs" / "activate-fr.md").read_text(encoding="utf-8")
    prose = re.sub(r"(?ms)^```.*?^```|`[^`]*`|^: ", "", text)
    assert re.findall(r".* [:;?!»](?:[\s*).,|]|$)|« .*", prose) == []
    assert "\N{NO-BREAK SPACE}:" in prose


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a page or a heading of ours finds it."""
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing page and a missing heading are named; code and other sites are not looked at."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: with `code`\n[a](gone.md) [b](#a-page-with-code) [c](#no) [d](https://x.test/#y)\n"
        "```python\na[0](b)\n```\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["gone.md", "#no"]


def documented(pages: list[Path]) -> list[tuple[str, str]]:
    """Module and name of everything that the reference describes, in its order."""
    found: list[tuple[str, str]] = []
    for page in pages:
        module = ""
        for current, name, described in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            if current:
                module = name
            else:
                found.append((module, described))
    return found


def test_the_reference_describes_each_public_name_once() -> None:
    """Nothing public is left out, nothing is told twice, nothing else is told."""
    told = documented(sorted((ROOT / "docs").glob("reference-*.md")))
    values = [getattr(importlib.import_module(module), name) for module, name in told]
    assert [name for index, (_, name) in enumerate(told) if told[index] in told[:index]] == []
    assert [
        name for module, name in told if name not in importlib.import_module(module).__all__
    ] == []
    missing = [
        f"{module}.{name}"
        for module in PUBLIC
        for name in importlib.import_module(module).__all__
        if (module, name) not in told
        and not name.endswith("Error")  # in the table of errors, see below
        and not any(getattr(importlib.import_module(module), name) is value for value in values)
    ]
    assert missing == []


ERROR_ROW = re.compile(r"^\| (· )?`(\w+Error)` \|[^|]*\| (yes|no) \|[^|]+\|$", re.MULTILINE)


def drawn(page: str) -> dict[str, tuple[str, bool]]:
    """The tree in a page's table: each error with the one it is a kind of, and if it passes."""
    errors: dict[str, tuple[str, bool]] = {}
    above = ""
    for dot, name, retryable in ERROR_ROW.findall(page):
        errors[name] = (above if dot else "ServiceError", retryable == "yes")
        above = above if dot else name
    return errors


def retryable(kind: type[bridge.ServiceError]) -> bool:
    """What an instance says that was told nothing."""
    own = (bridge.NotActivatedError, bridge.BusyError, bridge.LeaseLostError)
    return kind().retryable if kind in own else kind("", service="bridge").retryable


def test_the_tree_of_errors_is_the_one_there_is() -> None:
    """Each public exception is a kind of what the page says, and none is missing."""
    found = {
        value.__name__: (value.__bases__[0].__name__, retryable(value))
        for module in map(importlib.import_module, PUBLIC)
        for value in (getattr(module, name) for name in module.__all__)
        if isinstance(value, type) and issubclass(value, bridge.ServiceError)
        if value is not bridge.ServiceError
    }
    assert drawn((ROOT / "docs" / "reference-errors.md").read_text(encoding="utf-8")) == found


def test_a_wrong_tree_is_seen() -> None:
    """An error in another place, or said to pass, is read so."""
    page = "| `AError` | x | no | y |\n| · `BError` | x | yes | y |\n| `CError` | x | no | y |\n"
    expected = {"AError": ("ServiceError", False), "BError": ("AError", True)}
    assert drawn(page) == {**expected, "CError": ("ServiceError", False)}


def test_the_architecture_names_modules_that_exist() -> None:
    """Each module on the page is where it says."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:_client_kit|banqup_client|bridge|zenvoices_client)/[\w/]+\.py)`", text
    )
    assert len(named) > 30
    assert [name for name in named if not (ROOT / "src" / name).is_file()] == []
    written = {
        f"bridge/_async/{path.name}" for path in (ROOT / "src/bridge/_async").glob("_[a-z]*.py")
    }
    assert written - set(named) == set()


# Pages that are more than examples to paste


@pytest.mark.long
def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    """Each example of "Test your code" is a pytest module that passes, warnings being errors."""
    modules = examples(ROOT / "docs" / "testing.md")
    for number, code in enumerate(modules, start=1):
        assert "def test_" in code
        (tmp_path / f"test_example_{number}.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"\d+ passed in .*", done.stdout.splitlines()[-1])


def test_the_page_about_tests_shows_each_way() -> None:
    """The page shows the fakes in memory, behind respx and on sockets, faults and webhooks."""
    sources = "\n".join(examples(ROOT / "docs" / "testing.md"))
    signs = ["fake.transport()", "fake.mount(", "respx.post(", "async with", ".serve()"]
    signs += [".webhook(", "Fault.drop(", "rights ="]
    assert [sign for sign in signs if sign not in sources] == []


def without_chance(text: str) -> list[str]:
    """A report without what differs from run to run: ids, times, and which upload came first."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?|\b\d+\.\d s\b|\b47\d\d\b", "...", text)
    return sorted(line.strip() for line in text.strip().splitlines())


@pytest.mark.long
def test_the_picture_is_what_the_demo_reports() -> None:
    """The report in the README is one that the program really prints."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = readme.partition("<!-- picture -->")[2].partition("<!-- /picture -->")[0]
    shown = picture.partition("```text\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bridge", "demo"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
    )
    said = done.stdout.partition("connection.export_new()\n")[2].partition("\n5. ")[0]
    assert without_chance(shown) == without_chance(said)
