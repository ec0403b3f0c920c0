"""A fake Banqup for tests: in memory, or served on loopback sockets.

`FakeBanqup` behaves as ``banqup_client/contract.json`` describes the service, and refuses
requests that the service is known to refuse. Facts that the file marks as assumed are assumed too::

    fake = FakeBanqup()
    space = fake.add_space(name="Brouwerij De Molenbeek BV")
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", b"<Invoice/>")])
    client = httpx.Client(base_url="https://api.uat.btx.eu.banqup.com", transport=fake.transport())
"""

from __future__ import annotations

from _client_kit.fakes.faults import Fault
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.transport import FakeTransport
from _client_kit.fakes.wire import FakeRequest
from banqup_client._fake.service import FakeBanqup, FakeFile, FileStatus, Moment

__all__ = [
    "FakeBanqup",
    "FakeFile",
    "FakeRequest",
    "FakeTransport",
    "Fault",
    "FileStatus",
    "Loopback",
    "Moment",
]
