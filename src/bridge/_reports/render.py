"""How values look to people: lines in a terminal, a table in a notebook.

A value describes itself once, as a `View`; both forms are made from it. Nothing that a service or a
sender made up can leave its cell: text loses control and direction characters, HTML is escaped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any, Literal

from attrs import AttrsInstance, asdict, field, frozen

from bridge._reports.texts import Lang, check_lang, say

__all__ = ["Cell", "Line", "Printable", "Table", "Tone", "View", "plain", "plain_data"]

WIDTH = 80
_WIDEST_STATUS = 24
_LONGEST, _LONGEST_CELL = 1000, 200
_LINES_IN_TEXT, _LINES_IN_HTML = 40, 200

Tone = Literal["", "ok", "bad", "wait", "dim"]


def plain(text: str, longest: int = _LONGEST) -> str:
    """One line without anything that a terminal obeys; what was taken out is seen as its code."""
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
        text: What it says.
        tone: Whether it is good or bad news; only HTML shows it, the text must do without.
        whole: Not broken over lines in HTML, as an id.
        alone: On lines of its own in a terminal, and never cut.
    """

    text: str
    tone: Tone = ""
    whole: bool = False
    alone: bool = False

    def shown(self) -> str:
        """The text as one safe line."""
        return plain(self.text, _LONGEST if self.alone else _LONGEST_CELL)


Line = tuple[Cell, ...]
"""A line of a table; in a terminal its first cell, the status, stands beside all others."""


