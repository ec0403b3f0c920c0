"""The work of resend() and settle(); the caller holds the lease."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from _client_kit._errors import NotFoundError, RejectedError
from _client_kit._text import Text
from bridge._async._context import AsyncContext
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.ids import canonical_id, of_another_space
from bridge._errors import setting_error
from bridge._reports.delivery_rows import DeliveryRow, delivery_row
from bridge._reports.report import Request
from bridge._reports.texts import say

logger = logging.getLogger("bridge")


async def request_all(
    context: AsyncContext, session: AsyncCheckpointSession, wanted: Sequence[str]
) -> tuple[Request, ...]:
    """Mark documents to be sent by the next run.

    A document is refused if its upload may have arrived, or if Banqup does not show it in the
    space. If Zenvoices has an accepted document already, its result says so.

    Raises:
        ServiceError: Banqup cannot be asked about a document. Documents that were accepted before
            stay accepted.
    """
    answers: list[Request] = []
    known = await session.find(wanted)
    try:
        for document_id in wanted:
            delivery = known.get(document_id)
            reason = remark = ""
            if delivery is None:
                delivery = deliveries.first_seen(document_id, None)
                reason = await _not_found(context, document_id)
                await session.flush()  # renew the lease, which many calls would outlast
            elif delivery.state == "sending":
                reason = Text("may_be_on_its_way", "may be on its way; the next run finds out")
            elif delivery.state == "uncertain":
                template = "nobody knows whether it arrived; settle() says so first"
                reason = Text("settle_first", template)
            elif delivery.state in ("delivered", "confirmed"):
                remark = Text("there_twice", "Zenvoices has it already, and will have it twice")
            if not reason:
                wish = deliveries.transition(delivery, transitions.Requested(), context.clock())
                session.put(known.get(document_id), wish)
            else:
                # Without this warning, a program that ignores the result would never notice that
                # the document is not sent.
                logger.warning("resend(): document %r is not accepted: %s", document_id, reason)
            answers.append(Request(document_id, accepted=not reason, reason=reason or remark))
    finally:
        await session.flush()  # what was accepted before an error stays accepted
    return tuple(answers)


async def _not_found(context: AsyncContext, document_id: str) -> str:
    """Return why Banqup has no such document in the space; empty if it has one."""
    with suppress(NotFoundError, RejectedError):
        document = await context.banqup.documents.get(context.space_id, document_id)
        if not of_another_space(document.space_id, context.space_id):
            return ""
    return Text(
        "unknown_document",
        "unknown to this connection, and Banqup has no document of this id in this space. An id is "
        "not the number of an invoice: banqup-zenvoices status --waiting (in Python: "
        "status(waiting=True)) and the report of an export show both.",
    )


async def settle_one(
    context: AsyncContext, session: AsyncCheckpointSession, document_id: str, delivered: bool
) -> DeliveryRow:
    """Record whether a document that status() names is in Zenvoices; return its line.

    Raises:
        ConfigurationError: The document does not need a person.
    """
    stored = (await session.find([document_id])).get(canonical_id(document_id))
    if stored is None:
        raise setting_error(
            "settle_unknown",
            "the document {0!r} is unknown to this connection",
            document_id,
            hint="Reports and banqup-zenvoices status --waiting show its id in Banqup; Zenvoices' "
            "number is another one.",
        )
    if not stored.needs_person:
        raise setting_error(
            "settle_state",
            "the document {0!r} is {1}, not uncertain, failed or refused",
            *(document_id, say(stored.state)),
            hint="It needs no decision. To send it all the same, run banqup-zenvoices resend {0} "
            "(in Python: resend([{0!r}])).",
        )
    decided = transitions.DecidedByPerson(delivered)
    new = deliveries.transition(stored, decided, context.clock())
    session.put(stored, new)
    await session.flush()
    return delivery_row(new)
