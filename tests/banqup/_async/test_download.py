"""Downloads through the fake: what is written where, and what is asked how often."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from banqup_client import (
    AsyncBanqupClient,
    Environment,
    FileNotReadyError,
    FileRefusedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    RetryPolicy,
    UnavailableError,
    UrlExpiredError,
)
from banqup_client.testing import FakeBanqup, FakeFile, Fault
from support.banqup_service import (
    ONCE,
    SIGNATURE,
    SPACE,
    Scripted,
    credentials,
    fake_banqup,
    file_details,
    invoice,
)
from support.kit_service import Clock

pytestmark = pytest.mark.anyio

CONTENT = b"<Invoice>" + b"x" * 200_000 + b"</Invoice>"
SIGNED = f"https://storage.googleapis.com/b/f?X-Goog-Signature={SIGNATURE}"


def client_of(fake: FakeBanqup, **options: Any) -> AsyncBanqupClient:
    return AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=fake.transport(),
        storage_transport=fake.transport(),
        **{"retry": ONCE, **options},
    )


def published(file: FakeFile | None = None, **options: Any) -> tuple[FakeBanqup, str, str]:
    """A fake with one file, its space and the file's id."""
    fake = fake_banqup(**options)
    space = fake.add_space()
    fake.publish(space, files=[file or invoice(CONTENT)])
    return fake, space, fake.documents(space)[0]["files"][0]["id"]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_bytes_are_returned() -> None:
    """Without a target the bytes themselves come back."""
    fake, space, file = published()
    assert await client_of(fake).files.download(space, file) == CONTENT


