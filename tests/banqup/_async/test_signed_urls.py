"""Signed URLs are credentials: where they lead, what goes with them, and who gets to see them."""

from __future__ import annotations

import io
import logging
import pickle
from typing import Any

import attrs
import httpx
import pytest

from banqup_client import (
    AsyncBanqupClient,
    ConfigurationError,
    Environment,
    FileDetails,
    ProtocolError,
    Secret,
    ServiceError,
    UnreachableError,
)
from banqup_client._storage import StorageHosts
from banqup_client.testing import FakeBanqup, FakeFile
from support.banqup_service import (
    API,
    LOOPBACK,
    ONCE,
    SECRET,
    SIGNATURE,
    SPACE,
    TOKEN,
    Scripted,
    credentials,
    fake_banqup,
    file_details,
    invoice,
)
from support.reach import leads_to, shown

pytestmark = pytest.mark.anyio

CONTENT = b"<Invoice>" + b"x" * 200_000 + b"</Invoice>"
SIGNED = f"https://storage.googleapis.com/b/f?X-Goog-Signature={SIGNATURE}"


def published(file: FakeFile | None = None, **options: Any) -> tuple[FakeBanqup, str, str]:
    """A fake with one file, its space and the file's id."""
    fake = fake_banqup(**options)
    space = fake.add_space()
    fake.publish(space, files=[file or invoice(CONTENT)])
    return fake, space, fake.documents(space)[0]["files"][0]["id"]


async def test_the_token_never_goes_to_storage() -> None:
    """Requests to storage carry neither token, nor cookies, nor an injected client's defaults."""
    fake, space, file = published()
    async with httpx.AsyncClient(
        transport=fake.transport(), headers={"X-Api-Key": "k"}, cookies={"a": "b"}
    ) as ours:
        client = AsyncBanqupClient(
            credentials(),
            Environment.UAT_EU,
            http_client=ours,
            storage_transport=fake.transport(),
        )
        await client.files.download(space, file)
    (request,) = [request for request in fake.requests if request.origin == "storage"]
    assert set(request.headers) == {"host", "user-agent", "accept-encoding"}
    assert request.headers["accept-encoding"] == "identity"


async def test_an_injected_transport_never_sees_a_signed_url() -> None:
    """``transport=`` is for the API only."""
    seen: list[str] = []

    def storage(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"abc")

    def api(request: httpx.Request) -> object:
        seen.append(request.url.host)
        return file_details(SIGNED, 3)

    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(api),
        storage_transport=httpx.MockTransport(storage),
    )
    assert await client.files.download(SPACE, "f1") == b"abc"
    assert set(seen) == {"api.uat.btx.eu.banqup.com"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/b/f",
        "https://evilstorage.googleapis.com/b/f",
        "https://storage.googleapis.com.evil.example/b/f",
        "https://storage.googleapis.com@evil.example/b/f",
        "https://evil.example\\@storage.googleapis.com/b/f",
        "https://evil.example#@storage.googleapis.com/b/f",
        "https://storage.googleapis.com:444/b/f",
        "http://storage.googleapis.com/b/f",
        "https://127.0.0.1/b/f",
        "https://[::1]/b/f",
        "file:///etc/passwd",
        "https://storage.googleapis.com/b/f#x",
        "https://storage.googleapis.com/b f",
        "https://storage.googleapis.com/b\r\nX: y",
        "https://storage.googleapis.com",
        "https://xn--a/b/f",
        "https://storage.googleapis.com:99999/b/f",
        "https://[::1::2]/b/f",
        pytest.param(
            f"https://storage.googleapis.com/{'a' * 70_000}", id="longer than httpx takes"
        ),
        "//storage.googleapis.com/b",
        "",
    ],
)
async def test_only_listed_hosts_are_asked(url: str) -> None:
    """A signed URL that leads anywhere else is refused before a request, and not quoted."""
    asked: list[httpx.Request] = []

    def storage(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"abc")

    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details(url, 3)),
        storage_transport=httpx.MockTransport(storage),
    )
    with pytest.raises(ProtocolError):
        await client.files.download(SPACE, "f1")
    assert asked == []


async def test_injected_storage_transport_is_not_blamed_on_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not use the environment's proxy, so that a change there would help nothing."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        retry=ONCE,
        transport=Scripted(lambda _: file_details(SIGNED, 3)),
        storage_transport=httpx.MockTransport(refuse),
    )
    with pytest.raises(UnreachableError) as caught:
        await client.files.download(SPACE, "f1")
    assert caught.value.code == "unreachable"
    assert "HTTPS_PROXY" not in str(caught.value)


async def test_other_hosts_can_be_listed() -> None:
    """``storage_hosts`` replaces the list, in capitals or not."""
    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details("https://Files.example:443/f?s=1", 3)),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"abc")),
        storage_hosts=["files.Example"],
    )
    assert await client.files.download(SPACE, "f1") == b"abc"


