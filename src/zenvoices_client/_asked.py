"""Arguments passed to users' functions in ``operations=``."""

from __future__ import annotations

from attrs import field, frozen

from _client_kit._operations import Asked
from zenvoices_client._models import InboxUpload


@frozen(kw_only=True)
class AskedUpload(Asked):
    """The argument of a function for ``inbox.upload``.

    Attributes:
        upload: The document. ``Base64(file.content)`` in a JSON body sends the content of a file
            of ``upload.attachments``.
        company_id: Number of the company.
        external_id: Id that the sender gives the document, or None. If the outcome of the upload
            is unknown, an export looks the document up by this id.
        default: The call that the library would make without the function.
    """

    upload: InboxUpload = field(repr=False)
    company_id: int
    external_id: str | None


@frozen(kw_only=True)
class AskedFind(Asked):
    """The argument of a function for ``inbox.find``.

    Attributes:
        company_id: Number of the company.
        external_id: Id that the sender gave the document at the upload.
        default: The call that the library would make without the function.
    """

    company_id: int
    external_id: str


@frozen(kw_only=True)
class AskedPage(Asked):
    """The argument of a function for a ``.list`` operation; the function is called for each page.

    Attributes:
        skip: Number of entries on all earlier pages.
        size: Number of entries to request.
        company_id: Number of a company, to list its entries only; None for all companies.
        sorting: Name of the field to sort by, with ``" DESC"`` appended for descending order; None
            for the service's own order.
        default: The call that the library would make without the function.
    """

    skip: int
    size: int
    company_id: int | None = None
    sorting: str | None = None


@frozen(kw_only=True)
class AskedRecord(Asked):
    """The argument of a function that reads one record.

    An attribute that does not select the record is None.

    Attributes:
        company_id: Number of the company.
        id: Number of the record in Zenvoices.
        code: Code of the record.
        external_id: Id of the record in the accounting software.
        number: Number of the purchase order.
        default: The call that the library would make without the function.
    """

    company_id: int | None = None
    id: int | None = None
    code: str | None = None
    external_id: str | None = None
    number: str | None = None
