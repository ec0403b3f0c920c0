"""Operations of Zenvoices made by functions of the user's own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve

from support.zenvoices import ONCE, answering, enveloped, login, refusal
from zenvoices_client import (
    AskedFind,
    AskedPage,
    AskedUpload,
    AsyncZenvoicesClient,
    Attachment,
    Base64,
    Call,
    ConfigurationError,
    InboxUpload,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio

FILE = "/public-api/v1/file/upload"
INBOX = "/public-api/v1/inbox"
UPLOAD = InboxUpload(
    attachments=(Attachment("a.xml", b"<a/>"), Attachment("b.pdf", io.BytesIO(b"%PDF"))),
    subject="one",
)


def two_steps(asked: AskedUpload) -> Any:
    """The files first, each for a token; then the document that names them."""
    tokens = []
    for file in asked.upload.attachments:
        body = {"fileName": file.file_name, "content": Base64(file.content)}
        kept = yield Call("POST", FILE, safe=True, json=body, query={"name": file.file_name})
        tokens.append(kept["fileToken"])
    body = {"company": asked.company_id, "key": asked.external_id, "files": tokens}
    return (yield Call("POST", INBOX, json=body, headers={"X-Company": str(asked.company_id)}))


class Service:
    """Answers calls in turn and keeps what was sent.

    Attributes:
        sent: Method, path and body of each call.
    """

    def __init__(self, *answers: Any) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer with the next."""
        body = json.loads(request.content) if request.content else None
        self.sent.append((request.method, request.url.path, body))
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def client_of(
    service: Service, functions: dict[str, Callable[[Any], Any]], **options: Any
) -> AsyncZenvoicesClient:
    """A client with functions, which tries once."""
    given: dict[str, Any] = {"retry": ONCE, **options}
    return AsyncZenvoicesClient(
        login(), transport=answering(service), operations=functions, **given
    )


def bad(status: int = 400) -> httpx.Response:
    """A refusal in the service's own words."""
    return httpx.Response(status, json=refusal())


def gone() -> httpx.Response:
    """Not found, in the service's own words."""
    return bad(404)


async def test_upload_in_two_steps() -> None:
    """Each call is made as it is yielded; each answer comes without its envelope."""
    service = Service(enveloped({"fileToken": "t1"}), {"fileToken": "t2"}, enveloped({"id": 9}))
    client = client_of(service, {"inbox.upload": two_steps})
    made = await client.inbox.upload(UPLOAD, company_id=3, external_id="x")
    assert made.id == 9
    assert service.sent == [
        ("POST", FILE, {"fileName": "a.xml", "content": "PGEvPg=="}),
        ("POST", FILE, {"fileName": "b.pdf", "content": "JVBERg=="}),
        ("POST", INBOX, {"company": 3, "key": "x", "files": ["t1", "t2"]}),
    ]
    assert service.requests[0].url.query == b"name=a.xml"
    assert service.requests[2].headers["x-company"] == "3"
    assert service.requests[2].headers["authorization"].startswith("Bearer ")


async def test_default_call_is_given_and_may_be_changed_a_little() -> None:
    """What the library would send itself, patched by the contract, files included."""

    def upload(asked: AskedUpload) -> Any:
        return (yield evolve(asked.default, query={"companyId": asked.company_id}))

    service = Service({"id": 9})
    patch = {"inbox.upload": {"path": "/public-api/v1/inbox/submit"}}
    client = client_of(service, {"inbox.upload": upload}, contract=patch)
    await client.inbox.upload(UPLOAD, company_id=3, external_id="x")
    ((method, path, body),) = service.sent
    assert (method, path) == ("POST", "/public-api/v1/inbox/submit")
    assert body["attachments"][1]["content"] == "JVBERg=="
    assert service.requests[0].url.query == b"companyId=3"


async def test_same_file_may_stand_anywhere_and_several_times() -> None:
    """Each is read anew while it is sent, and again when the call is repeated."""

    def upload(asked: AskedUpload) -> Any:
        content = [[Base64(file.content)] * 2 for file in asked.upload.attachments]
        return (yield Call("POST", INBOX, json={"deep": {"list": content}}))

    busy = httpx.Response(429, headers={"Retry-After": "0"})
    service = Service(busy, {"id": 1})
    client = AsyncZenvoicesClient(
        login(), transport=answering(service), operations={"inbox.upload": upload}
    )
    await client.inbox.upload(UPLOAD, company_id=3)
    bodies = [body for _, _, body in service.sent]
    assert bodies == [{"deep": {"list": [["PGEvPg=="] * 2, ["JVBERg=="] * 2]}}] * 2


