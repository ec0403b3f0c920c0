"""Compare a contract, from a client's ``contract.json``, with a vendor's OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import evolve

from _client_kit._contract import TOKEN_CALLS, Contract, Operation
from _contract_check.expectations import Expectations
from _contract_check.findings import Comparison, Finding, OperationFinding
from _contract_check.matching import (
    carries_content,
    look_alikes,
    match_all,
    patched_path,
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
        yours: Names of the operations for which the user has a function. Neither they nor the
            operations that ``expected.replaced`` gives for them are compared.
    """
    needless = {entry for name in yours for entry in expected.replaced.get(name, (name,))}
    ours = sorted(contract.operations.values(), key=lambda item: not item.needed)
    matches = match_all(ours, file.operations)
    prefixes = {split_prefix(item.path)[0] for item in ours if item.name in matches}
    free = [item for item in file.operations if item not in matches.values()]
    found: list[OperationFinding] = []
    patch: dict[str, Any] = {}
    for operation in ours:
        name, theirs = operation.name, matches.get(operation.name)
        # An operation without a match is missing if the file has others below its prefix, such as
        # "/a/v1", or if others of ours with this prefix match. Otherwise it is not described.
        prefix = split_prefix(operation.path)[0]
        begin = f"{prefix}/".casefold()
        about = any(item.path.casefold().startswith(begin) for item in file.operations)
        status = "missing" if prefix and (about or prefix in prefixes) else "not described"
        likely: list[VendorOperation] = []
        findings: tuple[Finding, ...] = ()
        if operation.needed:
            likely = look_alikes(operation, free, expected.values_of(name))
        if name in yours or name in needless:
            status, theirs, likely = "yours", None, []
        elif theirs is not None:
            pair = _Pair(operation, theirs, expected, needless)
            patch |= {name: pair.patch} if pair.patch else {}
            findings = tuple(pair.findings())
            differs = any(item.status in ("differs", "missing") for item in findings)
            status = "differs" if differs else "confirmed"
            by_hand = any(item.contradicts and item.remedy != _SUGGESTED for item in findings)
            # If the vendor's upload operation takes no file content, the content probably goes to
            # another operation first. So show the operations that look like it, too.
            by_two = uploads(operation) and not carries_content(theirs.body, theirs.media)
            likely = [theirs, *(likely if by_two else ())] if by_hand else []
        found.append(
            OperationFinding(
                name,
                operation.needed,
                status,
                f"{operation.method} {operation.path}",
                f"{theirs.method} {theirs.path}" if theirs else "",
                evidence=operation.evidence,
                findings=findings,
                calls=tuple(tuple(item.lines()) for item in likely),
                function=expected.function_for(name),
                starter=starter(operation, likely[0], expected) if likely else (),
            )
        )
    return Comparison(contract.service, file.title, file.version, tuple(found), patch)


