"""The work of confirm(): look up in Zenvoices the documents that were delivered."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from _client_kit._text import joined
from bridge._async._context import AsyncContext
from bridge._async._recovery import AsyncRecovery
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.delivery import external_id_of
from bridge._delivery.faults import NO_LIST
from bridge._reports.delivery_rows import Deliveries, DeliveryRow, delivery_row
from bridge._reports.report import Confirmation
from zenvoices_client import Lookup

_SENT = ("delivered", "confirmed", "waiting", "sending", "failed", "uncertain")


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
        # A document that was resent is in the inbox under its earlier external ids, too.
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