@pytest.mark.parametrize(
    "host",
    [
        *("storage.googleapis.com/bucket", "files.example/", "user@files.example"),
        *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f.1", "127.0.0.0X1", "[::1]"),
        *("localhost", "LocalHost.", "localhost:8443", "files.example:8443", "files.example:443"),
    ],
)
async def test_what_is_no_other_machines_name_is_not_listed(host: str) -> None:
    """A path, an address in any spelling and this machine are refused when the client is made."""
    with pytest.raises(ConfigurationError, match="storage_hosts must be host names") as caught:
        AsyncBanqupClient(credentials(), Environment.UAT_EU, storage_hosts=[host])
    assert "without a port" in str(caught.value)


async def test_listed_host_with_another_port_is_told_the_port() -> None:
    """The text names what is wrong, which is neither the host nor https."""
    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details("https://storage.googleapis.com:8443/b/f", 3)),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"abc")),
    )
    with pytest.raises(ProtocolError, match=r"googleapis\.com:8443'; it must be https on port 443"):
        await client.files.download(SPACE, "f1")


async def test_a_checked_url_shows_its_origin_alone() -> None:
    """Neither as a text nor by its members; what goes on the wire is whole."""
    hosts = StorageHosts(["storage.googleapis.com"], base_url=API)
    url = hosts.check(Secret(SIGNED))
    assert str(url) == "https://storage.googleapis.com/***"
    assert SIGNATURE not in f"{url} {url!r} {vars(url)} {httpx.Request('GET', url)!r}"
    assert url.raw_path == SIGNED.removeprefix("https://storage.googleapis.com").encode()
    assert str(url.whole()) == SIGNED


async def test_signed_urls_are_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither logs at any level, nor details in any form, hold signature, secret or token."""
    caplog.set_level(logging.DEBUG)
    client = AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        transport=Scripted(lambda _: file_details(SIGNED, 3, uploadUrl=SIGNED)),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"abc")),
    )
    details = await client.files.download(SPACE, "f1", io.BytesIO())
    shown = [repr(details), str(attrs.asdict(details)), repr(client), str(vars(client))]
    shown += [str(pickle.dumps(details)), str(attrs.astuple(details)), caplog.text]
    for text in shown:
        assert SIGNATURE not in text
        assert SECRET not in text
        assert TOKEN not in text
    assert pickle.loads(pickle.dumps(details)) == details
    assert isinstance(details, FileDetails)


@pytest.mark.parametrize(
    "storage",
    [
        httpx.Response(503),
        httpx.Response(403, content=SIGNED.encode()),
        httpx.Response(302, headers={"location": SIGNED}),
        httpx.Response(200, content=b"abcd"),
        httpx.ReadError(SIGNED),
        httpx.ConnectError(SIGNED),
        httpx.ReadTimeout(SIGNED),
    ],
    ids=repr,
)
@pytest.mark.parametrize("direction", ["download", "upload"])
async def test_errors_never_hold_a_signed_url(
    storage: httpx.Response | Exception, direction: str
) -> None:
    """Not in their text, their chain, or the locals of their traceback."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(storage, Exception):
            raise storage
        # What would be a success is none for an upload.
        status = max(storage.status_code, 300 if direction == "upload" else 200)
        return httpx.Response(status, headers=storage.headers, content=storage.content)

    client = AsyncBanqupClient(
        credentials(),
        base_url=API,
        transport=Scripted(lambda _: file_details(SIGNED, 3, uploadUrl=SIGNED)),
        storage_transport=httpx.MockTransport(answer),
        retry=ONCE,
    )

    async def attempt() -> None:
        if direction == "download":
            await client.files.download(SPACE, "f1")
        else:
            await client.files.upload(SPACE, b"abc", filename="F", content_type="text/xml")

    with pytest.raises(ServiceError) as caught:
        await attempt()
    assert SIGNATURE not in str(pickle.dumps(caught.value))
    assert SIGNATURE not in shown(caught.value)
    assert leads_to(caught.value) == []


async def test_details_of_another_file_show_no_signed_url() -> None:
    """A refused answer is in no frame as a plain text: its URLs are secrets once decoded."""
    client = AsyncBanqupClient(
        credentials(), base_url=API, transport=Scripted(lambda _: file_details(SIGNED, 3))
    )
    with pytest.raises(ProtocolError, match="the id that was asked for") as caught:
        await client.files.details(SPACE, "other")
    assert SIGNATURE not in shown(caught.value)


async def test_loopback_storage_is_for_a_loopback_api_only() -> None:
    """A fake on this machine may name storage on this machine, without TLS."""
    client = AsyncBanqupClient(
        credentials(),
        base_url=LOOPBACK,
        transport=Scripted(lambda _: file_details("http://127.0.0.1:8/f?s=1", 3)),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"abc")),
    )
    assert await client.files.download(SPACE, "f1") == b"abc"