@frozen
class Table:
    """Lines under headings; a terminal shows no headings."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]

    def columns(self) -> list[int]:
        """The columns in which something stands."""
        count = range(len(self.headings))
        return [index for index in count if any(line[index].text for line in self.lines)]


@frozen
class View:
    """All that is shown of a value."""

    title: str
    tone: Tone = ""
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = field(default=())
    notes: tuple[str, ...] = ()


def plain_data(value: AttrsInstance) -> dict[str, Any]:
    """The members of a value by their names, as JSON can hold them."""
    return asdict(
        value,
        value_serializer=lambda _, __, item: (
            item.isoformat() if isinstance(item, datetime) else item
        ),
    )


class Printable:
    """A value that prints well: ``print()`` gives text, a notebook shows a table."""

    __slots__ = ()

    def _view(self, lang: Lang) -> View:
        raise NotImplementedError

    def _language(self) -> Lang:
        return "en"

    def to_text(self, *, lang: Lang | None = None) -> str:
        """Text of at most 80 columns.

        Args:
            lang: ``"en"``, ``"fr"`` or ``"nl"``.
        """
        chosen = check_lang(self._language() if lang is None else lang)
        return _text(self._view(chosen), chosen)

    def to_html(self, *, lang: Lang | None = None) -> str:
        """HTML in the colours of the page around it; every value is escaped.

        Args:
            lang: ``"en"``, ``"fr"`` or ``"nl"``.
        """
        chosen = check_lang(self._language() if lang is None else lang)
        return _html(self._view(chosen), chosen)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's call
        printer.text(str(self))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.to_text(), "text/html": self.to_html()}


# Text


def _wrap(text: str, first: str = "") -> str:
    """Lines of at most 80 columns; the first begins with ``first``, the others below its end."""
    # French sets its marks apart from the words, and none of them begins a line.
    kept = re.sub(r" ([;:?!»])(?= |$)|(«) ", "\\2\N{NO-BREAK SPACE}\\1", text)
    lines = textwrap.fill(
        kept,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )
    return lines.replace("\N{NO-BREAK SPACE}", " ").rstrip()


def _text(view: View, lang: Lang) -> str:
    parts = [_wrap(plain(view.title))]
    if view.facts:
        facts = [(plain(name, WIDTH // 2 - 5), plain(value)) for name, value in view.facts]
        width = max(len(name) for name, _ in facts)
        parts.append("\n".join(_wrap(value, f"{name:{width}}  ") for name, value in facts))
    parts += [_text_table(table, lang) for table in view.tables if table.lines]
    notes = [_wrap(plain(note), "- ") for note in view.notes if note]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _text_table(table: Table, lang: Lang) -> str:
    lines = table.lines[:_LINES_IN_TEXT]
    width = min(max(len(line[0].shown()) for line in lines), _WIDEST_STATUS) + 2
    text = [plain(table.title)] if table.title else []
    for status, *cells in lines:
        rows = ["  ".join(filter(None, (cell.shown() for cell in cells if not cell.alone)))]
        for place, cell in enumerate(cells):
            if cell.alone:  # before or after the others, as in HTML
                rows.insert(0 if place == 0 else len(rows), cell.shown())
        head = f"{status.shown()[:_WIDEST_STATUS]:{width}}"
        for row in filter(None, rows):
            text.append(_wrap(row, head))
            head = " " * width
        if head.strip():
            text.append(head.rstrip())
    if len(table.lines) > len(lines):
        text.append(say("and more", lang, len(table.lines) - len(lines)))
    return "\n".join(text)


# HTML

# Each colour can be read on white and on black, so no theme need be known.
_STYLE = """<style>
.bz-view td,.bz-view th{text-align:left;vertical-align:top;padding:.15em .6em .15em 0}
.bz-view td{min-width:6em;overflow-wrap:anywhere}
.bz-view td:first-child{overflow-wrap:normal}
.bz-view th{white-space:nowrap}
.bz-view td.bz-alone{min-width:16em}
.bz-view td.bz-whole{white-space:nowrap}
.bz-view .bz-scroll{overflow-x:auto}
.bz-view .bz-ok{color:#16855b;font-weight:600}
.bz-view .bz-bad{color:#d9363e;font-weight:600}
.bz-view .bz-wait{color:#a66c00;font-weight:600}
.bz-view .bz-dim{opacity:.72}
</style>"""


def _tag(name: str, content: str, *classes: str) -> str:
    named = " ".join(f"bz-{item}" for item in classes if item)
    return f'<{name} class="{named}">{content}</{name}>' if named else f"<{name}>{content}</{name}>"


def _safe(text: str) -> str:
    return escape(plain(text), quote=True)


def _html(view: View, lang: Lang) -> str:
    parts = [_tag("p", _tag("strong", _safe(view.title), view.tone))]
    if view.facts:
        rows = (
            f"<tr><th>{_safe(name)}</th><td>{_safe(text)}</td></tr>" for name, text in view.facts
        )
        parts.append(_scrolled(rows))
    parts += [_html_table(table, lang) for table in view.tables if table.lines]
    notes = "".join(_tag("li", _safe(note)) for note in view.notes if note)
    if notes:
        parts.append(_tag("ul", notes))
    return "\n".join([_STYLE, '<div class="bz-view">', *parts, "</div>"])


def _scrolled(rows: Iterable[str]) -> str:
    return _tag("div", _tag("table", "\n".join(rows)), "scroll")


def _html_table(table: Table, lang: Lang) -> str:
    shown = table.lines[:_LINES_IN_HTML]
    columns = table.columns()
    rows = [_tag("caption", _safe(table.title))] if table.title else []
    headings = "".join(_tag("th", _safe(table.headings[index])) for index in columns)
    rows.append(_tag("tr", headings))
    rows += [_tag("tr", "".join(_html_cell(line[index]) for index in columns)) for line in shown]
    if len(table.lines) > len(shown):
        more = _safe(say("and more", lang, len(table.lines) - len(shown)))
        rows.append(f'<tr><td colspan="{len(columns)}">{more}</td></tr>')
    return _scrolled(rows)


def _html_cell(cell: Cell) -> str:
    text = escape(cell.shown(), quote=True)
    toned = _tag("span", text, cell.tone) if cell.tone else text
    return _tag("td", toned, "whole" if cell.whole else "", "alone" if cell.alone else "")
