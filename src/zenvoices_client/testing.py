"""A fake Zenvoices for tests: in memory, or served on loopback sockets.

`FakeZenvoices` behaves as the reference of this project describes the service, refusals
included. What that reference marks as assumed is assumed here too::

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
    """Zenvoices' public API, with a state that tests change at any time.

    Attributes:
        user: The first user, whose flags make it one that cannot log in; `add_user` adds others.
        login_failure_status: The status of a failed login: 500, 400 or 401 with an envelope, or
            200 with an ``accessToken`` of null and an ``errorMessage``.
        envelope: Whether answers outside the login are wrapped in the ABP envelope.
        max_body: Bytes of JSON that an upload may have; more is answered with 413.
        token_life: Seconds a token issued from now on lives.
        token_uses: Requests a token issued from now on is good for; None for no limit.
        keep_content: Whether the inbox keeps the bytes of attachments.
        lookup: How ``inbox/details`` treats an external id: it ``"works"``, it ``"lags"``
            behind uploads by `lookup_lag` seconds (as the list does then), the route is
            ``"missing"``, or it ``"ignores_external_id"`` and answers the company's newest.
    """

    # What a test does

    def add_user(self, name: str, password: str) -> FakeUser:
        """Add a user and return it, for its flags to be changed."""
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
        """Add a company and return its id; `visible` says whether users have rights on it."""
        with self._lock:
            company = Company(next(self._ids), code, name, visible)
            self._companies[company.id] = company
        return company.id

    def set_visible(self, company: int, visible: bool) -> None:
        """Give users rights on a company, or take them."""
        with self._lock:
            self._companies[company].visible = visible

    def relink_company(self, company: int) -> int:
        """Give a company a new id, as re-linking does; what the old id held stays under it."""
        with self._lock:
            found = self._companies.pop(company)
            found.id = next(self._ids)
            self._companies[found.id] = found
            return found.id

    def add(self, resource: str, record: Mapping[str, Any]) -> None:
        """Add a record of master data, as the API is to answer it.

        Args:
            resource: ``"accounts"``, ``"ledger_accounts"``, ``"cost_centres"``,
                ``"cost_units"``, ``"employees"``, ``"payment_conditions"``, ``"products"``,
                ``"projects"``, ``"purchase_orders"``, ``"tax_codes"``,
                ``"financial_transactions"`` or ``"webhook_subscriptions"``; the service's
                own spelling is understood too.
            record: The record, with its ``administrationId`` where it belongs to a company.
        """
        names = {path: name for name, (path, _) in MASTER.items()}
        names[WEBHOOKS[1]] = WEBHOOKS[0]
        with self._lock:
            self._records[names.get(resource, resource)].append(dict(record))

    def refuse_when(self, rule: Callable[[InboxItem], str | None] | None) -> None:
        """Refuse uploads for which `rule` returns a message: HTTP 500 in an ABP envelope.

        The rule is given the inbox document that would be made, contents included.
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
        """Change the two status numbers of an inbox document."""
        with self._lock:
            self._inbox[inbox_id] = evolve(
                self._inbox[inbox_id],
                import_status=import_status,
                authorization_status=authorization_status,
            )

    @property
    def duplicates(self) -> dict[tuple[str, str], int]:
        """How often each (company code, external id) arrived, of those that did more than once."""
        with self._lock:
            return {key: count for key, count in self._received.items() if count > 1}

    def webhook(
        self, event: str, data: Mapping[str, Any], secret: str
    ) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a webhook call, signed with a ``whs_...`` secret."""
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
        """Serve the API on a loopback origin until closed.

        Args:
            host: Address or name to listen on and to answer in URLs.
            port: The port; 0 for a free one.
            ssl_context: What to serve https with; None serves http.
        """
        return Loopback(self, host=host, port=port, ssl_context=ssl_context)
