"""Parse untrusted XML with expat, within limits, and pass its elements to a `Reader`.

A DOCTYPE is refused, so no entity can be declared or expanded. There are limits for the size of the
document, its depth, the length of one tag and the number of different names. Text is passed on in
pieces and not kept here.
"""

import re
from typing import Any, BinaryIO, TypeAlias
from xml.parsers import expat

from _client_kit._files import FileContent
from bridge.ubl._reader import SEPARATOR, NotReadable, Reader, StopReadingError, stop

MAX_BYTES = 256 * 1024 * 1024
"""The limit of a document's size in bytes."""

# Expat keeps an unfinished tag or comment in memory. Before version 2.6, it also parses the tag
# again from its start for each chunk. Tags of real invoices are shorter than a few kilobytes.
CHUNK = TOKEN_LIMIT = 16 * 1024
# Expat keeps each different name until the end, in about ten times the bytes of the name. UBL 2.1
# has about 2,000 names.
NAME_LIMIT = 20_000

# The encodings to accept. Without this list, the sender could choose any codec of Python
# ("unicode_escape", "punycode"); some of them warn or raise unexpected exceptions.
_ENCODING = re.compile(
    r"utf-?(8|16)([-_]?(le|be))?|(us-)?ascii|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}"
    r"|windows-?125\d|cp-?(125\d|437|85\d|86\d)|koi8-?[ru]",
    re.IGNORECASE,
)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"

Source: TypeAlias = FileContent
"""A document to read: bytes, the path of a file, or an open binary file that can seek."""


def parse(file: BinaryIO, reader: Reader) -> NotReadable | None:
    """Pass every element of `file` to `reader`; return why the file is not readable, or None.

    Raises:
        OSError: When the file itself cannot be read.
    """
    names: dict[Any, str] = {}
    parser = expat.ParserCreate(namespace_separator=SEPARATOR, intern=names)
    parser.buffer_text = True
    parser.buffer_size = CHUNK
    parser.XmlDeclHandler = _check_declaration
    parser.StartDoctypeDeclHandler = _refuse_doctype
    # This handler does nothing. But with a handler, expat also stores the prefixes in `names`, so
    # that NAME_LIMIT counts them.
    parser.StartNamespaceDeclHandler = _count_prefixes
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    fed = given = reached = 0
    has_wide_characters = False
    try:
        while chunk := file.read(CHUNK):
            # The first chunk of a document in UTF-16 contains a "<", and so a NUL byte.
            has_wide_characters = has_wide_characters or (not fed and b"\0" in chunk)
            fed += len(chunk)
            if fed > MAX_BYTES:
                return NotReadable("too big", f"larger than {MAX_BYTES:,} bytes")
            # Most of a large invoice is base64, and to parse it would double the time. So give
            # expat only its line breaks, which keep line numbers of errors correct. This is safe if
            # `reached` equals `given`: expat stops before an unfinished tag, comment, instruction,
            # reference or "]]", so the parser is inside text.
            may_skip = reached == given and not has_wide_characters
            if reader.file is not None and may_skip and _is_base64(chunk):
                reader.file.feed(chunk)
                chunk = b"\n" * chunk.count(b"\n")
            given += len(chunk)
            parser.Parse(chunk, False)
            # Expat reports -1 while it defers the beginning of a long token, so keep the maximum.
            reached = max(reached, parser.CurrentByteIndex)
            if given - reached > TOKEN_LIMIT:
                return NotReadable("too big", f"one tag or comment exceeds {TOKEN_LIMIT:,} bytes")
            if len(names) > NAME_LIMIT:
                return NotReadable("too big", f"more than {NAME_LIMIT:,} different names")
        if not fed:
            return NotReadable("empty", "there are no bytes")
        parser.Parse(b"", True)
    except StopReadingError as stopped:
        return stopped.outcome
    except expat.ExpatError as error:
        if error.code == _UNKNOWN_ENCODING:
            return NotReadable("encoding", str(error))
        return NotReadable("not XML", str(error))
    except (LookupError, ValueError) as error:
        # Before the root element, the error comes from the codec that the document declares. Later
        # it is an error of the caller's file.
        if names:
            raise
        return NotReadable("encoding", str(error))
    return None


_UNKNOWN_ENCODING = expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]


def _is_base64(chunk: bytes) -> bool:
    """Return True if all bytes are base64 or white space, in any accepted encoding but UTF-16."""
    return not chunk.translate(None, _BASE64)


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and not _ENCODING.fullmatch(encoding):
        raise stop("encoding", f"the encoding {encoding[:40]!r} is not read")


def _count_prefixes(*_: object) -> None:
    pass


def _refuse_doctype(*_: object) -> None:
    raise stop("DOCTYPE", "a DOCTYPE is not accepted")
