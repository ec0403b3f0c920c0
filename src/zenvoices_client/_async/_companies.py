"""Companies: what the API calls administrations."""

from __future__ import annotations

from _client_kit._async._calls import AsyncCalls
from _client_kit._async._paging import AsyncListing
from _client_kit._contract import Contract
from _client_kit._errors import ConfigurationError
from zenvoices_client._async._lists import list_all
from zenvoices_client._models import Company

__all__ = ["AsyncCompanies"]


class AsyncCompanies:
    """The companies this user may see."""

    def __init__(self, calls: AsyncCalls, contract: Contract) -> None:
        self._calls = calls
        self._contract = contract

    def list(self, *, page_size: int = 250, sorting: str | None = None) -> AsyncListing[Company]:
        """Every company, lazily. Observed; the fields of an item are assumed.

        Args:
            page_size: Entries per request, 1 to 250.
            sorting: A field to sort by, with ``" DESC"`` behind it for descending.
        """
        operation = self._contract["companies.list"]
        return list_all(
            self._calls, operation, Company, page_size=page_size, filters={"sorting": sorting}
        )

    async def resolve(self, code: str) -> Company:
        """The company with a code: compared trimmed, exactly first, then ignoring case.

        Raises:
            ConfigurationError: None or several have it; the message lists the codes this user
                can see.
        """
        wanted = code.strip()
        companies = [company async for company in self.list() if company.code is not None]
        exact = [item for item in companies if (item.code or "").strip() == wanted]
        folded = wanted.casefold()
        loose = [item for item in companies if (item.code or "").strip().casefold() == folded]
        matches = exact or loose
        if len(matches) == 1 and matches[0].id is not None:
            return matches[0]
        seen = ", ".join(sorted(repr(item.code) for item in companies)[:50]) or "none"
        count = "no company" if not matches else f"{len(matches)} companies"
        message = f"{count} with the code {wanted!r}; codes this user can see: {seen}"
        raise ConfigurationError(
            message,
            service="zenvoices",
            hint=(
                "The company code is shown in Zenvoices under Manage > Organisation > Companies; "
                "a company is missing when the user has no rights on it."
            ),
        )
