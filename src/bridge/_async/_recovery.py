"""Finding out what became of uploads whose end nobody saw."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RejectedError,
    ServiceError,
)
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery.delivery import Delivery
from zenvoices_client import AsyncZenvoicesClient, Lookup

__all__ = ["AsyncRecovery", "LookupProbe"]

# After the longest an upload may take, this long passes before "not there" is believed of one
# whose sender may still be at work.
MARGIN = 60.0
CONTROL_PAGES = 4


@frozen
class LookupProbe:
    """Whether the look-up found what had just been delivered; None where it could not be made."""

    works: bool | None


class AsyncRecovery:
    """Looks up deliveries by their external ids.

    "Not found" is believed only when the same look-up finds a document that is known to be there
    under the same company number, and of one that was ``sending`` only on the second answer, at
    least 10 minutes by the server's clock after the first.
    """

    def __init__(
        self,
        session: AsyncCheckpointSession,
        zenvoices: AsyncZenvoicesClient,
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._zenvoices = zenvoices
        self._clock = clock
        self._controls: dict[int, tuple[str, int]] = {}

    async def event(self, delivery: Delivery, company_id: int) -> deliveries.Event | None:
        """What looking up one that is ``sending`` tells; None when it must be asked again later.

        Raises:
            ServiceError: The look-up could not be made; the delivery stays as it is.
        """
        external_id = delivery.external_id or ""
        found = await self.look_up(delivery, external_id, company_id)
        if found is None:
            return deliveries.Undecidable("Zenvoices does not let it be looked up for this company")
        if found.outcome == "found":
            return _arrived(found, "found in Zenvoices afterwards", external_id)
        if found.outcome == "cannot tell":
            return deliveries.Undecidable("Zenvoices' answer does not tell whether it arrived")
        if self._session.head.lookup == "lags":
            return deliveries.Undecidable("look-ups in Zenvoices do not show new documents at once")
        control = await self._control(delivery.company_id or company_id)
        if control == "fails":
            return deliveries.Undecidable("look-ups in Zenvoices do not find what is there")
        if found.answered_at is None:
            return None
        if control != "works":
            # The next delivery will tell whether look-ups can be relied on.
            return deliveries.NoControl(found.answered_at)
        if not delivery.in_doubt and self._may_be_sending(delivery):
            return None
        return deliveries.Absent(found.answered_at, self._session.head.deliveries)

    async def held_event(self, delivery: Delivery, company_id: int) -> deliveries.Event | None:
        """What looking up one that is ``uncertain`` tells; None where a person must still decide.

        Finding it is always believed. Not finding it counts only for one that is held because
        there was nothing to test look-ups with, once there is.

        Raises:
            ServiceError: The look-up could not be made.
        """
        external_id = delivery.external_id or ""
        found = await self.look_up(delivery, external_id, company_id)
        if found is None:
            return None
        if found.outcome == "found":
            return _arrived(found, "found in Zenvoices afterwards", external_id)
        if delivery.no_control_since is None or found.outcome != "not found":
            return None
        if self._session.head.lookup == "lags" or found.answered_at is None:
            return None
        if await self._control(delivery.company_id or company_id) != "works":
            return None
        return deliveries.Absent(found.answered_at, self._session.head.deliveries)

    def _may_be_sending(self, delivery: Delivery) -> bool:
        """Whether another worker could still be at this upload."""
        began, now = delivery.intended_at, self._clock()
        # A clock that was set back says nothing: the two answers are far enough apart.
        return began is not None and began <= now < began + self._zenvoices.deadline + MARGIN

    @property
    def restored(self) -> bool:
        """Whether the checkpoint was restored once, and knows nothing of what was sent after it."""
        return self._session.head.restored_at is not None

    async def before_sending(
        self, delivery: Delivery, external_id: str, company_id: int, *, thorough: bool
    ) -> deliveries.Event | None:
        """What looking a document up before it is sent tells; None to send it.

        Args:
            delivery: The record.
            external_id: The id it would be sent under.
            company_id: The company it would be sent to.
            thorough: Hold it where look-ups cannot be relied on.
        """
        for name in dict.fromkeys((delivery.external_id or external_id, external_id)):
            found = await self.look_up(delivery, name, company_id)
            if found is not None and found.outcome == "found":
                return _arrived(found, "was there already", name)
            if thorough and (found is None or found.outcome == "cannot tell"):
                return deliveries.Undecidable("Zenvoices' answer does not tell whether it is there")
            for number in self._session.head.companies if thorough or self.restored else ():
                # What the checkpoint has lost may have been sent before the company was linked
                # anew.
                if number != company_id:
                    event = await self._under_old_number(name, number)
                    if isinstance(event, deliveries.Arrived) or (thorough and event is not None):
                        return event
        if thorough and await self._control(company_id) in ("fails", "unknown"):
            return deliveries.Undecidable("look-ups in Zenvoices do not find what is there")
        return None

    async def _under_old_number(self, external_id: str, company_id: int) -> deliveries.Event | None:
        """What the company was sent under a number it no longer has; None when nothing."""
        with suppress(NotFoundError, PermissionDeniedError, RejectedError):
            found = await self._zenvoices.inbox.find(external_id=external_id, company_id=company_id)
            if found.outcome == "found":
                return _arrived(found, "was there already", external_id)
            # A number that is closed may answer as one under which nothing is, and may have been
            # open a moment ago.
            if found.outcome == "not found" and await self._probe(company_id) == "works":
                return None
        number = f"the company's old number {company_id}"
        return deliveries.Undecidable(f"Zenvoices does not say what it has under {number}")

    async def look_up(self, delivery: Delivery, external_id: str, company_id: int) -> Lookup | None:
        """Look under the company of the intent, and under today's where it was linked anew."""
        answer: Lookup | None = None
        first = delivery.company_id or company_id
        for company in dict.fromkeys((first, company_id)):
            try:
                found = await self._zenvoices.inbox.find(
                    external_id=external_id, company_id=company
                )
            except PermissionDeniedError:
                if company == company_id:
                    raise
                # The company's old number is no longer ours to ask about.
                continue
            if found.outcome == "found":
                return found
            if company == first:
                answer = found
        return answer

    async def _control(self, company_id: int) -> str:
        """Whether the look-up ``works`` or ``fails``.

        ``nothing`` where the inbox is empty, ``unknown`` where nothing in it can test look-ups.
        """
        # Without asking again, a delivery of this very run would not count as a control.
        delivered = self._session.head.deliveries
        answer, asked_at = self._controls.get(company_id, ("nothing", -1))
        if answer in ("nothing", "unknown") and asked_at != delivered:
            answer = await self._probe(company_id)
            self._controls[company_id] = answer, delivered
        return answer

    async def _probe(self, company_id: int) -> str:
        known = [name for name, company in self._session.head.controls if company == company_id]
        for external_id in reversed(known):
            if await self._finds(external_id, company_id):
                return "works"
        if known:
            return "fails"
        # Nothing delivered yet: anybody's document will do.
        listing = self._zenvoices.inbox.list(company_id=company_id)
        pages = shown = 0
        try:
            async for page in listing.pages():
                shown += len(page.items)
                for document in page.items:
                    if document.external_id and document.company_id == company_id:
                        works = await self._finds(document.external_id, company_id)
                        return "works" if works else "fails"
                pages += 1
                if pages == CONTROL_PAGES:
                    break
        except (ConfigurationError, NotFoundError, ProtocolError, RejectedError):
            return "unknown"
        return "nothing" if listing.complete and not shown else "unknown"

    async def _finds(self, external_id: str, company_id: int) -> bool:
        found = await self._zenvoices.inbox.find(external_id=external_id, company_id=company_id)
        return found.outcome == "found"

    async def control(self, external_id: str, company_id: int) -> LookupProbe:
        """Look up what was just delivered."""
        try:
            return LookupProbe(await self._finds(external_id, company_id))
        except ServiceError:
            return LookupProbe(None)


def _arrived(found: Lookup, reason: str, external_id: str) -> deliveries.Arrived:
    document = found.document
    return deliveries.Arrived(
        document.id if document else None,
        reason,
        external_id,
        document.company_id if document else None,
    )
