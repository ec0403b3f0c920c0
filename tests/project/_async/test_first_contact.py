"""A service that speaks only another dialect receives a complete export through a correction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from banqup_client import AsyncBanqupClient, ClientCredentials, Environment
from banqup_client.testing import FakeBanqup, FakeFile
from bridge import AsyncConnection, MemoryCheckpoints, ServiceError
from bridge.testing._samples.sample import sample
from support import corrections, dialects
from support.dialects import Dialect
from zenvoices_client import AsyncZenvoicesClient, UserLogin
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio


def suggested(service: str, file: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The patch the command prints for a vendor's file."""
    command = corrections.COMMANDS[service]
    assert command(["contract", "--against", corrections.vendor_file(file), "--suggest"]) == 1
    return json.loads(capsys.readouterr().out)


async def export(
    banqup_dialect: Callable[[FakeBanqup], Dialect] | None,
    zenvoices_dialect: Callable[[FakeZenvoices], Dialect] | None,
    banqup_options: Mapping[str, Any],
    zenvoices_options: Mapping[str, Any],
) -> list[Dialect]:
    """Activate and export through the dialects; every file must arrive as it was."""
    banqup, zenvoices = FakeBanqup(), FakeZenvoices()
    space = banqup.add_space()
    zenvoices.add_company(code="0042")
    spoken = [
        dialect
        for dialect in (
            banqup_dialect and banqup_dialect(banqup),
            zenvoices_dialect and zenvoices_dialect(zenvoices),
        )
        if dialect
    ]
    reader = AsyncBanqupClient(
        ClientCredentials("demo-app", "demo-secret"),
        Environment.UAT_EU,
        transport=spoken[0] if banqup_dialect else banqup.transport(),
        storage_transport=banqup.transport(),
        **banqup_options,
    )
    writer = AsyncZenvoicesClient(
        UserLogin("api-user", "demo-password", organisation_code="acme"),
        transport=spoken[-1] if zenvoices_dialect else zenvoices.transport(),
        **zenvoices_options,
    )

    def publish(number: int, status: str = "FULLY_APPROVED") -> bytes:
        content = sample(number).content
        file = FakeFile(f"F{number}.xml", "application/xml", content)
        folder = "SALES" if number % 9 == 0 else "PURCHASES"
        banqup.publish(space, status=status, files=[file], folder=folder)
        return content

    async with reader, writer:
        connection = AsyncConnection(
            reader,
            writer,
            space_id=space,
            company_code="0042",
            checkpoints=MemoryCheckpoints(),
        )
        publish(1)
        publish(2, "AWAITING_VALIDATION")
        activation = await connection.activate()
        assert (activation.baseline, activation.waiting) == (1, 1)
        # More than one page of a folder.
        expected = {publish(number) for number in range(10, 68)}
        report = await connection.export_new()
        assert report.states["delivered"] == len(expected)
        assert (await connection.confirm()).missing == ()
        assert (await connection.export_new()).states.get("delivered", 0) == 0
    arrived = [part.content for item in zenvoices.inbox for part in item.attachments]
    assert len(arrived) == len(expected)
    assert set(arrived) == expected
    assert zenvoices.duplicates == {}
    assert [dialect.refused for dialect in spoken] == [[] for _ in spoken]
    return spoken


@pytest.mark.long
async def test_suggested_patch_is_enough_for_zenvoices_in_other_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another prefix, capitals and envelopes: what --suggest prints makes the export run."""
    patch = suggested("zenvoices", "zenvoices-cased", capsys)
    await export(None, dialects.zenvoices_cased, {}, {"contract": patch})


@pytest.mark.long
async def test_rename_patch_is_enough_for_renamed_zenvoices() -> None:
    """Other paths and names of the same structure need a patch only."""
    options = {"contract": corrections.ZENVOICES_RENAMED}
    await export(None, dialects.zenvoices_renamed, {}, options)


ZENVOICES_NESTED = {
    "contract": corrections.ZENVOICES_NESTED,
    "operations": {"inbox.upload": corrections.upload_nested},
}


async def test_function_is_enough_for_zenvoices_of_another_structure() -> None:
    """A function writes a nested body, and a bare number as answer is understood."""
    await export(None, dialects.zenvoices_nested, {}, ZENVOICES_NESTED)


async def test_suggested_patch_is_enough_for_banqup_in_other_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another version and letter case: what --suggest prints makes the export run."""
    patch = suggested("banqup", "banqup-cased", capsys)
    await export(dialects.banqup_cased, None, {"contract": patch}, {})


@pytest.mark.long
async def test_rename_patch_is_enough_for_renamed_banqup() -> None:
    """Other paths, queries and names of the same structure need a patch only."""
    await export(dialects.banqup_renamed, None, {"contract": corrections.BANQUP_RENAMED}, {})


@pytest.mark.long
async def test_function_is_enough_for_banqup_of_another_structure() -> None:
    """Nested documents with other words for their status are read by functions of operations=."""
    options = {"operations": corrections.BANQUP_NESTED}
    await export(dialects.banqup_nested, None, options, {})


@pytest.mark.long
async def test_both_services_may_speak_other_dialects() -> None:
    """Corrections of both clients work together."""
    spoken = await export(
        dialects.banqup_renamed,
        dialects.zenvoices_nested,
        {"contract": corrections.BANQUP_RENAMED},
        ZENVOICES_NESTED,
    )
    assert all(len(set(dialect.calls)) >= 4 for dialect in spoken)


@pytest.mark.parametrize("name", ["zenvoices_cased", "zenvoices_renamed", "zenvoices_nested"])
async def test_zenvoices_dialect_refuses_the_assumed_one(name: str) -> None:
    """Without a correction nothing gets through: the dialects are really others."""
    dialect: Callable[[FakeZenvoices], Dialect] = getattr(dialects, name)
    with pytest.raises((ServiceError, AssertionError)):
        await export(None, dialect, {}, {})


@pytest.mark.parametrize("name", ["banqup_cased", "banqup_renamed", "banqup_nested"])
async def test_banqup_dialect_refuses_the_assumed_one(name: str) -> None:
    """Without a correction nothing gets through: the dialects are really others."""
    dialect: Callable[[FakeBanqup], Dialect] = getattr(dialects, name)
    with pytest.raises((ServiceError, AssertionError)):
        await export(dialect, None, {}, {})
