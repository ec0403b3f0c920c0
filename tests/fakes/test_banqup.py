"""The fake Banqup refuses what the reference says the service refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from banqup_client.testing import FakeBanqup, FakeFile, Fault

API = "https://api.uat.btx.eu.banqup.com"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "demo-app",
    "client_secret": "demo-secret",
}
TOKEN = "/oauth2/client_credential/gettoken"
UBL = FakeFile("F1.xml", "application/xml", b"<Invoice/>")


class Clock:
    """A clock that a test moves."""

    now = 1_767_225_600.0  # 2026-01-01T00:00:00Z

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeBanqup:
    return FakeBanqup(clock=clock)


@pytest.fixture
def client(fake: FakeBanqup) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=API, transport=fake.transport()) as client:
        yield client


def login(client: httpx.Client) -> dict[str, str]:
    """The header of a fresh token."""
    return {"Authorization": f"Bearer {client.post(TOKEN, data=FORM).json()['access_token']}"}


def documents(space: str) -> str:
    return f"/datastore/documents/transaction/v2/spaces/{space}/documents"


def files(space: str) -> str:
    return f"/datastore/documents/transaction/v1/spaces/{space}/files"


def details(client: httpx.Client, fake: FakeBanqup, space: str, document: str) -> dict[str, Any]:
    """The details of a document's first file."""
    headers = login(client)
    row = client.get(f"{documents(space)}/{document}", headers=headers).json()
    answer = client.get(f"{files(space)}/{row['files'][0]['id']}", headers=headers)
    found: dict[str, Any] = answer.json()
    return found


