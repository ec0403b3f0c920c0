"""A cancellation, an interrupt or a fault leaves no secret behind in its traceback."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from banqup_client import BanqupClient, ClientCredentials, ConfigurationError
from banqup_client.testing import FakeBanqup, FakeFile
from support.canary import ours, shown
from zenvoices_client import RetryPolicy

WORD = "canary-of-interrupts-5d02"
ONCE = RetryPolicy(attempts=1)
HERE = "https://api.uat.btx.eu.banqup.com"


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
            base_url=HERE,
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
            base_url=HERE,
            transport=Interrupting(fake.transport()),
            retry=ONCE,
        ) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        client.spaces.list()
    assert WORD not in frames(caught.value)
    assert caught.value.__context__ is None


class Failing(httpx.BaseTransport):
    """Fails at once, below a frame that holds the request and its headers."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Fail."""
        sent = (request, str(request.url), request.headers.raw)
        raise self._fault from ValueError(sent)


def everything(error: BaseException) -> str:
    """A traceback with the local variables of all its frames, whosever they are."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(report.format())


FAULTS: list[Callable[[], Exception]] = [
    MemoryError,
    RecursionError,
    AssertionError,
    lambda: RuntimeError("no"),
    lambda: ValueError("no"),
]


def download(client: BanqupClient, space: str, folder: Path) -> None:
    """Fetch the file."""
    client.files.download(space, "f1", folder / "f1.xml")


def upload(client: BanqupClient, space: str, _folder: Path) -> None:
    """Send one."""
    client.files.upload(space, b"<Invoice/>", filename="a.xml", content_type="text/xml")


@pytest.mark.parametrize("make", FAULTS)
@pytest.mark.parametrize("move", [download, upload])
def test_a_fault_below_storage_shows_no_signed_url(
    make: Callable[[], Exception], move: Callable[[BanqupClient, str, Path], None], tmp_path: Path
) -> None:
    """What goes wrong inside httpx while bytes move says where, and shows no frame of it."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", b"<Invoice/>", id="f1")])
    fault = make()
    with (
        BanqupClient(
            ClientCredentials("demo-app", WORD),
            base_url=HERE,
            transport=fake.transport(),
            storage_transport=Failing(fault),
            retry=ONCE,
        ) as client,
        pytest.raises(type(fault)) as caught,
    ):
        move(client, space, tmp_path)
    assert caught.value is fault
    told = everything(fault)
    assert "Goog-Sig" + "nature" not in told
    assert "in handle_request" not in told
    assert "handle_request, line" in fault.__notes__[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [
        "banqup_client._sync._files.decode",
        "banqup_client._storage.SignedUrl.__init__",
        "_client_kit._response.loads",
    ],
)
@pytest.mark.parametrize("fault", [MemoryError, KeyboardInterrupt])
def test_a_fault_in_reading_details_shows_no_signed_url(
    place: str, fault: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one where an answer with a signed URL is read, or the URL is checked."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", b"<Invoice/>", id="f1")])

    def fail(*given: object) -> None:
        raise fault

    with BanqupClient(
        ClientCredentials("demo-app", WORD),
        base_url=HERE,
        transport=fake.transport(),
        storage_transport=fake.transport(),
        retry=ONCE,
    ) as client:
        client.spaces.list()
        monkeypatch.setattr(place, fail)
        with pytest.raises(fault) as caught:
            client.files.download(space, "f1")
    told = everything(caught.value)
    assert "Goog-Sig" + "nature" not in told


def test_a_proxy_password_is_in_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client whose storage would go through a malformed proxy is refused when it is made."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{WORD}@proxy.example:none")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        BanqupClient(ClientCredentials("demo-app", "s"), base_url=HERE)
    assert WORD not in everything(caught.value)
