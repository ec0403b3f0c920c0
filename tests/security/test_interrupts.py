"""A cancellation or an interrupt leaves no secret behind in its traceback."""

from collections.abc import Iterator

import httpx
import pytest

from banqup_client import BanqupClient, ClientCredentials
from banqup_client.testing import FakeBanqup, FakeFile
from support.canary import ours, shown
from zenvoices_client import RetryPolicy

WORD = "canary-of-interrupts-5d02"
ONCE = RetryPolicy(attempts=1)


class Interrupting(httpx.BaseTransport):
    """Passes on to another transport, and is interrupted in the answer's body."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with a body that the user interrupts."""
        answer = self._inner.handle_request(request)
        return httpx.Response(answer.status_code, stream=Body())


class Body(httpx.SyncByteStream):
    """Control-C in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"<Inv"
        raise KeyboardInterrupt


def frames(error: BaseException) -> str:
    """All local variables of library frames in a traceback."""
    text = ""
    current = error.__traceback__
    while current is not None:
        if ours(current.tb_frame):
            text += " ".join(shown(value) for value in current.tb_frame.f_locals.values())
        current = current.tb_next
    return text


def test_an_interrupted_download_shows_no_signed_url() -> None:
    """Control-C in a download: no frame below shows the signed URL."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    content = FakeFile("F1.xml", "application/xml", b"<Invoice/>", id="f1")
    fake.publish(space, files=[content])
    with (
        BanqupClient(
            ClientCredentials("demo-app", WORD),
            base_url="https://api.uat.btx.eu.banqup.com",
            transport=fake.transport(),
            storage_transport=Interrupting(fake.transport()),
            retry=ONCE,
        ) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        client.files.download(space, "f1")
    assert "Signature" not in frames(caught.value)


def test_an_interrupted_login_shows_no_secret() -> None:
    """Control-C while the token is fetched: no frame below shows the client secret."""
    fake = FakeBanqup(client_secret=WORD)
    with (
        BanqupClient(
            ClientCredentials("demo-app", WORD),
            base_url="https://api.uat.btx.eu.banqup.com",
            transport=Interrupting(fake.transport()),
            retry=ONCE,
        ) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        client.spaces.list()
    assert WORD not in frames(caught.value)
    assert caught.value.__context__ is None
