"""Fuzz the look at UBL documents: whatever the bytes, it answers and never raises."""

from __future__ import annotations

from io import BytesIO

from bridge import ubl
from bridge.testing._samples.sample import sample


def target(data: bytes) -> None:
    """Look at the document in every way there is."""
    found = ubl.peek(data)
    str(found)
    if isinstance(found, ubl.NotReadable):
        return
    for attachment in found.attachments:
        out = BytesIO()
        ubl.extract(data, attachment.index, out)
        if len(out.getvalue()) != attachment.size:
            raise AssertionError("an embedded file is not as large as it was said to be")
        if attachment.index == 3:  # each is another pass over the document
            break


def seeds() -> list[bytes]:
    """Documents to begin with: of every kind, and some that are refused."""
    name = b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
    return [
        *(sample(number).content for number in range(3)),
        sample(3, kind="credit note").content,
        b"<Invoice><ID>1</ID></Invoice>",
        b'<?xml version="1.0" encoding="iso-8859-1"?><Invoice><ID>\xe9</ID></Invoice>',
        "<Invoice><ID>\u20ac</ID></Invoice>".encode("utf-16"),
        b'<!DOCTYPE x [<!ENTITY a "b">]><Invoice>&a;</Invoice>',
        b'<x:Invoice xmlns:x="' + name + b'"><x:ID>1</x:ID></x:Invoice>',
        b"<StandardBusinessDocument><CreditNote><ID>1</ID></CreditNote></StandardBusinessDocument>",
    ]
