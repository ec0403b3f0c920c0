"""The recipes of docs/operations.md, each against a service that speaks only its dialect."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import bridge
from banqup_client import AsyncBanqupClient, ClientCredentials, Environment, RetryPolicy
from banqup_client.testing import FakeBanqup, FakeFile
from bridge.testing import sample
from support import recipe_services as services
from support.recipe_services import Service
from zenvoices_client import AsyncZenvoicesClient, Base64, Call, UserLogin
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RECIPES = {
    part.partition("\n")[0]: BLOCK.findall(part)[0]
    for part in PAGE.partition("\n## Recipes\n")[2].split("\n### ")[1:]
}
ONCE = RetryPolicy(attempts=1)

ZENVOICES: dict[str, Callable[[FakeZenvoices], Service]] = {
    "Two steps: files first, then the document": services.two_steps,
    "Each file as it is, by PUT": services.put_files,
    "The company in the query": services.company_in_query,
    "The company in a header": services.company_in_header,
    "An answer without an id": services.no_id,
    "Several documents a call": services.batch,
}
BANQUP: dict[str, Callable[[FakeBanqup], Service]] = {
    "Spring's page": services.spring,
    "A search by POST, with a token for the next page": services.search,
    "Bytes from the API itself": services.own_bytes,
    "A file as Base64 in JSON": services.in_json,
    "Nested rows with links and epoch times": services.nested,
    "Files by a call of their own": services.own_files,
}


def test_every_recipe_is_tried_and_short() -> None:
    """Twenty lines at most, 35 for the nested one."""
    assert list(RECIPES) == [*ZENVOICES, *BANQUP]
    for name, code in RECIPES.items():
        lines = [line for line in code.splitlines() if line]
        assert len(lines) <= (35 if name.startswith("Nested") else 20), name


class World:
    """Both fakes behind the dialect of one recipe."""

    def __init__(self, recipe: str, code: str) -> None:
        self.banqup, self.zenvoices = FakeBanqup(), FakeZenvoices()
        self.space = self.banqup.add_space()
        self.zenvoices.add_company(code="0042")
        self.source = BANQUP.get(recipe, Service)(self.banqup)
        self.target = ZENVOICES.get(recipe, Service)(self.zenvoices)
        self.names: dict[str, Any] = {
            "login": UserLogin("api-user", "demo-password", organisation_code="acme"),
            "credentials": ClientCredentials("demo-app", "demo-secret"),
            "Environment": Environment,
            "Base64": Base64,
            "Call": Call,
            "evolve": evolve,
            "b64decode": b64decode,
            "UTC": UTC,
            "datetime": datetime,
            "BanqupClient": partial(
                AsyncBanqupClient,
                transport=self.source,
                storage_transport=self.source,
                retry=ONCE,
            ),
            "ZenvoicesClient": partial(AsyncZenvoicesClient, transport=self.target, retry=ONCE),
        }
        exec("banqup = BanqupClient(credentials, Environment.UAT_EU)", self.names)
        exec("zenvoices = ZenvoicesClient(login)", self.names)
        exec(compile(code, recipe, "exec"), self.names)
        self.connection = bridge.AsyncConnection(
            self.names["banqup"],
            self.names["zenvoices"],
            space_id=self.space,
            company_code="0042",
            checkpoints=bridge.MemoryCheckpoints(),
        )

    def publish(self, count: int) -> set[bytes]:
        """Approve some documents in Banqup and return what they hold."""
        contents: set[bytes] = set()
        for number in range(count):
            file = FakeFile(f"F{number}.xml", "application/xml", sample(number).content)
            self.banqup.publish(self.space, files=[file], status="FULLY_APPROVED")
            contents.add(sample(number).content)
        return contents

    def arrived(self) -> list[bytes]:
        """What is in the inbox."""
        return [part.content or b"" for item in self.zenvoices.inbox for part in item.attachments]


@pytest.mark.parametrize("recipe", [*ZENVOICES, *BANQUP])
async def test_recipe_exports_four_documents_in_one_run(recipe: str) -> None:
    """The code of the recipe is enough, and the documents of before stay where they are."""
    world = World(recipe, RECIPES[recipe])
    world.publish(3)
    assert (await world.connection.activate()).baseline == 3
    contents = world.publish(4)
    report = await world.connection.export_new()
    assert report.ok, str(report)
    assert report.states == {"baseline": 3, "delivered": 4}
    assert all(row.inbox_id for row in report.deliveries)
    assert sorted(world.arrived()) == sorted(contents)
    again = await world.connection.export_new()
    assert (again.ok, again.exported, again.changed) == (True, 0, 0)


@pytest.mark.long
@pytest.mark.parametrize("recipe", [*ZENVOICES, *BANQUP])
async def test_recipe_finds_a_lost_answer_again(recipe: str) -> None:
    """The upload was taken and its answer lost: looked up, delivered, never sent twice."""
    world = World(recipe, RECIPES[recipe])
    await world.connection.activate()
    contents = world.publish(4)
    world.target.lose = 2
    await world.connection.export_new()
    await world.connection.export_new()
    assert (await world.connection.status()).counts["delivered"] == 4
    assert sorted(world.arrived()) == sorted(contents)


@pytest.mark.long
@pytest.mark.parametrize("recipe", [*ZENVOICES, *BANQUP])
async def test_nothing_gets_through_without_the_recipe(recipe: str) -> None:
    """The service really speaks another dialect."""
    world = World(recipe, "")
    with suppress(bridge.ServiceError):
        await world.connection.activate()
        world.publish(4)
        await world.connection.export_new()
    assert not (await world.connection.status()).counts.get("delivered")