@pytest.mark.parametrize("content", [b"%PDF" * 100_000, b"x", b""])
async def test_file_is_sent_as_it_is(content: bytes, tmp_path: Path) -> None:
    """From memory, from a path and from an open file; sent anew when the call is repeated."""
    (tmp_path / "a.pdf").write_bytes(content)
    files: list[Any] = [content, tmp_path / "a.pdf", io.BytesIO(content)]
    sources = tuple(Attachment(f"{n}.pdf", file) for n, file in enumerate(files))

    def upload(asked: AskedUpload) -> Any:
        for n, file in enumerate(asked.upload.attachments):
            headers = {"Content-Type": "application/pdf"}
            yield Call("PUT", f"{FILE}/{n}", content=file.content, headers=headers, safe=True)
        return (yield Call("POST", INBOX, content=b"<inbox/>"))

    seen: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["content-type"], request.read()))
        assert request.headers["content-length"] == str(len(seen[-1][1]))
        assert "transfer-encoding" not in request.headers
        return httpx.Response(503 if len(seen) == 1 else 200, json={"id": 4})

    client = AsyncZenvoicesClient(
        login(), transport=answering(answer), operations={"inbox.upload": upload}
    )
    assert (await client.inbox.upload(InboxUpload(attachments=sources), company_id=3)).id == 4
    assert seen == [
        *[("application/pdf", content)] * 4,
        ("application/octet-stream", b"<inbox/>"),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"json": {"a": UPLOAD.attachments[0].content}}, r"FileSource .*: write Base64"),
        ({"json": {"a": b"x"}}, r"bytes .*: write Base64"),
        ({"json": {}, "content": b"x"}, r"json= or content=, not both"),
        ({"content": 7}, r"a file must be bytes"),
        ({"headers": {"X-Company": 7}}, r"expected string"),
    ],
)
async def test_body_that_cannot_be_sent_says_what_to_write(wrong: Any, said: str) -> None:
    """At the line of the call; nothing is sent."""

    def upload(asked: AskedUpload) -> Any:
        return (yield Call("POST", INBOX, **wrong))

    client = client_of(Service(), {"inbox.upload": upload})
    with pytest.raises(ConfigurationError, match=rf"{said}.*upload, line \d+"):
        await client.inbox.upload(UPLOAD, company_id=3)


async def test_answer_that_is_no_json_says_how_to_read_it() -> None:
    """Another address in the contract does not help a call of the user's own."""

    def upload(asked: AskedUpload) -> Any:
        return (yield Call("POST", INBOX))

    client = client_of(Service(httpx.Response(200, text="<id>4</id>")), {"inbox.upload": upload})
    with pytest.raises(ServiceError) as caught:
        await client.inbox.upload(UPLOAD, company_id=3)
    assert "look it up" in str(caught.value.hint)
    client = client_of(Service(httpx.Response(200, text="<id>4</id>")), {})
    with pytest.raises(ProtocolError) as caught:
        await client.request(Call("GET", INBOX))
    assert "whole=True" in str(caught.value.hint)


async def test_renewal_repeats_the_call_and_never_the_function() -> None:
    """A token that expired between two steps is renewed in the middle."""
    runs = []

    def upload(asked: AskedUpload) -> Any:
        runs.append(1)
        return (yield from two_steps(asked))

    service = Service({"fileToken": "1"}, httpx.Response(401), {"fileToken": "2"}, {"id": 5})
    client = client_of(service, {"inbox.upload": upload})
    assert (await client.inbox.upload(UPLOAD, company_id=3)).id == 5
    assert runs == [1]
    assert [path for _, path, _ in service.sent] == [FILE, FILE, FILE, INBOX]


async def test_whole_answer_is_given_where_it_is_wanted() -> None:
    """The number may stand in a header, as in Location."""

    def upload(asked: AskedUpload) -> Any:
        answer = yield evolve(asked.default, whole=True)
        return {"id": int(answer.headers["location"].rpartition("/")[2]), "x": answer.status}

    service = Service(httpx.Response(201, headers={"Location": "/inbox/77"}))
    client = client_of(service, {"inbox.upload": upload})
    assert (await client.inbox.upload(UPLOAD, company_id=3)).id == 77


