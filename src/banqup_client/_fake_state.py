"""What the fake Banqup holds: spaces, documents, files, and the URLs it has signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs, quote

from attrs import define, field, frozen

from _client_kit._fake import Head, Refused, Reply, xml_error

Moment = datetime | float | str
"""A time: aware, in seconds since the epoch, or the very text to answer."""
FileStatus = Literal["AVAILABLE", "AWAITING_UPLOAD", "REJECTED"]
TokenStyle = Literal["expires_at", "expires_in", "jwt", "bare", "opaque"]
Order = Literal["shuffled", "newest_first", "oldest_first"]


@frozen
class FakeFile:
    """One file of a published document."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    status: FileStatus = "AVAILABLE"
    size: int | None = None
    """The ``fileSize`` to answer, where it is to differ from the real one."""
    id: str | None = None


@define(eq=False)
class StoredFile:
    """A file, uploaded or not."""

    id: str
    space: str
    name: str
    content_type: str
    file_type: str
    size: int
    content: bytes | bytearray | None
    status: str
    description: str | None = None
    retention: str | None = None
    ready_at: float = 0.0

    def row(self) -> dict[str, Any]:
        """The file as a document's JSON lists it."""
        return {
            "id": self.id,
            "filename": self.name,
            "contentType": self.content_type,
            "fileSize": self.size,
        }


@define(eq=False)
class StoredDocument:
    """A document: its JSON, its files' ids, and what listings need."""

    id: str
    space: str
    folder: str | None
    files: list[str]
    body: dict[str, Any]
    created: float
    updated: float
    shuffle: bytes


@define(eq=False)
class StoredSpace:
    """A space with its documents, and the listings computed since they last changed."""

    id: str
    name: str
    type: str
    whitelisted: bool
    documents: dict[str, StoredDocument] = field(factory=dict[str, StoredDocument])
    listings: dict[tuple[Any, ...], list[StoredDocument]] = field(
        factory=dict[tuple[Any, ...], list[StoredDocument]]
    )


class SignedUrls:
    """V4-looking signed URLs: a credential in the query, good for one method and some time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Sign with a key of its own."""
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, method: str, file: StoredFile, head: Head, life: float) -> str:
        """A URL on the storage origin that the client of this request can reach."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        signed = "content-type;host" if method == "PUT" else "host"
        scope = f"fake@btx.iam.gserviceaccount.com/{now:%Y%m%d}/auto/storage/goog4_request"
        target = (
            f"/btx-fake-documents/{file.space}/{file.id}?X-Goog-Algorithm=GOOG4-RSA-SHA256"
            f"&X-Goog-Credential={quote(scope, safe='')}&X-Goog-Date={now:%Y%m%dT%H%M%SZ}"
            f"&X-Goog-Expires={int(life)}&X-Goog-SignedHeaders={quote(signed, safe='')}"
        )
        host = head.storage_url.partition("://")[2]
        signature = self._signature(method, host, target)
        return f"{head.storage_url}{target}&X-Goog-Signature={signature}"

    def check(self, head: Head) -> None:
        """Refuse a request unless its URL is, byte for byte, one that was signed and lives."""
        if "authorization" in head.headers:
            # Two credentials at once; the log keeps the request, so that a test can tell.
            raise Refused(xml_error("InvalidArgument", "Only one auth mechanism allowed.", 401))
        target, mark, signature = head.target.rpartition("&X-Goog-Signature=")
        good = self._signature(head.method, head.headers.get("host", ""), target)
        if not mark or not hmac.compare_digest(signature.encode(), good.encode()):
            raise Refused(bad_signature())
        query = parse_qs(target.partition("?")[2])
        begun = datetime.fromisoformat(query["X-Goog-Date"][0]).timestamp()
        if self._clock() >= begun + float(query["X-Goog-Expires"][0]):
            raise Refused(xml_error("ExpiredToken", "The provided token has expired.", 400))

    def _signature(self, method: str, host: str, target: str) -> str:
        text = f"{method}\n{host}\n{target}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def bad_signature() -> Reply:
    """The storage's answer to a URL that it did not sign so."""
    message = "The request signature we calculated does not match the signature you provided."
    return xml_error("SignatureDoesNotMatch", message, 403)


def base64url(raw: bytes) -> str:
    """Bytes as a JWT writes them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def epoch(moment: Moment, unreadable: float) -> float:
    """A time in seconds; `unreadable` for text that is not one."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return unreadable
    return moment.timestamp() if isinstance(moment, datetime) else moment
