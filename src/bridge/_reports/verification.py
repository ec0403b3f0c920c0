"""The result of verify()."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from _client_kit._errors import ServiceError
from bridge._reports.render import Cell, Line, Printable, Table, Tone, View, plain_data
from bridge._reports.texts import Lang, say, translate

__all__ = ["CHECKS", "Check", "Verification", "failed", "verification_of"]

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
"""The prerequisites of an export, in the order they are looked at."""


@frozen
class Check:
    """One prerequisite of an export.

    Attributes:
        name: Which one, a stable name for programs.
        title: What it is about, for a person.
        outcome: ``"skipped"`` when an earlier failure left nothing to check it with.
        detail: What was found.
        remedy: What to change and where, when it failed.
        code: What failed, the ``code`` of the error, a stable word for programs.
    """

    name: str
    title: str
    outcome: Literal["ok", "failed", "skipped"]
    detail: str = ""
    remedy: str = ""
    code: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return plain_data(self)


_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "ok": ("ok", "ok"),
    "failed": ("FAILED", "bad"),
    "skipped": ("not checked", "dim"),
}


@frozen(kw_only=True)
class Verification(Printable):
    """One check per prerequisite.

    ``print()`` shows a table, a notebook shows it as HTML; both in ``lang`` or any other language.
    False in an ``if`` where an export cannot run.

    Attributes:
        checks: In the order they were made.
        error: The first failure as an error, for ``raise``; None when all is well.
        lang: The language of titles and remedies.
    """

    checks: tuple[Check, ...]
    error: ServiceError | None = field(default=None, repr=False)
    lang: Lang = "en"

    @property
    def ok(self) -> bool:
        """Whether an export can run. A call that found nothing to look at speaks for neither."""
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
        """Raise the first failure, if there is one.

        Raises:
            ServiceError: With the remedy as its hint.
        """
        if self.error is not None:
            raise self.error.with_traceback(None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {"ok": self.ok, "checks": self.rows}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict per check, for ``pandas.DataFrame``."""
        return [check.to_dict() for check in self.checks]

    def _language(self) -> Lang:
        return self.lang

    def _view(self, lang: Lang) -> View:
        failed = len(self.failed)
        if self.ok:
            heading = say("ready", lang, sum(check.outcome == "ok" for check in self.checks))
        else:
            heading = say("not ready", lang, failed, len(self.checks))
        names = ("status", "check", "found", "what to do")
        table = Table(
            "",
            tuple(say(name, lang) for name in names),
            tuple(_line(check, lang) for check in self.checks),
        )
        return View(heading, "ok" if self.ok else "bad", tables=(table,))


def _line(check: Check, lang: Lang) -> Line:
    word, tone = _OUTCOMES[check.outcome]
    return (
        Cell(say(word, lang), tone),
        Cell(translate(check.title, lang)),
        Cell(translate(check.detail, lang), "dim" if check.outcome == "ok" else "", alone=True),
        Cell(translate(check.remedy, lang), alone=True),
    )


def verification_of(found: dict[str, str | ServiceError], lang: Lang) -> Verification:
    """Build the result from what each check found: a detail, an error, or nothing (skipped)."""
    errors = (result for result in found.values() if isinstance(result, ServiceError))
    first = next(errors, None)
    checks = tuple(_check(name, found.get(name), lang) for name in CHECKS)
    return Verification(checks=checks, error=first, lang=lang)


def _check(name: str, found: str | ServiceError | None, lang: Lang) -> Check:
    title = say(name, lang)
    if found is None:
        return Check(name, title, "skipped")
    if isinstance(found, ServiceError):
        return failed(name, title, found, lang)
    return Check(name, title, "ok", translate(found, lang))


def failed(name: str, title: str, error: ServiceError, lang: Lang) -> Check:
    """The check that an error fails."""
    detail, remedy = translate(error.message, lang), translate(error.hint or "", lang)
    return Check(name, title, "failed", detail, remedy, error.code or error.kind)
