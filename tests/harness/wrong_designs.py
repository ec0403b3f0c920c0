"""Three ways to export that look right and are not, for the harness to find.

Each uses the real clients and remembers in a JSON file that is replaced atomically, so that what
is wrong is the order of things alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from _client_kit._errors import ServiceError
from banqup_client import BanqupClient, Document
from zenvoices_client import Attachment, InboxUpload, ZenvoicesClient

__all__ = ["DESIGNS"]


class _Exporter:
    """What the three share: a list of done documents, read and written as a whole."""

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
        self._done: set[str] = set(json.loads(memory.read_text())) if memory.exists() else set()

    def _mark(self, *documents: str) -> None:
        self._step()
        self._done.update(documents)
        draft = self._memory.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(sorted(self._done), file)
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

    def _post(self, document: Document, company: int) -> None:
        content = BytesIO()
        self._banqup.files.download(self._space, document.files[0].id or "", content)
        content.seek(0)
        attachment = Attachment("invoice.xml", content, "application/xml")
        self._zenvoices.inbox.upload(
            InboxUpload(attachments=(attachment,)), company_id=company, external_id=document.id
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


DESIGNS: Mapping[str, type[_Exporter]] = {
    "mark then post": MarkThenPost,
    "post then mark": PostThenMark,
    "stop at the first error": StopAtFirstError,
}
