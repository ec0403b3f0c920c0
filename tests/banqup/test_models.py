"""What Banqup's answers become."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import banqup_client
from _client_kit._models import decode, encode
from banqup_client import (
    Document,
    DocumentStatus,
    FileDetails,
    Message,
    Party,
    ProtocolError,
    Secret,
    Space,
)

DOCUMENT: dict[str, Any] = {
    "id": "d1",
    "source": "documentcreator",
    "spaceId": "s1",
    "folder": "SALES",
    "category": "INVOICE",
    "connections": [{"displayName": "X", "relationType": "CUSTOMER", "id": "c1"}],
    "status": {"pay": "UNPAID", "delivery": "RECEIVED", "document": "AWAITING_VALIDATION"},
    "metadata": {
        "$schema": "https://schema.example",
        "dueDate": "2025-12-12",
        "customer": {
            "legalName": "Brouwerij De Molenbeek BV",
            "tradeName": "De Molenbeek",
            "address": {"country": "BE", "postCode": "1080", "townName": "Molenbeek"},
            "globalIdentifiers": {
                "be:en": "0123456749",
                "be:vat": "BE0123456749",
                "global:email": ["a@b.example"],
            },
        },
        "supplier": {"address": {"country": "BE"}},
    },
    "createdAt": "2026-01-02T03:04:05.678Z",
    "updatedAt": "Tue, 6 Jan 2026 12:27:24 GMT",
    "files": [{"id": "f1", "filename": "F.xml", "contentType": "application/xml", "fileSize": 7}],
    "brandNew": {"a": 1},
}


def test_a_document_is_read_whole() -> None:
    """Every member of the reference has its place, and what users ask for an answer."""
    document = decode(Document, DOCUMENT)
    assert document.customer.name == "Brouwerij De Molenbeek BV"
    assert document.customer.vat_number == "BE0123456749"
    assert document.customer.enterprise_number == "0123456749"
    assert document.customer.address is not None
    assert document.customer.address.town_name == "Molenbeek"
    assert document.supplier.vat_number is None
    assert document.supplier.name is None
    assert document.due_date == datetime(2025, 12, 12, tzinfo=UTC)
    assert document.files[0].file_size == 7
    assert document.connections[0].display_name == "X"
    assert document.metadata.extra == {"$schema": "https://schema.example"}
    assert document.extra == {"brandNew": {"a": 1}}
    assert not document.is_credit_note


def test_both_formats_of_a_time_are_read() -> None:
    """ISO 8601 and HTTP dates are the same kind of value: aware, in UTC."""
    document = decode(Document, DOCUMENT)
    assert document.created_at == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert document.updated_at == datetime(2026, 1, 6, 12, 27, 24, tzinfo=UTC)


def test_what_is_read_can_be_written_again() -> None:
    """Nothing is lost on the way, unknown members included."""
    again = encode(decode(Document, DOCUMENT))
    assert again.keys() == DOCUMENT.keys()
    assert again["brandNew"] == {"a": 1}
    assert again["metadata"]["customer"] == DOCUMENT["metadata"]["customer"]


@pytest.mark.parametrize("word", ["FULLY_APPROVED", "SOMETHING_NEW", "fully approved", "✓"])
def test_enumerations_are_open(word: str) -> None:
    """A word nobody has heard of is kept as it is."""
    document = decode(Document, {"status": {"document": word}, "folder": word, "category": word})
    assert (document.status.document, document.folder, document.category) == (word, word, word)


def test_a_credit_note_is_told_by_its_category() -> None:
    """Only the category says so."""
    assert decode(Document, {"category": "CREDIT_NOTE"}).is_credit_note


def test_a_member_of_another_type_is_kept_aside() -> None:
    """A row that is odd in one place is read in all others."""
    document = decode(Document, {"id": 7, "status": "APPROVED", "files": "none", "createdAt": "?"})
    assert document.id == "7"
    assert document.status.document is None
    assert document.files == ()
    assert document.extra == {"status": "APPROVED", "files": "none", "createdAt": "?"}


def test_a_missing_id_is_the_empty_text() -> None:
    """Code that goes on with an id needs no check of its own: no call accepts the empty text."""
    assert decode(Document, {}).id == decode(Document, {"id": None}).id == Space().id == ""


@pytest.mark.parametrize(
    ("identifiers", "number"),
    [
        ({"be:vat": "BE1"}, "BE1"),
        ({"fr:vat": ["FR2", "FR3"]}, "FR2"),
        ({"be:vat": None, "nl:vat": "NL4"}, "NL4"),
        ({"be:vat": [None, "", "BE5"]}, "BE5"),
        ({"be:vat": {}}, None),
        ({"vat": "BE6"}, None),
        ({}, None),
    ],
)
def test_a_vat_number_is_found_by_its_scheme(identifiers: object, number: str | None) -> None:
    """The first text under a scheme that ends in :vat."""
    assert decode(Party, {"globalIdentifiers": identifiers}).vat_number == number


def test_a_trade_name_stands_in_for_a_legal_name() -> None:
    """A party has a name wherever it has either."""
    assert decode(Party, {"tradeName": "De Molenbeek"}).name == "De Molenbeek"


def test_details_leave_without_their_signed_urls() -> None:
    """Pickled or copied details are equal, and hold no credential."""
    row = {"id": "f1", "uploadUrl": "https://u.example?s=1", "downloadUrl": "https://d.example"}
    details = decode(FileDetails, {**row, "creatorType": "application"})
    assert details._download_url == Secret("https://d.example")
    for other in (pickle.loads(pickle.dumps(details)), copy.copy(details), copy.deepcopy(details)):
        assert other == details
        assert other.extra == {"creatorType": "application"}
        assert other._download_url is None
        assert other._upload_url is None
    assert hash(details) == hash(copy.copy(details))
    shown = f"{details!r} {attrs.asdict(details)} {attrs.astuple(details)}"
    assert "example" not in shown


def test_models_can_be_pickled() -> None:
    """Results travel between processes."""
    for value in (decode(Document, DOCUMENT), Space(id="s"), Message(id="m")):
        assert pickle.loads(pickle.dumps(value)) == value


def test_models_are_frozen() -> None:
    """A value that was read does not change."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Space(id="s").id = "t"  # type: ignore[misc]


