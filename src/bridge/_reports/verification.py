"""The result of verify()."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve, field, frozen

from _client_kit._errors import ServiceError
from bridge._reports.render import Cell, Line, Printable, Table, View, plain_data
from bridge._reports.texts import Lang, say, translate

CHECKS = (
    "banqup login",
    "banqup space",
    "banqup documents",
    "zenvoices login",
    "zenvoices companies",
    "company code",
    "zenvoices inbox",
    "checkpoints",
)
"""The names of the prerequisites of an export, in the order in which they are shown."""


@frozen
class Check:
    """The check of one prerequisite of an export, or of one call of verify(deep=True).

    Attributes:
        name: The name of the check, for programs.
        title: The title of the check, for people.
        outcome: ``"ok"``, ``"failed"``, or ``"skipped"`` if the check was not made, for example
            because an earlier check failed.
        detail: The finding, or the message of the error; may be empty.
        remedy: How to correct a failure, and where; may be empty.
        code: For programs: the ``code`` of the error, else its ``kind``; ``"unlike"`` if an export
            cannot use the answer; empty if the check did not fail.
    """

    name: str
    title: str
    outcome: Literal["ok", "failed", "skipped"]
    detail: str = ""
    remedy: str = ""
    code: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as data that JSON can hold."""
        return plain_data(self)


_OUTCOMES = {"ok": "ok", "failed": "FAILED", "skipped": "not checked"}


@frozen(kw_only=True)
class Verification(Printable):
    """The result of verify(): one check per prerequisite, and with ``deep=True`` one per call.

    ``print()`` shows a table and a notebook shows HTML, in the language ``lang``. The result is
    false in an ``if`` when ``ok`` is False.

    Attributes:
        checks: The checks of prerequisites, then those of calls.
        error: The first failure that needs a person, else the first failure; None if no check
            failed.
        lang: The language of titles, findings and remedies.
    """

    checks: tuple[Check, ...]
    error: ServiceError | None = field(default=None, repr=False)
    lang: Lang = "en"

    @property
    def ok(self) -> bool:
        """Whether an export can run after activation.

        True if no check failed, and every prerequisite was checked.
        """
        return all(
            check.outcome == "ok" or (check.outcome == "skipped" and check.name not in CHECKS)
            for check in self.checks
        )

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    def raise_for_failure(self) -> None:
        """Raise ``error``, if it is not None.

        Raises:
            ServiceError: The failure; its hint is the remedy.
        """
        if self.error is not None:
            raise self.error.with_traceback(None)

    def to_dict(self) -> dict[str, Any]:
        """Return ``ok`` and the checks as data that JSON can hold."""
        return {"ok": self.ok, "checks": self.rows}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per check, for ``pandas.DataFrame``."""
        return [check.to_dict() for check in self.checks]

    def _language(self) -> Lang:
        return self.lang

    def _view(self) -> View:
        if self.ok:
            passed = sum(check.outcome == "ok" for check in self.checks)
            heading = say("ready", passed)
        else:
            heading = say("not ready", len(self.failed), len(self.checks))
        names = ("status", "check", "found", "what to do")
        table = Table("", tuple(map(say, names)), tuple(map(_line, self.checks)))
        return View(heading, tables=(table,))


def _line(check: Check) -> Line:
    return (
        Cell(say(_OUTCOMES[check.outcome])),
        Cell(check.title),
        Cell(check.detail, alone=True),
        Cell(check.remedy, alone=True),
    )


def verification_of(found: dict[str, str | ServiceError], lang: Lang) -> Verification:
    """Return the result of verify().

    Args:
        found: The detail or the error of each check, by the name of the check. A check that is not
            in it was skipped.
        lang: The language of the texts.
    """
    errors = [result for result in found.values() if isinstance(result, ServiceError)]
    # Put the errors that need a person first: the others may be gone at the next attempt.
    errors.sort(key=lambda error: error.retryable)
    checks = tuple(translated(_check(name, found.get(name)), lang) for name in CHECKS)
    return Verification(checks=checks, error=next(iter(errors), None), lang=lang)


def _check(name: str, found: str | ServiceError | None) -> Check:
    if found is None:
        return Check(name, say(name), "skipped")
    if isinstance(found, ServiceError):
        return failed(name, say(name), found)
    return Check(name, say(name), "ok", found)


def translated(check: Check, lang: Lang) -> Check:
    """Return the check with its texts in the language `lang`."""
    return evolve(
        check,
        title=translate(check.title, lang),
        detail=translate(check.detail, lang),
        remedy=translate(check.remedy, lang),
    )


def failed(name: str, title: str, error: ServiceError) -> Check:
    """Return the failed check that shows an error."""
    return Check(name, title, "failed", error.message, error.hint or "", error.code or error.kind)
