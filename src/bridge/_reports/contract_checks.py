"""The checks of verify(deep=True), one per operation."""

from __future__ import annotations

import json

from _client_kit._errors import ServiceError
from _contract_check.expectations import Expectations
from _contract_check.shapes import Probe, differences, seen
from bridge._reports.remedies import cause_of, remedy
from bridge._reports.texts import Language, translate
from bridge._reports.verification import Check

__all__ = ["check_of"]

_OTHER_ADDRESS = "If the call has another address, correct it with {}(contract={})."


def check_of(probe: Probe, expected: Expectations, lang: Language) -> Check:
    """Return the check of an operation that was tried."""
    name = probe.operation
    title = translate("{} answers as assumed", lang).format(name)
    if probe.error is not None:
        return Check(
            name, title, "failed", probe.error.message, _advice(probe.error, name, expected, lang)
        )
    problems = list(differences(probe.answers, name, expected))
    if not problems:
        if probe.skipped:
            return Check(name, title, "skipped", probe.note)
        if probe.remedy:
            return Check(name, title, "failed", probe.note, probe.remedy)
        counts = seen(probe.answers, name, expected)
        detail = translate("{} of {} properties seen", lang).format(*counts)
        return Check(name, title, "ok", probe.note or detail)
    details = [
        translate("expected {} ({}); {} has {}", lang).format(
            item.path,
            item.expected,
            item.above or translate("the answer", lang),
            item.came or translate("nothing", lang),
        )
        for item in problems
    ]
    patch = json.dumps({name: {"rename": {item.path: item.near or "..." for item in problems}}})
    advice = translate("Correct it with {}(contract={})", lang).format(expected.client, patch)
    function = f'{expected.client}(operations={{"{name}": ...}})'
    advice += translate("; or, for another structure, with {}", lang).format(function)
    return Check(name, title, "failed", "; ".join(details), f"{advice}.")


def _advice(error: ServiceError, name: str, expected: Expectations, lang: Language) -> str:
    """Return what a person can do about an operation that failed."""
    _, cause = cause_of(_CHECKS[name], error)
    advice = remedy(cause, lang)
    if cause == "contract" or error.kind == "not found":
        patch = json.dumps({name: {"path": "..."}})
        advice += " " + translate(_OTHER_ADDRESS, lang).format(expected.client, patch)
    return advice


_CHECKS = {
    "spaces.list": "banqup space",
    "documents.list": "banqup documents",
    "documents.get": "banqup documents",
    "documents.files": "banqup documents",
    "files.details": "banqup documents",
    "files.download": "banqup documents",
    "companies.list": "zenvoices companies",
    "inbox.list": "zenvoices inbox",
    "inbox.details": "zenvoices inbox",
    "inbox.upload": "zenvoices inbox",
}
