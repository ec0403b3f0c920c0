"""Compare a contract with a vendor's OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from _client_kit._contract import Contract, Operation
from _client_kit._errors import ConfigurationError
from _contract_check.expectations import Expectations
from _contract_check.findings import Comparison, Finding, OperationFinding
from _contract_check.matching import (
    carries_content,
    described_prefixes,
    look_alikes,
    match_all,
    patched_path,
    same_path,
    split_prefix,
    uploads,
)
from _contract_check.openapi_file import VendorFile, VendorOperation, is_json
from _contract_check.openapi_schema import Place, Shape, below, entries_of, last, locate, typed
from _contract_check.starter import starter

MOST_WORDS = 12
_SUGGESTED = "--suggest prints the correction."


def compare(
    contract: Contract,
    file: VendorFile,
    expected: Expectations,
    *,
    yours: Collection[str] = (),
) -> Comparison:
    """Return the result of comparing every operation of a contract with a vendor's file.

    Path, query parameters and properties of each operation are compared.

    Args:
        contract: The contract, with the user's patch applied.
        file: The vendor's OpenAPI file.
        expected: The facts that an export needs from the service.
        yours: Names of the operations for which the user has a function; they are not compared.

    Raises:
        ConfigurationError: ``yours`` names an operation that does not exist.
    """
    known = [name for name in (*contract.operations, *expected.replaced) if name != expected.login]
    if unknown := set(yours) - set(known):
        message = f"there is no function for {min(unknown)[:80]!r}; known: {', '.join(known)}"
        raise ConfigurationError(message, service=contract.service)
    needless = {entry for name in yours for entry in expected.replaced.get(name, (name,))}
    ours = sorted(contract.operations.values(), key=lambda item: not item.needed)
    matches = match_all(ours, file.operations)
    prefixes = described_prefixes(ours, file.operations, matches)
    found: list[OperationFinding] = []
    patch: dict[str, Any] = {}
    for operation in ours:
        name = operation.name
        result = OperationFinding(
            name,
            operation.needed,
            "yours",
            f"{operation.method} {operation.path}",
            evidence=operation.evidence,
            function=expected.function_for(name),
        )
        likely: list[VendorOperation] = []
        if operation.needed:
            values = expected.values_of(name)
            likely = look_alikes(operation, file.operations, matches, values)
        if name in yours or name in needless:
            found.append(result)
        elif name not in matches:
            missing = split_prefix(operation.path)[0] in prefixes
            result = evolve(
                result,
                status="missing" if missing else "not described",
                calls=tuple(tuple(item.lines()) for item in likely),
                starter=starter(operation, likely[0], expected) if likely else (),
            )
            found.append(result)
        else:
            pair = _Pair(operation, matches[name], expected, needless)
            try:
                contract.patched({name: pair.patch})
            except ConfigurationError:  # the patch would give two members one name
                pair.patch = {}
            patch |= {name: pair.patch} if pair.patch else {}
            found.append(pair.result(result, likely))
    return Comparison(contract.service, file.title, file.version, tuple(found), patch)


@frozen
class _Fact:
    """A query parameter or property: its name in the contract and its path on the wire.

    ``place`` is ``query``, ``sends`` or ``reads``.
    """

    place: str
    name: str
    wire: str

    @property
    def key(self) -> str:
        return f"{self.place}:{self.name}"


class _Pair:
    """An operation of the contract and the operation of the file that matches it."""

    def __init__(
        self,
        ours: Operation,
        theirs: VendorOperation,
        expected: Expectations,
        needless: Collection[str],
    ) -> None:
        self._ours, self._theirs, self._expected = ours, theirs, expected
        self._kinds = expected.kinds.get(ours.name, {})
        needed = expected.essential.get(ours.name, frozenset()) if ours.needed else frozenset[str]()
        self._essential = {key for key in needed if f"{ours.name} {key}" not in needless}
        self._shapes: dict[str, Shape | None] = {
            "header": theirs.headers,
            "query": theirs.query,
            "sends": theirs.body,
            "reads": expected.answer_of(ours, theirs),
        }
        self._places: dict[_Fact, Place] = {}
        for fact in _facts(ours):
            place = locate(self._shapes[fact.place], fact.wire)
            if fact.place == "query" and place.status == "not described":
                place = evolve(place, status="missing")  # a file describes all query parameters
            if fact.place == "query" and place.status == "differs" and expected.any_case:
                place = evolve(place, status="confirmed")
            self._places[fact] = place
        self.patch = self._sure()

    def result(
        self, result: OperationFinding, likely: Sequence[VendorOperation]
    ) -> OperationFinding:
        """Return the finding for the operation, with findings for its facts.

        Args:
            result: The finding to complete; it has only what the contract says.
            likely: Other operations of the file that resemble ours, the likeliest first.
        """
        theirs = self._theirs
        findings = tuple(self._findings())
        differs = any(item.status in ("differs", "missing") for item in findings)
        by_hand = any(item.contradicts and self._by_function() in item.remedy for item in findings)
        # If the operation takes no file, another operation takes it first.
        by_two = uploads(self._ours) and not carries_content(theirs.body, theirs.media)
        shown = [theirs, *(likely if by_two else ())] if by_hand else []
        return evolve(
            result,
            status="differs" if differs else "confirmed",
            theirs=f"{theirs.method} {theirs.path}",
            facts=len(self._places),
            findings=findings,
            calls=tuple(tuple(item.lines()) for item in shown),
            starter=starter(self._ours, theirs, self._expected) if by_hand else (),
        )

    def _sure(self) -> dict[str, Any]:
        """Return the patch for names that differ in spelling only, and for another path prefix.

        A different spelling is another letter case, or another use of ``_`` and ``-``. A rename
        applies to requests and answers, so the file must have the same new name in both.
        """
        changes: dict[str, Any] = {}
        path = patched_path(self._ours.path, self._theirs.path)
        if path is not None and not same_path(path, self._ours.path):
            changes["path"] = path
        names: dict[tuple[str, str], set[str]] = {}
        for fact, place in self._places.items():
            if fact.place != "query":
                found = last(place.path) if place.found else ""
                names.setdefault((fact.name, last(fact.wire)), set()).add(found)
            elif place.status == "differs":
                changes.setdefault("query", {})[fact.name] = place.path
        for (name, wire), theirs in names.items():
            if len(theirs) == 1 and not theirs & {wire, ""}:
                changes.setdefault("rename", {})[name] = theirs.pop()
        return changes

    def _findings(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        if not same_path(ours.path, theirs.path):
            remedy = _SUGGESTED if "path" in self.patch else ""
            yield self._finding("path", ours.path, ours.path, theirs.path, remedy)
        # A login may have a form as its body.
        login = ours.name == self._expected.login
        wrong_media = bool(theirs.media) and not login and not is_json(theirs.media)
        if wrong_media:
            yield self._finding("body", "media type", "application/json", theirs.media)
        absent: list[str] = []
        for fact, place in self._places.items():
            if fact.key.startswith(tuple(absent)) or (wrong_media and fact.place == "sends"):
                continue
            found = self._compared(fact, place)
            yield found
            if found.status != "confirmed" and place.status != "differs":
                absent += [f"{fact.key}.", f"{fact.key}[]"]
        for group in ("header", "query") if wrong_media else ("header", "query", "sends"):
            yield from self._unsent(group)

    def _compared(self, fact: _Fact, place: Place) -> Finding:
        """Compare one fact with the file by name, types and values, and return the finding."""
        status, theirs, remedy = place.status, place.path, ""
        ours = last(fact.wire)
        shape = self._shapes[fact.place]
        if place.found and shape is not None:
            wanted = self._kinds.get(fact.name) if fact.place != "query" else None
            kinds = shape[place.path].kinds if place.path in shape else frozenset[str]()
            inner = entries_of(shape, place.path)
            listed = shape[inner].words if inner in shape else ()
            words = self._expected.words.get(self._ours.name, {}).get(fact.key, ())
            if wanted and kinds and not wanted & kinds:
                status, ours = "differs", f"{ours}: {'|'.join(sorted(wanted))}"
                theirs = f"{theirs}: {typed(shape, place.path)}"
            elif words and listed and not set(words) <= set(listed):
                status, ours = "differs", f"{ours}: {', '.join(words)}"
                theirs = f"{theirs}: one of {', '.join(listed[:MOST_WORDS])}"
            elif fact.name in self.patch.get("query" if fact.place == "query" else "rename", {}):
                remedy = _SUGGESTED
        elif fact.place != "query" and "," in theirs:
            patch = json.dumps({self._ours.name: {"rename": {fact.name: "..."}}})
            remedy = f"If it is one of these: contract={patch}. Else: {self._by_function()}"
        essential = fact.key in self._essential
        return Finding(
            fact.place, fact.name, status, ours, theirs, essential,
            "" if status in ("confirmed", "not described") else remedy or self._by_function(),
        )  # fmt: skip

    def _unsent(self, group: str) -> Iterator[Finding]:
        """Yield a finding for each name that the file requires and the library does not send."""
        shape = self._shapes[group] or {}
        always = {key for key in self._essential if key.startswith("query:")}
        sent = {""} | {
            place.path
            for fact, place in self._places.items()
            if fact.place == group and place.found
            if not always or group != "query" or fact.key in always
        }
        for path, schema in shape.items():
            for name in sorted(schema.required if path.removesuffix("[]") in sent else ()):
                member = below(path, name)
                if member not in sent and not (member in shape and shape[member].read_only):
                    yield self._finding(group, member, "", f"{typed(shape, member)}, required")

    def _finding(self, place: str, name: str, ours: str, theirs: str, remedy: str = "") -> Finding:
        """Return a finding with the status ``differs`` for something other than a :class:`_Fact`.

        Examples are the path, the body's media type, and a parameter that only the file requires.
        """
        return Finding(
            place, name, "differs", ours, theirs, self._ours.needed,
            remedy or self._by_function(),
        )  # fmt: skip

    def _by_function(self) -> str:
        name = self._expected.function_for(self._ours.name)
        if not name:
            return "The call for a token cannot be corrected from outside: please report it."
        return f'Correct it with {self._expected.client}(operations={{"{name}": ...}}).'


def _facts(operation: Operation) -> Iterator[_Fact]:
    """Yield an operation's query parameters and properties; wire paths begin below the envelope.

    Only the contract's login names the envelope.
    """
    for name, wire in operation.query.items():
        yield _Fact("query", name, wire)
    for place, properties in (("sends", operation.sends), ("reads", operation.reads)):
        for item in properties:
            tree: Mapping[str, Any] = operation._rename
            parts: list[str] = []
            for part in item.path.split("."):
                name = part.removesuffix("[]")
                wire, tree = tree.get(name, (name, {}))
                parts.append(wire + part[len(name) :])
            yield _Fact(place, item.path, ".".join(parts).removeprefix("result."))
