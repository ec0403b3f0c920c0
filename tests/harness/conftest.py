"""Worlds for the tests of this directory."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from harness.simulation import Simulation


@pytest.fixture
def world() -> Generator[Simulation]:
    """An active connection with nothing new yet, whose first document is old."""
    with Simulation() as world:
        world.truths[world.publish("PURCHASES", "FULLY_APPROVED")].old = True
        world.connection().activate()
        world.pass_time(60.0)
        yield world
