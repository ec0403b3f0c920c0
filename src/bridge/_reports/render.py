"""How values look to people: aligned text in a terminal, a table in a notebook.

A value describes itself once, as a `View`; both forms are made from it. Nothing that a service or a
sender made up can leave its cell: text loses control and direction characters, HTML is escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Any, Literal

from attrs import AttrsInstance, asdict, evolve, field, frozen

from bridge._reports.texts import Language, check_language, translate

__all__ = ["Cell", "Line", "Printable", "Table", "Tone", "View", "plain", "plain_data"]

WIDTH = 80
_GAP = 2
_NARROWEST = 6
_SHORT = 32
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


def _short(text: str) -> str:
    return plain(text, _LONGEST_CELL)


@frozen
class Cell:
    """One value of a table.

    Attributes:
        text: What it says.
        tone: Whether it is good or bad news; only HTML shows it, the text must do without.
        whole: Not broken over lines while there is room elsewhere, as an id.
    """

    text: str = field(converter=_short)
    tone: Tone = ""
    whole: bool = False


@frozen
class Line:
    """A line of a table; the note stands below it in text, and in a column of its own in HTML."""

    cells: tuple[Cell, ...]
    note: str = ""


@frozen
class Table:
    """Lines under headings.

    Attributes:
        grouped: The first column says what kind a line is: text has a heading for each kind, so
            that the other columns have the width of the terminal for themselves.
    """

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    note_heading: str = ""
    grouped: bool = False

    def without_empty_columns(self) -> Table:
        """Without the columns in which nothing stands."""
        kept = [
            index
            for index in range(len(self.headings))
            if (self.grouped and index == 0) or any(line.cells[index].text for line in self.lines)
        ]
        if len(kept) <= self.grouped:
            return self
        headings = tuple(self.headings[index] for index in kept)
        lines = (Line(tuple(line.cells[index] for index in kept), line.note) for line in self.lines)
        return evolve(self, headings=headings, lines=tuple(lines))


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

    def _view(self, lang: Language) -> View:
        raise NotImplementedError

    def _language(self) -> Language:
        return "en"

    def _chosen(self, lang: Language | None) -> Language:
        chosen = self._language() if lang is None else lang
        check_language(chosen)
        return chosen

    def to_text(self, *, lang: Language | None = None) -> str:
        """Aligned text, at most 80 columns wide.

        Args:
            lang: ``"en"`` or ``"fr"``: the language of headings and status words.
        """
        chosen = self._chosen(lang)
        return _text(self._view(chosen), chosen)

    def to_html(self, *, lang: Language | None = None) -> str:
        """HTML that follows the light or dark theme around it; every value is escaped.

        Args:
            lang: ``"en"`` or ``"fr"``: the language of headings and status words.
        """
        chosen = self._chosen(lang)
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


def _width(text: str) -> int:
    """Columns a terminal gives to a text."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # few texts need it

    return sum(
        0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1
        for char in text
    )


