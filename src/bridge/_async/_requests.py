"""The work of resend(), settle() and confirm() for one connection; the caller holds the lease."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from attrs import evolve

from _client_kit._errors import NotFoundError, ServiceError
from _client_kit._text import Text, joined
from bridge._async._context import AsyncContext
from bridge._async._recovery import AsyncRecovery
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.delivery import external_id_of
from bridge._delivery.faults import NO_LIST, Blame, blame_of
from bridge._delivery.ids import canonical_id, of_another_space
from bridge._errors import setting_error
from bridge._reports.delivery_rows import Deliveries, DeliveryRow, delivery_row
from bridge._reports.report import Confirmation, Request
from bridge._reports.texts import say
from zenvoices_client import Lookup

logger = logging.getLogger("bridge")

_SENT = ("delivered", "confirmed", "waiting", "sending", "failed", "uncertain")


async def request_all(
    context: AsyncContext, session: AsyncCheckpointSession, wanted: Sequence[str]
) -> tuple[Request, ...]:
    """Mark documents to be sent by the next run.

    A document is refused if its upload may have arrived. A document without a delivery is refused
    if Banqup does not show it in the space. If an accepted document was delivered before, its
    result says so.

    Raises:
        ServiceError: Banqup cannot be asked about any document now. Documents that were accepted
            before stay accepted.
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
    """Return why Banqup does not show the document in the space; an empty text if it does.

    Raises:
        ServiceError: Banqup cannot be asked about any document now.
    """
    try:
        document = await context.banqup.documents.get(context.space_id, document_id)
        if not of_another_space(document.space_id, context.space_id):
            return ""
    except NotFoundError:
        pass
    except ServiceError as error:
        if blame_of(error) is Blame.RUN:
            raise
        return error.message
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
        ConfigurationError: The document is unknown, or needs no decision of a person.
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


async def confirmed(context: AsyncContext, session: AsyncCheckpointSession) -> Confirmation:
    """Look up the delivered documents, and record those that are found as confirmed.

    Raises:
        ServiceError: A call to Zenvoices failed.
    """
    zenvoices, company_id = context.zenvoices, context.checks.company_id
    space_id, recovery = context.space_id, AsyncRecovery(context, session)
    shown: Counter[str] = Counter()
    received: Counter[str] = Counter()
    labels: dict[str, str] = {}
    since = session.head.activated_at
    try:
        async for item in zenvoices.inbox.list(company_id=company_id):
            if item.company_id not in (None, company_id):
                continue
            sent_as, when = item.external_id or "", item.received_time
            if sent_as:
                shown[sent_as] += 1
            if shown[sent_as] > 1:
                labels[sent_as] = joined(", ", item.sender_name, item.subject)
            received[sent_as] += when is not None and since is not None and when >= since
    except NO_LIST:
        if "inbox.find" not in zenvoices.operations:
            raise
        # The service may have no list. The user's function for inbox.find then answers for each
        # document.
        shown.clear()
        received.clear()
    count = 0
    lines: dict[str, list[DeliveryRow]] = {"twice": [], "not found": [], "cannot tell": []}
    async for delivery in session.all(*_SENT):
        name = delivery.external_id
        # A document that was resent may be in the inbox under its earlier external ids, too.
        for generation in range(delivery.generation + 1):
            received.pop(external_id_of(space_id, delivery.document_id, generation), None)
        if delivery.state not in ("delivered", "confirmed"):
            continue
        if name is not None and shown[name] > 1:
            lines["twice"].append(evolve(delivery_row(delivery), label=labels[name]))
        if delivery.state == "confirmed":
            continue
        found = Lookup("cannot tell")
        if name is not None:
            found = Lookup("found") if shown[name] else await recovery.look_up(delivery, name)
        if found.outcome != "found":
            lines[found.outcome].append(delivery_row(delivery))
            continue
        count += 1
        event = transitions.Confirmed(found.document.id if found.document else None)
        session.put(delivery, deliveries.transition(delivery, event, context.clock()))
    return Confirmation(
        confirmed=count,
        missing=Deliveries(lines["not found"]),
        twice=Deliveries(lines["twice"]),
        undecided=Deliveries(lines["cannot tell"]),
        others=received.total(),
    )
