"""Sentences of this library: English where they are made, with what other languages need."""

from __future__ import annotations

from typing import Any, Self

__all__ = ["Text", "fill", "joined"]

LONGEST_VALUE = 500


class Text(str):
    """An English sentence that knows its code and its values, so that it can be translated.

    It is the sentence as a ``str``. The template has ``{0}``, ``{1}`` for the values; where the
    first whole number among them decides between two forms, a ``|`` stands between these.

    Attributes:
        code: A stable word for this very sentence.
        values: What was filled in: text, whole numbers, or other sentences.
        english: The sentence in English; the text itself unless it was translated.
    """

    __slots__ = ("code", "english", "values")
    code: str
    values: tuple[Any, ...]
    english: str

    def __new__(cls, code: str, template: str, /, *values: object) -> Self:
        """Fill the values into the English template."""
        return cls.made(fill(template, values), code, values)

    @classmethod
    def made(
        cls, shown: str, code: str, values: tuple[Any, ...], english: str | None = None
    ) -> Self:
        """Make a sentence of its parts, with nothing to fill in."""
        made = super().__new__(cls, shown)
        made.code, made.values = code, values
        made.english = shown if english is None else english
        return made

    def said(self, words: str) -> Self:
        """Return the same sentence in the words of another language."""
        return self.made(words, self.code, self.values, self.english)

    def cut(self, longest: int) -> Self:
        """Return the sentence with at most so many characters, and so many in each value."""
        if len(self) <= longest:
            return self
        values = tuple(value[:longest] if type(value) is str else value for value in self.values)
        return self.made(f"{self[: longest - 1]}…", self.code, values)

    def to_json(self) -> list[Any]:
        """Return a list that JSON can hold."""
        values = (value.to_json() if isinstance(value, Text) else value for value in self.values)
        return [self.code, self.english, *values]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Self:
        """Return the sentence that such a list holds.

        Raises:
            TypeError: The list holds none.
        """
        code, english, *values = stored
        if type(code) is not str or type(english) is not str:
            raise TypeError
        if not all(type(value) in (str, int, list) for value in values):
            raise TypeError
        read = (cls.from_json(value) if type(value) is list else value for value in values)
        return cls.made(english, code, tuple(read))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).made, (str(self), self.code, self.values, self.english)


def joined(separator: str, *parts: str | None) -> str:
    """Put parts into one text that can be translated; those that are empty are left out."""
    kept = tuple(part for part in parts if part)
    if len(kept) < 2:
        return kept[0] if kept else ""
    return Text.made(separator.join(kept), separator, kept)


def fill(
    template: str, values: tuple[Any, ...], *, comma: str = "", zero_is_one: bool = False
) -> str:
    """Fill values into a template, and choose its form for one or for several.

    Args:
        template: The text; see :class:`Text`.
        values: What to fill in.
        comma: What stands between the thousands of a number.
        zero_is_one: Whether nought takes the form for one, as in French.
    """
    if "|" in template:
        count = next((value for value in values if type(value) is int), 0)
        single = count == 1 or (zero_is_one and count == 0)
        template = template.split("|")[not single]
    return template.format(
        *(f"{value:,}".replace(",", comma) if type(value) is int else value for value in values)
    )
