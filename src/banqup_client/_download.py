"""Check the content of a file while it is downloaded, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

import httpx
from attrs import frozen

from _client_kit._errors import (
    ProtocolError,
    RejectedError,
    ServiceError,
)
from _client_kit._request import TargetError
from _client_kit._retry import parse_retry_after
from _client_kit._signals import raised_by_signal_handler
from _client_kit._status import meaning_of
from _client_kit._text import Text
from banqup_client._errors import UrlExpiredError


@frozen
class Target:
    """A file to write content to.

    Attributes:
        file: A binary file, open for writing.
        start: Position in the file at which the content begins.
        size: Length in bytes that the content must have; None if it is not known.
        max_bytes: Largest length to accept, in bytes.
    """

    file: BinaryIO
    start: int
    size: int | None
    max_bytes: int

    def clear(self) -> None:
        """Remove the content that was written so far."""
        self.file.seek(self.start)
        self.file.truncate()

    def check(self, length: int, *, whole: bool = True, by: str = "files.download") -> None:
        """Check the length of downloaded content.

        Args:
            length: Length in bytes of the content, or of its first part.
            whole: Whether ``length`` is that of the whole content.
            by: Name of the operation or function that the content comes from, for the error.

        Raises:
            RejectedError: The content is larger than ``max_bytes``.
            ProtocolError: The content does not have ``size`` bytes, or its first part has more.
        """
        if length > self.max_bytes:
            message = Text(
                "file_over_limit",
                "files.download: the file is larger than {0} bytes",
                self.max_bytes,
            )
            hint = Text("hint_max_bytes", "Raise max_bytes= if that is expected.")
            raise RejectedError(
                message, service="banqup", hint=hint, code="too_large", operation="files.download"
            )
        if self.size is None or length == self.size or (length < self.size and not whole):
            return
        message = Text(
            "wrong_size", "{0}: got {1} of the {2} bytes that the file has", by, length, self.size
        )
        # Worth another try: a cache or a proxy may have cut the content.
        raise ProtocolError(
            message,
            service="banqup",
            status=200,
            retryable=True,
            code="wrong_size",
            operation="files.download",
        )


@contextmanager
def writing() -> Generator[None]:
    """Return a context manager for writing to the target file: an OSError becomes a TargetError.

    Without this, a full disk would count as a failure of the network.
    """
    try:
        yield
    except OSError as error:
        if raised_by_signal_handler(error):
            raise
        raise TargetError(error) from None


def check_headers(response: httpx.Response, target: Target, *, of_api: bool) -> None:
    """Raise an error if status and headers show that a response is not the whole, unchanged file.

    ``of_api`` says whether the API has sent the response; otherwise it is from the storage.
    """
    headers = response.headers
    if response.status_code != 200:
        raise refusal("files.download", response.status_code, headers, of_api=of_api)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = Text(
            "compressed_file",
            "files.download: storage compressed the file although it was asked not to",
        )
        raise ProtocolError(message, service="banqup", status=200)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and "transfer-encoding" not in headers:
        target.check(int(length[:40]))


def refusal(
    name: str, status: int, headers: httpx.Headers, *, of_api: bool = False
) -> ServiceError:
    """Return the error for a status of the storage, or of the API.

    The body is not used: the storage's errors may repeat the signed URL.
    """
    kind, meaning, _ = meaning_of(status, safe=True)
    text = Text("in_call", "{0}: {1}", name, meaning)
    if status in (400, 401, 403) and not of_api:
        kind = UrlExpiredError
        text = Text(
            "url_expired", "{0}: storage did not take the signed URL ({1})", name, str(status)
        )
    return kind(
        text,
        service="banqup",
        status=status,
        retry_after=parse_retry_after(headers.get("retry-after")),
        # A web page is an error of a gateway, not of the service itself.
        own=("json" if of_api else "xml") in headers.get("content-type", ""),
    )
