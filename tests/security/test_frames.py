"""No error of a public method shows, in the frames of this library, what was sent or answered."""

import inspect
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import httpx
import pytest
from attrs import frozen

import banqup_client
import bridge
import zenvoices_client
from _client_kit import _frames
from banqup_client import (
    BanqupClient,
    ClientCredentials,
    ConfigurationError,
    PermissionDeniedError,
    ProtocolError,
)
from banqup_client.testing import FakeBanqup, FakeFile, Fault
from bridge import (
    Connection,
    MemoryCheckpoints,
    ubl,
)
from bridge._reports.events import Event, RunEnded
from bridge.testing import trial_document
from support.canary import ours, shown
from zenvoices_client import Attachment, InboxUpload, RetryPolicy, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

WORD = "canary-of-frames-77c1"
ANSWERED = "whs_answered-and-never-sent"
ACCOUNT = "BE71096123456769"
INVOICE = f"<Invoice><PayeeFinancialAccount><ID>{ACCOUNT}</ID></PayeeFinancialAccount></Invoice>"
HERE = "https://api.uat.btx.eu.banqup.com"
GROUPS: tuple[ModuleType, ...] = (banqup_client, zenvoices_client)


def told(error: BaseException) -> str:
    """All that an error tracker shows of an error: texts, notes, and our frames' locals."""
    text = ""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
        text += f"{one} {one.args} {vars(one)} {getattr(one, '__notes__', '')} "
        step = one.__traceback__
        while step is not None:
            if ours(step.tb_frame):
                text += " ".join(shown(value) for value in step.tb_frame.f_locals.values())
            step = step.tb_next
    return text


def error_of(call: Callable[[], object], kind: type[BaseException]) -> BaseException:
    """The error that a call ends in."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it did not fail")


def classes() -> Iterator[type[Any]]:
    """The clients with the groups of their calls, and the connection, in both worlds."""
    for package in GROUPS:
        for kind in ("_async", "_sync"):
            folder = Path(str(package.__file__)).parent / kind
            for file in folder.glob("_*.py"):
                module = __import__(f"{package.__name__}.{kind}.{file.stem}", fromlist=["*"])
                for name in getattr(module, "__all__", ()):
                    found = getattr(module, name)
                    # Storage is reached through files alone.
                    if inspect.isclass(found) and not name.endswith("Storage"):
                        yield found
    yield from (bridge.Connection, bridge.AsyncConnection)


@pytest.mark.parametrize("cls", list(classes()), ids=lambda cls: str(cls.__name__))
def test_every_public_method_leaves_its_frames_behind(cls: type[Any]) -> None:
    """None can be added without it: each public method of a client, group or connection has it."""
    methods = [
        method
        for name, method in vars(cls).items()
        if isinstance(method, FunctionType) and not name.startswith("_")
    ]
    assert methods
    for method in methods:
        layers: list[Any] = [method]
        while hasattr(layers[-1], "__wrapped__"):
            layers.append(layers[-1].__wrapped__)
        files = {layer.__code__.co_filename for layer in layers}
        assert _frames.__file__ in files, method.__qualname__


def zenvoices(answer: Callable[[httpx.Request], httpx.Response]) -> ZenvoicesClient:
    """A client that is logged in, and then gets this answer."""

    def handle(request: httpx.Request) -> httpx.Response:
        if "TokenAuth" in request.url.path:
            token = {"accessToken": "canary-token-of-frames", "expireInSeconds": 600}
            return httpx.Response(200, json={"success": True, "result": token, "__abp": True})
        return answer(request)

    return ZenvoicesClient(
        UserLogin("user", WORD, organisation_code="acme"),
        transport=httpx.MockTransport(handle),
        retry=RetryPolicy(attempts=1),
    )


@frozen
class Strict:
    """A model that asks for what is not there."""

    missing: str


WRONG: dict[str, Callable[[ZenvoicesClient], object]] = {
    "webhooks": lambda client: client.webhooks.list(),
    "request": lambda client: client.request("GET", "things", model=Strict),
    "page": lambda client: list(client.accounts.list()),
    "record": lambda client: client.accounts.get(company_id=1, code="1"),
    "sent": lambda client: client.request(
        "POST", "things", json={"secret": ANSWERED}, model=Strict
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_is_not_understood_is_in_no_frame(name: str) -> None:
    """What came stays out of the error, although it came in full."""
    body = [{"secret": ANSWERED}] if name == "record" else {"subscriptions": ANSWERED}
    client = zenvoices(lambda _: httpx.Response(200, json=body))
    error = error_of(lambda: WRONG[name](client), ProtocolError)
    assert ANSWERED not in told(error)


def test_the_check_would_find_what_is_left_behind() -> None:
    """Without its decorator, the same method shows the answer: so the tests above can fail."""
    client = zenvoices(lambda _: httpx.Response(200, json={"subscriptions": ANSWERED}))
    method: Any = type(client.webhooks).list
    error = error_of(lambda: method.__wrapped__(client.webhooks), ProtocolError)
    assert ANSWERED in told(error)


def banqup(fake: FakeBanqup, **options: Any) -> BanqupClient:
    """A client of the fake."""
    return BanqupClient(
        ClientCredentials(fake.client_id, fake.client_secret),
        base_url=HERE,
        transport=fake.transport(),
        storage_transport=fake.transport(),
        storage_hosts=[fake.storage_host],
        retry=RetryPolicy(attempts=1),
        **options,
    )


def test_a_decoder_that_raises_is_named_by_its_place_alone() -> None:
    """A decode_document= that fails: which error and where, not the document it was given."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.publish(space, files=[FakeFile(f"{ACCOUNT}.xml", "application/xml", b"<Invoice/>")])

    def decode(row: Any) -> Any:
        return row["nothing"]

    client = banqup(fake, decode_document=decode)
    error = error_of(lambda: list(client.documents.list(space)), ConfigurationError)
    assert f"failed with KeyError at {__name__}.decode, line" in str(error)
    assert ACCOUNT not in told(error)


