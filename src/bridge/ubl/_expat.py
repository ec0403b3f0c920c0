"""Parse untrusted XML with expat, within limits, and pass its elements to a `Visitor`.

A DOCTYPE is refused, so no entity can be declared or expanded. There are limits for the size of the
document, its depth, the length of one tag and the number of different names. No text is kept.
"""

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias
from xml.parsers import expat

from attrs import frozen

from _client_kit._files import FileContent

MAX_BYTES = 256 * 1024 * 1024
"""The limit of a document's size in bytes."""
MAX_DEPTH = 200
"""The limit of nesting; a real invoice has less than 20 levels."""

# Expat keeps an unfinished tag or comment in memory. Before version 2.6 it also parses it again for
# each chunk. Tags of real invoices are shorter than a few kilobytes.
CHUNK = TOKEN_LIMIT = 16 * 1024
# Expat keeps each name until the end, which takes ten times the bytes of the name. UBL 2.1 has
# about 2,000 names.
NAME_LIMIT = 20_000

WRAPPER = "StandardBusinessDocument"
_WRAPPER_SPACE = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_UBL_SPACE = re.compile(r"urn:oasis:names:(specification|tc):ubl:", re.IGNORECASE)

# The encodings to accept. Without this list, the sender could choose any codec of Python
# ("unicode_escape", "punycode"); some of them warn or raise unexpected exceptions.
_ENCODING = re.compile(
    r"utf-?(8|16)([-_]?(le|be))?|(us-)?ascii|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}"
    r"|windows-?125\d|cp-?(125\d|437|85\d|86\d)|koi8-?[ru]",
    re.IGNORECASE,
)
# Expat refuses a namespace that contains this separator, so it is a character that XML 1.0 forbids.
# A blank would refuse invoices that declare a namespace such as "urn:a b.xsd".
_SEPARATOR = "\f"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"

Reason: TypeAlias = Literal[
    "empty", "not XML", "truncated", "encoding", "DOCTYPE", "too deep", "too big", "not UBL"
]
"""Why bytes could not be read as an invoice."""


Source: TypeAlias = FileContent
"""A document to read: bytes, the path of a file, or an open binary file that can seek."""


@frozen
class NotReadable:
    """The bytes cannot be read as a UBL invoice or credit note.

    It is a return value and not an exception, because an unreadable file must not stop an export.

    Attributes:
        reason: One of a few fixed values, for programs.
        detail: The reason as text for people, with line and column if known.
    """

    reason: Reason
    detail: str

    def __str__(self) -> str:
        """Return the detail."""
        return self.detail


class StopReadingError(Exception):
    """Raised by a visitor to stop `parse`; it never leaves this package.

    Attributes:
        outcome: Why the document is not readable; None if the visitor needs no more of it.
    """

    def __init__(self, outcome: NotReadable | None = None) -> None:
        super().__init__()
        self.outcome = outcome


class Visitor(Protocol):
    """Receives the elements of a document.

    An element's name is its local name, or None if it is in a foreign namespace.
    """

    @property
    def take_base64(self) -> Callable[[bytes], object] | None:
        """A function that receives the base64 text of the open element, or None.

        With a function, expat does not get this text: to parse it would take twice the time.
        """

    def start(self, name: str | None, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""

    def text(self, data: str) -> None:
        """Handle a piece of the open element's text."""

    def end(self) -> None:
        """Handle the end of the open element."""


def parse(file: BinaryIO, visitor: Visitor) -> NotReadable | None:
    """Pass every element of `file` to `visitor`; return why the file is not readable, or None.

    Raises:
        OSError: When the file itself cannot be read.
    """
    names: dict[Any, str] = {}
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR, intern=names)
    local_names: dict[str, str | None] = {}
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise stop("too deep", f"nested deeper than {MAX_DEPTH} elements")
        if name not in local_names:
            local_names[name] = local_name(name)
        visitor.start(local_names[name], attributes)

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1
        visitor.end()

    parser.buffer_text = True
    parser.buffer_size = CHUNK
    parser.XmlDeclHandler = _check_declaration
    parser.StartDoctypeDeclHandler = _refuse_doctype
    # This handler does nothing. But with a handler, expat also stores the prefixes in `names`, so
    # that NAME_LIMIT counts them.
    parser.StartNamespaceDeclHandler = _count_prefixes
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = visitor.text
    fed = given = reached = 0
    has_wide_characters = False
    chunk = b""
    try:
        while chunk := file.read(CHUNK):
            # The first chunk of a document in UTF-16 contains a "<", and so a NUL byte.
            has_wide_characters = has_wide_characters or (not fed and b"\0" in chunk)
            fed += len(chunk)
            if fed > MAX_BYTES:
                return NotReadable("too big", f"larger than {MAX_BYTES:,} bytes")
            # Most of a large invoice is base64, and to parse it would double the time. Skipping it
            # is safe if `reached` equals `given`: expat stops before an unfinished tag, comment,
            # instruction, reference or "]]", so the parser is inside text. The line breaks keep the
            # line numbers of errors correct.
            take = visitor.take_base64 if reached == given and not has_wide_characters else None
            if take is not None and _is_base64(chunk):
                take(chunk)
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
        # Not every error after the last chunk means a truncated file: expat may have deferred an
        # earlier error.
        truncated = not chunk and error.code in _UNENDED
        return NotReadable("truncated" if truncated else "not XML", str(error))
    except (LookupError, ValueError) as error:
        # Before the root element, the error comes from the codec that the document declares. Later
        # it is an error of the caller's file.
        if local_names:
            raise
        return NotReadable("encoding", str(error))
    return None


_UNENDED = {
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}
_UNKNOWN_ENCODING = expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]


def _is_base64(chunk: bytes) -> bool:
    """Return True if all bytes are base64 or white space, in every accepted encoding."""
    return not chunk.translate(None, _BASE64)


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and not _ENCODING.fullmatch(encoding):
        raise stop("encoding", f"the encoding {encoding[:40]!r} is not read")


def _count_prefixes(*_: object) -> None:
    pass


def _refuse_doctype(*_: object) -> None:
    raise stop("DOCTYPE", "a DOCTYPE is not accepted")


def stop(reason: Reason, detail: str) -> StopReadingError:
    """Return the exception that stops `parse` with the reason why a document is not readable."""
    return StopReadingError(NotReadable(reason, detail))


def local_name(name: str) -> str | None:
    """Return the local part of an element's name from expat; None in a foreign namespace.

    UBL's namespaces and that of the wrapper around an invoice (`WRAPPER`) are not foreign. An
    element without a namespace counts as UBL, because some senders forget the namespace.
    """
    space, _, local = name.rpartition(_SEPARATOR)
    if not space or _UBL_SPACE.match(space):
        return local
    return local if local == WRAPPER and space == _WRAPPER_SPACE else None
