"""Names of a package that are loaded when they are first used."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from _client_kit._lazy import lazy_names


def test_name_is_loaded_once_and_listed_before() -> None:
    """The module is imported for the first use; dir() knows the name all along."""
    namespace: dict[str, Any] = {"__name__": "package", "eager": 1}
    load, names = lazy_names(namespace, {"Fraction": "fractions"})
    assert names() == ["Fraction", "__name__", "eager"]
    found = load("Fraction")
    assert found is sys.modules["fractions"].Fraction
    assert namespace["Fraction"] is found


def test_name_that_is_none_is_an_attribute_error() -> None:
    """As it would be without lazy names."""
    load, _ = lazy_names({"__name__": "package"}, {"Fraction": "fractions"})
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'Fractoin'"):
        load("Fractoin")


def test_name_whose_extra_is_not_installed_says_so_when_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``import *`` works without the extra; using the name names what is missing."""
    monkeypatch.setitem(sys.modules, "fractions", None)
    namespace: dict[str, Any] = {"__name__": "package"}
    load, _ = lazy_names(namespace, {"Fraction": "fractions"})
    found = load("Fraction")
    assert found.__name__ == "Fraction"
    with pytest.raises(ImportError, match="fractions"):
        found(1, 2)
    monkeypatch.undo()
    assert load("Fraction")(1, 2) == 0.5
