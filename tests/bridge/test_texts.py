"""Sentences in English, French and Dutch: none is missing, none is English in the others."""

from __future__ import annotations

import ast
import json
import pickle
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from _client_kit._arguments import check_seconds
from _client_kit._errors import ConfigurationError, PermissionDeniedError, ServiceError
from _client_kit._text import Text, code_of, joined
from _client_kit._times import local_time
from bridge import BusyError, ConnectionConfig
from bridge._delivery.arguments import check_document_id
from bridge._delivery.delivery import Delivery
from bridge._delivery.faults import UPLOAD, FaultTracker, HeldRefusal
from bridge._reports.texts import (
    HEADINGS,
    SENTENCES,
    Lang,
    check_lang,
    say,
    translate,
)
from bridge._reports.verification import CHECKS, verification_of

SRC = Path(__file__).resolve().parents[2] / "src"
RUNTIME = ("_client_kit", "_contract_check", "banqup_client", "zenvoices_client", "bridge")
SEPARATORS = {": ", "; ", " "}
SAME = {
    *("code", "document_count", "in_call"),
    *(
        "error",
        "document",
        "documents",
        "destination",
        "inbox",
        "ok",
        "status",
        "count",
        "date",
        "said",
    ),
    *("arguments", "client id"),
    *("with_documents", "of_document", "operation", "seconds", "export", "no_port"),
}
"""Codes whose words may be the same in two languages."""


ENGLISH_WORDS = """
the and with that this which from your there their have been when where while would could should
nothing other after before check checks sent failed right rights whether give user users answers
again once only until
"""


@cache
def modules() -> dict[str, list[ast.Call]]:
    """The calls in every module that runs with an application.

    Twins and fakes say what these say.
    """
    found: dict[str, list[ast.Call]] = {}
    for package in RUNTIME:
        for path in sorted((SRC / package).rglob("*.py")):
            name = path.relative_to(SRC).as_posix()
            if not re.search(r"/(_sync|fakes|_fake)/", name):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                found[name] = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found


