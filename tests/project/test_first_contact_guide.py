"""The guide to first contact: every correction in it makes an export run, its table is true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve

import bridge
from _client_kit._contract import load_contract
from banqup_client import BanqupClient, ClientCredentials, Environment
from banqup_client.testing import FakeBanqup, FakeFile
from bridge.testing._samples.sample import sample
from support import dialects
from support.corrections import COMMANDS, vendor_file
from support.dialects import Dialect, Rule, rename
from zenvoices_client import Base64, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "first-contact.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

Transport = httpx.BaseTransport
DOCUMENTS = "/datastore/documents/transaction/v2/spaces/{space}/documents"
FILE = "/datastore/documents/transaction/v1/spaces/{space}/files/{file}"
API = "/public-api/v1"


def sections() -> Iterator[tuple[str, str]]:
    """The headings of the corrections, and the Python below each."""
    for part in TEXT.split("\n### ")[1:]:
        heading, _, rest = part.partition("\n")
        yield heading, "\n".join(BLOCK.findall(rest.split("\n## ")[0]))


def upload_elsewhere(fake: FakeZenvoices) -> Dialect:
    """The upload has another path."""
    same = [
        Rule("POST", f"{API}/{path}", f"{API}/{path}")
        for path in ("administration/list", "inbox/list")
    ]
    names = {name: name for name in ("id", "administrationId", "externalId")}
    details = Rule("GET", f"{API}/inbox/details", f"{API}/inbox/details", query=names)
    upload = Rule("POST", f"{API}/inbox/submit", f"{API}/inbox")
    return Dialect(fake, dialects.LOGIN, *same, details, upload)


def listing(fake: FakeBanqup, query: dict[str, str], *, renamed: bool = False) -> Dialect:
    """The listing has other query names, or documents have other names."""

    def document(row: Any) -> Any:
        status = row.pop("status")
        return {**row, "state": {**status, "approval": status.pop("document")}}

    def page(answer: Any) -> Any:
        rows = [document(row) for row in answer["documents"]]
        return rename({"documents": "results"})({**answer, "documents": rows})

    return Dialect(
        fake,
        dialects.TOKEN,
        dialects.SPACES,
        Rule("GET", DOCUMENTS, DOCUMENTS, query=query, answer=page if renamed else dialects.same),
        Rule("GET", f"{DOCUMENTS}/{{document}}", f"{DOCUMENTS}/{{document}}",
             answer=document if renamed else dialects.same),
        Rule("GET", FILE, FILE),
    )  # fmt: skip


_QUERY = {name: name for name in ("folder", "updatedSince", "page", "size")}
_OTHER = {"folder": "folder", "modifiedAfter": "updatedSince", "page": "page", "limit": "size"}


def old_token(fake: FakeBanqup) -> Dialect:
    """The token is at the older path."""
    path = "/oauth2/client_credential/accesstoken"
    return Dialect(fake, Rule("POST", path, path.replace("accesstoken", "gettoken")),
                   *listing(fake, _QUERY)._rules[1:])  # fmt: skip


class Elsewhere(httpx.BaseTransport):
    """An API whose signed URLs name another host, and a storage that is that host."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Change the host in answers, and take it for the fake's own."""
        if request.url.host == "files.example":
            url = request.url.copy_with(host="storage.googleapis.com")
            return self._inner.handle_request(httpx.Request("GET", url))
        response = self._inner.handle_request(request)
        body = response.read().replace(b"storage.googleapis.com", b"files.example")
        headers = {"Content-Type": "application/json"}
        return httpx.Response(response.status_code, headers=headers, content=body)


def elsewhere(fake: FakeBanqup) -> Transport:
    """Files are stored elsewhere."""
    return Elsewhere(fake.transport())


BANQUP: dict[str, Callable[[FakeBanqup], Transport]] = {
    "Another query name": lambda fake: listing(fake, _OTHER),
    "Another name of a property": partial(listing, query=_QUERY, renamed=True),
    "Another structure of documents": dialects.banqup_nested,
    "Another token path": old_token,
    "Another host for files": elsewhere,
}
ZENVOICES: dict[str, Callable[[FakeZenvoices], Transport]] = {
    "Letter case or path prefix": dialects.zenvoices_cased,
    "Another path": upload_elsewhere,
    "Another structure of an upload, or a member it must have": dialects.zenvoices_nested,
}
SECTIONS = dict(sections())


def test_every_correction_is_tried() -> None:
    """No section of the guide is without its dialect here, but for the status, which has a test."""
    assert {*BANQUP, *ZENVOICES, "Another word for a status"} == set(SECTIONS)


