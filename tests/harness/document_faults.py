"""Faults of single documents, and a log of every call that was made for a document.

A fault of `banqup.faults` hits the n-th call, whatever it is for. A fault of this module hits the
calls made for one document, each time: a firewall that dislikes one invoice, a service that drops
the connection whenever it sees one file. Documents are told apart by the bytes of their file, by
their own id and by their file's id; a look-up by the external id an earlier upload brought along.
"""

from __future__ import annotations

import binascii
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply, html_reply, json_reply
from bridge import Row
from harness.oracle import digest
from zenvoices_client._fake.service import enveloped

__all__ = [
    "ARRIVED",
    "CHARGED",
    "DOUBTFUL",
    "HELD",
    "LOOK_UP",
    "POISON",
    "UPLOAD",
    "Answered",
    "DocumentFault",
    "DocumentFaults",
    "floods",
]

Kind = Literal["doubt", "held", "charged"]
"""The outcome is unknown; a gateway or a missing right refused; the service itself refused."""
UPLOAD = "inbox.upload"
LOOK_UP = "inbox.details"
_OF_A_DOCUMENT = {
    UPLOAD, LOOK_UP, "documents.get", "files.details", "files.download",
}  # fmt: skip


@frozen
class DocumentFault:
    """What is answered instead of the real answer; the call is never applied.

    Attributes:
        kind: What it means for the document.
        reply: The answer; None for the service's own error body of `status`.
        status: Of the service's own refusal.
        pause: Seconds before it.
    """

    kind: Kind
    reply: Reply | None = field(default=None, repr=False)
    status: int = 0
    pause: float = 0.0


_DROP = Reply(0, delivery="reset")
POISON: Mapping[str, DocumentFault] = {
    "reset": DocumentFault("doubt", _DROP),
    "502": DocumentFault("doubt", html_reply("Bad gateway", 502), 502),
    "timeout": DocumentFault("doubt", _DROP, pause=45.0),
}
"""Uploads that always end in doubt and are never applied."""
HELD: Mapping[str, DocumentFault] = {
    str(status): DocumentFault("held", html_reply("Request blocked", status), status)
    for status in (403, 404, 405, 501)
} | {"own 403": DocumentFault("held", None, 403)}
"""Refusals of a firewall or a gateway, and of a right that is missing."""
CHARGED: Mapping[str, DocumentFault] = {
    "400": DocumentFault("charged", None, 400),
    "500": DocumentFault("charged", None, 500),
}
"""Refusals of the service itself, in its own error body."""

Shape = Callable[[dict[str, Any]], Reply]
ARRIVED: Mapping[str, Shape] = {
    "201 empty": lambda _: Reply(201),
    "envelope, result null": lambda _: json_reply(enveloped(None)),
    "bare number": lambda item: json_reply(item["id"]),
    "list of one": lambda item: json_reply([item]),
}
"""Ways to say that an upload was taken, each with another way to leave out the object."""
DOUBTFUL: Mapping[str, Shape] = {
    "200 empty": lambda _: Reply(200),
    "202 empty": lambda _: Reply(202),
    "204": lambda _: Reply(204),
    "0": lambda _: json_reply(0),
    "[]": lambda _: json_reply([]),
    "{}": lambda _: json_reply({}),
    "text": lambda _: json_reply("accepted"),
}
"""Successes that prove nothing: the upload may have been applied or not."""


@frozen
class Answered:
    """One call for a document, and how the service or a gateway answered.

    Attributes:
        run: Which run made it.
        operation: Which operation.
        document: For which document.
        success: Whether the service did what it was asked.
        fault: What kind of document fault hit it.
        status: The status that was answered, 0 for none.
        lost: Whether it was an upload that was applied, and its answer was lost or spoilt.
    """

    run: int
    operation: str
    document: str
    success: bool
    fault: Kind | None
    status: int
    lost: bool = False


