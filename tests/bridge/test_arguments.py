"""Wrong arguments are refused where they are given, by one class of error."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from banqup_client import (
    AsyncBanqupClient,
    BanqupClient,
    ClientCredentials,
    Environment,
    RetryPolicy,
)
from banqup_client import ServiceWord as BanqupWord
from banqup_client.testing import FakeBanqup
from bridge import (
    AsyncConnection,
    ConfigurationError,
    Connection,
    HookCheckpoints,
    MemoryCheckpoints,
    NotActivatedError,
    ProgressBar,
    ServiceWord,
    SQLiteCheckpoints,
    Verification,
    default_mapper,
    journal,
    named,
    only,
    without,
)
from bridge.testing import sample, trial_document, try_mapper
from support.bridge_world import AsyncWorld, World
from support.forks import in_child
from zenvoices_client import AsyncZenvoicesClient, UserLogin, ZenvoicesClient

WORLDS = [World, AsyncWorld]


async def coroutine_mapper(document: Any, files: Any) -> Any:
    """Make an upload, later."""
    return default_mapper(document, files)


class CoroutineMapper:
    """A mapper that is an object, whose call gives a coroutine."""

    async def __call__(self, document: Any, files: Any) -> Any:
        """Make an upload, later."""
        return default_mapper(document, files)

    async def method(self, document: Any, files: Any) -> Any:
        """Make an upload, later."""
        return default_mapper(document, files)


async def coroutine(*_: object) -> bool:
    """A function that cannot be called plainly."""
    return True


WRONG: list[tuple[str, Any]] = [
    ("mapper", "default_mapper"),
    ("mapper", CoroutineMapper),
    ("mapper", 3),
    ("mapper", sample(1)),
    ("checkpoints", SQLiteCheckpoints),
    ("checkpoints", MemoryCheckpoints),
    ("checkpoints", "exports.db"),
    ("checkpoints", {}),
    ("listeners", print),
    ("listeners", "print"),
    ("listeners", [print, "print"]),
    ("listeners", [coroutine]),
    ("listeners", None),
    ("listeners", [ProgressBar]),
    ("listeners", [lambda: None]),
    ("listeners", [lambda event, more: None]),
    ("clock", 1.79e9),
    ("clock", time),
    ("clock", dt.datetime.now),
    ("clock", coroutine),
    ("exportable", "FULLY_APPROVED"),
    ("exportable", ["FULLY_APPROVED"]),
    ("exportable", True),
    ("exportable", coroutine),
    ("in_flight", "4"),
    ("in_flight", 0),
    ("in_flight", 2.0),
    ("in_flight", True),
    ("lease_ttl", "600"),
    ("lease_ttl", float("nan")),
    ("lease_ttl", None),
    ("lease_ttl", 30),
    ("on_uncertain", "hold "),
    ("on_uncertain", None),
    ("on_uncertain", True),
    ("space_id", None),
    ("company_code", 42),
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("name", "value"), WRONG, ids=[name for name, _ in WRONG])
def test_connection_refuses_what_cannot_work(world: Any, name: str, value: Any) -> None:
    """The message names the argument; nothing is found out in the middle of a run."""
    with pytest.raises(ConfigurationError) as caught:
        world().connect(**{name: value})
    assert name.rstrip("s") in caught.value.message
    assert caught.value.service == "bridge"


@pytest.mark.parametrize(
    "mapper",
    [
        coroutine_mapper,
        CoroutineMapper(),
        CoroutineMapper().method,
        partial(coroutine_mapper),
        partial(partial(coroutine_mapper)),
        only(coroutine_mapper, folders=["SALES"]),
        journal(coroutine_mapper, {"SALES": "VRK"}),
        named(only(partial(coroutine_mapper), folders=["SALES"]), "{number}"),
    ],
)
def test_coroutine_mapper_is_for_the_other_connection(mapper: Any) -> None:
    """Also within partial() and the combinators; AsyncConnection takes each of them."""
    with pytest.raises(ConfigurationError, match="only AsyncConnection"):
        World().connect(mapper=mapper)
    AsyncWorld().connect(mapper=mapper)


@pytest.mark.parametrize(
    "mapper", [default_mapper, partial(default_mapper), named(default_mapper, "{number}")]
)
def test_mapper_that_can_be_called_is_taken(mapper: Any) -> None:
    """What is no mistake is none for either connection."""
    World().connect(mapper=mapper)
    AsyncWorld().connect(mapper=mapper)


@pytest.mark.parametrize("combine", [only, partial(journal, codes={}), partial(named, pattern="")])
@pytest.mark.parametrize("mapper", ["default_mapper", None, CoroutineMapper])
def test_combinators_refuse_what_is_no_mapper(combine: Callable[..., Any], mapper: Any) -> None:
    """They say so when they are called, not when a document comes."""
    with pytest.raises(ConfigurationError, match="mapper must be a function"):
        combine(mapper)


def clients() -> dict[str, Any]:
    """A client of each kind, by its name."""
    app = ClientCredentials("app", "secret")
    login = UserLogin("user", "password", organisation_code="acme")
    return {
        "BanqupClient": BanqupClient(app, Environment.CVE),
        "AsyncBanqupClient": AsyncBanqupClient(app, Environment.CVE),
        "ZenvoicesClient": ZenvoicesClient(login),
        "AsyncZenvoicesClient": AsyncZenvoicesClient(login),
    }


@pytest.mark.parametrize(
    ("connection", "banqup", "zenvoices", "wrong"),
    [
        (Connection, "ZenvoicesClient", "BanqupClient", "banqup"),
        (AsyncConnection, "AsyncZenvoicesClient", "AsyncBanqupClient", "banqup"),
        (AsyncConnection, "BanqupClient", "ZenvoicesClient", "banqup"),
        (Connection, "AsyncBanqupClient", "AsyncZenvoicesClient", "banqup"),
        (AsyncConnection, "AsyncBanqupClient", "ZenvoicesClient", "zenvoices"),
        (Connection, "BanqupClient", "AsyncZenvoicesClient", "zenvoices"),
        (Connection, "BanqupClient", "BanqupClient", "zenvoices"),
    ],
)
def test_clients_of_another_kind(connection: Any, banqup: str, zenvoices: str, wrong: str) -> None:
    """Swapped, or of the other world: the message names the argument and both classes."""
    known = clients()
    given = {"banqup": banqup, "zenvoices": zenvoices}[wrong]
    with pytest.raises(ConfigurationError, match=rf"{wrong} must be an? \w+Client, not {given}"):
        connection(
            known[banqup],
            known[zenvoices],
            space_id="space",
            company_code="0042",
            checkpoints=MemoryCheckpoints(),
        )


def test_client_that_is_no_client() -> None:
    """Credentials, or the class, in a client's place."""
    known = clients()
    for wrong in (ClientCredentials("app", "secret"), BanqupClient, None):
        with pytest.raises(ConfigurationError, match="banqup must be a BanqupClient"):
            Connection(
                wrong,  # type: ignore[arg-type]
                known["ZenvoicesClient"],
                space_id="space",
                company_code="0042",
                checkpoints=MemoryCheckpoints(),
            )


