"""A fake Zenvoices for tests: in memory, or served on loopback sockets.

`FakeZenvoices` behaves as the contract of `zenvoices_client` describes the service, and refuses
what the service is known to refuse. Facts that the contract marks as assumed are assumed here too::

    fake = FakeZenvoices()
    fake.add_company(code="0042", name="Brouwerij De Molenbeek BV")
    client = httpx.Client(base_url="https://app.zenvoices.com", transport=fake.transport())
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from _client_kit.fakes.fake import Fake
from _client_kit.fakes.faults import Fault
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.transport import FakeTransport
from _client_kit.fakes.wire import FakeRequest, iso
from zenvoices_client._fake.service import ZenvoicesService
from zenvoices_client._fake.state import (
    MASTER,
    WEBHOOKS,
    Attachment,
    Company,
    FakeUser,
    InboxItem,
    Lookup,
)

__all__ = [
    "Attachment",
    "FakeRequest",
    "FakeTransport",
    "FakeUser",
    "FakeZenvoices",
    "Fault",
    "InboxItem",
    "Lookup",
    "Loopback",
]


class FakeZenvoices(Fake, ZenvoicesService):
    """A fake of Zenvoices' public API, whose state a test can change at any time.

    Attributes:
        user: The first user, with flags that make its login fail; `add_user` adds other users.
        login_failure_status: Status of a failed login: 500, 400 or 401 with an envelope, or 200
            with an ``accessToken`` of null and an ``errorMessage``.
        envelope: Whether answers other than those of the login have the ABP envelope.
        max_body: Largest size of an upload's JSON in bytes; a larger one is answered with 413.
        token_life: Lifetime in seconds of tokens issued from now on.
        token_uses: Number of requests for which a new token is valid; None for no limit.
        keep_content: Whether the inbox keeps the content of attachments.
        lookup: How ``inbox/details`` treats an external id. ``"works"``: it finds the document.
            ``"lags"``: a document is found, and is in the list of the inbox, only `lookup_lag`
            seconds after its upload. ``"missing"``: the route does not exist.
            ``"ignores_external_id"``: it returns the company's newest document.
    """

    # Methods for tests

    def add_user(self, name: str, password: str) -> FakeUser:
        """Add a user and return it, so that a test can change its flags."""
        user = FakeUser(name, password)
        with self._lock:
            self._users[name] = user
        return user

    @property
    def rights(self) -> set[str]:
        """The first user's rights."""
        return self.user.rights

    @rights.setter
    def rights(self, rights: set[str]) -> None:
        self.user.rights = rights

    def add_company(
        self, code: str = "0042", name: str = "Brouwerij De Molenbeek BV", *, visible: bool = True
    ) -> int:
        """Add a company and return its id; users have rights on it if `visible` is true."""
        with self._lock:
            company = Company(next(self._ids), code, name, visible)
            self._companies[company.id] = company
        return company.id

    def set_visible(self, company: int, visible: bool) -> None:
        """Grant users rights on a company, or revoke them."""
        with self._lock:
            self._companies[company].visible = visible

    def relink_company(self, company: int) -> int:
        """Give a company a new id, as re-linking does; its inbox documents keep the old id."""
        with self._lock:
            found = self._companies.pop(company)
            found.id = next(self._ids)
            self._companies[found.id] = found
            return found.id

    def add(self, resource: str, record: Mapping[str, Any]) -> None:
        """Add a record of master data, as JSON of the API.

        Args:
            resource: ``"accounts"``, ``"ledger_accounts"``, ``"cost_centres"``,
                ``"cost_units"``, ``"employees"``, ``"payment_conditions"``, ``"products"``,
                ``"projects"``, ``"purchase_orders"``, ``"tax_codes"``,
                ``"financial_transactions"`` or ``"webhook_subscriptions"``; the names in the
                service's paths are accepted too.
            record: The record, with an ``administrationId`` if it belongs to a company.
        """
        names = {path: name for name, (path, _) in MASTER.items()}
        names[WEBHOOKS[1]] = WEBHOOKS[0]
        with self._lock:
            self._records[names.get(resource, resource)].append(dict(record))

    def refuse_when(self, rule: Callable[[InboxItem], str | None] | None) -> None:
        """Refuse uploads for which `rule` returns a message: HTTP 500 in an ABP envelope.

        The argument of the rule is the inbox document that would be added, with its content.
        """
        self._refusal = rule

    @property
    def inbox(self) -> list[InboxItem]:
        """The inbox documents of all companies, oldest first."""
        with self._lock:
            return list(self._inbox.values())

    def remove(self, inbox_id: int) -> None:
        """Delete an inbox document."""
        with self._lock:
            item = self._inbox.pop(inbox_id)
            if item.external_id is not None:
                self._by_external_id[item.company_id, item.external_id].remove(inbox_id)

    def set_inbox_status(
        self, inbox_id: int, *, import_status: int = 0, authorization_status: int = 0
    ) -> None:
        """Change ``importStatus`` and ``authorizationStatus`` of an inbox document."""
        with self._lock:
            self._inbox[inbox_id] = evolve(
                self._inbox[inbox_id],
                import_status=import_status,
                authorization_status=authorization_status,
            )

    @property
    def duplicates(self) -> dict[tuple[str, str], int]:
        """Number of uploads of each document that was uploaded more than once.

        The key of a document is (company code, external id).
        """
        with self._lock:
            return {key: count for key, count in self._received.items() if count > 1}

    def webhook(
        self, event: str, data: Mapping[str, Any], secret: str
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a webhook call, signed with a ``whs_...`` secret."""
        body = json.dumps(
            {
                "Id": str(uuid.uuid4()),
                "WebhookEvent": event,
                "Attempt": 1,
                "Data": dict(data),
                "CreationTimeUtc": iso(self.clock()),
            }
        ).encode()
        seal = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        signature = "sha256=" + seal.hex("-").upper()
        return {"Content-Type": "application/json", "abp-webhook-signature": signature}, body

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> Loopback:
        """Serve the API on a loopback port until the result is closed.

        Args:
            host: Address or name to listen on; also the host in ``url``.
            port: Port of the API; 0 for any free port.
            ssl_context: TLS context for https; None serves http.
        """
        return Loopback(self, host=host, port=port, ssl_context=ssl_context)
