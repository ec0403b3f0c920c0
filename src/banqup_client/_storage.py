"""Which signed URLs are followed: the URL is a credential, and its host is named by an answer."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from attrs import frozen

from _client_kit._address import is_loopback
from _client_kit._errors import ConfigurationError, ProtocolError

__all__ = ["STORAGE_HOSTS", "SignedTarget", "StorageHosts"]

STORAGE_HOSTS = ("storage.googleapis.com",)  # published


@frozen
class SignedTarget:
    """A signed URL taken apart.

    Attributes:
        url: The URL as it came.
        target: Path and query byte for byte, as they must be sent.
    """

    url: str
    target: bytes


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
        names = [hosts] if isinstance(hosts, str) else list(hosts)
        for name in names:
            if not isinstance(name, str) or not name or set(name) & set("/@?# *"):
                message = "storage_hosts must be host names such as 'storage.googleapis.com'"
                raise ConfigurationError(message, service="banqup")
        return cls(
            frozenset(name.lower().removesuffix(":443") for name in names),
            is_loopback(urlsplit(base_url).hostname),
        )

    def check(self, url: str) -> SignedTarget:
        """The URL, if it may be followed.

        Raises:
            ProtocolError: It names another host, or is not a URL of the kind that is signed.
        """
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
            port = parts.port
        except ValueError:
            raise self._refused("is not a URL") from None
        if not url.isascii() or not url.isprintable() or " " in url:
            raise self._refused("is not a URL")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise self._refused("holds a user name or a fragment")
        if self.loopback and is_loopback(host):
            if parts.scheme not in ("http", "https"):
                raise self._refused("is not http")
        else:
            if parts.scheme != "https":
                raise self._refused("is not https")
            if _is_address(host):
                raise self._refused("names an address instead of a host")
            name = host if port in (None, 443) else f"{host}:{port}"
            if name not in self.hosts:
                raise self._refused(f"names the host {name!r}, which storage_hosts= does not list")
        after_host = url.split("://", 1)[1].split("/", 1)
        return SignedTarget(url, b"/" + (after_host[1] if len(after_host) > 1 else "").encode())

    def _refused(self, why: str) -> ProtocolError:
        return ProtocolError(f"the signed URL of a file {why}", service="banqup")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
