"""What Banqup's answers say.

The read models are partly assumed, so every member may be missing. An id that is missing is the
empty text, which no call accepts: code that goes on with an id needs no check of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Self

from attrs import field, fields, frozen

from _client_kit._errors import ProtocolError
from _client_kit._json import JsonError, is_list, is_object, loads
from _client_kit._models import Model, decode, extra_field
from _client_kit._secret import Secret

__all__ = [
    "Address",
    "Document",
    "DocumentConnection",
    "DocumentFile",
    "DocumentMetadata",
    "DocumentStatus",
    "ExtensionPoint",
    "FileDetails",
    "Message",
    "Party",
    "Space",
    "User",
]

MAX_MESSAGE = 1024 * 1024


@frozen(kw_only=True)
class Space(Model):
    """A company's workspace in Banqup.

    Attributes:
        id: Its UUID.
        name: Its name.
        type: ``BUSINESS`` (published); ``PERSONAL``, ``PARTNER`` (assumed).
        extra: Members of the answer that this class does not know.
    """

    id: str = ""
    name: str | None = None
    type: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class User(Model):
    """Who the token stands for; the members are assumed.

    Attributes:
        id: Its id.
        name: Its name.
        type: What it is, such as ``application``.
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    name: str | None = None
    type: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Address(Model):
    """A postal address.

    Attributes:
        country: Two-letter code.
        post_code: Postal code.
        town_name: Town.
        street_name: Street.
        building_number: Number in the street.
        extra: Members of the answer that this class does not know.
    """

    country: str | None = None
    post_code: str | None = None
    town_name: str | None = None
    street_name: str | None = None
    building_number: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Party(Model):
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
    global_identifiers: Mapping[str, Any] = field(factory=dict[str, Any], hash=False)
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
                for text in value if is_list(value) else [value]:
                    if isinstance(text, str) and text:
                        return text
        return None


@frozen(kw_only=True)
class DocumentStatus(Model):
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
class DocumentFile(Model):
    """A file of a document, as the document names it (assumed).

    Attributes:
        id: Its id, for the calls under ``files``.
        filename: Its name.
        content_type: Its media type.
        file_size: Its length in bytes.
        extra: Members of the answer that this class does not know.
    """

    id: str = ""
    filename: str | None = None
    content_type: str | None = None
    file_size: int | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class DocumentConnection(Model):
    """Whom a document ties to its space.

    Attributes:
        id: The other party's id in Banqup.
        display_name: Its name.
        relation_type: ``CUSTOMER`` (published); ``SUPPLIER`` (assumed).
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    display_name: str | None = None
    relation_type: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class DocumentMetadata(Model):
    """Parties and dates of a document.

    Attributes:
        due_date: When it is to be paid; a date without a time is its midnight in UTC.
        customer: Who received it.
        supplier: Who sent it.
        extra: Members of the answer that this class does not know.
    """

    due_date: datetime | None = None
    customer: Party | None = None
    supplier: Party | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Document(Model):
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
        connections: Whom it ties to the space.
        metadata: Parties and dates; see also ``supplier`` and ``customer``.
        created_at: When it was created.
        updated_at: When it last changed; approval may not touch it.
        files: Its files.
        extra: Members of the answer that this class does not know.
    """

    id: str = ""
    space_id: str | None = None
    folder: str | None = None
    category: str | None = None
    source: str | None = None
    status: DocumentStatus = field(factory=DocumentStatus)
    connections: tuple[DocumentConnection, ...] = field(default=(), repr=False)
    metadata: DocumentMetadata = field(factory=DocumentMetadata, repr=False)
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
class FileDetails(Model):
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

    id: str = ""
    filename: str | None = None
    description: str | None = None
    status: str | None = None
    file_size: int | None = None
    file_type: str | None = None
    content_type: str | None = None
    retention_time: datetime | None = None
    # Signed URLs are credentials: never shown, and worth nothing after an hour.
    _upload_url: Secret | None = field(
        default=None, repr=False, eq=False, alias="_upload_url", metadata={"wire": "uploadUrl"}
    )
    _download_url: Secret | None = field(
        default=None, repr=False, eq=False, alias="_download_url", metadata={"wire": "downloadUrl"}
    )
    extra: Mapping[str, Any] = extra_field()

    def __reduce__(self) -> tuple[Callable[[], FileDetails], tuple[()]]:
        """Pickled and copied without the signed URLs: they leave no process."""
        kept = {
            attribute.name: getattr(self, attribute.name)
            for attribute in fields(type(self))
            if attribute.name not in ("_upload_url", "_download_url")
        }
        return partial(type(self), **kept), ()


@frozen(kw_only=True)
class ExtensionPoint(Model):
    """A place where apps can register; its members are assumed.

    Attributes:
        id: Its id.
        namespace: Whose it is.
        name: Its name.
        version: Its version.
        extra: Members of the answer that this class does not know.
    """

    id: str = ""
    namespace: str | None = None
    name: str | None = None
    version: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Message(Model):
    """What Banqup posts to an app's ``/messages``: a hint to look again, never data.

    How Banqup proves that a message is its own is not documented. So nothing in one can be
    believed: let it start an export, or read ``resource_id`` again through the client. Messages
    may come twice, late, in any order, or not at all.

    Attributes:
        id: The message's id.
        audience: Whom it is for.
        category: ``document``, ``entity``, ``file``, ``payment``, ``paymentInformation``, ``space``
            or ``spaceAsset`` (published).
        type: What happened; the words are not documented.
        scope: Where it happened.
        subject: Who or what it is about.
        resource_id: Id of the resource to look at.
        channel: How it was sent.
        data: More, of unknown structure.
        extra: Members of the body that this class does not know.
    """

    id: str | None = None
    audience: str | None = None
    category: str | None = None
    type: str | None = None
    scope: str | None = None
    subject: str | None = None
    resource_id: str | None = None
    channel: str | None = None
    data: Mapping[str, Any] = field(factory=dict[str, Any], repr=False, hash=False)
    extra: Mapping[str, Any] = extra_field()

    @classmethod
    def from_body(cls, body: bytes | str) -> Self:
        """The message in the body of a request.

        Raises:
            ProtocolError: Not a JSON object, or larger than 1 MiB.
        """
        raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
        problem = "larger than 1 MiB"
        if len(raw) <= MAX_MESSAGE:
            try:
                value = loads(raw)
            except JsonError as error:
                problem = str(error)
            else:
                if is_object(value):
                    return decode(cls, value)
                problem = "not a JSON object"
        raise ProtocolError(f"message: {problem}", service="banqup")
