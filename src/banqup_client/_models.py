"""What Banqup's answers say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from _client_kit._models import extra_field, wire

__all__ = ["Address", "Document", "DocumentFile", "DocumentStatus", "FileDetails", "Party", "Space"]


@frozen(kw_only=True)
class Space:
    """A company's workspace in Banqup.

    Attributes:
        id: Its UUID.
        name: Its name.
        type: ``BUSINESS`` (published); ``PERSONAL``, ``PARTNER`` (assumed).
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    name: str | None = None
    type: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Address:
    """A postal address."""

    country: str | None = None
    post_code: str | None = None
    town_name: str | None = None
    street_name: str | None = None
    building_number: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Party:
    """Supplier or customer of a document.

    Attributes:
        legal_name: Registered name.
        trade_name: Name it trades under.
        address: Postal address.
        global_identifiers: Its identifiers by scheme, such as ``be:en`` or ``be:vat``.
        extra: Members of the answer that this class does not know.
    """

    legal_name: str | None = None
    trade_name: str | None = None
    address: Address | None = None
    global_identifiers: Mapping[str, Any] = field(factory=dict)
    extra: Mapping[str, Any] = extra_field()

    @property
    def name(self) -> str | None:
        """The legal name, else the trade name."""
        return self.legal_name or self.trade_name

    @property
    def vat_number(self) -> str | None:
        """The first identifier of a scheme ending in ``:vat``."""
        return self._identifier(":vat")

    @property
    def enterprise_number(self) -> str | None:
        """The first identifier of a scheme ending in ``:en``."""
        return self._identifier(":en")

    def _identifier(self, ending: str) -> str | None:
        for scheme, value in self.global_identifiers.items():
            if scheme.endswith(ending):
                first = value[0] if isinstance(value, list) and value else value
                if isinstance(first, str) and first:
                    return first
        return None


@frozen(kw_only=True)
class DocumentStatus:
    """The three statuses of a document, each an open set of words.

    Attributes:
        document: ``AWAITING_VALIDATION`` (published); ``VALIDATED``, ``PARTIALLY_APPROVED``,
            ``FULLY_APPROVED``, ``REFUSED``, ``DISPUTED``, ``DRAFT`` (assumed spellings).
        pay: ``UNPAID`` (published) and others.
        delivery: ``RECEIVED`` (published) and others.
        extra: Members of the answer that this class does not know.
    """

    document: str | None = None
    pay: str | None = None
    delivery: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class DocumentFile:
    """A file of a document, as the document names it (assumed).

    Attributes:
        id: Its id, for the calls under ``files``.
        filename: Its name.
        content_type: Its media type.
        file_size: Its length in bytes.
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    filename: str | None = None
    content_type: str | None = None
    file_size: int | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class _Metadata:
    due_date: datetime | None = None
    customer: Party | None = None
    supplier: Party | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Document:
    """An invoice, credit note or other document in a space.

    The read model is assumed: the published body of "create document", with ``id``, ``createdAt``,
    ``updatedAt`` and ``files``.

    Attributes:
        id: Its id.
        space_id: The space it is in.
        folder: ``SALES`` or ``PURCHASES``.
        category: ``INVOICE`` (published); ``CREDIT_NOTE``, ``PURCHASE_ORDER`` (assumed).
        source: Where it came from.
        status: Its statuses.
        metadata: Parties and dates; see also ``supplier`` and ``customer``.
        created_at: When it was created.
        updated_at: When it last changed; approval may not touch it.
        files: Its files.
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    space_id: str | None = None
    folder: str | None = None
    category: str | None = None
    source: str | None = None
    status: DocumentStatus = field(factory=DocumentStatus)
    metadata: _Metadata = field(factory=_Metadata, repr=False)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    files: tuple[DocumentFile, ...] = ()
    extra: Mapping[str, Any] = extra_field()

    @property
    def supplier(self) -> Party:
        """Who sent it; an empty party where the answer names none."""
        return self.metadata.supplier or Party()

    @property
    def customer(self) -> Party:
        """Who received it; an empty party where the answer names none."""
        return self.metadata.customer or Party()

    @property
    def due_date(self) -> datetime | None:
        """When it is to be paid."""
        return self.metadata.due_date

    @property
    def is_credit_note(self) -> bool:
        """Whether Banqup says so by its category; the UBL's root element is the safest sign."""
        return self.category == "CREDIT_NOTE"


@frozen(kw_only=True)
class FileDetails:
    """What Banqup knows of a file.

    Attributes:
        id: Its id.
        filename: Its name.
        description: What its creator wrote.
        status: ``AWAITING_UPLOAD`` (published); ``AVAILABLE``, ``REJECTED`` (assumed).
        file_size: Its length in bytes.
        file_type: Its media type.
        content_type: Its media type, as it must be uploaded.
        retention_time: Until when Banqup keeps it.
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    filename: str | None = None
    description: str | None = None
    status: str | None = None
    file_size: int | None = None
    file_type: str | None = None
    content_type: str | None = None
    retention_time: datetime | None = None
    # Signed URLs are credentials: never shown, and worth nothing after an hour.
    _upload_url: str | None = wire("uploadUrl", repr=False, alias="_upload_url")
    _download_url: str | None = wire("downloadUrl", repr=False, alias="_download_url")
    extra: Mapping[str, Any] = extra_field()