def _wrap(text: str, width: int) -> list[str]:
    """Lines of at most so many columns, and one; broken at spaces where there are some."""
    width = max(width, 1)
    lines: list[str] = []
    line = ""
    for word in plain(text).split(" "):
        longer = f"{line} {word}" if line else word
        if _width(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while _width(line) > width:
            cut = _fitting(line, width)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def _fitting(word: str, width: int) -> int:
    """Where to break a word that is too long: behind a mark in it, if one is near the end."""
    taken = accumulate(map(_width, word))
    cut = sum(1 for _ in takewhile(lambda columns: columns <= width, taken))
    marks = [match.end() for match in re.finditer(r"[-/_.@:]", word[:cut])]
    if marks and marks[-1] > cut // 2:
        return marks[-1]
    return max(cut, 1)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _text(view: View, lang: Language) -> str:
    parts = ["\n".join(_wrap(view.title, WIDTH))]
    if view.facts:
        head = min(max(_width(plain(name)) for name, _ in view.facts), WIDTH // 2)
        widths = (head, WIDTH - head - _GAP)
        parts.append("\n".join(line for fact in view.facts for line in _row(fact, widths)))
    parts += [
        _text_table(table.without_empty_columns(), lang) for table in view.tables if table.lines
    ]
    if any(view.notes):
        notes: list[str] = []
        for note in filter(None, view.notes):
            first, *rest = _wrap(note, WIDTH - 2)
            notes += [f"- {first}", *(f"  {line}" for line in rest)]
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _text_table(table: Table, lang: Language) -> str:
    lines = table.lines[:_LINES_IN_TEXT]
    skip = 1 if table.grouped else 0
    headings = table.headings[skip:]
    rows = [[cell.text for cell in line.cells[skip:]] for line in lines]
    widths = _fit(headings, [line.cells[skip:] for line in lines])
    text: list[str] = [table.title] if table.title else []
    text += [*_row(headings, widths), "  ".join("-" * width for width in widths)]
    indent = " " * (4 if table.grouped else min(widths[0] + _GAP, WIDTH // 2))
    kinds = Counter(line.cells[0].text for line in table.lines)
    kind: str | None = None
    for line, row in zip(lines, rows, strict=True):
        if table.grouped and line.cells[0].text != kind:
            kind = line.cells[0].text
            text += _wrap(f"{kind} ({kinds[kind]})", WIDTH)
        text += _row(row, widths)
        if line.note:
            text += [indent + part for part in _wrap(line.note, WIDTH - len(indent))]
    if len(table.lines) > len(lines):
        text.append(_left_out(table, len(lines), lang))
    return "\n".join(text)


def _fit(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Column widths that fit together: the widest that may be broken gives way first."""
    count = len(headings)
    widths = [_width(plain(heading)) for heading in headings]
    whole = [False] * count
    for row in rows:
        for index, cell in enumerate(row):
            widths[index] = max(widths[index], min(_width(plain(cell.text)), WIDTH))
            whole[index] = whole[index] or cell.whole
    room = WIDTH - _GAP * (count - 1)
    while sum(widths) > room:
        wide = [index for index in range(count) if widths[index] > _NARROWEST]
        # Whole columns are last to give way; a sender's own text must not push them.
        soft = [index for index in wide if not whole[index] and widths[index] > 2 * _NARROWEST]
        widths[max(soft or wide, key=lambda index: widths[index])] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    columns = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(column) for column in columns)
    return [
        (" " * _GAP)
        .join(
            _pad(column[index] if index < len(column) else "", width)
            for column, width in zip(columns, widths, strict=True)
        )
        .rstrip()
        for index in range(height)
    ]


def _left_out(table: Table, shown: int, lang: Language) -> str:
    return translate("... and {} more", lang).format(len(table.lines) - shown)


# HTML

_LIGHT = "--bz-ok:#1a7f37;--bz-bad:#b3261e;--bz-wait:#8a5a00"
_DARK = "--bz-ok:#4cc38a;--bz-bad:#ff8a80;--bz-wait:#f0b429"
_STYLE = f"""<style>
.bz-view{{{_LIGHT};--bz-rule:rgba(128,128,128,.35);color:inherit;background:transparent;
max-width:96em;font-size:13px;line-height:1.45}}
@media (prefers-color-scheme:dark){{.bz-view{{{_DARK}}}}}
[data-jp-theme-light="true"] .bz-view,body.vscode-light .bz-view,
[data-theme="light"] .bz-view{{{_LIGHT}}}
[data-jp-theme-light="false"] .bz-view,body.vscode-dark .bz-view,
[data-theme="dark"] .bz-view{{{_DARK}}}
.bz-view .bz-title{{font-weight:600;font-size:15px;margin:.3em 0 .5em}}
.bz-view dl.bz-facts{{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1.2em;
margin:.3em 0 .8em}}
.bz-view dl.bz-facts dt{{opacity:.72;font-weight:400;margin:0;float:none;width:auto}}
.bz-view dl.bz-facts dd{{margin:0;overflow-wrap:anywhere}}
.bz-view table.bz-table{{border-collapse:collapse;border:0;margin:.4em 0 .9em;color:inherit;
background:transparent;font-size:inherit;table-layout:auto}}
.bz-view table.bz-table caption{{caption-side:top;text-align:left;font-weight:600;padding:.2em 0;
color:inherit}}
.bz-view table.bz-table tr:nth-child(n){{background:transparent}}
.bz-view .bz-scroll{{overflow-x:auto}}
.bz-view table.bz-table th,.bz-view table.bz-table td{{text-align:left;vertical-align:baseline;
border:0;border-bottom:1px solid var(--bz-rule);padding:.35em 1em .35em 0;color:inherit;
background:transparent;overflow-wrap:anywhere;white-space:normal;max-width:26em;min-width:4em}}
.bz-view table.bz-table th{{font-weight:600;opacity:.72;white-space:nowrap}}
.bz-view table.bz-table td.bz-note{{min-width:13em;max-width:36em}}
.bz-view table.bz-table td.bz-whole{{white-space:nowrap;overflow-wrap:normal;max-width:none;
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px}}
.bz-view table.bz-table td.bz-short{{white-space:nowrap}}
.bz-view table.bz-table td.bz-number{{text-align:right;font-variant-numeric:tabular-nums}}
.bz-view .bz-ok{{color:var(--bz-ok);font-weight:600}}
.bz-view .bz-bad{{color:var(--bz-bad);font-weight:600}}
.bz-view .bz-wait{{color:var(--bz-wait);font-weight:600}}
.bz-view .bz-dim{{opacity:.72}}
.bz-view ul.bz-notes{{margin:.3em 0;padding-left:1.3em}}
</style>"""


def _escaped(text: str) -> str:
    from html import escape  # a terminal never needs it

    return escape(plain(text), quote=True)


def _html(view: View, lang: Language) -> str:
    parts = [_STYLE, '<div class="bz-view">']
    parts.append(f'<div class="bz-title{_class(view.tone)}">{_escaped(view.title)}</div>')
    if view.facts:
        facts = (
            f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>" for name, value in view.facts
        )
        parts.append(f'<dl class="bz-facts">{"".join(facts)}</dl>')
    parts += [
        _html_table(table.without_empty_columns(), lang) for table in view.tables if table.lines
    ]
    if any(view.notes):
        notes = "".join(f"<li>{_escaped(note)}</li>" for note in view.notes if note)
        parts.append(f'<ul class="bz-notes">{notes}</ul>')
    return "\n".join([*parts, "</div>"])


def _class(tone: Tone) -> str:
    return f" bz-{tone}" if tone else ""


def _html_table(table: Table, lang: Language) -> str:
    shown = table.lines[:_LINES_IN_HTML]
    noted = any(line.note for line in shown)
    headings = [*table.headings, *([table.note_heading] if noted else [])]
    rows: list[str] = []
    for line in shown:
        cells = "".join(_html_cell(cell) for cell in line.cells)
        note = f'<td class="bz-note">{_escaped(line.note)}</td>' if noted else ""
        rows.append(f"<tr>{cells}{note}</tr>")
    if len(table.lines) > len(shown):
        more = _escaped(_left_out(table, len(shown), lang))
        rows.append(f'<tr><td class="bz-dim" colspan="{len(headings)}">{more}</td></tr>')
    caption = f"<caption>{_escaped(table.title)}</caption>" if table.title else ""
    head = "".join(f'<th scope="col">{_escaped(heading)}</th>' for heading in headings)
    body = "\n".join(rows)
    return (
        f'<div class="bz-scroll"><table class="bz-table">{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _html_cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    if cell.tone:
        text = f'<span class="{_class(cell.tone).strip()}">{text}</span>'
    if cell.whole:
        return f'<td class="bz-whole">{text}</td>'
    if cell.text.isdecimal():
        return f'<td class="bz-number">{text}</td>'
    # A number such as BDM-2026-00042 is not to be broken at its hyphens.
    return f'<td class="bz-short">{text}</td>' if len(cell.text) <= _SHORT else f"<td>{text}</td>"
