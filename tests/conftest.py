"""Fixtures and marks for every test."""

import gc
import importlib.util
import sys

import pytest
from hypothesis import settings

from bridge._async import _activation
from bridge._errors import IN_MEMORY
from bridge._sync import _activation as _sync_activation

# Fails the run when a secret shows anywhere.
pytest_plugins = ["support.canary"]

# An example may take long on a machine that is busy with something else: that is no failure.
# 30 examples are enough, and half of them many times a day; scripts/fuzz goes on looking.
settings.register_profile("project", settings.default, max_examples=30, deadline=None)
settings.register_profile("quick", settings.default, max_examples=15, deadline=None)
settings.load_profile("project")


# httpcore imports sniffio for each lock and each request, whether it is there or not. Under
# pytest's import hook every vain search takes milliseconds.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting thousands of collected tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _warned_of_memory() -> None:
    """Log the warning that is logged once per process before a test looks at what it logs."""
    _activation._warn_once(IN_MEMORY)
    _sync_activation._warn_once(IN_MEMORY)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only event loop the library supports."""
    return "asyncio"
