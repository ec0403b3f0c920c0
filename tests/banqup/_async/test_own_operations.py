"""Operations of Banqup made by functions of the user's own, and bytes from the API itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from attrs import evolve

from banqup_client import (
    AskedBytes,
    AskedDocument,
    AskedDocumentFiles,
    AskedDocuments,
    AskedFile,
    AsyncBanqupClient,
    Base64,
    Call,
    ConfigurationError,
    CredentialsError,
    Document,
    Environment,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
)
from banqup_client.testing import FakeBanqup
from support.banqup_service import API, ONCE, SPACE, Scripted, credentials, file_details

pytestmark = pytest.mark.anyio

BYTES = b"<Invoice/>"
PATH = "/datastore/files/f1/bytes?inline=1"


def client_of(
    answer: Callable[[httpx.Request], Any],
    storage: Callable[[httpx.Request], Any] | None = None,
    **functions: Any,
) -> AsyncBanqupClient:
    """A client of a scripted API and a scripted storage."""
    return AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(answer),
        storage_transport=Scripted(storage or answer),
        retry=ONCE,
        operations={name.replace("_", ".", 1): own for name, own in functions.items()},
    )


def spring(pages: list[list[str]], **more: Any) -> Callable[[httpx.Request], Any]:
    """A service with pages of ids."""

    def answer(request: httpx.Request) -> Any:
        number = int(request.url.params["number"])
        return {"content": pages[number] if number < len(pages) else [], **more}

    return answer


def listed(**says: Callable[[AskedDocuments, Any], Any]) -> Callable[[Any], Any]:
    """A function that asks for pages by number; `says` adds members to its answers."""

    def function(asked: AskedDocuments) -> Any:
        page = yield Call("GET", "/docs", query={"number": asked.page, "in": asked.folder})
        rows = [{"id": name} for name in page["content"]]
        return {"documents": rows, **{name: say(asked, page) for name, say in says.items()}}

    return function


PAGES = [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize(
    ("says", "calls"),
    [
        ({"last": lambda asked, _: asked.page == 2}, 3),
        ({"total": lambda *_: 5}, 3),
        ({"next": lambda asked, _: "x" if asked.page < 2 else None}, 3),
        ({}, 4),
    ],
)
async def test_listing_ends_where_its_answers_say(says: Any, calls: int) -> None:
    """By last, total or next; where they say nothing, on a page that brings nothing."""
    seen: list[httpx.Request] = []
    pages = spring(PAGES)

    def answer(request: httpx.Request) -> Any:
        seen.append(request)
        return pages(request)

    client = client_of(answer, documents_list=listed(**says))
    listing = client.documents.list(SPACE, folder="SALES", page_size=2)
    assert [one.id async for one in listing] == ["a", "b", "c", "d", "e"]
    assert listing.complete
    assert len(seen) == calls
    assert {request.url.params["in"] for request in seen} == {"SALES"}


async def test_empty_page_that_is_not_the_last_ends_nothing() -> None:
    """A function that leaves rows out may have a page without any; one that never ends is told."""

    def answer(request: httpx.Request) -> Any:
        return {"page": int(request.url.params["number"])}

    def function(asked: AskedDocuments) -> Any:
        page = yield Call("GET", "/docs", query={"number": asked.page})
        rows = [{"id": f"d{page['page']}"}] if page["page"] in (0, 3) else []
        return {"documents": rows, "last": page["page"] == end[0]}

    end = [3]
    for number in (3, 4):
        end[0] = number
        client = client_of(answer, documents_list=function)
        listing = client.documents.list(SPACE, page_size=2)
        assert [one.id async for one in listing] == ["d0", "d3"]
        assert listing.complete
    end[0] = -1
    with pytest.raises(ProtocolError, match="only empty pages"):
        _ = [one async for one in client_of(answer, documents_list=function).documents.list(SPACE)]


async def test_listing_without_pages_ends_when_nothing_new_comes() -> None:
    """A service that ignores the page, and turns the order round, is asked twice."""
    seen: list[int] = []

    def function(asked: AskedDocuments) -> Any:
        seen.append(asked.page)
        rows = yield Call("GET", "/docs")
        return {"documents": rows[:: 1 if asked.page % 2 else -1]}

    client = client_of(lambda _: [{"id": "a"}, {"id": "b"}], documents_list=function)
    listing = client.documents.list(SPACE, page_size=2)
    assert sorted([one.id async for one in listing]) == ["a", "b"]
    assert listing.complete
    assert seen == [0, 1]


async def test_listing_goes_on_by_the_token_that_was_named() -> None:
    """The function gets it back; an absolute link of the API's own origin is one."""
    tokens: list[str | None] = []

    def function(asked: AskedDocuments) -> Any:
        tokens.append(asked.token)
        page = yield Call("GET", asked.token or "/docs?from=0")
        return {"documents": [{"id": page["id"]}], "next": page["link"]}

    def answer(request: httpx.Request) -> Any:
        number = int(request.url.params["from"])
        return {"id": f"d{number}", "link": f"{API}/docs?from={number + 1}" if not number else None}

    client = client_of(answer, documents_list=function)
    assert [one.id async for one in client.documents.list(SPACE)] == ["d0", "d1"]
    assert tokens == [None, f"{API}/docs?from=1"]


