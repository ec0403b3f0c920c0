"""What was found once, by the machine or by thinking, and must not come back: each by its name."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bridge import ServiceError
from harness.simulation import LEASE_TTL, Crash, Process, Simulation


def _crash_after_the_upload(world: Simulation) -> None:
    """A run that dies between the service's taking of an upload and its answer."""
    process = Process()

    def die(item: object) -> None:
        process.dead = True

    world.zenvoices.refuse_when(die)
    with pytest.raises(Crash):
        world.export(process)
    world.zenvoices.refuse_when(None)


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=[pytest.mark.long] if step % 3 else []) for step in range(1, 40)],
)
def test_a_store_that_fails_once(world: Simulation, step: int) -> None:
    """After a commit that failed, counts and rows still agree, and everything arrives."""
    for _ in range(3):
        world.publish("PURCHASES", "FULLY_APPROVED")
    try:
        world.export(Process(store_fails_at=step))
    except ServiceError:
        assert world.judge().clean, world.judge()
    world.rest()


def test_a_document_that_was_gone_and_is_back(world: Simulation) -> None:
    """Banqup's "not found" is final only as long as it says so."""
    name = world.publish("PURCHASES", "AWAITING_VALIDATION")
    world.export()
    back = world.hide(name)
    world.pass_time(86_400.0)
    world.export()
    assert world.state(name) == "skipped"
    back()
    world.set_status(name, "FULLY_APPROVED")
    world.rest()
    assert world.state(name) == "delivered"


def test_access_lost_in_the_middle_of_a_run(world: Simulation) -> None:
    """A space that is not ours any more says "not found" of every document; none is given up."""
    name = world.publish("PURCHASES", "AWAITING_VALIDATION")
    world.export()
    world.set_status(name, "FULLY_APPROVED", touch=False)
    world.pass_time(7_200.0)

    def lose() -> None:
        world.banqup.set_whitelisted(world.space, False)

    for step in range(1, 40):
        with suppress(ServiceError):
            world.export(Process(hooks={step: lose}))
        world.banqup.set_whitelisted(world.space, True)
    world.rest()


def test_a_company_linked_anew_while_an_upload_was_in_doubt(world: Simulation) -> None:
    """What went to the company's old number, which nobody may look at, is held; the run goes on."""
    first = world.publish("PURCHASES", "FULLY_APPROVED")
    world.export()
    assert world.state(first) == "delivered"
    lost = world.publish("PURCHASES", "FULLY_APPROVED")
    _crash_after_the_upload(world)
    assert world.state(lost) == "sending"
    world.zenvoices.relink_company(world.company)
    other = world.publish("PURCHASES", "FULLY_APPROVED")
    for _ in range(4):
        world.pass_time(LEASE_TTL + 700.0)
        world.export()
    assert world.state(other) == "delivered"
    assert world.state(lost) == "uncertain"
    assert world.judge().clean, world.judge()


@pytest.mark.parametrize("lookup", ["missing", "ignores_external_id"])
def test_a_restored_backup_where_look_ups_cannot_tell(lookup: str) -> None:
    """Looking first without being able to see sends nothing: what may be there is held."""
    with Simulation(lookup=lookup) as world:  # type: ignore[arg-type]
        world.connection().activate()
        world.pass_time(60.0)
        backup = world.backup()
        # As many as no scan of the list would find again.
        for _ in range(3):
            world.publish("PURCHASES", "FULLY_APPROVED")
        world.export()
        world.zenvoices.lookup = "missing"
        world.restore(backup)
        world.export(look_first=True)
        assert world.judge().clean, world.judge()
