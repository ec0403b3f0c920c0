"""What type checkers make of the public API. Checked by them and never run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, assert_type

from banqup_client import (
    AsyncBanqupClient,
    BanqupClient,
    Call,
    Document,
    ExtensionPoint,
    FileDetails,
    Space,
    User,
)


def sync_results(client: BanqupClient) -> None:
    """A download's type follows its target."""
    assert_type(client.spaces.list(), tuple[Space, ...])
    assert_type(client.users.me(), User)
    assert_type(client.messages.find(), ExtensionPoint)
    assert_type(client.files.download("s", "f"), bytes)
    assert_type(client.files.download("s", "f", Path("p")), FileDetails)
    assert_type(client.files.download("s", "f", io.BytesIO()), FileDetails)
    assert_type(client.request(Call("GET", "/x")), Any)
    for document in client.documents.list("s"):
        assert_type(document, Document)
        assert_type(document.files[0].id, str)
    with client as entered:
        assert_type(entered, BanqupClient)


async def async_results(client: AsyncBanqupClient) -> None:
    """The same with await."""
    assert_type(await client.spaces.list(), tuple[Space, ...])
    assert_type(await client.files.download("s", "f"), bytes)
    assert_type(await client.files.download("s", "f", "p"), FileDetails)
    assert_type(await client.request(Call("GET", "/x")), Any)
    async for document in client.documents.list("s"):
        assert_type(document.supplier.vat_number, str | None)
    async with client as entered:
        assert_type(entered, AsyncBanqupClient)
