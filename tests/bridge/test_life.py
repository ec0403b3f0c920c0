"""The life of a delivery: every state with every event, and what may never happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.delivery import STATES, Delivery, WaitReason
from bridge._delivery.eligibility import Skip, Wait

NOW = 1_000_000.0
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EXTERNAL = deliveries.external_id_of("space", "doc", 0)


def delivery(state: str) -> Delivery:
    """A plausible delivery in a state."""
    sent = state in ("sending", "delivered", "confirmed", "failed", "uncertain")
    return Delivery(
        "doc",
        state,
        "PURCHASES",
        external_id=EXTERNAL if sent else None,
        company_id=7 if sent else None,
        intended_at=NOW - 10 if sent else None,
        inbox_id=4711 if state in ("delivered", "confirmed") else None,
    )


EVENTS: dict[str, transitions.Event] = {
    "listed": transitions.Listed("FULLY_APPROVED", None),
    "not ready": transitions.NotReady("scan"),
    "not readable": transitions.Unread(),
    "skipped": transitions.Skipped("order"),
    "gone": transitions.Skipped("gone", gone=True),
    "intended": transitions.Intended(EXTERNAL, 7),
    "arrived": transitions.Arrived(4711),
    "refused": transitions.Refused("no"),
    "refused for good": transitions.Refused("413", final=True),
    "held": transitions.Held("403"),
    "no control": transitions.NoControl(AT),
    "pardoned": transitions.AttemptRefunded("not its fault"),
    "not sent": transitions.NotSent("outage"),
    "doubtful": transitions.InDoubt("timeout"),
    "absent": transitions.Absent(AT),
    "undecidable": transitions.Undecidable("no look-up"),
    "requested": transitions.Requested(),
    "settled as there": transitions.DecidedByPerson(delivered=True),
    "settled as missing": transitions.DecidedByPerson(delivered=False),
    "confirmed": transitions.Confirmed(4711),
}

# Every arrow there is; whatever is not named here cannot happen.
ARROWS: dict[str, dict[str, str]] = {
    "baseline": {"listed": "baseline", "requested": "waiting"},
    "waiting": {
        "listed": "waiting",
        "not ready": "waiting",
        "not readable": "waiting",
        "skipped": "skipped",
        "gone": "skipped",
        "intended": "sending",
        "arrived": "delivered",
        "refused": "waiting",
        "refused for good": "failed",
        "held": "waiting",
        "pardoned": "waiting",
        "not sent": "waiting",
        "undecidable": "uncertain",
        "requested": "waiting",
    },
    "sending": {
        "listed": "sending",
        "arrived": "delivered",
        "held": "waiting",
        "no control": "sending",
        "refused": "waiting",
        "refused for good": "failed",
        "not sent": "waiting",
        "doubtful": "sending",
        "absent": "sending",
        "undecidable": "uncertain",
    },
    "delivered": {"listed": "delivered", "requested": "waiting", "confirmed": "confirmed"},
    "confirmed": {"listed": "confirmed", "requested": "waiting", "confirmed": "confirmed"},
    "skipped": {"listed": "skipped", "requested": "waiting"},
    "failed": {
        "listed": "failed",
        "pardoned": "waiting",
        "requested": "waiting",
        "settled as there": "delivered",
        "settled as missing": "skipped",
    },
    "uncertain": {
        "listed": "uncertain",
        "arrived": "delivered",
        "absent": "uncertain",
        "no control": "uncertain",
        "undecidable": "uncertain",
        "not sent": "waiting",
        "settled as there": "delivered",
        "settled as missing": "waiting",
    },
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_arrow(state: str, event: str) -> None:
    """Each state takes each event to the state the table names, or refuses it."""
    wanted = ARROWS[state].get(event)
    if wanted is None:
        with pytest.raises(ValueError, match=f"to a delivery that is {state}"):
            deliveries.transition(delivery(state), EVENTS[event], NOW)
    else:
        assert deliveries.transition(delivery(state), EVENTS[event], NOW).state == wanted


def test_absence_decides_only_what_this_checkpoint_sent() -> None:
    """What was held before an upload is not sent again because a look-up does not find it."""
    left = evolve(delivery("waiting"), external_id=EXTERNAL, company_id=7, intended_at=NOW - 10)
    held = deliveries.transition(left, EVENTS["undecidable"], NOW)
    with pytest.raises(ValueError, match="to a delivery that is uncertain"):
        deliveries.transition(held, EVENTS["absent"], NOW)


def test_fifth_refusal_fails_once_another_document_was_delivered() -> None:
    """Four refusals wait with growing pauses; the fifth gives up, if others went meanwhile."""
    current, pauses = delivery("waiting"), []
    for _ in range(4):
        current = deliveries.transition(current, transitions.Refused("no"), NOW)
        assert (current.state, current.cause) == ("waiting", WaitReason.RETRY)
        pauses.append((current.due or 0) - NOW)
    assert pauses == [3600, 7200, 14400, 28800]
    assert deliveries.transition(current, transitions.Refused("no"), NOW, 1).state == "failed"
    # Nothing else was delivered since: the service may refuse everything.
    kept = deliveries.transition(current, transitions.Refused("no"), NOW)
    assert (kept.state, kept.due, kept.needs_naming) == ("waiting", NOW + 86_400, True)
    later = deliveries.transition(kept, transitions.Refused("no"), NOW, 1)
    assert (later.state, later.attempts) == ("failed", 6)


def test_delivery_before_the_first_refusal_proves_nothing_after_it() -> None:
    """What had been delivered before a document was first refused does not give it up."""
    current = delivery("waiting")
    for _ in range(9):
        current = deliveries.transition(current, transitions.Refused("no"), NOW, 7)
    assert (current.state, current.attempts) == ("waiting", 9)


def test_pauses_end_at_a_day() -> None:
    """However often it was looked at, a waiting document is looked at once a day."""
    looked_at = evolve(delivery("waiting"), polls=50)
    waits = transitions.Listed("DRAFT", Wait("not yet"), reread=True)
    assert deliveries.transition(looked_at, waits, NOW).due == NOW + 86_400


def test_known_not_sent_is_not_charged() -> None:
    """What was not sent for a reason that is not its own goes back at once, uncharged."""
    back = deliveries.transition(delivery("sending"), transitions.NotSent("outage"), NOW)
    assert (back.attempts, back.due, back.cause) == (0, NOW, WaitReason.QUEUED)


def test_pardon_takes_the_charge_back_but_not_the_pause() -> None:
    """A refusal that was the service's costs no attempt; each one makes the next pause longer."""
    current, pauses = delivery("waiting"), []
    for _ in range(8):
        current = deliveries.transition(current, transitions.Refused("no"), NOW)
        current = deliveries.transition(
            current, transitions.AttemptRefunded("all were refused"), NOW
        )
        assert current.attempts == 0
        pauses.append((current.due or 0) - NOW)
    assert pauses == [3600, 7200, 14400, 28800, 57600, 86400, 86400, 86400]


