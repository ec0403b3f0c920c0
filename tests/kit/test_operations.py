"""A run of a user's function: which calls it may make, and what its end means."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RejectedError,
    ServiceError,
    StoreError,
    UnavailableError,
    UnreachableError,
)
from _client_kit._operations import Call, FunctionRun, operation_of

Script = Generator[Any, Any, Any]

SENDS = Operation(
    name="send", method="POST", path="/send", query={}, sends=(), reads=(), evidence="assumed",
    source="a test", safe=False, service="test",
)  # fmt: skip
READS = evolve(SENDS, name="read", method="GET", path="/read", safe=True)
BASE = "https://api.test/v1"
SAFE = Call("POST", "/file", safe=True)
SEND = Call("POST", "/send")
THEN = Call("POST", "/commit")


def refusal(status: int = 400) -> RejectedError:
    return RejectedError("no", service="test", status=status, own=True)


def doubt() -> OutcomeUnknownError:
    return OutcomeUnknownError("broke", service="test")


def play(function: Callable[[Any], Any], *answers: Any, operation: Operation = SENDS) -> Any:
    """Run a function against answers in turn: errors are raised to it, as far as they may be.

    Returns:
        What it returned.
    """
    own = evolve(operation, function=function, called=operation.called or operation.name)
    run = FunctionRun(own, "asked")
    call = run.start()
    for answer in answers:
        assert call is not None, "it makes fewer calls than there are answers"
        step = operation_of(call, own, service="test", origin="https://api.test")
        run.permit(step, f"{BASE if call.path.startswith('/') else 'https://api.test'}{step.path}")
        failed = isinstance(answer, BaseException)
        call = run.failed(answer) if failed else run.answered(answer)
    assert call is None, "it makes more calls than there are answers"
    return run.result


def test_calls_go_in_and_answers_come_back() -> None:
    """The function gets what is asked, each answer, and what it returns is the result."""

    def function(asked: Any) -> Script:
        first = yield SAFE
        second = yield SEND
        return asked, first, second

    assert play(function, 1, 2) == ("asked", 1, 2)


def test_plain_function_may_answer_a_reading_operation() -> None:
    """What needs no call needs no yield."""
    assert play(lambda asked: [asked], operation=READS) == ["asked"]


def test_definite_answers_come_into_the_function() -> None:
    """It may handle a refusal of a safe call, and of the first unsafe one, as a typed error."""

    told: list[Any] = []

    def function(asked: Any) -> Script:
        try:
            yield SAFE
        except NotFoundError as error:
            told.append(error.status)
        try:
            yield SEND
        except RejectedError:
            return (yield THEN)

    gone = NotFoundError("gone", service="test", status=404)
    assert play(function, gone, refusal(), 7) == 7
    assert told == [404]


def test_refusal_of_the_first_unsafe_call_is_a_refusal() -> None:
    """Nothing was entered, so the error is what the service said."""

    def function(asked: Any) -> Script:
        yield SAFE
        yield SEND

    error = refusal()
    with pytest.raises(RejectedError) as caught:
        play(function, 1, error)
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("no route", service="test"),
        CredentialsError("login", service="test", status=500, operation="login"),
        UnavailableError("deadline", service="test"),
    ],
)
def test_call_that_never_left_leaves_no_doubt(error: ServiceError) -> None:
    """Neither a closed port, nor a refused login, nor a deadline before it sends anything."""

    def function(asked: Any) -> Script:
        yield SEND

    with pytest.raises(type(error)) as caught:
        play(function, error)
    assert caught.value is error


LATER: dict[str, Any] = {
    "refused": refusal(),
    "not found": NotFoundError("gone", service="test", status=404),
    "no connection": UnreachableError("no route", service="test"),
    "login": CredentialsError("login", service="test", status=401, operation="login"),
    "deadline": UnavailableError("deadline", service="test"),
    "doubt": doubt(),
    "web page": ProtocolError("html", service="test", status=200),
}


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("later", LATER)
def test_whatever_ends_it_after_an_unsafe_call_is_in_doubt(later: str, safe: bool) -> None:
    """The first call may have entered the document, so nothing later is a refusal of it."""

    def function(asked: Any) -> Script:
        yield SEND
        yield evolve(THEN, safe=safe)

    with pytest.raises(OutcomeUnknownError):
        play(function, 1, LATER[later])


@pytest.mark.parametrize("first", [1, refusal(), doubt(), ProtocolError("?", service="test")])
@pytest.mark.parametrize("end", ["raise", "return", "nonsense", "other error"])
def test_own_mistake_after_an_unsafe_call_is_in_doubt(first: Any, end: str) -> None:
    """An exception, a wrong yield, an error of its own: the first byte had left."""

    def function(asked: Any) -> Script:
        with suppress(RejectedError):
            yield SEND
        if end == "raise":
            raise KeyError("x")
        if end == "nonsense":
            yield "POST"
        if end == "other error":
            raise RejectedError("mine", service="test")
        return 1

    if first == 1 and end == "return":
        assert play(function, first) == 1
        return
    with pytest.raises((OutcomeUnknownError, ProtocolError)) as got:
        play(function, first)
    assert got.value.applied is None


def test_refusal_of_another_route_is_in_doubt() -> None:
    """Two unsafe calls have left: the refusal of neither says that nothing was entered."""

    def function(asked: Any) -> Script:
        try:
            yield SEND
        except RejectedError as first:
            try:
                yield THEN
            except RejectedError:
                raise first from None

    with pytest.raises(OutcomeUnknownError):
        play(function, refusal(), refusal())


@pytest.mark.parametrize(
    "again",
    [
        evolve(SEND, query={"again": 1}),
        Call("post", "/send?again=1"),
        Call("POST", "https://api.test/v1/send"),
    ],
)
def test_same_unsafe_call_twice_is_refused(again: Call) -> None:
    """It would enter the document twice; it is not made, and the first is in doubt."""

    def function(asked: Any) -> Script:
        yield SEND
        yield again

    with pytest.raises(OutcomeUnknownError, match=r"twice .*safe=True.*\.function, line"):
        play(function, 1, 2)


def test_upload_without_an_unsafe_call_has_sent_nothing() -> None:
    """That is a failure of the user's code, with every call marked as safe too."""

    def function(asked: Any) -> Script:
        return (yield SAFE)

    with pytest.raises(ConfigurationError, match="sent nothing") as caught:
        play(function, {"id": 1})
    assert caught.value.code == "user_code"


