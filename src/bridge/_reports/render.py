"""Show values as text in a terminal and as HTML in a notebook.

A value describes itself once, as a `View` with English texts. The functions here translate the view
and make both forms. Texts of services and senders cannot change the layout or the page: characters
that are not printable are replaced, and HTML is escaped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from typing import Any, ClassVar

from attrs import asdict, field, frozen

from bridge._reports.texts import Lang, check_lang, language, say, translate

WIDTH = 80
_WIDEST_STATUS = 25
_LONGEST = 1000
_LINES_IN_TEXT, _LINES_IN_HTML = 40, 200


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return the first `longest` characters of a text as one line, with "..." if it was cut.

    Each run of white space becomes one blank. Other characters that are not printable are replaced
    by their escape sequences.
    """
    text = " ".join(text[:longest].split()) + ("..." if len(text) > longest else "")
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


@frozen
class Cell:
    """One value of a table.

    Attributes:
        text: The text to show.
        alone: Whether a terminal shows the value on lines of its own.
    """

    text: str
    alone: bool = False

    def shown(self, lang: Lang) -> str:
        """Return the translated text as one printable line."""
        return plain(translate(self.text, lang))


Line = tuple[Cell, ...]
"""The cells of a table row. The first is the status, which a terminal shows in its own column."""


@frozen
class Table:
    """Lines under headings; a terminal shows no headings."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]

    def columns(self) -> list[int]:
        """Return the indexes of the columns in which at least one line has a text."""
        count = range(len(self.headings))
        return [index for index in count if any(line[index].text for line in self.lines)]


@frozen
class View:
    """The content to show for a value: title, facts, tables and notes, in English."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = field(default=())
    notes: tuple[str, ...] = ()


def plain_data(value: Any) -> dict[str, Any]:
    """Return the attributes of a value as data that JSON can hold."""
    return asdict(
        value,
        value_serializer=lambda _, __, item: (
            item.isoformat() if isinstance(item, datetime) else item
        ),
    )


class Printable:
    """A value that ``print()`` shows as text and a notebook as tables."""

    __slots__ = ()

    def _view(self) -> View:
        raise NotImplementedError

    def _language(self) -> Lang:
        return language()

    def to_text(self, *, lang: Lang | None = None) -> str:
        """Return the value as text of at most 80 columns.

        Args:
            lang: ``"en"``, ``"fr"`` or ``"nl"``. The default is the language of set_language();
                for the result of verify() it is the ``lang`` given to verify().
        """
        return _text(self._view(), check_lang(self._language() if lang is None else lang))

    def to_html(self, *, lang: Lang | None = None) -> str:
        """Return the value as HTML for a light or a dark page; every text is escaped.

        Args:
            lang: ``"en"``, ``"fr"`` or ``"nl"``. The default is the language of set_language();
                for the result of verify() it is the ``lang`` given to verify().
        """
        return _html(self._view(), check_lang(self._language() if lang is None else lang))

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's call
        printer.text(str(self))

    # Without this, IPython would show the `__repr__` that attrs gives to the subclasses.
    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.to_text(), "text/html": self.to_html()}


