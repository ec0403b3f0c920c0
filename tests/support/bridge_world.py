"""Both services as fakes, a store and one clock: what the tests of the bridge stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from banqup_client import (
    AsyncBanqupClient,
    BanqupClient,
    ClientCredentials,
    Environment,
    RetryPolicy,
)
from banqup_client.testing import FakeFile
from bridge import AsyncConnection, Connection, MemoryCheckpoints, Row
from bridge._delivery.delivery import STATES, Delivery
from bridge._delivery.row_format import delivery_of
from support.banqup_service import UnhelpfulBanqup
from support.gateway import Gateway, Rule
from zenvoices_client import AsyncZenvoicesClient, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

ONCE = RetryPolicy(attempts=1)
"""No second try, so no pause."""

SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
COMPANY = "0042"
HOUR = 3600.0
DAY = 86_400.0


class Clock:
    """A clock that only tests move."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let that much time pass, for everybody."""
        self.now += seconds


def invoice(number: str = "F1", *, padding: int = 0) -> bytes:
    """A small UBL invoice."""
    return (
        '<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:'
        'Invoice-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents'
        f'-2"><cbc:ID>{number}</cbc:ID><!--{"x" * padding}--></Invoice>'
    ).encode()


def of_service(service: str, functions: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of some functions of operations= that are for one of the services."""
    banqup = ("spaces.", "documents.", "files.", "users.")
    return {
        name: function
        for name, function in (functions or {}).items()
        if name.startswith(banqup) == (service == "banqup")
    }


class BaseWorld:
    """One space, one company, one store."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.banqup = UnhelpfulBanqup(clock=self.clock, token_life=10 * DAY)
        self.zenvoices = FakeZenvoices(clock=self.clock, token_life=100 * DAY)
        self.space = self.banqup.add_space(id=SPACE)
        self.company = self.zenvoices.add_company(code=COMPANY)
        self.store = MemoryCheckpoints(clock=self.clock)
        self._numbers = 0

    def publish(self, count: int = 1, status: str = "FULLY_APPROVED", **options: Any) -> list[str]:
        """Put documents with one UBL file each into the space."""
        made: list[str] = []
        for _ in range(count):
            self._numbers += 1
            name = f"F{self._numbers:04}"
            files = options.get(
                "files", [FakeFile(f"{name}.xml", "application/xml", invoice(name))]
            )
            given = {key: value for key, value in options.items() if key != "files"}
            made.append(self.banqup.publish(self.space, status=status, files=files, **given))
        return made

    def one(self, status: str = "FULLY_APPROVED", **options: Any) -> str:
        """Put one document into the space."""
        return self.publish(1, status, **options)[0]

    @property
    def key(self) -> str:
        """The connection's key in the store."""
        return next(key for key in self.store._records if not key.startswith("space "))

    @property
    def rows(self) -> dict[str, Row]:
        """What the store has."""
        return dict(self.store._records[self.key].rows)

    def delivery(self, document: str) -> Delivery:
        """What the store has of one document."""
        return delivery_of(self.rows[document])

    @property
    def states(self) -> dict[str, str]:
        """The state of every document on record."""
        return {row.id: row.state for row in self.rows.values()}

    @property
    def sent(self) -> Counter[str]:
        """How often each external id arrived."""
        return Counter(item.external_id or "" for item in self.zenvoices.inbox)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are in each state, counted from the rows themselves."""
        return dict(Counter(self.states.values()))

    def calls(self, operation: str) -> int:
        """How often an operation of either service was called."""
        return self.banqup.counts[operation] + self.zenvoices.counts[operation]


def through(transport: Any, gateway: Rule | None) -> Any:
    """The transport, behind a gateway where a test has one."""
    return transport if gateway is None else Gateway(transport, gateway)


def _login(password: str) -> UserLogin:
    return UserLogin("api-user", password, organisation_code="acme")


class AsyncWorld(BaseWorld):
    """The world of the asynchronous connection."""

    def connect(
        self,
        company_code: str = COMPANY,
        *,
        secret: str = "demo-secret",
        password: str = "demo-password",
        deadline: float = 300.0,
        base_url: str = "https://app.zenvoices.com",
        gateway: Rule | None = None,
        functions: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncConnection:
        """A connection as a new process would build it."""
        banqup = AsyncBanqupClient(
            ClientCredentials("demo-app", secret),
            Environment.UAT_EU,
            transport=through(self.banqup.transport(), gateway),
            storage_transport=through(self.banqup.transport(), gateway),
            retry=ONCE,
            operations=of_service("banqup", functions),
        )
        zenvoices = AsyncZenvoicesClient(
            _login(password),
            transport=through(self.zenvoices.transport(), gateway),
            retry=ONCE,
            deadline=deadline,
            base_url=base_url,
            operations=of_service("zenvoices", functions),
        )
        given = {"checkpoints": self.store, "clock": self.clock, "space_id": SPACE, **options}
        return AsyncConnection(banqup, zenvoices, company_code=company_code, **given)


class World(BaseWorld):
    """The world of the connection that blocks."""

    def connect(
        self,
        company_code: str = COMPANY,
        *,
        secret: str = "demo-secret",
        password: str = "demo-password",
        deadline: float = 300.0,
        base_url: str = "https://app.zenvoices.com",
        gateway: Rule | None = None,
        functions: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Connection:
        """A connection as a new process would build it."""
        banqup = BanqupClient(
            ClientCredentials("demo-app", secret),
            Environment.UAT_EU,
            transport=through(self.banqup.transport(), gateway),
            storage_transport=through(self.banqup.transport(), gateway),
            retry=ONCE,
            operations=of_service("banqup", functions),
        )
        zenvoices = ZenvoicesClient(
            _login(password),
            transport=through(self.zenvoices.transport(), gateway),
            retry=ONCE,
            deadline=deadline,
            base_url=base_url,
            operations=of_service("zenvoices", functions),
        )
        given = {"checkpoints": self.store, "clock": self.clock, "space_id": SPACE, **options}
        return Connection(banqup, zenvoices, company_code=company_code, **given)


def counted(counts: Any) -> dict[str, int]:
    """A head's counts by state alone."""
    total: Counter[str] = Counter()
    for name, number in counts.items():
        total["waiting" if name == "waiting_for_client" else name] += number
    assert set(total) <= set(STATES)
    return {name: number for name, number in total.items() if number}


class Watcher:
    """A listener that remembers, and may do something at each event."""

    def __init__(self, act: Callable[[Any], object] | None = None) -> None:
        self.events: list[Any] = []
        self._act = act

    def __call__(self, event: Any) -> None:
        self.events.append(event)
        if self._act is not None:
            self._act(event)

    def names(self) -> Sequence[str]:
        """The classes of what was told."""
        return [type(event).__name__ for event in self.events]
