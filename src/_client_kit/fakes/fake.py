"""Connect clients to a fake without sockets; `server.Loopback` connects them with sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _client_kit.fakes.service import FakeService
from _client_kit.fakes.transport import FakeTransport, mount

if TYPE_CHECKING:
    import respx


class Fake(FakeService):
    """Base class of both fakes, with the ways to connect a client to them."""

    def transport(self) -> FakeTransport:
        """Return an httpx transport, for a sync or an async client, that answers from this fake."""
        return FakeTransport(self)

    def mount(self, router: respx.MockRouter) -> respx.Route:
        """Add to a respx router the route for this fake's hosts, and return the route."""
        return mount(self, router)

    def expire_tokens(self) -> None:
        """Make every token issued so far invalid."""
        with self._lock:
            self._tokens.expire()
