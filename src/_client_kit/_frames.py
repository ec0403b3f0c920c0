"""What a traceback shows besides the error: the local variables of the frames it came through."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from inspect import iscoroutinefunction, isfunction
from json import JSONDecodeError
from typing import Any, ParamSpec, TypeVar, cast

from _client_kit._errors import ServiceError

__all__ = [
    "bare",
    "called_without_frames",
    "interrupted",
    "made_without_frames",
    "raised_at",
    "without_frames",
]

MOST_PLACES = 8
_WHY = "; its frames held what was sent or set, so they were taken off"

_E = TypeVar("_E", bound=BaseException)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def bare(error: _E) -> _E:
    """The error without the frames and errors it came through: their locals hold what was sent."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def interrupted(error: BaseException) -> None:
    """Take off the frames of an exception that is none of ours: they hold what was sent.

    It may be a cancellation, an interrupt, or a fault that somebody has to find: for that one a
    note says where it was raised.
    """
    if isinstance(error, Exception):
        _note(error)
    if isinstance(error, UnicodeEncodeError):
        # The whole text, of which one character was the fault.
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)
    if isinstance(error, UnicodeDecodeError):
        error.object = b""
        error.args = (error.encoding, b"", error.start, error.end, error.reason)
    if isinstance(error, JSONDecodeError):
        error.doc = ""
    if isinstance(error, AttributeError):
        error.obj = None  # what was taken for something else
    if isinstance(error, BaseExceptionGroup):
        for one in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            interrupted(one)
    for name in ("__cause__", "__context__", "__traceback__"):
        # Whatever its class makes of being changed.
        BaseException.__setattr__(error, name, None)  # pyright: ignore[reportUnknownArgumentType]


def raised_at(error: BaseException) -> str:
    """Module, function and line where an exception was raised; empty where that is not known."""
    return next(reversed(_walked(error)), "")


def _note(error: Exception) -> None:
    """Say which way the exception came: one note, which grows where frames are taken off again."""
    places = ", from ".join(reversed(_walked(error)[-MOST_PLACES:]))
    if not places:
        return
    notes: list[str] = getattr(error, "__notes__", [])
    for at, note in enumerate(notes):
        if note.endswith(_WHY):
            notes[at] = f"{note.removesuffix(_WHY)}, from {places}{_WHY}"
            return
    with suppress(AttributeError):  # of a class whose instances are frozen
        error.add_note(f"raised at {places}{_WHY}")


def _walked(error: BaseException) -> list[str]:
    return [
        f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__") != __name__
    ]


def without_frames(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, whose errors leave all frames behind that hold what it was called with.

    For what takes credentials, settings or documents, and for what reads answers: what must not be
    shown may stand in any of their locals. Of a coroutine function it is one again.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised again below
                refused = error
            del args, kwargs
            raise _stripped(refused)

        return cast("Callable[_P, _R]", awaited)

    @wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again below
            # Also for what nobody expected: a setting of a type that was never thought of, say.
            refused = error
        del args, kwargs
        raise _stripped(refused)

    return called


def _stripped(error: BaseException) -> BaseException:
    if isinstance(error, ServiceError):
        return bare(error)
    interrupted(error)
    return error


def made_without_frames(cls: type[_R]) -> type[_R]:
    """The class, whose constructor is one of :func:`without_frames`."""
    cls.__init__ = without_frames(cls.__init__)  # type: ignore[method-assign]
    return cls


def called_without_frames(cls: type[_R]) -> type[_R]:
    """The class, each of whose public methods is one of :func:`without_frames`."""
    for name, method in list(vars(cls).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(cls, name, without_frames(method))
    return cls
