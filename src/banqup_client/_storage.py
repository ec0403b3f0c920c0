"""Signed URLs, and checks of the content behind them.

A signed URL is a credential until it expires. It comes from an answer, so its host is checked
before it is requested.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx
from attrs import frozen

from _client_kit._address import API_PATH, is_loopback, origin_of
from _client_kit._arguments import check_list
from _client_kit._errors import ConfigurationError, ProtocolError, RejectedError, ServiceError
from _client_kit._request import TargetError
from _client_kit._retry import parse_retry_after
from _client_kit._secret import Secret
from _client_kit._signals import raised_by_signal_handler
from _client_kit._status import CONTRACT_HINT, meaning_of
from _client_kit._text import Text
from banqup_client._errors import UrlExpiredError

STORAGE_HOSTS = ("storage.googleapis.com",)  # named in the vendor's documentation
DEFAULT_MAX_BYTES = 1024 * 1024 * 1024

# Scheme, host and port of a URL. The pattern is strict: if httpx read a URL in another way than
# this check, it could send the URL to an unchecked host. httpx refuses URLs longer than 65,536
# characters.
_ORIGIN = re.compile(
    r"(https?)://([A-Za-z0-9._-]{1,300}|\[[0-9A-Fa-f:.]{1,100}\])(?::(\d{1,5}))?"
    r"(?=/[!\"$-~]{0,65000}\Z)"
)
# This matches a name with a dot whose last part begins with a letter. Other names could be
# addresses: resolvers read names that end in a number as addresses, such as ``127.1``.
_HOST_NAME = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*")


class SignedUrl(httpx.URL):
    """A URL whose path and query are sent byte for byte, and of which only the origin is shown.

    httpx quotes unusual characters again, and one changed byte breaks the signature. Do not use
    httpcore's ``target`` extension instead: with a proxy, it would also replace the target of the
    CONNECT request, which is sent without encryption.

    The parsed URL holds the origin only. So ``str()``, ``vars()`` and instrumentation that replaces
    httpx's transports do not see the signature.
    """

    def __init__(self, signed: Secret, shown: str, *, of_api: bool = False) -> None:
        super().__init__(shown)
        self._signed = signed
        self.of_api = of_api
        """Whether the URL is one of the API, whose requests need the token."""

    @property
    def raw_path(self) -> bytes:
        """Path and query as they were signed."""
        return f"/{self._signed.reveal().split('/', 3)[3]}".encode("ascii")

    @property
    def origin(self) -> str:
        """Scheme and host, for messages."""
        return f"{self.scheme}://{self.host}"

    def whole(self) -> SignedUrl:
        """Return the whole URL for an injected transport: a fake needs path and query."""
        return SignedUrl(self._signed, self._signed.reveal(), of_api=self.of_api)

    def __repr__(self) -> str:
        return f"SignedUrl('{self.origin}/***')"


class StorageHosts:
    """The hosts that signed URLs may have: exact names, with https on port 443.

    If ``base_url`` is on loopback, all hosts on loopback are allowed too, with any port and also
    with http. Hosts on loopback cannot be listed in ``hosts``.

    Raises:
        ConfigurationError: ``hosts`` is not a collection of host names.
    """

    def __init__(self, hosts: Iterable[str], *, base_url: str) -> None:
        self._base_url = base_url
        self._loopback = is_loopback(urlsplit(base_url).hostname)
        self._hosts: set[str] = set()
        for name in check_list(hosts, "storage_hosts", "host names", service="banqup"):
            if not isinstance(name, str) or not _HOST_NAME.fullmatch(name):
                message = Text(
                    "not_host_names",
                    "storage_hosts must be host names without a port, such as "
                    "'storage.googleapis.com'",
                )
                raise ConfigurationError(message, service="banqup")
            self._hosts.add(name.lower())

    def check(self, url: Secret | None, *, redirect: bool = False) -> SignedUrl:
        """Return a URL from an answer as a :class:`SignedUrl`, if its host is allowed.

        Args:
            url: A signed URL, or a path of the API; None if the answer names none.
            redirect: Whether to refuse a path of the API, as for a redirect or an upload.

        Raises:
            ProtocolError: The URL is missing, names another host, or is not a valid signed URL.
        """
        if url is None:
            message = Text("no_url", "the details of a file name no signed URL for its content")
            raise ProtocolError(message, service="banqup", hint=CONTRACT_HINT)
        if not redirect and API_PATH.fullmatch(url.reveal()):
            origin = origin_of(self._base_url)
            return SignedUrl(Secret(self._base_url + url.reveal()), f"{origin}/***", of_api=True)
        match = _ORIGIN.match(url.reveal())
        if match is None:
            problem = Text("not_signed", "is not a URL that could be signed")
        else:
            scheme, host, port = match.groups()
            loopback = self._loopback and is_loopback(host.strip("[]").lower())
            listed = host.lower() in self._hosts and scheme == "https" and port in (None, "443")
            if loopback or listed:
                return SignedUrl(url, f"{match[0]}/***")
            problem = Text(
                "other_host",
                "leads to {0!r}; it must be https on port 443, and a host of storage_hosts=",
                match[0][:100],
            )
        raise ProtocolError(
            Text("bad_url", "the signed URL of a file {0}", problem), service="banqup"
        )


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
            hint = "Raise max_bytes= if that is expected."
            raise RejectedError(
                message, service="banqup", hint=hint, code="too_large", operation="files.download"
            )
        if self.size is None or length == self.size or (length < self.size and not whole):
            return
        message = Text(
            "wrong_size", "{0}: got {1} of the {2} bytes that the file has", by, length, self.size
        )
        # Retryable, because a cache or a proxy may have cut the content.
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
