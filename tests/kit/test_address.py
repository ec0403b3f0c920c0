"""Checking what goes into a URL or a header."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._address import (
    check_base_url,
    check_header_text,
    check_id,
    is_loopback,
    origin_of,
)
from _client_kit._errors import ConfigurationError, ProtocolError


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/v1/", "https://api.example/v1"),
        ("https://api.example:8443", "https://api.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--caf-dma.example", "https://xn--caf-dma.example"),
        ("https://a_b-c.internal.:443/x_y", "https://a_b-c.internal.:443/x_y"),
    ],
)
def test_base_urls(url: str, kept: str) -> None:
    """Https anywhere and http on this machine are accepted."""
    assert check_base_url(url, service="bridge") == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example",
        "ftp://api.example",
        "//api.example",
        "https://",
        "https:///path",
        "http://api.example",
        "http://127.1:80",
        "http://2130706433",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "https://user:secret@api.example",
        "https://:@api.example",
        "https://api.example?key=secret",
        "https://api.example#x",
        "https://api.example:99999",
        "https://api.example:x",
        "https://[::1",
        "https://api .example",
        "https://api\t.example",
        "https://api.example\r\nX: y",
        "https://caf\u00e9.example",
        "https://api.example\\@evil.example",
        "https://a%62.example",
        "https://api.example/../../x",
        "https://api.example/%2e%2e/x",
        "https://api.example/a%2fb",
        "https://api.example/a\\..\\b",
        "https://..",
        "https://.",
        "https://a..b",
        "https://-a.example",
        "https://a-.example",
        "https://xn--",
        "https://xn--/",
        "https://xn--a",
        "https://api.xn--/",
        "https://xn--zzzzzzzz--.example",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}example",
        "https://[::g]",
        "https://[:]",
        None,
        7,
        b"https://api.example",
    ],
)
def test_base_urls_refused(url: str) -> None:
    """Anything else is a setting to correct; a secret in it is not repeated."""
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        check_base_url(url, service="bridge")
    assert "secret" not in str(caught.value)


@given(st.text(alphabet="abh:/.@\\%#?[]-0189\t\u0661 ", max_size=25))
def test_both_url_parsers_agree(rest: str) -> None:
    """An address we accept names the same host to us and to what sends the request."""
    url = f"https://{rest}"
    try:
        kept = check_base_url(url, service="bridge")
    except ConfigurationError:
        return
    sent_to = httpx.URL(kept + "/x")
    assert origin_of(kept) == origin_of(str(sent_to))
    assert sent_to.userinfo == b""
    sent_to.host.encode("idna")  # as asking for its address does


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example:443/v1", "https://api.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    """An origin is scheme, host and port in one spelling."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback(host: str) -> None:
    """Names and addresses of this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "example", "128.0.0.1", "0.0.0.0", "::", "1.127.0.0"])
def test_not_loopback(host: str | None) -> None:
    """All others."""
    assert not is_loopback(host)


@pytest.mark.parametrize("value", ["a", 42, "3fa85f64-5717-4562-b3fc-2c963f66afa6", "x" * 128])
def test_ids(value: object) -> None:
    """Uuids, numbers and plain codes can stand in a path."""
    assert check_id(value, "document_id", service="bridge") == str(value)


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/b", "a?x", "a#b", "a%2fb", "a b", "a\n", "é", "x" * 129, None]
)
def test_ids_refused(value: object) -> None:
    """What would change the path or leave it is refused, without being quoted."""
    if value is None:
        value = object()
    with pytest.raises(ConfigurationError, match="document_id"):
        check_id(value, "document_id", service="bridge")


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\x00", "caf\u00e9", "\x1b[31m", "a\n"])
def test_header_text(text: str) -> None:
    """What could end a header or break its encoding is refused, by the error asked for."""
    with pytest.raises(ProtocolError, match="token must be printable"):
        check_header_text(text, "token", service="bridge", error=ProtocolError)
