"""Tracebacks: ordinary ones for a developer, and nothing in them that leads to a request."""

import asyncio
import io
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from banqup_client import (
    AskedBytes,
    AskedDocuments,
    AsyncBanqupClient,
    BanqupClient,
    Call,
    ClientCredentials,
    ConfigurationError,
    ProtocolError,
    ServiceError,
)
from banqup_client.testing import FakeBanqup, FakeFile, Fault
from bridge import Connection, MemoryCheckpoints, SQLAlchemyCheckpoints, SQLiteCheckpoints, ubl
from support.reach import frames_of, leads_to, shown
from zenvoices_client import Attachment, RetryPolicy, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

WORD = "canary-of-tracebacks-77c1"
ACCOUNT = "BE71096123456769"
INVOICE = f"<Invoice><PayeeFinancialAccount><ID>{ACCOUNT}</ID></PayeeFinancialAccount></Invoice>"
HERE = "https://api.uat.btx.eu.banqup.com"
SIGNED = "Goog-Sig" + "nature"
ONCE = RetryPolicy(attempts=1)


def banqup(fake: FakeBanqup, storage: httpx.BaseTransport | None = None, **more: Any) -> Any:
    """A client of the fake."""
    return BanqupClient(
        ClientCredentials(fake.client_id, fake.client_secret),
        base_url=HERE,
        transport=more.pop("transport", None) or fake.transport(),
        storage_transport=storage or fake.transport(),
        retry=ONCE,
        **more,
    )


def published(content: bytes = b"<Invoice/>") -> tuple[FakeBanqup, str]:
    """A fake with one file, and its space."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", content, id="f1")])
    return fake, space


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


def test_an_interrupted_download_leads_to_no_signed_url() -> None:
    """Control-C in a download ends where httpx is called."""
    fake, space = published()
    client = banqup(fake, Interrupting(fake.transport()))
    with pytest.raises(KeyboardInterrupt) as caught:
        client.files.download(space, "f1")
    assert SIGNED not in shown(caught.value)
    assert leads_to(caught.value) == []


def test_an_interrupted_login_leads_to_no_secret() -> None:
    """Control-C while the token is fetched."""
    fake = FakeBanqup(client_secret=WORD)
    with pytest.raises(KeyboardInterrupt) as caught:
        banqup(fake, transport=Interrupting(fake.transport())).spaces.list()
    assert WORD not in shown(caught.value)
    assert leads_to(caught.value) == []


@pytest.mark.parametrize("stage", ["api", "storage"])
def test_a_cancelled_task_leads_to_no_request(stage: str) -> None:
    """A task that is cancelled while it waits for an answer, with asyncio's own frames."""
    fake, space = published()
    waiting = asyncio.Event()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "gettoken" in request.url.path:
                return await fake.transport().handle_async_request(request)
            waiting.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def cancel() -> asyncio.CancelledError:
        client = AsyncBanqupClient(
            ClientCredentials(fake.client_id, WORD),
            base_url=HERE,
            transport=Slow() if stage == "api" else fake.transport(),
            storage_transport=Slow(),
        )
        task = asyncio.create_task(client.files.download(space, "f1"))
        await waiting.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        raise AssertionError

    error = asyncio.run(cancel())
    assert leads_to(error) == []
    assert SIGNED not in shown(error)
    assert "handle_async_request" not in [frame.f_code.co_name for frame in frames_of(error)]


class Failing(httpx.BaseTransport):
    """Fails at once, below a frame that holds the request and its headers."""

    def __init__(self, fault: BaseException) -> None:
        self._fault = fault

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Fail."""
        sent = (request, str(request.url), request.headers.raw)
        raise self._fault from ValueError(sent)


def download(client: BanqupClient, space: str, folder: Path) -> None:
    """Fetch the file."""
    client.files.download(space, "f1", folder / "f1.xml")


def upload(client: BanqupClient, space: str, _folder: Path) -> None:
    """Send one."""
    client.files.upload(space, b"<Invoice/>", filename="a.xml", content_type="text/xml")


@pytest.mark.parametrize("make", [MemoryError, RuntimeError, SystemExit])
@pytest.mark.parametrize("move", [download, upload])
def test_a_fault_below_storage_leads_to_no_signed_url(
    make: Callable[[], BaseException],
    move: Callable[[BanqupClient, str, Path], None],
    tmp_path: Path,
) -> None:
    """A fault comes as itself with its lines, an interrupt without; neither holds the request."""
    fake, space = published()
    fault = make()
    with pytest.raises(type(fault)) as caught:
        move(banqup(fake, Failing(fault)), space, tmp_path)
    assert caught.value is fault
    told = shown(fault)
    assert SIGNED not in told
    assert leads_to(fault) == []
    assert ("in handle_request" in told) is isinstance(fault, Exception)
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_no_header_can_carry_is_in_no_frame() -> None:
    """A login is answered by a token with a line break: refused, and not shown."""

    def answer(_: httpx.Request) -> httpx.Response:
        token = {"accessToken": f"{WORD}\n", "expireInSeconds": 60}
        return httpx.Response(200, json={"success": True, "result": token, "__abp": True})

    client = ZenvoicesClient(
        UserLogin("me", "s3cret-of-the-user", organisation_code="acme"),
        transport=httpx.MockTransport(answer),
        retry=ONCE,
    )
    with pytest.raises(ProtocolError, match="access token") as caught:
        client.webhooks.list()
    assert WORD not in shown(caught.value)


def test_a_disk_that_is_full_shows_its_place_and_no_signed_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """verify(deep=True) that cannot keep a file: the user sees where, and no credential."""
    source, space = published(b"x" * 4_000_000)
    target = FakeZenvoices(password=WORD)
    target.add_company(code="0042")
    login = UserLogin(target.user.name, WORD, organisation_code=target.organisation_code)
    connection = Connection(
        banqup(source),
        ZenvoicesClient(login, transport=target.transport()),
        space_id=space,
        company_code="0042",
        checkpoints=MemoryCheckpoints(),
    )

    def full(**_: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space") as caught:
        connection.verify(deep=True)
    assert SIGNED not in shown(caught.value)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "full"


def test_an_error_of_a_service_has_an_ordinary_traceback() -> None:
    """From the user's call to the place that raised, with the local variables between."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.faults.add("documents.list", action=Fault.status(403))
    with pytest.raises(ServiceError) as caught:
        list(banqup(fake).documents.list(space))
    told = shown(caught.value)
    assert f"space_id = {space!r}" in told
    assert "in repeat" in told
    assert leads_to(caught.value) == []