def test_absence_needs_two_answers_ten_minutes_apart() -> None:
    """One answer, or two within ten minutes, prove nothing; after that it is sent again."""
    once = deliveries.transition(delivery("sending"), transitions.Absent(AT), NOW)
    assert (once.state, once.absent_at) == ("sending", AT)
    soon = deliveries.transition(once, transitions.Absent(AT + timedelta(seconds=599)), NOW)
    assert (soon.state, soon.absent_at) == ("sending", AT)
    late = deliveries.transition(soon, transitions.Absent(AT + timedelta(seconds=600)), NOW)
    assert (late.state, late.external_id, late.attempts) == ("waiting", EXTERNAL, 0)


def test_absence_counts_anew_when_the_servers_clock_was_set_back() -> None:
    """A first answer from the future does not hold a document for ever."""
    once = deliveries.transition(
        delivery("sending"), transitions.Absent(AT + timedelta(days=900)), NOW
    )
    anew = deliveries.transition(once, transitions.Absent(AT), NOW)
    late = deliveries.transition(anew, transitions.Absent(AT + timedelta(seconds=600)), NOW)
    assert late.state == "waiting"


@pytest.mark.parametrize("state", ["delivered", "confirmed"])
def test_request_after_delivery_raises_the_generation(state: str) -> None:
    """What Zenvoices has is sent again under a new id, and the old one is not looked for."""
    again = deliveries.transition(delivery(state), transitions.Requested(), NOW)
    assert (again.generation, again.external_id, again.requested) == (1, None, True)


