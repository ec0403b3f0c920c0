"""Models of Banqup's answers.

The names of members are partly assumed, so every member may be missing. A missing id of a space,
document or file is the empty string. Calls refuse an empty id, so code that passes an id on needs
no check.

*Published* values stand in the vendor's documentation. *Assumed* names and values do not; they
were not checked against the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Self

from attrs import asdict, field, frozen

from _client_kit._json import is_list
from _client_kit._models import Model, decode
from _client_kit._response import object_of
from _client_kit._secret import Secret


@frozen(kw_only=True)
class Space(Model):
    """A company's workspace in Banqup.

    Attributes:
        id: UUID of the space.
        name: Name of the space.
        type: ``BUSINESS`` (published); ``PERSONAL``, ``PARTNER`` (assumed).
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str = ""
    name: str | None = None
    type: str | None = None


@frozen(kw_only=True)
class User(Model):
    """The user or application that the token belongs to. The names of its members are assumed.

    Attributes:
        id: Id of the user.
        name: Name of the user.
        type: Kind of user, such as ``application``.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str | None = None
    name: str | None = None
    type: str | None = None


@frozen(kw_only=True)
class Address(Model):
    """A postal address.

    Attributes:
        country: Two-letter country code.
        post_code: Postal code.
        town_name: Name of the town.
        street_name: Name of the street.
        building_number: House number.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    country: str | None = None
    post_code: str | None = None
    town_name: str | None = None
    street_name: str | None = None
    building_number: str | None = None


@frozen(kw_only=True)
class Party(Model):
    """The supplier or customer of a document.

    Attributes:
        legal_name: Registered name.
        trade_name: Trade name.
        address: Postal address.
        global_identifiers: Identifiers of the party by scheme, such as ``be:en`` or ``be:vat``.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    legal_name: str | None = None
    trade_name: str | None = None
    address: Address | None = None
    global_identifiers: Mapping[str, Any] = field(factory=dict[str, Any], hash=False)

    @property
    def name(self) -> str | None:
        """The legal name, or the trade name if there is no legal name."""
        return self.legal_name or self.trade_name

    @property
    def vat_number(self) -> str | None:
        """The first identifier whose scheme ends in ``:vat``, or None."""
        return self._identifier(":vat")

    @property
    def enterprise_number(self) -> str | None:
        """The first identifier whose scheme ends in ``:en``, or None."""
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
    """The three statuses of a document. Each may have values that are not listed here.

    Attributes:
        document: ``AWAITING_VALIDATION`` (published); ``VALIDATED``, ``PARTIALLY_APPROVED``,
            ``FULLY_APPROVED``, ``REFUSED``, ``DISPUTED``, ``DRAFT`` (assumed spellings).
        pay: ``UNPAID`` (published) and others.
        delivery: ``RECEIVED`` (published) and others.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    document: str | None = None
    pay: str | None = None
    delivery: str | None = None


@frozen(kw_only=True)
class DocumentFile(Model):
    """A file in the list of a document's files. The names of its members are assumed.

    Attributes:
        id: Id of the file, for the calls under ``client.files``.
        filename: Name of the file.
        content_type: Media type of the file.
        file_size: Length of the file in bytes.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str = ""
    filename: str | None = None
    content_type: str | None = None
    file_size: int | None = None


@frozen(kw_only=True)
class DocumentConnection(Model):
    """The other party of a document, from the view of the document's space.

    Attributes:
        id: The party's id in Banqup.
        display_name: The party's name.
        relation_type: ``CUSTOMER`` (published); ``SUPPLIER`` (assumed).
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str | None = None
    display_name: str | None = None
    relation_type: str | None = None


