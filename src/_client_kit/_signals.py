"""Distinguish exceptions of a signal handler from exceptions of the interrupted code."""

from __future__ import annotations

import signal
import threading
import traceback
from types import CodeType
from typing import Any


def raised_by_signal_handler(error: BaseException) -> bool:
    """Return True if a Python signal handler of this process raised the exception.

    Such an exception, for example a task queue's time limit, is meant for the application. The
    exception must not count as a failure of the interrupted call or document.
    """
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run in the main thread only
    handlers = _handlers()
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


def signal_error(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """Return the exception of a signal handler in an error's chain of causes, or None.

    The search stops at ``handled``, the exception that was being handled before the call.

    httpx wraps an ``OSError`` or a ``TimeoutError`` that a handler raised inside a call of httpx.
    Without this search, the error would count as a failure of the network.
    """
    step: BaseException | None = error
    while step is not None and step is not handled:
        if raised_by_signal_handler(step):
            return step
        step = step.__cause__ or step.__context__
    return None


def _handlers() -> set[CodeType]:
    """Return the code objects of all signal handlers, except Python's own handler of Ctrl+C.

    A handler is a function, a method, a ``partial()`` or a callable object.
    """
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if handler is signal.default_int_handler:
            continue
        function = getattr(handler, "func", handler)
        for one in (function, getattr(function, "__call__", None)):  # noqa: B004 - read only
            code = getattr(getattr(one, "__func__", one), "__code__", None)
            if isinstance(code, CodeType):
                found.add(code)
    return found