@define(eq=False)
class DocumentFaults:
    """The faults of the documents of one space, and the log.

    Attributes:
        run: The number of the run that makes the calls now; whoever starts runs counts it up.
        log: Every call for a document, in order.
        shape: How the next upload is answered instead of with the inbox document.
        applied: Whether that upload is applied.
    """

    run: int = 0
    log: list[Answered] = field(factory=list[Answered])
    shape: Shape | None = None
    applied: bool = True
    _delivered: list[tuple[int, str]] = field(factory=list[tuple[int, str]])
    _contents: dict[str, str] = field(factory=dict[str, str])
    _names: dict[str, str] = field(factory=dict[str, str])
    _of_one: dict[tuple[str, str], DocumentFault] = field(
        factory=dict[tuple[str, str], DocumentFault]
    )
    _of_all: dict[str, DocumentFault] = field(factory=dict[str, DocumentFault])
    _lock: Any = field(factory=threading.Lock)

    # What a test does

    def watch(self, *services: FakeService) -> None:
        """Stand between these services and their callers."""
        for service in services:
            self._wrap(service)

    def know(self, document: str, content: bytes, file_ids: Sequence[str]) -> None:
        """Tell the document of these bytes and these files from all others."""
        self._contents[digest(content)] = document
        self._names.update(dict.fromkeys((document, *file_ids), document))

    def hit(self, document: str, operation: str, fault: DocumentFault) -> None:
        """Answer every call of this operation for this document with a fault."""
        self._of_one[document, operation] = fault

    def hit_all(self, operation: str, fault: DocumentFault | None) -> None:
        """Answer every call of this operation with a fault; None ends it."""
        if fault is None:
            self._of_all.pop(operation, None)
        else:
            self._of_all[operation] = fault

    def ended(self) -> None:
        """Nothing is wrong with all documents any more, only with those that are bad."""
        self._of_all.clear()
        self.shape = None

    @property
    def bad(self) -> set[str]:
        """The documents something is wrong with."""
        return {document for document, _ in self._of_one}

    @property
    def hopeless(self) -> set[str]:
        """Those of them that can never arrive: more than a look-up fails."""
        return {document for document, operation in self._of_one if operation != LOOK_UP}

    def hasty(self, rows: Sequence[Row]) -> list[str]:
        """Documents given up although nothing else was delivered since their first refusal.

        To be asked after each run: it remembers when a delivery was on record for the first time.
        """
        known = {name for _, name in self._delivered}
        self._delivered += [
            (len(self.log), row.id) for row in rows
            if row.state in ("delivered", "confirmed") and row.id not in known
        ]  # fmt: skip
        wrong: list[str] = []
        for name in [row.id for row in rows if row.state == "failed"]:
            refusals = [
                at for at, entry in enumerate(self.log) if entry.document == name
                and (entry.fault or not (entry.success or entry.operation == LOOK_UP))
            ]  # fmt: skip
            at_once = any(self.log[at].status == 413 for at in refusals)
            others = [at for at, document in self._delivered if document != name]
            others += [
                at for at, entry in enumerate(self.log)
                if entry.operation == UPLOAD and entry.document != name
                # Found by a look-up, it counts as a delivery: a document that was sent again had
                # been on record before.
                and (entry.success or entry.lost)
            ]  # fmt: skip
            if refusals and not at_once and max(others, default=-1) < refusals[0]:
                wrong.append(f"{name} has failed, and nothing else was delivered meanwhile")
        return wrong

    # Between a service and its callers

    def _wrap(self, service: FakeService) -> None:
        finish = service.finish

        def answered(call: Call) -> Reply:
            operation = call.operation
            if operation not in _OF_A_DOCUMENT:
                return finish(call)
            sent = _sent(call.body) if operation == UPLOAD else {}
            document = self._about(call, sent)
            fault = self._of_one.get((document or "", operation)) or self._of_all.get(operation)
            if fault is not None:
                reply = self._instead(service, call, self._refusal(service, fault))
            elif operation == UPLOAD and self.shape is not None and not self.applied:
                reply, self.shape = self._instead(service, call, self.shape({})), None
            else:
                reply = finish(call)
                if operation == UPLOAD and self.shape is not None and _taken(reply):
                    item = json.loads(bytes(reply.body))
                    reply = evolve(self.shape(item), headers=reply.headers)
                    self.shape = None
            if document is not None:
                kind = fault.kind if fault else None
                success = fault is None and _taken(reply)
                after = call.scripted.when == "after"
                lost = operation == UPLOAD and fault is None and after
                entry = Answered(self.run, operation, document, success, kind, reply.status, lost)
                with self._lock:
                    self.log.append(entry)
            return reply

        service.finish = answered  # type: ignore[method-assign]

    def _about(self, call: Call, sent: Mapping[str, Any]) -> str | None:
        if call.operation == LOOK_UP:
            return self._names.get(call.query.get("externalId", ""))
        if call.operation != UPLOAD:
            return next((self._names[arg] for arg in call.args[::-1] if arg in self._names), None)
        try:
            content = binascii.a2b_base64(sent["attachments"][0]["content"])
        except (LookupError, TypeError, ValueError):
            return None
        document = self._contents.get(digest(content))
        if document is not None and isinstance(sent.get("externalId"), str):
            self._names[sent["externalId"]] = document
        return document

    @staticmethod
    def _refusal(service: FakeService, fault: DocumentFault) -> Reply:
        if fault.reply is not None:
            return evolve(fault.reply, pause=fault.pause)
        return service._error(fault.status, "The document was refused.")

    @staticmethod
    def _instead(service: FakeService, call: Call, reply: Reply) -> Reply:
        if service.date_header:
            date = {"Date": formatdate(service.clock(), usegmt=True)}
            reply = evolve(reply, headers=reply.headers_and(date))
        service.note(call, reply.status or None)
        return reply


