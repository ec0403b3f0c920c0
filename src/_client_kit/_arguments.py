"""Refuse an argument where it is given, and say what it must be and what was given."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from _client_kit._errors import ConfigurationError
from _client_kit._secret import Secret

__all__ = [
    "ServiceWord",
    "argument_error",
    "check_clock",
    "check_credential",
    "check_function",
    "check_instance",
    "check_list",
    "check_seconds",
    "check_service_word",
    "check_word",
    "is_coroutine_function",
    "nearest",
]

LONGEST_WORD = 80


class ServiceWord(str):
    """A word of a service that this library does not know: it is taken as it is.

    Known words are checked, so that a typing error is found where it is made::

        client.documents.list(space_id, folder=ServiceWord("ARCHIVE"))
    """

    __slots__ = ()


def argument_error(
    name: str, wanted: str, given: object, *, service: str, hint: str | None = None
) -> ConfigurationError:
    """Return the error of an argument: what it must be, and what was given.

    Of what was given only numbers are shown: a text may be a password in the wrong place.
    """
    if isinstance(given, type):
        kind = f"the class {given.__name__}"
    elif given is None or isinstance(given, (bool, int, float)):
        kind = repr(given)[:LONGEST_WORD]
    else:
        kind = type(given).__name__
    return ConfigurationError(f"{name} must be {wanted}, not {kind}", service=service, hint=hint)


def check_instance(
    value: object, kind: type[object], name: str, *, service: str, hint: str | None = None
) -> None:
    """Refuse what is not an instance of a class.

    Raises:
        ConfigurationError: It is of another class, or the class itself.
    """
    if not isinstance(value, kind):
        # Of our own classes the module is private, of httpx's and Python's it is not.
        shown = kind.__name__ if "." in kind.__module__ else f"{kind.__module__}.{kind.__name__}"
        article = "an" if shown[0] in "AEIOhs" else "a"
        raise argument_error(name, f"{article} {shown}", value, service=service, hint=hint)


def check_list(value: Any, name: str, members: str, *, service: str) -> list[Any]:
    """Return the members of a list; refuse one member in place of the list.

    Raises:
        ConfigurationError: It is no list, or a text, of which each letter would be a member.
    """
    if not _is_list(value):
        hint = f"Write {name}=[...], also for one."
        raise argument_error(name, f"a list of {members}", value, service=service, hint=hint)
    return list(value)


def _is_list(value: object) -> bool:
    single = isinstance(value, (str, bytes, Mapping)) or callable(value)
    return isinstance(value, Iterable) and not single


def check_seconds(value: object, name: str, *, service: str, zero: bool = False) -> float:
    """Return a number of seconds.

    Args:
        value: What was given.
        name: The argument.
        service: Name for the error.
        zero: Whether 0 will do, too: a deadline that has passed.

    Raises:
        ConfigurationError: It is no number, or not a positive one.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if 0 < number < float("inf") or (zero and number == 0):
            return number
    raise argument_error(name, "a positive number of seconds", value, service=service)


def check_function(function: object, name: str, *, service: str) -> None:
    """Refuse what cannot be called, and a coroutine function, which nothing would wait for.

    Raises:
        ConfigurationError: It is no plain function.
    """
    if not callable(function):
        raise argument_error(name, "a function", function, service=service)
    if is_coroutine_function(function):
        message = f"{name} must be a plain function, not a coroutine function"
        raise ConfigurationError(message, service=service)


def check_clock(clock: Any, *, service: str) -> None:
    """Refuse what does not tell the time in seconds, such as ``datetime.now``.

    Raises:
        ConfigurationError: It is no function, or its result is no number.
    """
    check_function(clock, "clock", service=service)
    check_seconds(clock(), "the result of clock", service=service, zero=True)


def check_word(value: object, known: Iterable[str], name: str, *, service: str) -> None:
    """Refuse a word that is not known; the hint names the nearest one that is.

    Raises:
        ConfigurationError: It is another word, or no word.
    """
    words = tuple(known)
    if isinstance(value, str) and value in words:
        return
    wanted = ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}"
    if not isinstance(value, str):
        raise argument_error(name, wanted, value, service=service)
    shown = value[:LONGEST_WORD]
    raise ConfigurationError(
        f"{name} must be {wanted}, not {shown!r}", service=service, hint=nearest(shown, words)
    )


def check_service_word(value: object, known: Iterable[str], name: str, *, service: str) -> None:
    """Refuse a word that is not known, but take a :class:`ServiceWord` as it is.

    Raises:
        ConfigurationError: It is another word, or no word.
    """
    if not isinstance(value, ServiceWord):
        check_word(value, known, name, service=service)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to a word, or all known words."""
    import difflib  # only after a mistake

    words = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(word.casefold(), words, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {words[near[0]]!r}?"
    return f"Known are: {', '.join(words.values())}."


def is_coroutine_function(function: Any) -> bool:
    """Whether calling a function gives a coroutine, also from within ``partial()``."""
    while (inner := getattr(function, "func", None)) is not None:
        function = inner
    call = getattr(function, "__call__", None)  # noqa: B004 - its code
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


_QUOTES = re.compile(r"""(["'`]).*\1|[\u201c\u201e\xab].*[\u201c\u201d\xbb]""", re.DOTALL)


def check_credential(value: object, name: str, *, service: str) -> None:
    """Refuse a credential that a copy or a file has changed on its way here.

    Of the value nothing is shown but an invisible character.

    Raises:
        ConfigurationError: It is not a text, is empty, has blanks or quotes around it, or holds
            a line break or another invisible character, such as a byte order mark.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        problem = f"must be a text, not {type(text).__name__}"
    elif not text.strip():
        problem = "must be a text that is not empty"
    elif "\n" in text or "\r" in text:
        problem = "must not hold a line break, such as the one at the end of a file"
    elif text != text.strip():
        problem = "must not begin or end with a blank"
    elif not text.isprintable():
        hidden = next(char for char in text if not char.isprintable())
        problem = f"must not hold an invisible character ({_character(hidden)})"
    elif _QUOTES.fullmatch(text):
        problem = "must be given without the quotes around it"
    else:
        return
    del value, text
    raise ConfigurationError(f"{name} {problem}", service=service)


def _character(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip()
