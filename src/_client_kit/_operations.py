"""A user's own way to make an operation: a generator that yields the calls a service really has.

Pure: :class:`FunctionRun` says which call comes next and what the end of the function means;
``_async/_calls.py`` makes the calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from types import GeneratorType
from typing import Any, NoReturn

from attrs import field, frozen

from _client_kit._contract import Operation
from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RejectedError,
    ServiceError,
    StoreError,
)
from _client_kit._json import loads
from _client_kit._redaction import redact, sanitise
from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from _client_kit._user_code import name_of, place_of, yield_place

__all__ = ["USER_CODE", "Answer", "Asked", "Call", "FunctionRun"]

USER_CODE = "user_code"
IN_DOUBT = Text(
    "hint_look_up", "Whether the document arrived is not known: look it up before sending again."
)


@frozen
class Call:
    """One call of a service, made with the client's token, retries and errors.

    Args:
        method: The HTTP method.
        path: From the root of the API's address, beginning with exactly one ``/``; a query may
            stand behind it. An absolute address of the API's own origin counts as its path.
        query: Query parameters; None is left out, a list is repeated.
        headers: Further header fields.
        json: A JSON body; :class:`Base64` may stand in it where a file's content goes, which is
            read while it is sent.
        safe: Whether the call leaves nothing behind, so that it may be repeated after a fault whose
            outcome is unknown. By default only GET does.
        whole: Give the whole :class:`Answer` instead of its payload.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True)
    headers: Mapping[str, str] = field(factory=dict[str, str], kw_only=True, repr=False)
    json: Any = field(default=None, kw_only=True, repr=False)
    safe: bool | None = field(default=None, kw_only=True)
    whole: bool = field(default=False, kw_only=True)


@frozen
class Answer:
    """A successful answer as it came.

    Attributes:
        status: The HTTP status.
        headers: Header fields, by name in lower case.
        body: The bytes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON, with its envelope where it has one.

        Raises:
            ValueError: It is none.
        """
        return loads(self.body)


@frozen(kw_only=True)
class Asked:
    """What a function of ``operations=`` is given.

    Attributes:
        default: The call that the library would make itself, patched by ``contract=``.
    """

    default: Call


