"""Values as people and programs meet them: as data, as keys, in a table, at a prompt."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from banqup_client import Document, FileDetails, Space
from banqup_client.testing import FakeBanqup
from bridge import Connection, MemoryCheckpoints, SQLiteCheckpoints
from bridge.testing._samples.sample import sample
from support.bridge_world import AsyncWorld, World
from zenvoices_client import Company, InboxDocument, Lookup

PACKAGES = ("banqup_client", "bridge", "zenvoices_client")


@pytest.mark.parametrize("package", PACKAGES)
def test_package_knows_its_version(package: str) -> None:
    """The one that pip shows."""
    installed = importlib.metadata.version("banqup-zenvoices")
    assert importlib.import_module(package).__version__ == installed


def frozen_values() -> Iterator[type[Any]]:
    """Every public attrs class that can be hashed, or says that it can."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value: Any = getattr(module, name)
            if (
                isinstance(value, type)
                and attrs.has(value)
                and value.__hash__
                not in (
                    None,
                    object.__hash__,
                )
            ):
                yield value


def test_frozen_values_are_hashable() -> None:
    """No field that counts for the hash is a mapping, a list or a secret."""
    found: list[str] = []
    classes = list(frozen_values())
    for cls in classes:
        attrs.resolve_types(cls, include_extras=False)
        for item in attrs.fields(cls):
            counts = item.eq if item.hash is None else item.hash
            if counts and re.search("Mapping|dict|list|Secret", str(item.type)):
                found.append(f"{cls.__name__}.{item.name}")
    assert len(classes) > 30
    assert found == []


def test_models_are_keys() -> None:
    """Equal ones are one key, whatever their mappings hold."""
    one = {Document(id="d", extra={"a": [1]}), Document(id="d", extra={"a": [1]})}
    assert len(one) == 1
    assert len({Space(id="s"), Space(id="s"), Company(id=1)}) == 2


DOCUMENT: dict[str, Any] = {
    "id": "d-1",
    "folder": "PURCHASES",
    "status": {"document": "FULLY_APPROVED", "odd": 1},
    "metadata": {
        "supplier": {"legalName": "Brouwerij", "globalIdentifiers": {"be:en": ["0123"]}},
        "dueDate": "2026-12-31T00:00:00Z",
    },
    "createdAt": "2026-11-01T10:00:00Z",
    "files": [{"id": "f-1", "fileSize": 7}],
    "unknown": {"secret": "canary"},
}


def test_model_is_plain_data() -> None:
    """In our names, JSON can hold it, and what the model does not know is left out."""
    from _client_kit._models import decode

    data = decode(Document, DOCUMENT).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["status"] == {"document": "FULLY_APPROVED", "pay": None, "delivery": None}
    assert data["created_at"] == "2026-11-01T10:00:00+00:00"
    assert data["files"][0]["file_size"] == 7
    assert "extra" not in data
    assert "canary" not in json.dumps(data)


def test_signed_url_is_no_data() -> None:
    """Not even as a mask."""
    from _client_kit._models import decode

    details = decode(FileDetails, {"id": "f", "downloadUrl": "https://h.example/?sig=canary"})
    assert details.to_dict()["id"] == "f"
    assert not any("url" in name for name in details.to_dict())


def test_amounts_and_inner_values_are_plain() -> None:
    """A decimal is a text that loses nothing; a value inside another is a table."""
    found = Lookup("found", InboxDocument(id=7), datetime(2026, 1, 2, tzinfo=UTC))
    assert found.to_dict()["document"]["id"] == 7
    assert found.to_dict()["answered_at"] == "2026-01-02T00:00:00+00:00"
    from zenvoices_client import PurchaseOrder

    amounts = [item for item in attrs.fields(PurchaseOrder) if "Decimal" in str(item.type)]
    values: dict[str, Any] = {item.name: Decimal("1.10") for item in amounts}
    order = PurchaseOrder(**values)
    assert all(order.to_dict()[item.name] == "1.10" for item in amounts)
    json.dumps(order.to_dict())


def test_list_is_rows_for_pandas() -> None:
    """A flat dict per document, with a key for each inner value."""
    world = World()
    first, second = world.one(), world.one()
    banqup = world.connect()._banqup
    rows = banqup.documents.list(world.space).to_rows()
    assert {row["id"] for row in rows} == {first, second}
    assert {row["status.document"] for row in rows} == {"FULLY_APPROVED"}
    assert not any(isinstance(value, dict) for row in rows for value in row.values())


@pytest.mark.anyio
async def test_async_list_is_rows_for_pandas() -> None:
    """The same with await."""
    world = AsyncWorld()
    document = world.one()
    rows = await world.connect()._banqup.documents.list(world.space).to_rows()
    assert [row["id"] for row in rows] == [document]


def test_values_say_what_they_are() -> None:
    """At a prompt: a list that was not fetched, a server, a sample."""
    world = World()
    listing = world.connect()._banqup.documents.list(world.space)
    assert "Listing" in repr(listing)
    assert world.banqup.counts["documents.list"] == 0
    with FakeBanqup().serve() as loopback:
        assert loopback.url in repr(loopback)
    assert sample(1).number in repr(sample(1))
    assert len(repr(sample(1))) < 100


def test_connection_is_a_context_manager(tmp_path: Any) -> None:
    """The end of the block closes both clients and the store."""
    world = World()
    store = SQLiteCheckpoints(tmp_path / "exports.db")
    with world.connect(checkpoints=store) as connection:
        assert isinstance(connection, Connection)
        assert connection.activate().new
    with pytest.raises(Exception, match="closed"):
        connection._banqup.spaces.list()
    with pytest.raises(Exception, match="closed"):
        connection._zenvoices.companies.resolve("0042")


@pytest.mark.anyio
async def test_async_connection_is_a_context_manager() -> None:
    """A store with nothing to close is left as it is."""
    world = AsyncWorld()
    store = MemoryCheckpoints()
    async with world.connect(checkpoints=store) as connection:
        assert (await connection.activate()).new
    assert store.head(connection.key) is not None
    with pytest.raises(Exception, match="closed"):
        await connection._banqup.spaces.list()