@pytest.mark.parametrize(
    "error",
    [doubt(), StoreError("lease", service="bridge"), KeyboardInterrupt(), SystemExit(3)],
)
def test_function_is_closed_and_makes_no_further_call(error: BaseException) -> None:
    """A doubt, a lost lease and an interrupt never come into the function; it may clean up."""
    closed: list[str] = []

    def function(asked: Any) -> Script:
        try:
            yield SEND
        except Exception:
            closed.append("told")
            yield THEN
        finally:
            closed.append("closed")

    with pytest.raises(type(error)):
        play(function, error)
    assert closed == ["closed"]


@pytest.mark.parametrize("error", [doubt(), KeyboardInterrupt()])
def test_yield_while_closing_is_an_error(error: BaseException) -> None:
    """The call is not made; an interrupt stays one, with a note."""

    def function(asked: Any) -> Script:
        try:
            yield SEND
        finally:
            yield THEN

    with pytest.raises(type(error)) as caught:
        play(function, error)
    told = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert any("raised RuntimeError while it was closed" in text for text in told)


def test_safe_call_that_broke_ends_the_function() -> None:
    """Only answers come in: after a broken connection there is nothing to decide on."""

    def function(asked: Any) -> Script:
        try:
            yield SAFE
        except UnavailableError:
            yield SEND

    with pytest.raises(UnavailableError):
        play(function, UnavailableError("broke", service="test"))


MISTAKES: dict[str, Any] = {
    "text": lambda asked: (yield "POST /x"),
    "none": lambda asked: (yield),
    "raises": lambda asked: (yield Call("GET", asked.nothing)),
    "delegated": lambda asked: (yield from (one for one in [3])),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_names_the_function_and_its_line(mistake: str) -> None:
    """So that the user finds it; nothing was sent."""
    with pytest.raises(ConfigurationError) as caught:
        play(MISTAKES[mistake])
    message = caught.value.message
    assert message.startswith(f"send: the function {__name__}.<lambda>, line ")
    assert message.count("line ") == 2
    assert caught.value.code == "user_code"
    if mistake == "raises":
        assert isinstance(caught.value.__cause__, AttributeError)


@pytest.mark.parametrize("kind", [RejectedError, NotFoundError, UnavailableError])
def test_own_refusal_is_said_by_raising_it(kind: type[ServiceError]) -> None:
    """Before anything was sent, a function may refuse the document, or have it wait."""

    def function(asked: Any) -> Script:
        yield SAFE
        raise kind("only PDF", service="test")

    with pytest.raises(kind, match="only PDF"):
        play(function, 1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("headers", "X-Company: 7", "dictionary"),
        ("headers", None, "not iterable"),
        ("query", "a=1", "dictionary"),
        ("safe", "yes", "'safe' must be <class 'bool'>"),
        ("whole", 1, "'whole' must be <class 'bool'>"),
    ],
)
def test_argument_of_another_type_is_refused_where_the_call_is_written(
    name: str, value: Any, said: str
) -> None:
    """A text for a flag would count as no flag, silently."""
    with pytest.raises((TypeError, ValueError), match=said):
        Call("GET", "/x", **{name: value})


