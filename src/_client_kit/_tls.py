"""TLS contexts (always verified, version 1.2 or later) and proxies of the environment."""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from _client_kit._address import is_loopback
from _client_kit._errors import ConfigurationError
from _client_kit._secret import Secret
from _client_kit._text import Text

_T = TypeVar("_T")
_PROXIES = ("https_proxy", "all_proxy")
_TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def shared_ssl_context() -> ssl.SSLContext:
    """Return the context that all clients share: building one takes 17 ms and 0.8 MB.

    After a change of the environment's variables for TLS, new clients share another context.
    """
    return _ssl_context(*(os.environ.get(name) for name in _TLS_VARIABLES))


@cache
def _ssl_context(*_settings: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    # Without this, the minimum would be that of OpenSSL's configuration, which may be lower.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


def _goes_direct(url: str) -> bool:
    """Return True for URLs that need no proxy: on loopback, or of a host in NO_PROXY."""
    parts = urlsplit(url)
    return is_loopback(parts.hostname) or bool(urllib.request.proxy_bypass(parts.netloc))


def proxy_of(url: str) -> Secret | None:
    """Return the proxy for a URL from the environment or the system's settings, or None.

    The proxy's URL is a :class:`Secret` because it may hold a password. httpx cannot choose the
    proxy: it raises an error for an IPv6 network in NO_PROXY.
    """
    proxies = urllib.request.getproxies()
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all")
    if not proxy or _goes_direct(url):
        return None
    return Secret(proxy if "://" in proxy else f"http://{proxy}")


def proxy_variable(origin: str) -> str | None:
    """Return the name of the environment variable with the proxy for an origin, or None."""
    if _goes_direct(origin):
        return None
    wanted = (f"{urlsplit(origin).scheme}_proxy", "all_proxy")
    named = {name.lower(): name for name, value in os.environ.items() if value}
    return next((named[name] for name in wanted if name in named), None)


def _unusable_file(error: OSError, service: str) -> ConfigurationError:
    """Return the error for an unusable file in SSL_CERT_FILE or SSLKEYLOGFILE."""
    # Python's error for a key log names the file; its error for certificates does not.
    name = "SSLKEYLOGFILE" if error.filename else "SSL_CERT_FILE"
    reason = Text("said", "{0}", error.strerror)
    if isinstance(error, ssl.SSLError):
        reason = Text(
            "no_certificate", "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        )
    hint = Text("hint_unusable_variable", "Correct the variable, or unset it.")
    message = Text(
        "unusable_variable",
        "the environment variable {0} names {1}, which cannot be used: {2}",
        *(name, repr(os.environ.get(name))[:200], reason),
    )
    problem = ConfigurationError(message, service=service, hint=hint)
    problem.__cause__ = error
    return problem


def opened(make: Callable[[], _T], *, service: str) -> _T:
    """Call ``make``, which builds a TLS context, httpx client or transport; return its result.

    Raises:
        ConfigurationError: httpx cannot use the proxy settings or a TLS file of the environment.
            For a proxy the message names the variables only: a value may hold a password.
    """
    try:
        return make()
    except OSError as error:
        problem = _unusable_file(error.with_traceback(None), service)
    except (ImportError, ValueError, TypeError, httpx.InvalidURL):
        problem = _unusable_proxy(service)
    # Raised after the except block: frames of the first error hold the proxy's address.
    raise problem


def _unusable_proxy(service: str) -> ConfigurationError:
    names = sorted(name for name in os.environ if name.lower() in _PROXIES)
    where = ", ".join(names) or Text("system_settings", "the system's settings")
    hint = Text(
        "hint_unusable_proxy",
        "Write it as http://host:port, or http://user:password@host:port with both quoted. A SOCKS "
        "proxy needs the package socksio.",
    )
    message = Text("unusable_proxy", "the proxy named by {0} cannot be used", where)
    return ConfigurationError(message, service=service, hint=hint)
