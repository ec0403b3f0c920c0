"""Recovery: look up whether an upload without a clear answer arrived in Zenvoices."""

from __future__ import annotations

from contextlib import suppress

from attrs import define, field, frozen

from _client_kit._errors import NotFoundError, PermissionDeniedError, RejectedError, ServiceError
from _client_kit._text import Text
from bridge._async._context import AsyncContext
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import transitions
from bridge._delivery.delivery import Delivery
from bridge._delivery.faults import NO_LIST
from zenvoices_client import Lookup

MARGIN = 60.0
"""Seconds to wait after the deadline of an upload whose end is not known. Until then a "not found"
is ignored, because another worker may still be uploading the document."""
MOST_SHOWN = 1_000
"""The most documents of an inbox to read in search of one that can test look-ups."""
_CANNOT_TELL = transitions.Undecidable(
    Text("cannot_tell", "Zenvoices' answer does not tell whether it arrived")
)
_LOOK_UPS_FAIL = transitions.Undecidable(
    Text("look_ups_fail", "look-ups in Zenvoices do not find what is there")
)


@frozen
class LookupProbe:
    """The result of looking up a document that was just delivered.

    Attributes:
        works: Whether the look-up found the document; None if the look-up failed.
        error: The error of a failed look-up.
        other: The number of the inbox document that was found, if it is not the number that the
            upload got; else None.
    """

    works: bool | None
    error: ServiceError | None = None
    other: int | None = None


