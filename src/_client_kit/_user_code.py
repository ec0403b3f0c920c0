"""Find the place in a user's code that an error message names."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from _client_kit._redaction import redact, sanitise
from _client_kit._text import Text, joined

LONGEST_REASON = 300

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

    Frames of this library, of the standard library and of installed packages are skipped. For
    example, a mapper's mistake may raise an error inside `decimal` or `attr`. If no other frames
    exist, installed packages count too, because the user's code may be such a package. If there
    are no frames of packages either, the innermost frame is used.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return ""
    others = [it for it in frames if _module_of(it[0]).split(".")[0] not in _NOT_THE_USERS]
    own = [it for it in others if not _is_installed(it[0])]
    frame, line = (own or others or frames)[-1]
    return Text("place", "{0}, line {1}", f"{_module_of(frame)}.{frame.f_code.co_name}", str(line))


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _is_installed(frame: FrameType) -> bool:
    """Return True for code of an installed package, and for methods that attrs generates."""
    file = frame.f_code.co_filename
    folders = Path(file).parts
    return file.startswith("<attrs") or "site-packages" in folders or "dist-packages" in folders


def described(raised: str, error: Exception) -> str:
    """Return a message followed by the text of an exception of the user's code, as one line.

    The text of a `LookupError` is left out: it is the key that was not found, which may be a bank
    account.
    """
    words = "" if isinstance(error, LookupError) else redact(sanitise(error))[:LONGEST_REASON]
    return joined(": ", raised, words and Text("said", "{0}", words))


def yield_place(generator: Any) -> str:
    """Return module, function and line of the ``yield`` at which a generator is suspended."""
    while inspect.isgenerator(generator.gi_yieldfrom):
        generator = generator.gi_yieldfrom
    frame: FrameType = generator.gi_frame
    module = frame.f_globals.get("__name__")
    return f"{module}.{frame.f_code.co_name}, line {frame.f_lineno}"


def name_of(function: Callable[..., Any]) -> str:
    """Return module and name of a function with the line where it is defined."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", type(function).__name__)
    line = f", line {code.co_firstlineno}" if code is not None else ""
    return f"{getattr(function, '__module__', '')}.{name}{line}"
