"""Check a user's calls, and run the functions from ``operations=``, which yield such calls.

This module does no I/O. :class:`FunctionRun` returns the next call and decides which error is
raised when the function ends; ``_async/_calls.py`` makes the calls.

A new operation of the library is not added here. Add its HTTP method, path and properties to the
``contract.json`` of the client, and a Python method that calls it in the client's ``_async``
folder.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast
from urllib.parse import quote, urlencode

from attrs import evolve, field, frozen
from attrs.validators import instance_of, optional

from _client_kit._address import API_PATH, check_header_text
from _client_kit._contract import TOKEN_CALLS, Operation
from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RejectedError,
    ServiceError,
    StoreError,
    UnavailableError,
)
from _client_kit._files import FileSource
from _client_kit._json import loads
from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from _client_kit._user_code import described, name_of, place_of, yield_place

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    ("accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host")
) | {"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
USER_CODE = "user_code"
IN_DOUBT = Text(
    "hint_look_up", "Whether the document arrived is not known: look it up before sending again."
)


def _pairs(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict; a wrong value raises an error already at the user's ``Call(...)``."""
    return dict(value)


@frozen
class Call:
    """One call of a service, made with the client's token, retries and errors.

    Args:
        method: HTTP method.
        path: Path below the client's ``base_url``, beginning with exactly one ``/``; it may have a
            query. A URL of the API's own scheme, host and port is allowed too.
        query: Query parameters. None is left out; a list repeats the parameter.
        headers: Header fields, as texts; they replace the client's own of the same name. Those that
            only the client may set are refused, such as ``Authorization`` and ``Host``.
        json: JSON body. :class:`Base64` stands for the content of a file, which is read while it
            is sent.
        content: A body instead of ``json``: the content of a file, or bytes. Its media type is
            ``application/octet-stream`` unless ``headers`` has a ``Content-Type``.
        safe: Whether the call changes nothing in the service. A safe call is retried even if it may
            have been applied. By default only GET is safe. In a function for an operation that only
            reads, every call is safe.
        whole: Whether to return the whole :class:`Answer` instead of its payload.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(
        factory=dict[str, Any], kw_only=True, hash=False, converter=_pairs
    )
    headers: Mapping[str, str] = field(
        factory=dict[str, str], kw_only=True, repr=False, hash=False, converter=_pairs
    )
    json: Any = field(default=None, kw_only=True, repr=False, hash=False)
    content: FileSource | bytes | None = field(default=None, kw_only=True, repr=False, hash=False)
    safe: bool | None = field(default=None, kw_only=True, validator=optional(instance_of(bool)))
    whole: bool = field(default=False, kw_only=True, validator=instance_of(bool))


@frozen
class Answer:
    """A successful answer, not decoded.

    Attributes:
        status: HTTP status.
        headers: Header fields; their names are in lower case.
        body: Body as bytes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False, hash=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the decoded JSON body, including the envelope if there is one.

        Raises:
            ValueError: The body is not valid JSON, has a duplicate member, or is too deep or large.
        """
        return loads(self.body)


@frozen(kw_only=True)
class Asked:
    """The argument of a function in ``operations=``.

    Attributes:
        default: The call that the library would make without the function, with the corrections of
            ``contract=`` applied.
    """

    default: Call


def operation_of(call: Call, within: Operation, *, service: str, origin: str) -> Operation:
    """Return the operation for a call that a user has written.

    Args:
        call: The call that the user has written.
        within: The operation that the call is part of. If this operation has a name, errors use it.
        service: Name of the service, to put into the error.
        origin: Scheme, host and port of the API; a URL that starts with them is allowed.

    Raises:
        ConfigurationError: Method or path cannot be used, or the call has both ``json`` and
            ``content``.
    """
    method, path = str(call.method).upper(), str(call.path)
    if path.startswith(f"{origin}/"):
        path = path.removeprefix(origin)
    problem = None
    if method not in _METHODS:
        problem = f"method must be one of {', '.join(_METHODS)}"
    elif not API_PATH.fullmatch(path):
        problem = (
            "path must be of this API, such as '/a/b', without '.' or '..'; quote() an id in it"
        )
    elif call.json is not None and call.content is not None:
        problem = "give json= or content=, not both"
    if problem is not None:
        message = f"Call: {problem}"
        raise ConfigurationError(message, service=service)
    safe = method == "GET" if call.safe is None else call.safe
    return evolve(
        within,
        name=within.name or f"{method} {path.partition('?')[0][:200]}",
        method=method,
        path=path,
        query={},
        rename={},
        safe=within.safe or safe is True,
        may_be_empty=True,
    )


def url_with(url: str, query: Mapping[str, Any]) -> str:
    """Return a URL with query parameters; None is left out, and a list repeats its parameter."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value]
        pairs += [(str(name), _query_text(one)) for one in values if one is not None]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs, quote_via=quote)}"