def test_a_refused_upload_leaves_its_bytes_behind() -> None:
    """An upload that Banqup refuses: no frame holds the document."""
    fake = FakeBanqup(client_secret=WORD)
    space = fake.add_space()
    fake.faults.add("files.create", action=Fault.status(403))
    error = error_of(
        lambda: banqup(fake).files.upload(
            space, INVOICE.encode(), filename="i.xml", content_type="application/xml"
        ),
        PermissionDeniedError,
    )
    assert ACCOUNT not in told(error)


def estate() -> tuple[FakeBanqup, FakeZenvoices, str, BanqupClient, ZenvoicesClient]:
    """Two fakes with a space and a company, and their clients."""
    source, target = FakeBanqup(client_secret=WORD), FakeZenvoices(password=WORD)
    space = source.add_space()
    target.add_company(code="0042")
    login = UserLogin(target.user.name, WORD, organisation_code=target.organisation_code)
    client = ZenvoicesClient(login, transport=target.transport())
    return source, target, space, banqup(source), client


def test_a_deep_look_that_breaks_off_shows_no_signed_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while verify(deep=True) fetches a file: the URL is in no frame."""
    source, _, space, reader, writer = estate()
    source.publish(space, files=[FakeFile("a.xml", "application/xml", b"x" * 4_000_000)])
    connection = Connection(
        reader, writer, space_id=space, company_code="0042", checkpoints=MemoryCheckpoints()
    )

    def full(**_: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    error = error_of(lambda: connection.verify(deep=True), OSError)
    assert "X-Goog-Signature" not in told(error)
    assert "spool" in error.__notes__[0]


def test_a_listener_that_raises_is_logged_without_the_error_of_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run that ends in an error tells its listeners when that error is no context any more."""
    source, _, space, reader, writer = estate()
    connection = Connection(
        reader,
        writer,
        space_id=space,
        company_code="0042",
        checkpoints=MemoryCheckpoints(),
        listeners=[breaking],
    )
    connection.activate()
    source.faults.add("documents.list", action=Fault.status(403))
    assert error_of(connection.export_new, PermissionDeniedError).report is not None  # type: ignore[attr-defined]
    logged = [record.exc_info for record in caplog.records if record.exc_info]
    assert [info[1].__context__ for info in logged if info[1] is not None] == [None]


