"""The supply chain: an audit that asked nobody fails; workflows are pinned; nothing real ships."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def tool() -> ModuleType:
    """tools/audit.py."""
    spec = util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INSTALLED = {"httpx": "0.28.1", "attrs": "26.1", "banqup-zenvoices": "0.1.0", "pip": "25"}
CANARY = {"name": "django", "version": "1.11", "vulns": [{"id": "PYSEC-2019-11"}]}
CLEAN = [CANARY, {"name": "httpx", "vulns": []}, {"name": "attrs", "vulns": []}]


def test_an_audit_of_everything_passes() -> None:
    """Each dependency was looked up, none has a known vulnerability, and one of old is told."""
    assert tool().judge(INSTALLED, {"dependencies": CLEAN}) == []


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (None, "no report"),
        ({}, "no report"),
        ({"dependencies": []}, "nothing was looked up"),
        ({"dependencies": CLEAN[:2]}, "attrs: not looked up"),
        (
            {"dependencies": [*CLEAN[:2], {"name": "attrs", "skip_reason": "no such host"}]},
            "attrs: not looked up",
        ),
        (
            {"dependencies": [*CLEAN[:2], {"name": "attrs", "vulns": [{"id": "PYSEC-1"}]}]},
            "PYSEC-1",
        ),
        ({"dependencies": CLEAN[1:]}, "no advisory data"),
        # As of an index that says of each that it exists, and no more.
        ({"dependencies": [CANARY | {"vulns": []}, *CLEAN[1:]]}, "no advisory data"),
    ],
)
def test_an_audit_that_missed_something_fails(report: object, said: str) -> None:
    """No report, an empty one, a skipped dependency, a finding and a silent source all fail."""
    assert any(said in problem for problem in tool().judge(INSTALLED, report))


PIP_AUDIT = """
import json, sys
if {known!r} is None:
    sys.exit("told on the way\\nno route to any source")
