"""The record of one connection in a store, and the rules of its lease."""

from __future__ import annotations

from attrs import define

from bridge._errors import LeaseLostError
from bridge._stores.protocol import Lease

__all__ = ["ConnectionRecord"]


@define
class ConnectionRecord:
    """The data of one connection in a store, without its rows.

    Releasing a lease raises the fence, as acquiring one does. So one comparison of fences refuses
    both a superseded lease and a released one.

    Attributes:
        fence: The fence of the latest lease; one higher after its release.
        owner: The worker that holds the lease, if any.
        expires: When the lease expires, in epoch seconds by the store's clock.
        ttl: The length of the lease in seconds.
        head: The connection's head, as text.
    """

    fence: int = 0
    owner: str | None = None
    expires: float | None = None
    ttl: float = 0.0
    head: str | None = None

    def held_until(self, now: float) -> float | None:
        """Return the end of the lease, or None if no worker holds it."""
        if self.expires is None or self.expires <= now:
            return None
        # Without the second limit, a clock that is set back could make a dead worker's lease last
        # for years.
        return min(self.expires, now + self.ttl)

    def acquire(self, key: str, owner: str, ttl: float, now: float) -> Lease | None:
        """Take the lease unless a worker holds it."""
        until = self.held_until(now)
        if until is not None:
            self.expires = until
            return None
        self.fence += 1
        self.owner, self.ttl = owner, float(ttl)
        self.expires = now + self.ttl
        return Lease(key, self.fence)

    def release(self, lease: Lease) -> bool:
        """Release the lease; return False if it is not the current one."""
        if self.fence != lease.fence:
            return False
        self.fence += 1
        self.owner = self.expires = None
        return True

    def renew(self, lease: Lease, head: str | None, ttl: float, now: float) -> None:
        """Renew the lease with a commit, and replace the head if there is a new one.

        Raises:
            LeaseLostError: It is not the current lease.
        """
        if self.fence != lease.fence:
            raise LeaseLostError
        self.ttl = float(ttl)
        self.expires = now + self.ttl
        if head is not None:
            self.head = head