@pytest.mark.parametrize("which", ["banqup", "zenvoices"])
def test_closed_client(which: str) -> None:
    """A client that was closed makes no connection, whichever of the two it is."""
    world = World()
    app = ClientCredentials("demo-app", "demo-secret")
    login = UserLogin("api-user", "demo-password", organisation_code="acme")
    banqup = BanqupClient(app, Environment.CVE, transport=world.banqup.transport())
    zenvoices = ZenvoicesClient(login, transport=world.zenvoices.transport())
    (banqup if which == "banqup" else zenvoices).close()
    options: Any = {"space_id": "s", "company_code": "0042", "checkpoints": world.store}
    with pytest.raises(ConfigurationError, match=f"client given as {which} is closed"):
        Connection(banqup, zenvoices, **options)


def test_injected_http_client_that_its_owner_closed() -> None:
    """It is as closed as one of ours."""
    world = World()
    http = httpx.Client(transport=world.banqup.transport())
    app = ClientCredentials("demo-app", "demo-secret")
    banqup = BanqupClient(app, Environment.CVE, http_client=http)
    http.close()
    assert banqup.is_closed
    with pytest.raises(ConfigurationError, match="the client is closed"):
        banqup.spaces.get("space")


def test_client_closed_in_one_loop_is_open_in_the_next() -> None:
    """It opens connections of its own for each event loop."""
    client = clients()["AsyncBanqupClient"]

    async def use() -> None:
        await client.aclose()

    for _ in range(2):
        asyncio.run(use())
        assert not client.is_closed