async def test_what_is_asked_of_a_page() -> None:
    """Everything a function may need, in types of this library."""
    got: list[AskedDocuments] = []

    def function(asked: AskedDocuments) -> Any:
        got.append(asked)
        return {"documents": [], "last": True}

    since = datetime(2026, 1, 2, tzinfo=UTC)
    client = client_of(lambda _: {}, documents_list=function)
    listing = client.documents.list(SPACE, folder="SALES", updated_since=since, page_size=7)
    assert [one async for one in listing] == []
    (asked,) = got
    assert (asked.space_id, asked.folder, asked.updated_since) == (SPACE, "SALES", since)
    assert (asked.page, asked.token, asked.size) == (0, None, 7)
    assert asked.default.query["updatedSince"] == "2026-01-02T00:00:00.000Z"


async def test_answer_that_cannot_be_decoded_names_the_function() -> None:
    """With its line: the service is not at fault."""
    client = client_of(lambda _: {}, documents_list=lambda asked: {"rows": []})
    with pytest.raises(ProtocolError, match=r"documents\.list by .*<lambda>, line \d+: expected"):
        await anext(client.documents.list(SPACE).pages())


async def test_other_operations_have_functions_too() -> None:
    """A document, its files, the details, and the file's address."""

    def document(asked: AskedDocument) -> Any:
        row = yield evolve(asked.default, query={"expand": "all"})
        return {"id": asked.document_id, "status": {"document": row["state"]}}

    def files(asked: AskedDocumentFiles) -> Any:
        rows = yield Call("GET", f"/docs/{asked.document.id}/parts")
        return [{"id": name, "filename": f"{name}.xml"} for name in rows]

    def details(asked: AskedFile) -> Any:
        row = yield Call("GET", f"/parts/{asked.file_id}")
        return {"id": asked.file_id, "status": "AVAILABLE", "fileSize": row["length"]}

    def address(asked: AskedBytes) -> Any:
        return (yield Call("GET", f"/parts/{asked.file_id}/link"))["href"]

    def answer(request: httpx.Request) -> Any:
        path = request.url.path
        if path.endswith("/link"):
            return {"href": "/bytes/1"}
        if path.endswith("/parts"):
            return ["p1"]
        return {"state": "NEW", "length": len(BYTES)}

    client = client_of(
        answer,
        lambda request: httpx.Response(200, content=BYTES),
        documents_get=document,
        documents_files=files,
        files_details=details,
        files_download=address,
    )
    found = await client.documents.get(SPACE, "d1")
    assert found.status.document == "NEW"
    assert [file.filename for file in await client.documents.files(SPACE, found)] == ["p1.xml"]
    assert await client.files.download(SPACE, "p1") == BYTES


async def test_files_of_a_document_are_those_it_names() -> None:
    """Without a function nothing is asked."""
    client = client_of(lambda _: None)
    assert await client.documents.files(SPACE, Document(id="d1")) == ()


@pytest.mark.parametrize("value", [None, {}, ["f1"], [None]])
async def test_files_that_are_no_list_of_objects_are_refused(value: object) -> None:
    """The error names the function."""
    client = client_of(lambda _: None, documents_files=lambda asked: value)
    with pytest.raises(ProtocolError, match=r"documents\.get by .*, line \d+: expected a list"):
        await client.documents.files(SPACE, Document(id="d1"))


async def test_bytes_are_sent_by_a_function() -> None:
    """A service that takes a file's bytes as JSON."""
    sent: list[httpx.Request] = []

    def send(asked: AskedBytes) -> Any:
        assert asked.content is not None
        yield Call("PUT", f"/raw/{asked.file_id}", json={"data": Base64(asked.content)})

    def answer(request: httpx.Request) -> Any:
        sent.append(request)
        return {"id": "f1"}

    client = client_of(answer, files_upload=send)
    await client.files.upload(SPACE, b"abc", filename="a.xml", content_type="text/xml")
    assert sent[-1].url.path == "/raw/f1"
    assert sent[-1].content == b'{"data":"YWJj"}'


