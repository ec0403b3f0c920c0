"""A fake Zenvoices for tests: in memory, or served on loopback sockets.

`FakeZenvoices` behaves as ``zenvoices_client/contract.json`` describes the service, and refuses
requests that the service is known to refuse. Facts that the file marks as assumed are assumed too::

    fake = FakeZenvoices()
    fake.add_company(code="0042", name="Brouwerij De Molenbeek BV")
    client = httpx.Client(base_url="https://app.zenvoices.com", transport=fake.transport())
"""

from __future__ import annotations

from _client_kit.fakes.faults import Fault
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.transport import FakeTransport
from _client_kit.fakes.wire import FakeRequest
from zenvoices_client._fake.service import Attachment, FakeUser, FakeZenvoices, InboxItem, Lookup

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