def run(heading: str, code: str, status: str = "FULLY_APPROVED") -> dict[str, int]:
    """Export through the services of a section, with its Python; how many are in each state."""
    fake_banqup, fake_zenvoices = FakeBanqup(), FakeZenvoices()
    space = fake_banqup.add_space()
    fake_zenvoices.add_company(code="0042")
    source = BANQUP[heading](fake_banqup) if heading in BANQUP else fake_banqup.transport()
    target: Transport = fake_zenvoices.transport()
    if heading in ZENVOICES:
        target = ZENVOICES[heading](fake_zenvoices)
    storage = source if isinstance(source, Elsewhere) else fake_banqup.transport()
    names: dict[str, Any] = {
        "login": UserLogin("api-user", "demo-password", organisation_code="acme"),
        "credentials": ClientCredentials("demo-app", "demo-secret"),
        "Environment": Environment,
        "Base64": Base64,
        "evolve": evolve,
        "default_exportable": bridge.default_exportable,
        "BanqupClient": partial(BanqupClient, transport=source, storage_transport=storage),
        "ZenvoicesClient": partial(ZenvoicesClient, transport=target),
        "exportable": bridge.default_exportable,
    }
    exec("banqup = BanqupClient(credentials, Environment.UAT_EU)", names)
    exec("zenvoices = ZenvoicesClient(login)", names)
    exec(compile(code, heading, "exec"), names)
    connection = bridge.Connection(
        names["banqup"],
        names["zenvoices"],
        space_id=space,
        company_code="0042",
        checkpoints=bridge.MemoryCheckpoints(),
        exportable=names["exportable"],
    )
    connection.activate()
    contents = {sample(number).content for number in range(3)}
    for number in range(3):
        file = FakeFile(f"F{number}.xml", "application/xml", sample(number).content)
        fake_banqup.publish(space, files=[file], status=status)
    states: dict[str, int] = dict(connection.export_new().states)
    arrived = {part.content for item in fake_zenvoices.inbox for part in item.attachments}
    assert arrived == (contents if states.get("delivered") else set())
    names["banqup"].close()
    names["zenvoices"].close()
    return states


@pytest.mark.parametrize("heading", [*BANQUP, *ZENVOICES])
def test_correction_in_the_guide_makes_the_export_run(
    heading: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The code below each heading is enough for a service that differs so, and needed."""
    monkeypatch.chdir(tmp_path)
    against = ["contract", "--against", vendor_file("zenvoices-cased"), "--suggest"]
    COMMANDS["zenvoices"](against)
    Path("zenvoices.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert run(heading, SECTIONS[heading])["delivered"] == 3
    try:
        states = run(heading, "")
    except bridge.ServiceError:
        return
    assert states.get("delivered", 0) == 0


def test_word_for_a_status_is_allowed_as_the_guide_says() -> None:
    """An unknown status waits, and with the guide's function is exported."""
    heading = "Another word for a status"
    assert run(heading, "", "ACCEPTED").get("delivered", 0) == 0
    assert run(heading, SECTIONS[heading], "ACCEPTED")["delivered"] == 3


def test_deep_look_of_the_ten_steps_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The example among the steps prints a table and raises nothing when all is well."""
    (code,) = BLOCK.findall(TEXT.partition("## What the comparison says")[0])
    fake_banqup, fake_zenvoices = FakeBanqup(), FakeZenvoices()
    fake_zenvoices.add_company(code="0042")
    with (
        BanqupClient(
            ClientCredentials("demo-app", "demo-secret"),
            Environment.UAT_EU,
            transport=fake_banqup.transport(),
        ) as source,
        ZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            transport=fake_zenvoices.transport(),
        ) as target,
    ):
        connection = bridge.Connection(
            source,
            target,
            space_id=fake_banqup.add_space(),
            company_code="0042",
            checkpoints=bridge.MemoryCheckpoints(),
        )
        exec(code, {"connection": connection})
    assert "inbox.details answers" in capsys.readouterr().out


def table() -> str:
    """The table of what an export depends on, from the contracts."""
    lines = ["| service | operation | the call | its properties |", "|---|---|---|---|"]
    for contract in (load_contract("banqup_client"), load_contract("zenvoices_client")):
        for operation in contract.operations.values():
            if not operation.needed:
                continue
            marks = [item.evidence for item in (*operation.sends, *operation.reads)]
            counted = [
                f"{marks.count(mark)} {mark}"
                for mark in ("published", "observed", "assumed")
                if mark in marks
            ]
            lines.append(
                f"| {contract.service} | `{operation.name}` | {operation.evidence} | "
                f"{', '.join(counted) or '-'} |"
            )
    return "\n".join(lines)


def test_table_of_evidence_is_what_the_contracts_say() -> None:
    """What stands between the marks is generated; on failure, paste what is expected."""
    shown = TEXT.partition("<!-- evidence -->\n")[2].partition("\n<!-- /evidence -->")[0]
    assert shown == table()


def test_patch_files_of_the_guide_are_refused_when_misspelt() -> None:
    """The nearest right key is named, as the guide says."""
    with pytest.raises(bridge.ServiceError, match=r"Did you mean 'inbox\.upload'"):
        ZenvoicesClient(UserLogin("a", "b", organisation_code="c"), contract={"inbox.uploads": {}})
    config = json.loads(json.dumps({"inbox.upload": {"path": "/x"}}))
    assert load_contract("zenvoices_client").patched(config)["inbox.upload"].path == "/x"
