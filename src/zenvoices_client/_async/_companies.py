"""Calls about companies, which the API calls administrations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from _client_kit._async._paging import AsyncListing
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._redaction import sanitise
from _client_kit._response import object_in
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text, joined
from zenvoices_client._asked import AskedRecord
from zenvoices_client._async._lists import AsyncPages
from zenvoices_client._dialect import COMPANY_CODE_HINT, companies_ended_early, member
from zenvoices_client._models import Company

SHOWN_CODES = 50


class AsyncCompanies(AsyncPages[Company]):
    """Calls about the companies that this user may see."""

    def list(
        self,
        *,
        page_size: int = 250,
        sorting: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> AsyncListing[Company]:
        """List all companies that this user may see; pages are fetched on demand.

        The call is observed; the field names are assumed (see ``help(zenvoices_client)``).

        Args:
            page_size: Number of entries per request, 1 to 250.
            sorting: Name of the field to sort by; append ``" DESC"`` for descending order.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for each page; the client's own by default.
        """
        return self._listing(
            lambda: self._calls.limit(deadline, timeout), page_size=page_size, sorting=sorting
        )

    async def get(
        self, company_id: int, *, timeout: float | None = None, deadline: float | None = None
    ) -> Company:
        """Return one company by its number.

        The call is observed; the field names are assumed (see ``help(zenvoices_client)``).

        Args:
            company_id: Number of the company.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: There is no such company.
        """
        operation = self._calls.contract["companies.get"]
        payload, answer = await self._calls.call(
            operation,
            path={"company_id": company_id},
            asked=partial(AskedRecord, id=company_id, company_id=company_id),
            limit=self._calls.limit(deadline, timeout),
        )
        inner = member(payload, "administration")
        return decode(Company, object_in(inner if is_object(inner) else payload, operation, answer))

    async def resolve(
        self, code: str, *, timeout: float | None = None, deadline: float | None = None
    ) -> Company:
        """Return the company with this code.

        Spaces around the code are ignored. A company whose code is exactly the same is preferred to
        one whose code differs in letter case.

        Args:
            code: Company code, as a string: it may have leading zeros and letters.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            ConfigurationError: No company or several companies have the code; the message lists up
                to 50 codes that this user can see. Or the code is empty or not a text.
            ProtocolError: The list of companies ended early and has no company with exactly this
                code, or the company has no number.
        """
        wanted = _text(code)
        limit = self._calls.limit(deadline, timeout)
        listing = self._listing(lambda: limit)
        # A new company may move another to the next page, where it comes again: keep each once.
        seen = {(company.id, _code_of(company)): company async for company in listing}
        companies = list(seen.values())
        matches = [it for it in companies if _code_of(it) == wanted]
        if not matches:
            if not listing.complete:
                # The company with the exact code may be on a page that was not read.
                raise companies_ended_early()
            matches = [it for it in companies if _code_of(it).casefold() == wanted.casefold()]
        if len(matches) != 1:
            raise _ambiguous(wanted, len(matches), companies)
        if matches[0].id is None:
            message = Text(
                "company_without_number",
                "companies.list: the company with the code {0!r} has no number",
                wanted,
            )
            raise ProtocolError(message, service="zenvoices", hint=CONTRACT_HINT)
        return matches[0]


def _text(code: object) -> str:
    if not isinstance(code, str) or not code.strip():
        message = "a company code is a string with its leading zeros, and not empty"
        raise ConfigurationError(message, service="zenvoices")
    return code.strip()


def _code_of(company: Company) -> str:
    return (company.code or "").strip()


def _ambiguous(wanted: str, count: int, companies: Sequence[Company]) -> ConfigurationError:
    from difflib import get_close_matches  # imported for errors only

    codes = {_code_of(company) for company in companies} - {""}
    nearest = get_close_matches(wanted, sorted(codes), n=SHOWN_CODES, cutoff=0.0)
    seen: str = _shown(nearest) or Text("none", "none")
    if len(codes) > len(nearest):
        seen = Text("and_more_names", "{0} and {1} more", seen, len(codes) - len(nearest))
    visible = Text("visible_codes", "codes this user can see: {0}", seen)
    hint = COMPANY_CODE_HINT
    if count:
        message = Text("several_companies", "{1} companies with the code {0!r}", wanted, count)
    else:
        message = Text("unknown_company", "no company with the code {0!r}", wanted)
        named = sorted(
            {
                _code_of(company)
                for company in companies
                if wanted.casefold() in ((company.name or "").strip().casefold(), str(company.id))
            }
            - {""}
        )
        if named:
            hint = Text(
                "hint_code_not_name",
                "{0!r} is the name or the number of a company; its code is {1}.",
                *(wanted, _shown(named)),
            )
    return ConfigurationError(
        joined("; ", message, visible), service="zenvoices", code=message.code, hint=hint
    )


def _shown(codes: Sequence[str]) -> str:
    return ", ".join(repr(sanitise(code)[:40]) for code in codes)