async def test_empty_answer_is_none() -> None:
    """And 201 that the function returns as it came says that the document arrived."""
    seen = []

    def upload(asked: AskedUpload) -> Any:
        seen.append((yield Call("POST", INBOX)))

    client = client_of(Service(httpx.Response(201)), {"inbox.upload": upload})
    assert (await client.inbox.upload(UPLOAD, company_id=3)).id is None
    assert seen == [None]


@pytest.mark.parametrize("value", [{"id": 0}, {}, "7", [], True, {"id": "x"}, None])
async def test_wrong_return_value_after_the_upload_is_in_doubt(value: object) -> None:
    """The document may have arrived; the error names the function and its line."""

    def upload(asked: AskedUpload) -> Any:
        yield Call("POST", INBOX)
        return value

    client = client_of(Service({"ok": 1}), {"inbox.upload": upload})
    with pytest.raises(ProtocolError, match=r"upload, line \d+") as caught:
        await client.inbox.upload(UPLOAD, company_id=3)
    assert caught.value.applied is None


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([bad()], RejectedError),
        ([{"fileToken": "1"}, {"fileToken": "2"}, bad()], RejectedError),
        ([{"fileToken": "1"}, {"fileToken": "2"}, httpx.ReadError("x")], OutcomeUnknownError),
        ([httpx.ReadError("x")], UnavailableError),
        ([{"wrong": "1"}], ConfigurationError),
    ],
)
async def test_what_ends_an_upload_is_judged_as_ever(answers: Any, error: type[Exception]) -> None:
    """A refused file, a refused document, a doubt, and a mistake of the function."""
    client = client_of(Service(*answers), {"inbox.upload": two_steps})
    with pytest.raises(error) as caught:
        await client.inbox.upload(UPLOAD, company_id=3)
    assert getattr(caught.value, "operation", None) == "inbox.upload"


@pytest.mark.parametrize(
    "path", ["//evil.test/x", "/\\evil.test/x", "https://evil.test/x", "/a/../x", "x", "/a\tb"]
)
async def test_call_to_elsewhere_names_the_line(path: str) -> None:
    """The token goes to the API's own origin only."""

    def upload(asked: AskedUpload) -> Any:
        return (yield Call("POST", path))

    service = Service()
    client = client_of(service, {"inbox.upload": upload})
    with pytest.raises(ConfigurationError, match=r"path must be of this API.* line \d+"):
        await client.inbox.upload(UPLOAD, company_id=3)
    assert service.sent == []


async def test_one_deadline_covers_all_calls() -> None:
    """What is left of it is what the next call may take."""

    def upload(asked: AskedUpload) -> Any:
        yield Call("POST", FILE, safe=True)
        return (yield Call("POST", INBOX))

    service = Service({}, {"id": 1})
    client = client_of(service, {"inbox.upload": upload})
    with pytest.raises(UnavailableError, match="deadline"):
        await client.inbox.upload(UPLOAD, company_id=3, deadline=0)
    assert service.sent == []
    assert (await client.inbox.upload(UPLOAD, company_id=3, deadline=10)).id == 1
    first, second = (request.extensions["timeout"]["connect"] for request in service.requests)
    assert second < first <= 10


async def test_lease_is_checked_before_each_unsafe_call_and_piece() -> None:
    """Also where the bytes are the function's own, and never before a safe call."""
    checks: list[int] = []
    content = evolve(Attachment("a.xml", b"<a/>").content, check=lambda: checks.append(1))
    upload_ = InboxUpload(attachments=(evolve(UPLOAD.attachments[0], content=content),))

    def upload(asked: AskedUpload) -> Any:
        yield Call("POST", FILE, safe=True, json=Base64(b"abc"))
        seen.append(len(checks))
        yield Call("POST", FILE, json={"plain": 1})
        seen.append(len(checks))
        return (yield Call("POST", INBOX, json=Base64(b"abc")))

    seen: list[int] = []
    client = client_of(Service({}, {}, {"id": 1}), {"inbox.upload": upload})
    await client.inbox.upload(upload_, company_id=3)
    assert seen == [0, 1]
    assert len(checks) == 4  # before the call, and before each of its pieces