def test_request_without_an_id_of_the_old_delivery_raises_the_generation() -> None:
    """A delivery that was only found, never sent, is sent again under a new id all the same."""
    found = evolve(delivery("delivered"), external_id=None)
    assert deliveries.transition(found, transitions.Requested(), NOW).generation == 1


def test_request_after_a_failure_keeps_the_old_id_to_look_for() -> None:
    """A refusal may hide an upload that arrived: its id is looked up before the next is used."""
    again = deliveries.transition(delivery("failed"), transitions.Requested(), NOW)
    assert (again.generation, again.external_id, again.company_id) == (1, EXTERNAL, 7)


def test_request_of_what_was_never_sent_keeps_the_generation() -> None:
    """Asking for a document of the baseline sends it under its first id."""
    assert deliveries.transition(delivery("baseline"), transitions.Requested(), NOW).generation == 0


def test_requested_document_is_sent_whatever_the_rule_says() -> None:
    """A person's wish outweighs a status that would wait, or a rule that would skip."""
    wanted = deliveries.transition(delivery("skipped"), transitions.Requested(), NOW)
    for verdict in (Wait("not approved"), Skip("a purchase order"), None):
        listed = deliveries.transition(wanted, transitions.Listed("DRAFT", verdict), NOW)
        assert (listed.state, listed.cause) == ("waiting", WaitReason.QUEUED)


def known(status: str | None) -> Delivery:
    return deliveries.at_activation("doc", "PURCHASES", status, Wait("unknown status"))


def test_known_document_counts_only_when_its_status_changed() -> None:
    """Allowing a word later does not export what had that very status at activation."""
    same = deliveries.transition(known("APROVED"), transitions.Listed("APROVED", None), NOW)
    assert (same.predates_activation, same.cause is WaitReason.QUEUED) == (True, False)
    changed = deliveries.transition(same, transitions.Listed("FULLY_APPROVED", None), NOW)
    assert (changed.predates_activation, changed.cause) == (False, WaitReason.QUEUED)


def test_a_long_word_is_kept_short() -> None:
    """A status of any length is cut, and compared as it is stored."""
    before = known("x" * 1_000_000)
    assert len(before.status_at_activation or "") <= 100
    assert deliveries.transition(
        before, transitions.Listed("x" * 1_000_000, None), NOW
    ).predates_activation


def test_status_that_was_not_shown_at_activation_proves_no_change() -> None:
    """A service that shows statuses only now cannot flood Zenvoices with history."""
    approved = deliveries.transition(known(None), transitions.Listed("FULLY_APPROVED", None), NOW)
    assert approved.state == "skipped"
    draft = deliveries.transition(known(None), transitions.Listed("DRAFT", Wait("not yet")), NOW)
    assert (draft.state, draft.predates_activation, draft.status_at_activation) == (
        "waiting",
        True,
        "DRAFT",
    )
    hidden = deliveries.transition(known("DRAFT"), transitions.Listed(None, None), NOW)
    assert (hidden.state, hidden.predates_activation) == ("waiting", True)


@pytest.mark.parametrize("cause", list(WaitReason))
def test_document_that_cannot_be_read_keeps_its_cause(cause: WaitReason) -> None:
    """An outage puts off the next look and says nothing of the document itself."""
    waits = evolve(delivery("waiting"), cause=cause, reason="as before", due=NOW)
    later = deliveries.transition(waits, transitions.Unread(), NOW)
    assert later == evolve(waits, due=NOW + 3600, polls=1)


@pytest.mark.parametrize("cause", [WaitReason.RETRY, WaitReason.NOT_READY])
def test_listing_does_not_shorten_a_pause(cause: WaitReason) -> None:
    """What is tried again later is not tried earlier because a list shows it."""
    paused = evolve(delivery("waiting"), cause=cause, due=NOW + 500)
    assert deliveries.transition(paused, transitions.Listed("FULLY_APPROVED", None), NOW) == paused


