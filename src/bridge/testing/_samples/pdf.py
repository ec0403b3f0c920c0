"""Write a PDF of a few lines of text, without another library."""

from collections.abc import Sequence


def write_pdf(lines: Sequence[str]) -> bytes:
    """Return a PDF of one page that shows `lines`.

    The lines may have characters of Windows-1252 only, and no round brackets or backslashes: these
    would have to be escaped in a PDF.
    """
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    shown = [b"(%b) Tj T*" % line.encode("cp1252") for line in lines]
    text = b"\n".join([b"BT /F1 10 Tf 15 TL 56 786 Td", *shown, b"ET"])
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        page,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
    ]
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    table = [b"0000000000 65535 f \n"]
    for number, body in enumerate(objects, 1):
        table.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start, count = len(data), len(table)
    data += b"xref\n0 %d\n%b" % (count, b"".join(table))
    data += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % count
    data += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(data)