async def test_size_limit_is_judged_before_the_function_makes_a_call() -> None:
    """Nothing is sent, so nothing is in doubt."""
    service = Service({"fileToken": "1"})
    client = client_of(service, {"inbox.upload": two_steps})
    with pytest.raises(RejectedError, match="limit is 40") as caught:
        await client.inbox.upload(UPLOAD, company_id=3, max_bytes=40)
    assert caught.value.code == "too_large"
    assert caught.value.status == 413
    assert service.requests == []


def through_list(asked: AskedFind) -> Any:
    """A look-up through a list."""
    page = yield Call("POST", f"{INBOX}/search", json={"key": asked.external_id})
    for row in page["rows"]:
        return {"id": row["n"], "externalId": row["key"], "administrationId": asked.company_id}
    return None


async def test_look_up_by_a_function() -> None:
    """Found and not found are as ever; a POST is repeated, since a look-up only reads."""
    row = {"n": 8, "key": "x"}
    dated = {"Date": "Sun, 29 Nov 2026 12:00:00 GMT"}
    empty = httpx.Response(200, headers=dated, json={"rows": []})
    service = Service(httpx.Response(503), {"rows": [row]}, empty, {"rows": [{**row, "key": "y"}]})
    client = AsyncZenvoicesClient(
        login(), transport=answering(service), operations={"inbox.find": through_list}
    )
    found = await client.inbox.find(external_id="x", company_id=3)
    assert found.outcome == "found"
    assert found.document is not None
    assert found.document.id == 8
    missing = await client.inbox.find(external_id="x", company_id=3)
    assert missing.outcome == "not found"
    assert missing.answered_at is not None
    assert (await client.inbox.find(external_id="x", company_id=3)).outcome == "cannot tell"


@pytest.mark.parametrize("end", ["return", "raise"])
@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([{}, {}], "not found"),
        ([gone(), {}], "not found"),
        ([bad(), {}], "cannot tell"),
        ([httpx.Response(404), {}], "cannot tell"),
        ([httpx.Response(502), {}], "cannot tell"),
        ([], "cannot tell"),
    ],
)
async def test_not_found_counts_only_if_every_call_was_answered(
    answers: list[Any], outcome: str, end: str
) -> None:
    """A function that swallows errors, or makes no call, proves no absence."""

    def find(asked: AskedFind) -> Any:
        for _ in answers:
            with suppress(ServiceError):
                yield Call("GET", INBOX)
        if end == "raise":
            raise NotFoundError("not there", service="zenvoices")

    client = client_of(Service(*answers), {"inbox.find": find})
    assert (await client.inbox.find(external_id="x", company_id=3)).outcome == outcome


@pytest.mark.parametrize(
    "value", [[], [{"id": 8, "externalId": "x"}], {"id": 8}, {"externalId": None}, {}, 8, "x", True]
)
async def test_look_up_that_returns_something_else_is_an_error(value: object) -> None:
    """It names the function, its line and what to return; nothing is absent by it."""

    def find(asked: AskedFind) -> Any:
        yield Call("GET", INBOX)
        return value

    client = client_of(Service({}), {"inbox.find": find})
    said = r"find, line \d+: expected a document with its externalId, or None"
    with pytest.raises(ProtocolError, match=said) as caught:
        await client.inbox.find(external_id="x", company_id=3)
    assert caught.value.code == "user_code"


@pytest.mark.parametrize("number", ["3", "4", 3.5, {"id": 3}])
async def test_look_up_that_returns_a_company_as_text_is_an_error(number: object) -> None:
    """A number that is not read as one cannot tell the companies apart."""

    def find(asked: AskedFind) -> Any:
        yield Call("GET", INBOX)
        return {"externalId": "x", "administrationId": number}

    client = client_of(Service({}), {"inbox.find": find})
    with pytest.raises(ProtocolError, match=r"find, line \d+: .*its administrationId is an int"):
        await client.inbox.find(external_id="x", company_id=3)


async def test_look_up_that_is_gone_proves_no_absence() -> None:
    """410 may say that the route is gone, not the document."""

    def find(asked: AskedFind) -> Any:
        with suppress(NotFoundError):
            yield Call("GET", INBOX)

    client = client_of(Service(bad(410)), {"inbox.find": find})
    assert (await client.inbox.find(external_id="x", company_id=3)).outcome == "cannot tell"