def test_listing_puts_off_what_was_due() -> None:
    """A list refreshes a waiting document, so that it need not be read by itself."""
    waits = transitions.Listed("DRAFT", Wait("not yet"))
    due = deliveries.transition(evolve(delivery("waiting"), due=NOW - 1), waits, NOW)
    assert (due.due, due.polls) == (NOW + 3600, 0)
    later = deliveries.transition(evolve(delivery("waiting"), due=NOW + 1), waits, NOW)
    assert later.due == NOW + 1


def test_gone_document_counts_again_when_it_reappears() -> None:
    """A document that a listing shows again was not gone; one of the baseline stays known."""
    gone = deliveries.transition(delivery("waiting"), transitions.Skipped("gone", gone=True), NOW)
    assert gone.state == "skipped"
    back = deliveries.transition(gone, transitions.Listed("FULLY_APPROVED", None), NOW)
    assert (back.state, back.cause) == ("waiting", WaitReason.QUEUED)
    old = deliveries.transition(known("APROVED"), transitions.Skipped("gone", gone=True), NOW)
    assert deliveries.transition(old, transitions.Listed("APROVED", None), NOW).predates_activation


@pytest.mark.parametrize(
    ("verdict", "state"),
    [(None, "baseline"), (Wait("not yet"), "waiting"), (Skip("an order"), "skipped")],
)
def test_at_activation(verdict: Wait | Skip | None, state: str) -> None:
    """Exportable documents are the baseline; the others wait or are skipped, with their status."""
    made = deliveries.at_activation("doc", "SALES", "DRAFT", verdict)
    assert made.state == state
    assert state == "skipped" or made.status_at_activation == "DRAFT"


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_external_ids(space: str, document: str, generation: int) -> None:
    """An external id is stable, fits 50 characters, and is its document's and generation's own."""
    space, document = (text.encode("utf-8", "replace").decode() for text in (space, document))
    made = deliveries.external_id_of(space, document, generation)
    assert made == deliveries.external_id_of(space, document, generation)
    assert 0 < len(made) <= 50
    assert made != deliveries.external_id_of(space, document, generation + 1)
    assert made != deliveries.external_id_of(space, document + "x", generation)


def test_external_ids_never_change() -> None:
    """The id of a document is what it was in every release: look-ups depend on it."""
    assert EXTERNAL == "bq-6451473fbde1216a1a2598182b0b4cc079d6e2-0"


times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
statuses = st.sampled_from(["FULLY_APPROVED", "DRAFT", "APROVED", None])
verdicts = st.sampled_from([None, Wait("not yet"), Wait("odd", client_action=False), Skip("order")])
some_events = st.one_of(
    st.builds(transitions.Listed, statuses, verdicts, st.booleans()),
    st.builds(transitions.Absent, times),
    st.sampled_from(list(EVENTS.values())),
)


@given(st.lists(some_events, max_size=60), st.sampled_from(["first seen", "known"]))
def test_whatever_happens(events: list[transitions.Event], start: str) -> None:
    """No history leaves the states, takes a delivery back, or keeps one from being looked at."""
    current = (
        deliveries.first_seen("doc", "PURCHASES") if start == "first seen" else known("APROVED")
    )
    now = NOW
    for event in events:
        now += 60
        before = current
        try:
            current = deliveries.transition(current, event, now)
        except ValueError:
            continue
        assert current.state in STATES
        assert current.document_id == "doc"
        if before.state in ("delivered", "confirmed") and current.state not in (
            "delivered",
            "confirmed",
        ):
            assert isinstance(event, transitions.Requested)
        if not isinstance(event, (transitions.AttemptRefunded, transitions.Requested)):
            assert current.attempts >= before.attempts
        assert current.generation >= before.generation
        assert 0 <= current.attempts <= 5
        assert (current.due is None) or current.due - now <= 86_400
        if current.state == "sending":
            assert current.external_id is not None
            assert current.intended_at is not None
        if current.state not in ("waiting", "baseline") and current.cause is not WaitReason.GONE:
            assert current.cause is WaitReason.NONE
