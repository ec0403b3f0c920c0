"""What each package shows is what it lists."""

from __future__ import annotations

import importlib
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ["banqup_client", "bridge", "zenvoices_client"]
PUBLIC_MODULES = {
    "_client_kit": {"fakes"},
    "banqup_client": {"testing"},
    "bridge": {"testing", "ubl"},
    "zenvoices_client": {"testing"},
}


def faults(module: types.ModuleType, submodules: set[str]) -> list[str]:
    """How the public names of a package differ from its ``__all__``."""
    listed: list[str] = list(getattr(module, "__all__", []))
    found: list[str] = []
    if not listed:
        found.append("__all__ is missing or empty")
    if len(listed) != len(set(listed)):
        found.append("__all__ names something twice")
    found += [f"{name} is listed and not there" for name in listed if not hasattr(module, name)]
    visible = {name for name in dir(module) if not name.startswith("_")}
    found += [
        f"{name} is visible, not listed" for name in sorted(visible - set(listed) - submodules)
    ]
    found += [f"{name} is listed, not visible" for name in sorted(set(listed) - visible)]
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_package_shows_what_it_lists(package: str) -> None:
    """`__all__` is exactly what a reader sees in the package; the linter sorts it."""
    assert faults(importlib.import_module(package), PUBLIC_MODULES[package]) == []


@pytest.mark.parametrize(
    ("listed", "names", "fault"),
    [
        (["A"], ["A", "B"], "B is visible, not listed"),
        (["A", "B"], ["A"], "B is listed and not there"),
        (["A", "A"], ["A"], "names something twice"),
        ([], [], "missing or empty"),
        (["A"], ["A", "annotations"], "annotations is visible"),
    ],
)
def test_difference_between_seen_and_listed_is_found(
    listed: list[str], names: list[str], fault: str
) -> None:
    """Each way in which names and list can differ is reported."""
    module = types.ModuleType("thing")
    vars(module).update(dict.fromkeys([*names, "_private", "testing"]), __all__=listed)
    assert fault in "; ".join(faults(module, {"testing"}))


def test_package_without_a_difference_passes() -> None:
    """Private names and documented submodules are not asked for."""
    module = types.ModuleType("thing")
    names = ["LIMIT", "Thing", "make", "_private", "testing"]
    vars(module).update(dict.fromkeys(names), __all__=names[:3])
    assert faults(module, {"testing"}) == []


def open_modules(package: Path, public: set[str]) -> list[str]:
    """Modules and folders of a package whose name makes them look public, and are not."""
    found = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    return sorted(name for name in found if not name.startswith("_") and name not in public)


@pytest.mark.parametrize("package", PUBLIC_MODULES)
def test_modules_are_private_except_the_documented_ones(package: str) -> None:
    """A module without an underscore is a promise; only the documented ones make it."""
    assert open_modules(ROOT / "src" / package, PUBLIC_MODULES[package]) == []


def test_open_module_is_found(tmp_path: Path) -> None:
    """A module or folder without an underscore is reported, others are not."""
    for name in ["__init__.py", "_a.py", "testing.py", "models.py"]:
        (tmp_path / name).touch()
    (tmp_path / "stores").mkdir()
    (tmp_path / "_async").mkdir()
    assert open_modules(tmp_path, {"testing"}) == ["models", "stores"]


@pytest.mark.parametrize(
    "module",
    [
        f"{package}.{name}"
        for package, names in PUBLIC_MODULES.items()
        for name in sorted(names)
        if (ROOT / "src" / package / f"{name}.py").exists()
    ],
)
def test_public_submodule_lists_its_names(module: str) -> None:
    """A documented submodule has an `__all__`, and all of it exists."""
    found = importlib.import_module(module)
    assert faults(found, submodules=set(dir(found))) == []