async def test_every_operation_but_the_token_can_have_a_function() -> None:
    """The rest of the contract, each asked for once."""
    fake = FakeBanqup()
    got: set[str] = set()

    def own(name: str, value: Any) -> Callable[[Any], Any]:
        def function(asked: Any) -> Any:
            got.add(name)
            if name.endswith("create"):
                yield Call("POST", "/made", json=asked.default.json)
            return value

        return function

    answers: dict[str, Any] = {
        "spaces.list": {"spaces": [{"id": SPACE}]},
        "users.me": {"id": "me"},
        "messages.find": {"extensionPoints": [{"id": "p"}]},
        "documents.create": {"id": "d"},
        "files.create": {"id": "f"},
    }
    operations = {name: own(name, value) for name, value in answers.items()}
    transport = Scripted(lambda _: {"ok": 1})
    client = AsyncBanqupClient(
        credentials(), Environment.UAT_EU, transport=transport, operations=operations
    )
    assert (await client.spaces.get(SPACE)).id == SPACE
    assert (await client.users.me()).id == "me"
    assert (await client.messages.find()).id == "p"
    assert (await client.documents.create(SPACE, folder="SALES")).id == "d"
    assert (await client.files.create(SPACE, filename="a", size=1, content_type="a/b")).id == "f"
    assert got == set(answers)
    assert fake.requests == []
    with pytest.raises(ConfigurationError, match="unknown operation"):
        client_of(lambda _: None, token_get=print)


# Bytes of the API itself


def downloads(
    url: str, storage: Callable[[httpx.Request], Any], seen: list[httpx.Request] | None = None
) -> AsyncBanqupClient:
    """A client whose file is at an address; what storage is asked is kept in `seen`."""

    def asked(request: httpx.Request) -> Any:
        if seen is not None:
            seen.append(request)
        return storage(request)

    return client_of(lambda _: file_details(url, len(BYTES)), asked)


async def test_path_of_the_api_is_fetched_with_the_token() -> None:
    """Over the bare transport, at the API's own address, byte for byte."""
    seen: list[httpx.Request] = []
    client = downloads(PATH, lambda _: httpx.Response(200, content=BYTES), seen)
    assert await client.files.download(SPACE, "f1") == BYTES
    assert str(seen[0].url) == API + PATH
    assert seen[0].headers["authorization"].startswith("Bearer ")
    assert seen[0].headers["accept-encoding"] == "identity"


async def test_redirect_is_followed_once_without_the_token() -> None:
    """To storage only."""
    there = "https://storage.googleapis.com/b/f?X-Goog-Signature=s"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.googleapis.com":
            return httpx.Response(200, content=BYTES)
        return httpx.Response(307, headers={"Location": there})

    seen: list[httpx.Request] = []
    assert await downloads(PATH, answer, seen).files.download(SPACE, "f1") == BYTES
    assert str(seen[1].url) == there
    assert "authorization" not in seen[1].headers


@pytest.mark.parametrize(
    "location", ["https://evil.example/x", "/elsewhere", "//evil.example/x", "", f"{API}/x"]
)
async def test_redirect_to_elsewhere_is_refused(location: str) -> None:
    """Also to the API itself: that would be a second way to the token."""
    seen: list[httpx.Request] = []
    answer = httpx.Response(302, headers={"Location": location})
    with pytest.raises(ProtocolError):
        await downloads(PATH, lambda _: answer, seen).files.download(SPACE, "f1")
    assert len(seen) == 1


async def test_second_redirect_is_not_followed() -> None:
    """Storage answers with the file or fails."""
    there = "https://storage.googleapis.com/b/f"
    seen: list[httpx.Request] = []
    answer = httpx.Response(302, headers={"Location": there})
    with pytest.raises(ProtocolError, match="302"):
        await downloads(PATH, lambda _: answer, seen).files.download(SPACE, "f1")
    assert len(seen) == 2


async def test_expired_token_is_renewed_once() -> None:
    """As for every call."""
    answers = [httpx.Response(401), httpx.Response(200, content=BYTES)]
    seen: list[httpx.Request] = []
    client = downloads(PATH, lambda _: answers.pop(0), seen)
    assert await client.files.download(SPACE, "f1") == BYTES
    assert len(seen) == 2
    with pytest.raises(CredentialsError):
        await downloads(PATH, lambda _: httpx.Response(401)).files.download(SPACE, "f1")


@pytest.mark.parametrize(
    ("status", "error"), [(403, PermissionDeniedError), (404, NotFoundError), (206, ProtocolError)]
)
async def test_refusal_of_the_api_is_its_own(status: int, error: type[Exception]) -> None:
    """403 is no expired signature, so the details are not read again."""
    seen: list[httpx.Request] = []
    client = downloads(PATH, lambda _: httpx.Response(status), seen)
    with pytest.raises(error):
        await client.files.download(SPACE, "f1")
    assert len(seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example/x",
        "/\\evil.example/x",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a\tb",
        "/a b",
        "/a#b",
        "https://evil.example/x",
        f"{API}/x",
        "x",
    ],
)
async def test_address_that_is_no_plain_path_is_refused(url: str) -> None:
    """Nothing is sent, so the token goes to the API's origin only."""
    seen: list[httpx.Request] = []
    client = downloads(url, lambda _: httpx.Response(200, content=BYTES), seen)
    with pytest.raises(ProtocolError, match="signed URL"):
        await client.files.download(SPACE, "f1")
    assert seen == []
