"""The fake Zenvoices refuses what the reference says the service refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from zenvoices_client.testing import FakeZenvoices, InboxItem, Lookup

API = "https://app.zenvoices.com"
BASE = "/public-api/v1"
LOGIN = "/api/TokenAuth/TokenLogin"
WHO = {
    "userNameOrEmailAddress": "api-user",
    "password": "demo-password",
    "tenancyName": "acme",
}
CONTENT = b"<Invoice/>"
FILE = {
    "fileName": "F1.xml",
    "contentType": "application/xml",
    "content": base64.b64encode(CONTENT).decode(),
}


class Clock:
    """A clock that a test moves."""

    now = 1_767_225_600.0  # 2026-01-01T00:00:00Z

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeZenvoices:
    return FakeZenvoices(clock=clock)


@pytest.fixture
def client(fake: FakeZenvoices) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=API, transport=fake.transport()) as client:
        yield client


def login(client: httpx.Client, **change: str) -> httpx.Response:
    return client.post(LOGIN, json={**WHO, **change})


@pytest.fixture
def headers(client: httpx.Client) -> dict[str, str]:
    """The header of a fresh token."""
    return {"Authorization": f"Bearer {login(client).json()['result']['accessToken']}"}


def upload(
    client: httpx.Client, headers: dict[str, str], company: int, **change: Any
) -> httpx.Response:
    body = {"administrationId": company, "externalId": "e1", "attachments": [FILE], **change}
    return client.post(f"{BASE}/inbox", json=body, headers=headers)


def members(answer: httpx.Response) -> list[str]:
    """The members that a refusal names."""
    return [name for row in answer.json()["error"]["validationErrors"] for name in row["members"]]


def test_login_answers_an_envelope_with_a_token(client: httpx.Client) -> None:
    """A login answers its token, its life and the ABP envelope."""
    body = login(client).json()
    assert (body["success"], body["__abp"], body["error"]) == (True, True, None)
    assert body["result"]["expireInSeconds"] == 86_400
    expiry = body["result"]["accessTokenExpirationDateTimeUtc"]
    assert expiry == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize("status", [500, 400, 401])
@pytest.mark.parametrize("change", [{"password": "x"}, {"tenancyName": "acm"}])
def test_failed_login_is_an_envelope_of_the_chosen_status(
    fake: FakeZenvoices, client: httpx.Client, status: int, change: dict[str, str]
) -> None:
    """A failed login says why in an ABP envelope of the status that was set."""
    fake.login_failure_status = status
    answer = login(client, **change)
    assert answer.status_code == status
    assert (answer.json()["success"], bool(answer.json()["error"]["details"])) == (False, True)


def test_unusable_user_can_fail_with_200_and_no_token(
    fake: FakeZenvoices, client: httpx.Client
) -> None:
    """Failure with status 200 has an accessToken of null and an errorMessage."""
    fake.login_failure_status = 200
    fake.user.refusal = "You must change your password before you can log in."
    answer = login(client)
    result = answer.json()["result"]
    assert (answer.status_code, result["accessToken"]) == (200, None)
    assert result["errorMessage"] == fake.user.refusal


def test_two_factor_is_told_by_its_flag(fake: FakeZenvoices, client: httpx.Client) -> None:
    """A two-factor user gets the flag instead of a token."""
    fake.user.two_factor = True
    result = login(client).json()["result"]
    assert (result["accessToken"], result["requiresTwoFactorVerification"]) == (None, True)


def test_five_wrong_passwords_lock_the_user_for_300_s(
    fake: FakeZenvoices, client: httpx.Client, clock: Clock
) -> None:
    """After five wrong passwords the right one fails too, for 300 s."""
    for _ in range(5):
        assert login(client, password="wrong").status_code == 500
    assert "locked" in login(client).json()["error"]["details"]
    clock.now += 300
    assert login(client).status_code == 200


def test_unknown_user_fails_like_a_wrong_password(client: httpx.Client) -> None:
    """Nobody learns from the answer which users there are."""
    unknown = login(client, userNameOrEmailAddress="nobody").json()["error"]
    assert unknown == login(client, password="wrong").json()["error"]


@pytest.mark.parametrize("company", [True, "x", 1.5])
def test_company_that_is_no_number_is_invalid(
    client: httpx.Client, headers: dict[str, str], company: object
) -> None:
    """A company's id is a number, or a text of digits."""
    answer = client.post(f"{BASE}/inbox/list", json={"administrationId": company}, headers=headers)
    assert (answer.status_code, members(answer)) == (400, ["administrationId"])


