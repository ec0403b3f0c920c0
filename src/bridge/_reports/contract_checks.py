"""Make the checks of verify(deep=True): compare the answers of operations with the contract.

A check shows only names and types of an answer, never its values.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from attrs import evolve

from _client_kit._errors import ConfigurationError, ProtocolError, ServiceError
from _client_kit._json import is_list, is_object
from _client_kit._models import encode
from _client_kit._secret import Secret
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text, joined
from _contract_check.expectations import Expectations
from _contract_check.openapi_schema import Schema, Shape, below, letters
from bridge._reports.texts import say
from bridge._reports.verification import Check, failed

MOST_NAMES = 12
_KINDS: dict[Any, str] = {
    type(None): "null",
    bool: "boolean",
    str: "string",
    Secret: "string",
    int: "integer",
    float: "number",
    Decimal: "number",
    list: "array",
}
"""The JSON types of values, by Python type; a value of any other Python type is an object."""


class ContractChecks:
    """The checks of one service's operations, in English.

    Attributes:
        made: The checks, also those of operations that were skipped.
        unreadable: The first check that failed because of a ConfigurationError, a ProtocolError or
            an answer that an export cannot use. None if there is no such check.
    """

    def __init__(self, expected: Expectations) -> None:
        self.made: list[Check] = []
        self.unreadable: Check | None = None
        self._expected = expected

    @contextmanager
    def calling(self, operation: str) -> Generator[None]:
        """Return a context manager that turns a ServiceError of its block into a failed check.

        The error is then not raised, so that the next operation can be called.
        """
        try:
            yield
        except ServiceError as error:
            check = failed(operation, say("operation", operation), error)
            by_contract = isinstance(error.hint, Text) and error.hint.code == CONTRACT_HINT.code
            if by_contract or error.kind == "not found":
                template = "If the call has another address, correct it with {0}(contract={1})."
                patch = json.dumps({operation: {"path": "..."}})
                address = Text("hint_address", template, self._expected.client, patch)
                check = evolve(check, remedy=joined(" ", error.hint, address))
            self.made.append(check)
            if isinstance(error, (ConfigurationError, ProtocolError)):
                self.unreadable = self.unreadable or check

    def skipped(self, note: str, *operations: str) -> None:
        """Add a check for each operation that was not called, with the reason."""
        for operation in operations:
            self.made.append(Check(operation, say("operation", operation), "skipped", note))

    def wrong(self, operation: str, note: str, remedy: str) -> None:
        """Add the check of an operation whose answer an export cannot use."""
        check = Check(operation, say("operation", operation), "failed", note, remedy, "unlike")
        self.made.append(check)
        self.unreadable = self.unreadable or check

    def answered(self, operation: str, answers: Iterable[Any], note: str = "") -> None:
        """Add the check of an operation that was called.

        The check fails if the answers, as JSON with the contract's names, lack a property that an
        export needs, or have it with another type. A property may be missing if it is in
        `Expectations.may_be_empty`, or if no answer has the object to which it belongs.
        """
        expected = self._expected
        essential = expected.essential.get(operation, frozenset())
        needed = [fact.removeprefix("reads:") for fact in essential if fact.startswith("reads:")]
        shape = shape_of(answers)
        details: list[Text] = []
        renames: dict[str, str] = {}
        for path in sorted(needed):
            wanted = expected.kinds_of(operation, path)
            above, _, name = path.rpartition(".")
            holder = shape.get(above, Schema())
            # Nothing is known of this property if no answer has its object, or if the object itself
            # is already reported.
            if above in renames or holder.kinds <= {"null"}:
                continue
            came = shape.get(path, Schema()).kinds
            alike = [item for item in holder.members if letters(item) == letters(name) and not came]
            absent = not came and not alike and f"{operation} {path}" in expected.may_be_empty
            if absent or came & wanted:
                continue
            renames[path] = alike[0] if len(alike) == 1 else "..."
            kind = "string" if "string" in wanted else "|".join(sorted(wanted))
            details.append(
                Text(
                    "unlike",
                    "expected {0} ({1}); {2} has {3}",
                    *(path, kind, above or Text("the_answer", "the answer"), _shown(shape, above)),
                )
            )
        if not details:
            self.made.append(Check(operation, say("operation", operation), "ok", note))
            return
        advice = Text(
            "hint_restructure",
            "Correct it with {0}(contract={1}); or, for another structure, with {2}.",
            expected.client,
            json.dumps({operation: {"rename": renames}}),
            f'{expected.client}(operations={{"{operation}": ...}})',
        )
        self.wrong(operation, joined("; ", *details), advice)


def rows_of(items: Iterable[Any], unreadable: int, *, under: str) -> Any:
    """Return the entries of a page as ``{under: [...]}``, as in JSON.

    The list ends with one string for each of the ``unreadable`` entries (not JSON objects).
    """
    return {under: [*map(encode, items), *["unreadable"] * unreadable]}


def shape_of(answers: Iterable[Any]) -> Shape:
    """Return one shape for several answers: all names and types in them.

    Null counts as a type. A member that is an empty text or an empty object is left out.
    """
    kinds: dict[str, set[str]] = {}
    names: dict[str, dict[str, Any]] = {}
    waiting = [("", answer) for answer in answers]
    for path, value in waiting:
        kinds.setdefault(path, set()).add(_KINDS.get(type(value), "object"))
        if is_object(value):
            came = {name: member for name, member in value.items() if member not in ("", {})}
            names.setdefault(path, {}).update(came)
            waiting += [(below(path, name), member) for name, member in came.items()]
        elif is_list(value):
            waiting += [(f"{path}[]", entry) for entry in value]
    return {
        path: Schema(kinds=frozenset(found), members=names.get(path, {}))
        for path, found in kinds.items()
    }


def _shown(shape: Shape, above: str) -> str:
    """Return the members of the object at the path ``above``, such as ``id (string)``.

    At most `MOST_NAMES` members are named. The types of other values at this path follow, except
    null. Without any of these, the result is "nothing".
    """
    names = sorted(shape[above].members)[:MOST_NAMES]
    named = [f"{name} ({shape[below(above, name)]})" for name in names]
    kinds = sorted(shape[above].kinds - {"object", "null"})
    return ", ".join([*named, *kinds]) or Text("nothing", "nothing")
