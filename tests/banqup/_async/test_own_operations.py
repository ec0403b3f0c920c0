"""Operations of Banqup made by functions of the user's own, and bytes from the API itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
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
    FileNotReadyError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RejectedError,
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
    listing = client_of(answer, documents_list=function).documents.list(SPACE)
    assert [one.id async for one in listing] == ["d0", "d3"]
    assert not listing.complete


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


@pytest.mark.parametrize("total", [100, None])
@pytest.mark.parametrize("count", [1, 2])
async def test_repeated_page_is_no_end_of_a_list_that_names_more(
    total: int | None, count: int
) -> None:
    """With a total that was not reached, or where an earlier page comes again, more is left."""

    def function(asked: AskedDocuments) -> Any:
        yield Call("GET", "/docs")
        return {"documents": [{"id": f"d{asked.page % count}"}], "total": total}

    listing = client_of(lambda _: [], documents_list=function).documents.list(SPACE)
    assert len([one.id async for one in listing]) == count
    assert listing.complete == (total is None and count == 1)


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


def names_in(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return [path.name for path in folder.iterdir()]


class InJson:
    """An API that gives a file as Base64 in JSON, and knows no details and no signed URL.

    Attributes:
        asked: The paths that were asked for.
    """

    def __init__(self, content: bytes = BYTES) -> None:
        self.asked: list[str] = []
        self._content = content

    def __call__(self, request: httpx.Request) -> Any:
        """Answer with the content."""
        self.asked.append(request.url.path)
        if request.url.path != "/parts/f1":
            return httpx.Response(404)
        return {"data": base64.b64encode(self._content).decode()}

    @staticmethod
    def download(asked: AskedBytes) -> Any:
        """A user's function for files.download."""
        part = yield Call("GET", f"/parts/{asked.file_id}")
        return base64.b64decode(part["data"])


async def test_function_gives_the_bytes_of_a_file(tmp_path: Path) -> None:
    """In memory, at a path, and in an open file; file details are not asked for."""
    service = InJson()
    client = client_of(service, files_download=service.download)
    assert await client.files.download(SPACE, "f1", size=len(BYTES)) == BYTES
    details = await client.files.download(SPACE, "f1", tmp_path / "f1.xml")
    assert (details.id, (tmp_path / "f1.xml").read_bytes()) == ("f1", BYTES)
    file = io.BytesIO()
    await client.files.download(SPACE, "f1", file)
    assert file.getvalue() == BYTES
    assert set(service.asked) == {"/parts/f1"}
    assert client.operations == {"files.download"}


async def test_answer_that_is_no_json_is_given_by_its_body() -> None:
    """A file that only a POST brings, or a header of its own."""

    def download(asked: AskedBytes) -> Any:
        headers = {"Accept": "application/xml"}
        return (yield Call("POST", "/export", headers=headers, whole=True)).body

    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> Any:
        seen.append(request)
        return BYTES

    assert await client_of(answer, files_download=download).files.download(SPACE, "f1") == BYTES
    assert seen[0].headers.get_list("accept") == ["application/xml"]


@pytest.mark.parametrize("listed", [0, 9, 11, 10**9])
async def test_bytes_of_another_size_are_refused(listed: int, tmp_path: Path) -> None:
    """The error names both sizes and the function, and nothing is written."""
    service = InJson()
    client = client_of(service, files_download=service.download)
    said = rf"files\.download by .*download, line \d+: got 10 of the {listed} bytes"
    with pytest.raises(ProtocolError, match=said) as caught:
        await client.files.download(SPACE, "f1", tmp_path / "f", size=listed)
    assert (caught.value.code, caught.value.operation) == ("wrong_size", "files.download")
    assert names_in(tmp_path) == []


async def test_size_in_the_details_of_a_function_comes_first() -> None:
    """Where they have none, it is the one that the caller knows, for a signed URL too."""
    sizes: list[int | None] = [10, None, None]

    def details(asked: AskedFile) -> Any:
        url = "https://storage.googleapis.com/f"
        return {"status": "AVAILABLE", "fileSize": sizes.pop(0), "downloadUrl": url}

    service = InJson()
    client = client_of(service, files_details=details, files_download=service.download)
    assert await client.files.download(SPACE, "f1", size=11) == BYTES
    with pytest.raises(ProtocolError, match="got 10 of the 11 bytes"):
        await client.files.download(SPACE, "f1", size=11)
    client = client_of(service, lambda _: BYTES, files_details=details)
    with pytest.raises(ProtocolError, match="got 10 of the 11 bytes"):
        await client.files.download(SPACE, "f1", size=11)


async def test_bytes_over_the_limit_are_refused() -> None:
    """As for any file."""
    service = InJson()
    client = client_of(service, files_download=service.download)
    with pytest.raises(RejectedError, match="larger than 9 bytes") as caught:
        await client.files.download(SPACE, "f1", max_bytes=9)
    assert (caught.value.code, caught.value.operation) == ("too_large", "files.download")


@pytest.mark.parametrize(
    "value", [None, {"data": "PGEvPg=="}, [b"x"], 7, bytearray(b"x"), "PGEvPg==", ""]
)
async def test_content_that_is_neither_bytes_nor_an_address_is_refused(value: object) -> None:
    """The error names the function, its line, and what to return."""
    client = client_of(lambda _: None, files_download=lambda asked: value)
    said = r"files\.download by .*<lambda>, line \d+: expected the file's bytes, or their address"
    with pytest.raises(ProtocolError, match=said) as caught:
        await client.files.download(SPACE, "f1")
    assert caught.value.code == "user_code"


async def test_function_says_that_a_file_is_not_ready() -> None:
    """By the error that the library raises itself."""

    def download(asked: AskedBytes) -> Any:
        part = yield Call("GET", f"/parts/{asked.file_id}")
        if not part["scanned"]:
            raise FileNotReadyError("scanning", service="banqup")

    client = client_of(lambda _: {"scanned": False}, files_download=download)
    with pytest.raises(FileNotReadyError, match="scanning"):
        await client.files.download(SPACE, "f1")


async def test_files_of_a_document_are_those_it_names() -> None:
    """Without a function nothing is asked."""
    client = client_of(lambda _: None)
    assert await client.documents.files(SPACE, Document(id="d1")) == ()


@pytest.mark.parametrize("value", [None, {}, ["f1"], [None]])
async def test_files_that_are_no_list_of_objects_are_refused(value: object) -> None:
    """The error names the function."""
    client = client_of(lambda _: None, documents_files=lambda asked: value)
    with pytest.raises(ProtocolError, match=r"documents\.files by .*, line \d+: expected a list"):
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
    with pytest.raises(ConfigurationError, match="unknown name"):
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


async def test_refusal_of_the_storage_keeps_the_token() -> None:
    """A signature that storage refuses says nothing about the API's token."""
    there = "https://storage.googleapis.com/b/f?X-Goog-Signature=s"
    refusals = [401]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host != "storage.googleapis.com":
            return httpx.Response(302, headers={"Location": there})
        return httpx.Response(refusals.pop() if refusals else 200, content=BYTES)

    api = Scripted(lambda _: file_details(PATH, len(BYTES)))
    client = AsyncBanqupClient(
        credentials(), Environment.UAT_EU, transport=api, storage_transport=Scripted(answer)
    )
    assert await client.files.download(SPACE, "f1") == BYTES
    assert len(api.token_requests) == 1


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