class FunctionRun:
    """One run of a user's function as a state machine, without I/O.

    Attributes:
        result: What the function returned.
        conclusive: Whether calls were made, and each was answered by success or "not found".
    """

    def __init__(self, operation: Operation, asked: object) -> None:
        self.result: Any = None
        self._operation = operation
        self._asked = asked
        self._generator: GeneratorType[Any, Any, Any] | None = None
        self._safe = True
        """Whether the call under way leaves nothing behind."""
        self._unsafe: set[tuple[str, str]] = set()
        self._began = False
        """Whether the first byte of an unsafe call may have left."""
        self._succeeded = False
        self._refusal: ServiceError | None = None
        """The refusal of the only unsafe call so far."""
        self._told: list[ServiceError] = []
        self._calls = 0
        self._clean = True

    @property
    def conclusive(self) -> bool:
        return self._clean and self._calls > 0

    def start(self) -> Call | None:
        """Run the function to its first call; None where it ended, as the methods below do."""
        function = self._operation.function
        if function is None:  # pragma: no cover - it is looked up before
            raise TypeError

        def first() -> object:
            made = function(self._asked)
            if not inspect.isgenerator(made):
                raise StopIteration(made)
            self._generator = made
            return next(made)

        return self._step(first)

    def permit(self, call: Call, step: Operation) -> None:
        """Check that a call may be made, and note that it is under way.

        Raises:
            ServiceError: The same unsafe call was made before.
        """
        self._safe = step.safe
        if step.safe:
            return
        key = (step.method, step.path.partition("?")[0])
        if key in self._unsafe:
            self.refuse(f"yielded {call.method} {call.path} twice, which may enter it twice")
        self._unsafe.add(key)
        self._refusal = None

    def refuse(self, problem: str) -> NoReturn:
        """Close the function over a call that cannot be made, naming the line that yielded it.

        Raises:
            ServiceError: What the end of the function means.
        """
        place = yield_place(self._generator) if self._generator else ""
        self._close(self._failure(f"{problem} at {place}"))

    def answered(self, value: Any) -> Call | None:
        """Hand a successful answer to the function."""
        self._calls += 1
        if not self._safe:
            self._began = self._succeeded = True
        return self._step(lambda: self._running.send(value))

    def failed(self, error: BaseException) -> Call | None:
        """Tell the function of a definite answer; close it after anything else.

        Raises:
            BaseException: What the end of the function means.
        """
        self._calls += 1
        self._clean = self._clean and isinstance(error, NotFoundError) and error.status == 404
        answer = error if isinstance(error, ServiceError) and _is_answer(error) else None
        # A failure without an answer was definitely not sent only where its class says so.
        left = answer is not None or not isinstance(error, ServiceError) or error.applied is None
        if not self._safe and answer is not None and answer.applied is None:
            answer = None
        if not self._safe and left:
            self._refusal = None if self._began else answer
            self._began = True
        if answer is None:
            self._close(error)
        told = answer
        self._told.append(told)
        return self._step(lambda: self._running.throw(told))

    @property
    def _running(self) -> GeneratorType[Any, Any, Any]:
        if self._generator is None:  # pragma: no cover - calls come from a generator
            raise TypeError
        return self._generator

    def _step(self, resume: Callable[[], object]) -> Call | None:
        """Run the function to its next call."""
        try:
            yielded = resume()
        except StopIteration as stop:
            self._return(stop.value)
            return None
        except Exception as error:  # noqa: BLE001 - of the user's own code
            ending = self._meaning(error)
        else:
            if type(yielded) is not Call:
                self.refuse(f"yielded {type(yielded).__name__}, not a Call,")
            return yielded
        raise ending

    def _return(self, value: Any) -> None:
        if isinstance(value, Coroutine):
            value.close()
            raise self._failure("is a coroutine function: write a generator, without async")
        if not self._operation.safe and not self._succeeded:
            problem = "returned although no call was answered that leaves something behind"
            raise self._failure(f"{problem}: it has sent nothing")
        self.result = value

    def _meaning(self, error: Exception) -> BaseException:
        """Return the error that the end of the function by an exception means."""
        if raised_by_signal_handler(error):
            return error
        if not any(error is told for told in self._told) and not isinstance(
            error, (RejectedError, NotFoundError)
        ):
            text = "" if isinstance(error, LookupError) else f": {redact(sanitise(error))}"
            failure = self._failure(f"raised {type(error).__name__} at {place_of(error)}{text}")
            failure.__cause__ = error
            return failure
        return self._ending(error)

    def _ending(self, error: BaseException) -> BaseException:
        """Return the error by which the operation ends where the function ends by `error`."""
        if not isinstance(error, ServiceError) or isinstance(error, StoreError):
            return error
        if self._began and error is not self._refusal:
            if isinstance(error, OutcomeUnknownError):
                return error
            return self._like(OutcomeUnknownError, error, error.message)
        if isinstance(error, NotFoundError) and not self.conclusive:
            message = Text("not_conclusive", "{0}, but not every call was answered", error.message)
            return self._like(ProtocolError, error, message)
        return error

    def _like(self, kind: type[ServiceError], error: ServiceError, message: str) -> ServiceError:
        return kind(
            message,
            service=error.service,
            status=error.status,
            retryable=False,
            request_id=error.request_id,
            answered_at=error.answered_at,
            hint=IN_DOUBT if kind is OutcomeUnknownError else error.hint,
        )

    def _failure(self, problem: str) -> ServiceError:
        """Return the error for a mistake in the user's function."""
        function: Any = self._operation.function
        message = Text(
            "own_function",
            "{0}: the function {1} {2}",
            *(self._operation.name, name_of(function), problem),
        )
        kind = OutcomeUnknownError if self._began else ConfigurationError
        return kind(
            message,
            service=self._operation.service,
            retryable=False,
            code=USER_CODE,
            hint=IN_DOUBT if self._began else None,
        )

    def _close(self, error: BaseException) -> NoReturn:
        """Close the function without another call, and raise what its end means."""
        ending = self._ending(error)
        if self._generator is not None:
            try:
                self._generator.close()
            except Exception as problem:  # noqa: BLE001 - of the user's own code
                what = f"raised {type(problem).__name__} while it was closed"
                if isinstance(ending, ServiceError) and not isinstance(ending, StoreError):
                    failure = self._failure(what)
                    failure.__cause__ = problem
                    ending = failure
                else:
                    ending.add_note(f"{self._operation.label} {what}")
        raise ending


def _is_answer(error: ServiceError) -> bool:
    """Whether the service answered the call itself, and not the one for a token before it."""
    own = error.operation is None and error.status is not None
    return own and not isinstance(error, StoreError)
