"""What the export reads and writes in Zenvoices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import field, frozen

from _client_kit._files import Base64, FileContent, FileSource
from _client_kit._models import Model, extra_field, wire
from zenvoices_client._file_name import safe_file_name

__all__ = ["Attachment", "Company", "InboxDocument", "InboxUpload", "Lookup", "encode_upload"]


@frozen(kw_only=True)
class Company(Model):
    """One company's books (the API says "administration").

    Its fields are assumed; see the contract.

    Attributes:
        id: Zenvoices' number of the company.
        code: The company code as the portal shows it, always a string.
        name: Its name.
        extra: Members of the answer that this class does not know.
    """

    id: int | None = None
    code: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class InboxDocument(Model):
    """A document in a company's inbox.

    Attributes:
        id: Zenvoices' number of the document.
        external_id: The sender's own id of it.
        company_id: The company it lies in (``administrationId``).
        destination: Where it goes from the inbox.
        import_status: A number whose meaning is not documented.
        authorization_status: A number whose meaning is not documented.
        received_time: When Zenvoices received it.
        sender_name: Who sent it.
        subject: Its subject.
        extra: Members of the answer that this class does not know.
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
    extra: Mapping[str, Any] = extra_field()


def _source(content: FileContent | FileSource) -> FileSource:
    return FileSource.of(content)


def _attachments(items: Iterable[Attachment]) -> tuple[Attachment, ...]:
    attachments = tuple(items)
    others: list[object] = [item for item in attachments if type(item) is not Attachment]
    if not attachments or others:
        message = "attachments must hold at least one Attachment, and nothing else"
        raise TypeError(message)
    return attachments


@frozen
class Attachment:
    """A file of an inbox upload.

    Args:
        file_name: Its name; made safe.
        content: Bytes, a path, or a binary file that can seek. Read when it is sent.
        content_type: Its media type.
    """

    file_name: str = field(converter=safe_file_name)
    content: FileSource = field(converter=_source, repr=False)
    content_type: str = "application/xml"

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.content.size


@frozen(kw_only=True)
class InboxUpload:
    """What is put into an inbox: one document, usually one file.

    Zenvoices' assignment rules can test subject and sender name, so fill them consistently; a
    journal code in square brackets in the subject, such as ``[INK]``, chooses the journal
    (published for e-mail).

    Args:
        attachments: Its files, at least one.
        subject: Its subject.
        sender_name: Who sent it.
        destination: Where it is to go from the inbox; its values are not documented.
    """

    attachments: tuple[Attachment, ...] = field(converter=_attachments)
    subject: str | None = None
    sender_name: str | None = None
    destination: str | None = None


@frozen
class Lookup(Model):
    """What a look-up by external id can say.

    Attributes:
        outcome: ``"cannot tell"`` when the service's answer proves nothing either way.
        document: The document, when found.
        answered_at: The server's time of the answer.
    """

    outcome: Literal["found", "not found", "cannot tell"]
    document: InboxDocument | None = None
    answered_at: datetime | None = None


def encode_upload(
    upload: InboxUpload, company_id: int, external_id: str | None
) -> Mapping[str, Any]:
    """The JSON of an upload as this library assumes it, :class:`Base64` where content goes."""
    return {
        "administrationId": company_id,
        "externalId": external_id,
        "subject": upload.subject,
        "senderName": upload.sender_name,
        "destination": upload.destination,
        "attachments": [
            {
                "fileName": item.file_name,
                "contentType": item.content_type,
                "content": Base64(item.content),
            }
            for item in upload.attachments
        ],
    }