class _Pair:
    """An operation of the contract and the operation of the file that matches it.

    A fact is a query parameter (``query:name``), or a property of the request (``sends:path``) or
    of the answer (``reads:path``).
    """

    def __init__(
        self,
        ours: Operation,
        theirs: VendorOperation,
        expected: Expectations,
        needless: Collection[str],
    ) -> None:
        self._ours, self._theirs, self._expected = ours, theirs, expected
        needed = expected.essential.get(ours.name, frozenset()) if ours.needed else frozenset[str]()
        self._essential = {fact for fact in needed if f"{ours.name} {fact}" not in needless}
        self._shapes: dict[str, Shape | None] = {
            "header": theirs.headers,
            "query": theirs.query,
            "sends": theirs.body,
            "reads": expected.answer_of(ours, theirs),
        }
        self._path = patched_path(ours.path, theirs.path)
        self._wires = dict(_facts(ours))
        self._places = {fact: self._place(fact, wire) for fact, wire in self._wires.items()}
        self.patch = self._sure()

    def _place(self, fact: str, wire: str) -> Place:
        group = fact.partition(":")[0]
        place = locate(self._shapes[group], wire)
        if group == "query" and place.status == "not described":
            # An OpenAPI file describes all query parameters, so others do not exist.
            return evolve(place, status="missing")
        if group == "query" and place.status == "differs" and self._expected.any_case:
            return evolve(place, status="confirmed")
        return place

    def _sure(self) -> dict[str, Any]:
        """Return the patch for names that differ in spelling only, and for a path that differs.

        A different spelling is another letter case, or another use of ``_`` and ``-``. A rename
        applies to requests and answers, so the file must have the same new name in both.
        """
        changes: dict[str, Any] = {}
        if self._path not in (None, self._ours.path):
            changes["path"] = self._path
        renames: dict[str, set[str]] = {}
        for fact, place in self._places.items():
            group, _, name = fact.partition(":")
            if group != "query":
                renames.setdefault(name, set()).add(last(place.path) if place.found else "")
            elif place.status == "differs":
                changes.setdefault("query", {})[name] = place.path
        for name, found in renames.items():
            wire = self._wires.get(f"sends:{name}") or self._wires[f"reads:{name}"]
            if len(found) == 1 and not found & {last(wire), ""}:
                changes.setdefault("rename", {})[name] = found.pop()
        return changes

    def findings(self) -> Iterator[Finding]:
        """Yield findings about path, media type, facts, and required names that are not sent.

        Facts below a property that is missing, not described or of a wrong type are left out.
        """
        ours, theirs = self._ours, self._theirs
        if self._path != ours.path:
            yield self._finding("path", ours.path, "differs", ours.path, theirs.path)
        # A token request may have a form as its body.
        form = ours.name in TOKEN_CALLS
        wrong_media = bool(theirs.media) and not form and not is_json(theirs.media)
        if wrong_media:
            yield self._finding("body", "media type", "differs", "application/json", theirs.media)
        absent: list[str] = []
        for fact, place in self._places.items():
            if fact.startswith(tuple(absent)) or (wrong_media and fact.startswith("sends:")):
                continue
            found = self._compared(fact, place)
            yield found
            if found.status != "confirmed" and place.status != "differs":
                absent += [f"{fact}.", f"{fact}[]"]
        for group in ("header", "query") if wrong_media else ("header", "query", "sends"):
            yield from self._unsent(group)

    def _compared(self, fact: str, place: Place) -> Finding:
        """Compare one fact with the file by name, types and values, and return the finding."""
        group, _, name = fact.partition(":")
        status, theirs, ours = place.status, place.path, last(self._wires[fact])
        shape = self._shapes[group]
        if place.found and shape is not None and place.path in shape:
            kinds = shape[place.path].kinds
            wanted = self._expected.kinds_of(self._ours.name, name)
            listed = shape[entries_of(shape, place.path)].words
            words = self._expected.words.get(name.rpartition("[].")[2], ())
            if group != "query" and fact in self._essential and kinds and not wanted & kinds:
                status, ours = "differs", f"{ours}: {'|'.join(sorted(wanted))}"
                theirs = f"{theirs}: {typed(shape, place.path)}"
            elif self._ours.needed and listed and not set(words) <= set(listed):
                status, ours = "differs", f"{ours}: {', '.join(words)}"
                theirs = f"{theirs}: one of {', '.join(listed[:MOST_WORDS])}"
        return self._finding(group, name, status, ours, theirs, fact in self._essential)

    def _unsent(self, group: str) -> Iterator[Finding]:
        """Yield a finding for each name that the file requires and the library does not send.

        If an export needs the operation, only essential query parameters count as sent: the export
        may leave out the others.
        """
        shape = self._shapes[group] or {}
        sent = {""} | {
            place.path
            for fact, place in self._places.items()
            if fact.startswith(f"{group}:") and place.found
            if group != "query" or fact in self._essential or not self._ours.needed
        }
        for path, schema in shape.items():
            for name in sorted(schema.required if path.removesuffix("[]") in sent else ()):
                member = below(path, name)
                if member not in sent and not (member in shape and shape[member].read_only):
                    theirs = f"{typed(shape, member)}, required"
                    yield self._finding(group, member, "differs", "", theirs)

    def _finding(
        self,
        place: str,
        name: str,
        status: str,
        ours: str,
        theirs: str,
        essential: bool | None = None,
    ) -> Finding:
        """Return a finding with its remedy.

        If ``essential`` is None, the finding is essential if an export needs the operation.
        """
        function = self._expected.function_for(self._ours.name)
        remedy = "The call for a token cannot be corrected from outside: please report it."
        if function:
            remedy = f'Correct it with {self._expected.client}(operations={{"{function}": ...}}).'
        patched = self.patch.get("query" if place == "query" else "rename", {})
        if status == "differs" and (name in patched or (place == "path" and "path" in self.patch)):
            remedy = _SUGGESTED
        elif place in ("sends", "reads") and status == "missing" and "," in theirs:
            patch = json.dumps({self._ours.name: {"rename": {name: "..."}}})
            remedy = f"If it is one of these: contract={patch}. Else: {remedy}"
        if status in ("confirmed", "not described"):
            remedy = ""
        essential = self._ours.needed if essential is None else essential
        return Finding(place, name, status, ours, theirs, essential, remedy)


def _facts(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield an operation's facts, each with its path in the API's JSON, below ABP's envelope.

    Only the login's paths in the contract begin in the envelope: their ``result.`` is removed.
    """
    for name, wire in operation.query.items():
        yield f"query:{name}", wire
    for place, properties in (("sends", operation.sends), ("reads", operation.reads)):
        for item in properties:
            tree: Mapping[str, Any] = operation._rename
            parts: list[str] = []
            for part in item.path.split("."):
                name = part.removesuffix("[]")
                wire, tree = tree.get(name, (name, {}))
                parts.append(wire + part[len(name) :])
            yield f"{place}:{item.path}", ".".join(parts).removeprefix("result.")
