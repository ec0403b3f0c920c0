"""The state of one credential: its token or its rejection, shared by every client that uses it."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, TypeVar

from _client_kit import _clock
from _client_kit._errors import CredentialsError, ServiceError
from _client_kit._response import Token

__all__ = ["TokenCache", "TokenCaches"]

_F = TypeVar("_F")

# A token is renewed this early, but after half its life where that is shorter.
RENEW_EARLY = 60.0


class TokenCache:
    """Token or rejection of one credential at one service address.

    The lock is held for reading and writing these fields only, never over I/O; waiting for
    another's request is what a flight is for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._rejection: CredentialsError | None = None
        self._failure: ServiceError | None = None
        self.failures = 0
        """How many times all attempts to get a token were in vain."""
        self._flights: dict[type[Any], Any] = {}
        _living.add(self)

    def forked(self) -> None:
        """Go on in a forked child: whoever held a lock or was in flight stayed in the parent."""
        self._lock = threading.Lock()
        self._flights = {}

    def flight(self, kind: type[_F]) -> _F:
        """What the calls of one world wait in while one of them fetches a token."""
        with self._lock:
            return self._flights.setdefault(kind, kind())  # type: ignore[no-any-return]

    def current(self) -> Token | None:
        """The token where it is still good; raises the rejection where there is one."""
        with self._lock:
            if self._rejection is not None:
                raise self._rejection.copy()
            if self._token is not None and _clock.monotonic() < self._renew_at:
                return self._token
            return None

    def store(self, token: Token, asked_at: float) -> None:
        """Keep a fresh token, whose life counts from when it was asked for."""
        with self._lock:
            self._token = token
            self._renew_at = asked_at + token.life - min(RENEW_EARLY, token.life / 2)

    def drop(self, token: Token) -> None:
        """Forget a token the service no longer takes, unless another has replaced it."""
        with self._lock:
            if self._token is token:
                self._token = None

    def reject(self, error: CredentialsError) -> None:
        """Remember for good that the service refused the credential."""
        with self._lock:
            self._rejection = error.copy()

    def fail(self, error: ServiceError) -> None:
        """Tell those who wait for the same token that all attempts were in vain."""
        with self._lock:
            self._failure = error.copy()
            self.failures += 1

    def share_failure(self, known: int) -> None:
        """Raise the failure that came while one waited: else each would try in vain again."""
        with self._lock:
            if self._failure is not None and self.failures > known:
                raise self._failure.copy()


_living: weakref.WeakSet[TokenCache] = weakref.WeakSet()


def _after_fork() -> None:
    for state in list(_living):
        state.forked()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


class TokenCaches:
    """The token states of one credential by the address they are good for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, TokenCache] = {}

    def at(self, address: str) -> TokenCache:
        """The state for an address, so that a token never goes to another."""
        with self._lock:
            return self._states.setdefault(address, TokenCache())

    def __repr__(self) -> str:
        return "TokenCaches()"

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenCaches:
        return TokenCaches()
