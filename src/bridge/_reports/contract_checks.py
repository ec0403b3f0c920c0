"""Holding live answers against the contract. Of what came, only names and types are ever shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from attrs import frozen

from _client_kit._contract import Operation
from _client_kit._errors import ServiceError
from _client_kit._json import is_list, is_object
from _contract_check.expectations import Expectations
from bridge._reports.remedies import cause_of, remedy
from bridge._reports.texts import Language, translate
from bridge._reports.verification import Check

__all__ = ["Unlike", "answered", "broken", "differences", "looked_at"]

MOST_NAMES = 12
_OTHER_ADDRESS = "If the call has another address, correct it with {}(contract={})."
# A name with anything else in it may be somebody's data used as a name.
_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,40}")


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
    more = [f"{len(kinds) - MOST_NAMES} more"] if len(kinds) > MOST_NAMES else []
    return ", ".join([*named, *more, *sorted(others)])


def answered(
    payloads: list[Any],
    operation: Operation,
    expected: Expectations,
    *,
    client: str,
    lang: Language,
) -> Check:
    """The check of an operation that answered."""
    problems = list(differences(payloads, operation, expected))
    name = operation.name
    if not problems:
        detail = translate("{} of {} properties seen", lang).format(
            seen(payloads, operation), len(operation.reads)
        )
        return looked_at(name, detail, lang)
    details = [
        translate("expected {} ({}); {} has {}", lang).format(
            item.path,
            item.expected,
            item.above or translate("the answer", lang),
            item.came or translate("nothing", lang),
        )
        for item in problems
    ]
    renames = {item.path: item.near or "..." for item in problems}
    patch = json.dumps({name: {"rename": renames}})
    advice = translate("Correct it with {}(contract={})", lang).format(client, patch)
    if function := expected.functions.get(f"reads:{name}"):
        advice += translate("; or, for another structure, with {}", lang).format(function)
    return Check(name, _title(name, lang), "failed", "; ".join(details), f"{advice}.")


def broken(error: ServiceError, name: str, *, client: str, lang: Language) -> Check:
    """The check of an operation that failed."""
    _, cause = cause_of(_CHECKS[name], error)
    advice = remedy(cause, lang)
    if cause == "contract" or error.kind == "not found":
        patch = json.dumps({name: {"path": "..."}})
        address = translate(_OTHER_ADDRESS, lang).format(client, patch)
        advice = f"{advice} {address}"
    return Check(name, _title(name, lang), "failed", error.message, advice)


_CHECKS = {
    "spaces.list": "banqup space",
    "documents.list": "banqup documents",
    "documents.get": "banqup documents",
    "files.details": "banqup documents",
    "files.download": "banqup documents",
    "companies.list": "zenvoices companies",
    "inbox.list": "zenvoices inbox",
    "inbox.details": "zenvoices inbox",
    "inbox.upload": "zenvoices inbox",
}


def looked_at(name: str, detail: str, lang: Language, *, skipped: bool = False) -> Check:
    """The check of an operation with nothing against it, or nothing to look at."""
    return Check(name, _title(name, lang), "skipped" if skipped else "ok", detail)


def _title(name: str, lang: Language) -> str:
    return translate("{} answers as assumed", lang).format(name)
