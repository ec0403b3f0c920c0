"""Load names of a package root when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    namespace: dict[str, Any], modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package root.

    An application without an event loop, for example, then does not import asyncio.

    Args:
        namespace: The package's ``globals()``.
        modules: The module to import for each lazy name.
    """

    def load(name: str) -> Any:
        if name not in modules:
            message = f"module {namespace['__name__']!r} has no attribute {name!r}"
            raise AttributeError(message)
        try:
            value = getattr(import_module(modules[name]), name)
        except ImportError as error:
            # A package that the module needs is not installed. `import *` must work even then, so
            # return a class that raises the ImportError only when it is called.
            return _missing(name, str(error))
        namespace[name] = value
        return value

    def names() -> list[str]:
        return sorted({*namespace, *modules})

    return load, names


def _missing(name: str, message: str) -> type:
    def refuse(*_args: object, **_options: object) -> object:
        raise ImportError(message)

    return type(name, (), {"__new__": refuse})
