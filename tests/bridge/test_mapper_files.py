"""The files a mapper is given: other libraries read them as any open file."""

from __future__ import annotations

import io
import zipfile

import pytest

from bridge import SourceFile
from bridge._mapping.mapper import main_file
from bridge._mapping.spool import IN_MEMORY, Spool


def file_of(name: str, content: bytes, kind: str = "application/octet-stream") -> SourceFile:
    """One file of a document."""
    return SourceFile("f1", name, kind, len(content), io.BytesIO(content))


def test_file_can_be_wrapped_as_text_buffered_and_as_an_archive() -> None:
    """What reads open files reads these: line by line, in buffers, from the end."""
    lines = file_of("a.csv", "één;2\ntwee;3\n".encode())
    assert list(io.TextIOWrapper(lines.open(), "utf-8")) == ["één;2\n", "twee;3\n"]
    buffered = io.BufferedReader(lines.open())  # type: ignore[type-var]
    assert (buffered.read(4), buffered.read()) == ("éé".encode(), b"n;2\ntwee;3\n")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("inside.txt", "x" * 100)
    with zipfile.ZipFile(file_of("a.zip", archive.getvalue()).open()) as opened:
        assert opened.read("inside.txt") == b"x" * 100


def test_readers_of_one_file_do_not_move_each_other() -> None:
    """Each stands where it was left, whatever the others read."""
    file = file_of("a.bin", b"0123456789")
    one, other = file.open(), file.open()
    assert (one.read(2), other.read(4), one.seek(2, io.SEEK_CUR)) == (b"01", b"0123", 4)
    assert (one.read(), other.read(), other.seek(-1, io.SEEK_END)) == (b"456789", b"456789", 9)


def test_main_file_is_the_first_with_bytes_where_none_is_of_a_known_kind() -> None:
    """An empty file is the document only where there is no other."""
    empty, text = file_of("a.txt", b""), file_of("b.txt", b"hello")
    assert main_file([empty, text]) is text
    assert main_file([empty]) is empty


def test_large_download_goes_to_a_file_and_reads_back_whole() -> None:
    """Memory holds small documents only."""
    with_room, piece = Spool(), b"x" * 1024
    with_room.write(piece)
    assert with_room.in_memory
    with_room.close()
    spool = Spool()
    for _ in range(IN_MEMORY // len(piece)):
        spool.write(piece)
    before = spool.in_memory
    spool.write(b"end")
    assert (before, spool.in_memory) == (True, False)
    assert spool.seek(0, io.SEEK_END) == IN_MEMORY + 3
    spool.seek(IN_MEMORY - 1)
    assert spool.read() == b"xend"
    spool.close()


def test_a_file_whose_last_bytes_find_no_room_is_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closing a file writes what is left of it: that fails again, and must hurt nobody."""
    spool = Spool(room=0)
    spool.write(b"<Invoice/>")

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool._file, "close", full)
    spool.close()
    monkeypatch.undo()
    spool.close()
