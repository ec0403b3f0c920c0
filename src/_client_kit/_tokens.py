"""Cache a credential's token, or the error of its refused login, for all clients that use it.

``_async/_calls.py`` requests the token.
"""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar

from _client_kit import _clock
from _client_kit._errors import CredentialsError, ServiceError
from _client_kit._response import Token

_F = TypeVar("_F")

# A token is renewed this many seconds before its end, or at half of its lifetime if that is later.
RENEW_EARLY = 60.0

_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    # Fork only while no other thread holds the lock: that thread, which would have to release the
    # lock, does not exist in the child.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class TokenCache:
    """The token of one credential at one base URL, or the error of its refused login.

    The module's lock protects token and error, and is never held during I/O. While one call
    requests a token, other calls wait for another lock, which :meth:`flight` returns.
    """

    def __init__(self) -> None:
        self._token: Token | None = None
        self._renew_at = 0.0
        self._rejection: CredentialsError | None = None
        self.failure: ServiceError | None = None
        """The error of the last token request that failed in all its tries, or None.

        The calls that waited for this request raise a copy of the error.
        """
        self._flights: dict[tuple[int, type[Any]], Any] = {}

    def flight(self, kind: type[_F]) -> _F:
        """Return the lock that a call holds while it gets a token; other calls wait for the lock.

        ``kind`` is the class of the lock: threads and asyncio have a lock each.
        """
        # The key has the process id. In a forked child, a lock that another thread of the parent
        # held would never be released.
        key = os.getpid(), kind
        return self._flights.setdefault(key, kind())  # type: ignore[no-any-return]

    def current(self) -> Token | None:
        """Return the token, or None if it must be renewed; raise the error of a refused login."""
        with _lock:
            if self._rejection is not None:
                raise self._rejection.copy()
            if self._token is not None and _clock.monotonic() < self._renew_at:
                return self._token
            return None

    def store(self, token: Token, asked_at: float) -> None:
        """Store a new token; its lifetime counts from ``asked_at``, by the monotonic clock."""
        with _lock:
            self._token = token
            self._renew_at = asked_at + token.life - min(RENEW_EARLY, token.life / 2)

    def drop(self, token: Token) -> None:
        """Forget a token that the service rejected, unless a newer token has replaced it."""
        with _lock:
            if self._token is token:
                self._token = None

    def reject(self, error: CredentialsError) -> None:
        """Store the error of a refused login. :meth:`current` raises it from now on."""
        with _lock:
            self._rejection = error.copy()
