"""Comparing a contract with a vendor's OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve

from _client_kit._contract import Contract, Operation, Property
from _client_kit._errors import ConfigurationError
from _contract_check.expectations import Expectations
from _contract_check.findings import Comparison, Finding, OperationFinding, Status
from _contract_check.matching import (
    Match,
    Place,
    described,
    folded,
    last,
    locate,
    look_alikes,
    match_all,
    split_path,
    split_prefix,
)
from _contract_check.openapi_file import VendorFile, VendorOperation
from _contract_check.openapi_schema import Schema
from _contract_check.starter import starter

__all__ = ["compare"]

_NO_FUNCTION = "The call for a token cannot be corrected from outside: please report it."


def compare(
    contract: Contract,
    file: VendorFile,
    expected: Expectations,
    *,
    yours: Collection[str] = (),
) -> Comparison:
    """Return every operation and property of the contract, and what the file says of it.

    Args:
        contract: The contract, with the user's patch applied.
        file: The vendor's file.
        expected: What an export needs.
        yours: The operations for which the user has a function of their own.

    Raises:
        ConfigurationError: An operation in ``yours`` does not exist.
    """
    known = [name for name in contract.operations if name != expected.login]
    for name in yours:
        if name not in known and name not in expected.replaced:
            names = ", ".join([*known, *expected.replaced])
            message = f"no operation with a function is called so; those that may have one: {names}"
            raise ConfigurationError(message, service=contract.service)
    needless = {entry for name in yours for entry in expected.replaced.get(name, ())}
    ours = list(contract.operations.values())
    matches = match_all(ours, file.operations)
    prefixes = _described_prefixes(ours, file.operations, matches)
    found: list[OperationFinding] = []
    patch: dict[str, Any] = {}
    for operation in sorted(ours, key=lambda item: not item.needed):
        name, match = operation.name, matches.get(operation.name)
        if name in yours or name in needless:
            call = f"{operation.method} {operation.path}"
            found.append(OperationFinding(name, operation.needed, "yours", call))
        elif match is None:
            missing = split_prefix(operation.path)[0] in prefixes
            found.append(_absent(operation, file.operations, matches, expected, missing=missing))
        else:
            pair = _Pair(operation, match, expected, needless)
            found.append(pair.result())
            if changes := pair.patch():
                patch[name] = changes
    return Comparison(
        contract.service, file.title, file.version, tuple(found), _loadable(contract, patch)
    )


def _described_prefixes(
    ours: Sequence[Operation], theirs: Sequence[VendorOperation], matches: Mapping[str, Match]
) -> set[str]:
    """Return the prefixes of our paths whose operations the file is about."""
    known = {split_prefix(item.path)[0] for item in ours if item.name in matches}
    for operation in ours:
        prefix = split_prefix(operation.path)[0]
        start = folded(prefix)
        if any(folded(item.path)[: len(start)] == start for item in theirs):
            known.add(prefix)
    return known - {""}


def _absent(
    operation: Operation,
    theirs: Sequence[VendorOperation],
    matches: Mapping[str, Match],
    expected: Expectations,
    *,
    missing: bool,
) -> OperationFinding:
    """Return what is said of an operation that the file does not have."""
    others = {id(match.theirs) for match in matches.values()}
    remedy = _by_function(operation, expected)
    methods = tuple(
        Finding(
            "method", operation.method, "differs", operation.method, item.method,
            operation.evidence, operation.needed, remedy,
        )
        for item in theirs
        if folded(item.path) == folded(operation.path) and id(item) not in others
    )  # fmt: skip
    likely = look_alikes(operation, theirs, matches) if operation.needed else []
    draft = likely and operation.name != expected.login
    return OperationFinding(
        operation.name,
        operation.needed,
        "missing" if missing else "not described",
        f"{operation.method} {operation.path}",
        evidence=operation.evidence,
        findings=methods,
        look_alikes=tuple(described(item, expected.unwrap) for item in likely),
        function=expected.function_for(operation.name),
        starter=starter(operation, likely[0], expected) if draft else (),
    )


def _by_function(operation: Operation, expected: Expectations) -> str:
    if operation.name == expected.login:
        return _NO_FUNCTION
    name = expected.function_for(operation.name)
    return f'Correct it with {expected.client}(operations={{"{name}": ...}}).'


def _loadable(contract: Contract, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a patch that the contract takes."""
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

    def __init__(
        self, ours: Operation, match: Match, expected: Expectations, needless: Collection[str]
    ) -> None:
        self._ours = ours
        self._theirs = match.theirs
        self._match = match
        self._expected = expected
        self._kinds = {
            **expected.sent.get(ours.name, {}),
            **expected.kinds.get(ours.name, {}),
        }
        self._words = expected.words.get(ours.name, {})
        self._essential = {
            name
            for name in expected.essential.get(ours.name, ())
            if ours.needed and f"{ours.name} {name}" not in needless
        }
        answer = match.theirs.answer
        self._answer = None if answer is None else expected.unwrap(ours.name, answer)
        self._names: dict[str, list[tuple[str, bool]]] = {}
        self._queries: dict[str, str] = {}

    def result(self) -> OperationFinding:
        """Return everything found about the operation."""
        ours, theirs = self._ours, self._theirs
        findings = [*self._path(), *self._query(), *self._body()]
        findings += self._properties("reads", ours.reads, self._answer)
        findings = [self._both_ways(item) for item in findings]
        differs = any(item.status in ("differs", "missing") for item in findings)
        by_function = _by_function(ours, self._expected)
        structure = any(item.contradicts and by_function in item.remedy for item in findings)
        draft = structure and ours.name != self._expected.login
        return OperationFinding(
            ours.name,
            ours.needed,
            "differs" if differs else "confirmed",
            f"{ours.method} {ours.path}",
            f"{theirs.method} {theirs.path}",
            ours.evidence,
            tuple(findings),
            described(theirs, self._expected.unwrap) if structure else None,
            function=self._expected.function_for(ours.name),
            starter=starter(ours, theirs, self._expected) if draft else (),
        )

    def _both_ways(self, item: Finding) -> Finding:
        """A rename changes what is sent and what is read, so it corrects only what agrees."""
        names = {name for name, _ in self._names.get(item.name, [])}
        if item.place in ("sends", "reads") and item.remedy and len(names) > 1:
            text = f"It is sent and read under different names: {' and '.join(sorted(names))}. "
            return evolve(item, remedy=text + _by_function(self._ours, self._expected))
        return item

    def patch(self) -> dict[str, Any]:
        """Return the corrections that are sure."""
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
        """Return True if one name does for all: a property may be both sent and read."""
        sides = sum(item.path == path for item in (*self._ours.sends, *self._ours.reads))
        names = self._names.get(path, [])
        return len(names) == sides and len(set(names)) == 1 and names[0][1]

    def _path(self) -> Iterator[Finding]:
        ours = self._ours
        if split_path(self._theirs.path) != split_path(ours.path):
            path = self._match.path
            remedy = self._correction({"path": path}) if path else self._function()
            yield Finding(
                "path", ours.path, "differs", ours.path, self._theirs.path,
                ours.evidence, ours.needed, remedy,
            )  # fmt: skip
        for name in self._theirs.headers:
            yield self._unsent("header", name)

    def _function(self) -> str:
        return _by_function(self._ours, self._expected)

    def _unsent(self, place: str, name: str, what: str = "") -> Finding:
        """Return a finding for what the file requires and the library does not send."""
        theirs, needed = f"{what or name}, required", self._ours.needed
        return Finding(
            place, name, "differs", theirs=theirs, essential=needed, remedy=self._function()
        )

    def _correction(self, changes: Mapping[str, Any]) -> str:
        return f"contract={json.dumps({self._ours.name: changes}, ensure_ascii=False)}"

    def _query(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs.query
        always = {name for name in ours.query if f"?{name}" in self._essential}
        seen: set[str] = set()
        for name, wire in ours.query.items():
            near = [item for item in theirs if item.casefold() == wire.casefold()]
            near = [wire] if wire in theirs else near
            seen.update(near)
            found = near[0] if len(near) == 1 else ""
            status: Status = "confirmed"
            essential, remedy, said = name in always, "", found
            if not found:
                status, said, remedy = "missing", ", ".join(sorted(theirs)[:12]), self._function()
            elif found != wire and not self._expected.any_case:
                status, remedy = "differs", self._correction({"query": {name: found}})
                self._queries[name] = found
            elif self._words_unknown(f"?{name}", theirs[found]):
                status, said, remedy = "differs", _choice(theirs[found]), self._function()
            if found in self._theirs.required and always and not essential and ours.needed:
                status, said, essential = "differs", f"{found}, required", True
                remedy = self._function()
            shown = _shown(wire, self._words.get(f"?{name}", ()))
            yield Finding("query", name, status, shown, said, ours.evidence, essential, remedy)
        for name in sorted(self._theirs.required - seen):
            yield self._unsent("query", name)

    def _body(self) -> Iterator[Finding]:
        sends, theirs = self._ours.sends, self._theirs
        if not sends and theirs.body is None:
            return
        form = self._expected.form and self._ours.name == self._expected.login
        if theirs.media and ("json" in theirs.media or theirs.media == "*/*") is form:
            ours = "application/x-www-form-urlencoded" if form else "application/json"
            yield Finding(
                "body", "media type", "differs", ours, theirs.media, self._ours.evidence,
                self._ours.needed, self._function(),
            )  # fmt: skip
            return
        places: dict[str, Place] = {}
        yield from self._properties("sends", sends, theirs.body, places)
        if theirs.body is not None:
            known = {place.theirs for place in places.values() if place.schema is not None}
            yield from self._unsent_members(theirs.body, "", known)

    def _unsent_members(self, schema: Schema, path: str, known: set[str]) -> Iterator[Finding]:
        """Yield what the file requires in an object that the library sends without it."""
        inner = schema.inner()
        path += "[]" if inner is not schema and path else ""
        for name in inner.names:
            below = f"{path}.{name}" if path else name
            member = inner.member(name)
            if below in known:
                yield from self._unsent_members(member, below, known)
            elif name in inner.required and not member.read_only:
                yield self._unsent("sends", below, f"{below}: {member}")

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
            yield self._finding(group, item, place, _parent(item.path, known, places))

    def _finding(self, group: str, item: Property, place: Place, parent: str) -> Finding:
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
                ours, remedy = f"{ours}: {'|'.join(sorted(wanted))}", self._function()
            elif self._words_unknown(item.path, place.schema):
                status, theirs = "differs", f"{place.theirs}: {_choice(place.schema)}"
                ours, remedy = _shown(ours, self._words[item.path]), self._function()
        elif status == "missing" and not parent:
            remedy = self._function()
            if place.last:
                name = self._correction({"rename": {item.path: "..."}})
                remedy = f"If it is one of these: {name}. Else: {remedy}"
        return Finding(
            group,
            item.path,
            status,
            ours,
            theirs,
            item.evidence,
            f"{group}:{item.path}" in self._essential,
            remedy,
            f"{group} {parent}" if parent and place.schema is None else "",
        )

    def _implied(self, path: str) -> frozenset[str]:
        """Return the type that the contract's properties below a property ask for."""
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
        """Return a property's path as the patched contract has it, without the envelope."""
        below: Mapping[str, Any] = self._ours._rename
        parts: list[str] = []
        for part in path.split("."):
            name, brackets, _ = part.partition("[")
            wire, below = below.get(name, (name, {}))
            parts.append(wire + ("[]" if brackets else ""))
        enveloped = self._expected.envelope and path.startswith(f"{self._expected.envelope}.")
        return ".".join(parts[1:] if enveloped else parts)


def _parent(path: str, known: set[str], places: Mapping[str, Place]) -> str:
    """Return the nearest property above that was not found, which explains this one's absence."""
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
