"""The class for the facts that an export needs from a service's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from _client_kit._contract import TOKEN_CALLS, Operation
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Shape, letters

TEXT = frozenset({"string", "integer"})
"""The JSON types of a text: the decoder also accepts a code that is written as a number."""
NUMBER = frozenset({"integer", "number"})
ARRAY = frozenset({"array"})
OBJECT = frozenset({"object"})


@frozen
class Expectations:
    """The facts that an export needs from one service's API.

    Attributes:
        client: Name of the client class, which takes ``contract=`` and ``operations=``.
        essential: Per operation, the facts without which an export fails: ``query:name``
            (parameter), ``sends:path`` (request) or ``reads:path`` (answer).
        kinds: Per operation, by the path of a property that an export needs, the JSON types that
            it may have. A property that is not listed is a text.
        words: The values of a query parameter or property that an export relies on, by its name or
            path. For a property of a list's entries, the path begins below the entry.
        may_be_empty: Properties that an answer may leave out, each as ``operation path``.
        replaced: By name of a user's function, the operations and facts that an export with this
            function does not need. A fact is written as an operation's name and, for example,
            ``reads:path``.
        functions: By operation, the name of its function in ``operations=``, if the two differ.
        values: Per operation, Python expressions for the values that a function can send. Each is
            mapped to the names that an API may give the value, separated by spaces.
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
        """Return the shape to compare with the properties that our operation reads, or None.

        None means that the file describes no answer, or a bare number as the answer to an upload:
        the client accepts such a number as the document's id.
        """
        bare = theirs.answer is not None and "integer" in theirs.answer[""].kinds
        return None if bare and f"{ours.name} id" in self.may_be_empty else theirs.answer

    def kinds_of(self, operation: str, path: str) -> frozenset[str]:
        """Return the JSON types that a property which an export needs may have."""
        return self.kinds.get(operation, {}).get(path, TEXT)

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
