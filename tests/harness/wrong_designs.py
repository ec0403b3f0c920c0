"""Ways to export that look right and are not, for the harness to find.

Each uses the real clients and remembers in a JSON file that is replaced atomically, so that what
is wrong is the order of things alone, or one rule. `Careful` is the control of the others: it
keeps the rules that each of its descendants leaves out, and nothing may be found in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from _client_kit._errors import ServiceError
from banqup_client import BanqupClient, Document
from bridge import Row
from zenvoices_client import Attachment, InboxUpload, ZenvoicesClient

__all__ = ["DESIGNS", "Careful"]


class _Exporter:
    """What they share: the clients, and a list of done documents that is replaced as a whole."""

    def __init__(
        self,
        banqup: BanqupClient,
        zenvoices: ZenvoicesClient,
        space: str,
        memory: Path,
        step: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._space = space
        self._memory = memory
        self._step = step
        self._clock = clock
        kept = json.loads(memory.read_text()) if memory.exists() else []
        self._done: set[str] = set(kept) if isinstance(kept, list) else set()

    def _mark(self, *documents: str) -> None:
        self._done.update(documents)
        self._keep(sorted(self._done))

    def _keep(self, value: object) -> None:
        """Replace what is remembered, durably and as a whole."""
        self._step()
        draft = self._memory.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._memory)
        self._step()

    def activate(self) -> str:
        """Remember everything that is there and approved."""
        self._mark(*(document.id or "" for document in self._approved()))
        return "active"

    def export(self) -> str:
        """Move everything that is new."""
        company = self._zenvoices.companies.resolve("0042").id or 0
        for document in self._approved():
            if document.id not in self._done:
                self._export(document, company)
        return "done"

    def _approved(self) -> list[Document]:
        listed = self._banqup.documents.list(self._space, folder="PURCHASES")
        return [document for document in listed if document.status.document == "FULLY_APPROVED"]

    def _export(self, document: Document, company: int) -> None:
        raise NotImplementedError

    def _file(self, document: Document) -> Attachment:
        content = BytesIO()
        self._banqup.files.download(self._space, document.files[0].id or "", content)
        content.seek(0)
        return Attachment("invoice.xml", content, "application/xml")

    def _post(self, document: Document, company: int) -> None:
        self._zenvoices.inbox.upload(
            InboxUpload(attachments=(self._file(document),)),
            company_id=company,
            external_id=document.id,
        )


class MarkThenPost(_Exporter):
    """Remembers a document as done, then sends it: a crash between the two loses it."""

    def _export(self, document: Document, company: int) -> None:
        self._mark(document.id or "")
        try:
            self._post(document, company)
        except ServiceError:
            return


class PostThenMark(_Exporter):
    """Sends a document, then remembers it: a crash between the two sends it twice."""

    def _export(self, document: Document, company: int) -> None:
        try:
            self._post(document, company)
        except ServiceError:
            return
        self._mark(document.id or "")


class StopAtFirstError(_Exporter):
    """Remembers what was sent so far, oldest first, and stops at the first that fails.

    The one that fails is first again the next time: what came after it never arrives.
    """

    def _approved(self) -> list[Document]:
        return sorted(super()._approved(), key=lambda document: str(document.created_at))

    def _export(self, document: Document, company: int) -> None:
        if self._stopped:
            return
        try:
            self._post(document, company)
        except ServiceError:
            self._stopped = True
            return
        self._mark(document.id or "")

    _stopped = False


Record = dict[str, Any]


class Careful(_Exporter):
    """Intent, upload, record; look-ups with a control; charges; suspects last.

    The rules of the bridge in their smallest form: one company, purchases only, one at a time.
    """

    _charges = 5
    _suspects = 5
    _apart = 600.0
    _a_day = 86_400.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._records: dict[str, Record] = {}
        self._since = 0.0
        self._delivered = 0
        if self._memory.exists():
            kept = json.loads(self._memory.read_text())
            self._records, self._since = kept["records"], kept["since"]
            self._delivered = kept["delivered"]

    def _save(self) -> None:
        self._keep({"records": self._records, "since": self._since, "delivered": self._delivered})

    def rows(self) -> list[Row]:
        """What it says of each document, as the oracle reads it."""
        return [Row(name, record["state"], record["due"], "") for name, record in
                sorted(self._records.items())]  # fmt: skip

    def activate(self) -> str:
        """Remember everything that is there; what is approved is old."""
        self._since = self._clock()
        approved = {document.id for document in self._approved()}
        for document in self._listed():
            self._records[document.id or ""] = {
                **_new(), "state": "baseline" if document.id in approved else "waiting"
            }  # fmt: skip
        self._save()
        return "active"

    def export(self) -> str:
        """Decide what is in doubt, then move what is new, then charge."""
        company = self._zenvoices.companies.resolve("0042").id or 0
        for name, record in self._records.items():
            if record["state"] == "sending":
                with suppress(ServiceError):  # a look-up that is refused decides nothing
                    self._recover(name, record, company)
        held: list[Record] = []
        fresh, suspects = self._due()
        self._passed, self._doubts, self._refusals = False, 0, 0
        for document in [*fresh, *suspects[: self._suspects]]:
            record = self._records[document.id or ""]
            refused = self._send(document, record, company)
            if refused:
                held.append(record)
            unpassed = len(held) >= 3 and not self._passed
            if unpassed or self._doubts >= 3 or self._refusals >= 5 or self._stops(refused):
                break
        if self._may_charge():
            for record in held:
                self._charge(record)
        self._save()
        return "done"

    def _listed(self) -> list[Document]:
        return list(self._banqup.documents.list(self._space, folder="PURCHASES"))

    def _due(self) -> tuple[list[Document], list[Document]]:
        """What is to be sent, oldest first: fresh documents, and those that failed before."""
        fresh: list[Document] = []
        suspects: list[Document] = []
        for document in sorted(self._approved(), key=lambda document: str(document.created_at)):
            record = self._records.setdefault(document.id or "", _new())
            if record["state"] == "waiting" and record["fresh"] and self._historic(document):
                record["state"] = "skipped"
            if record["state"] == "waiting" and record["due"] <= self._clock():
                (fresh if record["fresh"] else suspects).append(document)
        return fresh, suspects

    def _historic(self, document: Document) -> bool:
        """Whether a document was there before activation, and was not listed then."""
        created = document.created_at
        return created is not None and created.timestamp() < self._since - self._a_day

    def _send(self, document: Document, record: Record, company: int) -> bool:
        """Send one document; whether a gateway refused a call for it."""
        try:
            attachment = self._file(document)
        except ServiceError as error:
            return self._refused(record, error)
        record["state"], record["asked"] = "sending", None
        self._save()
        try:
            self._upload(attachment, document, company)
        except ServiceError as error:
            if error.applied is None:
                record["fresh"], record["seen"] = False, True
                self._doubts += 1
                self._save()
                return False
            return self._refused(record, error)
        self._passed, self._doubts, self._refusals = True, 0, -len(self._records)
        record["state"] = "delivered"
        self._delivered += 1
        self._save()
        return False

    def _upload(self, attachment: Attachment, document: Document, company: int) -> None:
        self._zenvoices.inbox.upload(
            InboxUpload(attachments=(attachment,)), company_id=company, external_id=document.id
        )

    def _refused(self, record: Record, error: ServiceError) -> bool:
        record["state"] = "waiting"
        record["fresh"] = False
        if record["first"] is None:
            record["first"] = self._delivered
        if error.own and error.status not in (401, 403, 429):
            self._passed = True
            self._refusals += 1
            self._charge(record)
            return False
        return True

    def _charge(self, record: Record) -> None:
        if record["first"] is None:
            record["first"] = self._delivered
        record["charges"] += 1
        record["due"] = self._clock() + 3_600.0
        if record["charges"] >= self._charges and self._may_give_up(record):
            record["state"], record["due"] = "failed", None

    def _may_charge(self) -> bool:
        """Whether what was held in this run is charged."""
        return self._passed

    def _may_give_up(self, record: Record) -> bool:
        """Whether something else was delivered since the first refusal of a document."""
        return bool(self._delivered > record["first"])

    def _stops(self, refused: bool) -> bool:
        return False

    def _recover(self, name: str, record: Record, company: int) -> None:
        answer = self._look_up(name, company)
        if answer == "found":
            record["state"] = "delivered"
            self._delivered += 1
        elif answer != "not found" or not self._controlled(company):
            return
        elif record["asked"] is None:
            record["asked"] = self._clock()
        elif self._clock() >= record["asked"] + self._apart:
            record["state"] = "waiting"
            if record["seen"]:  # else this process died, and nobody knows why
                self._charge(record)
        self._save()

    def _look_up(self, name: str, company: int) -> str:
        return self._zenvoices.inbox.find(external_id=name, company_id=company).outcome

    def _controlled(self, company: int) -> bool:
        """Whether a look-up finds what is known to be there."""
        there = [name for name, record in self._records.items() if record["state"] == "delivered"]
        return bool(there) and self._look_up(there[-1], company) == "found"


def _new() -> Record:
    """A document of which nothing is known.

    ``asked``: when it was not found for the first time. ``seen``: its upload was seen to end in
    doubt. ``first``: how many had been delivered when it was refused for the first time.
    """
    return {
        "state": "waiting", "due": 0.0, "charges": 0, "fresh": True, "asked": None, "seen": False,
        "first": None,
    }  # fmt: skip


class NeverCharges(Careful):
    """Takes a document back uncharged when its upload was in doubt: poison goes on for ever."""

    def _recover(self, name: str, record: Record, company: int) -> None:
        record["seen"] = False
        super()._recover(name, record, company)


class ChargesTheHeld(Careful):
    """Charges what a gateway refused in runs in which nothing passed, and gives it up."""

    def _may_charge(self) -> bool:
        return True

    def _may_give_up(self, record: Record) -> bool:
        return True


class GivesUpAtAWeekend(Careful):
    """Gives a document up after five refusals, though nothing else was delivered meanwhile."""

    def _may_give_up(self, record: Record) -> bool:
        return True


class SendsHistory(Careful):
    """Takes every document that activation did not list for a new one."""

    def _historic(self, document: Document) -> bool:
        return False


class BelievesNotFound(Careful):
    """Believes a look-up that finds nothing, at once and without a control."""

    _apart = 0.0

    def _recover(self, name: str, record: Record, company: int) -> None:
        record["asked"] = record["asked"] or self._clock()
        super()._recover(name, record, company)

    def _controlled(self, company: int) -> bool:
        return True


class StopsAtARefusal(Careful):
    """Ends a run at the first document that a gateway refuses, and begins with it the next."""

    def _due(self) -> tuple[list[Document], list[Document]]:
        fresh, suspects = super()._due()
        return [*suspects, *fresh], []

    def _stops(self, refused: bool) -> bool:
        return refused


class SendsAgainAtOnce(Careful):
    """Sends a document again in the same run when its upload ended in doubt."""

    def _upload(self, attachment: Attachment, document: Document, company: int) -> None:
        try:
            super()._upload(attachment, document, company)
        except ServiceError as error:
            if error.applied is None:
                super()._upload(attachment, document, company)
            else:
                raise


DESIGNS: Mapping[str, type[_Exporter]] = {
    "mark then post": MarkThenPost,
    "post then mark": PostThenMark,
    "stop at the first error": StopAtFirstError,
    "careful": Careful,
    "never charges": NeverCharges,
    "charges the held": ChargesTheHeld,
    "gives up at a weekend": GivesUpAtAWeekend,
    "sends history": SendsHistory,
    "believes not found": BelievesNotFound,
    "stops at a refusal": StopsAtARefusal,
    "sends again at once": SendsAgainAtOnce,
}
