"""Fixtures and marks for every test."""

from pathlib import Path

import pytest
from hypothesis import settings

# Fails the run when a secret shows anywhere.
pytest_plugins = ["support.canary"]

# An example may take long on a machine that is busy with something else: that is no failure.
settings.register_profile("thorough", settings.default, deadline=None)
# What is run many times a day need not look that far; --all does: --hypothesis-profile=thorough.
settings.register_profile("project", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("project")

# The harness runs the sync engine, and judges it by its oracle: these twins say it a second time.
TWINS = [Path(__file__).parent / area / "_sync" for area in ("bridge", "project")]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a run that should be quick leaves out."""
    if item.path.parent in TWINS:
        item.add_marker("twin")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only event loop the library supports."""
    return "asyncio"
