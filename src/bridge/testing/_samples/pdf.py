"""Write a PDF of a few lines of text, without another library."""

from collections.abc import Sequence
from hashlib import shake_128


def write_pdf(lines: Sequence[str], *, size: int | None = None) -> bytes:
    """Return a PDF of one page that shows `lines`, as far as they fit on it.

    Args:
        lines: The text, in characters of Windows-1252 without brackets and backslashes.
        size: The exact size of the file in bytes; None adds no padding. The padding is
            pseudo-random bytes, which do not compress, like the images of a real invoice.

    Raises:
        ValueError: When the text alone takes more than `size` bytes.
    """
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        page,
        _stream(_text(lines)),
    ]
    if size is None:
        return _assemble(objects)
    missing = size - len(_assemble([*objects, _stream(b"")]))
    if missing < 0:
        raise ValueError(f"this PDF takes at least {size - missing} bytes, not {size}")
    filler = shake_128("\n".join(lines).encode()).digest(missing)
    return _assemble([*objects, _stream(filler)])


def _text(lines: Sequence[str]) -> bytes:
    shown = [b"(%b) Tj T*" % line.encode("cp1252", "replace") for line in lines]
    return b"\n".join([b"BT /F1 10 Tf 15 TL 56 786 Td", *shown, b"ET"])


def _stream(data: bytes) -> bytes:
    # Always ten digits, here and below, so that the size of the file is known in advance.
    return b"<< /Length %010d >>\nstream\n%b\nendstream" % (len(data), data)


def _assemble(objects: Sequence[bytes]) -> bytes:
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    table = [b"0000000000 65535 f \n"]
    for number, body in enumerate(objects, 1):
        table.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start, count = len(data), len(table)
    data += b"xref\n0 %d\n%b" % (count, b"".join(table))
    data += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % count
    data += b"startxref\n%010d\n%%%%EOF\n" % start
    return bytes(data)
