"""Models of companies, inbox documents and uploads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from attrs import Attribute, field, frozen

from _client_kit._files import FileSource, file_source
from _client_kit._models import DataMixin, Model, wire
from zenvoices_client._file_name import safe_file_name


@frozen(kw_only=True)
class Company(Model):
    """A company, which the API calls "administration".

    The names of its fields in the API's JSON are assumed; see ``contract.json``.

    Attributes:
        id: Number of the company in Zenvoices.
        code: Company code as the portal shows it; a string even if the API sends a number.
        name: Name of the company.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: int | None = None
    code: str | None = None
    name: str | None = None


@frozen(kw_only=True)
class InboxDocument(Model):
    """A document in a company's inbox.

    Attributes:
        id: Number of the document in Zenvoices.
        external_id: Id that the sender gave the document.
        company_id: Number of the document's company (``administrationId``).
        destination: Destination after the inbox; its values are not documented.
        import_status: A number whose meaning is not documented.
        authorization_status: A number whose meaning is not documented.
        received_time: Time at which Zenvoices received the document.
        sender_name: Name of the sender.
        subject: Subject of the document.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: int | None = None
    external_id: str | None = None
    company_id: int | None = wire("administrationId")
    destination: str | None = None
    import_status: int | None = None
    authorization_status: int | None = None
    received_time: datetime | None = None
    sender_name: str | None = None
    subject: str | None = None


def _text(instance: object, attribute: Attribute[Any], value: object) -> None:
    """Raise TypeError for a value that is not a text; None is allowed if it is the default.

    Without this, a number would be sent as a JSON number. Bytes would be refused only when the
    request's body is written, by an error that does not show the line that makes the object.
    """
    if not (isinstance(value, str) or (value is None and attribute.default is None)):
        owner, kind = type(instance).__name__, type(value).__name__
        message = f"{owner}: {attribute.name} must be a text, not {kind}"
        raise TypeError(message)


def _attachments(items: Iterable[Attachment]) -> tuple[Attachment, ...]:
    attachments = tuple(items)
    if not attachments or {*map(type, attachments)} != {Attachment}:
        message = "attachments must be a list of at least one Attachment(file_name, content)"
        raise TypeError(message)
    return attachments


@frozen
class Attachment:
    """A file of an inbox upload.

    Args:
        file_name: Name of the file; unsafe characters are replaced.
        content: Bytes, a path, or a binary file that can seek; a file is read during the upload.
        content_type: Media type of the file; ``application/xml`` by default.
    """

    file_name: str = field(converter=safe_file_name)
    content: FileSource = field(converter=file_source, repr=False)
    content_type: str = field(default="application/xml", validator=_text)

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        return self.content.size


@frozen(kw_only=True)
class InboxUpload:
    """A document to upload to an inbox, usually with one file.

    Zenvoices' assignment rules can test subject and sender name, so fill them consistently. A
    journal code in square brackets in the subject, such as ``[INK]``, selects the journal; the
    vendor documents this for e-mail.

    Args:
        attachments: Files of the document, at least one.
        subject: Subject of the document.
        sender_name: Name of the sender.
        destination: Destination after the inbox; its values are not documented.
    """

    attachments: tuple[Attachment, ...] = field(converter=_attachments)
    subject: str | None = field(default=None, validator=_text)
    sender_name: str | None = field(default=None, validator=_text)
    destination: str | None = field(default=None, validator=_text)


@frozen
class Lookup(DataMixin):
    """The result of a look-up by external id.

    Attributes:
        outcome: ``"found"``, ``"not found"``, or ``"cannot tell"`` if the service's answer proves
            neither.
        document: The document, if it was found.
        answered_at: The server's time of the answer, from its ``Date`` header, or None.
    """

    outcome: Literal["found", "not found", "cannot tell"]
    document: InboxDocument | None = None
    answered_at: datetime | None = None