def test_a_message_is_read_from_a_body() -> None:
    """Bytes or text, with what is known by name and the rest kept."""
    body = '{"id": "m1", "category": "document", "resourceId": "d1", "data": {"a": 1}, "new": 2}'
    for message in (Message.from_body(body), Message.from_body(body.encode())):
        assert (message.category, message.resource_id) == ("document", "d1")
        assert message.data == {"a": 1}
        assert message.extra == {"new": 2}


@pytest.mark.parametrize("model", [Document, DocumentStatus, FileDetails, Message])
def test_what_is_not_known_is_kept_and_not_shown(model: type[Any]) -> None:
    """What has no field of its own stays in ``extra`` as it came, and out of ``repr``."""
    body = {"new": [{"href": "https://storage.example/f?X-Goog-Signature=5ecre7"}, 7]}
    value = decode(model, body)
    assert value.extra == body
    assert "5ecre7" not in repr(value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"x=1", b"\xff", b'{"a":' * 10_000, b'"' + b"x" * 2**20 + b'"', "\ud800"],
)
def test_a_body_that_is_no_message_is_refused(body: bytes | str) -> None:
    """Anybody can post anything: it is a ProtocolError, nothing else."""
    with pytest.raises(ProtocolError, match="message: "):
        Message.from_body(body)


@given(st.binary(max_size=200))
def test_no_body_breaks_a_receiver(body: bytes) -> None:
    """Whatever is posted is a message or a ProtocolError."""
    with contextlib.suppress(ProtocolError):
        assert isinstance(Message.from_body(body), Message)


@pytest.mark.parametrize("unit", ["a-", "a:", "=a-", "/?sig", "?token-", "&?", "sig=", "//"])
def test_no_body_takes_long_to_read(unit: str) -> None:
    """What addresses and signatures begin with, over and over, is looked through at once."""
    text = "=" + unit * (1_000_000 // len(unit))
    assert Message.from_body(json.dumps({"subject": text})).subject


def test_names_that_are_no_texts_are_not_looked_through() -> None:
    """A name that is an object, at each of many levels, is not written out at each of them."""
    value: Any = {"text": "x" * 400_000}
    for _ in range(58):
        value = {"name": value}
    assert Message.from_body(json.dumps({"data": value})).data


def test_what_is_listed_is_there() -> None:
    """``__all__`` is complete, without anything private, and every name in it can be had."""
    listed = banqup_client.__all__
    assert len(set(listed)) == len(listed)
    public = {
        name
        for name in dir(banqup_client)
        if not name.startswith("_")
        and not isinstance(getattr(banqup_client, name), type(banqup_client))
    }
    assert public == set(listed)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = banqup_client.Nothing  # type: ignore[attr-defined]


def test_a_program_without_an_event_loop_does_not_load_one() -> None:
    """The async client is loaded when it is first used."""
    code = (
        "import sys, banqup_client as b; b.BanqupClient; "
        "assert 'banqup_client._async._client' not in sys.modules; b.AsyncBanqupClient; "
        "assert 'banqup_client._async._client' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
