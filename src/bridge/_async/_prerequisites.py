"""Check every prerequisite of an export with calls that only read."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from _client_kit._errors import NotFoundError, ServiceError
from _client_kit._operations import USER_CODE
from _client_kit._text import Text
from banqup_client import NOT_WHITELISTED, AsyncBanqupClient, Space
from bridge._errors import setting_error
from bridge._reports.render import plain
from zenvoices_client import AsyncZenvoicesClient, Company
from zenvoices_client._dialect import COMPANY_CODE_HINT, companies_ended_early

MOST_SPACES = 5
_OTHER_SPACES = Text(
    "hint_other_spaces",
    "Did you mean a space named above? Then correct the space id. If not, a space administrator "
    "must add the app's App ID to that space, with roles that may read documents: in Banqup, "
    "Settings > External applications. Test and production each have spaces of their own.",
)
NOBODYS = "verify"
"""An external id that no document has; looking it up shows whether look-ups are answered."""


@define(eq=False)
class AsyncChecks:
    """The checks that both services are ready for an export; they only read.

    Attributes:
        company_id: The company's number when Zenvoices was last asked; 0 if it is not known.
    """

    _banqup: AsyncBanqupClient
    _zenvoices: AsyncZenvoicesClient
    _space_id: str
    _company_code: str
    company_id: int = 0

    async def all(self, known: Sequence[int]) -> dict[str, str | ServiceError]:
        """Make all checks; return for each check's name the detail to show, or the error.

        The result lacks checks that depend on a failed check.

        Args:
            known: The numbers that the company had so far, the newest last.
        """
        return {**await self._banqup_checks(), **await self._zenvoices_checks(known)}

    def _unseen(self, spaces: Sequence[Space]) -> NotFoundError:
        """Return the error for a space that the app may not see; `spaces` are those it may see."""
        some = ", ".join(
            f"{one.id} ({plain(one.name, 60)})" if one.name else one.id
            for one in spaces[:MOST_SPACES]
        )
        text = Text("no_space", "space {0}: the app may see no space at all", self._space_id)
        if spaces:
            template = "space {0}: the app may not see it; it may see {1}"
            text = Text("invisible_space", template, self._space_id, some)
        hint = _OTHER_SPACES if spaces else NOT_WHITELISTED
        return NotFoundError(text, service="banqup", hint=hint)

    async def _banqup_checks(self) -> dict[str, str | ServiceError]:
        url = self._banqup.base_url
        try:
            spaces = await self._banqup.spaces.list()
        except ServiceError as error:
            return _first_failure(error, "spaces.list", ("banqup login", "banqup space"), url)
        wanted = self._space_id.casefold()
        space = next((one for one in spaces if one.id.casefold() == wanted), None)
        if space is None:
            return {"banqup login": url, "banqup space": self._unseen(spaces)}
        documents: str | ServiceError = ""
        try:
            page = await anext(self._banqup.documents.list(self._space_id, page_size=1).pages())
        except ServiceError as error:
            documents = error
        else:
            if page.total is not None:
                documents = Text("document_count", "{0} document|{0} documents", page.total)
        return {
            "banqup login": url,
            "banqup space": space.name or self._space_id,
            "banqup documents": documents,
        }

    async def _zenvoices_checks(self, known: Sequence[int]) -> dict[str, str | ServiceError]:
        user = self._zenvoices.login.user
        try:
            await anext(self._zenvoices.companies.list(page_size=1).pages())
        except ServiceError as error:
            rows = ("zenvoices login", "zenvoices companies")
            return _first_failure(error, "companies.list", rows, user)
        found: dict[str, str | ServiceError] = {"zenvoices login": user, "zenvoices companies": ""}
        try:
            company = await self.company(known)
        except ServiceError as error:
            return {**found, "company code": error}
        found["company code"] = f"{company.code} {company.name or ''}".strip()
        found["zenvoices inbox"] = ""
        try:
            if "inbox.find" in self._zenvoices.operations:
                await self._zenvoices.inbox.find(external_id=NOBODYS, company_id=company.id or 0)
            else:
                await anext(self._zenvoices.inbox.list(company_id=company.id, page_size=1).pages())
        except ServiceError as error:
            found["zenvoices inbox"] = error
        return found

    async def company(self, known: Sequence[int]) -> Company:
        """Return the company that has the company code.

        If `known` is not empty and does not have the company's number, the company must have
        exactly this code, and the newest known number must no longer be listed. Then it is the
        same company with a new number.

        Args:
            known: The numbers that the company had so far, the newest last.

        Raises:
            ServiceError: A call failed, or the company was not found or is another one.
        """
        company = await self._zenvoices.companies.resolve(self._company_code)
        if known and company.id not in known:
            found = (company.code or "").strip()
            if found != self._company_code:
                raise setting_error(
                    "company_gone",
                    "no company with the code {0!r} any more; {1!r} is another company",
                    *(self._company_code, found),
                    hint=COMPANY_CODE_HINT,
                )
            await self._check_linked_anew(known[-1])
        self.company_id = company.id or 0
        return company

    async def _check_linked_anew(self, number: int) -> None:
        """Raise if the list of companies still has the old number, or ended too early.

        If the old number is still listed, the code now belongs to another company. Without this
        check, invoices would go to that company.
        """
        listing = self._zenvoices.companies.list()
        async for company in listing:
            if company.id == number:
                raise setting_error(
                    "company_moved",
                    "the code {0!r} now belongs to another company; the company of this connection "
                    "has the code {1!r} now",
                    *(self._company_code, (company.code or "").strip()),
                    hint="If the companies got other codes in Zenvoices, deactivate() this "
                    "connection, or run banqup-zenvoices deactivate, and make a new one with the "
                    "company's code of today. Otherwise correct the codes in Zenvoices under "
                    "Manage > Organisation > Companies.",
                )
        if not listing.complete:
            raise companies_ended_early()


def _first_failure(
    error: ServiceError, operation: str, rows: tuple[str, str], detail: str
) -> dict[str, str | ServiceError]:
    """Return the results of those checks that the error of a service's first call decides.

    Args:
        error: The error of the call.
        operation: The operation that was called.
        rows: The names of two checks: that of the login, and that of the call.
        detail: The detail of the check of the login, if the error proves that the login succeeded.
    """
    login, call = rows
    # The user's function raised, or its call or its return value is wrong. Such an error does not
    # show whether the login is right.
    if error.code == USER_CODE:
        return {call: error}
    # The login succeeded if the service itself answered the call, not the login page of a network.
    answered = error.operation == operation and error.status is not None
    elsewhere = error.code in ("web_page", "redirected")
    if answered and not elsewhere and error.kind != "credentials":
        return {login: detail, call: error}
    return {login: error}
