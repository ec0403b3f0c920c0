"""What comparing a contract with a vendor's file found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import asdict, field, frozen

__all__ = ["Comparison", "Finding", "LookAlike", "OperationFinding", "Status"]

Status = Literal["confirmed", "differs", "missing", "not described", "yours"]


@frozen
class Finding:
    """One wire fact compared with the file.

    Attributes:
        place: ``path``, ``method``, ``query``, ``sends``, ``reads``, ``body`` or ``header``.
        name: The fact's name in the contract's words.
        ours: What the contract says.
        theirs: What the file says.
        evidence: How well the contract's fact is known.
        essential: Whether an export depends on it.
        remedy: What corrects it.
        under: The finding that this one is only a consequence of.
    """

    place: str
    name: str
    status: Status
    ours: str = ""
    theirs: str = ""
    evidence: str = ""
    essential: bool = False
    remedy: str = ""
    under: str = ""

    @property
    def contradicts(self) -> bool:
        """Whether an export cannot work as long as this is so."""
        return self.essential and self.status in ("differs", "missing")


@frozen
class LookAlike:
    """An operation of the file that may be the one that is missing.

    Attributes:
        call: Its method and path.
        name: Its ``operationId``.
        asks: The query parameters and headers it requires, each with its type.
        body: Its body written out.
        answer: Its answer written out.
    """

    call: str
    name: str
    asks: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()


@frozen
class OperationFinding:
    """One operation compared with the file.

    Attributes:
        ours: Method and path of the contract.
        theirs: Method and path of the file; empty where there is none.
        described: The operation as the file describes it, where a person must look.
        look_alikes: Where the file does not have the operation: what looks like it.
        function: The name under which ``operations=`` takes a function for it.
        starter: Such a function, with the file's names.
    """

    name: str
    needed: bool
    status: Status
    ours: str
    theirs: str = ""
    evidence: str = ""
    findings: tuple[Finding, ...] = ()
    described: LookAlike | None = None
    look_alikes: tuple[LookAlike, ...] = ()
    function: str = ""
    starter: tuple[str, ...] = ()

    @property
    def contradicted(self) -> bool:
        """Whether an export needs this, and the file has it otherwise."""
        return self.needed and (
            self.status == "missing" or any(item.contradicts for item in self.findings)
        )


@frozen
class Comparison:
    """A contract compared with a vendor's file.

    Attributes:
        operations: Every operation of the contract, those an export needs first.
        patch: A ``contract=`` patch for what differs in letter case or path prefix only.
    """

    service: str
    title: str
    version: str
    operations: tuple[OperationFinding, ...]
    patch: Mapping[str, Any] = field(factory=dict[str, Any])

    @property
    def contradicted(self) -> bool:
        """Whether the file contradicts something an export needs."""
        return any(item.contradicted for item in self.operations)

    def __getitem__(self, name: str) -> OperationFinding:
        return next(item for item in self.operations if item.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        operations = [
            {**asdict(item), "contradicted": item.contradicted} for item in self.operations
        ]
        return {**asdict(self), "contradicted": self.contradicted, "operations": operations}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"The {self.service} contract against {self.title!r} (OpenAPI {self.version})"
        for needed, heading in ((True, "Needed by an export"), (False, "The rest")):
            some = [item for item in self.operations if item.needed is needed]
            if some:
                yield from ("", heading)
            for item in some:
                yield from _operation_lines(item, self.patch.get(item.name, {}))
        yield ""
        if all(item.status in ("not described", "yours") for item in self.operations):
            yield "The file describes none of these operations: is it the file of this service?"
        elif self.contradicted:
            yield "The file contradicts something an export needs."
        else:
            yield "The file contradicts nothing an export needs."


def _operation_lines(item: OperationFinding, patch: Mapping[str, Any]) -> Iterator[str]:
    if item.status == "yours":
        yield f"  {item.name}: yours, not compared"
        return
    counted = [found for found in item.findings if found.place in ("query", "sends", "reads")]
    right = sum(found.status == "confirmed" for found in counted)
    known = f", {right} of {len(counted)} properties" if counted and item.theirs else ""
    yield f"  {item.name}: {item.status}{known}  [{item.ours}, {item.evidence}]"
    followed = [found.under for found in item.findings if found.under]
    for found in item.findings:
        if not found.contradicts or found.under:
            continue
        more = followed.count(f"{found.place} {found.name}")
        below = f" (and {more} below it)" if more else ""
        yield f"    ! {found.place} {found.name}: {found.status}{below}"
        yield f"        ours: {found.ours or 'not sent'}"
        yield f"        file: {found.theirs or 'nothing like it'}"
        if found.remedy and not _is_in(found, patch):
            yield f"        {found.remedy}"
    for status, says in (("differs", "has them otherwise"), ("missing", "does not have them")):
        names = [
            f"{found.place} {found.name}" + (f" ({found.theirs})" if status == "differs" else "")
            for found in item.findings
            if found.status == status and not found.contradicts and not found.under
        ]
        if names:
            yield f"    - no export needs these, and the file {says}: {', '.join(names)}"
    if patch:
        yield "    --suggest prints the correction of what differs in letter case or path prefix"
    if item.described is not None:
        yield from _call_lines("as the file writes it", item.described)
    for like in item.look_alikes:
        yield from _call_lines("looks like it", like)
    if item.starter:
        yield f'    a function to start from, for operations={{"{item.function}": ...}}:'
        yield from (f"        {line}".rstrip() for line in item.starter)


def _call_lines(heading: str, like: LookAlike) -> Iterator[str]:
    yield f"    {heading}: {like.call}" + (f" ({like.name})" if like.name else "")
    for name, lines in (("asks for", like.asks), ("body", like.body), ("answer", like.answer)):
        if lines:
            yield f"      {name}:"
            yield from (f"        {line}" for line in lines)


def _is_in(found: Finding, patch: Mapping[str, Any]) -> bool:
    """Return True if the suggested patch holds the correction already."""
    if found.place == "path":
        return "path" in patch
    names: Mapping[str, str] = patch.get("query" if found.place == "query" else "rename", {})
    return found.name in names
