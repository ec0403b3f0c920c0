"""Propose pairs of a space and a company with the same name."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from attrs import frozen

from banqup_client import Space
from bridge._reports.render import plain, wrap
from bridge._reports.texts import Lang, check_lang, say, translate
from zenvoices_client import Company

_LEGAL_FORM = re.compile(
    "e?bvba|bv|nv|cvba|cv|vof|commv|gcv|i?vzw|"  # Dutch; then French, then others
    "sa|srl|sprlu?|sc|scrl|scris|scs|snc|asbl|aisbl|gie|"
    "se|eesv|sarl|sasu?|eurl|sci|gmbh|ag|kg|ohg|ug|ltd|llp|plc|inc"
)
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", ".": None, "'": None, "\u2019": None}
)


def _comparable(name: str) -> str:
    """Return a name without case, accents, punctuation and the legal forms at both ends.

    A name that consists of legal forms only keeps them.
    """
    text = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    words = re.findall(r"[^\W_]+", "".join(it for it in text if not unicodedata.combining(it)))
    left = list(words)
    while left and _LEGAL_FORM.fullmatch(left[-1]):
        left.pop()
    while left and _LEGAL_FORM.fullmatch(left[0]):
        left.pop(0)
    return " ".join(left or words)


@frozen
class Namesakes:
    """Spaces and companies of the same name.

    Attributes:
        spaces: The spaces of this name; may be empty.
        companies: The companies of this name; may be empty.
    """

    spaces: tuple[Space, ...]
    companies: tuple[Company, ...]


@frozen(kw_only=True)
class Pairs:
    """Spaces and companies, paired by name for a person to confirm. Nothing is activated.

    Names are compared without case, accents, punctuation and legal form: "CAFÉ De Sluis B.V." and
    "Cafe de Sluis" are the same. Two companies may have the same name, so a pair is only a
    proposal::

        pairs = Pairs.of(banqup.spaces.list(), zenvoices.companies.list())
        Path("connections.toml").write_text(pairs.to_toml(environment="PRODUCTION_EU"), "utf-8")

    Attributes:
        proposed: Pairs of one space and one company with the same name.
        ambiguous: Spaces and companies of the same name, if there is more than one space or
            company, or if one lacks its id or code.
        spaces: Spaces without a company of the same name, or without a name.
        companies: Companies without a space of the same name, or without a name.
    """

    proposed: tuple[Namesakes, ...] = ()
    ambiguous: tuple[Namesakes, ...] = ()
    spaces: tuple[Space, ...] = ()
    companies: tuple[Company, ...] = ()

    @classmethod
    def of(cls, spaces: Iterable[Space], companies: Iterable[Company]) -> Pairs:
        """Pair spaces and companies that have the same name."""
        named: dict[str, tuple[list[Space], list[Company]]] = defaultdict(lambda: ([], []))
        for space in spaces:
            named[_comparable(space.name or "")][0].append(space)
        for company in companies:
            named[_comparable(company.name or "")][1].append(company)
        proposed: list[Namesakes] = []
        ambiguous: list[Namesakes] = []
        alone = Namesakes((), ())
        for name, same in sorted(named.items()):
            found = Namesakes(tuple(same[0]), tuple(same[1]))
            # Spaces and companies without a name are not paired.
            if not (name and found.spaces and found.companies):
                alone = Namesakes(alone.spaces + found.spaces, alone.companies + found.companies)
            elif len(found.spaces) == len(found.companies) == 1 and _usable(found):
                proposed.append(found)
            else:
                ambiguous.append(found)
        return cls(
            proposed=tuple(proposed),
            ambiguous=tuple(ambiguous),
            spaces=alone.spaces,
            companies=alone.companies,
        )

    def to_toml(self, *, lang: Lang = "en", **shared: str) -> str:
        """Return the text of a file for :meth:`ConnectionConfig.from_toml`.

        The lines of each pair are comments, for a person to enable.

        Args:
            lang: Language of the comments: ``"en"``, ``"fr"`` or ``"nl"``.
            shared: Settings of all connections, such as ``environment="PRODUCTION_EU"``. Without
                ``checkpoint_url_variable``, ``checkpoint_file`` is ``exports.db`` by default.

        Raises:
            ConfigurationError: The language is not one of these.
        """
        check_lang(lang)
        # A file that names two stores would be refused.
        store = {} if "checkpoint_url_variable" in shared else {"checkpoint_file": "exports.db"}
        settings = {**store, **shared}
        lines = [
            *_comment("file of pairs", lang),
            *(f"{name} = {_quoted(value)}" for name, value in settings.items()),
        ]
        for same in self.proposed:
            lines += ["", f"# {_name(same.spaces[0])} = {_name(same.companies[0])}"]
            lines += [
                "# [[connection]]",
                f"# space_id = {_quoted(same.spaces[0].id)}",
                f"# company_code = {_quoted(same.companies[0].code or '')}",
            ]
        groups = (
            ("to choose", [_rows(same.spaces, same.companies) for same in self.ambiguous]),
            ("alone", [_rows(self.spaces, self.companies)]),
        )
        for title, rows in groups:
            if any(rows):
                lines += ["", *_comment(title, lang), *chain(*rows)]
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return the pairs as data that JSON can hold."""
        return {
            "proposed": [_data(same) for same in self.proposed],
            "ambiguous": [_data(same) for same in self.ambiguous],
            **_data(Namesakes(self.spaces, self.companies)),
        }


def _usable(same: Namesakes) -> bool:
    return bool(same.spaces[0].id and (same.companies[0].code or "").strip())


def _name(of: Space | Company) -> str:
    return plain(of.name or "?", 100)


def _quoted(text: str) -> str:
    # A basic string of TOML is written like a string of JSON. But TOML forbids the character DEL,
    # which json.dumps does not escape: plain() escapes all control characters.
    return json.dumps(plain(text), ensure_ascii=False)


def _rows(spaces: Sequence[Space], companies: Sequence[Company]) -> list[str]:
    return [
        *(f"#   space_id = {_quoted(one.id)}   # {_name(one)}" for one in spaces),
        *(f"#   company_code = {_quoted(one.code or '')}   # {_name(one)}" for one in companies),
    ]


def _comment(code: str, lang: Lang) -> list[str]:
    text = wrap(translate(say(code), lang), "# ")
    return [f"# {line[2:]}" for line in text.splitlines()]


def _data(same: Namesakes) -> dict[str, Any]:
    return {
        "spaces": [{"id": one.id, "name": one.name} for one in same.spaces],
        "companies": [{"code": one.code, "name": one.name} for one in same.companies],
    }
