"""Telling an exception that a signal handler raised from one of the code it interrupted."""

from __future__ import annotations

import signal
import threading
import traceback
from types import CodeType
from typing import Any

__all__ = ["raised_by_signal_handler"]


def raised_by_signal_handler(error: BaseException) -> bool:
    """Return True where a Python signal handler of this process raised the exception.

    Such an exception, a task queue's time limit for example, is for the application: it must not
    pass for a failure of the call or the document that it happened to interrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run in the main thread alone
    handlers = _handlers()
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


def _handlers() -> set[CodeType]:
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        function: Any = getattr(handler, "func", handler)  # of functools.partial
        if not hasattr(function, "__code__") and not hasattr(function, "__func__"):
            function = getattr(type(function), "__call__", None)  # noqa: B004 - of an object
        function = getattr(function, "__func__", function)  # of a bound method
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType) and handler is not signal.default_int_handler:
            found.add(code)
    return found