@pytest.mark.parametrize("lang", ["xx", "FR", "", "french", 3])
def test_language_that_there_is_not(lang: Any) -> None:
    """verify() refuses it before it asks anything, and a report before it shows anything."""
    world = World()
    connection = world.connect()
    for use in (
        lambda: connection.verify(lang=lang),
        lambda: connection.status().to_text(lang=lang),
        lambda: connection.status().to_html(lang=lang),
    ):
        with pytest.raises(ConfigurationError, match="lang must be 'en'"):
            use()
    assert world.banqup.requests == []


@pytest.mark.parametrize("deadline", ["5", [5], float("nan"), True, b"5"])
def test_deadline_that_is_no_number(deadline: Any) -> None:
    """Of a client, a call, a listing and a run."""
    world = World()
    connection = world.connect()
    banqup = connection._banqup
    app = ClientCredentials("demo-app", "demo-secret")
    for use in (
        lambda: BanqupClient(app, Environment.CVE, deadline=deadline),
        lambda: BanqupClient(app, Environment.CVE, timeout=deadline),
        lambda: banqup.spaces.get("space", deadline=deadline),
        lambda: list(banqup.documents.list("space", deadline=deadline)),
        lambda: connection._zenvoices.companies.resolve("0042", deadline=deadline),
        lambda: connection.export_new(deadline=deadline),
    ):
        with pytest.raises(ConfigurationError, match="must be a positive number of seconds"):
            use()


@pytest.mark.parametrize("limit", [0, -1, "3", 2.0, True])
def test_limit_that_is_no_count(limit: Any) -> None:
    """A run takes a whole number of documents."""
    with pytest.raises(ConfigurationError, match="limit must be a whole number"):
        World().connect().export_new(limit=limit)


@pytest.mark.parametrize(
    ("word", "near"),
    [("PURCHASE", "PURCHASES"), ("sales", "SALES"), ("SALE", "SALES"), ("PURCHASSES", "PURCHASES")],
)
def test_folder_that_is_misspelt(word: str, near: str) -> None:
    """documents.list() names the nearest word there is; nothing is asked."""
    world = World()
    documents = world.connect()._banqup.documents
    with pytest.raises(ConfigurationError, match=f"Did you mean '{near}'"):
        documents.list("space", folder=word)
    with pytest.raises(ConfigurationError, match=f"Did you mean '{near}'"):
        documents.create("space", folder=word)
    assert world.banqup.requests == []


def test_folder_of_the_service_itself() -> None:
    """A ServiceWord is sent as it is."""
    world = World()
    documents = world.connect()._banqup.documents
    assert list(documents.list(world.space, folder=BanqupWord("ARCHIVE"))) == []
    assert world.banqup.requests[-1].query["folder"] == "ARCHIVE"
    assert BanqupWord is ServiceWord


def mapped(mapper: Any, **options: Any) -> Any:
    """What a mapper makes of one sample document."""
    document = trial_document(("a.xml", sample(0).content), **options)
    return try_mapper(mapper, [document])[0]


@pytest.mark.parametrize(
    ("make", "near"),
    [
        (lambda: only(default_mapper, folders=["PURCHASE"]), "PURCHASES"),
        (lambda: only(default_mapper, folders=["SALES", "SALE"]), "SALES"),
        (lambda: only(default_mapper, categories=["INVOICES"]), "INVOICE"),
        (lambda: only(default_mapper, categories=["CREDITNOTE"]), "CREDIT_NOTE"),
        (lambda: journal(default_mapper, {"PURCHASE": "INK"}), "PURCHASES"),
        (lambda: journal(default_mapper, {"SALES": "VRK", "purchase": "INK"}), "PURCHASES"),
    ],
)
def test_words_of_combinators_are_checked(make: Callable[[], Any], near: str) -> None:
    """A word that would never match is found when the mapper is made."""
    with pytest.raises(ConfigurationError, match=f"Did you mean '{near}'"):
        make()


