"""How a test reaches a fake service without sockets; `server.Loopback` serves it on sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _client_kit.fakes.service import FakeService
from _client_kit.fakes.transport import FakeTransport, mount

if TYPE_CHECKING:
    import respx


class Fake(FakeService):
    """What both fakes offer to a test."""

    def transport(self) -> FakeTransport:
        """Return an httpx transport, for a sync or an async client, that this fake answers."""
        return FakeTransport(self)

    def mount(self, router: respx.MockRouter) -> respx.Route:
        """Let a respx router answer requests to this fake's hosts from this fake."""
        return mount(self, router)

    def expire_tokens(self) -> None:
        """Make every token issued so far invalid."""
        with self._lock:
            self._tokens.expire()
