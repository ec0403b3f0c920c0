"""How the failure of a user's own function is described: its text, its place and its traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from _client_kit._user_code import place_of
from banqup_client import Document
from bridge import SourceFile, default_mapper
from bridge._mapping.calling import (
    call_mapper,
    describe_exception,
    describe_result,
)
from bridge.testing import TrialDocument, trial_document
from zenvoices_client import Attachment, InboxUpload

DOCUMENT: TrialDocument = trial_document(("a.xml", b"<Invoice/>"))


def failing(document: Document, files: Sequence[SourceFile]) -> Any:
    """Raise in a line of its own."""
    raise ValueError("no such journal")


def failing_in_python(document: Document, files: Sequence[SourceFile]) -> Any:
    """Raise in Python's own code."""
    return "{:d}".format(Decimal(document.folder or ""))


def failing_in_the_library(document: Document, files: Sequence[SourceFile]) -> Any:
    """Raise in the library's code, which was given no files."""
    return default_mapper(document, ())


def looking_up(document: Document, files: Sequence[SourceFile]) -> Any:
    """Raise an exception whose text is what was looked up."""
    accounts: dict[str, str] = {}
    return accounts["BE00 1111 2222"]


def ending(document: Document, files: Sequence[SourceFile]) -> Any:
    """Run into the end of an iterator."""
    return next(iter(()))


def raised_by(mapper: Callable[..., Any]) -> Exception:
    """Return what the mapper raises."""
    with pytest.raises(Exception) as caught:
        call_mapper(mapper, *DOCUMENT)
    return caught.value


@pytest.mark.parametrize("mapper", [failing, failing_in_python, failing_in_the_library])
def test_the_place_is_the_users_own_line(mapper: Callable[..., Any]) -> None:
    """Also where Python or the library raised: the line of the mapper that called it."""
    line = mapper.__code__.co_firstlineno + 2
    place = place_of(raised_by(mapper))
    assert place == f"{__name__}.{mapper.__name__}, line {line}"


def test_an_exception_without_a_frame_of_the_users_has_the_innermost_place() -> None:
    """And one that was never raised has none."""
    error = raised_by(failing_in_the_library)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_name != "default_mapper":
        frames = frames.tb_next
    assert place_of(error.with_traceback(frames)).startswith("bridge._mapping.mapper.main_file, ")
    assert place_of(error.with_traceback(None)) == ""


def test_a_failure_is_one_line_with_its_place() -> None:
    """A traceback made of the exception shows the mapper's own line; the reason is one line."""
    error = raised_by(failing)
    assert 'raise ValueError("no such journal")' in "".join(traceback.format_exception(error))
    reason = describe_exception(error)
    assert reason == f"the mapper raised ValueError at {place_of(error)}: no such journal"


def test_one_place_is_one_place_for_every_document() -> None:
    """What is logged once for each place is told apart by the place, not by the text."""
    one, other = (place_of(raised_by(failing)) for _ in range(2))
    assert one == other
    assert place_of(raised_by(looking_up)) != one


def test_the_text_of_a_look_up_is_not_shown() -> None:
    """It may be a bank account; the class and the place are enough."""
    reason = describe_exception(raised_by(looking_up))
    assert reason.startswith("the mapper raised KeyError at ")
    assert "2222" not in reason


def test_another_function_is_named() -> None:
    """A rule or a listener is not called a mapper."""
    reason = describe_exception(raised_by(failing), "exportable=")
    assert reason.startswith("exportable= raised ValueError at ")


def test_the_end_of_an_iterator_is_another_exception() -> None:
    """A future cannot hold StopIteration; the original is the cause."""
    error = raised_by(ending)
    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, StopIteration)
    assert place_of(error).startswith(f"{__name__}.ending")


def test_a_useless_result_is_described() -> None:
    """By its class."""
    wanted = "return an InboxUpload or Skip(...) from the mapper: it returned "
    assert describe_result(7) == f"{wanted}int"
    assert describe_result(None) == f"{wanted}NoneType"


def test_a_file_that_cannot_be_read_is_not_the_mappers_failure() -> None:
    """The mapper has returned; the disk's error comes where the report reads the file."""

    class Broken:
        """A file on a disk that fails."""

        def read(self, size: int = -1, /) -> bytes:
            raise OSError(5, "I/O error")

        def seek(self, offset: int, whence: int = 0, /) -> int:
            return offset

    file = SourceFile("f", "a.xml", "application/xml", 9, Broken())  # type: ignore[arg-type]
    upload = InboxUpload(attachments=(DOCUMENT[1][0].attachment(),))
    assert call_mapper(lambda *_: upload, DOCUMENT[0], (file,)) is upload
    with pytest.raises(OSError, match="I/O error"):
        _ = file.warning


def changing(document: Document, files: Sequence[SourceFile]) -> Any:
    """Change an upload in place, in which attrs raises."""
    upload = InboxUpload(attachments=[Attachment("a.xml", b"<Invoice/>")])
    upload.subject = "mine"  # type: ignore[misc]


def test_the_place_is_not_in_an_installed_package() -> None:
    """The mapper's own line, and not the one in attrs that raises."""
    error = raised_by(changing)
    line = changing.__code__.co_firstlineno + 3
    assert place_of(error) == f"{__name__}.changing, line {line}"


def test_a_package_of_the_users_own_is_named_where_nothing_else_is() -> None:
    """A mapper may be installed as a package itself."""
    error = raised_by(changing)
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    assert place_of(error.with_traceback(frames)).startswith("attr._make.")