def test_words_only_the_service_knows() -> None:
    """A ServiceWord works in each combinator."""
    folder, category = ServiceWord("ARCHIVE"), ServiceWord("RECEIPT")
    for mapper in (
        only(default_mapper, folders=[folder]),
        only(default_mapper, categories=[category]),
    ):
        assert mapped(mapper, folder="ARCHIVE", category="RECEIPT").outcome != "skipped"
        assert mapped(mapper, folder="SALES", category="INVOICE").outcome == "skipped"
    archive = journal(default_mapper, {folder: "ARC"})
    assert "[ARC]" in str(mapped(archive, folder="ARCHIVE").upload.subject)


@pytest.mark.parametrize(
    "make",
    [
        lambda: only(default_mapper, folders="SALES"),
        lambda: only(default_mapper, parties=3),  # type: ignore[arg-type]
        lambda: only(default_mapper, categories=[None]),  # type: ignore[list-item]
        lambda: journal(default_mapper, "INK"),  # type: ignore[arg-type]
        lambda: journal(default_mapper, {3: "INK"}),  # type: ignore[dict-item]
        lambda: journal(default_mapper, ["PURCHASES"]),  # type: ignore[arg-type]
        lambda: without(default_mapper, parties=[None]),  # type: ignore[list-item]
        lambda: journal(default_mapper, {}, into="subjects"),  # type: ignore[arg-type]
    ],
)
def test_combinators_refuse_other_types(make: Callable[[], Any]) -> None:
    """One class of error for each of them."""
    with pytest.raises(ConfigurationError, match="must be"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: SQLiteCheckpoints(3),  # type: ignore[arg-type]
        lambda: SQLiteCheckpoints(":memory:"),
        lambda: SQLiteCheckpoints("exports.db", timeout="30"),  # type: ignore[arg-type]
        lambda: SQLiteCheckpoints("exports.db", clock=1.79e9),  # type: ignore[arg-type]
        lambda: MemoryCheckpoints(clock=dt.datetime.now),  # type: ignore[arg-type]
        lambda: cast("Any", HookCheckpoints)("load", print),
        lambda: cast("Any", HookCheckpoints)(print, coroutine),
        lambda: RetryPolicy(attempts="3"),  # type: ignore[arg-type]
        lambda: RetryPolicy(attempts=0),
        lambda: RetryPolicy(wait_max=-1),
    ],
)
def test_stores_and_policies_refuse_what_cannot_work(make: Callable[[], Any]) -> None:
    """The same class of error as everywhere."""
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize(
    "options",
    [
        {"transport": FakeBanqup()},
        {"transport": httpx.AsyncHTTPTransport()},
        {"http_client": httpx.AsyncClient()},
        {"http_client": httpx.Client},
        {"retry": 3},
        {"ssl_context": "cacert.pem"},
        {"environment": "CVE"},
        {"environment": "https://banqup.example"},
        {"timeout": True},
    ],
    ids=lambda options: "{}: {}".format(*next((k, type(v).__name__) for k, v in options.items())),
)
def test_client_refuses_what_it_cannot_use(options: dict[str, Any]) -> None:
    """A fake in place of its transport, httpx's objects of the other world, and so on."""
    given = {"environment": Environment.CVE, **options}
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))} must be"):
        BanqupClient(ClientCredentials("app", "secret"), **given)


def test_result_is_false_when_it_is_not_ok() -> None:
    """A verification, a trial and a report say in an `if` what `.ok` says."""
    world = World()
    assert world.connect().verify()
    wrong = world.connect(password="wrong-password").verify()
    assert isinstance(wrong, Verification)
    assert not wrong
    document = trial_document(("a.xml", sample(0).content))
    assert try_mapper(default_mapper, [document])
    assert not try_mapper(lambda *_: None, [document])  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["False", "no", None, 1])
