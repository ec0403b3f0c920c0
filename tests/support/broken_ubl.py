"""Invoices that no XML parser of ours reads, though each is meant as a UBL invoice."""

from codecs import BOM_UTF8, BOM_UTF16_LE, BOM_UTF32_LE

from support.ubl_documents import document, embedded

_BODY = document("<cbc:ID>N-1</cbc:ID>" + embedded(b"%PDF-1.4 inside")).decode()


def labelled(label: str, encoding: str = "utf-8") -> bytes:
    """Return the invoice in one encoding with the label of another."""
    text = f'<?xml version="1.0" encoding="{label}"?>\n{_BODY}'
    return text.encode(encoding)


PLAIN = labelled("UTF-8")
CREDIT_NOTE = document("<cbc:ID>N-2</cbc:ID>", "CreditNote")

UNREADABLE: dict[str, bytes] = {
    "utf-8 labelled utf-16": labelled("utf-16"),
    "utf-8 labelled UTF-32": labelled("UTF-32"),
    "label IBM850": labelled("IBM850"),
    "label macintosh": labelled("macintosh"),
    "label unicode": labelled("unicode"),
    "label ucs-2": labelled("ucs-2"),
    "label that is a codec of Python": labelled("unicode_escape"),
    "label that is no encoding": labelled("xyz-1"),
    "utf-16 labelled utf-8": labelled("utf-8", "utf-16-le"),
    "utf-16 labelled utf-8, marked": BOM_UTF16_LE + labelled("utf-8", "utf-16-le"),
    "utf-32": labelled("utf-32", "utf-32-be"),
    "utf-32, marked": BOM_UTF32_LE + labelled("utf-32", "utf-32-le"),
    "two marks": BOM_UTF8 + BOM_UTF8 + PLAIN,
    "mark, line break": BOM_UTF8 + b"\r\n" + PLAIN,
    "line break, mark": b"\n" + BOM_UTF8 + PLAIN,
    "mark encoded twice": BOM_UTF8.decode("latin-1").encode() + PLAIN,
    "line break": b"\n" + PLAIN,
    "NUL": b"\0" + PLAIN,
    "text before it": b"HTTP/1.1 200 OK\r\n\r\n" + PLAIN,
    "DOCTYPE": PLAIN.replace(b"?>\n", b"?>\n<!DOCTYPE Invoice>\n", 1),
    "entities": PLAIN.replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n', 1),
    "no version": PLAIN.replace(b' version="1.0"', b"", 1),
    "Windows-1252 in UTF-8": PLAIN.replace(b"N-1", b"N\x96\xe91"),
    "undeclared prefix": PLAIN.replace(b"<cbc:ID>N", b"<x:ID>N", 1),
    "undeclared entity": PLAIN.replace(b"N-1", b"N&nbsp;1"),
    "control character": PLAIN.replace(b"N-1", b"N\x0b1"),
    "cut in a tag": PLAIN[:-4],
    "cut in a file": PLAIN[: PLAIN.index(b"mimeCode") + 60],
    "cut in the root": PLAIN[: PLAIN.index(b"Invoice-2") + 10],
    "text behind it": PLAIN + b"\n-- sent by a mail program",
    "two documents": PLAIN + PLAIN,
    "nested too deep": PLAIN.replace(b"<cbc:ID>N", b"<a>" * 300 + b"<cbc:ID>N", 1),
    "credit note, cut": CREDIT_NOTE[:-2],
    "credit note, DOCTYPE": b"<!DOCTYPE CreditNote>" + CREDIT_NOTE,
}
