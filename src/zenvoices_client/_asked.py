"""What users' own functions for Zenvoices' operations are given."""

from __future__ import annotations

from attrs import field, frozen

from _client_kit._operations import Asked
from zenvoices_client._models import InboxUpload

__all__ = ["AskedFind", "AskedPage", "AskedRecord", "AskedUpload"]


@frozen(kw_only=True)
class AskedUpload(Asked):
    """What a function for ``inbox.upload`` is given.

    Attributes:
        upload: The document with its files: ``Base64(file.content)`` sends one.
        company_id: The company's number.
        external_id: The sender's own id, by which the document is looked up after a doubt.
        default: The call that the library would make itself.
    """

    upload: InboxUpload = field(repr=False)
    company_id: int
    external_id: str | None


@frozen(kw_only=True)
class AskedFind(Asked):
    """What a function for ``inbox.find`` is given.

    Attributes:
        company_id: The company's number.
        external_id: The sender's own id, as it was given to the upload.
        default: The call that the library would make itself.
    """

    company_id: int
    external_id: str


@frozen(kw_only=True)
class AskedPage(Asked):
    """What a function for an operation that ends in ``.list`` is given, once a page.

    Attributes:
        skip: How many entries came before.
        size: How many are wanted.
        company_id: Only this company's; None for all.
        sorting: A field to sort by, with ``" DESC"`` behind it for descending.
        default: The call that the library would make itself.
    """

    skip: int
    size: int
    company_id: int | None = None
    sorting: str | None = None


@frozen(kw_only=True)
class AskedRecord(Asked):
    """What a function for one record is given: the key it is asked for by, the others are None.

    Attributes:
        company_id: The company's number.
        id: Zenvoices' number of the record.
        code: Its code.
        external_id: The accounting software's own id of it.
        number: Its number, of a purchase order.
        default: The call that the library would make itself.
    """

    company_id: int | None = None
    id: int | None = None
    code: str | None = None
    external_id: str | None = None
    number: str | None = None