def constant(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of functions and methods by their last name, with the module of each."""
    for module, made in modules().items():
        for call in made:
            called = call.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names:
                yield module, call


@cache
def english() -> dict[str, set[str]]:
    """The English templates of each code, where the source makes one."""
    found: dict[str, set[str]] = {}
    for _, call in calls("Text", "setting_error", "store_error", "_must_be", "_error"):
        if len(call.args) > 1 and isinstance(code := constant(call.args[0]), str):
            templates = {code: constant(call.args[1])}
            for word in call.keywords:
                if word.arg == "hint" and isinstance(constant(word.value), str):
                    templates[f"hint_{code}"] = constant(word.value)
            for name, template in templates.items():
                found.setdefault(name, set()).update({template} - {None})
    return found


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_every_sentence_of_the_source_is_in_the_table() -> None:
    """No error, hint, reason or note is without its French and Dutch."""
    assert len(english()) > 150
    assert set(english()) - set(SENTENCES) - set(HEADINGS) == set()


def test_an_address_is_named_as_in_a_file_too() -> None:
    """Who has a file of connections finds no ``base_url=`` in it."""
    told = {name for name, some in english().items() if any("base_url=" in one for one in some)}
    assert len(told) > 1
    for name in told:
        for text in (*english()[name], *SENTENCES[name]):
            assert "banqup_url" in text
            assert "zenvoices_url" in text


def test_no_code_stands_in_both_tables() -> None:
    """The one would hide the other."""
    assert set(SENTENCES) & set(HEADINGS) == set()


def test_no_sentence_of_the_table_is_unused() -> None:
    """What no module makes any more is deleted; codes made of parts are known here."""
    made = {"mapper_raised", "rule_raised"}
    made |= {code for code in SENTENCES if code.startswith("ubl_")}
    assert set(SENTENCES) - set(english()) - made == set()


def test_each_translation_is_whole() -> None:
    """Both languages say it, in other words than English, with values that the English has."""
    for code, (french, dutch) in SENTENCES.items():
        assert french.strip(), code
        assert dutch.strip(), code
        for sentence in english().get(code, ()):
            assert code in SAME or sentence not in (french, dutch), code
            # Details of a parser, in English, are left out of some.
            assert fields(french) <= fields(sentence) >= fields(dutch), code
        for template in (french, dutch):
            assert template.count("|") <= 1, code
            assert len(template.split("|")) == 1 or all(template.split("|")), code


def test_each_heading_is_whole() -> None:
    """Each of the three languages has it, with the same values."""
    for code, (heading, french, dutch) in HEADINGS.items():
        assert fields(heading) == fields(french) == fields(dutch), code
        assert code in SAME or heading not in (french, dutch), code


def test_no_message_is_made_without_a_code() -> None:
    """What reports show is never a bare English text: a reason, a note, a failure of a call."""
    reasons = ("NotReady", "Refused", "Skipped", "Held", "NotSent", "InDoubt", "Undecidable")
    errors = (
        *("CredentialsError", "PermissionDeniedError", "NotFoundError", "RejectedError"),
        *("RateLimitedError", "UnavailableError", "UnreachableError", "OutcomeUnknownError"),
        *("FileNotReadyError", "FileRefusedError", "UrlExpiredError"),
    )
    bare = [
        f"{name}, line {call.lineno}"
        for name, call in calls(*reasons, *errors, "Skip", "Wait", "note")
        if call.args and isinstance(call.args[0], ast.JoinedStr | ast.Constant)
    ]
    bare += [
        f"{name}, line {call.lineno}"
        for name, call in calls("evolve", "Trial", "DeliveryRow")
        for word in call.keywords
        if word.arg == "reason" and (isinstance(word.value, ast.JoinedStr) or constant(word.value))
    ]
    assert bare == []


@pytest.mark.parametrize("lang", ["fr", "nl"])
def test_translated_sentences_hold_no_english_words(lang: Lang) -> None:
    """No word that only English has is left, names of screens and of arguments aside."""
    only = set(ENGLISH_WORDS.split())
    screens = "Settings > External applications", "API > Companies > List access"
    for code, texts in [*SENTENCES.items(), *((c, t[1:]) for c, t in HEADINGS.items())]:
        text = re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", "", texts[lang == "nl"])  # variables
        for screen in (*screens, "API > Inbox access", "client id", "client secret"):
            text = text.replace(screen, "")
        left = set(re.findall(r"[a-zàâçéèêëîïôûùüÿœ']+", text.casefold())) & only
        assert left == set(), (code, left)


SCREENS = {
    "API > Inbox access": ("API > Accès à la boîte de réception", "API > Inbox access"),
    "API > Companies > List access": (
        "API > Entreprises > Accès à la liste",
        "API > Companies > List access",
    ),
    "Manage > Organisation > Users": (
        "Gérer > Organisation > Utilisateurs",
        "Beheer > Omgeving > Gebruikers",
    ),
    "Manage > Organisation > Companies": (
        "Gérer > Organisation > Entreprises",
        "Beheer > Omgeving > Administraties",
    ),
    "Settings > External applications": (
        "Settings > External applications (libellés anglais)",
        "Settings > External applications (Engelse benaming)",
    ),
}
"""What the screens say; those that no page shows in a language stay English and say so."""


@pytest.mark.parametrize("screen", sorted(SCREENS))
def test_remedies_name_the_same_screens(screen: str) -> None:
    """A screen that the English hint names is named by the French and the Dutch one."""
    named = [code for code, texts in english().items() if any(screen in text for text in texts)]
    assert named
    for code in named:
        french, dutch = SCREENS[screen]
        assert french in SENTENCES[code][0]
        assert dutch in SENTENCES[code][1]


@pytest.mark.parametrize(
    ("lang", "one", "none", "many"),
    [
        ("en", "1 document", "0 documents", "1234 documents"),
        ("fr", "1 document", "0 document", "1\u202f234 documents"),
        ("nl", "1 document", "0 documenten", "1.234 documenten"),
    ],
)
def test_plurals_and_numbers_are_those_of_the_language(
    lang: Lang, one: str, none: str, many: str
) -> None:
    """One is singular everywhere, nought in French too; thousands as people write them."""
    for count, expected in ((1, one), (0, none), (1234, many)):
        text = Text("document_count", "{0} document|{0} documents", count)
        assert translate(text, lang) == expected
    assert translate(say("seconds", 1.25), lang) == ("1.2 s" if lang == "en" else "1,2 s")


def test_a_name_of_a_count_has_its_plural() -> None:
    """A state beside a number, in French; without one it is singular."""
    assert translate(say("confirmed", 2), "fr") == "confirmés"
    assert translate(say("confirmed", 1), "fr") == translate(say("confirmed"), "fr") == "confirmé"
    assert translate(say("confirmed", 2), "nl") == "bevestigd"


def test_joined_parts_have_the_code_of_the_first_with_a_code() -> None:
    """So that programs can go by it, whatever else stands before and behind."""
    refused = Text("refused", "refused ({0})", "500")
    reason = joined(": ", "inbox.upload", refused, Text("said", "{0}", "Nee"))
    assert code_of(joined("; ", reason, Text("gone", "gone"))) == "refused"
    assert code_of("Nee") == code_of(None) == code_of(joined(": ", "a", "b")) == ""


def test_a_sentence_inside_a_sentence_is_translated_too() -> None:
    """What a service said is quoted, and punctuation is that of the language."""
    said = Text("said", "{0}", "Geen toegang")
    refused = Text("not_permitted", "not permitted ({0})", "403")
    text = joined(": ", "inbox.list", refused, said)
    assert text == "inbox.list: not permitted (403): Geen toegang"
    assert translate(text, "fr") == "inbox.list : accès refusé (403) : « Geen toegang »"
    assert translate(text, "nl") == "inbox.list: niet toegestaan (403): “Geen toegang”"


def test_a_translated_sentence_can_be_translated_back() -> None:
    """It keeps its code, its values and its English, through a pickle and through JSON."""
    text = Text("not_kept", "it could not be kept meanwhile: {0}", Text("said", "{0}", "ENOSPC"))
    french = translate(text, "fr")
    again = pickle.loads(pickle.dumps(french))
    assert again == french == translate(translate(text, "nl"), "fr")
    assert translate(again, "en") == text
    stored = json.loads(json.dumps(text.to_json()))
    assert translate(Text.from_json(stored), "fr") == french


@pytest.mark.parametrize("stored", [[], ["a"], ["a", 1], [1, "a"], ["a", "b", {}], ["a", "b", [1]]])
def test_a_stored_sentence_that_is_damaged_is_refused(stored: list[Any]) -> None:
    """Neither a wrong length nor a wrong kind becomes a sentence."""
    with pytest.raises((TypeError, ValueError)):
        Text.from_json(stored)


def test_a_sentence_of_another_version_stays_readable() -> None:
    """A code that is not known, or has other values, is shown in English."""
    assert translate(Text("from_later", "a later sentence"), "fr") == "a later sentence"
    assert translate(Text("not_permitted", "no"), "fr") == "no"
    assert translate("Geen toegang", "fr") == "Geen toegang"


def test_a_long_sentence_is_cut_with_its_values() -> None:
    """What is stored has a bound, and still has its code."""
    text = Text("said", "{0}", "x" * 900).cut(500)
    assert len(text) == 500
    assert len(text.values[0]) == 500
    assert text.code == "said"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot change the zone")
@pytest.mark.parametrize(
    ("zone", "lang", "expected"),
    [
        ("UTC", "en", "2026-03-02 08:30 UTC"),
        ("Europe/Brussels", "en", "2026-03-02 09:30 (08:30 UTC)"),
        ("Europe/Brussels", "fr", "02/03/2026 à 09:30 (08:30 UTC)"),
        ("Europe/Brussels", "nl", "02/03/2026 om 09:30 (08:30 UTC)"),
    ],
)
def test_times_are_local_with_utc_beside(
    monkeypatch: pytest.MonkeyPatch, zone: str, lang: Lang, expected: str
) -> None:
    """As the clock of the person shows it, in the order of the country."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert translate(local_time(datetime(2026, 3, 2, 8, 30, tzinfo=UTC)), lang) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("lang", "day"), [("fr", "02/03/2026"), ("nl", "02/03/2026")])
def test_errors_show_times_and_dates_of_the_language(lang: Lang, day: str) -> None:
    """Until when a lease lasts, and the documents that ended a run."""
    busy = BusyError(held_until=datetime(2026, 3, 2, 8, 30, tzinfo=UTC))
    assert day in translate(busy.message, lang)
    label = joined(", ", "INK B.V.", Text("date", "{0}", "2026-03-02"))
    delivery = Delivery("d-1", folder="PURCHASES", label=label)
    error = ServiceError(Text("refused", "refused ({0})", "400"), service="zenvoices")
    tracker, refusal = FaultTracker(), HeldRefusal(UPLOAD, delivery, error)
    tracker.holds(refusal, suspect=False)
    named = tracker.error(refusal)
    assert "INK B.V., 2026-03-02" in str(named)
    assert f"INK B.V., {day}" in translate(named.message, lang)


@pytest.mark.parametrize(
    ("call", "french", "dutch"),
    [
        (
            lambda: check_seconds("a", "timeout", service="bridge"),
            "timeout doit être un nombre positif de secondes, et non un texte",
            "timeout moet een positief aantal seconden zijn en geen tekst",
        ),
        (
            lambda: check_document_id("a b"),
            "l'identifiant du document ne peut contenir que 1 à 128 lettres",
            "het document-id mag alleen uit 1 tot 128 letters",
        ),
        (
            lambda: ConnectionConfig(
                space_id="s",
                company_code="1",
                banqup_url="https://a.example",
                on_uncertain="x",  # type: ignore[arg-type]
            ),
            "on_uncertain doit être 'hold' ou 'resend'",
            "on_uncertain moet 'hold' of 'resend' zijn",
        ),
    ],
)
def test_a_wrong_value_is_told_without_words_of_python(
    call: Callable[[], Any], french: str, dutch: str
) -> None:
    """A text where none belongs is called so; a wrong word is not told that it is a text."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    for lang, told in (("fr", french), ("nl", dutch)):
        shown = translate(caught.value.message, check_lang(lang))
        assert shown.startswith(told)
        assert "str" not in shown


def test_a_language_that_is_not_there_is_refused() -> None:
    """The message names those that are."""
    with pytest.raises(ConfigurationError, match="'en', 'fr' or 'nl', not 'xx'"):
        check_lang("xx")
    assert [check_lang(lang) for lang in ("en", "fr", "nl")] == ["en", "fr", "nl"]


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_has_a_title_in_each_language(check: str) -> None:
    """And not the same one twice."""
    assert len({translate(say(check), lang) for lang in ("en", "fr", "nl")}) == 3


def test_a_verification_in_french_can_be_shown_in_another_language() -> None:
    """Titles, findings and remedies follow the language asked for; a service's words stay."""
    refused = Text("not_permitted", "not permitted ({0})", "403")
    message = joined(": ", refused, Text("said", "{0}", "Nee"))
    hint = Text("hint_later", "The service was reached, but cannot answer now: try again later.")
    error = PermissionDeniedError(message, service="zenvoices", status=403, hint=hint)
    found: dict[str, str | ServiceError] = {"zenvoices inbox": error}
    made = verification_of(found, "fr")
    assert made.failed[0].code == "permission"
    assert "réessayez plus tard" in made.failed[0].remedy
    for lang in ("en", "fr", "nl"):
        shown = made.to_text(lang=lang)
        assert "Nee" in shown
        assert shown == verification_of(found, lang).to_text()
