"""Arguments passed to users' functions in ``operations=``."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from _client_kit._files import FileSource
from _client_kit._operations import Asked
from banqup_client._models import Document


@frozen(kw_only=True)
class AskedDocuments(Asked):
    """The argument of a function for ``documents.list``; the function is called for each page.

    Attributes:
        space_id: Id of the space.
        folder: ``SALES`` or ``PURCHASES``, or another value that the caller gave; None for all
            folders.
        updated_since: List only documents that changed at or after this time; None for all. If the
            service cannot filter by time, ignore this value.
        page: Number of the page, starting at 0.
        token: The ``next`` that the function has returned with the page before; None for the first
            page, and if ``next`` was no text.
        size: Number of documents to request.
        default: The call that the library would make without the function.
    """

    space_id: str
    folder: str | None
    updated_since: datetime | None
    page: int
    token: str | None
    size: int


@frozen(kw_only=True)
class AskedDocument(Asked):
    """The argument of a function for ``documents.get``.

    Attributes:
        space_id: Id of the space.
        document_id: Id of the document.
        default: The call that the library would make without the function.
    """

    space_id: str
    document_id: str


@frozen(kw_only=True)
class AskedDocumentFiles:
    """The argument of a function for ``documents.files``, which returns a document's files.

    Without such a function, the export uses ``document.files``.

    Attributes:
        space_id: Id of the space.
        document: The document to be sent.
    """

    space_id: str
    document: Document = field(repr=False)


@frozen(kw_only=True)
class AskedFile(Asked):
    """The argument of a function for ``files.details``.

    Attributes:
        space_id: Id of the space.
        file_id: Id of the file.
        default: The call that the library would make without the function.
    """

    space_id: str
    file_id: str


@frozen(kw_only=True)
class AskedSpace(Asked):
    """The argument of a function for ``documents.create`` or ``files.create``.

    Attributes:
        space_id: Id of the space.
        default: The call that the library would make without the function; ``default.json`` is the
            body of this call.
    """

    space_id: str


@frozen(kw_only=True)
class AskedBytes:
    """The argument of a function for ``files.download`` or ``files.upload``.

    A function for ``files.download`` returns the content as bytes, or the address of the content.
    The address is a signed URL, or a path of the API that begins with one ``/``. A function for
    ``files.upload`` yields the calls that send the content.

    Attributes:
        space_id: Id of the space.
        file_id: Id of the file.
        content: Content to send, for ``Base64(asked.content)`` in a JSON body, or for
            ``Call(..., content=asked.content)``; None for a download.
        content_type: Media type of the content; None for a download.
    """

    space_id: str
    file_id: str
    content: FileSource | None = field(default=None, repr=False)
    content_type: str | None = None