@pytest.mark.parametrize(
    ("answers", "conclusive"),
    [
        ([1, NotFoundError("gone", service="test", status=404)], True),
        ([refusal(500), NotFoundError("gone", service="test", status=404)], False),
        ([NotFoundError("gone", service="test", status=410), 1], True),
        ([], False),
    ],
)
def test_not_found_counts_only_if_every_call_was_answered(
    answers: list[Any], conclusive: bool
) -> None:
    """A swallowed error, or no call at all, proves nothing."""

    def function(asked: Any) -> Script:
        for _ in answers:
            with suppress(ServiceError):
                yield Call("GET", "/x")
        raise NotFoundError("not there", service="test")

    with pytest.raises(NotFoundError if conclusive else ProtocolError):
        play(function, *answers, operation=READS)


def test_look_up_that_is_gone_proves_nothing() -> None:
    """The route may be gone, and not the document."""

    def function(asked: Any) -> Script:
        yield Call("GET", "/x")

    gone = NotFoundError("gone", service="test", status=410)
    with pytest.raises(ProtocolError):
        play(function, gone, operation=evolve(READS, called="inbox.find"))


def test_absence_before_an_unsafe_call_is_no_doubt() -> None:
    """Nothing was sent: the error is what the function let through."""

    def function(asked: Any) -> Script:
        with suppress(ServiceError):
            yield Call("GET", "/x", safe=True)
        raise NotFoundError("not there", service="test", status=404)

    with pytest.raises(NotFoundError):
        play(function, refusal(400))


def test_functions_are_checked_when_the_client_is_made() -> None:
    """A name that is unknown, a value that cannot be called, a rename that would be lost."""

    async def coroutine(asked: Any) -> None: ...

    contract = Contract("test", {"send": SENDS, "login": SENDS})
    names: Any = {"find": "send"}
    for given, said in (
        ({"sent": print}, "unknown name 'sent'. Did you mean 'send'"),
        ({"login": print}, "unknown name"),
        ({"send": 3}, "send must be a function"),
        ({"send": coroutine}, "send is a coroutine function"),
        ({"send": lambda: None}, "send must take 1 argument"),
        ([], "operations must be an object"),
    ):
        wrong: Any = given
        with pytest.raises(ConfigurationError, match=said):
            contract.with_functions(wrong, also=names)
    renamed = Contract("test", {"send": evolve(SENDS, rename={"a": ("b", {})})})
    with pytest.raises(ConfigurationError, match="a function and a rename"):
        renamed.with_functions({"send": print}, also=names)
    assert contract.with_functions({"find": print}, also=names)["find"].function is print


def test_digest_tells_another_function() -> None:
    """A run after a change of operations= must notice that documents may look otherwise."""
    contract = Contract("test", {"send": SENDS})
    digests = {
        contract.digest,
        contract.with_functions({"send": MISTAKES["text"]}, also={}).digest,
        contract.with_functions({"send": MISTAKES["raises"]}, also={}).digest,
    }
    assert len(digests) == 3


def digest_of(source: str) -> str:
    """The digest of a contract with a function whose source is given."""
    names: dict[str, Any] = {}
    exec(source, names)
    return Contract("test", {"send": SENDS}).with_functions({"send": names["f"]}, also={}).digest


def test_digest_tells_a_corrected_path_or_name() -> None:
    """A correction may change nothing but a text in the function, or in one inside it."""
    sources = [
        f"def f(asked):\n    inner = lambda: {inner!r}\n    return asked.{name}({path!r}, inner)"
        for path, name, inner in (
            ("/a", "get", "x"),
            ("/b", "get", "x"),
            ("/a", "put", "x"),
            ("/a", "get", "y"),
        )
    ]
    assert len({digest_of(source) for source in sources}) == 4
    assert digest_of(sources[0]) == digest_of(f"# moved\n\n{sources[0]}")


def test_digest_is_the_same_in_each_process() -> None:
    """Otherwise each process would look for what a correction has changed."""
    source = "def f(asked):\n    return asked in {'a', 'b', 'c', 'd'}"
    command = f"from kit.test_operations import digest_of; print(digest_of({source!r}))"
    tests = str(Path(__file__).parents[1])
    found = {
        subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": tests},
            check=True,
            capture_output=True,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1


@pytest.mark.parametrize("operation", [SENDS, READS])
def test_call_that_was_returned_is_told(operation: Operation) -> None:
    """A forgotten yield is the likeliest mistake."""

    def function(asked: Any) -> Any:
        return SEND

    with pytest.raises(ConfigurationError, match="returned a Call: write `yield` before it"):
        play(function, operation=operation)
