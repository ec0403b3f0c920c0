"""Check signed URLs: a signed URL is a credential, and its host comes from an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from _client_kit._address import API_PATH, is_loopback, origin_of
from _client_kit._arguments import check_list
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._secret import Secret
from _client_kit._text import Text

STORAGE_HOSTS = ("storage.googleapis.com",)  # published
DEFAULT_MAX_BYTES = 1024 * 1024 * 1024

# Strict, because parsers that disagree about a URL could send it to an unchecked host.
# httpx refuses URLs longer than 65,536 characters.
_URL = re.compile(
    r"(https?)://([A-Za-z0-9._-]{1,300}|\[[0-9A-Fa-f:.]{1,100}\])(?::(\d{1,5}))?(/[!-~]{0,65000})"
)
# A name with a dot, whose last part begins with a letter. Otherwise it could be an address:
# resolvers read names that end in a number as addresses, such as ``127.1`` and ``0x7f.1``.
_HOST_NAME = re.compile(r"((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*)(?::(\d{1,5}))?")


class SignedUrl(httpx.URL):
    """A URL whose path and query are sent byte for byte, and of which only the origin is shown.

    httpx quotes unusual characters again, and one changed byte breaks the signature. (httpcore's
    ``target`` extension would prevent that too, but it also replaces the target of the CONNECT to
    a proxy, which is sent in the clear.)

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

    def whole(self) -> SignedUrl:
        """Return the whole URL for an injected transport: a fake needs path and query."""
        return SignedUrl(self._signed, self._signed.reveal(), of_api=self.of_api)

    def __repr__(self) -> str:
        return f"SignedUrl('{self.scheme}://{self.host}/***')"


class StorageHosts:
    """The hosts that signed URLs may have: exact names, on port 443 unless given as ``host:port``.

    If ``base_url`` is on loopback, all hosts on loopback are allowed too, also with http. They
    cannot be listed.

    Raises:
        ConfigurationError: ``hosts`` is not a collection of host names.
    """

    def __init__(self, hosts: Iterable[str], *, base_url: str) -> None:
        self._loopback = is_loopback(urlsplit(base_url).hostname)
        self._hosts: set[str] = set()
        for name in check_list(hosts, "storage_hosts", "host names", service="banqup"):
            match = _HOST_NAME.fullmatch(name) if isinstance(name, str) else None
            if match is None:
                message = Text(
                    "not_host_names",
                    "storage_hosts must be host names such as 'storage.googleapis.com'",
                )
                raise ConfigurationError(message, service="banqup")
            self._hosts.add(_name(match[1], match[2]))

    def check(self, url: Secret, *, api: str | None = None) -> SignedUrl:
        """Return a URL from an answer as a URL that can be requested, if its host is allowed.

        Args:
            url: A signed URL or, if ``api`` is given, a path of the API.
            api: Base URL of the API; None if a path of the API is not allowed.

        Raises:
            ProtocolError: The URL names another host, or is not a valid signed URL.
        """
        if api is not None and API_PATH.fullmatch(url.reveal()):
            return SignedUrl(Secret(api + url.reveal()), f"{origin_of(api)}/***", of_api=True)
        problem = self._problem(url)
        if isinstance(problem, Text):
            message = Text("bad_url", "the signed URL of a file {0}", problem)
            raise ProtocolError(message, service="banqup")
        return problem

    def _problem(self, url: Secret) -> Text | SignedUrl:
        match = _URL.fullmatch(url.reveal())
        if match is None or "#" in match[4]:
            return Text("not_signed", "is not a URL that could be signed")
        scheme, host, port, target = match.groups()
        try:
            signed = SignedUrl(url, f"{match[0].removesuffix(target)}/***")
        except httpx.InvalidURL:
            return Text("not_signed", "is not a URL that could be signed")
        if self._loopback and is_loopback(host.strip("[]").lower()):
            return signed
        if scheme != "https":
            return Text("not_https", "is not https")
        if (name := _name(host, port)) not in self._hosts:
            return Text(
                "other_host",
                "names the host {0!r}, which storage_hosts= does not list",
                name[:100],
            )
        return signed


def _name(host: str, port: str | None) -> str:
    number = int(port or 443)
    return host.lower() if number == 443 else f"{host.lower()}:{number}"
