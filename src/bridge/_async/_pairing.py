"""List the spaces and the companies, to propose which belong together."""

from __future__ import annotations

from banqup_client import AsyncBanqupClient, Space
from zenvoices_client import AsyncZenvoicesClient, Company


async def list_both(
    banqup: AsyncBanqupClient, zenvoices: AsyncZenvoicesClient
) -> tuple[list[Space], list[Company]]:
    """Return the spaces that the app may see, and the companies that the user may see."""
    spaces = await banqup.spaces.list()
    companies = [company async for company in zenvoices.companies.list()]
    return list(spaces), companies
