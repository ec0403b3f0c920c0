"""Cache a value per process and event loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from _client_kit import _runtime_async as runtime

T = TypeVar("T")


class AsyncPerLoop(Generic[T]):
    """A value, such as an HTTP client, that is made once per process and event loop."""

    def __init__(self, open_one: Callable[[], T]) -> None:
        self._open = open_one
        self._by_process: dict[int, WeakKeyDictionary[Any, T]] = {}

    def _opened(self) -> WeakKeyDictionary[Any, T]:
        # A forked child must not use the sockets of its parent, so it makes its own value.
        return self._by_process.setdefault(os.getpid(), WeakKeyDictionary())

    def opened(self) -> T | None:
        """Return the value of this process and event loop, or None if it was not made."""
        try:
            return self._opened().get(runtime.current_loop())
        except RuntimeError:  # no event loop runs
            return None

    def get(self) -> T:
        """Return the value of this process and event loop; make it if there is none."""
        opened, loop = self._opened(), runtime.current_loop()
        found = opened.get(loop)
        return opened.setdefault(loop, self._open()) if found is None else found
