"""The spaces, documents and files of the fake Banqup."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from attrs import define, field, frozen

Moment = datetime | float | str
"""A time: an aware datetime, seconds since the epoch, or the exact text for the answer."""
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
    """The ``fileSize`` in answers, if it must differ from the real size."""
    id: str | None = None


@define(eq=False)
class StoredFile:
    """A file: its details as JSON of the API, and its content if it was uploaded."""

    space: str
    details: dict[str, Any]
    content: bytes | None
    ready_at: float = 0.0

    def row(self) -> dict[str, Any]:
        """Return the file's entry in a document's JSON."""
        names = ("id", "filename", "contentType", "fileSize")
        return {name: self.details[name] for name in names}


@define(eq=False)
class StoredDocument:
    """A document: its JSON, the ids of its files, and the fields that listings use."""

    id: str
    space: str
    folder: str | None
    files: list[str]
    body: dict[str, Any]
    created: float
    updated: float


@define(eq=False)
class StoredSpace:
    """A space with its documents."""

    id: str
    name: str
    whitelisted: bool
    documents: dict[str, StoredDocument] = field(factory=dict[str, StoredDocument])


def epoch(moment: Moment, unreadable: float) -> float:
    """Return a time in seconds since the epoch, or `unreadable` for text that is not a time."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return unreadable
    return moment.timestamp() if isinstance(moment, datetime) else moment
