"""A string type whose value is not displayed.

``_redaction.py`` masks secrets in texts, logs and tracebacks.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Never, final


def refuse_pickling(value: object) -> Never:
    """Raise TypeError: an object that holds a secret cannot be pickled or copied."""
    name = type(value).__name__
    message = (
        f"a {name} holds a secret and cannot be pickled or copied; "
        "build it where it is used, for example with from_env()"
    )
    raise TypeError(message)


@final
class Secret:
    """A string whose value only :meth:`reveal` returns.

    ``repr``, ``str`` and ``format`` show a mask, and so do ``vars`` and ``asdict`` of an object
    with a secret in it. Comparison takes constant time. Pickling and hashing raise TypeError.
    """

    # A closure holds the value: tools that dump the attributes of objects do not look into it.
    __slots__ = ("_reveal",)
    _reveal: Callable[[], str]

    def __init__(self, value: str | Secret) -> None:
        if isinstance(value, Secret):
            self._reveal = value._reveal
            return
        kind: type[object] = type(value)
        if not issubclass(kind, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            del value  # it may be a password in bytes: keep it out of the traceback
            message = f"a secret must be a string, not {kind.__name__}"
            raise TypeError(message)
        self._reveal = lambda: value

    def reveal(self) -> str:
        """Return the secret."""
        return self._reveal()

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __bool__(self) -> bool:
        return bool(self._reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Without "surrogatepass" an unpaired surrogate would raise an error that shows the secret.
        mine, theirs = (one._reveal().encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(mine, theirs)

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> Never:
        refuse_pickling(self)
