"""The type for the facts that an export needs from a service's API.

The JSON types come from the models that decode the answers, so that each type is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from attrs import field, frozen

from _client_kit._contract import TOKEN_CALLS, Operation
from _client_kit._models import wire_name
from _client_kit._secret import Secret
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Shape, letters

_SCALARS: dict[Any, frozenset[str]] = {
    str: frozenset({"string", "integer"}),  # the decoder accepts a code written as a number
    int: frozenset({"integer", "number"}),
    bool: frozenset({"boolean"}),
    Decimal: frozenset({"number", "integer", "string"}),
    datetime: frozenset({"string"}),
    Secret: frozenset({"string"}),
}


@frozen
class Expectations:
    """The facts that an export needs from one service's API.

    Attributes:
        client: Name of the client class, which takes ``contract=`` and ``operations=``.
        essential: Per operation, the facts without which an export fails: ``query:name``,
            ``sends:path`` or ``reads:path``.
        kinds: Per operation, the JSON types that a property may have, by the property's path.
        words: The values of a query parameter or property that an export relies on, by name; in
            lists, by path in an entry.
        may_be_empty: Properties that an answer may leave out, each as ``operation path``.
        replaced: By name of a user's function, the facts that an export with this function does
            not need. Each is the name of an operation, or this name and a fact such as
            ``reads:path``.
        functions: By operation, the name of its function in ``operations=``, if the two differ.
        values: Per operation, Python expressions for the values that a function can send. Each
            expression has the names that an API may give the value, separated by spaces.
        any_case: Whether the service accepts query names in any letter case.
    """

    client: str
    essential: Mapping[str, frozenset[str]]
    kinds: Mapping[str, Mapping[str, frozenset[str]]]
    words: Mapping[str, tuple[str, ...]] = field(factory=dict[str, Any])
    may_be_empty: frozenset[str] = frozenset()
    replaced: Mapping[str, tuple[str, ...]] = field(factory=dict[str, Any])
    functions: Mapping[str, str] = field(factory=dict[str, str])
    values: Mapping[str, Mapping[str, str]] = field(factory=dict[str, Any])
    any_case: bool = False

    def answer_of(self, ours: Operation, theirs: VendorOperation) -> Shape | None:
        """Return the shape to compare with what our operation reads; None if there is none.

        The client accepts a number without an object as the id of an upload.
        """
        bare = theirs.answer is not None and "integer" in theirs.answer[""].kinds
        return None if bare and f"{ours.name} id" in self.may_be_empty else theirs.answer

    def values_of(self, operation: str) -> dict[str, str]:
        """Return Python expressions for the values that an operation's function can send.

        The keys are the names that an API may give the values, in lower case without ``_`` and
        ``-``.
        """
        given = self.values.get(operation, {})
        return {letters(name): value for value, names in given.items() for name in names.split()}

    def function_for(self, operation: str) -> str:
        """Return the name under which ``operations=`` takes a function for an operation.

        The name is empty for the login, which no function can replace.
        """
        return "" if operation in TOKEN_CALLS else self.functions.get(operation, operation)


def kinds_of(model: Any, at: str = "") -> dict[str, frozenset[str]]:
    """Return the JSON types of a model's members by path; each path begins with ``at``."""
    found: dict[str, frozenset[str]] = {}
    hints = get_type_hints(model)
    for attribute in attrs.fields(model):
        hint, name = hints[attribute.name], wire_name(attribute)
        path = f"{at}.{name}" if at else name
        listed = get_origin(hint) is tuple
        # Of a hint such as `X | None` or `tuple[X, ...]`, use `X`.
        kind = get_args(hint)[0] if listed or type(None) in get_args(hint) else hint
        if listed:
            found[path] = frozenset({"array"})
        elif kind in _SCALARS or attrs.has(kind):
            found[path] = _SCALARS.get(kind, frozenset({"object"}))
        if attrs.has(kind):
            found |= kinds_of(kind, f"{path}[]" if listed else path)
    return found
