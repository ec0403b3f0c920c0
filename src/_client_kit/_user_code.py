"""Find the place in a user's code that an error message names."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from types import GeneratorType
from typing import Any

from _client_kit._text import Text

__all__ = ["cause_of", "name_of", "place_of", "yield_place"]

_NOT_THE_USERS = sys.stdlib_module_names | {
    "_client_kit",
    "_contract_check",
    "banqup_client",
    "bridge",
    "zenvoices_client",
}


def cause_of(error: BaseException) -> Exception | None:
    """Return the exception of the user's code that an error reports, or None."""
    return error.__cause__ if isinstance(error.__cause__, Exception) else None


def place_of(error: BaseException) -> str:
    """Return module, function and line of the innermost frame of the user's code.

    Frames of this library and of the standard library are skipped: a mapper's mistake may raise an
    error inside `decimal`, for example. If there are no other frames, the innermost frame is used.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in frames]
    of_user = [n for n, name in enumerate(modules) if name.split(".")[0] not in _NOT_THE_USERS]
    if not frames:
        return ""
    at = of_user[-1] if of_user else -1
    frame, line = frames[at]
    return Text("place", "{0}, line {1}", f"{modules[at]}.{frame.f_code.co_name}", str(line))


def yield_place(generator: GeneratorType[Any, Any, Any]) -> str:
    """Return module, function and line of the ``yield`` at which a generator is suspended."""
    while inspect.isgenerator(generator.gi_yieldfrom):
        generator = generator.gi_yieldfrom
    frame = generator.gi_frame
    if frame is None:  # pyright: ignore[reportUnnecessaryComparison] - None at the end
        return ""
    module = frame.f_globals.get("__name__")
    return f"{module}.{frame.f_code.co_name}, line {frame.f_lineno}"


def name_of(function: Callable[..., Any]) -> str:
    """Return module and name of a function with the line where it is defined."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", type(function).__name__)
    line = f", line {code.co_firstlineno}" if code is not None else ""
    return f"{getattr(function, '__module__', '')}.{name}{line}"