@define(eq=False)
class AsyncRecovery:
    """Look up deliveries by their external ids.

    A "not found" is trusted only if a control succeeds: a look-up, under the same company number,
    of a document that is known to be there. `delivery.transition` then needs two such answers, at
    least 10 minutes apart by the server's clock.
    """

    _context: AsyncContext
    _session: AsyncCheckpointSession
    _controls: dict[int, tuple[str, int]] = field(factory=dict[int, tuple[str, int]])

    async def event(self, delivery: Delivery) -> transitions.Event | None:
        """Look up a delivery that may have arrived; return the event that the answer causes.

        None means that the answer decides nothing: a later run must repeat the look-up. A "found"
        is always trusted. For an ``uncertain`` delivery, a "not found" counts only if `intended_at`
        is set. If it is not set, an upload that only a lost checkpoint recorded may have arrived.

        Raises:
            ServiceError: The look-up failed; the delivery stays as it is.
        """
        external_id = delivery.external_id or ""
        found = await self.look_up(delivery, external_id)
        if found.outcome == "found":
            return arrived(found, external_id)
        if delivery.state == "uncertain" and delivery.intended_at is None:
            return None
        company_id = delivery.company_id or self._context.checks.company_id
        if found.outcome == "cannot tell":
            return self._undecided(company_id)
        lags = self._session.head.lookups_lag
        control = "fails" if lags else await self._control(company_id)
        if control == "fails":
            return _LOOK_UPS_FAIL
        if found.answered_at is None:
            return None
        if control != "works":
            # Look the document up again later. Another document that is delivered by then can be
            # used to test look-ups.
            return transitions.NoControl(found.answered_at)
        if not delivery.in_doubt and self._may_be_sending(delivery):
            return None
        return transitions.Absent(found.answered_at)

    def _may_be_sending(self, delivery: Delivery) -> bool:
        """Return True if another worker may still be uploading this document."""
        began, now = delivery.intended_at, self._context.clock()
        # If `began` is in the future, this machine's clock was set back, so return False. Before
        # the document is sent again, `delivery.transition` still requires two "not found" answers,
        # at least 10 minutes apart by the server's clock.
        return (
            began is not None and began <= now < began + self._context.zenvoices.deadline + MARGIN
        )

    @property
    def restored(self) -> bool:
        """Whether any run had ``look_first=True``: then the checkpoint may lack some uploads."""
        return self._session.head.restored_at is not None

    async def before_sending(
        self, delivery: Delivery, external_id: str, *, thorough: bool
    ) -> transitions.Event | None:
        """Look a document up before it is sent; return None to send it, else the event to record.

        Args:
            delivery: The document's delivery.
            external_id: The external id of the planned upload.
            thorough: Whether the checkpoint may lack an earlier upload. If True, return
                `Undecidable` if look-ups cannot be trusted. If this argument or `restored` is
                True, look the document up under the company's old numbers too.
        """
        company_id = self._context.checks.company_id
        for name in dict.fromkeys((delivery.external_id or external_id, external_id)):
            found = await self.look_up(delivery, name)
            if found.outcome == "found":
                return arrived(found, name)
            if thorough and found.outcome == "cannot tell":
                return _CANNOT_TELL
            for number in self._session.head.companies if thorough or self.restored else ():
                # An upload that the checkpoint has lost may be under an old company number.
                if number != company_id:
                    event = await self._under_old_number(name, number)
                    if isinstance(event, transitions.Arrived) or (thorough and event is not None):
                        return event
        if thorough and await self._control(company_id) in ("fails", "unknown"):
            return _LOOK_UPS_FAIL
        return None

    async def _under_old_number(
        self, external_id: str, company_id: int
    ) -> transitions.Event | None:
        """Look a document up under an old company number.

        Returns:
            `Arrived` if it is there; None if it is not; `Undecidable` if Zenvoices gives no clear
            answer for this number.
        """
        with suppress(NotFoundError, PermissionDeniedError, RejectedError):
            found = await self.find(external_id, company_id)
            if found.outcome == "found":
                return arrived(found, external_id)
            # Zenvoices may answer "not found" for every document of a number that is no longer in
            # use. So test look-ups again: the number may have been closed since the last test.
            if found.outcome == "not found" and await self._probe(company_id) == "works":
                return None
        return self._undecided(company_id)

    def _undecided(self, company_id: int) -> transitions.Undecidable:
        if company_id == self._context.checks.company_id:
            return _CANNOT_TELL
        template = "Zenvoices does not say what it has under the company's old number {0}"
        return transitions.Undecidable(Text("old_number", template, str(company_id)))

    async def look_up(self, delivery: Delivery, external_id: str) -> Lookup:
        """Look a document up under the company number of its upload, then under the present one.

        Returns:
            The answer that found the document; if it was not found, the answer for the number of
            its upload, which is "cannot tell" if the user has no permission for that number.
        """
        answer, company_id = Lookup("cannot tell"), self._context.checks.company_id
        first = delivery.company_id or company_id
        for company in dict.fromkeys((first, company_id)):
            try:
                found = await self.find(external_id, company)
            except PermissionDeniedError:
                if company == company_id:
                    raise
                # The user has no permission for the company's old number.
                continue
            if found.outcome == "found":
                return found
            if company == first:
                answer = found
        return answer

    async def _control(self, company_id: int) -> str:
        """Test whether look-ups under this company number find a document that is there.

        Returns:
            ``"works"``, ``"fails"``, ``"nothing"`` (the inbox is empty) or ``"unknown"`` (no
            document to test with was found).
        """
        # Repeat the test if its result was "nothing" or "unknown", and a document was delivered
        # since: that document can be looked up. "works" and "fails" hold for the whole run.
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
        # No delivery in `Head.controls` has this company number. So look up any document of the
        # inbox that has an external id.
        listing = self._context.zenvoices.inbox.list(company_id=company_id)
        shown = 0
        try:
            async for document in listing:
                if document.external_id and document.company_id == company_id:
                    works = await self._finds(document.external_id, company_id)
                    return "works" if works else "fails"
                shown += 1
                if shown == MOST_SHOWN:
                    break
        except NO_LIST:
            return "unknown"
        return "nothing" if listing.complete and not shown else "unknown"

    async def _finds(self, external_id: str, company_id: int) -> bool:
        return (await self.find(external_id, company_id)).outcome == "found"

    async def find(self, external_id: str, company_id: int) -> Lookup:
        """Look an external id up under one company number."""
        inbox = self._context.zenvoices.inbox
        return await inbox.find(external_id=external_id, company_id=company_id)

    async def control(self, external_id: str, company_id: int, inbox_id: int | None) -> LookupProbe:
        """Look up a document that was just delivered, and return whether it was found.

        `inbox_id` is the number that its upload got. None means: do not compare it with the number
        that the look-up shows.
        """
        try:
            found = await self.find(external_id, company_id)
        except ServiceError as error:
            return LookupProbe(None, error)
        shown = found.document.id if found.document else None
        twice = None not in (shown, inbox_id) and shown != inbox_id
        return LookupProbe(found.outcome == "found", other=shown if twice else None)


def arrived(found: Lookup, external_id: str) -> transitions.Arrived:
    """Return the event for a look-up that found the document."""
    document, reason = found.document, Text("found_there", "found in Zenvoices")
    number = document.id if document else None
    return transitions.Arrived(
        number, reason, external_id, document.company_id if document else None
    )
