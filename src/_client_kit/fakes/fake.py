"""Connect clients to a fake: through an httpx transport, through respx, or over sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _client_kit.fakes.server import Loopback
from _client_kit.fakes.service import FakeService
from _client_kit.fakes.transport import FakeTransport

if TYPE_CHECKING:
    import respx


class Fake(FakeService):
    """Base class of both fakes, with the ways to connect a client to them."""

    def transport(self) -> FakeTransport:
        """Return an httpx transport, for a sync or an async client, that answers from this fake."""
        return FakeTransport(self)

    def mount(self, router: respx.MockRouter) -> respx.Route:
        """Add to a respx router the route for this fake's hosts, and return the route."""
        route = router.route(host__in=(*self.hosts, self.storage_host))
        return route.mock(side_effect=self.transport().handle_request)

    def serve(self, *, port: int = 0) -> Loopback:
        """Serve the API, and the storage if there is one, on loopback ports.

        Args:
            port: Port of the API; the storage takes the next one. 0 means any free ports.
        """
        return Loopback(self, port=port)

    def expire_tokens(self) -> None:
        """Make every token issued so far invalid."""
        with self._lock:
            self._tokens.clear()
