"""Check arguments where they are passed; errors say what is allowed and what was given."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from _client_kit._errors import ConfigurationError
from _client_kit._secret import Secret
from _client_kit._text import Text, joined

LONGEST_WORD = 80


class ServiceWord(str):
    """A value that a service knows and this library does not; it is sent unchecked.

    Plain strings are checked against the known values, so that a misspelling is found at once::

        client.documents.list(space_id, folder=ServiceWord("ARCHIVE"))
    """

    __slots__ = ()


def argument_error(
    name: str, wanted: str, given: object, *, service: str, hint: str | None = None
) -> ConfigurationError:
    """Return the error for a wrong argument; its message says what is allowed and what was given.

    The message shows None, booleans and numbers. Of every other value it shows only the class: a
    text may be a password that was passed as the wrong argument.
    """
    if isinstance(given, str):
        message = Text("must_be_no_text", "{0} must be {1}, not str", name, wanted)
        return ConfigurationError(message, service=service, hint=hint)
    if isinstance(given, type):
        kind = f"the class {given.__name__}"
    elif given is None or isinstance(given, (bool, int, float)):
        kind = repr(given)[:LONGEST_WORD]
    else:
        kind = type(given).__name__
    message = Text("must_be", "{0} must be {1}, not {2}", name, wanted, kind)
    return ConfigurationError(message, service=service, hint=hint)


def check_instance(
    value: object, kind: type[object], name: str, *, service: str, hint: str | None = None
) -> None:
    """Check that a value is an instance of a class.

    Raises:
        ConfigurationError: The value has another class, or it is the class itself.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        wanted = f"{article} {kind.__name__}"
        raise argument_error(name, wanted, value, service=service, hint=hint)


def check_list(value: Any, name: str, members: str, *, service: str) -> list[Any]:
    """Return the members of an iterable as a list; refuse a single text, bytes or mapping.

    Raises:
        ConfigurationError: The value is not iterable, or is a text, bytes or a mapping. Without
            this check, each letter of a text would count as a member.
    """
    given: object = value
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        hint = f"Write {name}=[...], also for one."
        raise argument_error(name, f"a list of {members}", value, service=service, hint=hint)
    return list(value)


