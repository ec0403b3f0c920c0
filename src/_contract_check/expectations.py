"""What an export needs of a service beyond names: which members, of which types, which words.

Types are taken from the models that read the answers, so that they are written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from attrs import field, frozen

from _client_kit._models import wire_name
from _client_kit._secret import Secret
from _contract_check.openapi_schema import Shape, letters

__all__ = ["Expectations", "kinds_of"]

_SCALARS: dict[Any, frozenset[str]] = {
    str: frozenset({"string", "integer"}),  # the decoder takes a code written as a number
    int: frozenset({"integer", "number"}),
    bool: frozenset({"boolean"}),
    Decimal: frozenset({"number", "integer", "string"}),
    datetime: frozenset({"string"}),
    Secret: frozenset({"string"}),
}


@frozen
class Expectations:
    """What one service must keep to for an export to work.

    Attributes:
        client: The class that takes ``contract=`` and ``operations=``.
        login: The operation that brings the token, which no function can replace.
        essential: Per operation what an export depends on: ``query:name``, ``sends:path`` or
            ``reads:path``.
        kinds: Per operation the JSON types a property may have, sent or read.
        words: Per operation the words of a property or query the export relies on.
        may_be_empty: Properties, each behind its operation, that an answer may leave out.
        replaced: Per further function of a user, what an export then needs no longer: an operation,
            or an operation and one of its properties.
        asked: The class of what a user's function for an operation is given.
        values: What a function sends for names of the service, by the Python that gives it.
        alike: Names that are common for a property of an answer, by our name.
        form: Whether the token is asked for by a form, not by JSON.
        any_case: Whether the service takes query names in any letter case.
        envelope: The member that holds an answer's payload on the wire.
        payload: The path of an answer's payload, in the service's envelope if the file shows it;
            None where the file says nothing of it.
    """

    client: str
    login: str
    essential: Mapping[str, frozenset[str]]
    kinds: Mapping[str, Mapping[str, frozenset[str]]]
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(factory=dict[str, Any])
    may_be_empty: frozenset[str] = frozenset()
    replaced: Mapping[str, tuple[str, ...]] = field(factory=dict[str, Any])
    asked: Mapping[str, Any] = field(factory=dict[str, Any])
    values: Mapping[str, tuple[str, ...]] = field(factory=dict[str, Any])
    alike: Mapping[str, tuple[str, ...]] = field(factory=dict[str, Any])
    form: bool = False
    any_case: bool = False
    envelope: str = ""
    payload: Callable[[str, Shape], str | None] = lambda _, __: ""

    def values_of(self, operation: str) -> dict[str, str]:
        """Return the Python of every value a function has, by the letters of its names."""
        asked = self.asked.get(operation)
        given = {item.name for item in attrs.fields(asked)} if asked is not None else set[str]()
        return {
            letters(name): value
            for value, names in self.values.items()
            if ("upload" if "file." in value else value.split(".")[1].split()[0]) in given
            for name in names
        }

    def function_for(self, operation: str) -> str:
        """Return the name under which ``operations=`` takes a function for an operation.

        Empty for the login, which no function can replace.
        """
        named = (
            name
            for name, given in self.replaced.items()
            if operation == given[0] and name not in self.asked
        )
        return "" if operation == self.login else next(named, operation)


def kinds_of(model: Any, at: str = "") -> dict[str, frozenset[str]]:
    """Return the JSON types of a model's members, each under its path below ``at``."""
    found: dict[str, frozenset[str]] = {}
    hints = get_type_hints(model)
    for attribute in attrs.fields(model):
        if attribute.name == "extra":
            continue
        name = wire_name(attribute)
        path = f"{at}.{name}" if at else name
        # `X | None` is a union of the type and None.
        types = [kind for kind in get_args(hints[attribute.name]) if kind is not type(None)]
        type_ = hints[attribute.name]
        if get_origin(type_) is not tuple and len(types) == 1:
            type_ = types[0]
        if type_ in _SCALARS:
            found[path] = _SCALARS[type_]
        elif get_origin(type_) is tuple:
            found[path] = frozenset({"array"})
            inner = get_args(type_)[0]
            if attrs.has(inner):
                found |= kinds_of(inner, f"{path}[]")
        elif attrs.has(type_):
            found[path] = frozenset({"object"})
            found |= kinds_of(type_, path)
    return found
