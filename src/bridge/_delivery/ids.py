"""Check and normalise the ids of spaces, companies and documents."""

from __future__ import annotations

import re

from attrs import evolve

from _client_kit._address import is_id
from _client_kit._response import Page
from banqup_client import Document
from banqup_client._environment import check_space_id
from bridge._errors import setting_error

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def space_id_of(given: str) -> str:
    """Return the space's id in its canonical form.

    Without this, one space typed in two ways would be two connections, and each document would be
    sent twice.

    Raises:
        ConfigurationError: The id is not usable.
    """
    return canonical_id(check_space_id(given, "space_id", service="bridge"))


def canonical_id(given: str) -> str:
    """Return the form of an id to compare and store: a UUID in lower case, else unchanged."""
    return given.lower() if _UUID.fullmatch(given) else given


def of_another_space(named: str | None, space_id: str) -> bool:
    """Return True if a document names another space than `space_id`; False if it names none.

    Args:
        named: The id of the space that the document names, in any spelling; or None.
        space_id: The id of the connection's space, in canonical form.
    """
    return bool(named) and canonical_id(str(named)) != space_id


def usable(page: Page[Document], folder: str, space_id: str) -> tuple[dict[str, Document], int]:
    """Return a page's documents by canonical id, and the number of its other entries.

    The other entries cannot be read, have no usable id, or are of another space. A document that
    names no folder gets the folder that was listed.
    """
    documents: dict[str, Document] = {}
    unfit = page.unreadable
    for document in page.items:
        if not is_id(document.id) or of_another_space(document.space_id, space_id):
            unfit += 1
            continue
        named = document if document.folder else evolve(document, folder=folder)
        documents.setdefault(canonical_id(document.id), named)
    return documents, unfit


def company_code_of(given: object) -> str:
    """Return the company's code without white space around it.

    A number is refused, because it has lost the leading zeros of the code.

    Raises:
        ConfigurationError: The code is not usable.
    """
    if not isinstance(given, str) or not given.strip():
        raise setting_error(
            "company_code_text",
            "company_code must be a text such as '0042', with its leading zeros",
        )
    return given.strip()
