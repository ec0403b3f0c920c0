"""Every operation, against the fake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from banqup_client import (
    NOT_WHITELISTED,
    Address,
    AsyncBanqupClient,
    Call,
    ConfigurationError,
    DocumentConnection,
    DocumentStatus,
    Environment,
    NotFoundError,
    OutcomeUnknownError,
    Party,
    PermissionDeniedError,
    ProtocolError,
    RejectedError,
    RetryPolicy,
    ServiceWord,
)
from banqup_client.testing import FakeBanqup, Fault
from support.banqup_service import SPACE, Scripted, credentials, fake_banqup, invoice

pytestmark = pytest.mark.anyio

ONCE = RetryPolicy(attempts=1)


def client_of(fake: FakeBanqup, **options: Any) -> AsyncBanqupClient:
    return AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=fake.transport(),
        storage_transport=fake.transport(),
        **{"retry": ONCE, **options},
    )


async def test_spaces_are_listed() -> None:
    """The spaces that whitelisted the app come with id, name and type."""
    fake = fake_banqup()
    ours = fake.add_space(name="Brouwerij De Molenbeek BV")
    fake.add_space(name="Drukkerij Ter Linden NV", whitelisted=False)
    client = client_of(fake)
    (space,) = await client.spaces.list()
    assert (space.id, space.name, space.type) == (ours, "Brouwerij De Molenbeek BV", "BUSINESS")
    another = fake.add_space(name="Garage Sint-Elooi BV")
    assert (await client.spaces.get(ours.upper())).id == ours
    assert (await client.spaces.get(another)).name == "Garage Sint-Elooi BV"


async def test_a_space_that_is_not_whitelisted_comes_with_an_explanation() -> None:
    """An empty list is no error; asking for one space says what an administrator must do."""
    fake = fake_banqup(whitelisted=False)
    space = fake.add_space()
    client = client_of(fake)
    assert await client.spaces.list() == ()
    with pytest.raises(NotFoundError) as caught:
        await client.spaces.get(space)
    assert caught.value.hint == NOT_WHITELISTED
    assert "External applications" in str(caught.value)


async def test_users_me_says_who_calls() -> None:
    """The app sees itself."""
    me = await client_of(fake_banqup()).users.me()
    assert (me.name, me.type) == ("demo-app", "application")


async def test_documents_are_listed_by_folder_and_time() -> None:
    """Folder and time of change narrow the list; a time travels as UTC with milliseconds."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.publish(space, folder="SALES", updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    wanted = fake.publish(space, folder="SALES", updated_at=datetime(2026, 3, 1, tzinfo=UTC))
    fake.publish(space, folder="PURCHASES", updated_at=datetime(2026, 3, 1, tzinfo=UTC))
    since = datetime(2026, 2, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    listing = client_of(fake).documents.list(space, folder="SALES", updated_since=since)
    assert [document.id async for document in listing] == [wanted]
    assert listing.complete
    sent = fake.requests[-1].query
    assert sent["updatedSince"] == "2026-02-01T00:00:00.000Z"
    assert sent["folder"] == "SALES"


@pytest.mark.parametrize(
    "arguments",
    [
        {"page_size": 0},
        {"page_size": 51},
        {"updated_since": datetime(2026, 1, 1)},
        {"updated_since": "2026"},
    ],
)
async def test_a_list_that_would_be_refused_is_not_asked_for(arguments: dict[str, Any]) -> None:
    """Page sizes Banqup refuses and times without a zone are errors before any request."""
    fake = fake_banqup()
    with pytest.raises(ConfigurationError):
        client_of(fake).documents.list(fake.add_space(), **arguments)
    assert fake.requests == []


async def test_one_document_is_read() -> None:
    """A document comes with its status, parties and files."""
    fake = fake_banqup()
    space = fake.add_space()
    made = fake.publish(
        space,
        category="CREDIT_NOTE",
        files=[invoice(b"12345")],
        supplier={"legalName": "Drukkerij Ter Linden NV", "globalIdentifiers": {"be:vat": "BE1"}},
    )
    document = await client_of(fake).documents.get(space, made)
    assert document.is_credit_note
    assert document.status.document == "FULLY_APPROVED"
    assert document.supplier.vat_number == "BE1"
    assert [file.file_size for file in document.files] == [5]


async def test_a_document_that_is_gone_is_not_found() -> None:
    """A removed document is NotFound, with Banqup's own words and request id."""
    fake = fake_banqup()
    space = fake.add_space()
    made = fake.publish(space)
    fake.remove(made)
    with pytest.raises(NotFoundError, match="The document was not found") as caught:
        await client_of(fake).documents.get(space, made)
    assert caught.value.request_id
    assert not caught.value.hint


async def test_a_document_that_is_another_is_refused() -> None:
    """An answer with another id than was asked for cannot be taken for that document."""
    answers: list[dict[str, Any]] = [{"id": "DOC-1"}, {"folder": "SALES"}, {"id": "doc-2"}]
    client = AsyncBanqupClient(
        credentials(), Environment.UAT_EU, transport=Scripted(lambda _: answers.pop(0)), retry=ONCE
    )
    assert (await client.documents.get(SPACE, "doc-1")).id == "DOC-1"
    assert (await client.documents.get(SPACE, "doc-1")).folder == "SALES"
    with pytest.raises(ProtocolError, match="the id that was asked for"):
        await client.documents.get(SPACE, "doc-1")


async def test_a_file_that_is_another_is_refused() -> None:
    """The details of another file than was asked for are not taken for that file's."""
    answers: list[dict[str, Any]] = [{"id": "FILE-1"}, {"filename": "a.xml"}, {"id": "file-2"}]
    client = AsyncBanqupClient(
        credentials(), Environment.UAT_EU, transport=Scripted(lambda _: answers.pop(0)), retry=ONCE
    )
    assert (await client.files.details(SPACE, "file-1")).id == "FILE-1"
    assert (await client.files.details(SPACE, "file-1")).filename == "a.xml"
    with pytest.raises(ProtocolError, match="the id that was asked for"):
        await client.files.details(SPACE, "file-1")


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    """An id that would change the address is refused before any request."""
    fake = fake_banqup()
    with pytest.raises(ConfigurationError):
        await client_of(fake).documents.get("..", "x")
    with pytest.raises(ConfigurationError):
        await client_of(fake).files.download("s1", "")
    assert fake.requests == []


async def test_a_document_is_created() -> None:
    """What is given arrives under the published names, and the answer is read back."""
    fake = fake_banqup()
    space = fake.add_space()
    customer = Party(
        legal_name="Brouwerij De Molenbeek BV",
        address=Address(country="BE", town_name="Molenbeek"),
        global_identifiers={"be:vat": "BE0123456749"},
    )
    document = await client_of(fake).documents.create(
        space,
        folder="SALES",
        customer=customer,
        due_date=date(2026, 12, 12),
        connections=[DocumentConnection(id="c1", display_name="X", relation_type="CUSTOMER")],
        status=DocumentStatus(pay="FULLY_PAID"),
        metadata={"$schema": "s"},
    )
    (stored,) = fake.documents(space)
    assert stored["metadata"]["dueDate"] == "2026-12-12"
    assert stored["metadata"]["$schema"] == "s"
    assert stored["metadata"]["customer"]["address"] == {"country": "BE", "townName": "Molenbeek"}
    assert stored["connections"] == [{"id": "c1", "displayName": "X", "relationType": "CUSTOMER"}]
    assert stored["status"]["pay"] == "FULLY_PAID"
    assert document.id == stored["id"]
    assert document.customer == customer
    assert document.connections[0].relation_type == "CUSTOMER"


async def test_a_document_refused_by_banqup_is_rejected() -> None:
    """A 400 is Rejected and carries what Banqup says."""
    fake = fake_banqup()
    space = fake.add_space()
    with pytest.raises(RejectedError, match="folder"):
        await client_of(fake).documents.create(space, folder=ServiceWord(""))


async def test_creating_is_not_repeated_where_its_outcome_is_unknown() -> None:
    """A broken connection leaves one document, and Indefinite."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.faults.add("documents.create", action=Fault.drop(), nth=1, when="after")
    with pytest.raises(OutcomeUnknownError):
        await client_of(fake, retry=RetryPolicy()).documents.create(space, folder="SALES")
    assert len(fake.documents(space)) == 1


async def test_rows_that_are_no_extension_point_are_passed_over() -> None:
    """The first that can be read is taken."""
    fake = fake_banqup()
    rows = {"extensionPoints": ["nonsense", {"id": "p-1"}, {"id": "p-2"}]}
    fake.faults.add("messages.find", action=Fault.status(200, rows))
    assert (await client_of(fake).messages.find()).id == "p-1"


async def test_the_extension_point_of_messages_is_found() -> None:
    """The published query finds it."""
    fake = fake_banqup()
    point = await client_of(fake).messages.find()
    assert point.id
    assert (point.name, point.version) == ("messageListeners", "1.0")


async def test_no_extension_point_is_not_found() -> None:
    """An empty answer is NotFound."""
    client = AsyncBanqupClient(
        credentials(), Environment.CVE, transport=Scripted(lambda _: {"extensionPoints": []})
    )
    with pytest.raises(NotFoundError):
        await client.messages.find()


async def test_request_reaches_what_is_not_modelled() -> None:
    """A call by hand has the token, and what it answers is given as it is."""

    fake = fake_banqup()
    client = client_of(fake)
    space = fake.add_space()
    body: dict[str, object] = {"spaceId": space, "folder": "SALES", "category": "INVOICE"}
    path = f"/datastore/documents/transaction/v2/spaces/{space}/documents"
    made = await client.request(Call("POST", path, json=body))
    assert fake.documents(space) == [made]
    spaces = await client.request(Call("GET", "/entitystore/v1/spaces", query={"x": None}))
    assert [row["id"] for row in spaces["spaces"]] == [space]


@pytest.mark.parametrize("path", ["//evil.example/x", "https://evil.example", "/a/../b", "/a\\b"])
async def test_request_never_leaves_the_address(path: str) -> None:
    """A path that names another host, or leaves its folder, is refused."""
    fake = fake_banqup()
    with pytest.raises(ConfigurationError):
        await client_of(fake).request(Call("GET", path))
    assert fake.requests == []


async def test_a_right_that_is_missing_says_where_it_is_given() -> None:
    """403 is PermissionDeniedError with a hint that names the screen."""
    fake = fake_banqup()
    fake.faults.add("spaces.list", action=Fault.status(403))
    with pytest.raises(PermissionDeniedError) as caught:
        await client_of(fake).spaces.list()
    assert "developer portal" in (caught.value.hint or "")


@pytest.mark.parametrize("body", [b"[]", b'{"spaces": {}}', b"null", b"<html></html>", b""])
async def test_an_answer_of_another_shape_is_a_protocol_error(body: bytes) -> None:
    """A success that cannot be read is never an empty list."""
    client = AsyncBanqupClient(
        credentials(),
        Environment.CVE,
        transport=Scripted(lambda _: httpx.Response(200, content=body)),
    )
    with pytest.raises(ProtocolError, match=r"spaces\.list"):
        await client.spaces.list()


async def test_the_contract_can_be_corrected() -> None:
    """Paths, query names and property names are replaced in one place."""
    scripted = Scripted(lambda _: {"items": [{"id": "d1", "modifiedAt": "2026-01-01T00:00:00Z"}]})
    client = AsyncBanqupClient(
        credentials(),
        Environment.CVE,
        transport=scripted,
        contract={
            "documents.list": {
                "path": "/v3/{space_id}/docs",
                "query": {"folder": "box"},
                "rename": {"documents": "items", "documents[].updatedAt": "modifiedAt"},
            }
        },
    )
    page = await anext(client.documents.list(SPACE, folder="SALES").pages())
    assert page.items[0].updated_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert scripted.requests[0].url.path == f"/v3/{SPACE}/docs"
    assert scripted.requests[0].url.params["box"] == "SALES"