@pytest.mark.parametrize("kind", [str, Path])
async def test_a_path_is_written_and_only_its_owner_may_read_it(
    kind: type[Any], tmp_path: Path
) -> None:
    """A path holds the whole file, privately, and replaces what was there."""
    fake, space, file = published()
    path = tmp_path / "F1.xml"
    path.write_bytes(b"old")
    details = await client_of(fake).files.download(space, file, kind(path))
    assert path.read_bytes() == CONTENT
    assert details.filename == "F1.xml"
    assert names_in(tmp_path) == ["F1.xml"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


async def test_an_open_file_is_written_from_where_it_stands() -> None:
    """What is in a binary file before its position stays."""
    fake, space, file = published()
    target = io.BytesIO(b"head")
    target.seek(4)
    await client_of(fake).files.download(space, file, target)
    assert target.getvalue() == b"head" + CONTENT


async def test_an_empty_file_is_a_file() -> None:
    """Nought bytes are downloaded as such."""
    fake, space, file = published(invoice(b""))
    assert await client_of(fake).files.download(space, file) == b""


FAILURES = [
    Fault.truncate(100_000),
    Fault.status(503),
    Fault.status(403),
    Fault.drop(),
    Fault.garbage(),
    Fault.status(302, headers={"Location": "https://storage.googleapis.com/elsewhere"}),
]


@pytest.mark.parametrize("fault", FAILURES, ids=lambda fault: str(fault.name))
async def test_a_path_never_holds_a_part_of_a_file(fault: Fault, tmp_path: Path) -> None:
    """After a failure the old file is there as it was, and nothing beside it."""
    fake, space, file = published()
    fake.faults.add("files.download", action=fault)
    path = tmp_path / "F1.xml"
    path.write_bytes(b"old")
    with pytest.raises((UnavailableError, UrlExpiredError, ProtocolError)):
        await client_of(fake).files.download(space, file, path)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["F1.xml"]


@pytest.mark.parametrize("fault", FAILURES, ids=lambda fault: str(fault.name))
async def test_an_open_file_is_put_back_to_where_it_stood(fault: Fault) -> None:
    """After a failure a binary file ends where it ended before."""
    fake, space, file = published()
    fake.faults.add("files.download", action=fault)
    target = io.BytesIO(b"head")
    target.seek(4)
    with pytest.raises((UnavailableError, UrlExpiredError, ProtocolError)):
        await client_of(fake).files.download(space, file, target)
    assert target.getvalue() == b"head"
    assert target.tell() == 4


async def test_a_broken_download_is_repeated_from_the_start() -> None:
    """A second try brings the whole file, not a longer one."""
    fake, space, file = published()
    fake.faults.add("files.download", action=Fault.truncate(1000), nth=1)
    client = client_of(fake, retry=RetryPolicy(wait_initial=0.0, wait_jitter=0.0))
    assert await client.files.download(space, file) == CONTENT
    assert fake.counts["files.download"] == 2


async def test_a_retry_after_of_storage_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage's own pause is kept before the next try."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    monkeypatch.setattr(runtime, "sleep", clock.sleep_async)
    fake, space, file = published()
    fake.faults.add("files.download", action=Fault.rate_limit(7), nth=1)
    client = client_of(fake, retry=RetryPolicy(wait_jitter=0.0))
    assert await client.files.download(space, file) == CONTENT
    assert clock.pauses == [7.0]


@pytest.mark.parametrize("status", [400, 403])
async def test_a_signed_url_that_expired_is_asked_for_once_more(status: int) -> None:
    """Fresh details are read once, and their URL is used."""
    fake, space, file = published()
    fake.faults.add("files.download", action=Fault.status(status), nth=1)
    assert await client_of(fake).files.download(space, file) == CONTENT
    assert fake.counts["files.details"] == 2


async def test_a_signed_url_that_is_refused_twice_is_an_error() -> None:
    """There is no third try, whatever the retry policy."""
    fake, space, file = published(url_life=0)
    with pytest.raises(UrlExpiredError):
        await client_of(fake, retry=RetryPolicy()).files.download(space, file)
    assert fake.counts["files.download"] == fake.counts["files.details"] == 2


async def test_details_are_read_right_before_each_download() -> None:
    """Two downloads read the details twice: a signed URL is never kept."""
    fake, space, file = published()
    client = client_of(fake)
    await client.files.download(space, file)
    await client.files.download(space, file)
    assert [request.operation for request in fake.requests if request.operation != "token.get"] == [
        "files.details",
        "files.download",
    ] * 2


async def test_a_file_that_is_not_ready_is_told_apart() -> None:
    """Not uploaded or not scanned yet is worth another try; an infected file is not."""
    fake, space, file = published(invoice(status="AWAITING_UPLOAD"))
    with pytest.raises(FileNotReadyError, match="AWAITING_UPLOAD") as waiting:
        await client_of(fake).files.download(space, file)
    assert waiting.value.retryable
    (document,) = fake.documents(space)
    fake.set_file_status(document["id"], 0, "REJECTED")
    with pytest.raises(FileRefusedError, match="virus") as refused:
        await client_of(fake).files.download(space, file)
    assert not refused.value.retryable
    assert fake.counts["files.download"] == 0
    # Whatever else the answer says.
    address = "https://storage.googleapis.com/f?X-Goog-Signature=1"
    infected = Scripted(lambda _: file_details(address, 3, status="REJECTED"))
    storage = Scripted(lambda _: b"abc")
    client = AsyncBanqupClient(
        credentials(), Environment.CVE, transport=infected, storage_transport=storage
    )
    with pytest.raises(FileRefusedError, match="virus"):
        await client.files.download(SPACE, "f1")
    assert storage.requests == []


async def test_an_available_file_without_a_url_points_at_the_contract() -> None:
    """The URL's name is assumed: where it is missing, the error says what to correct."""
    client = AsyncBanqupClient(
        credentials(), Environment.CVE, transport=Scripted(lambda _: file_details(None, 3))
    )
    with pytest.raises(ProtocolError, match="contract="):
        await client.files.download(SPACE, "f1")


async def test_a_file_that_storage_does_not_have_is_not_found() -> None:
    """404 of storage is NotFound."""
    fake, space, file = published()
    fake.faults.add("files.download", action=Fault.status(404))
    with pytest.raises(NotFoundError):
        await client_of(fake).files.download(space, file)


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
async def test_another_size_than_banqup_says_is_an_error(size: int) -> None:
    """Too few and too many bytes are both a ProtocolError."""
    fake, space, file = published(invoice(CONTENT, size=size))
    with pytest.raises(ProtocolError, match=f"of the {size} bytes"):
        await client_of(fake).files.download(space, file)


async def test_a_file_over_the_cap_is_not_asked_for() -> None:
    """Where Banqup says that it is too large, storage is left alone."""
    fake, space, file = published()
    with pytest.raises(RejectedError, match="larger than 1000 bytes") as caught:
        await client_of(fake).files.download(space, file, max_bytes=1000)
    assert caught.value.hint
    assert fake.counts["files.download"] == 0


async def test_the_deadline_covers_details_and_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the details took is no longer there for the bytes."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    fake, space, file = published()

    def slow(request: Any) -> None:
        clock.now += 6

    fake.on_request = slow
    with pytest.raises(UnavailableError):
        await client_of(fake).files.download(space, file, deadline=10)
    assert fake.counts["files.download"] == 0


async def test_a_body_that_comes_too_late_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is looked at with each piece, whatever the transport makes of timeouts."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)

    async def late() -> AsyncIterator[bytes]:
        yield b"ab"
        clock.now += 11
        yield b"c"

    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details(SIGNED, 3)),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=late())),
        retry=ONCE,
    )
    target = io.BytesIO()
    with pytest.raises(UnavailableError, match="took too long"):
        await client.files.download(SPACE, "f1", target, deadline=10)
    assert target.getvalue() == b""


async def test_an_answer_of_storage_after_the_deadline_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its header alone took all the time: the body is not begun, and nothing is asked again."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    asked: list[httpx.Request] = []

    async def body() -> AsyncIterator[bytes]:
        asked.clear()
        yield b"abc"

    def storage(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        clock.now += 11
        return httpx.Response(200, content=body())

    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details(SIGNED, 3)),
        storage_transport=httpx.MockTransport(storage),
    )
    with pytest.raises(UnavailableError, match="took too long"):
        await client.files.download(SPACE, "f1", deadline=10)
    assert len(asked) == 1


async def test_a_target_that_cannot_be_written_is_an_oserror() -> None:
    """A full disk is the caller's to hear of, not a broken connection to be tried again."""

    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(28, "No space left on device")

    fake, space, file = published()
    with pytest.raises(OSError, match="No space left"):
        await client_of(fake, retry=RetryPolicy()).files.download(space, file, Full())
    assert fake.counts["files.download"] == 1
