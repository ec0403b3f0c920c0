"""Check base URLs, ids and header texts before they go into a request."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address

import httpx

from _client_kit._arguments import argument_error
from _client_kit._errors import ConfigurationError, ServiceError
from _client_kit._text import Text

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_PORT = 65535
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}\.?|[0-9a-f:.]*:[0-9a-f:.]*")
# A path with an optional query, like RFC 3986 (3.3, 3.4). The segments "." and ".." are excluded,
# and so are "//" and backslashes: some parsers read "//host" or "/\host" as another host.
API_PATH = re.compile(
    r"(?:/(?!(?:\.|%2[eE]){1,2}(?:[/?]|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_PLAIN_URL = re.compile(r"(?:(?![@?#%\\])[!-~])+")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")


def is_loopback(host: str | None) -> bool:
    """Return True for ``localhost`` and for addresses such as 127.0.0.1 and ::1."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def origin_of(url: str) -> str:
    """Return the scheme, host and port of a base URL in lower case, without a default port.

    The bridge calls this twice for each connection. Without the cache, each call parses the URL.
    """
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}"


def check_base_url(url: str, *, service: str, name: str = "base_url") -> str:
    """Check a base URL and return it without slashes at its end.

    Raises:
        ConfigurationError: The URL is not https (http is allowed on loopback only). Or it has a
            user name, a query, a fragment, a space or a character outside ASCII. Or its host or
            port is invalid. Or its path has ``%``, a backslash, or a segment ``.`` or ``..``.
    """
    problem = None
    try:
        parts = httpx.URL(url)
        loopback = is_loopback(parts.host)  # raises for wrong ``xn--`` names
        plain = _PLAIN_URL.fullmatch(url) and _HOST.fullmatch(parts.raw_host.decode("ascii"))
    except (httpx.InvalidURL, ValueError, TypeError):
        problem = "is not a URL"
    else:
        if parts.scheme not in ("https", "http") or not parts.host:
            problem = "must start with https:// and name a host"
        elif parts.scheme == "http" and not loopback:
            problem = "must be https; http is allowed on loopback only"
        elif not plain or {".", ".."} & set(url.split("/")) or (parts.port or 0) > MAX_PORT:
            problem = "must be host and path alone, in ASCII, without a login, a query, '%' or '..'"
    if problem:
        message = Text("bad_address", "{0} {1}", name, problem)
        raise ConfigurationError(message, service=service)
    return url.rstrip("/")


def check_id(value: object, name: str, *, service: str) -> str:
    """Return an id as text for a path, if it is 1 to 128 letters, digits, ``_`` or ``-``.

    Raises:
        ConfigurationError: The id has other characters or another length, or is None or a bool.
            The id is not URL-quoted instead: quoting leaves ``.`` and ``..`` as they are.
    """
    text = str(value)
    # str() accepts every value: None would be sent as the id "None", and True as "True".
    if value is not None and not isinstance(value, bool) and _ID.fullmatch(text):
        return text
    form = Text("id_form", "1 to 128 letters, digits, '_' or '-'")
    if not isinstance(value, str):
        raise argument_error(name, form, value, service=service)
    raise ConfigurationError(Text("bad_id", "{0} must be {1}", name, form), service=service)


def check_header_text(
    value: str, name: str, *, service: str, error: type[ServiceError] = ConfigurationError
) -> str:
    """Return the text if a header may hold it: printable ASCII only.

    Raises:
        ServiceError: The text has other characters, such as a line break. The argument
            ``error`` gives the class of this exception.
    """
    if not _HEADER_TEXT.fullmatch(value):
        message = f"{name} must be printable ASCII without line breaks"
        raise error(message, service=service)
    return value


def is_id(value: object) -> bool:
    """Return True if the value is a string that :func:`check_id` accepts."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None
