"""What a user would write to correct the library for each dialect: patches and functions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from _contract_check.banqup import BANQUP
from _contract_check.command import run
from _contract_check.zenvoices import ZENVOICES
from banqup_client import AskedDocument, AskedDocuments
from zenvoices_client import AskedUpload, Base64, Call

VENDOR_FILES = Path(__file__).parent / "vendor_files"

COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "banqup": partial(run, "banqup_client", BANQUP),
    "zenvoices": partial(run, "zenvoices_client", ZENVOICES),
}


def vendor_file(name: str) -> str:
    """The path of a vendor's file."""
    return str(VENDOR_FILES / f"{name}.json")


_API = "/public-api/v1"
_ITEMS = {"items": "records", "totalCount": "total"}
_PAGING = {"maxResultCount": "take", "skipCount": "skip"}
_INBOX = {
    "id": "documentId",
    "externalId": "reference",
    "administrationId": "companyId",
    "senderName": "from",
    "subject": "title",
}

ZENVOICES_RENAMED: dict[str, Any] = {
    "companies.list": {
        "path": f"{_API}/administrations/search",
        "rename": {
            **_ITEMS,
            **_PAGING,
            "items[].id": "administrationId",
            "items[].code": "administrationCode",
        },
    },
    "inbox.upload": {
        "path": f"{_API}/inbox/submit",
        "rename": {
            **_INBOX,
            "attachments": "files",
            "attachments[].fileName": "name",
            "attachments[].contentType": "mimeType",
            "attachments[].content": "base64",
        },
    },
    "inbox.list": {
        "path": f"{_API}/inbox/search",
        "rename": {
            **_ITEMS,
            **_PAGING,
            "administrationId": "companyId",
            "items[].id": "documentId",
            "items[].externalId": "reference",
            "items[].administrationId": "companyId",
        },
    },
    "inbox.details": {
        "path": f"{_API}/inbox/document",
        "query": {"id": "documentId", "company_id": "companyId", "external_id": "reference"},
        "rename": _INBOX,
    },
}

ZENVOICES_NESTED: dict[str, Any] = {"inbox.upload": {"path": f"{_API}/inbox/uploadAndRead"}}


def upload_nested(asked: AskedUpload) -> Generator[Call, Any, Any]:
    """One file a call, header and file apart."""
    (file,) = asked.upload.attachments
    body = {
        "header": {
            "administrationId": asked.company_id,
            "externalId": asked.external_id,
            "subject": asked.upload.subject,
            "sender": asked.upload.sender_name,
        },
        "file": {
            "name": file.file_name,
            "mediaType": file.content_type,
            "data": Base64(file.content),
        },
        "source": "api",
    }
    return (yield evolve(asked.default, json=body))


_V2 = "/datastore/documents/transaction/v2/spaces/{space_id}"
_DOCUMENT = {
    "id": "documentId",
    "folder": "box",
    "category": "kind",
    "status": "state",
    "status.document": "approval",
    "createdAt": "created",
    "updatedAt": "modified",
    "files": "attachments",
    "files[].id": "fileId",
    "files[].filename": "name",
    "files[].contentType": "mimeType",
    "files[].fileSize": "bytes",
}

BANQUP_RENAMED: dict[str, Any] = {
    "documents.list": {
        "path": f"{_V2}/invoices",
        "query": {
            "folder": "box",
            "updated_since": "modifiedSince",
            "page": "number",
            "size": "pageSize",
        },
        "rename": {
            "documents": "content",
            "page": "number",
            "size": "pageSize",
            "total": "totalElements",
            **{f"documents[].{path}": name for path, name in _DOCUMENT.items()},
        },
    },
    "documents.get": {"path": f"{_V2}/invoices/{{document_id}}", "rename": _DOCUMENT},
    "files.details": {
        "path": f"{_V2}/attachments/{{file_id}}",
        "rename": {
            "id": "fileId",
            "filename": "name",
            "status": "state",
            "fileSize": "bytes",
            "contentType": "mimeType",
            "downloadUrl": "link",
        },
    },
}

_WORDS = {
    "NEW": "AWAITING_VALIDATION",
    "CHECKED": "VALIDATED",
    "APPROVED": "FULLY_APPROVED",
    "REJECTED": "REFUSED",
}


def _document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Another structure and other words for the status."""
    header, content = document["header"], document["content"]
    parts = [part for part in (content["original"], *content["others"]) if part]
    state = document["workflow"]["state"]
    return {
        "id": document["key"],
        "folder": header["folder"],
        "category": header["documentType"],
        "updatedAt": header["changedOn"],
        "status": {"document": _WORDS.get(state, state)},
        "files": [
            {"id": part["fileId"], "filename": part["fileName"], "fileSize": part["length"]}
            for part in parts
        ],
    }


def list_nested(asked: AskedDocuments) -> Generator[Call, Any, Any]:
    """A page of such documents."""
    answer = yield asked.default
    return {**answer, "documents": [_document(row) for row in answer["documents"]]}


def get_nested(asked: AskedDocument) -> Generator[Call, Any, Any]:
    """One such document."""
    return _document((yield asked.default))


BANQUP_NESTED = {"documents.list": list_nested, "documents.get": get_nested}
