"""Functions that take a mapper and return one that also filters, or sets the journal or file names.

For example::

    mapper = journal(only(default_mapper, folders=["PURCHASES"]), {"PURCHASES": "INK"})

They take mappers for `AsyncConnection` too, coroutine functions included.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from attrs import evolve

from _client_kit._arguments import check_instance, check_list, check_word
from _client_kit._text import Text
from banqup_client import Document
from bridge._delivery.arguments import check_mapper
from bridge._delivery.eligibility import FOLDERS, Skip
from bridge._errors import configuration_error
from bridge._mapping.mapper import SourceFile, main_file, one_line
from zenvoices_client import InboxUpload

_Said = TypeVar("_Said", InboxUpload | Skip, InboxUpload | Skip | Awaitable[InboxUpload | Skip])
_Mapper = Callable[[Document, Sequence[SourceFile]], _Said]

JournalRule = Callable[[Document, Sequence[SourceFile]], str | None]
"""A function that returns the journal code of a document, or None for no code."""

CATEGORIES = ("INVOICE", "CREDIT_NOTE", "PURCHASE_ORDER")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,30}")
_FIELDS = ("folder", "category", "id", "number", "date", "supplier", "customer", "file")


_PARTY_LEFT_OUT = Text("party_left_out", "documents of this supplier or customer are not exported")


def only(
    mapper: _Mapper[_Said],
    *,
    folders: Collection[str] | None = None,
    categories: Collection[str] | None = None,
    parties: Collection[str] | None = None,
) -> _Mapper[_Said]:
    """Return a mapper that skips all documents but the chosen ones; the report says why.

    An argument that is None excludes no document.

    Args:
        mapper: Maps the documents that are not skipped.
        folders: The folders to export: ``PURCHASES``, ``SALES``.
        categories: The categories to export: ``INVOICE``, ``CREDIT_NOTE``, ``PURCHASE_ORDER``.
        parties: Names, VAT numbers or enterprise numbers of suppliers or customers. Letter case,
            spaces and dots make no difference. One party of a document must be in the list.

    Pass a folder or category that Banqup uses and this library does not know as a
    :class:`ServiceWord`.

    Raises:
        ConfigurationError: An argument is one text instead of a list of texts, or its list has an
            unknown folder or category. Or the mapper cannot be called with document and files.
    """
    wanted_folders = _words("folders", folders, FOLDERS)
    wanted_categories = _words("categories", categories, CATEGORIES)
    wanted_parties = _words("parties", parties)

    def mapped(document: Document, files: Sequence[SourceFile]) -> Any:
        if wanted_folders is not None and _folded(document.folder) not in wanted_folders:
            return Skip(_left_out(document.folder))
        if wanted_categories is not None and _folded(document.category) not in wanted_categories:
            return Skip(_left_out(document.category))
        if wanted_parties is not None and not wanted_parties & _names(document, files):
            return Skip(_PARTY_LEFT_OUT)
        return mapper(document, files)

    return _around(mapper, mapped)


def _left_out(kind: str | None) -> Text:
    return Text("kind_left_out", "{0}: documents of this kind are not exported", str(kind))


def journal(
    mapper: _Mapper[_Said],
    codes: Mapping[str, str] | JournalRule,
    *,
    into: Literal["subject", "destination"] = "subject",
) -> _Mapper[_Said]:
    """Return a mapper that chooses the journal in Zenvoices.

    By default the mapper writes the journal's code in square brackets before the subject, such as
    ``[INK]``. Zenvoices documents such codes for e-mail only; that uploads accept them is assumed.
    Zenvoices applies its assignment rules before it looks at the code.

    Args:
        mapper: Makes the upload.
        codes: The code of each folder, ``{"PURCHASES": "INK", "SALES": "VRK"}``, or a function of
            document and files that returns the code, or None for no code. Documents of a folder
            that is not in the mapping get no code. Pass a folder that this library does not know
            as a :class:`ServiceWord`.
        into: Where the code goes: before the subject in brackets, or plain as the destination.

    Raises:
        ConfigurationError: A folder is not known. Or a code of the mapping is not 1 to 30 letters,
            digits, ``.``, ``_`` or ``-``. If a function returns a wrong code, the new mapper raises
            this error.
    """
    check_word(into, ("subject", "destination"), "into", service="bridge")
    rule = codes if callable(codes) else _by_folder(codes)

    def changed(
        document: Document, files: Sequence[SourceFile], upload: InboxUpload
    ) -> InboxUpload:
        code = rule(document, files)
        if not code:
            return upload
        _check_code(code)
        if into == "destination":
            return evolve(upload, destination=code)
        return evolve(upload, subject=f"[{code}] {upload.subject or ''}".strip())

    return _then(mapper, changed)


def without(mapper: _Mapper[_Said], *, parties: Collection[str]) -> _Mapper[_Said]:
    """Return a mapper that skips the documents of some parties; the report says why.

    Args:
        mapper: Maps the documents of all other parties.
        parties: Names or numbers as for :func:`only`. A document is skipped if its supplier or its
            customer is in the list. Do not list your own company: it is a party of every document.

    Raises:
        ConfigurationError: ``parties`` is one text instead of a list of texts.
    """
    unwanted = _words("parties", parties) or frozenset()

    def mapped(document: Document, files: Sequence[SourceFile]) -> Any:
        if unwanted & _names(document, files):
            return Skip(_PARTY_LEFT_OUT)
        return mapper(document, files)

    return _around(mapper, mapped)


def named(mapper: _Mapper[_Said], pattern: str) -> _Mapper[_Said]:
    """Return a mapper that names the files it sends; each keeps its extension.

    Args:
        mapper: Makes the upload.
        pattern: A name with any of ``{folder}``, ``{category}``, ``{id}``, ``{number}`` (the UBL's,
            else the name of the document's main file), ``{date}`` (the UBL's issue date),
            ``{supplier}``, ``{customer}`` and ``{file}`` (the file's old name without extension).
            An unknown value is left out. The second file's name ends in ``-2``, and so on.

    Raises:
        ConfigurationError: The pattern has another field, or cannot be read.
    """
    blank: dict[str, str] = dict.fromkeys(_FIELDS, "")
    try:
        pattern.format_map(blank)
    except (AttributeError, KeyError, ValueError) as error:
        known = ", ".join(f"{{{each}}}" for each in _FIELDS)
        message = f"the pattern of file names cannot be filled: {error}; known are {known}"
        raise configuration_error(message) from None

    def changed(
        document: Document, files: Sequence[SourceFile], upload: InboxUpload
    ) -> InboxUpload:
        values = _values(document, files)
        attachments = [
            evolve(item, file_name=_file_name(pattern, values, item.file_name, place))
            for place, item in enumerate(upload.attachments)
        ]
        return evolve(upload, attachments=tuple(attachments))

    return _then(mapper, changed)


def _then(
    mapper: _Mapper[_Said],
    change: Callable[[Document, Sequence[SourceFile], InboxUpload], InboxUpload],
) -> _Mapper[_Said]:
    """Return a mapper that applies `change` to uploads of `mapper`; a `Skip` stays unchanged."""

    def mapped(document: Document, files: Sequence[SourceFile]) -> Any:
        said: object = mapper(document, files)
        if isinstance(said, Awaitable):
            return later(document, files, said)
        return change(document, files, said) if isinstance(said, InboxUpload) else said

    async def later(
        document: Document, files: Sequence[SourceFile], coming: Awaitable[object]
    ) -> object:
        said = await coming
        return change(document, files, said) if isinstance(said, InboxUpload) else said

    return _around(mapper, mapped)


def _around(mapper: _Mapper[_Said], mapped: Any) -> _Mapper[_Said]:
    """Check `mapper`, and return `mapped`, whose new attribute ``func`` is `mapper`.

    Coroutine functions are accepted here. `Connection` refuses them: its check follows ``func``, as
    it does for a `functools.partial`.
    """
    check_mapper(mapper, in_tasks=True)
    mapped.func = mapper
    return cast("_Mapper[_Said]", mapped)


def _words(
    name: str, words: Collection[str] | None, known: Sequence[str] = ()
) -> frozenset[str] | None:
    """Return the words without case, spaces and dots; None if no list is given.

    If `known` is given, refuse a word that is neither in it nor a `ServiceWord`.
    """
    if words is None:
        return None
    given = check_list(words, name, "texts", service="bridge")
    for word in given:
        check_instance(word, str, f"a word of {name}", service="bridge")
        if known and _folded(word) not in map(_folded, known):
            check_word(word, known, f"a word of {name}", service="bridge")
    return frozenset(map(_folded, given))


def _folded(word: str | None) -> str:
    return re.sub(r"[\s.]+", "", word or "").casefold()


def _names(document: Document, files: Sequence[SourceFile]) -> frozenset[str]:
    """Return all names and numbers of the two parties, from Banqup and the main file's UBL."""
    found: list[str | None] = []
    for party in (document.supplier, document.customer):
        found += [party.legal_name, party.trade_name, party.vat_number, party.enterprise_number]
    ubl = main_file(files).ubl
    if ubl is not None:
        for side in (ubl.supplier, ubl.customer):
            found += [side.name, side.vat_number, side.enterprise_number]
    return frozenset(_folded(name) for name in found if name)


def _by_folder(codes: Mapping[str, str]) -> JournalRule:
    check_instance(codes, Mapping, "codes", service="bridge")
    _words("codes", list(codes), FOLDERS)
    by_folder = {_folded(folder): code for folder, code in codes.items()}
    for code in by_folder.values():
        _check_code(code)
    return lambda document, _: by_folder.get(_folded(document.folder))


def _check_code(code: object) -> None:
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        # Do not show the code: a rule may return its own input, such as a bank account.
        raise configuration_error("a journal code is 1 to 30 letters, digits, '.', '_' or '-'")


def _values(document: Document, files: Sequence[SourceFile]) -> dict[str, str]:
    main = main_file(files)
    ubl = main.ubl
    issued = ubl.issue_date if ubl else None
    values = {
        "folder": document.folder,
        "category": document.category,
        "id": document.id,
        "number": (ubl.number if ubl else None) or _stem(main.name)[0],
        "date": issued.isoformat() if issued else None,
        "supplier": document.supplier.name or (ubl.supplier.name if ubl else None),
        "customer": document.customer.name or (ubl.customer.name if ubl else None),
    }
    return {name: _part(value) for name, value in values.items()}


def _part(value: str | None) -> str:
    """Return a text as a part of a file name, with hyphens for slashes and backslashes."""
    return re.sub(r"[/\\]+", "-", one_line(value or ""))


def _file_name(pattern: str, values: Mapping[str, str], old: str, place: int) -> str:
    stem, extension = _stem(old)
    name = pattern.format_map({**values, "file": _part(stem)})
    # Without this, an unknown value would leave two separators in a row.
    name = re.sub(r"([ ._-])\1+", r"\1", name).strip(" ._-") or stem
    if place:
        name += f"-{place + 1}"
    return f"{name}.{extension}" if extension else name


def _stem(name: str) -> tuple[str, str]:
    """Split a name at its last dot; more than 10 characters after it are no extension."""
    # PurePath would drop the text before a slash, such as the year of an invoice number.
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot and len(extension) <= 10 else (name, "")
