"""What an export needs of Banqup, to compare a vendor's file or a live answer with."""

from __future__ import annotations

from functools import cache

from _contract_check.expectations import Expectations, kinds_of
from banqup_client import (
    Asked,
    AskedBytes,
    AskedDocument,
    AskedDocuments,
    AskedFile,
    Document,
    FileDetails,
    Space,
)

__all__ = ["expectations"]

# A folder that is missing trusts the query, a category or a size that is missing stops nothing.
_ESSENTIAL = {
    "token.get": "sends:grant_type sends:client_id sends:client_secret reads:access_token",
    "spaces.list": "reads:spaces reads:spaces[].id",
    "documents.list": "?folder ?page ?size reads:documents reads:documents[].id "
    "reads:documents[].status reads:documents[].status.document reads:documents[].files "
    "reads:documents[].files[].id",
    "documents.get": "reads:id reads:status reads:status.document reads:files reads:files[].id",
    "files.details": "reads:downloadUrl",
}
_VALUES = {
    "asked.space_id": "spaceId space",
    "asked.document_id": "documentId document",
    "asked.file_id": "fileId file attachmentId",
    "asked.folder": "folder box",
    'asked.default.query.get("updatedSince")': "updatedSince modifiedSince updatedAfter",
    "asked.page": "page number pageNumber",
    "asked.token": "next token pageToken",
    "asked.size": "size pageSize limit",
}
_ARRAY = frozenset({"array"})
_STATUSES = ("VALIDATED", "FULLY_APPROVED")
_FOLDERS = ("PURCHASES", "SALES")


@cache
def expectations() -> Expectations:
    """Return what an export needs, made once."""
    return Expectations(
        client="BanqupClient",
        login="token.get",
        essential={name: frozenset(text.split()) for name, text in _ESSENTIAL.items()},
        kinds={
            "spaces.list": {"spaces": _ARRAY, **kinds_of(Space, "spaces[]")},
            "documents.list": {"documents": _ARRAY, **kinds_of(Document, "documents[]")},
            "documents.get": kinds_of(Document),
            "files.details": kinds_of(FileDetails),
        },
        words={
            "documents.list": {
                "?folder": _FOLDERS,
                "documents[].folder": _FOLDERS,
                "documents[].status.document": _STATUSES,
            },
            "documents.get": {"folder": _FOLDERS, "status.document": _STATUSES},
            "files.details": {"status": ("AVAILABLE",)},
        },
        may_be_empty=frozenset({"documents.list documents[].files", "documents.get files"}),
        replaced={
            "files.download": ("files.details",),
            "documents.files": (
                "documents.list reads:documents[].files",
                "documents.list reads:documents[].files[].id",
                "documents.get reads:files",
                "documents.get reads:files[].id",
            ),
        },
        asked={
            "spaces.list": Asked,
            "documents.list": AskedDocuments,
            "documents.get": AskedDocument,
            "files.details": AskedFile,
            "files.download": AskedBytes,
        },
        values={value: tuple(names.split()) for value, names in _VALUES.items()},
        form=True,
    )