async def test_list_by_a_function_is_asked_once_a_page() -> None:
    """With how many came before; rows are in the names of this library."""
    asked_for: list[tuple[int, int, int | None]] = []

    def listed(asked: AskedPage) -> Any:
        asked_for.append((asked.skip, asked.size, asked.company_id))
        page = yield Call("GET", INBOX, query={"from": asked.skip})
        return {"items": [{"id": n} for n in page], "totalCount": 3}

    client = client_of(Service([1, 2], [3]), {"inbox.list": listed})
    assert [one.id async for one in client.inbox.list(company_id=4, page_size=2)] == [1, 2, 3]
    assert asked_for == [(0, 2, 4), (2, 2, 4)]


async def test_every_operation_can_have_a_function() -> None:
    """Each gets what it is asked for; only the login is made by the library alone."""
    fake = FakeZenvoices()
    got: dict[str, Any] = {}

    def own(name: str) -> Callable[[Any], Any]:
        def function(asked: Any) -> Any:
            got[name] = asked
            if name.endswith(".list"):
                return {"items": [], "totalCount": 0} if name != "webhooks.list" else []
            return [] if name == "webhooks.available" else {"id": 1, "externalId": "e"}

        return function

    client = AsyncZenvoicesClient(login())
    names = set(client._calls.contract.operations) - {"login", "inbox.upload"}
    client = AsyncZenvoicesClient(
        login(),
        transport=fake.transport(),
        operations={name: own(name) for name in {*names, "inbox.find"}},
    )
    for name in (name for name in names if name.endswith(".list") and name != "webhooks.list"):
        part: Any = getattr(client, name.partition(".")[0])
        assert [one async for one in part.list()] == []
    for resource in ("ledger_accounts", "employees", "products", "projects", "accounts"):
        await getattr(client, resource).get(company_id=7, code="A1")
        assert got[f"{resource}.get"].code == "A1"
    await client.accounts.get(company_id=7, external_id="e")
    await client.purchase_orders.get(company_id=7, number="n")
    await client.financial_transactions.get(5)
    await client.companies.get(7)
    await client.inbox.details(8)
    await client.inbox.find(company_id=7, external_id="e")
    await client.webhooks.list()
    await client.webhooks.available()
    assert got.keys() == {*names, "inbox.find"}
    assert (got["companies.get"].id, got["inbox.details"].id) == (7, 8)
    assert got["financial_transactions.get"].id == 5
    assert got["purchase_orders.get"].number == "n"
    assert got["accounts.get_by_external_id"].external_id == "e"
    assert fake.requests == []


async def test_time_of_a_not_found_that_the_function_handles() -> None:
    """Recovery needs the server's time of two answers, also where a function reads them."""

    def find(asked: AskedFind) -> Any:
        try:
            return (yield asked.default)
        except NotFoundError:
            return None

    answer = httpx.Response(404, json=refusal(), headers={"Date": "Sun, 29 Nov 2026 10:00:00 GMT"})
    client = client_of(Service(answer), {"inbox.find": find})
    found = await client.inbox.find(external_id="x", company_id=3)
    assert (found.outcome, str(found.answered_at)) == ("not found", "2026-11-29 10:00:00+00:00")


async def test_read_after_an_upload_does_not_confirm_it() -> None:
    """An upload whose own answer is in doubt stays so, whatever a later read says."""

    def function(asked: AskedUpload) -> Any:
        yield asked.default
        yield Call("GET", "/public-api/v1/inbox/last", safe=True)

    service = Service(httpx.Response(202), enveloped(None))
    client = client_of(service, {"inbox.upload": function})
    with pytest.raises(ProtocolError):
        await client.inbox.upload(UPLOAD, company_id=3, external_id="x")


@pytest.mark.parametrize("raised", [RuntimeError("closed"), KeyError("gone"), RecursionError()])
async def test_file_that_cannot_be_prepared_after_an_upload_is_in_doubt(raised: Exception) -> None:
    """Whatever the user's own file object raises, the function is closed and named."""
    closed: list[bool] = []

    class Broken(io.BytesIO):
        def seek(self, *_: object) -> int:
            raise raised

    broken: Any = Broken(b"x")

    def function(asked: AskedUpload) -> Any:
        try:
            yield Call("POST", "/first", json={})
            yield Call("POST", "/second", content=broken)
        finally:
            closed.append(True)

    client = client_of(Service({}), {"inbox.upload": function})
    with pytest.raises(OutcomeUnknownError, match=r"function, line \d+") as caught:
        await client.inbox.upload(UPLOAD, company_id=3, external_id="x")
    assert caught.value.code == "user_code"
    assert closed == [True]
