"""Holding live answers against the contract. Of what came, only names and types are ever shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Literal

from attrs import evolve, frozen

from _client_kit._contract import Operation
from _client_kit._errors import ServiceError
from _client_kit._json import is_list, is_object
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text, joined
from _contract_check.expectations import Expectations
from bridge._reports.texts import Lang, say, translate
from bridge._reports.verification import Check, failed

__all__ = ["Unlike", "answered", "broken", "differences", "looked_at"]

MOST_NAMES = 12
# A name with anything else in it may be somebody's data used as a name.
_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,40}")


_NOTHING = Text("nothing", "nothing")


def kind_of(value: object) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    return "array" if is_list(value) else "object"


@frozen
class Unlike:
    """A property that did not come as the contract has it.

    Attributes:
        path: Which one.
        expected: The types it may have.
        above: The path of what should hold it.
        came: Names and types that came in its place.
        near: The name that came and differs from it in letter case or an underscore only.
    """

    path: str
    expected: str
    above: str
    came: str
    near: str = ""


def differences(
    payloads: Iterable[Any], operation: Operation, expected: Expectations
) -> Iterator[Unlike]:
    """What an export needs of an operation's answers, and did not come."""
    kinds = expected.kinds.get(operation.name, {})
    needed = expected.essential.get(operation.name, frozenset())
    found = list(payloads)
    broken_at: list[str] = []
    for item in operation.reads:
        path = item.path
        if f"reads:{path}" not in needed or path.startswith(tuple(broken_at)):
            continue
        above, _, name = path.rpartition(".")
        holders = list(_at(found, above))
        wanted = kinds.get(path, frozenset[str]())
        values = [holder.get(name) for holder in holders if is_object(holder)]
        came = {kind_of(value) for value in values} - {"null"}
        known = any(is_object(holder) and name in holder for holder in holders)
        lost = holders and not known
        if lost or (came and wanted and not came & wanted):
            broken_at += [f"{path}.", f"{path}[]"]
            shown = "string" if "string" in wanted else "|".join(sorted(wanted)) or "object"
            near = _near(name, holders) if lost else ""
            yield Unlike(path, shown, above, _shown(holders, None if lost else name), near)


def seen(payloads: Iterable[Any], operation: Operation) -> int:
    """How many of an operation's properties came."""
    found = list(payloads)
    count = 0
    for item in operation.reads:
        above, _, name = item.path.rpartition(".")
        count += any(is_object(holder) and name in holder for holder in _at(found, above))
    return count


def _at(payloads: list[Any], path: str) -> Iterator[Any]:
    """The values at a path, through lists."""
    values = payloads
    for part in path.split(".") if path else []:
        name = part.removesuffix("[]")
        values = [value.get(name) for value in values if is_object(value)] if name else values
        if part.endswith("[]"):
            values = [entry for value in values if is_list(value) for entry in value]
    return (value for value in values if value is not None)


def _near(name: str, holders: Iterable[Any]) -> str:
    letters = name.replace("_", "").casefold()
    names = {str(key) for holder in holders if is_object(holder) for key in holder}
    near = [key for key in names if key.replace("_", "").casefold() == letters]
    return near[0] if len(near) == 1 else ""


def _shown(holders: Iterable[Any], only: str | None) -> str:
    """Names with types, such as ``id (string)``; never a value."""
    kinds: dict[str, set[str]] = {}
    others: set[str] = set()
    for holder in holders:
        if not is_object(holder):
            others.add(kind_of(holder))
        for name, value in holder.items() if is_object(holder) else ():
            if only in (None, name):
                kinds.setdefault(str(name), set()).add(kind_of(value))
    named = [
        f"{name if _NAME.fullmatch(name) else '<name>'} ({'|'.join(sorted(kinds[name]))})"
        for name in list(kinds)[:MOST_NAMES]
    ]
    shown = ", ".join([*named, *sorted(others)])
    more = len(kinds) - MOST_NAMES
    return Text("and_more_names", "{0} and {1} more", shown, more) if more > 0 else shown


def answered(
    payloads: list[Any],
    operation: Operation,
    expected: Expectations,
    *,
    client: str,
    lang: Lang,
) -> Check:
    """The check of an operation that answered."""
    problems = list(differences(payloads, operation, expected))
    name = operation.name
    if not problems:
        count, total = seen(payloads, operation), len(operation.reads)
        detail = Text("seen", "{0} of {1} properties seen", count, total)
        return looked_at(name, detail, lang)
    details = (
        Text(
            "unlike",
            "expected {0} ({1}); {2} has {3}",
            *(item.path, item.expected),
            *(item.above or Text("the_answer", "the answer"), item.came or _NOTHING),
        )
        for item in problems
    )
    renames = {item.path: item.near or "..." for item in problems}
    patch = json.dumps({name: {"rename": renames}})
    advice = Text("hint_rename", "Correct it with {0}(contract={1}).", client, patch)
    if function := expected.functions.get(f"reads:{name}"):
        advice = Text(
            "hint_restructure",
            "Correct it with {0}(contract={1}); or, for another structure, with {2}.",
            *(client, patch, function),
        )
    found, remedy = translate(joined("; ", *details), lang), translate(advice, lang)
    return Check(name, _title(name, lang), "failed", found, remedy, "unlike")


def broken(error: ServiceError, name: str, *, client: str, lang: Lang) -> Check:
    """The check of an operation that failed."""
    check = failed(name, _title(name, lang), error, lang)
    by_contract = isinstance(error.hint, Text) and error.hint.code == CONTRACT_HINT.code
    if not by_contract and error.kind != "not found":
        return check
    patch = json.dumps({name: {"path": "..."}})
    template = "If the call has another address, correct it with {0}(contract={1})."
    address = Text("hint_address", template, client, patch)
    return evolve(check, remedy=translate(joined(" ", error.hint, address), lang))


def looked_at(name: str, detail: str, lang: Lang, *, skipped: bool = False) -> Check:
    """The check of an operation with nothing against it, or nothing to look at."""
    outcome: Literal["skipped", "ok"] = "skipped" if skipped else "ok"
    return Check(name, _title(name, lang), outcome, translate(detail, lang))


def _title(name: str, lang: Lang) -> str:
    return say("operation", lang, name)
