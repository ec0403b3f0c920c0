"""What an export needs of Banqup, to hold a vendor's file or a live answer against."""

from __future__ import annotations

from functools import cache

from _contract_check.expectations import Expectations, kinds_of
from banqup_client._models import Document, FileDetails, Space

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
_STATUSES = ("VALIDATED", "FULLY_APPROVED")
_FOLDERS = ("PURCHASES", "SALES")


@cache
def expectations() -> Expectations:
    """What an export needs, made once."""
    decode = "BanqupClient(operations=...)"
    return Expectations(
        essential={name: frozenset(text.split()) for name, text in _ESSENTIAL.items()},
        kinds={
            "spaces.list": {"spaces": frozenset({"array"}), **kinds_of(Space, "spaces[]")},
            "documents.list": {
                "documents": frozenset({"array"}),
                **kinds_of(Document, "documents[]"),
            },
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
        forms=frozenset({"token.get"}),
        functions={"reads:documents.list": decode, "reads:documents.get": decode},
    )
