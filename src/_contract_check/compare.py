"""Holding a contract against a vendor's OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve

from _client_kit._contract import Contract, Operation, Property
from _client_kit._errors import ConfigurationError
from _contract_check.expectations import Expectations
from _contract_check.findings import Comparison, Finding, OperationFinding, Status
from _contract_check.locating import Place, elsewhere, last, locate
from _contract_check.matching import (
    Match,
    folded,
    look_alikes,
    match_all,
    split_path,
    split_prefix,
)
from _contract_check.openapi_file import VendorFile, VendorOperation
from _contract_check.openapi_schema import Schema, tree

__all__ = ["compare"]

_NO_FUNCTION = "Another structure of this call cannot be corrected from outside: please report it."


def compare(contract: Contract, file: VendorFile, expected: Expectations) -> Comparison:
    """Every operation and property of the contract, and what the file says of it."""
    ours = list(contract.operations.values())
    matches = match_all(ours, file.operations)
    described = _described_prefixes(ours, file.operations, matches)
    found: list[OperationFinding] = []
    patch: dict[str, Any] = {}
    for operation in sorted(ours, key=lambda item: not item.needed):
        match = matches.get(operation.name)
        if match is None:
            found.append(_absent(operation, file.operations, matches, described))
            continue
        one = _Pair(operation, match, expected)
        found.append(one.result())
        if changes := one.patch():
            patch[operation.name] = changes
    return Comparison(
        contract.service, file.title, file.version, tuple(found), _loadable(contract, patch)
    )


def _described_prefixes(
    ours: Sequence[Operation], theirs: Sequence[VendorOperation], matches: Mapping[str, Match]
) -> set[str]:
    """The prefixes of our paths whose operations the file is about."""
    known = {split_prefix(item.path)[0] for item in ours if item.name in matches}
    for operation in ours:
        prefix = split_prefix(operation.path)[0]
        start = folded(prefix)
        if prefix and any(folded(item.path)[: len(start)] == start for item in theirs):
            known.add(prefix)
    return known - {""}


def _absent(
    operation: Operation,
    theirs: Sequence[VendorOperation],
    matches: Mapping[str, Match],
    described: set[str],
) -> OperationFinding:
    """An operation the file does not have: missing, or beyond what the file is about."""
    missing = split_prefix(operation.path)[0] in described
    same_path = [
        item
        for item in theirs
        if folded(item.path) == folded(operation.path)
        and all(item is not match.theirs for match in matches.values())
    ]
    ours = operation.method
    remedy = "It takes its input elsewhere then: the contract= argument cannot say that alone."
    methods = tuple(
        Finding(
            "method", ours, "differs", ours, item.method,
            operation.evidence, operation.needed, remedy,
        )
        for item in same_path
    )  # fmt: skip
    likely = look_alikes(operation, theirs, matches) if operation.needed else ()
    return OperationFinding(
        operation.name,
        operation.needed,
        "missing" if missing else "not described",
        f"{operation.method} {operation.path}",
        evidence=operation.evidence,
        findings=methods,
        look_alikes=likely,
    )


def _loadable(contract: Contract, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a patch that the contract takes."""
    taken: dict[str, Any] = {}
    for name, changes in patch.items():
        try:
            contract.patched({name: changes})
        except ConfigurationError:  # two members would get one name: a person must look
            continue
        taken[name] = changes
    return taken