def test_inbox_document_without_external_id_can_be_removed(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """What came by another way than an export is deleted like the rest."""
    company = fake.add_company()
    made = [upload(client, headers, company, externalId=name).json()["id"] for name in (None, "e2")]
    fake.remove(made[0])
    assert [item.id for item in fake.inbox] == made[1:]
    fake.remove(made[1])
    assert fake.inbox == []


def test_misspelt_login_is_a_validation_error(client: httpx.Client) -> None:
    """A login without its members is a 400 that names them; a form is a 415."""
    answer = client.post(LOGIN, json={"userName": "x", "password": "y"})
    assert (answer.status_code, members(answer)) == (400, ["userNameOrEmailAddress"])
    assert client.post(LOGIN, data=WHO).status_code == 415


def test_missing_and_expired_tokens_are_401(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str], clock: Clock
) -> None:
    """A missing, expired or used-up token is a 401 with an empty body."""
    url = f"{BASE}/administration/list"
    assert client.post(url, json={}, headers=headers).status_code == 200
    assert client.post(url, json={}).status_code == 401
    clock.now += 86_400
    late = client.post(url, json={}, headers=headers)
    assert (late.status_code, late.content) == (401, b"")
    fake.token_uses = 1
    once = {"Authorization": f"Bearer {login(client).json()['result']['accessToken']}"}
    seen = [client.post(url, json={}, headers=once).status_code for _ in range(2)]
    assert seen == [200, 401]


@pytest.mark.parametrize(
    ("right", "method", "path"),
    [
        ("companies", "POST", "administration/list"),
        ("companies", "GET", "administration/101"),
        ("inbox", "POST", "inbox"),
        ("inbox", "POST", "inbox/list"),
        ("inbox", "GET", "inbox/details"),
    ],
)
def test_missing_right_is_a_403_envelope(
    fake: FakeZenvoices,
    client: httpx.Client,
    headers: dict[str, str],
    right: str,
    method: str,
    path: str,
) -> None:
    """Without its right an operation answers 403 in an envelope, the other ones go on."""
    fake.add_company()
    fake.user.rights.discard(right)
    body: dict[str, str] | None = {} if method == "POST" else None
    answer = client.request(method, f"{BASE}/{path}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["__abp"]) == (403, True)
    other = "inbox/list" if right == "companies" else "administration/list"
    assert client.post(f"{BASE}/{other}", json={}, headers=headers).status_code == 200


def test_company_without_rights_is_missing_from_the_list(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """A company the user has no right to is not listed and refuses an upload with 403."""
    seen = fake.add_company(code="0042", name="Garage Sint-Elooi BV")
    hidden = fake.add_company(code="0043", visible=False)
    answer = client.post(f"{BASE}/administration/list", json={}, headers=headers).json()
    row = {"id": seen, "code": "0042", "name": "Garage Sint-Elooi BV"}
    assert answer == {"items": [row], "totalCount": 1}
    got = client.get(f"{BASE}/administration/{seen}", headers=headers).json()
    assert got == {"administration": row}
    assert upload(client, headers, hidden).status_code == 403
    assert upload(client, headers, 999).status_code == 404


def test_relinked_company_has_a_new_id(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """After re-linking the old id is unknown and the new one takes uploads."""
    old = fake.add_company()
    new = fake.relink_company(old)
    assert upload(client, headers, old).status_code == 404
    assert upload(client, headers, new).status_code == 200


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"maxResultCount": 0}, "maxResultCount"),
        ({"maxResultCount": 251}, "maxResultCount"),
        ({"maxResultCount": "50"}, "maxResultCount"),
        ({"skipCount": -1}, "skipCount"),
        ({"sorting": "nothing"}, "sorting"),
        ({"sorting": "id SIDEWAYS"}, "sorting"),
    ],
)
def test_list_refuses_a_bad_page(
    fake: FakeZenvoices,
    client: httpx.Client,
    headers: dict[str, str],
    body: dict[str, object],
    member: str,
) -> None:
    """A page size outside 1 to 250 and the like is a 400 that names the member."""
    fake.add_company()
    answer = client.post(f"{BASE}/administration/list", json=body, headers=headers)
    assert (answer.status_code, members(answer)) == (400, [member])


