"""The fake on respx: a client that was given no transport is answered all the same."""

from __future__ import annotations

import pytest
import respx

from banqup_client import AsyncBanqupClient, Environment
from support.banqup_service import credentials, fake_banqup, invoice

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("environment", Environment)
async def test_a_mounted_fake_answers_for_api_and_storage(environment: Environment) -> None:
    """Every environment's address and the storage's lead to the fake, signatures intact."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.publish(space, files=[invoice(b"12345")])
    with respx.mock(assert_all_called=False) as router:
        fake.mount(router)
        async with AsyncBanqupClient(credentials(), environment) as client:
            (document,) = [found async for found in client.documents.list(space)]
            assert await client.files.download(space, document.files[0].id) == b"12345"
            details = await client.files.upload(
                space, b"<x/>", filename="F2.xml", content_type="application/xml"
            )
            assert await client.files.download(space, details.id) == b"<x/>"
    assert {request.status for request in fake.requests} <= {200, 201}
