"""The result of comparing a contract with a vendor's file, as objects, text and plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import asdict, field, frozen


@frozen
class Finding:
    """One fact about the API, compared with the vendor's file.

    Attributes:
        place: ``path``, ``query``, ``sends`` (the request's body), ``reads`` (the answer), ``body``
            (the request's media type) or ``header``.
        name: Name of the fact in the contract; in the file, if the contract does not have the fact.
        status: ``confirmed``, ``differs``, ``missing`` or ``not described``.
        ours: The fact as the contract has it.
        theirs: The fact as the file has it; if it was not found, the names or type in its place.
        essential: Whether an export depends on the fact.
        remedy: How a user can correct the difference; empty if there is none.
    """

    place: str
    name: str
    status: str
    ours: str = ""
    theirs: str = ""
    essential: bool = False
    remedy: str = ""

    @property
    def contradicts(self) -> bool:
        """Whether the file contradicts a fact that an export needs."""
        return self.essential and self.status in ("differs", "missing")


@frozen
class OperationFinding:
    """One operation of the contract, compared with the vendor's file.

    Attributes:
        status: As in :class:`Finding`, or ``yours`` if a user's function replaces the operation.
        ours: Method and path in the contract.
        theirs: Method and path in the file; empty if the file has no such operation, or if the
            operation was not compared.
        evidence: How the contract's operation is known: published, observed or assumed.
        findings: The compared facts, without those below a property that is missing, not described
            or of a wrong type.
        calls: Operations of the file for a person to read, each as lines of text. The match is
            here if ``--suggest`` cannot correct every contradiction; if it is the match of an
            upload and takes no file, similar operations follow. If nothing matches, and an export
            needs the operation, only similar operations are here.
        function: The name under which ``operations=`` takes a function for the operation; empty for
            the login.
        starter: The lines of a first draft of this function, with the file's names.
    """

    name: str
    needed: bool
    status: str
    ours: str
    theirs: str = ""
    evidence: str = ""
    findings: tuple[Finding, ...] = ()
    calls: tuple[tuple[str, ...], ...] = ()
    function: str = ""
    starter: tuple[str, ...] = ()

    @property
    def contradicted(self) -> bool:
        """Whether an export needs the operation, and the file lacks or contradicts it."""
        return self.needed and (
            self.status == "missing" or any(item.contradicts for item in self.findings)
        )


@frozen
class Comparison:
    """A contract compared with a vendor's file.

    Attributes:
        operations: Every operation of the contract, those an export needs first.
        patch: A ``contract=`` patch for paths, and for names that differ in spelling only.
    """

    service: str
    title: str
    version: str
    operations: tuple[OperationFinding, ...]
    patch: Mapping[str, Any] = field(factory=dict[str, Any])

    @property
    def contradicted(self) -> bool:
        """Whether the file contradicts a fact that an export needs."""
        return any(item.contradicted for item in self.operations)

    @property
    def foreign(self) -> bool:
        """Whether every compared operation is ``not described``: is it another service's file?"""
        found = {item.status for item in self.operations} - {"yours"}
        return found == {"not described"}

    def __getitem__(self, name: str) -> OperationFinding:
        return next(item for item in self.operations if item.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as data that JSON can hold."""
        operations = [
            {**asdict(item), "contradicted": item.contradicted} for item in self.operations
        ]
        return {**asdict(self), "contradicted": self.contradicted, "operations": operations}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"The {self.service} contract against {self.title!r} (OpenAPI {self.version})"
        heading = ""
        for item in self.operations:
            if heading != (heading := "Needed by an export" if item.needed else "The rest"):
                yield from ("", heading)
            yield from _operation_lines(item)
        if self.patch:
            corrected = ", ".join(self.patch)
            yield from ("", f"--suggest prints a patch for letters and path prefixes: {corrected}")
        yield ""
        # Leave out calls of an address that the service gives, such as a signed URL: no file has
        # a path for them.
        unknown = [
            item.name
            for item in self.operations
            if item.needed and item.status == "not described" and " /" in item.ours
        ]
        if self.foreign:
            yield "The file describes none of these operations: is it the file of this service?"
            return
        found = "something" if self.contradicted else "nothing"
        rest = f"; it does not describe all of it: {', '.join(unknown)}" if unknown else ""
        yield f"The file contradicts {found} an export needs{rest}."


def _operation_lines(item: OperationFinding) -> Iterator[str]:
    if item.status == "yours":
        yield f"  {item.name}: yours, not compared"
        return
    right = sum(found.status == "confirmed" for found in item.findings)
    known = f", {right} of {len(item.findings)} facts" if item.findings else ""
    yield f"  {item.name}: {item.status}{known}  [{item.ours}, {item.evidence}]"
    for found in item.findings:
        if found.status in ("differs", "missing"):
            mark, note = ("!", "") if found.contradicts else ("-", ", which no export needs")
            ours, theirs = found.ours or "not sent", found.theirs or "nothing like it"
            said = f"{found.place} {found.name}: {found.status}{note}"
            yield f"    {mark} {said}; ours: {ours}; file: {theirs}"
            yield from (f"        {found.remedy}",) if found.contradicts else ()
    heading = "as the file writes it" if item.theirs else "looks like it"
    for first, *lines in item.calls:
        yield f"    {heading}: {first}"
        yield from (f"    {line}" for line in lines)
        heading = "looks like it"
    if item.starter:
        yield f'    a function to start from, for operations={{"{item.function}": ...}}:'
        yield from (f"        {line}".rstrip() for line in item.starter)
