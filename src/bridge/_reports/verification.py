"""The result of verify()."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from _client_kit._errors import ServiceError
from bridge._reports.remedies import CHECKS, cause_of, remedy, title
from bridge._reports.render import Cell, Line, Printable, Table, Tone, View, plain_data
from bridge._reports.texts import Language, translate

__all__ = ["Check", "Verification", "explained", "run_failure", "verification_of"]


@frozen
class Check:
    """One prerequisite of an export.

    Attributes:
        name: Which one, a stable name for programs.
        title: What it is about, for a person.
        outcome: ``"skipped"`` when an earlier failure left nothing to check it with.
        detail: What was found.
        remedy: What to change and where, when it failed.
        cause: Which remedy that is, a stable name for programs.
    """

    name: str
    title: str
    outcome: Literal["ok", "failed", "skipped"]
    detail: str = ""
    remedy: str = ""
    cause: str = ""

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
    lang: Language = "en"

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
            raise self.error.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {"ok": self.ok, "checks": self.rows}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict per check, for ``pandas.DataFrame``."""
        return [check.to_dict() for check in self.checks]

    def _language(self) -> Language:
        return self.lang

    def _view(self, lang: Language) -> View:
        failed = len(self.failed)
        if self.ok:
            passed = sum(check.outcome == "ok" for check in self.checks)
            heading = translate("Ready to export: all {} checks passed", lang).format(passed)
        else:
            heading = translate("Not ready to export: {} of {} checks failed", lang)
            heading = heading.format(failed, len(self.checks))
        headings = tuple(translate(text, lang) for text in ("", "check", "found"))
        table = Table(
            "",
            headings,
            tuple(_line(check, lang) for check in self.checks),
            translate("what to do", lang),
        )
        return View(heading, "ok" if self.ok else "bad", tables=(table,))


def _line(check: Check, lang: Language) -> Line:
    word, tone = _OUTCOMES[check.outcome]
    cells = (
        Cell(translate(word, lang), tone),
        Cell(title(check.name, lang) if check.name in CHECKS else check.title),
        Cell(check.detail, "dim" if check.outcome == "ok" else ""),
    )
    own = not check.cause or check.name == "checkpoints"
    return Line(cells, check.remedy if own else remedy(check.cause, lang))


def verification_of(found: dict[str, str | ServiceError], lang: Language) -> Verification:
    """Build the result from what each check found: a detail, an error, or nothing (skipped)."""
    failures: dict[str, tuple[str, str, str]] = {}
    first: ServiceError | None = None
    for check, result in found.items():
        if isinstance(result, ServiceError):
            where, cause = cause_of(check, result)
            failures.setdefault(where, (result.message, _remedy(check, result, lang), cause))
            if first is None:
                first = explained(check, result)
    checks = [_check(name, found, failures, lang) for name in CHECKS]
    return Verification(checks=tuple(checks), error=first, lang=lang)


def _check(
    name: str,
    found: dict[str, str | ServiceError],
    failures: dict[str, tuple[str, str, str]],
    lang: Language,
) -> Check:
    text = title(name, lang)
    if name in failures:
        return Check(name, text, "failed", *failures[name])
    result = found.get(name)
    if isinstance(result, str):
        return Check(name, text, "ok", result)
    return Check(name, text, "skipped")


def explained(check: str, error: ServiceError) -> ServiceError:
    """The error with the remedy of its check as the hint, in English as all errors are."""
    copy = error.copy()
    copy.hint = _remedy(check, error, "en")
    return copy


def _remedy(check: str, error: ServiceError, lang: Language) -> str:
    # A store knows best: which folder to close, which file to put back.
    if check == "checkpoints" and error.hint:
        return error.hint
    return remedy(cause_of(check, error)[1], lang)


_EXPLAINED = ("credentials", "permission", "not found", "unavailable", "rate limited", "protocol")


def run_failure(error: ServiceError) -> ServiceError:
    """An error that ends a run, with the remedy of the check it would fail."""
    known = error.kind in _EXPLAINED or (error.kind == "configuration" and error.status)
    if error.service == "bridge" or not known or (error.hint and error.kind == "protocol"):
        return error.copy()
    answered = error.status is not None
    if answered and error.kind in ("unavailable", "rate limited"):
        return error.copy()  # it was reached: the network is not at fault
    if error.operation == "files.download":
        return error.copy()  # storage has no roles
    if error.kind == "credentials" and error.operation not in ("login", "token.get", None):
        return error.copy()  # the login was accepted
    if error.service == "zenvoices":
        resolving = (error.operation or "").startswith("companies.")
        return explained("company code" if resolving else "zenvoices inbox", error)
    return explained("banqup space" if error.kind == "not found" else "banqup documents", error)
