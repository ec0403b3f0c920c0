"""Webhooks: who sent it, and what it says."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.broken_json import mutated
from zenvoices_client import (
    SIGNATURE_HEADER,
    ProtocolError,
    Secret,
    WebhookEvent,
    verify_signature,
)
from zenvoices_client.testing import FakeZenvoices

SECRET = "whs_0123456789abcdef"
BODY = b'{"Id":"1"}'
EVENT = {
    "Id": "3fa8",
    "WebhookEvent": "Booking.Exported",
    "Attempt": 2,
    "Data": {"BookingId": 7},
    "CreationTimeUtc": "2026-01-02T03:04:05.678Z",
}


def signature(body: bytes = BODY, secret: str = SECRET) -> str:
    seal = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return "sha256=" + seal.hex("-").upper()


def test_call_of_the_fake_is_accepted() -> None:
    """A webhook as the service signs it is taken, and read."""
    fake = FakeZenvoices(clock=lambda: 1_700_000_000.0)
    headers, body = fake.webhook("Booking.Exported", {"BookingId": 7}, SECRET)
    assert verify_signature(body, headers[SIGNATURE_HEADER], SECRET)
    assert verify_signature(body, headers[SIGNATURE_HEADER], Secret(SECRET))
    event = WebhookEvent.parse(body)
    assert (event.name, event.attempt, event.data) == ("Booking.Exported", 1, {"BookingId": 7})
    assert event.created_at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize(
    "header",
    [
        signature(),
        signature().lower(),
        signature().replace("-", ""),
        signature().replace("-", "").lower(),
        "SHA256=" + signature().partition("=")[2],
        " sha256 = " + signature().partition("=")[2] + " ",
    ],
)
def test_dashes_and_case_do_not_matter(header: str) -> None:
    """How the hexadecimal digits are written says nothing about who wrote them."""
    assert verify_signature(BODY, header, SECRET)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha256",
        signature().partition("=")[2],
        signature()[:-1],
        signature() + "00",
        signature().replace("sha256", "sha1"),
        signature(BODY + b" "),
        signature(secret="whs_other"),
        "sha256=\u00e9\ud800",
        "sha256=" + "=" * 64,
    ],
)
def test_anything_else_is_refused(header: str | None) -> None:
    """A missing, cut, foreign or garbled signature is no signature, and no exception."""
    assert not verify_signature(BODY, header, SECRET)


def test_no_secret_accepts_nothing() -> None:
    """An empty secret, as an unset variable gives, is not a key anybody may sign with."""
    assert not verify_signature(BODY, signature(secret=""), "")


@given(body=st.binary(), place=st.integers(0, 400), bit=st.integers(0, 7))
def test_every_changed_bit_is_seen(body: bytes, place: int, bit: int) -> None:
    """A body that differs in one bit is another body."""
    header = signature(body)
    assert verify_signature(body, header, SECRET)
    changed = bytearray(body or b"\0")
    changed[place % len(changed)] ^= 1 << bit
    assert not verify_signature(bytes(changed), header, SECRET)


def test_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests are compared by the function that is made for it, whole."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not verify_signature(BODY, signature(), SECRET)
    assert not verify_signature(BODY, None, SECRET)
    assert [len(expected) for _, expected in compared] == [64, 64]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str])
def test_keys_are_read_ignoring_case(change: type[str]) -> None:
    """The framework's versions differ in how they write the keys."""
    body = json.dumps({change(key): value for key, value in EVENT.items()}).encode()
    event = WebhookEvent.parse(body)
    assert event == WebhookEvent(
        id="3fa8",
        name="Booking.Exported",
        attempt=2,
        data={"BookingId": 7},
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
    )
    assert pickle.loads(pickle.dumps(event)) == event
    assert hash(event) == hash(WebhookEvent.parse(body))


def test_unknown_members_are_kept() -> None:
    """What the class does not know, or knows as something else, is not lost."""
    event = WebhookEvent.parse(b'{"Id": 3, "Attempt": "x", "TenantId": 9}')
    assert (event.id, event.attempt) == ("3", None)
    assert event.extra == {"attempt": "x", "TenantId": 9}


@given(body=st.binary() | mutated(EVENT))
def test_event_that_cannot_be_read_is_our_error(body: bytes) -> None:
    """Whatever comes in, an event or a ProtocolError comes out."""
    with contextlib.suppress(ProtocolError):
        repr(WebhookEvent.parse(body)).encode()
