"""What users' own functions for Banqup's operations are given."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from _client_kit._files import FileSource
from _client_kit._operations import Asked
from banqup_client._models import Document

__all__ = [
    "AskedBytes",
    "AskedDocument",
    "AskedDocumentFiles",
    "AskedDocuments",
    "AskedFile",
    "AskedSpace",
]


@frozen(kw_only=True)
class AskedDocuments(Asked):
    """What a function for ``documents.list`` is given, once a page.

    Attributes:
        space_id: The space.
        folder: ``SALES`` or ``PURCHASES``; None for both.
        updated_since: Only documents that changed at or after this time; None for all. A service
            that cannot filter may ignore it.
        page: Which page, from 0.
        token: The ``next`` that the page before named, else None.
        size: How many documents are wanted.
        default: The call that the library would make itself.
    """

    space_id: str
    folder: str | None
    updated_since: datetime | None
    page: int
    token: str | None
    size: int


@frozen(kw_only=True)
class AskedDocument(Asked):
    """What a function for ``documents.get`` is given.

    Attributes:
        space_id: The space.
        document_id: The document.
        default: The call that the library would make itself.
    """

    space_id: str
    document_id: str


@frozen(kw_only=True)
class AskedDocumentFiles:
    """What a function for ``documents.files`` is given; without one, ``document.files`` counts.

    Attributes:
        space_id: The space.
        document: The document that is about to be sent.
    """

    space_id: str
    document: Document = field(repr=False)


@frozen(kw_only=True)
class AskedFile(Asked):
    """What a function for ``files.details`` is given.

    Attributes:
        space_id: The space.
        file_id: The file.
        default: The call that the library would make itself.
    """

    space_id: str
    file_id: str


@frozen(kw_only=True)
class AskedSpace(Asked):
    """What a function for ``documents.create`` or ``files.create`` is given.

    Attributes:
        space_id: The space.
        default: The call that the library would make itself, with its body in ``default.json``.
    """

    space_id: str


@frozen(kw_only=True)
class AskedBytes:
    """What a function for ``files.download`` or ``files.upload`` is given.

    A function for ``files.download`` returns the address of the bytes: a signed URL, or a path of
    the API that begins with one ``/``. One for ``files.upload`` yields the calls that send them.

    Attributes:
        space_id: The space.
        file_id: The file.
        content: What is to be sent, for ``Base64(asked.content)``; None for a download.
        content_type: Its media type; None for a download.
    """

    space_id: str
    file_id: str
    content: FileSource | None = field(default=None, repr=False)
    content_type: str | None = None