def test_flags_are_true_or_false(given: Any) -> None:
    """The text "False" of a web form would settle a document as delivered."""
    world = World()
    connection = world.connect()
    connection.activate()
    with pytest.raises(ConfigurationError, match="delivered must be a bool"):
        connection.settle(world.one(), delivered=given)
    for name in ("dry_run", "look_first"):
        with pytest.raises(ConfigurationError, match=f"{name} must be a bool"):
            connection.export_new(**{name: given})
    assert world.zenvoices.inbox == []


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mapper", lambda document: None),
        ("mapper", lambda: None),
        ("mapper", partial(lambda a, b, c, d: None, 1)),
        ("exportable", lambda document, files: None),
        ("exportable", lambda: None),
    ],
    ids=["mapper one", "mapper none", "mapper partial", "rule two", "rule none"],
)
def test_function_with_other_parameters_is_refused(name: str, function: Any) -> None:
    """Else the first document of the first run would tell."""
    with pytest.raises(ConfigurationError, match=f"{name} must take"):
        World().connect(**{name: function})


@pytest.mark.parametrize("given", [4711, None, object()])
def test_a_document_is_named_by_its_id(given: Any) -> None:
    """Neither Zenvoices' number nor a row of a report is an id in Banqup."""
    connection = World().connect()
    connection.activate()
    with pytest.raises(
        ConfigurationError, match="must be the id of a document in Banqup"
    ) as caught:
        connection.settle(given, delivered=True)
    assert "row.document_id" in str(caught.value.hint)
    with pytest.raises(ConfigurationError, match="must be the id of a document in Banqup"):
        connection.resend([given])


def test_space_of_another_company_is_told() -> None:
    """A changed company code is what is wrong, and not a missing activation."""
    world = World()
    world.connect().activate()
    world.zenvoices.add_company(code="0043", name="Another BV")
    other = world.connect(company_code="0043")
    with pytest.raises(ConfigurationError, match="active with the company '0042'"):
        other.export_new()


def test_number_of_zenvoices_is_no_document_id() -> None:
    """Settling by the number that Zenvoices shows says where the other id is."""
    connection = World().connect()
    connection.activate()
    with pytest.raises(ConfigurationError, match="unknown to this connection") as caught:
        connection.settle("4711", delivered=True)
    assert "show its id" in str(caught.value.hint)
    assert "Zenvoices' number is another one" in str(caught.value.hint)


@pytest.mark.parametrize("given", ["2026/0042", "d" * 129])
def test_number_of_an_invoice_is_told_where_its_id_is(given: str) -> None:
    """The hint says where the id of a document is shown."""
    with pytest.raises(ConfigurationError, match="document id must be 1 to 128") as caught:
        World().connect().resend([given])
    assert str(caught.value.hint).startswith("If it is the number of an invoice: banqup-zenvoices")
    assert "status --waiting" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "Call activate()"), ("fr", "Lancez une fois"), ("nl", "Voer één")]
)
def test_status_of_an_inactive_connection_says_what_to_do(
    lang: Any, words: str, tmp_path: Path
) -> None:
    """And an export's error says the same; an active connection needs no such advice."""
    world = World()
    store = SQLiteCheckpoints(tmp_path / "exports.db", clock=world.clock)
    connection = world.connect(checkpoints=store)
    assert words in connection.status().to_text(lang=lang)
    with pytest.raises(NotActivatedError) as caught:
        connection.export_new()
    assert "may be another store" in str(caught.value.hint)
    connection.activate()
    assert words not in connection.status().to_text(lang=lang)
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_store_in_memory_is_refused_in_a_forked_process() -> None:
    """Each process would have a copy of it, and send every document."""
    store = MemoryCheckpoints()
    assert store.acquire("key", "parent", 60) is not None

    def use() -> None:
        with pytest.raises(ConfigurationError, match="belongs to the process that made it"):
            store.head("key")

    in_child(use)
    assert store.head("key") is None
