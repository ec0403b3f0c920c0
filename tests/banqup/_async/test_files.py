"""Announcing files and sending their bytes."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from banqup_client import (
    AsyncBanqupClient,
    ConfigurationError,
    Environment,
    OutcomeUnknownError,
    ProtocolError,
    RetryPolicy,
    UrlExpiredError,
)
from banqup_client.testing import FakeBanqup, Fault
from support.banqup_service import SPACE, Scripted, credentials, fake_banqup

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


async def test_a_file_is_created() -> None:
    """What is announced arrives; the answer waits for its bytes."""
    fake = fake_banqup()
    space = fake.add_space()
    details = await client_of(fake).files.create(
        space,
        filename="S.xml",
        size=3,
        content_type="application/xml",
        description="XML of FAC-001",
        retention_time=datetime(2029, 9, 30, tzinfo=UTC),
        metadata={"folder": "PURCHASES"},
    )
    assert details.status == "AWAITING_UPLOAD"
    assert (details.filename, details.file_size, details.file_type) == (
        "S.xml",
        3,
        "application/xml",
    )
    assert details.retention_time == datetime(2029, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_a_file_is_uploaded(kind: str, tmp_path: Path) -> None:
    """Bytes, a path and an open file arrive whole, under the declared type and no token."""
    content = bytes(range(256)) * 1000
    path = tmp_path / "S.pdf"
    path.write_bytes(content)
    fake = fake_banqup()
    space = fake.add_space()
    client = client_of(fake)
    given: Any = {"bytes": content, "path": path, "file": io.BytesIO(content)}[kind]
    details = await client.files.upload(
        space, given, filename="S.pdf", content_type="application/pdf"
    )
    assert await client.files.download(space, details.id) == content
    (put,) = [request for request in fake.requests if request.operation == "files.upload"]
    assert put.headers["content-type"] == "application/pdf"
    assert put.headers["content-length"] == str(len(content))
    assert "authorization" not in put.headers


async def test_an_upload_url_that_is_refused_is_an_error() -> None:
    """Storage took no bytes, which the error says; the next upload is a file of its own."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.faults.add("files.upload", action=Fault.status(400), nth=1)
    client = client_of(fake)
    with pytest.raises(UrlExpiredError):
        await client.files.upload(space, b"<x/>", filename="S", content_type="text/xml")
    assert fake.counts["files.upload"] == 1
    details = await client.files.upload(space, b"<x/>", filename="S", content_type="text/xml")
    assert await client.files.download(space, details.id) == b"<x/>"
    assert fake.counts["files.create"] == fake.counts["files.upload"] == 2


async def test_an_answer_without_an_upload_url_points_at_the_contract() -> None:
    """Where the URL is missing, the error says what to correct."""
    client = AsyncBanqupClient(
        credentials(), Environment.CVE, transport=Scripted(lambda _: {"id": "f1"})
    )
    with pytest.raises(ProtocolError, match="contract="):
        await client.files.upload(SPACE, b"x", filename="S", content_type="text/xml")


async def test_an_upload_that_was_not_taken_is_repeated() -> None:
    """Where storage says "not now", the same bytes are sent again, from any source."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.faults.add("files.upload", action=Fault.status(503), nth=1)
    client = client_of(fake, retry=RetryPolicy(wait_initial=0.0, wait_jitter=0.0))
    content = io.BytesIO(b"head<x/>")
    content.seek(4)
    details = await client.files.upload(space, content, filename="S", content_type="text/xml")
    assert await client.files.download(space, details.id) == b"<x/>"
    assert fake.counts["files.upload"] == 2


async def test_an_upload_that_breaks_for_good_is_indefinite() -> None:
    """Nobody knows whether storage has the bytes, so they are not sent again."""
    fake = fake_banqup()
    space = fake.add_space()
    fault = fake.faults.add("files.upload", action=Fault.drop())
    with pytest.raises(OutcomeUnknownError):
        await client_of(fake, retry=RetryPolicy()).files.upload(
            space, b"x", filename="S", content_type="text/xml"
        )
    assert fault.fired == 1


async def test_a_file_that_shrinks_while_it_is_sent_is_no_upload(tmp_path: Path) -> None:
    """The bytes announced must come; fewer are an error, not a short file."""
    path = tmp_path / "S.xml"
    path.write_bytes(b"x" * 10)
    fake = fake_banqup()
    space = fake.add_space()

    def shrink(request: Any) -> None:
        if request.operation == "files.create":
            path.write_bytes(b"x")

    fake.on_request = shrink
    with pytest.raises(OutcomeUnknownError, match="became shorter"):
        await client_of(fake).files.upload(space, path, filename="S", content_type="text/xml")
    assert fake.counts["files.upload"] == 0


@pytest.mark.parametrize("content_type", ["a/b\r\nX: y", "a/\xe9"])
async def test_a_content_type_that_cannot_be_declared_is_refused(content_type: str) -> None:
    """What cannot stand in a header is an error before any request."""
    fake = fake_banqup()
    with pytest.raises(ConfigurationError):
        await client_of(fake).files.upload(
            fake.add_space(), b"", filename="S", content_type=content_type
        )
    assert fake.requests == []
