"""Getting a vendor's file: from disk or over https, as JSON or YAML, within limits."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from _client_kit._address import is_loopback, origin_of
from _client_kit._clock import Deadline
from _client_kit._errors import ConfigurationError
from _client_kit._json import MAX_DEPTH, MAX_VALUES, JsonError, loads
from _client_kit._redaction import OwnCall, sanitise
from _client_kit._tls import opened, shared_ssl_context
from _contract_check.openapi_schema import VendorFileError, text

__all__ = ["MAX_BYTES", "load", "shown_place"]

MAX_BYTES = 16 * 1024 * 1024
DEADLINE = 60.0
_STEP = 10.0
_HOPS = 3
_AFTER_PATH = re.compile("[?#;]")
_ADDRESS = re.compile(
    r"(https?://)(?:[^@/?#;\\]*@)?"
    r"((?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:/[^@?#;\\]*)?)(?:[?#;][^@]*)?",
    re.IGNORECASE,
)
_LIKE_AN_ADDRESS = re.compile(r"\w{2,}:/|.*(://|@)", re.DOTALL)
_NOWHERE = "it redirects to what is no address"


def load(place: str, *, transport: httpx.BaseTransport | None = None) -> Any:
    """The decoded file at a path or a URL.

    Raises:
        VendorFileError: It cannot be had, or is neither JSON nor YAML.
    """
    body = _fetch(place, transport) if "://" in place else _read(Path(place))
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        message = "the file is empty"
        raise VendorFileError(message)
    if start.startswith(b"<"):
        message = "it is a web page or XML, not an OpenAPI file: the address may need a login"
        raise VendorFileError(message)
    try:
        return loads(body)
    except JsonError as error:
        if start[:1] in b"{[" or place.lower().partition("?")[0].endswith(".json"):
            message = f"it cannot be read: {error}"
            raise VendorFileError(message) from None
    return _yaml(start)


def shown_place(place: str) -> str:
    """A place as a message may name it: a path, or an address without what could be a credential.

    One that is mistyped is not shown at all: no part of it is surely none.
    """
    address = _ADDRESS.fullmatch(place)
    if address is not None:
        place = address[1] + address[2]
    elif _LIKE_AN_ADDRESS.match(place):
        return "--against"
    return text(_AFTER_PATH.split(place)[0][:200])


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
        message = f"it cannot be read: {reason}"
        raise VendorFileError(message) from None
    _measure(len(body))
    return body


def _measure(size: int) -> None:
    if size > MAX_BYTES:
        message = f"it is larger than {MAX_BYTES // 1024 // 1024} MB"
        raise VendorFileError(message)


def _fetch(url: str, transport: httpx.BaseTransport | None) -> bytes:
    """GET a file: https only, redirects on the same origin only, no credentials."""
    limit = Deadline.after(DEADLINE)
    origin = _checked(url)
    loopback = is_loopback(urlsplit(url).hostname)

    def client_of_httpx() -> httpx.Client:
        return httpx.Client(
            verify=shared_ssl_context(),
            transport=transport,
            trust_env=not loopback,
            timeout=_STEP,
            headers={"Accept": "application/json, */*", "Accept-Encoding": "identity"},
        )

    try:
        with opened(client_of_httpx, service="contract") as client:
            for _ in range(_HOPS):
                with OwnCall(), closing(_asked(client, url)) as response:
                    if not response.has_redirect_location:
                        return _body(response, limit)
                    url = _joined(url, response.headers["location"])
                    if _checked(url) != origin:
                        message = f"it redirects to {urlsplit(url).hostname!r}: give that address"
                        raise VendorFileError(message)
    except ConfigurationError as error:
        raise VendorFileError(error.message) from None
    except httpx.HTTPError as error:
        message = f"it cannot be fetched: {type(error).__name__}"
        raise VendorFileError(message) from None
    message = "it redirects without end"
    raise VendorFileError(message)


class _Logged(httpx.URL):
    """A URL that httpx logs without what follows its path, which may be a credential."""

    def __str__(self) -> str:
        return _AFTER_PATH.split(super().__str__())[0]


def _asked(client: httpx.Client, url: str) -> httpx.Response:
    request = client.build_request("GET", url)
    request.url = _Logged(url)
    try:
        return client.send(request, stream=True)
    except httpx.InvalidURL:  # of a redirect: httpx reads it, though it is not to follow it
        raise VendorFileError(_NOWHERE) from None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise VendorFileError(_NOWHERE) from None


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        allowed = parts.scheme == "https" or (
            parts.scheme == "http" and is_loopback(parts.hostname)
        )
        if allowed and parts.hostname and "@" not in parts.netloc:
            httpx.URL(url)
            return origin_of(url)
    except (ValueError, httpx.InvalidURL):
        pass
    message = "the address must be https, without a user name"
    raise VendorFileError(message)


def _body(response: httpx.Response, limit: Deadline) -> bytes:
    if response.status_code != 200:
        message = f"it cannot be fetched: the server answers {response.status_code}"
        raise VendorFileError(message)
    if response.headers.get("content-encoding", "identity") != "identity":
        message = "it came compressed, which was not asked for"
        raise VendorFileError(message)
    body = bytearray()
    whole = response.is_stream_consumed  # as httpx.MockTransport makes its answers
    for piece in [response.content] if whole else response.iter_raw():
        body += piece
        if limit.remaining() <= 0:
            message = f"it took longer than {DEADLINE:g} seconds"
            raise VendorFileError(message)
        _measure(len(body))
    return bytes(body)


def _yaml(body: bytes) -> Any:
    """YAML with every scalar kept as text, so that ``no`` stays a name and ``200`` a status."""
    try:
        import yaml
    except ImportError:
        message = (
            "it is not JSON; to read YAML, install the extra: pip install 'banqup-zenvoices[yaml]'"
        )
        raise VendorFileError(message) from None
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        depth = 0
        # The composer recurses, the parser does not: so the depth is looked at first.
        for number, event in enumerate(yaml.parse(body, Loader=loader)):
            if number > MAX_VALUES:
                message = f"it cannot be read: more than {MAX_VALUES:,} values"
                raise VendorFileError(message)
            depth += isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent))
            depth -= isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent))
            if depth > MAX_DEPTH:
                message = f"it cannot be read: nested deeper than {MAX_DEPTH}"
                raise VendorFileError(message)
        return yaml.load(body, Loader=loader)  # noqa: S506 - a BaseLoader makes texts only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark is not None else ""
        message = f"it is neither JSON nor YAML: {sanitise(error.problem)}{where}"
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, VendorFileError):
            raise
        message = "it is neither JSON nor YAML"
    raise VendorFileError(message)
