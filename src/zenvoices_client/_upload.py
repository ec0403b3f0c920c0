"""Build the body of an upload, and decode the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _client_kit._contract import Operation
from _client_kit._errors import ProtocolError
from _client_kit._files import Base64
from _client_kit._json import is_list, is_object
from _client_kit._models import decode
from _client_kit._operations import IN_DOUBT
from _client_kit._response import ApiResponse, unexpected
from _client_kit._text import Text
from zenvoices_client._dialect import is_envelope, member
from zenvoices_client._models import InboxDocument, InboxUpload


def encode_upload(
    upload: InboxUpload, company_id: int, external_id: str | None
) -> Mapping[str, Any]:
    """Return an upload as JSON in the assumed structure, with :class:`Base64` for each file."""
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


def uploaded_document(payload: object, answer: ApiResponse, operation: Operation) -> InboxDocument:
    """Return the inbox document in a successful answer to an upload.

    The structure of the answer is assumed: a positive id in an object, in a list of one object, or
    as a number. An answer without an id also confirms the upload if its status is 201, or if it
    is ABP's envelope with ``success: true`` and no result. The document's id is then None. A web
    page never confirms an upload, nor does a value without an id that a user's function returned.

    Raises:
        ProtocolError: It is unknown whether the document arrived.
    """
    if type(payload) is int:
        payload = {"id": payload}
    if is_list(payload) and len(payload) == 1:
        payload = payload[0]
    document = decode(InboxDocument, payload) if is_object(payload) else InboxDocument()
    if document.id is not None and document.id > 0:
        return document
    body = answer.json_or_none()
    confirmed = is_envelope(body) and member(body, "success") is True
    empty = confirmed and member(body, "result") is None
    # If a user's function returned a value, only this value can confirm the upload.
    own = operation.function is not None and payload is not None
    if (answer.status == 201 or empty) and not answer.is_web_page and not own:
        return InboxDocument()
    if operation.function is not None:
        wanted = Text("number_of_document", "the document's number as an int, or {{'id': number}}")
        raise unexpected(operation, answer, wanted)
    message = Text(
        "no_document_id",
        "{0}: the answer ({1}) names no document id",
        *(operation.label, answer.describe()),
    )
    raise ProtocolError(
        message,
        service="zenvoices",
        hint=IN_DOUBT,
        **answer.facts,
    )
