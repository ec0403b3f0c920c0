"""Webhooks: checking who sent one, and reading it.

By framework: Zenvoices answers like ASP.NET Boilerplate, whose webhooks look like this; no call
of the real service has been seen yet.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from _client_kit._errors import ProtocolError
from _client_kit._json import JsonError, is_object, loads
from _client_kit._models import Model, decode, extra_field, wire
from _client_kit._secret import Secret

__all__ = ["SIGNATURE_HEADER", "WebhookEvent", "WebhookSubscription", "verify_signature"]

SIGNATURE_HEADER = "abp-webhook-signature"


def verify_signature(body: bytes, header: str | None, secret: str | Secret) -> bool:
    """Whether a webhook call was signed with the subscription's secret.

    Compares in constant time. Upper or lower case, with or without dashes, all count. Give the
    body as it was received: decoded and encoded again it is another.

    Args:
        body: The request's raw body.
        header: The value of its ``abp-webhook-signature`` header; None where it has none.
        secret: The subscription's secret, ``whs_...``, whole.

    Raises:
        TypeError: One of them is of another type.
    """
    for name, value, kinds in (
        ("body", body, (bytes, bytearray, memoryview)),
        ("header", header, (str, type(None))),
        ("secret", secret, (str, Secret)),
    ):
        if not isinstance(value, kinds):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"{name} must not be of type {type(value).__name__}"
            raise TypeError(message)
    scheme, _, signature = (header or "").partition("=")
    key = Secret(secret).reveal().encode("utf-8", "surrogatepass")
    expected = hmac.new(key, bytes(body), "sha256").hexdigest()
    given = signature.strip().replace("-", "").lower().encode("utf-8", "replace")
    same = hmac.compare_digest(given, expected.encode())
    return same and scheme.strip().lower() == "sha256" and bool(key)


@frozen(kw_only=True)
class WebhookEvent(Model):
    """What a webhook call says. It may come more than once: ``id`` tells.

    Attributes:
        id: The framework's id of the event, the same for each attempt.
        name: The event's name, one of :meth:`webhooks.available`.
        attempt: How many times it was sent, this one included.
        data: What happened; its members are not documented, and ``repr`` leaves them out.
        created_at: When it happened.
        extra: Members that this class does not know.
    """

    id: str | None = None
    name: str | None = None
    attempt: int | None = None
    data: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    created_at: datetime | None = None
    extra: Mapping[str, Any] = extra_field()

    @classmethod
    def parse(cls, body: bytes) -> WebhookEvent:
        """Read a webhook call's body. Check it with :func:`verify_signature` first.

        Raises:
            ProtocolError: It is not a JSON object.
        """
        try:
            value = loads(body)
        except JsonError as error:
            message = f"webhook: expected JSON: {error}"
            raise ProtocolError(message, service="zenvoices") from None
        if not is_object(value):
            message = "webhook: expected an object"
            raise ProtocolError(message, service="zenvoices")
        return decode(cls, {_KEYS.get(key.lower(), key): item for key, item in value.items()})


_KEYS = {
    "id": "id",
    "webhookevent": "name",
    "attempt": "attempt",
    "data": "data",
    "creationtimeutc": "createdAt",
}


@frozen(kw_only=True)
class WebhookSubscription(Model):
    """A subscription to webhooks. Fields assumed: they are the framework's.

    Attributes:
        id: The framework's id of it.
        uri: Where the calls go (``webhookUri``); left out of ``repr``.
        webhooks: Names of the events it is for.
        is_active: Whether it is switched on.
        secret: What its calls are signed with, for :func:`verify_signature`.
        extra: Members of the answer that this class does not know.
    """

    id: str | None = None
    uri: str | None = wire("webhookUri", repr=False)
    webhooks: tuple[str, ...] = ()
    is_active: bool | None = None
    secret: Secret | None = field(default=None, eq=False)
    extra: Mapping[str, Any] = extra_field()
