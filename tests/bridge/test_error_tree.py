"""One tree of exceptions, public in one place."""

import pickle
from importlib import import_module
from typing import Any

import pytest

import bridge

PACKAGES = ("bridge", "banqup_client", "zenvoices_client")
ERRORS: set[type[Any]] = {
    value
    for package in map(import_module, PACKAGES)
    for value in (getattr(package, name) for name in package.__all__)
    if isinstance(value, type) and issubclass(value, BaseException)
}


@pytest.mark.parametrize("kind", sorted(ERRORS, key=str))
def test_every_error_is_public_in_the_bridge(kind: type[Any]) -> None:
    """It is found where its ``__module__`` says, in ``bridge``, and after pickling."""
    assert issubclass(kind, bridge.ServiceError)
    assert kind.__name__.endswith("Error")
    assert kind.__module__ in PACKAGES
    assert getattr(import_module(kind.__module__), kind.__name__) is kind
    assert kind.__name__ in bridge.__all__
    assert getattr(bridge, kind.__name__) is kind
    own = (bridge.BusyError, bridge.LeaseLostError, bridge.NotActivatedError)
    error = kind() if kind in own else kind("no", service="bridge", code="too_large")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.code, copy.kind, str(copy)) == (error.code, error.kind, str(error))