def test_a_function_that_raises_is_the_cause() -> None:
    """A function of operations= that fails: our error names it, its own traceback the line."""
    fake, space = published()

    def listed(asked: AskedDocuments) -> Any:
        answer = yield asked.default
        return answer["nothing"]

    with pytest.raises(ConfigurationError, match=r"listed.* raised KeyError at") as caught:
        list(banqup(fake, operations={"documents.list": listed}).documents.list(space))
    assert isinstance(caught.value.__cause__, KeyError)
    assert 'return answer["nothing"]' in shown(caught.value)


def test_a_login_in_progress_has_no_secret_in_our_frames() -> None:
    """A log handler may show the local variables of the frames that are running."""
    fake = FakeBanqup(client_secret=WORD)
    inner = fake.transport()
    seen: list[str] = []

    def looks(request: httpx.Request) -> httpx.Response:
        frame = sys._getframe()
        while frame := frame.f_back:  # type: ignore[assignment]
            if frame.f_globals["__name__"].startswith(("_client_kit", "banqup_client")):
                seen.extend(map(repr, frame.f_locals.values()))
        return inner.handle_request(request)

    banqup(fake, transport=httpx.MockTransport(looks)).spaces.list()
    assert len(seen) > 10
    assert WORD not in " ".join(seen)


def test_a_signed_url_of_a_users_function_is_in_no_traceback() -> None:
    """The storage refuses the URL, and its text is no local variable of ours."""
    fake, space = published()

    def details(asked: AskedBytes) -> Iterator[Call]:
        yield Call("GET", f"/datastore/documents/transaction/v1/spaces/{space}/files/f1")
        return f"https://storage.googleapis.com/f1?{SIGNED}=77c1"  # type: ignore[return-value]

    def refused(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, content=b"<Error/>")

    client = banqup(fake, httpx.MockTransport(refused), operations={"files.download": details})
    with pytest.raises(ServiceError) as caught:
        client.files.download(space, "f1")
    assert "storage did not take the signed URL" in str(caught.value)
    assert SIGNED not in shown(caught.value)


def test_a_proxy_password_is_in_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download through a malformed proxy is refused; the error names the variable."""
    fake, space = published()
    for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{WORD}@proxy.example:none")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        BanqupClient(
            ClientCredentials(fake.client_id, fake.client_secret),
            base_url=HERE,
            transport=fake.transport(),
        ).files.download(space, "f1")
    assert WORD not in shown(caught.value)


@pytest.mark.parametrize("call", [SQLiteCheckpoints, SQLAlchemyCheckpoints])
def test_an_address_of_a_database_in_the_wrong_place_is_in_no_text(
    call: Callable[[Any], object],
) -> None:
    """A database's address where a file or an engine belongs holds a password."""
    with pytest.raises(ServiceError) as caught:
        call(f"postgresql+psycopg://exporter:{WORD}@db.internal/exports")
    assert WORD not in str(caught.value)


TAKES_FILES: tuple[Callable[[Any], object], ...] = (
    lambda text: Attachment("a.xml", text),
    ubl.peek,
    lambda text: ubl.extract(text, 0, io.BytesIO()),
)


@pytest.mark.parametrize("call", TAKES_FILES)
@pytest.mark.parametrize("text", [INVOICE, f"iban;amount\n{ACCOUNT};1", f'{{"a": "{ACCOUNT}"}}'])
def test_a_document_given_as_text_is_in_no_text(text: str, call: Callable[[Any], object]) -> None:
    """A text is taken for a path: one that is a document is refused without being repeated."""
    with pytest.raises(OSError, match="encode a document's own") as caught:
        call(text)
    assert ACCOUNT not in str(caught.value)