class _Pair:
    """One operation of ours and the vendor's that is the same."""

    def __init__(self, ours: Operation, match: Match, expected: Expectations) -> None:
        self._ours = ours
        self._theirs = match.theirs
        self._match = match
        self._kinds = expected.kinds.get(ours.name, {})
        self._words = expected.words.get(ours.name, {})
        self._essential = expected.essential.get(ours.name, frozenset())
        self._functions = expected.functions
        self._form = ours.name in expected.forms
        answer = match.theirs.answer
        self._answer = None if answer is None else expected.unwrap(ours.name, answer)
        self._names: dict[str, list[tuple[str, bool]]] = {}
        self._queries: dict[str, str] = {}

    def result(self) -> OperationFinding:
        """Everything found about the operation."""
        findings = [*self._path(), *self._query(), *self._body()]
        findings += self._properties("reads", self._ours.reads, self._answer)
        findings = [self._both_ways(item) for item in findings]
        differs = any(item.status in ("differs", "missing") for item in findings)
        differences = any(item.place in ("sends", "body") and item.contradicts for item in findings)
        body = self._theirs.body
        return OperationFinding(
            self._ours.name,
            self._ours.needed,
            "differs" if differs else "confirmed",
            f"{self._ours.method} {self._ours.path}",
            f"{self._theirs.method} {self._theirs.path}",
            self._ours.evidence,
            tuple(findings),
            tree(body) if differences and body is not None else (),
        )

    def _both_ways(self, item: Finding) -> Finding:
        """A rename changes what is sent and what is read: where they differ it is no correction."""
        names = [name for name, _ in self._names.get(item.name, [])]
        if item.place in ("sends", "reads") and item.remedy and len(set(names)) > 1:
            text = f"It is sent and read under different names: {' and '.join(names)}. "
            return evolve(item, remedy=text + self._by_function(item.place))
        return item

    def patch(self) -> dict[str, Any]:
        """The corrections that are sure."""
        changes: dict[str, Any] = {}
        if self._match.path and self._match.sure:
            changes["path"] = self._match.path
        if self._queries:
            changes["query"] = dict(self._queries)
        renames = {
            path: names[0][0]
            for path, names in self._names.items()
            if names[0][0] != last(path) and self._agreed(path)
        }
        if any(name != last(self._wire(path)) for path, name in renames.items()):
            changes["rename"] = renames
        return changes

    def _agreed(self, path: str) -> bool:
        """Whether one name does for all: a property sent and read has one correction for both."""
        sides = sum(item.path == path for item in (*self._ours.sends, *self._ours.reads))
        names = self._names.get(path, [])
        return len(names) == sides and len(set(names)) == 1 and names[0][1]

    def _path(self) -> Iterator[Finding]:
        if split_path(self._theirs.path) != split_path(self._ours.path):
            ours = self._ours
            remedy = "It has other placeholders: the contract= argument cannot fill them."
            if self._match.path:
                remedy = self._correction({"path": self._match.path})
            yield Finding(
                "path", ours.path, "differs", ours.path, self._theirs.path,
                ours.evidence, ours.needed, remedy,
            )  # fmt: skip
        for name in self._theirs.headers:
            yield self._unsent("header", name, "Send it through an http_client= with that header.")

    def _unsent(self, place: str, name: str, remedy: str, what: str = "") -> Finding:
        """Something the file requires and we do not send."""
        theirs = f"{what or name}, required"
        needed = self._ours.needed
        return Finding(place, name, "differs", theirs=theirs, essential=needed, remedy=remedy)

    def _correction(self, changes: Mapping[str, Any]) -> str:
        return f"contract={json.dumps({self._ours.name: changes}, ensure_ascii=False)}"

    def _query(self) -> Iterator[Finding]:
        seen: set[str] = set()
        always = {name for name in self._ours.query if f"?{name}" in self._essential}
        for name, wire in self._ours.query.items():
            essential = self._ours.needed and name in always
            theirs = self._theirs.query
            near = (
                [wire] if wire in theirs else [x for x in theirs if x.casefold() == wire.casefold()]
            )
            seen.update(near)
            found = near[0] if len(near) == 1 else ""
            status: Status = "confirmed"
            remedy, said = "", found
            if not found:
                status, said = "missing", ", ".join(sorted(theirs)[:12])
            elif found != wire:
                status, remedy = "differs", self._correction({"query": {name: found}})
                self._queries[name] = found
            elif self._words_unknown(f"?{name}", theirs[found]):
                status, said = "differs", _choice(theirs[found])
            must = found in self._theirs.required and always and name not in always
            if must and self._ours.needed:
                status, said, essential = "differs", f"{found}, required", True
            ours = _shown(wire, self._words.get(f"?{name}", ()))
            evidence = self._ours.evidence
            yield Finding("query", name, status, ours, said, evidence, essential, remedy)
        for name in sorted(self._theirs.required - seen):
            remedy = (
                "The contract= argument cannot add it: no release of this library sends it yet."
            )
            yield self._unsent("query", name, remedy)

    def _body(self) -> Iterator[Finding]:
        sends = self._ours.sends
        theirs = self._theirs
        if not sends and theirs.body is None:
            return
        if theirs.media and ("json" in theirs.media or theirs.media == "*/*") is self._form:
            ours = "application/x-www-form-urlencoded" if self._form else "application/json"
            yield Finding(
                "body", "media type", "differs", ours, theirs.media, self._ours.evidence,
                self._ours.needed, "It cannot be corrected: this library sends no other kind.",
            )  # fmt: skip
            return
        places: dict[str, Place] = {}
        yield from self._properties("sends", sends, theirs.body, places)
        if theirs.body is not None:
            known = {place.theirs for place in places.values() if place.schema is not None}
            yield from self._unsent_members(theirs.body, "", known)

    def _unsent_members(self, schema: Schema, path: str, known: set[str]) -> Iterator[Finding]:
        """What the file requires of an object that we send, and we do not."""
        inner = schema.inner()
        path += "[]" if inner is not schema and path else ""
        for name in inner.names:
            below = f"{path}.{name}" if path else name
            member = inner.member(name)
            if below in known:
                yield from self._unsent_members(member, below, known)
            elif name in inner.required and not member.read_only:
                remedy = self._by_function("sends")
                yield self._unsent("sends", below, remedy, f"{below}: {member}")

    def _by_function(self, group: str) -> str:
        function = self._functions.get(f"{group}:{self._ours.name}")
        return f"Correct it with {function}." if function else _NO_FUNCTION

    def _properties(
        self,
        group: str,
        properties: Sequence[Property],
        schema: Schema | None,
        places: dict[str, Place] | None = None,
    ) -> Iterator[Finding]:
        places = {} if places is None else places
        known = {item.path for item in properties}
        for item in properties:
            place = places[item.path] = locate(schema, self._wire(item.path))
            yield self._finding(group, item, place, _parent(item.path, known, places), schema)

    def _finding(
        self, group: str, item: Property, place: Place, parent: str, schema: Schema | None
    ) -> Finding:
        essential = self._ours.needed and f"{group}:{item.path}" in self._essential
        ours = last(self._wire(item.path))
        status: Status = place.status
        theirs, remedy = place.theirs, ""
        if place.schema is not None:
            wanted = self._kinds.get(item.path) or self._implied(item.path)
            self._names.setdefault(item.path, []).append((place.last, place.exact))
            if place.status == "differs":
                remedy = self._correction({"rename": {item.path: place.last}})
            elif wanted and place.schema.kinds and not wanted & place.schema.kinds:
                status, theirs = "differs", f"{place.theirs}: {place.schema}"
                ours = f"{ours}: {'|'.join(sorted(wanted))}"
                remedy = self._by_function(group)
            elif self._words_unknown(item.path, place.schema):
                status, theirs = "differs", f"{place.theirs}: {_choice(place.schema)}"
                ours = _shown(ours, self._words[item.path])
                remedy = self._by_function(group)
        elif status == "missing" and not parent and schema is not None:
            found = elsewhere(schema, last(item.path))
            theirs = f"elsewhere: {found}" if found else place.theirs
            remedy = self._by_function(group)
            if not found and place.last:
                name = self._correction({"rename": {item.path: "..."}})
                remedy = f"If it is one of these: {name}. Else: {remedy}"
        under = f"{group} {parent}" if parent and place.schema is None else ""
        return Finding(
            group, item.path, status, ours, theirs, item.evidence, essential, remedy, under
        )

    def _implied(self, path: str) -> frozenset[str]:
        """The type a property must have for those below it to be where the contract has them."""
        for item in (*self._ours.sends, *self._ours.reads):
            if item.path.startswith(f"{path}[]"):
                return frozenset({"array"})
            if item.path.startswith(f"{path}."):
                return frozenset({"object"})
        return frozenset()

    def _words_unknown(self, path: str, schema: Schema) -> bool:
        words, listed = self._words.get(path, ()), set(schema.inner().words)
        return bool(listed and words) and not set(words) <= listed

    def _wire(self, path: str) -> str:
        """A property's path as the patched contract has it on the wire."""
        tree_: Mapping[str, Any] = self._ours._rename
        parts: list[str] = []
        for part in path.split("."):
            name, brackets, _ = part.partition("[")
            wire, tree_ = tree_.get(name, (name, {}))
            parts.append(wire + ("[]" if brackets else ""))
        return ".".join(parts)


def _parent(path: str, known: set[str], places: Mapping[str, Place]) -> str:
    """The nearest property above that was not found, which this one's absence follows from."""
    found = ""
    above = path
    while "." in above:
        above = above.rpartition(".")[0]
        name = above.removesuffix("[]")
        if name in known and name in places and places[name].schema is None:
            found = name
    return found


def _choice(schema: Schema) -> str:
    return "one of " + ", ".join(schema.inner().words[:12])


def _shown(name: str, words: Sequence[str]) -> str:
    return f"{name}: {', '.join(words)}" if words else name
