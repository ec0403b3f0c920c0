"""What a store keeps of one connection beside its rows, and the rules of the lease."""

from __future__ import annotations

from attrs import define

from bridge._errors import LeaseLostError
from bridge._stores.protocol import Lease

__all__ = ["ConnectionRecord"]


@define
class ConnectionRecord:
    """One connection: its fence, who holds the lease until when, and the head.

    Giving a lease back raises the fence as taking one does. So one comparison of fences refuses a
    superseded lease and a returned lease alike.
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
        # Without this, a clock that is set back would keep a dead worker's lease for years.
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
        """Give the lease back; return False if it is not the current one."""
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
