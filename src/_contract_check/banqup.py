"""The facts that an export needs from Banqup's API: names, types and values."""

from __future__ import annotations

from _contract_check.expectations import ARRAY, OBJECT, Expectations

# A document's folder and category and a file's size are not listed: an export does not need them.
# If a document names no folder, the export assumes the folder that it requested.
_ESSENTIAL = {
    "token.get": "sends:grant_type sends:client_id sends:client_secret reads:access_token",
    "spaces.list": "reads:spaces reads:spaces[].id",
    "documents.list": "query:folder query:page query:size reads:documents reads:documents[].id "
    "reads:documents[].status reads:documents[].status.document reads:documents[].files "
    "reads:documents[].files[].id",
    "documents.get": "reads:id reads:status reads:status.document reads:files reads:files[].id",
    "files.details": "reads:downloadUrl",
}
_SPACE = {"asked.space_id": "spaceId space"}
_FILE = {**_SPACE, "asked.file_id": "fileId file attachmentId"}
_VALUES = {
    "documents.list": {
        **_SPACE,
        "asked.folder": "folder box",
        'asked.default.query.get("updatedSince")': "updatedSince modifiedSince updatedAfter",
        "asked.page": "page number pageNumber",
        "asked.token": "next token pageToken cursor continuationToken",
        "asked.size": "size pageSize limit",
    },
    "documents.get": {**_SPACE, "asked.document_id": "documentId document"},
    "files.details": _FILE,
    "files.download": _FILE,
}

BANQUP = Expectations(
    client="BanqupClient",
    essential={name: frozenset(text.split()) for name, text in _ESSENTIAL.items()},
    kinds={
        "spaces.list": {"spaces": ARRAY},
        "documents.list": {
            "documents": ARRAY,
            "documents[].status": OBJECT,
            "documents[].files": ARRAY,
        },
        "documents.get": {"status": OBJECT, "files": ARRAY},
        "files.details": {"downloadUrl": frozenset({"string"})},
    },
    words={
        "folder": ("PURCHASES", "SALES"),
        "status.document": ("VALIDATED", "FULLY_APPROVED"),
        "status": ("AVAILABLE",),
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
    values=_VALUES,
)
"""The facts that an export needs from Banqup."""