def test_list_pages_and_sorts(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """skipCount and maxResultCount cut the sorted list; totalCount counts all of it."""
    for code in ("b", "a", "c"):
        fake.add_company(code=code)
    body = {"maxResultCount": 2, "skipCount": 1, "sorting": "code DESC"}
    answer = client.post(f"{BASE}/administration/list", json=body, headers=headers).json()
    assert [row["code"] for row in answer["items"]] == ["b", "a"]
    assert answer["totalCount"] == 3


def test_upload_arrives_byte_for_byte(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """An upload is answered flat, stored with its hash, and found again by id and key."""
    company = fake.add_company()
    made = upload(client, headers, company, subject="[INK]", senderName="Banqup").json()
    item = fake.inbox[0]
    assert (item.id, item.external_id, item.subject) == (made["id"], "e1", "[INK]")
    part = item.attachments[0]
    assert (part.content, part.sha256) == (CONTENT, hashlib.sha256(CONTENT).hexdigest())
    url = f"{BASE}/inbox/details"
    by_key: dict[str, str | int] = {"administrationId": company, "externalId": "e1"}
    for query in ({"id": item.id}, by_key):
        assert client.get(url, params=query, headers=headers).json() == made
    listed = client.post(f"{BASE}/inbox/list", json={}, headers=headers).json()
    assert listed == {"items": [made], "totalCount": 1}


def test_envelope_wraps_every_answer(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """With the envelope on, the answer of an upload is its result."""
    fake.envelope = True
    body = upload(client, headers, fake.add_company()).json()
    assert (body["__abp"], body["success"], body["result"]["externalId"]) == (True, True, "e1")


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"attachments": []}, "attachments"),
        ({"attachments": None}, "attachments"),
        ({"administrationId": "101"}, "administrationId"),
        ({"external_id": "x"}, "external_id"),
        ({"externalId": 7}, "externalId"),
        ({"attachments": [{**FILE, "content": "a b="}]}, "attachments[0].content"),
        ({"attachments": [{**FILE, "content": "YQ"}]}, "attachments[0].content"),
        ({"attachments": [{**FILE, "content": ""}]}, "attachments[0].content"),
        ({"attachments": [{**FILE, "content": "é"}]}, "attachments[0].content"),
        ({"attachments": [FILE, {**FILE, "filename": "x"}]}, "attachments[1].filename"),
        ({"attachments": ["x"]}, "attachments[0]"),
    ],
)
def test_invalid_upload_names_the_member(
    fake: FakeZenvoices,
    client: httpx.Client,
    headers: dict[str, str],
    change: dict[str, Any],
    member: str,
) -> None:
    """A missing, misspelt or malformed member is a 400 with validationErrors."""
    answer = upload(client, headers, fake.add_company(), **change)
    assert (answer.status_code, members(answer), fake.inbox) == (400, [member], [])


