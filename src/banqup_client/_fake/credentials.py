"""Token requests and signed URLs of the fake Banqup."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from _client_kit.fakes.service import Call
from _client_kit.fakes.wire import Reply, RequestRefusedError, json_reply, xml_error


def check_grant(call: Call, client_id: str, client_secret: str) -> None:
    """Raise an error of RFC 6749 unless the form body holds the right credentials."""
    if call.media_type != "application/x-www-form-urlencoded":
        raise _refused("invalid_request", "The credentials go in a form body.", 415)
    try:
        form = dict(parse_qsl(bytes(call.body).decode(), strict_parsing=True))
    except ValueError:
        raise _refused("invalid_request", "The form cannot be read.", 400) from None
    if form.get("grant_type") != "client_credentials":
        raise _refused("unsupported_grant_type", "Only client_credentials is allowed.", 400)
    if not {"client_id", "client_secret"} <= form.keys():
        raise _refused("invalid_request", "client_id and client_secret are required.", 400)
    if (form["client_id"], form["client_secret"]) != (client_id, client_secret):
        raise _refused("invalid_client", "Client authentication failed.", 401)


class SignedUrls:
    """Signed URLs in the format of Google Cloud Storage V4, for one method and a limited time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without a URL."""
        self._clock = clock
        self._ends: dict[tuple[str, str, str], float] = {}

    def sign(self, method: str, path: str, call: Call, life: float) -> str:
        """Return a signed URL of the storage, at the host that the client can reach."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        signed = "content-type;host" if method == "PUT" else "host"
        scope = f"fake@btx.iam.gserviceaccount.com/{now:%Y%m%d}/auto/storage/goog4_request"
        target = (
            f"{path}?X-Goog-Algorithm=GOOG4-RSA-SHA256"
            f"&X-Goog-Credential={quote(scope, safe='')}&X-Goog-Date={now:%Y%m%dT%H%M%SZ}"
            f"&X-Goog-Expires={int(life)}&X-Goog-SignedHeaders={quote(signed, safe='')}"
            f"&X-Goog-Signature={secrets.token_hex(32)}"
        )
        host = call.storage_url.partition("://")[2]
        self._ends[method, host, target] = self._clock() + life
        return f"{call.storage_url}{target}"

    def check(self, call: Call) -> None:
        """Raise an error unless the URL is exactly as it was signed and has not expired."""
        if "authorization" in call.headers:
            # The storage refuses requests with both a token and a signature.
            raise RequestRefusedError(
                xml_error("InvalidArgument", "Only one auth mechanism allowed.", 401)
            )
        end = self._ends.get((call.method, call.headers.get("host", ""), call.target))
        if end is None:
            raise RequestRefusedError(bad_signature())
        if self._clock() >= end:
            raise RequestRefusedError(
                xml_error("ExpiredToken", "The provided token has expired.", 400)
            )


def bad_signature() -> Reply:
    """Return the storage's answer to a wrong signature."""
    message = "The request signature we calculated does not match the signature you provided."
    return xml_error("SignatureDoesNotMatch", message, 403)


def _refused(error: str, description: str, status: int) -> RequestRefusedError:
    return RequestRefusedError(
        json_reply({"error": error, "error_description": description}, status)
    )
