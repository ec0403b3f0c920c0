"""Feeding expat: chunks, caps and namespaces; nothing here knows what an invoice says.

Invoices come from strangers. A DOCTYPE is refused (no entity, so no entity bomb); depth, size, the
length of one tag, and how many different names there are and how long, are capped; and no text is
kept here: whatever the document is, memory stays within some tens of megabytes.
"""

import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias, cast
from xml.parsers import expat

from attrs import frozen

from _client_kit._files import FileSource

# Expat holds an unfinished tag or comment whole, and writes a namespace out before each name that
# has its prefix: a tag may take the square of its length. A real one is under a few kilobytes.
CHUNK = TOKEN_LIMIT = 16 * 1024
NAMESPACE_LIMIT = 1000
# Expat remembers every distinct name until the end; UBL 2.1 has about 2,000.
NAME_LIMIT = 20_000
NAMES_LENGTH_LIMIT = 4 * 1024 * 1024

WRAPPER = "StandardBusinessDocument"
_WRAPPER_SPACE = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_UBL_SPACE = re.compile(r"urn:oasis:names:(specification|tc):ubl:", re.IGNORECASE)

# Python's codecs answer to names that no invoice has ("unicode_escape", "punycode"); some warn
# or fail in their own ways, so the sender does not get to choose among them.
_ENCODING = re.compile(
    r"utf-?(8|16)([-_]?(le|be))?|(us-)?ascii|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}"
    r"|windows-?125\d|cp-?(125\d|437|85\d|86\d)|koi8-?[ru]",
    re.IGNORECASE,
)
_SEPARATOR = " "  # a space cannot occur in a namespace that is a URI

Reason: TypeAlias = Literal[
    "empty", "not XML", "truncated", "encoding", "DOCTYPE", "too deep", "too big", "not UBL"
]
"""Why bytes could not be read as an invoice."""


class Readable(Protocol):
    """Anything with a binary ``read``: an open file, a ``BytesIO``, a pipe."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and none at the end."""
        ...


Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str] | Readable
"""What can be read: bytes, the path of a file, or an open binary file."""


@frozen
class NotReadable:
    """The bytes cannot be read as a UBL invoice or credit note.

    A value, not an exception: a file nobody can read is an ordinary thing to meet, and it must not
    stop anything.

    Attributes:
        reason: One of a few fixed words, to decide by.
        detail: The same for a person, with the line and column where there is one.
    """

    reason: Reason
    detail: str

    def __str__(self) -> str:
        """Return the detail."""
        return self.detail


class StopReadingError(Exception):
    # A signal that leaves expat early, never an error that escapes.
    """Leave the parser now; `outcome` is None when all that was wanted has been read."""

    def __init__(self, outcome: NotReadable | None = None) -> None:
        super().__init__()
        self.outcome = outcome


class Visitor(Protocol):
    """Receives elements by local name; ``None`` is a name outside UBL."""

    @property
    def raw(self) -> Callable[[bytes], object] | None:
        """Takes the text of the element that is open as bytes; None where it must be parsed."""
        ...

    def start(self, name: str | None, attributes: dict[str, str]) -> None:
        """An element begins."""
        ...

    def text(self, data: str) -> None:
        """Some text of the element that is open; one text may come in several calls."""
        ...

    def end(self) -> None:
        """The element that is open ends."""
        ...


