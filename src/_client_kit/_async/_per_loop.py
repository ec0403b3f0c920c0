"""What belongs to one process and, with tasks, to one event loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from _client_kit import _runtime_async as runtime

__all__ = ["AsyncPerLoop"]

T = TypeVar("T")


class AsyncPerLoop(Generic[T]):
    """Connections, opened where they are first asked for, and again in each other place."""

    def __init__(self, open_one: Callable[[], T]) -> None:
        self._open = open_one
        self._opened: WeakKeyDictionary[Any, T] = WeakKeyDictionary()
        self._process = os.getpid()

    def opened(self) -> T | None:
        """Those of this process and event loop, where there are any."""
        if self._process != os.getpid():
            return None
        try:
            return self._opened.get(runtime.current_loop())
        except RuntimeError:  # no event loop runs
            return None

    def get(self) -> T:
        """Those of this process and event loop."""
        if self._process != os.getpid():
            # Two processes cannot share a socket: a forked child opens its own.
            self._opened = WeakKeyDictionary()
            self._process = os.getpid()
        home = runtime.current_loop()
        found = self._opened.get(home)
        return self._opened.setdefault(home, self._open()) if found is None else found
