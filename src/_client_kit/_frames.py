"""What a traceback shows besides the error: the local variables of the frames it came through."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from _client_kit._errors import ServiceError

__all__ = ["bare", "interrupted", "made_without_frames", "without_frames"]

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
    if isinstance(error, Exception) and (place := _place(error)):
        error.add_note(
            f"raised at {place}; its frames held what was sent or set, so they were taken off"
        )
    if isinstance(error, UnicodeEncodeError):
        # The whole text, of which one character was the fault.
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)
    if isinstance(error, AttributeError):
        error.obj = None  # what was taken for something else
    if isinstance(error, BaseExceptionGroup):
        for one in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            interrupted(one)
    error.__cause__ = error.__context__ = error.__traceback__ = None


def _place(error: BaseException) -> str | None:
    """Where an exception was raised."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        found = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}, line {line}"
    return found


def without_frames(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, whose errors leave all frames behind that hold what it was called with.

    For what takes credentials and settings: a password may stand in any of them by mistake.
    """

    @wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again below
            # Also for what nobody expected: a setting of a type that was never thought of, say.
            refused = error
        del args, kwargs
        if isinstance(refused, ServiceError):
            raise bare(refused)
        interrupted(refused)
        raise refused

    return called


def made_without_frames(cls: type[_R]) -> type[_R]:
    """The class, whose constructor is one of :func:`without_frames`."""
    cls.__init__ = without_frames(cls.__init__)  # type: ignore[method-assign]
    return cls