@frozen(kw_only=True)
class DocumentMetadata(Model):
    """Parties and dates of a document.

    Attributes:
        due_date: Time by which to pay; a date without a time means midnight in UTC.
        customer: Party that received the document.
        supplier: Party that sent the document.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    due_date: datetime | None = None
    customer: Party | None = None
    supplier: Party | None = None


@frozen(kw_only=True)
class Document(Model):
    """An invoice, credit note or other document in a space.

    The structure is assumed: it is that of the published body of "create document", with ``id``,
    ``createdAt``, ``updatedAt`` and ``files`` added.

    Attributes:
        id: Id of the document.
        space_id: Id of the document's space.
        folder: ``SALES`` or ``PURCHASES``.
        category: ``INVOICE`` (published); ``CREDIT_NOTE``, ``PURCHASE_ORDER`` (assumed).
        source: The application that created the document, such as ``documentcreator``.
        status: Statuses of the document.
        connections: The other parties, from the view of the document's space.
        metadata: Parties and dates; see also ``supplier`` and ``customer``.
        created_at: Time of creation.
        updated_at: Time of the last change. It is not known whether an approval changes this time.
        files: Files of the document.
        extra: Members of the answer that this class does not know or cannot decode.
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

    @property
    def supplier(self) -> Party:
        """The party that sent the document; an empty party if the answer names none."""
        return self.metadata.supplier or Party()

    @property
    def customer(self) -> Party:
        """The party that received the document; an empty party if the answer names none."""
        return self.metadata.customer or Party()

    @property
    def due_date(self) -> datetime | None:
        """``metadata.due_date``."""
        return self.metadata.due_date

    @property
    def is_credit_note(self) -> bool:
        """Whether the category is ``CREDIT_NOTE``; the root element of the UBL is more reliable."""
        return self.category == "CREDIT_NOTE"


@frozen(kw_only=True)
class FileDetails(Model):
    """The details that Banqup has about a file.

    Attributes:
        id: Id of the file.
        filename: Name of the file.
        description: Description by the file's creator.
        status: ``AWAITING_UPLOAD`` (published); ``AVAILABLE``, ``REJECTED`` (assumed).
        file_size: Length of the file in bytes.
        file_type: Media type of the file.
        content_type: Media type that an upload of the content must have.
        retention_time: Time until which Banqup keeps the file.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str = ""
    filename: str | None = None
    description: str | None = None
    status: str | None = None
    file_size: int | None = None
    file_type: str | None = None
    content_type: str | None = None
    retention_time: datetime | None = None
    # Signed URLs are credentials, valid for an hour: `repr` leaves them out.
    _upload_url: Secret | None = field(
        default=None, repr=False, eq=False, alias="_upload_url", metadata={"wire": "uploadUrl"}
    )
    _download_url: Secret | None = field(
        default=None, repr=False, eq=False, alias="_download_url", metadata={"wire": "downloadUrl"}
    )

    def __reduce__(self) -> tuple[Callable[[], FileDetails], tuple[()]]:
        """Pickle and copy the details without the signed URLs, which are credentials."""
        kept = asdict(self, recurse=False, filter=lambda field, _: field.name[0] != "_")
        return partial(type(self), **kept), ()


@frozen(kw_only=True)
class ExtensionPoint(Model):
    """A place in Banqup where apps can register. The names of its members are assumed.

    Attributes:
        id: Id of the extension point.
        namespace: Owner of the extension point, such as ``com.unifiedpost.btx``.
        name: Name of the extension point.
        version: Version of the extension point.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str = ""
    namespace: str | None = None
    name: str | None = None
    version: str | None = None


@frozen(kw_only=True)
class Message(Model):
    """A notification that Banqup posts to an app's ``/messages``.

    How to verify the sender of a message is not documented, so do not trust the content of a
    message: use it only to start an export, or to read the resource with the id ``resource_id``
    through the client. Messages may arrive twice, late, in any order, or not at all.

    Attributes:
        id: Id of the message.
        audience: Recipient of the message.
        category: ``document``, ``entity``, ``file``, ``payment``, ``paymentInformation``, ``space``
            or ``spaceAsset`` (published).
        type: Kind of event; its values are not documented.
        scope: Scope of the event.
        subject: Subject of the event.
        resource_id: Id of the resource that changed.
        channel: Channel through which the message was sent.
        data: Further data of unknown structure.
        extra: Members of the body that this class does not know or cannot decode.
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

    @classmethod
    def from_body(cls, body: bytes | str) -> Self:
        """Return the message in the body of a request.

        Raises:
            ProtocolError: The body is not a JSON object.
        """
        raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
        return decode(cls, object_of(raw, "message", service="banqup"))