asked = [line.strip().split("==") for line in sys.stdin]
found = [(name, version, {known!r} if name == "django" else []) for name, version in asked]
print(json.dumps({{"dependencies": [dict(name=n, version=v, vulns=f) for n, v, f in found]}}))
sys.exit(1)
"""


@pytest.mark.parametrize(
    ("known", "code", "said"),
    [
        pytest.param(
            [{"id": "PYSEC-2019-11"}], 0, "none with a known vulnerability", marks=pytest.mark.long
        ),
        pytest.param(
            [],
            1,
            "no advisory data: nothing is known against django 1.11",
            marks=pytest.mark.long,
        ),
        (None, 1, "its last line was: no route to any source\nthe audit FAILED"),
    ],
)
def test_an_audit_that_reaches_no_source_fails(
    tmp_path: Path, known: object, code: int, said: str
) -> None:
    """Only a source that tells what has long been known is believed; else its word is shown."""
    (tmp_path / "pip_audit.py").write_text(PIP_AUDIT.format(known=known))
    ended = subprocess.run(
        [sys.executable, "tools/audit.py", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=300,
    )
    assert ended.returncode == code, ended.stdout
    assert said in ended.stdout


@pytest.mark.long
def test_the_sbom_lists_the_runtime_dependencies(tmp_path: Path) -> None:
    """./scripts/sbom writes CycloneDX: the project, all that it needs to run, and nothing else."""
    target = tmp_path / "bom.json"
    prepared = subprocess.run(
        [
            "bash",
            "-c",
            "source scripts/_env.sh; prepare runtime .venv-demo; prepare supply .venv-supply",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if prepared.returncode != 0:
        pytest.skip(f"needs a package index that can be reached: {prepared.stderr[-300:]}")
    ended = subprocess.run(
        ["./scripts/sbom", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    bom = json.loads(target.read_text())
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["name"] == "banqup-zenvoices"
    assert all(component["version"] for component in bom["components"])
    names = {component["name"] for component in bom["components"]}
    needed = {"httpx", "httpcore", "h11", "anyio", "certifi", "idna"}
    needed |= {"attrs", "cattrs", "typing_extensions"}
    # anyio brings another on the oldest Python.
    assert needed <= names <= needed | {"sniffio", "exceptiongroup"}


def uses(text: str) -> list[str]:
    """What the steps of a workflow use."""
    return re.findall(r"^\s*-?\s*uses:\s*(\S+)", text, re.MULTILINE)


PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def test_workflows_are_pinned_and_have_least_rights() -> None:
    """Every action by its full hash; no right at the top; OIDC in the publishing job alone."""
    assert [path.stem for path in WORKFLOWS] == ["publish", "test"]
    for path in WORKFLOWS:
        text = path.read_text()
        assert uses(text)
        assert [one for one in uses(text) if not PINNED.fullmatch(one)] == []
        assert "\npermissions: {}\n" in text
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")
        assert "secrets." not in text
        assert "pull_request_target" not in text
    publish = (WORKFLOWS[0]).read_text()
    build, job = publish.split("\n  publish:\n")
    assert "id-token" not in build
    assert "id-token: write" in job
    assert "attestations: true" in job
    assert "environment:" in job
    assert "checkout" not in job
    assert not PINNED.fullmatch("actions/checkout@v4")


def test_workflows_audit_list_and_fuzz() -> None:
    """A release is audited and its parts listed; each change is audited, each week fuzzed."""
    publish, test = (path.read_text() for path in WORKFLOWS)
    assert "- run: ./scripts/audit\n" in publish
    assert "- run: ./scripts/audit\n" in test
    assert "- run: ./scripts/sbom bom.json\n" in publish
    assert "path: bom.json\n" in publish
    assert "schedule:\n    - cron:" in test
    (seconds,) = re.findall(r"- run: ./scripts/fuzz (\d+)\n", test)
    assert int(seconds) >= 1200


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    """The workflows pass zizmor offline; one that is not pinned does not."""
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--no-progress", "--persona=pedantic"]
    ended = subprocess.run(
        [*command, str(ROOT / ".github" / "workflows")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    bad = tmp_path / ".github" / "workflows"
    bad.mkdir(parents=True)
    text = (WORKFLOWS[1]).read_text().replace("permissions: {}", "permissions: write-all")
    (bad / "test.yml").write_text(text)
    ended = subprocess.run([*command, str(bad)], capture_output=True, text=True, check=False)
    assert ended.returncode != 0


def test_every_dependency_has_its_reason() -> None:
    """docs/security.md says of each dependency, at run time and in development, what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    for group in project["dependency-groups"].values():
        wanted += [one for one in group if isinstance(one, str)]
    names = {re.split(r"[\s\[<>=~;]", item)[0] for item in wanted} - {"banqup-zenvoices"}
    assert len(names) > 20
    page = (ROOT / "docs" / "security.md").read_text()
    told = set(re.findall(r"^- `([\w.-]+)`: \S.{8,}$", page, re.MULTILINE))
    assert names - told == set()
    assert told - names == set()


def test_no_real_document_is_in_the_repository() -> None:
    """No invoice, PDF, archive, key or database is kept: samples are made by code."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert listed.stdout
    suffixes = {".xml", ".pdf", ".zip", ".p12", ".pem", ".key", ".db", ".sqlite", ".ubl", ".env"}
    assert [one for one in listed.stdout.splitlines() if Path(one).suffix in suffixes] == []


def test_security_policy_says_what_it_must() -> None:
    """SECURITY.md names versions, a private way to report, and what is and is not defended."""
    text = (ROOT / "SECURITY.md").read_text()
    for heading in ("## Supported versions", "## Reporting a vulnerability", "## Threat model"):
        assert heading in text
    assert "private vulnerability reporting" in text.lower()
    assert re.search(r"not defend", text)


def test_the_lowest_versions_are_those_we_promise() -> None:
    """What ``./scripts/test --all`` runs on is the lower bound of each dependency and extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lowest = set(project["dependency-groups"]["lowest"])
    wanted = [*project["project"]["dependencies"]]
    wanted += [
        one for extra in project["project"]["optional-dependencies"].values() for one in extra
    ]
    for requirement in wanted:
        bound = re.fullmatch(r"([\w-]+)(?:\[\w+\])? >= ([\d.]+)(, < \d+)?", requirement)
        assert bound is not None
        assert bound[1] == "psycopg" or f"{bound[1]} == {bound[2]}" in lowest