def test_upload_over_the_limit_is_413(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """A JSON body over the limit is a 413 and stores nothing."""
    company = fake.add_company()
    fake.max_body = 100
    assert upload(client, headers, company).status_code == 413
    assert fake.inbox == []


def test_business_refusal_is_a_500_envelope(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """The rule sees the inbox document and refuses it with HTTP 500 in an envelope."""

    def rule(item: InboxItem) -> str | None:
        return "Period closed" if item.attachments[0].content == CONTENT else None

    fake.refuse_when(rule)
    answer = upload(client, headers, fake.add_company())
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "Period closed")
    assert fake.inbox == []


def test_duplicate_is_accepted_and_counted(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """The same external id twice in a company makes two documents; in another it is none."""
    first, second = fake.add_company("a"), fake.add_company("b")
    for company in (first, first, second):
        assert upload(client, headers, company).status_code == 200
    assert (len(fake.inbox), fake.duplicates) == (3, {("a", "e1"): 2})


@pytest.mark.parametrize(
    ("lookup", "status"),
    [("works", 404), ("lags", 404), ("missing", 404), ("ignores_external_id", 200)],
)
def test_lookup_of_an_unknown_external_id(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str], lookup: Lookup, status: int
) -> None:
    """Only a service that ignores the external id answers one that never came."""
    company = fake.add_company()
    upload(client, headers, company)
    fake.lookup = lookup
    query: dict[str, str | int] = {"administrationId": company, "externalId": "other"}
    answer = client.get(f"{BASE}/inbox/details", params=query, headers=headers)
    assert answer.status_code == status
    if lookup == "missing":
        assert b"__abp" not in answer.content


def test_lookup_lags_behind_the_upload(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str], clock: Clock
) -> None:
    """A lagging lookup finds a document only after the lag, in the list too; the id at once."""
    fake.lookup, fake.lookup_lag = "lags", 60
    company = fake.add_company()
    made = upload(client, headers, company).json()
    url = f"{BASE}/inbox/details"
    query: dict[str, str | int] = {"administrationId": company, "externalId": "e1"}
    assert client.get(url, params=query, headers=headers).status_code == 404
    assert client.get(url, params={"id": made["id"]}, headers=headers).status_code == 200
    assert client.post(f"{BASE}/inbox/list", json={}, headers=headers).json()["totalCount"] == 0
    clock.now += 60
    assert client.get(url, params=query, headers=headers).json() == made