def _sent(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(bytes(body))
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _taken(reply: Reply) -> bool:
    """Whether the service did what it was asked, and its answer arrives."""
    return 200 <= reply.status < 300 and reply.delivery == "whole"


# What must hold of the calls of a run


def floods(log: Sequence[Answered]) -> list[str]:
    """Runs that went on against faults for longer than the rules allow, in words.

    - Never more than one upload a run of a document whose uploads always end in doubt.
    - Three uploads in a row in doubt end the run.
    - Three documents in a row refused by a gateway, before any call of that operation passed, end
      the run; ten after, and at most five more that were refused in earlier runs.
    - Five documents in a row that the service itself refuses, with nothing delivered, end the run.
    """
    wrong: list[str] = []
    for run in sorted({entry.run for entry in log}):
        calls = [entry for entry in log if entry.run == run]
        uploads = [entry for entry in calls if entry.operation == UPLOAD]
        poison = Counter(entry.document for entry in uploads if entry.fault == "doubt")
        wrong += [f"run {run}: {document} was uploaded {times} times"
                  for document, times in poison.items() if times > 1]  # fmt: skip
        if _longest(uploads, "doubt") > 3:
            wrong.append(f"run {run}: {_longest(uploads, 'doubt')} uploads in a row in doubt")
        refused = _longest(uploads, "charged")
        if refused > 5 and not any(entry.success for entry in uploads):
            wrong.append(f"run {run}: {refused} refused in a row and nothing delivered")
        for operation in sorted(_OF_A_DOCUMENT - {LOOK_UP}):
            of_it = [entry for entry in calls if entry.operation == operation]
            first = next((at for at, entry in enumerate(of_it) if entry.fault != "held"), None)
            before, all_ = _longest(of_it[:first], "held"), _longest(of_it, "held")
            if before > 3 or all_ > 15:
                wrong.append(f"run {run}: {operation} refused {before} times, then {all_} times")
    return wrong


def _longest(calls: Sequence[Answered], kind: Kind) -> int:
    """The most different documents in a row that a kind of fault hit."""
    longest, row = 0, set[str]()
    for entry in calls:
        row = row | {entry.document} if entry.fault == kind else set()
        longest = max(longest, len(row))
    return longest