class Result(Printable):
    """A printable value with a `to_dict` that returns its attributes and some of its properties."""

    __slots__ = ()
    _counts: ClassVar[tuple[str, ...]] = ()
    """The properties that `to_dict` adds to the attributes."""

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, and some properties such as counts, as data that JSON can hold."""
        return {**plain_data(self), **{name: getattr(self, name) for name in self._counts}}


def _kept_together(text: str) -> str:
    """Return a text with no-break spaces where French writes a blank but allows no line break.

    Such a blank is beside a punctuation mark or a quotation mark, or separates thousands.
    """
    blanks = r" ([;:?!»])(?=[ ),.]|$)|(«) |(?<=\d) (?=\d{3}\b)"
    return re.sub(blanks, "\\2\N{NO-BREAK SPACE}\\1", text)


def _sentence(note: str) -> str:
    """Return a note with a capital letter at its start and a full stop at its end.

    Some notes are messages of errors, which have neither. A name in code at the beginning, such as
    ``documents.list``, gets no capital. A note that ends in ``/``, for example, gets no full stop.
    """
    if re.match(r"[^\W\d_]+['\u2019 ,:]", note):
        note = note[0].upper() + note[1:]
    ended = note.rstrip("»”\"' ").endswith((".", "!", "?"))
    return f"{note}." if not ended and re.search(r"[\w)»”\"']$", note) else note


# Text


def wrap(text: str, first: str = "") -> str:
    """Wrap a text at 80 columns; put `first` before it, and indent the other lines as much."""
    lines = textwrap.fill(
        _kept_together(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )
    # textwrap ends a full line with a blank if the next word is longer than a line.
    shown = lines.replace("\N{NO-BREAK SPACE}", " ").split("\n")
    return "\n".join(line.rstrip() for line in shown)


def _text(view: View, lang: Lang) -> str:
    parts = [wrap(plain(translate(view.title, lang)))]
    if view.facts:
        facts = [
            (plain(translate(name, lang), WIDTH // 2 - 5), plain(translate(value, lang)))
            for name, value in view.facts
        ]
        width = max(len(name) for name, _ in facts)
        parts.append("\n".join(wrap(value, f"{name:{width}}  ") for name, value in facts))
    parts += [_text_table(table, lang) for table in view.tables if table.lines]
    notes = [wrap(_sentence(plain(translate(note, lang))), "- ") for note in view.notes if note]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _text_table(table: Table, lang: Lang) -> str:
    lines = table.lines[:_LINES_IN_TEXT]
    width = min(max(len(line[0].shown(lang)) for line in lines), _WIDEST_STATUS) + 2
    text = [plain(translate(table.title, lang))] if table.title else []
    for status, *cells in lines:
        rows = ["  ".join(filter(None, (cell.shown(lang) for cell in cells if not cell.alone)))]
        for place, cell in enumerate(cells):
            if cell.alone:  # above the other cells if it is the first of them, otherwise below
                rows.insert(0 if place == 0 else len(rows), cell.shown(lang))
        head = f"{status.shown(lang)[:_WIDEST_STATUS]:{width}}"
        for row in filter(None, rows):
            text.append(wrap(row, head))
            head = " " * width
        if head.strip():
            text.append(head.rstrip())
    if len(table.lines) > len(lines):
        text.append(translate(say("and more", len(table.lines) - len(lines)), lang))
    return "\n".join(text)


# HTML

_STYLE = """<style>
.bz-view{overflow-x:auto}
.bz-view td,.bz-view th{text-align:left;vertical-align:top;padding:.15em .6em .15em 0}
.bz-view td{min-width:6em;overflow-wrap:anywhere}
.bz-view td:first-child{overflow-wrap:normal}
</style>"""


def _safe(text: str, lang: Lang) -> str:
    return _escaped(plain(translate(text, lang)))


def _escaped(text: str) -> str:
    return escape(_kept_together(text)).replace("\N{NO-BREAK SPACE}", "&nbsp;")


def _html(view: View, lang: Lang) -> str:
    parts = [f"<p><strong>{_safe(view.title, lang)}</strong></p>"]
    if view.facts:
        rows = (
            f"<tr><th>{_safe(name, lang)}</th><td>{_safe(text, lang)}</td></tr>"
            for name, text in view.facts
        )
        parts += ["<table>", *rows, "</table>"]
    for table in view.tables:
        if table.lines:
            parts += ["<table>", *_html_rows(table, lang), "</table>"]
    notes = [_escaped(_sentence(plain(translate(note, lang)))) for note in view.notes if note]
    if notes:
        parts.append("<ul>" + "".join(f"<li>{note}</li>" for note in notes) + "</ul>")
    return "\n".join([_STYLE, '<div class="bz-view">', *parts, "</div>"])


def _html_rows(table: Table, lang: Lang) -> Iterator[str]:
    shown = table.lines[:_LINES_IN_HTML]
    columns = table.columns()
    if table.title:
        yield f"<caption>{_safe(table.title, lang)}</caption>"
    yield _row("th", (_safe(table.headings[index], lang) for index in columns))
    for line in shown:
        yield _row("td", (_safe(line[index].text, lang) for index in columns))
    if len(table.lines) > len(shown):
        more = _safe(say("and more", len(table.lines) - len(shown)), lang)
        yield f'<tr><td colspan="{len(columns)}">{more}</td></tr>'


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"
