"""The error format of the fake Banqup."""

from __future__ import annotations

import uuid
from email.utils import formatdate

from _client_kit.fakes.wire import Reply, iso, json_reply

_WORDS = {
    400: ("BAD_REQUEST", "Invalid Request Format"),
    404: ("NOT_FOUND", "Not Found"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"),
}


def problem(status: int, detail: str, now: float) -> Reply:
    """Return an error of the API: JSON similar to the problem details of RFC 9457."""
    error, title = _WORDS[status]
    body = {
        "status": status,
        "error": error,
        "requestId": uuid.uuid4().hex,
        # The service uses two formats for this timestamp.
        "timestamp": formatdate(now, usegmt=True) if status == 400 else iso(now),
        "type": "about:blank",
        "title": title,
        "detail": detail,
    }
    return json_reply(body, status)
