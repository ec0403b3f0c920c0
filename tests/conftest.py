"""Fixtures and marks for every test."""

import gc

import pytest
from hypothesis import settings

# Fails the run when a secret shows anywhere.
pytest_plugins = ["support.canary"]

# An example may take long on a machine that is busy with something else: that is no failure.
settings.register_profile("thorough", settings.default, deadline=None)
# What is run many times a day need not look that far; --all does: --hypothesis-profile=thorough.
settings.register_profile("project", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("project")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting thousands of collected tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only event loop the library supports."""
    return "asyncio"