def check_seconds(value: object, name: str, *, service: str, zero: bool = False) -> float:
    """Return the value as a float, if it is a number of seconds.

    Args:
        value: Value of the argument.
        name: Name of the argument, for the error.
        service: Name of the service, to put into the error.
        zero: Whether 0 is allowed too, as for a deadline that has passed.

    Raises:
        ConfigurationError: The value is not a number, is infinite or negative, or is 0 although
            ``zero`` is False.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if 0 < number < float("inf") or (zero and number == 0):
            return number
    wanted = Text("positive_seconds", "a positive number of seconds")
    raise argument_error(name, wanted, value, service=service)


def check_number(value: object, name: str, *, service: str, hint: str | None = None) -> None:
    """Check that a value is a whole number.

    Raises:
        ConfigurationError: The value is something else, such as the text of a number.
    """
    if type(value) is not int:
        wanted = Text("whole_number", "a whole number")
        raise argument_error(name, wanted, value, service=service, hint=hint)


def check_function(
    function: Any,
    name: str,
    number: int,
    hint: str | None = None,
    *,
    service: str,
    coroutines: bool = False,
) -> None:
    """Check that a value is a function that takes `number` positional arguments.

    A function without a known signature is accepted.

    Args:
        function: Value of the argument.
        name: Name of the argument, for the error.
        number: Number of positional arguments.
        hint: Advice for the error, such as the parameters that the function must have.
        service: Name of the service, to put into the error.
        coroutines: Whether a coroutine function is allowed too, because its result is awaited.

    Raises:
        ConfigurationError: The value cannot be called, or is a class. Or the value is a coroutine
            function, and ``coroutines`` is False. Or it needs more arguments, or accepts fewer.
    """
    if not callable(function) or isinstance(function, type):
        wanted = Text("a_function", "a function")
        raise argument_error(name, wanted, function, service=service, hint=hint)
    if is_coroutine_function(function) and not coroutines:
        message = Text(
            "is_coroutine",
            "{0} is a coroutine function; only a mapper can be one, and only AsyncConnection takes "
            "it",
            name,
        )
        raise ConfigurationError(message, service=service)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have no signature
        return
    try:
        signature.bind(*range(number))
    except TypeError as error:
        message = Text(
            "wrong_parameters",
            "{0} must take {1} argument: {2}|{0} must take {1} arguments: {2}",
            *(name, number, Text("said", "{0}", str(error))),
        )
        raise ConfigurationError(message, service=service, hint=hint) from None


def check_clock(clock: Any, *, service: str) -> None:
    """Check that a clock returns the seconds since 1970, as ``time.time`` does.

    Raises:
        ConfigurationError: The clock cannot be called without arguments, or is a class or a
            coroutine function. Or its result is not a number of seconds from 0 up.
    """
    check_function(clock, "clock", 0, service=service)
    check_seconds(clock(), "the result of clock", service=service, zero=True)


def check_word(value: object, known: Iterable[str], name: str, *, service: str) -> None:
    """Check that a value is one of the known strings, or a :class:`ServiceWord`.

    Raises:
        ConfigurationError: The value is not a string, or it is another string; the hint then names
            the most similar known string, or all of them.
    """
    words = tuple(known)
    if isinstance(value, ServiceWord) or (isinstance(value, str) and value in words):
        return
    wanted = Text("either", "{0} or {1}", ", ".join(map(repr, words[:-1])), repr(words[-1]))
    if not isinstance(value, str):
        raise argument_error(name, wanted, value, service=service)
    shown = value[:LONGEST_WORD]
    message = Text("must_be", "{0} must be {1}, not {2}", name, wanted, repr(shown))
    raise ConfigurationError(message, service=service, hint=nearest(shown, words))


def nearest(word: str, known: Iterable[str]) -> Text:
    """Return a hint that names the most similar known string; if none is similar, all of them."""
    import difflib  # imported for errors only

    words = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(word.casefold(), words, n=1, cutoff=0.6)
    if near:
        return Text("did_you_mean", "Did you mean {0!r}?", words[near[0]])
    return Text("known_are", "Known are: {0}.", ", ".join(words.values()))


def is_coroutine_function(function: Any) -> bool:
    """Return True if calling a function, or a ``partial()`` of a function, returns a coroutine."""
    while (inner := getattr(function, "func", None)) is not None:
        function = inner
    call = getattr(function, "__call__", None)  # noqa: B004 - read only
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def read_environment(environ: Mapping[str, str], *names: str, service: str) -> list[str]:
    """Return the values of environment variables.

    Raises:
        ConfigurationError: A variable is not set or is empty, or :func:`check_credential` refuses
            its value. The message names the variables. For missing ones, the hint names the
            variables that are set and have the same prefix, such as ``BANQUP_``.
    """
    missing = [name for name in names if not environ.get(name)]
    if missing:
        message = Text(
            "not_in_environment", "environment variables not set: {0}", ", ".join(missing)
        )
        starts = tuple({f"{name.partition('_')[0]}_" for name in names})
        near = sorted(
            name for name in map(str, environ) if name.startswith(starts) and environ[name]
        )
        hint = joined(
            " ",
            Text("hint_set_are", "Set are: {0}.", ", ".join(near)) if near else "",
            Text(
                "hint_environment",
                "A shell passes on what it has exported; cron and systemd read no profile of it.",
            ),
        )
        raise ConfigurationError(message, service=service, hint=hint)
    for name in names:
        check_credential(environ[name], name, service=service)
    return [environ[name] for name in names]


_QUOTES = re.compile(r"""(["'`]).*\1|[\u201c\u201e\xab].*[\u201c\u201d\xbb]""", re.DOTALL)


def check_credential(value: object, name: str, *, service: str) -> None:
    """Check that a credential has no characters that copying, or reading a file, has added.

    The error shows no part of the credential except an invisible character.

    Raises:
        ConfigurationError: The value is not a text, is empty, has blanks or quotes around it, or
            holds a line break or another invisible character, such as a byte order mark.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        problem = Text("credential_type", "{0} must be a text, not {1}", name, type(text).__name__)
    elif not text.strip():
        problem = Text("credential_empty", "{0} must not be empty", name)
    elif text != text.strip():
        problem = Text(
            "credential_blank", "{0} must not begin or end with a blank or a line break", name
        )
    elif not text.isprintable():
        hidden = next(char for char in text if not char.isprintable())
        problem = Text(
            "credential_hidden",
            "{0} must not hold an invisible character or a byte order mark ({1})",
            *(name, f"U+{ord(hidden):04X} {unicodedata.name(hidden, '')}".strip()),
        )
    elif _QUOTES.fullmatch(text):
        problem = Text("credential_quotes", "{0} must be given without the quotes around it", name)
    else:
        return
    del value, text
    raise ConfigurationError(problem, service=service, code="bad_credential")