def _query_text(value: object) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def check_headers(headers: Mapping[str, str], *, service: str) -> None:
    """Check a user's header fields.

    Raises:
        ConfigurationError: A field is invalid, or only the client may set it.
    """
    for name, value in headers.items():
        if not _FIELD.fullmatch(name) or name.lower() in _OURS:
            message = f"Call: the header {str(name)[:80]!r} cannot be set"
            raise ConfigurationError(message, service=service)
        check_header_text(value, f"Call: the header {name}", service=service)


class FunctionRun:
    """A state machine, without I/O, for one run of a user's function.

    Attributes:
        result: Return value of the function.
        conclusive: Whether calls were made, and every answer was a success or "not found": 404, or
            410 except for ``inbox.find``.
    """

    def __init__(self, operation: Operation, asked: object) -> None:
        self.result: Any = None
        self._operation = operation
        self._asked = asked
        self._generator: Any = None
        self._safe = True
        """Whether the current call changes nothing in the service."""
        self._unsafe: set[tuple[str, str]] = set()
        self._began = False
        """Whether a byte of an unsafe call may have been sent."""
        self._succeeded = False
        self._refusal: ServiceError | None = None
        """The service's refusal of the only unsafe call that may have been sent, or None."""
        self._told: list[ServiceError] = []
        self._calls = 0
        self._clean = True

    @property
    def conclusive(self) -> bool:
        return self._clean and self._calls > 0

    def start(self) -> Call | None:
        """Run the function to its first call and return the call; None if the function ended."""
        function: Any = self._operation.function

        def first() -> object:
            made = function(self._asked)
            if not inspect.isgenerator(made):
                raise StopIteration(made)
            self._generator = made
            return next(made)

        return self._step(first)

    def permit(self, step: Operation, url: str) -> None:
        """Check that a call may be made, and remember whether it is safe.

        Args:
            step: The call, as an operation.
            url: The whole URL of the call. The path is not enough, because it may begin at the
                base URL or at the host.

        Raises:
            ServiceError: The call is unsafe, and the function has already yielded a call with the
                same method and the same URL; the query does not count.
        """
        self._safe = step.safe
        if step.safe:
            return
        key = (step.method, url.partition("?")[0])
        if key in self._unsafe:
            path = step.path.partition("?")[0]
            problem = f"yielded {step.method} {path} twice, which may enter a document twice"
            self.refuse(f"{problem} (write safe=True if it leaves nothing behind)")
        self._unsafe.add(key)
        self._refusal = None

    def refuse(self, problem: str) -> NoReturn:
        """Close the function because of a call that cannot be made.

        Raises:
            ServiceError: Always; its message names the line that yielded the call.
        """
        self.close(self._failure(f"{problem} at {yield_place(self._generator)}"))

    def answered(self, value: Any) -> Call | None:
        """Send the result of a successful call into the function.

        Return the function's next call, or None if the function has ended.
        """
        self._calls += 1
        if not self._safe:
            self._began = self._succeeded = True
        return self._step(lambda: self._generator.send(value))

    def failed(self, error: BaseException) -> Call | None:
        """Raise the error of a call inside the function, and return the function's next call.

        The result is None if the function has returned. In two cases the function is closed
        instead. The error is not the service's answer to this call. Or the call is unsafe, and the
        answer does not say whether the call was applied.

        Raises:
            BaseException: The function raised an error or was closed. This is the error of the
                whole operation.
        """
        self._calls += 1
        # 410 for a document says that the document is gone. 410 for a look-up says only that the
        # address of the look-up is gone.
        absent = (404,) if self._operation.called == "inbox.find" else (404, 410)
        self._clean = self._clean and isinstance(error, NotFoundError) and error.status in absent
        answer = None
        # The error of a token request is no answer to the call itself.
        if isinstance(error, ServiceError) and error.operation not in TOKEN_CALLS and error.status:
            answer = error
        # An answer proves that the request was sent. Without an answer, the request may have been
        # sent, unless the error says that the call was not applied.
        left = answer is not None or not isinstance(error, ServiceError) or error.applied is None
        if not self._safe and answer is not None and answer.applied is None:
            answer = None
        if not self._safe and left:
            self._refusal = None if self._began else answer
            self._began = True
        if answer is None:
            self.close(error)
        told = answer
        self._told.append(told)
        return self._step(lambda: self._generator.throw(told))

    def _step(self, resume: Callable[[], object]) -> Call | None:
        """Resume the function and return its next call; None if it ended."""
        try:
            yielded = resume()
        except StopIteration as stop:
            self._return(stop.value)
            return None
        except Exception as error:  # noqa: BLE001 - raised by the user's code
            ending = self._meaning(error)
        else:
            if type(yielded) is not Call:
                self.refuse(f"yielded {type(yielded).__name__}, not a Call,")
            return yielded
        raise ending

    def _return(self, value: Any) -> None:
        if type(value) is Call:
            raise self._failure("returned a Call: write `yield` before it")
        if not self._operation.safe and not self._succeeded:
            problem = "returned although no call was answered that leaves something behind"
            raise self._failure(f"{problem}: it has sent nothing")
        self.result = value

    def _meaning(self, error: Exception) -> BaseException:
        """Return the error to raise after an exception has ended the function."""
        if raised_by_signal_handler(error):
            return error
        if not any(error is told for told in self._told) and not isinstance(
            error, (RejectedError, NotFoundError, UnavailableError)
        ):
            raised = f"raised {type(error).__name__} at {place_of(error)}"
            failure = self._failure(described(raised, error))
            failure.__cause__ = error
            return failure
        return self._ending(error)

    def _ending(self, error: BaseException) -> BaseException:
        """Return the error of the whole operation after `error` has ended the function.

        A ServiceError becomes an OutcomeUnknownError if an unsafe call may have been applied. In an
        operation that only reads, a NotFoundError becomes a ProtocolError unless the run is
        ``conclusive``. Every other error is returned unchanged, and so is a StoreError.
        """
        if not isinstance(error, ServiceError) or isinstance(error, StoreError):
            return error
        if self._began and error is not self._refusal:
            if isinstance(error, OutcomeUnknownError):
                return error
            return self._like(OutcomeUnknownError, error, error.message)
        if self._operation.safe and isinstance(error, NotFoundError) and not self.conclusive:
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
        """Return the error for a bug in the user's function."""
        function: Any = self._operation.function
        message = Text(
            "own_function",
            "{0}: the function {1} {2}",
            *(self._operation.called, name_of(function), problem),
        )
        kind = OutcomeUnknownError if self._began else ConfigurationError
        return kind(
            message,
            service=self._operation.service,
            retryable=False,
            code=USER_CODE,
            hint=IN_DOUBT if self._began else None,
        )

    def close(self, error: BaseException) -> NoReturn:
        """Close the function without another call, and raise the error of the operation."""
        ending = self._ending(error)
        try:
            self._generator.close()
        except Exception as problem:  # noqa: BLE001 - raised by the user's code
            what = f"raised {type(problem).__name__} while it was closed"
            if isinstance(ending, ServiceError) and not isinstance(ending, StoreError):
                ending = self._failure(what)
                ending.__cause__ = problem
            else:
                ending.add_note(f"{self._operation.label} {what}")
        raise ending
