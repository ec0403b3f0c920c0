"""Make the checks of verify(deep=True): compare the answers of operations with the contract.

A check shows only names and types of an answer, never its values.
"""

from __future__ import annotations

import json

from attrs import evolve

from _client_kit._errors import ServiceError
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text, joined
from _contract_check.expectations import Expectations
from _contract_check.shapes import Probe, differences
from bridge._reports.texts import Lang, say
from bridge._reports.verification import Check, failed, translated

_THE_ANSWER = Text("the_answer", "the answer")
_NOTHING = Text("nothing", "nothing")


def check_of(probe: Probe, expected: Expectations, lang: Lang) -> Check:
    """Return the check of an operation that was called, with its texts in the language `lang`."""
    return translated(_check(probe, expected), lang)


def _check(probe: Probe, expected: Expectations) -> Check:
    name, note = probe.operation, probe.note
    title = say("operation", name)
    if probe.error is not None:
        return _broken(probe.error, failed(name, title, probe.error), expected)
    problems = list(differences(probe.answers, name, expected))
    if not problems:
        if probe.skipped:
            return Check(name, title, "skipped", note)
        if probe.remedy:
            return Check(name, title, "failed", note, probe.remedy, "unlike")
        return Check(name, title, "ok", note)
    details = (
        Text(
            "unlike",
            "expected {0} ({1}); {2} has {3}",
            *(item.path, item.expected, item.above or _THE_ANSWER, item.came or _NOTHING),
        )
        for item in problems
    )
    patch = json.dumps({name: {"rename": {item.path: item.near or "..." for item in problems}}})
    advice = Text(
        "hint_restructure",
        "Correct it with {0}(contract={1}); or, for another structure, with {2}.",
        *(expected.client, patch, f'{expected.client}(operations={{"{name}": ...}})'),
    )
    return Check(name, title, "failed", joined("; ", *details), advice, "unlike")


def _broken(error: ServiceError, check: Check, expected: Expectations) -> Check:
    """Return the failed check; if the path of the call may be wrong, say how to correct it."""
    by_contract = isinstance(error.hint, Text) and error.hint.code == CONTRACT_HINT.code
    if not by_contract and error.kind != "not found":
        return check
    patch = json.dumps({check.name: {"path": "..."}})
    template = "If the call has another address, correct it with {0}(contract={1})."
    address = Text("hint_address", template, expected.client, patch)
    return evolve(check, remedy=joined(" ", error.hint, address))
