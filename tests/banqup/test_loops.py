"""One asynchronous client in several event loops, one after another and at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from banqup_client import AsyncBanqupClient, ClientCredentials
from banqup_client.testing import FakeBanqup, FakeFile


def test_a_client_downloads_in_any_loop() -> None:
    """Connections to storage belong to a loop, like those to the API: each run has its own."""
    fake = FakeBanqup()
    space = fake.add_space()
    contents = {f"f{n}": bytes([65 + n]) * 2000 for n in range(4)}
    files = [FakeFile(f"{n}.xml", "application/xml", body, id=n) for n, body in contents.items()]
    fake.publish(space, files=files)
    with fake.serve() as server:
        client = AsyncBanqupClient(
            ClientCredentials("demo-app", "demo-secret"), base_url=server.url, deadline=20
        )

        async def fetch() -> dict[str, bytes]:
            async with client:
                found = await asyncio.gather(
                    *(client.files.download(space, name) for name in contents)
                )
            return dict(zip(contents, found, strict=True))

        assert [asyncio.run(fetch()) for _ in range(2)] == [contents] * 2
        with ThreadPoolExecutor(2) as threads:
            at_once = [threads.submit(asyncio.run, fetch()) for _ in range(2)]
            assert [future.result() for future in at_once] == [contents] * 2