@contextmanager
def opened(source: Source) -> Generator[Readable, None, None]:
    """Open `source` for reading; a seekable file is left at the position where it was found."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield _Full(BytesIO(source))
    elif isinstance(source, str | os.PathLike):
        with FileSource.of(source).open() as file:  # an error of which repeats no text
            yield _Full(file)
    else:
        seek = getattr(source, "seek", None)
        seekable = getattr(source, "seekable", None)
        tell = getattr(source, "tell", None)
        if not (callable(seek) and callable(tell) and callable(seekable) and seekable()):
            yield _Full(source)
            return
        position = tell()
        try:
            yield _Full(source)
        finally:
            seek(position)


class _Full:
    """A file that gives as much as is asked for, until its end.

    Expat begins an unfinished tag or comment anew with every piece: in pieces of a byte each, as a
    slow connection may give them, that takes time in the square of its length.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            piece = cast("object", self._file.read(size))
            # Expat takes text as well, ignoring what the document says of its own encoding.
            if not isinstance(piece, bytes):
                raise TypeError("open the file in binary mode")
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def parse(
    file: Readable, visitor: Visitor, *, max_bytes: int, max_depth: int
) -> NotReadable | None:
    """Give every element of `file` to `visitor`; return what is wrong, or None.

    Raises:
        OSError: When the file itself cannot be read.
        TypeError: When the file was opened as text.
    """
    names: dict[Any, str] = {}  # None is among them, the prefix of what has none
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR, intern=names)
    feeder = _Feeder(visitor, max_depth)
    parser.buffer_text = True
    parser.buffer_size = CHUNK
    parser.XmlDeclHandler = feeder.declaration
    parser.StartDoctypeDeclHandler = feeder.doctype
    # Expat remembers prefixes, too: that somebody listens puts them among the names.
    parser.StartNamespaceDeclHandler = feeder.namespace
    parser.StartElementHandler = feeder.start
    parser.EndElementHandler = feeder.end
    parser.CharacterDataHandler = visitor.text
    fed = given = reached = known = length = 0
    chunk = b""
    head = b""
    take: Callable[[bytes], object] | None = None
    try:
        while chunk := file.read(CHUNK):
            head = (head + chunk[:4])[:4]
            fed += len(chunk)
            if fed > max_bytes:
                return NotReadable("too big", f"larger than {max_bytes:,} bytes")
            if take is not None:
                chunk = _past_text(chunk, take)
                if not chunk:
                    continue
            given += len(chunk)
            parser.Parse(chunk, False)
            # Expat says -1 when it has put off looking at the beginning of something long.
            reached = max(reached, parser.CurrentByteIndex)
            take = visitor.raw if reached == given and not _is_wide(head) else None
            if given - reached > TOKEN_LIMIT:
                return NotReadable("too big", f"one tag or comment exceeds {TOKEN_LIMIT:,} bytes")
            if len(names) > known:
                length += sum(len(name or "") for name in islice(names, known, None))
                known = len(names)
            if known > NAME_LIMIT or length > NAMES_LENGTH_LIMIT:
                return NotReadable("too big", f"{known:,} different names, {length:,} long in all")
        if not fed:
            return NotReadable("empty", "there are no bytes")
        parser.Parse(b"", True)
    except StopReadingError as stop:
        return stop.outcome
    except expat.ExpatError as error:
        if error.code == _UNKNOWN_ENCODING:
            return NotReadable("encoding", str(error))
        # With bytes still coming the fault is in them; after the last, in what is missing, or in
        # what expat had put off.
        missing = _UNENDED if feeder.began else {_UNCLOSED_TOKEN}
        truncated = not chunk and error.code in missing
        return NotReadable("truncated" if truncated else "not XML", str(error))
    except (LookupError, ValueError) as error:
        # Before the root it is the codec that the declaration names; later, the caller's own file.
        if feeder.began:
            raise
        return NotReadable("encoding", str(error))
    return None


_UNCLOSED_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
_UNENDED = {
    _UNCLOSED_TOKEN,
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}
_UNKNOWN_ENCODING = expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]


_WIDE = (BOM_UTF16_LE, BOM_UTF16_BE)
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def _is_wide(head: bytes) -> bool:
    """Whether a document that begins so has two bytes to a character."""
    return b"\0" in head or head[:2] in _WIDE


def _past_text(chunk: bytes, take: Callable[[bytes], object]) -> bytes:
    """Give away the text a chunk begins with; return the rest, and the line ends of the text.

    Embedded files are nearly all of a large invoice, and their base64 is nothing to parse. Whoever
    reads the document whole must find the same elements in it, so this rests on two conditions:

    - Expat has reached the end of what it was given. A tag, reference, comment, instruction,
      character or ``]]`` that has begun holds it back at its beginning: it stands in text, perhaps
      of a CDATA section.
    - All of the text is letters of base64 and blank space, which every encoding that is read has
      in ASCII's places, if it has one byte to a character. In text they leave expat where it
      stands: behind them it is as if it had read them.

    Anything else is left to expat, also what no XML may hold. The line ends keep the lines of
    errors right.
    """
    end = chunk.find(b"<")
    text = chunk if end < 0 else chunk[:end]
    others = text.translate(None, _LETTERS)
    if others.strip(b" \t\r\n"):
        return chunk
    take(text)
    return b"\n" * others.count(b"\n") + (b"" if end < 0 else chunk[end:])


class _Feeder:
    """Turns expat's calls into the visitor's, and counts."""

    def __init__(self, visitor: Visitor, max_depth: int) -> None:
        self.began = False
        self._visitor = visitor
        self._max_depth = max_depth
        self._depth = 0
        self._local: dict[str, str | None] = {}

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        del version, standalone
        if encoding is not None and not _ENCODING.fullmatch(encoding):
            raise StopReadingError(
                NotReadable("encoding", f"the encoding {encoding[:40]!r} is not read")
            )

    def doctype(self, *_: object) -> None:
        raise StopReadingError(NotReadable("DOCTYPE", "a DOCTYPE is not accepted"))

    def namespace(self, prefix: str | None, uri: str | None) -> None:
        del prefix
        if len(uri or "") > NAMESPACE_LIMIT:
            detail = f"a namespace is longer than {NAMESPACE_LIMIT:,} characters"
            raise StopReadingError(NotReadable("too big", detail))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.began = True
        self._depth += 1
        if self._depth > self._max_depth:
            raise StopReadingError(
                NotReadable("too deep", f"nested deeper than {self._max_depth} elements")
            )
        try:
            local = self._local[name]
        except KeyError:
            local = self._local[name] = local_name(name)
        self._visitor.start(local, attributes)

    def end(self, name: str) -> None:
        del name
        self._depth -= 1
        self._visitor.end()


def local_name(name: str) -> str | None:
    """Return the local part of expat's ``namespace local``, or None for what UBL does not own.

    No namespace at all is taken for UBL: some senders forget it, and the local names are telling.
    """
    space, _, local = name.rpartition(_SEPARATOR)
    if not space or _UBL_SPACE.match(space):
        return local
    return local if local == WRAPPER and space == _WRAPPER_SPACE else None
