"""Getting a vendor's file from a URL: https only, same origin only, within limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from _contract_check import source as _source
from _contract_check.openapi_file import read_openapi
from _contract_check.openapi_schema import VendorFileError
from _contract_check.source import load, shown_place
from support.openapi import simple

URL = "https://vendor.example/swagger.json"


Answer = Callable[[httpx.Request], httpx.Response]


def fetched(answer: Answer, url: str = URL) -> Any:
    """What is loaded from a URL that answers so."""
    return load(url, transport=httpx.MockTransport(answer))


def test_url_is_fetched_without_credentials() -> None:
    """One GET, and redirects on the same origin are followed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        assert "authorization" not in request.headers
        if request.url.path == "/swagger.json":
            return httpx.Response(302, headers={"Location": "/v1/swagger.json"})
        return httpx.Response(200, json=simple({}))

    assert read_openapi(fetched(answer)).title == "T"
    assert asked == ["/swagger.json", "/v1/swagger.json"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: httpx.Response(404), "answers 404"),
        (lambda _: httpx.Response(200, html="<html>Sign in</html>"), "web page"),
        (
            lambda _: httpx.Response(302, headers={"Location": "https://other.example/x"}),
            "redirects to 'other.example'",
        ),
        (
            lambda _: httpx.Response(302, headers={"Location": "http://vendor.example/x"}),
            "must be https",
        ),
        (lambda _: httpx.Response(302, headers={"Location": URL}), "without end"),
        (lambda _: httpx.Response(302), "answers 302"),
        (lambda _: httpx.Response(304), "answers 304"),
        (lambda _: httpx.Response(302, headers={"Location": "http://["}), "no address"),
        (lambda _: httpx.Response(302, headers={"Location": "javascript:1"}), "no address"),
        (
            lambda _: httpx.Response(302, headers={"Location": "https://:p@vendor.example/x"}),
            "without a user name",
        ),
        (
            lambda _: httpx.Response(200, headers={"Content-Encoding": "br"}, stream=Pieces(b"x")),
            "compressed",
        ),
    ],
)
def test_answer_that_is_no_file_is_refused(answer: Answer, reason: str) -> None:
    """Errors, logins, other hosts, loops and unwanted compression."""
    with pytest.raises(VendorFileError, match=reason):
        fetched(answer)


class Pieces(httpx.SyncByteStream):
    """A body in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Any:
        return iter(self._pieces)


def test_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit and one that takes too long end in an error."""
    monkeypatch.setattr(_source, "MAX_BYTES", 1024 * 1024)
    big = Pieces(*[b" " * 65536] * 20)
    with pytest.raises(VendorFileError, match="larger"):
        fetched(lambda _: httpx.Response(200, stream=big))
    monkeypatch.setattr(_source, "DEADLINE", 1e-9)
    with pytest.raises(VendorFileError, match="took longer"):
        fetched(lambda _: httpx.Response(200, stream=Pieces(b" ", b" ")))


def test_unreachable_address_is_an_error() -> None:
    """The reason is named without a traceback."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(VendorFileError, match="ConnectError"):
        fetched(answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/swagger.json",
        "ftp://vendor.example/swagger.json",
        "file:///etc/passwd",
        "https://user:secret@vendor.example/swagger.json",
        "https://:secret@vendor.example/swagger.json",
        "https://@vendor.example/swagger.json",
        "https:///swagger.json",
        "https://[::1/swagger.json",
    ],
)
def test_address_that_is_not_https_is_refused(url: str) -> None:
    """Nothing is asked of it."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with pytest.raises(VendorFileError, match="must be https"):
        fetched(answer, url)


def test_query_of_an_address_is_sent_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A signed address is fetched as it is; the log has its path, and no query or fragment."""
    caplog.set_level(logging.DEBUG)
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        if len(asked) == 1:
            return httpx.Response(302, headers={"Location": "/v1/a.json?sig=second-9931"})
        return httpx.Response(200, json=simple({}))

    fetched(answer, f"{URL}?sig=first-9931#part-9931")
    assert asked == [b"/swagger.json?sig=first-9931", b"/v1/a.json?sig=second-9931"]
    assert f"GET {URL} " in caplog.text
    assert "GET https://vendor.example/v1/a.json " in caplog.text
    assert "9931" not in caplog.text


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("https://user:hunter2@Vendor.example:8443/a?sig=A#b", "https://Vendor.example:8443/a"),
        ("https://:hunter2@vendor.example/a;sig=A", "https://vendor.example/a"),
        ("https://[user:hunter2@vendor.example/a", "https://vendor.example/a"),
        ("https://user:hunter2/x@vendor.example/a", "--against"),
        ("https://user:12#hunter2@vendor.example/a", "--against"),
        ("https://vendor.example:hunter2/a", "--against"),
        ("user:hunter2@vendor.example://a", "--against"),
        ("https:user:hunter2@vendor.example", "--against"),
        ("https:/vendor.example/hunter2", "--against"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        (r"C:\folder\swagger.json", r"C:\folder\swagger.json"),
        ("a folder/swagger.json", "a folder/swagger.json"),
        ("a\x1b[2J.json", "a\ufffd[2J.json"),
    ],
)
def test_address_is_shown_without_its_credentials(place: str, shown: str) -> None:
    """Origin and path are enough to know which file is meant."""
    assert shown_place(place) == shown


def test_malformed_proxy_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that names the variable, instead of a traceback with its password."""
    monkeypatch.setenv("https_proxy", "http://u:hunter-9931/x@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost")
    with pytest.raises(VendorFileError, match="https_proxy") as caught:
        _source._fetch("https://vendor.example/openapi.json", None)
    assert "9931" not in str(caught.value)
