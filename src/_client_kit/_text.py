"""Messages that can be translated: English text with a code and values."""

from __future__ import annotations

from typing import Any, Self

from _client_kit._json import is_list

LONGEST_VALUE = 500
SEPARATORS = (": ", "; ", ", ", " ", " and ", " or ")
"""The separators that :func:`joined` takes; the separator is the code of the joined text."""


class Text(str):
    """A ``str`` that can be translated, because it keeps its code and its values.

    The English text is written as a template, with ``{0}``, ``{1}`` and so on for the values. A
    template with singular and plural separates the two with ``|``; the first whole number among
    the values selects one of them.

    Attributes:
        code: Stable identifier of the message.
        values: The values of the template: strings, whole numbers, or other messages.
        english: The message in English; equal to the text unless it was translated.
    """

    __slots__ = ("code", "english", "values")
    code: str
    values: tuple[Any, ...]
    english: str

    def __new__(cls, code: str, template: str, /, *values: object) -> Self:
        """Return a message: the English template, filled with the values."""
        return cls.made(fill(template, values), code, values)

    @classmethod
    def made(
        cls, shown: str, code: str, values: tuple[Any, ...], english: str | None = None
    ) -> Self:
        """Return a message whose text is ``shown``, without filling a template."""
        made = super().__new__(cls, shown)
        made.code, made.values = code, values
        made.english = shown if english is None else english
        return made

    def said(self, words: str) -> Self:
        """Return the same message with the text of another language."""
        return self.made(words, self.code, self.values, self.english)

    def cut(self, longest: int) -> Self:
        """Return the message, with its text and each plain string value cut to ``longest``.

        ``longest`` is a number of characters. A message whose text is not longer is returned
        unchanged.
        """
        if len(self) <= longest:
            return self
        values = tuple(value[:longest] if type(value) is str else value for value in self.values)
        return self.made(f"{self[: longest - 1]}…", self.code, values)

    def to_json(self) -> list[Any]:
        """Return the message as a list that JSON can hold."""
        values = (value.to_json() if isinstance(value, Text) else value for value in self.values)
        return [self.code, self.english, *values]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Self:
        """Return the message in a list from :meth:`to_json`.

        Raises:
            TypeError: The list does not hold a message.
            ValueError: The list, or a list in it, has fewer than two members.
        """
        code, english, *values = stored
        if type(code) is not str or type(english) is not str:
            raise TypeError
        if not all(type(value) in (str, int, list) for value in values):
            raise TypeError
        read = (cls.from_json(value) if is_list(value) else value for value in values)
        return cls.made(english, code, tuple(read))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).made, (str(self), self.code, self.values, self.english)


def joined(separator: str, *parts: str | None) -> str:
    """Join parts into one text that can be translated; empty parts are left out."""
    kept = tuple(part for part in parts if part)
    if len(kept) < 2:
        return kept[0] if kept else ""
    if separator == "; ":  # a service's own sentence may end with a full stop
        kept = tuple(_without_stop(part) for part in kept[:-1]) + kept[-1:]
    return Text.made(separator.join(kept), separator, kept)


def code_of(text: object) -> str:
    """Return the code of a message; of joined parts, the code of the first part that has one.

    Without a code, the result is empty.
    """
    if not isinstance(text, Text):
        return ""
    if text.code not in SEPARATORS:
        return text.code
    codes = [code_of(part) for part in text.values]
    return next(filter(None, codes), "")


def _without_stop(part: str) -> str:
    if not part.endswith("."):
        return part
    return part.said(part[:-1]) if isinstance(part, Text) else part[:-1]


def fill(
    template: str,
    values: tuple[Any, ...],
    *,
    comma: str = "",
    point: str = ".",
    zero_is_one: bool = False,
) -> str:
    """Return a template filled with values, in its singular or plural.

    Args:
        template: The template; see :class:`Text`.
        values: The values for ``{0}``, ``{1}`` and so on.
        comma: The thousands separator of whole numbers.
        point: The decimal separator of other numbers, which are shown with one decimal.
        zero_is_one: Whether 0 takes the singular, as in French.
    """
    if "|" in template:
        count = next((value for value in values if type(value) is int), 0)
        single = count == 1 or (zero_is_one and count == 0)
        template = template.split("|")[not single]
    return template.format(*(_number(value, comma, point) for value in values))


def _number(value: object, comma: str, point: str) -> object:
    if type(value) is int:
        return f"{value:,}".replace(",", comma)
    return f"{value:.1f}".replace(".", point) if type(value) is float else value
