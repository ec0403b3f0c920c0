"""Verify and parse webhook calls from Zenvoices.

The format is that of ASP.NET Boilerplate's webhooks: Zenvoices' answers show that it uses this
framework. No webhook call of the real service has been seen.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, fields, frozen

from _client_kit._models import Model, decode, wire, wire_name
from _client_kit._response import object_of
from _client_kit._secret import Secret

SIGNATURE_HEADER = "abp-webhook-signature"


def verify_signature(body: bytes, header: str | None, secret: str | Secret) -> bool:
    """Return True if a webhook call was signed with the subscription's secret.

    The comparison takes constant time. The signature may be in upper or lower case, with or
    without dashes. Pass the body exactly as it was received: the signature covers these bytes.

    Args:
        body: Raw body of the request.
        header: Value of the ``abp-webhook-signature`` header; None if the request has none.
        secret: The whole secret of the subscription, with its prefix ``whs_``.
    """
    scheme, _, signature = (header or "").partition("=")
    key = Secret(secret).reveal().encode("utf-8", "surrogatepass")
    expected = hmac.new(key, bytes(body), "sha256").hexdigest()
    given = signature.strip().replace("-", "").lower().encode("utf-8", "replace")
    same = hmac.compare_digest(given, expected.encode())
    return same and scheme.strip().lower() == "sha256" and bool(key)


@frozen(kw_only=True)
class WebhookEvent(Model):
    """The content of a webhook call.

    An event may be delivered more than once; use ``id`` to detect duplicates.

    Attributes:
        id: Id of the event, the same for each attempt to deliver it.
        name: Name of the event, one of those that ``client.webhooks.available()`` returns.
        attempt: Number of deliveries of the event so far, including this one.
        data: Data of the event; its members are not documented, and ``repr`` leaves them out.
        created_at: Time of this attempt to deliver the event, as in ASP.NET Boilerplate's source.
        extra: Members of the body that this class does not know or cannot decode.
    """

    id: str | None = None
    name: str | None = wire("webhookevent")
    attempt: int | None = None
    data: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    created_at: datetime | None = field(default=None, metadata={"wire": "creationtimeutc"})

    @classmethod
    def parse(cls, body: bytes) -> WebhookEvent:
        """Return the event in a webhook call's body; call :func:`verify_signature` before.

        Raises:
            ProtocolError: The body is not a JSON object.
        """
        value = object_of(body, "webhook", service="zenvoices")
        known = {wire_name(attribute) for attribute in fields(cls)}
        names = {key: key.lower() if key.lower() in known else key for key in value}
        return decode(cls, {names[key]: item for key, item in value.items()})


@frozen(kw_only=True)
class WebhookSubscription(Model):
    """A subscription to webhooks. Its field names are assumed: those of ASP.NET Boilerplate.

    Attributes:
        id: Id of the subscription.
        uri: URL that is called (``webhookUri``); ``repr`` leaves it out.
        webhooks: Names of the events that are sent.
        is_active: Whether the subscription is active.
        secret: Secret that signs the calls, for :func:`verify_signature`.
        extra: Members of the answer that this class does not know or cannot decode.
    """

    id: str | None = None
    uri: str | None = wire("webhookUri", repr=False)
    webhooks: tuple[str, ...] = ()
    is_active: bool | None = None
    secret: Secret | None = field(default=None, eq=False)