@pytest.mark.parametrize("query", [{}, {"id": "x"}, {"externalId": "e1"}])
def test_lookup_without_a_key_is_invalid(
    client: httpx.Client, headers: dict[str, str], query: dict[str, str]
) -> None:
    """A lookup needs an id, or a company and an external id."""
    answer = client.get(f"{BASE}/inbox/details", params=query, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("resource", "path", "key"),
    [
        ("accounts", "accounts", "code"),
        ("accounts", "accounts/externalId", "externalId"),
        ("ledger_accounts", "ledgerAccounts", "code"),
        ("employees", "employees", "code"),
        ("products", "product", "code"),
        ("projects", "projects", "code"),
        ("purchase_orders", "purchaseOrders", "purchaseOrderNumber"),
    ],
)
def test_master_data_is_found_by_key(
    fake: FakeZenvoices,
    client: httpx.Client,
    headers: dict[str, str],
    resource: str,
    path: str,
    key: str,
) -> None:
    """A record is answered flat to its own company's key, and 404 in an envelope to another."""
    own, other = fake.add_company("a"), fake.add_company("b")
    record = {"administrationId": own, key: "007", "name": "x"}
    fake.add(resource, record)
    url = f"{BASE}/{path}"
    query: dict[str, str | int] = {"administrationId": own, key: "007"}
    assert client.get(url, params=query, headers=headers).json() == record
    wrongs: list[dict[str, str | int]] = [{"administrationId": other}, {key: "7"}]
    for wrong in wrongs:
        answer = client.get(url, params={**query, **wrong}, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (404, False)
    for missing in query:
        left = {name: value for name, value in query.items() if name != missing}
        assert members(client.get(url, params=left, headers=headers)) == [missing]


@pytest.mark.parametrize("resource", ["products", "projects", "employees", "ledger_accounts"])
def test_master_data_is_found_by_external_id(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str], resource: str
) -> None:
    """Where there is no path of its own for it, the external id is another key of the call."""
    paths = {"products": "product", "ledger_accounts": "ledgerAccounts"}
    company = fake.add_company()
    record = {"administrationId": company, "code": "1", "externalId": "x-1"}
    fake.add(resource, record)
    query: dict[str, str | int] = {"administrationId": company, "externalId": "x-1"}
    url = f"{BASE}/{paths.get(resource, resource)}"
    assert client.get(url, params=query, headers=headers).json() == record


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("accounts", "accounts"),
        ("ledger_accounts", "ledgerAccounts"),
        ("cost_centres", "costCentres"),
        ("cost_units", "costUnits"),
        ("employees", "employees"),
        ("payment_conditions", "paymentConditions"),
        ("products", "product"),
        ("projects", "projects"),
        ("purchase_orders", "purchaseOrders"),
        ("tax_codes", "taxCodes"),
        ("financial_transactions", "financialTransaction"),
    ],
)
def test_master_data_is_listed_per_company(
    fake: FakeZenvoices,
    client: httpx.Client,
    headers: dict[str, str],
    resource: str,
    path: str,
) -> None:
    """Each list answers POST, narrows to a company, and refuses GET."""
    own, other = fake.add_company("a"), fake.add_company("b")
    for company in (own, other):
        fake.add(resource, {"id": company, "administrationId": company, "code": "1"})
    url = f"{BASE}/{path}/list"
    body = client.post(url, json={"administrationId": own}, headers=headers).json()
    assert ([row["id"] for row in body["items"]], body["totalCount"]) == ([own], 1)
    assert client.post(url, json={}, headers=headers).json()["totalCount"] == 2
    # "list" may be an id.
    assert client.get(url, headers=headers).status_code == 404


def test_transactions_and_webhooks_are_read(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """A transaction is read by id; webhooks and their subscriptions are listed with GET."""
    fake.add("financial_transactions", {"id": 5})
    fake.add("webhook_subscriptions", {"id": "w1"})
    url = f"{BASE}/financialTransaction"
    assert client.get(f"{url}/5", headers=headers).json() == {"id": 5}
    assert client.get(f"{url}/6", headers=headers).status_code == 404
    hooks = f"{BASE}/webhookSubscription"
    assert client.get(f"{hooks}/list", headers=headers).json() == {"items": [{"id": "w1"}]}
    names = client.get(f"{hooks}/get-available-webhooks", headers=headers).json()
    assert all(isinstance(name, str) for name in names)


def test_webhook_is_signed_over_its_raw_body(fake: FakeZenvoices) -> None:
    """The signature is upper-case hex pairs joined by dashes, over the body's bytes."""
    headers, body = fake.webhook("Booking.Exported", {"id": 1}, "whs_secret")
    seal = hmac.new(b"whs_secret", body, hashlib.sha256).hexdigest().upper()
    pairs = "-".join(seal[at : at + 2] for at in range(0, len(seal), 2))
    assert headers["abp-webhook-signature"] == f"sha256={pairs}"
    assert json.loads(body)["Data"] == {"id": 1}


def test_unknown_list_members_are_ignored_and_logged(
    fake: FakeZenvoices, client: httpx.Client, headers: dict[str, str]
) -> None:
    """The inbox list does not filter by external id, and the log shows that it was asked to."""
    upload(client, headers, fake.add_company())
    body = {"externalId": "other"}
    answer = client.post(f"{BASE}/inbox/list", json=body, headers=headers)
    assert answer.json()["totalCount"] == 1
    assert fake.requests[-1].ignored == ("externalId",)