def breaking(event: Event) -> None:
    """A listener with a fault of its own."""
    if isinstance(event, RunEnded):
        raise ValueError


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda url: connection_with(url), ConfigurationError),
    ],
)
def test_an_address_of_a_database_in_the_wrong_place_is_not_shown(
    call: Callable[[str], object], kind: type[Exception]
) -> None:
    """A database's address where a file, an engine or a store belongs holds a password."""
    error = error_of(
        lambda: call(f"postgresql+psycopg://exporter:{WORD}@db.internal/exports"), kind
    )
    assert WORD not in told(error)


def connection_with(checkpoints: Any) -> Connection:
    """A connection with that store."""
    _, _, space, reader, writer = estate()
    return Connection(reader, writer, space_id=space, company_code="0042", checkpoints=checkpoints)


TAKES_FILES: tuple[Callable[[Any], object], ...] = (
    lambda text: Attachment("a.xml", text),
    ubl.peek,
    ubl.root_name,
    lambda text: ubl.extract(text, 0, io.BytesIO()),
    trial_document,
)


@pytest.mark.parametrize("call", TAKES_FILES)
@pytest.mark.parametrize("text", [INVOICE, f"iban;amount\n{ACCOUNT};1", f'{{"a": "{ACCOUNT}"}}'])
def test_a_document_given_as_text_is_in_no_error(text: str, call: Callable[[Any], object]) -> None:
    """A text is taken for a path: one that is a document is refused without being shown."""
    error = error_of(lambda: call(text), Exception)
    assert isinstance(error, (TypeError, FileNotFoundError))
    assert "encode a document's own text to bytes" in str(error)
    assert ACCOUNT not in told(error)


@pytest.mark.parametrize("items", [[INVOICE], INVOICE, INVOICE.encode()])
def test_attachments_that_are_none_are_in_no_error(items: Any) -> None:
    """A document where attachments belong is refused without being shown."""
    assert ACCOUNT not in told(error_of(lambda: InboxUpload(attachments=items), TypeError))


def test_a_list_that_breaks_off_shows_no_record_of_before() -> None:
    """The last record of one page is in no frame when the next cannot be had."""
    rows = {"items": [{"iban": ACCOUNT}], "totalCount": 2}
    answers = iter([httpx.Response(200, json=rows), httpx.Response(403)])
    client = zenvoices(lambda _: next(answers))

    def read() -> None:
        for account in client.accounts.list(page_size=1):
            assert account.iban == ACCOUNT

    assert ACCOUNT not in told(error_of(read, PermissionDeniedError))


@pytest.mark.parametrize(
    "decode", [lambda _: f"{ACCOUNT}\xe9".encode("latin-1").decode(), lambda _: json.loads(ACCOUNT)]
)
def test_what_cannot_be_decoded_is_in_no_error(decode: Callable[[Any], Any]) -> None:
    """An error of a decoder holds all it was given: emptied, like the frames it came through."""
    client = zenvoices(lambda _: httpx.Response(200))
    changed = ZenvoicesClient(client.login, encode_upload=lambda *_: decode(None))
    upload = InboxUpload(attachments=[Attachment("a.xml", b"<Invoice/>")])
    error = error_of(lambda: changed.inbox.upload(upload, company_id=1), ValueError)
    assert ACCOUNT not in told(error)


@dataclass(frozen=True)
class FrozenError(Exception):
    """An error that cannot be changed, as dataclasses make them."""

    text: str = "no"


def test_an_error_that_cannot_be_changed_comes_through() -> None:
    """Its frames are taken off all the same, and it is not replaced by another."""

    def fail(*_: object) -> Any:
        raise FrozenError

    client = ZenvoicesClient(UserLogin("user", WORD, organisation_code="acme"), encode_upload=fail)
    upload = InboxUpload(attachments=[Attachment("a.xml", INVOICE.encode())])
    error = error_of(lambda: client.inbox.upload(upload, company_id=1), FrozenError)
    assert ACCOUNT not in told(error)
