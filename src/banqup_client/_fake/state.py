"""What the fake Banqup holds: spaces, documents, files, and the URLs it has signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from attrs import define, field, frozen

Moment = datetime | float | str
"""A time: aware, in seconds since the epoch, or the very text to answer."""
FileStatus = Literal["AVAILABLE", "AWAITING_UPLOAD", "REJECTED"]
TokenStyle = Literal["expires_at", "expires_in", "jwt", "bare", "opaque"]
Order = Literal["shuffled", "newest_first", "oldest_first"]


@frozen
class FakeFile:
    """One file of a published document."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    status: FileStatus = "AVAILABLE"
    size: int | None = None
    """The ``fileSize`` to answer, where it is to differ from the real one."""
    id: str | None = None


@define(eq=False)
class StoredFile:
    """A file, uploaded or not."""

    id: str
    space: str
    name: str
    content_type: str
    file_type: str
    size: int
    content: bytes | bytearray | None
    status: str
    description: str | None = None
    retention: str | None = None
    ready_at: float = 0.0

    def row(self) -> dict[str, Any]:
        """The file as a document's JSON lists it."""
        return {
            "id": self.id,
            "filename": self.name,
            "contentType": self.content_type,
            "fileSize": self.size,
        }


@define(eq=False)
class StoredDocument:
    """A document: its JSON, its files' ids, and what listings need."""

    id: str
    space: str
    folder: str | None
    files: list[str]
    body: dict[str, Any]
    created: float
    updated: float
    shuffle: bytes


@define(eq=False)
class StoredSpace:
    """A space with its documents, and the listings computed since they last changed."""

    id: str
    name: str
    type: str
    whitelisted: bool
    documents: dict[str, StoredDocument] = field(factory=dict[str, StoredDocument])
    listings: dict[tuple[Any, ...], list[StoredDocument]] = field(
        factory=dict[tuple[Any, ...], list[StoredDocument]]
    )


def epoch(moment: Moment, unreadable: float) -> float:
    """A time in seconds; `unreadable` for text that is not one."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return unreadable
    return moment.timestamp() if isinstance(moment, datetime) else moment