def test_token_tells_its_life(client: httpx.Client) -> None:
    """The token answer carries its end, by the fake's clock."""
    answer = client.post(TOKEN, data=FORM).json()
    assert answer["expires_at"] == "2026-01-01T00:05:00.000Z"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_secret": None}, 400, "invalid_request"),
    ],
)
def test_wrong_credentials_are_an_rfc_6749_error(
    client: httpx.Client, change: dict[str, str | None], status: int, error: str
) -> None:
    """Each wrong member of the grant is refused in the shape of RFC 6749."""
    form = {name: value for name, value in {**FORM, **change}.items() if value is not None}
    answer = client.post(TOKEN, data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_credentials_do_not_go_into_json_or_basic(client: httpx.Client) -> None:
    """Credentials anywhere but in the form body are refused."""
    assert client.post(TOKEN, json=FORM).status_code == 415
    basic = client.post(
        TOKEN, data={"grant_type": "client_credentials"}, auth=("demo-app", "demo-secret")
    )
    assert basic.status_code == 400


def test_missing_unknown_and_expired_tokens_are_401(
    fake: FakeBanqup, client: httpx.Client, clock: Clock
) -> None:
    """Without a token that lives, every operation answers 401 with an empty body."""
    headers = login(client)
    assert client.get("/entitystore/v1/spaces", headers=headers).status_code == 200
    clock.now += 300
    for given in ({}, {"Authorization": "Bearer x"}, headers):
        answer = client.get("/entitystore/v1/spaces", headers=given)
        assert (answer.status_code, answer.content) == (401, b"")


def test_token_is_used_up_after_its_uses(fake: FakeBanqup, client: httpx.Client) -> None:
    """A token good for two requests refuses the third."""
    fake.token_uses = 2
    headers = login(client)
    seen = [client.get("/entitystore/v1/spaces", headers=headers).status_code for _ in range(3)]
    assert seen == [200, 200, 401]


def test_app_not_whitelisted_sees_no_space(fake: FakeBanqup, client: httpx.Client) -> None:
    """Not whitelisted is an empty list, and 404 for the space itself."""
    hidden = fake.add_space(whitelisted=False)
    seen = fake.add_space(name="Garage Sint-Elooi BV")
    headers = login(client)
    rows = client.get("/entitystore/v1/spaces", headers=headers).json()["spaces"]
    assert rows == [{"id": seen, "name": "Garage Sint-Elooi BV", "type": "BUSINESS"}]
    answer = client.get(documents(hidden), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    fake.set_whitelisted(hidden, True)
    fake.set_whitelisted(seen, False)
    rows = client.get("/entitystore/v1/spaces", headers=headers).json()["spaces"]
    assert [row["id"] for row in rows] == [hidden]
    fake.whitelisted = False
    assert client.get("/entitystore/v1/spaces", headers=headers).json() == {"spaces": []}


@pytest.mark.parametrize(
    "query",
    [
        {"size": "51"},
        {"size": "0"},
        {"size": "ten"},
        {"page": "-1"},
        {"updatedSince": "yesterday"},
        {"updatedSince": "2026-01-01T00:00:00"},
        {"updatedSince": "2026-01-01T00:00:00 02:00"},
    ],
)
def test_listing_refuses_a_bad_query(
    fake: FakeBanqup, client: httpx.Client, query: dict[str, str]
) -> None:
    """A page size over 50 or a malformed date, zone included, is a 400 with a problem body."""
    answer = client.get(documents(fake.add_space()), params=query, headers=login(client))
    assert (answer.status_code, answer.json()["error"]) == (400, "BAD_REQUEST")


def test_listing_filters_and_pages(fake: FakeBanqup, client: httpx.Client, clock: Clock) -> None:
    """Folder and date narrow the listing, the date inclusively; pages cover it exactly once."""
    space, headers = fake.add_space(), login(client)
    fake.publish(space, folder="SALES", created_at=clock.now - 1)
    old = fake.publish(space, created_at=clock.now - 1)
    new = [fake.publish(space) for _ in range(5)]
    url = documents(space)
    purchases = client.get(url, params={"folder": "PURCHASES"}, headers=headers).json()
    assert (purchases["total"], len(purchases["documents"])) == (6, 6)
    query = {"folder": "PURCHASES", "updatedSince": "2026-01-01T01:00:00+01:00", "size": "2"}
    seen: list[str] = []
    for page in range(4):
        answer = client.get(url, params={**query, "page": page}, headers=headers).json()
        seen += [row["id"] for row in answer["documents"]]
    assert sorted(seen) == sorted(new)
    assert old not in seen


def test_odd_documents_are_answered_as_published(fake: FakeBanqup, client: httpx.Client) -> None:
    """Members can be replaced or left out, lone surrogates too; filters use the real folder."""
    space, headers = fake.add_space(), login(client)
    fake.publish(space, folder="SALES", extra={"folder": ..., "id": "\ud800"})
    url = documents(space)
    answer = client.get(url, params={"folder": "SALES"}, headers=headers)
    row = answer.json()["documents"][0]
    assert ("folder" in row, row["id"]) == (False, "\ud800")
    others = client.get(url, params={"folder": "PURCHASES"}, headers=headers).json()
    assert others["total"] == 0


def test_times_of_documents_may_be_any_text(fake: FakeBanqup, client: httpx.Client) -> None:
    """A text is answered as it was given; one that is a time is filtered by, another is now."""
    space, headers = fake.add_space(), login(client)
    for moment in ("2020-01-02T03:04:05+01:00", "yesterday"):
        fake.publish(space, created_at=moment, updated_at=moment)
    url = documents(space)
    rows = client.get(url, headers=headers).json()["documents"]
    assert {row["updatedAt"] for row in rows} == {"2020-01-02T03:04:05+01:00", "yesterday"}
    query = {"updatedSince": "2021-01-01T00:00:00Z"}
    (row,) = client.get(url, params=query, headers=headers).json()["documents"]
    assert row["updatedAt"] == "yesterday"


def test_listing_has_no_order_of_a_field(
    fake: FakeBanqup, client: httpx.Client, clock: Clock
) -> None:
    """The order is neither that of creation nor its reverse, and is the same each time."""
    space, headers = fake.add_space(), login(client)
    ids = [
        fake.publish(space, id=f"00000000-0000-0000-0000-{n:012}", created_at=clock.now + n)
        for n in range(20)
    ]

    def listed() -> list[str]:
        rows = client.get(documents(space), headers=headers).json()["documents"]
        return [row["id"] for row in rows]

    shuffled = listed()
    assert sorted(shuffled) == ids
    assert shuffled not in (ids, ids[::-1])
    assert shuffled == listed()


def test_url_of_a_removed_file_leads_nowhere(fake: FakeBanqup, client: httpx.Client) -> None:
    """A signed URL that outlives its file is answered as the storage answers it."""
    space = fake.add_space()
    document = fake.publish(space, files=[UBL])
    url = details(client, fake, space, document)["downloadUrl"]
    fake.remove(document)
    answer = client.get(url)
    assert (answer.status_code, "NoSuchKey" in answer.text) == (404, True)


def test_file_put_again_shows_in_its_document(fake: FakeBanqup, client: httpx.Client) -> None:
    """The URL of an upload is good for a second one, and a document's row shows the new size."""
    space, headers = fake.add_space(), login(client)
    body = {"filename": "a.pdf", "fileSize": 1, "contentType": "application/pdf"}
    made = client.post(files(space), json=body, headers=headers).json()
    pdf = FakeFile("a.pdf", "application/pdf", b"%PDF", id=made["id"])
    fake.publish(space, files=[pdf])
    answer = client.put(
        made["uploadUrl"], content=b"%PDF-1.7", headers={"Content-Type": "application/pdf"}
    )
    assert answer.status_code == 200
    (row,) = client.get(documents(space), headers=headers).json()["documents"]
    assert row["files"][0]["fileSize"] == 8


def test_form_that_is_none_is_refused(client: httpx.Client) -> None:
    """A token request whose form cannot be read is an RFC 6749 error."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(TOKEN, content=b"no form at all", headers=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_status_change_is_seen_with_and_without_touch(
    fake: FakeBanqup, client: httpx.Client, clock: Clock
) -> None:
    """A status change moves updatedAt only when it touches the document."""
    space, headers = fake.add_space(), login(client)
    document = fake.publish(space, status="AWAITING_VALIDATION")
    clock.now += 60
    fake.set_status(document, "FULLY_APPROVED", touch=False)
    url = f"{documents(space)}/{document}"
    row = client.get(url, headers=headers).json()
    assert row["status"]["document"] == "FULLY_APPROVED"
    assert row["updatedAt"] == "2026-01-01T00:00:00.000Z"
    fake.set_status(document, "REFUSED")
    assert client.get(url, headers=headers).json()["updatedAt"] == "2026-01-01T00:01:00.000Z"
    fake.remove(document)
    assert client.get(url, headers=headers).status_code == 404


def test_download_needs_the_exact_url(fake: FakeBanqup, client: httpx.Client) -> None:
    """Only the exact bytes of the signed URL are answered; any other is a 403 in XML."""
    space = fake.add_space()
    url = details(client, fake, space, fake.publish(space, files=[UBL]))["downloadUrl"]
    assert url.startswith("https://storage.googleapis.com/")
    assert client.get(url).content == b"<Invoice/>"
    path, _, query = url.partition("?")
    swapped = "&".join(reversed(query.split("&")))
    for bad in (url + "0", url.replace("%3B", "%3b") + "&a=1", f"{path}?{swapped}", path):
        answer = client.get(bad)
        assert (answer.status_code, answer.headers["content-type"]) == (
            403,
            "application/xml; charset=UTF-8",
        )
    assert client.put(url, content=b"x").status_code == 403


def test_download_url_expires(fake: FakeBanqup, client: httpx.Client, clock: Clock) -> None:
    """A signed URL lives 3600 s by the fake's clock, then answers 400 in XML."""
    space = fake.add_space()
    url = details(client, fake, space, fake.publish(space, files=[UBL]))["downloadUrl"]
    clock.now += 3599
    assert client.get(url).status_code == 200
    clock.now += 1
    answer = client.get(url)
    assert (answer.status_code, b"ExpiredToken" in answer.content) == (400, True)


def test_storage_refuses_an_authorization_header(fake: FakeBanqup, client: httpx.Client) -> None:
    """A bearer token sent to the storage is refused, and the log shows that it came."""
    space = fake.add_space()
    url = details(client, fake, space, fake.publish(space, files=[UBL]))["downloadUrl"]
    assert client.get(url, headers={"Authorization": "Bearer canary"}).status_code == 401
    leaked = fake.requests[-1]
    assert (leaked.origin, leaked.headers["authorization"]) == ("storage", "Bearer canary")
    assert "canary" not in repr(leaked)


def test_upload_needs_the_declared_type(fake: FakeBanqup, client: httpx.Client) -> None:
    """A file is created, put under exactly its declared type, and then available."""
    space, headers = fake.add_space(), login(client)
    body = {"filename": "a.pdf", "fileSize": 1, "contentType": "application/pdf"}
    made = client.post(files(space), json=body, headers=headers)
    assert (made.status_code, made.json()["status"]) == (201, "AWAITING_UPLOAD")
    url = made.json()["uploadUrl"]
    typed = {"Content-Type": "application/pdf"}
    assert client.put(url, content=b"%PDF", headers={"Content-Type": "text/xml"}).status_code == 403
    assert client.put(url, content=b"%PDF", headers=typed).status_code == 200
    where = f"{files(space)}/{made.json()['id']}"
    ready = client.get(where, headers=headers).json()
    assert (ready["status"], ready["fileSize"]) == ("AVAILABLE", 4)
    assert "uploadUrl" not in ready
    assert client.get(ready["downloadUrl"]).content == b"%PDF"


def test_infected_upload_is_rejected(fake: FakeBanqup, client: httpx.Client) -> None:
    """The virus scan finds the test signature; a rejected file has no download URL."""
    space, headers = fake.add_space(), login(client)
    body = {"filename": "a.pdf", "fileSize": 1, "contentType": "application/pdf"}
    made = client.post(files(space), json=body, headers=headers).json()
    virus = b"$EICAR-STANDARD-ANTIVIRUS" + b"-TEST-FILE!$"
    client.put(made["uploadUrl"], content=virus, headers={"Content-Type": "application/pdf"})
    found = client.get(f"{files(space)}/{made['id']}", headers=headers).json()
    assert (found["status"], "downloadUrl" in found) == ("REJECTED", False)


@pytest.mark.parametrize("body", [{"fileName": "a"}, {"filename": "a", "fileSize": "1"}, []])
def test_file_with_misspelt_members_is_refused(
    fake: FakeBanqup, client: httpx.Client, body: object
) -> None:
    """Missing, misspelt or mistyped members are a 400."""
    answer = client.post(files(fake.add_space()), json=body, headers=login(client))
    assert answer.status_code == 400


def test_file_status_and_content_can_be_changed(fake: FakeBanqup, client: httpx.Client) -> None:
    """A test can take a file back, release it, and replace it under the same id."""
    space = fake.add_space()
    document = fake.publish(space, files=[UBL])
    before = details(client, fake, space, document)
    fake.set_file_status(document, 0, "AWAITING_UPLOAD")
    assert "downloadUrl" not in details(client, fake, space, document)
    elsewhere = client.get(f"{files(fake.add_space())}/{before['id']}", headers=login(client))
    assert elsewhere.status_code == 404
    fake.replace_file(document, 0, FakeFile("F2.xml", "application/xml", b"<CreditNote/>"))
    after = details(client, fake, space, document)
    assert (after["id"], after["filename"], after["fileSize"]) == (before["id"], "F2.xml", 13)
    assert fake.documents(space)[0]["files"][0]["fileSize"] == 13


def test_created_document_is_listed(fake: FakeBanqup, client: httpx.Client) -> None:
    """A created document gets an id and is listed; a space that is not its own is refused."""
    space, headers = fake.add_space(), login(client)
    body = {"spaceId": space, "folder": "SALES", "category": "INVOICE", "metadata": {"a": 1}}
    made = client.post(documents(space), json=body, headers=headers)
    assert made.status_code == 201
    rows = client.get(documents(space), headers=headers).json()["documents"]
    assert [row["id"] for row in rows] == [made.json()["id"]]
    other = client.post(documents(space), json={**body, "spaceId": "x"}, headers=headers)
    assert other.status_code == 400


def test_extension_point_is_found(fake: FakeBanqup, client: httpx.Client) -> None:
    """The extension point is found by its three names."""
    headers = login(client)
    url = "/core/plugin/api/v1/extensionPoints"
    query = {"namespace": "com.unifiedpost.btx", "name": "messageListeners", "version": "1.0"}
    points = client.get(url, params=query, headers=headers).json()["extensionPoints"]
    others = client.get(url, params={**query, "name": "another"}, headers=headers)
    assert others.json() == {"extensionPoints": []}
    assert points[0]["id"]


def test_wrong_method_path_type_and_json_are_refused(
    fake: FakeBanqup, client: httpx.Client
) -> None:
    """404 as a web page, 415 and 400 for bodies that are no JSON object."""
    space, headers = fake.add_space(), login(client)
    for method, path in (("DELETE", "spaces"), ("GET", "Spaces")):
        lost = client.request(method, f"/entitystore/v1/{path}", headers=headers)
        assert (lost.status_code, lost.headers["content-type"][:9]) == (404, "text/html")
    text = {**headers, "Content-Type": "text/plain"}
    assert client.post(files(space), content=b"{}", headers=text).status_code == 415
    broken = {**headers, "Content-Type": "application/json"}
    for content in (b"{", b"[" * 100_000, b"[]", b"", b'{"a": "\xff"}'):
        assert client.post(files(space), content=content, headers=broken).status_code == 400


def test_unknown_query_names_are_ignored_and_logged(fake: FakeBanqup, client: httpx.Client) -> None:
    """A misspelt query name has no effect and stands in the log."""
    space = fake.add_space()
    client.get(documents(space), params={"foldr": "SALES"}, headers=login(client))
    last = fake.requests[-1]
    assert (last.operation, last.status, last.ignored) == ("documents.list", 200, ("foldr",))


def test_date_header_is_by_the_fakes_clock(fake: FakeBanqup, client: httpx.Client) -> None:
    """Every answer is dated by the fake's clock, errors too, until that is switched off."""
    assert client.get("/nowhere").headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    fake.date_header = False
    assert "date" not in client.get("/nowhere").headers


def test_hook_sees_a_request_before_it_is_applied(fake: FakeBanqup, client: httpx.Client) -> None:
    """What the hook raises ends the request before the state has changed."""
    space, headers = fake.add_space(), login(client)

    def kill(record: object) -> None:
        raise KeyboardInterrupt

    fake.on_request = kill
    body = {"spaceId": space, "folder": "SALES", "category": "INVOICE"}
    with pytest.raises(KeyboardInterrupt):
        client.post(documents(space), json=body, headers=headers)
    assert fake.documents(space) == []


def test_other_hosts_do_not_exist(fake: FakeBanqup) -> None:
    """A misspelt host, or http where https is needed, cannot be connected to."""
    with httpx.Client(transport=fake.transport()) as client:
        for url in ("https://api.uat.btx.be.banqup.com/", API.replace("https", "http")):
            with pytest.raises(httpx.ConnectError):
                client.get(url)


@pytest.mark.parametrize("nth", [0, -1])
def test_call_that_is_never_made_is_refused(fake: FakeBanqup, nth: int) -> None:
    """A fault that hits no call would make a test of a failure pass without one."""
    with pytest.raises(ValueError, match="from 1"):
        fake.faults.add("spaces.list", nth=nth, action=Fault.status(503))


def test_fault_hits_the_nth_call_only(fake: FakeBanqup, client: httpx.Client) -> None:
    """A fault counts the calls of its own operation from the moment it is added."""
    headers = login(client)
    line = fake.faults.add("spaces.list", nth=2, action=Fault.status(503))
    client.get("/solution/business/v1/users/me", headers=headers)
    seen = [client.get("/entitystore/v1/spaces", headers=headers).status_code for _ in range(3)]
    assert (seen, line.fired) == ([200, 503, 200], 1)
