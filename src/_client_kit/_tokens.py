"""Cache the token, or the rejection, of a credential for all clients that use it.

``_async/_calls.py`` requests the token.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, TypeVar

from _client_kit import _clock
from _client_kit._errors import CredentialsError
from _client_kit._response import Token

_F = TypeVar("_F")

# A token is renewed this many seconds before its end, or at half of its lifetime if that is later.
RENEW_EARLY = 60.0


class TokenCache:
    """The token or rejection of one credential at one service address.

    Its own lock protects the fields and is never held during I/O. While one call requests a
    token, other calls wait for the lock that :meth:`flight` returns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._rejection: CredentialsError | None = None
        self._flights: dict[type[Any], Any] = {}
        _living.add(self)

    def forked(self) -> None:
        """Make new locks in a forked child: a thread that holds an old lock is not in the child."""
        self._lock = threading.Lock()
        self._flights = {}

    def flight(self, kind: type[_F]) -> _F:
        """Return the lock that a call holds while it gets a token; other calls wait for the lock.

        ``kind`` is the class of the lock: threads and asyncio have a lock each.
        """
        return self._flights.setdefault(kind, kind())  # type: ignore[no-any-return]

    def current(self) -> Token | None:
        """Return the token if it is still valid, else None; raise the rejection if there is one."""
        with self._lock:
            if self._rejection is not None:
                raise self._rejection.copy()
            if self._token is not None and _clock.monotonic() < self._renew_at:
                return self._token
            return None

    def store(self, token: Token, asked_at: float) -> None:
        """Store a new token; its lifetime counts from ``asked_at``, by the monotonic clock."""
        with self._lock:
            self._token = token
            self._renew_at = asked_at + token.life - min(RENEW_EARLY, token.life / 2)

    def drop(self, token: Token) -> None:
        """Forget a token that the service rejected, unless another has replaced it."""
        with self._lock:
            if self._token is token:
                self._token = None

    def reject(self, error: CredentialsError) -> None:
        """Store that the service refused the credential. This cannot be undone."""
        with self._lock:
            self._rejection = error.copy()


_living: weakref.WeakSet[TokenCache] = weakref.WeakSet()


def _after_fork() -> None:
    for state in list(_living):
        state.forked()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


class TokenCaches:
    """The token caches of one credential, by service address."""

    def __init__(self) -> None:
        self._caches: dict[str, TokenCache] = {}

    def at(self, address: str) -> TokenCache:
        """Return the cache for an address: a token is never sent to another address."""
        return self._caches.setdefault(address, TokenCache())
