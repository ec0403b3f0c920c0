"""Which signed URLs are followed: the URL is a credential, and its host is named by an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
from attrs import frozen

from _client_kit._address import is_loopback
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._request import interrupted
from _client_kit._secret import Secret

__all__ = ["DEFAULT_MAX_BYTES", "STORAGE_HOSTS", "SignedUrl", "StorageHosts"]

STORAGE_HOSTS = ("storage.googleapis.com",)  # published
DEFAULT_MAX_BYTES = 1024 * 1024 * 1024

# Strict on purpose: what parsers disagree about ends up at another host than the one checked.
_URL = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(/[!-~]*)")


class SignedUrl(httpx.URL):
    """A URL whose path and query go on the wire byte for byte, and which its repr does not show.

    httpx quotes anew what it finds unusual, and one changed byte breaks the signature. (httpcore's
    ``target`` extension would do as well, but it also replaces the target of the CONNECT that is
    sent to a proxy, in the clear.)
    """

    def __init__(self, url: str, target: str) -> None:
        super().__init__(url)
        self._target = target.encode("ascii")

    @property
    def raw_path(self) -> bytes:
        """Path and query as they were signed."""
        return self._target

    def hidden(self) -> SignedUrl:
        """The same for what sends it, with nothing but its origin for whoever looks on.

        Instrumentation replaces httpx's own transports and keeps the URL of each request.
        """
        return SignedUrl(
            f"{self.scheme}://{self.netloc.decode('ascii')}/***", self._target.decode()
        )

    def __repr__(self) -> str:
        return f"SignedUrl('{self.scheme}://{self.host}/***')"


@frozen
class StorageHosts:
    """The hosts signed URLs may name, exactly; ``host`` means its port 443, else ``host:port``.

    Hosts on loopback are allowed, with http, while the API itself is on loopback.
    """

    hosts: frozenset[str]
    loopback: bool

    @classmethod
    def of(cls, hosts: Iterable[str], *, base_url: str) -> StorageHosts:
        """From the argument ``storage_hosts``.

        Raises:
            ConfigurationError: Not a collection of host names.
        """
        names: list[object] = [hosts] if isinstance(hosts, str) else list(hosts)
        checked: set[str] = set()
        loopback = is_loopback(urlsplit(base_url).hostname)
        for name in names:
            if loopback and isinstance(name, str) and _on_loopback(name):
                continue  # allowed anyway, while the API is there too
            match = _URL.fullmatch(f"https://{name}/") if isinstance(name, str) else None
            if match is None or _is_address(match[2]):
                message = "storage_hosts must be host names such as 'storage.googleapis.com'"
                raise ConfigurationError(message, service="banqup")
            checked.add(_name(match[2], match[3]))
        return cls(frozenset(checked), loopback)

    def check(self, url: Secret) -> SignedUrl:
        """The URL, if it may be followed.

        Raises:
            ProtocolError: It names another host, or is not a URL of the kind that is signed.
        """
        # Nothing raises where the URL is a local variable: tracebacks can show those.
        try:
            problem = self._problem(url.reveal())
        except BaseException as error:
            interrupted(error)
            raise
        if isinstance(problem, str):
            message = f"the signed URL of a file {problem}"
            raise ProtocolError(message, service="banqup")
        return problem

    def _problem(self, url: str) -> str | SignedUrl:
        match = _URL.fullmatch(url)
        if match is None or "#" in url:
            return "is not a URL that could be signed"
        scheme, host, port, target = match.groups()
        try:
            signed = SignedUrl(url, target)
        except httpx.InvalidURL:
            return "is not a URL that could be signed"
        if self.loopback and is_loopback(host.strip("[]").lower()):
            return signed
        if scheme != "https":
            return "is not https"
        if (name := _name(host, port)) not in self.hosts:
            return f"names the host {name[:100]!r}, which storage_hosts= does not list"
        return signed


def _name(host: str, port: str | None) -> str:
    return host.lower() if port in (None, "443") else f"{host.lower()}:{port}"


def _on_loopback(name: str) -> bool:
    """Whether ``host`` or ``host:port`` is on this machine."""
    host = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?", name)
    return is_loopback(name) or (host is not None and is_loopback(host[1].strip("[]").lower()))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
