"""Finding out what became of uploads whose end nobody saw."""

from __future__ import annotations

from collections.abc import Callable

from _client_kit._errors import NotFound, PermissionDenied
from bridge import _life as life
from bridge._async._ledger import AsyncLedger
from bridge._life import Delivery
from zenvoices_client import AsyncZenvoicesClient, Lookup

__all__ = ["AsyncRecovery"]

# After the longest an upload may take, this long passes before "not there" is believed of one
# whose sender may still be at work.
MARGIN = 60.0
CONTROL_PAGES = 4


class AsyncRecovery:
    """Looks up deliveries that are ``sending``.

    "Not found" is believed only when the same look-up finds a document that is known to be there,
    and only on the second answer, at least 10 minutes by the server's clock after the first.
    """

    def __init__(
        self, ledger: AsyncLedger, zenvoices: AsyncZenvoicesClient, clock: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._zenvoices = zenvoices
        self._clock = clock
        self._controls: dict[int, bool] = {}

    async def event(self, delivery: Delivery, company_id: int) -> life.Event | None:
        """What looking a delivery up tells; None when it must be asked again later.

        Raises:
            ServiceError: The look-up could not be made; the delivery stays as it is.
        """
        found = await self.look_up(delivery, company_id)
        if found is None:
            return life.Undecidable("Zenvoices does not let it be looked up for this company")
        if found.outcome == "found":
            inbox_id = found.document.id if found.document else None
            return life.Arrived(inbox_id, "found in Zenvoices afterwards")
        if found.outcome == "cannot tell":
            return life.Undecidable("Zenvoices' answer does not tell whether it arrived")
        if self._ledger.head.lookup == "lags":
            return life.Undecidable("look-ups in Zenvoices do not show new documents at once")
        if not await self._control(delivery.company_id or company_id):
            return life.Undecidable("no other document is there to test the look-up with")
        if not delivery.doubtful and self._may_be_sending(delivery):
            return None
        if found.answered_at is None:
            return None
        return life.Absent(found.answered_at)

    def _may_be_sending(self, delivery: Delivery) -> bool:
        """Whether another worker could still be at this upload."""
        if delivery.intended_at is None:
            return False
        ends = delivery.intended_at + self._zenvoices.deadline + MARGIN
        return self._clock() < ends

    async def look_up(self, delivery: Delivery, company_id: int) -> Lookup | None:
        """Look under the company of the intent, and under today's where it was linked anew."""
        answer: Lookup | None = None
        for company in dict.fromkeys((delivery.company_id or company_id, company_id)):
            try:
                found = await self._zenvoices.inbox.find(
                    external_id=delivery.external_id or "", company_id=company
                )
            except (PermissionDenied, NotFound):
                if company == company_id:
                    raise
                # The company's old number is no longer ours to ask about.
                continue
            if found.outcome == "found":
                return found
            if company == (delivery.company_id or company_id):
                answer = found
        return answer

    async def _control(self, company_id: int) -> bool:
        """Whether the look-up finds a document that is known to be in the company's inbox."""
        if company_id not in self._controls:
            self._controls[company_id] = await self._test(company_id)
        return self._controls[company_id]

    async def _test(self, company_id: int) -> bool:
        known = [name for name, company in self._ledger.head.controls if company == company_id]
        for external_id in reversed(known):
            if await self._finds(external_id, company_id):
                return True
        pages = 0
        async for page in self._zenvoices.inbox.list(company_id=company_id).pages():
            for document in page.items:
                if document.external_id and document.company_id == company_id:
                    return await self._finds(document.external_id, company_id)
            pages += 1
            if pages == CONTROL_PAGES:
                break
        return False

    async def _finds(self, external_id: str, company_id: int) -> bool:
        found = await self._zenvoices.inbox.find(external_id=external_id, company_id=company_id)
        return found.outcome == "found"
