"""Calls that are in no contract: what may be asked for, and what is made of the answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError
from _client_kit._operations import Call, operation_of, url_with
from _client_kit._redaction import RedactSecrets

BY_HAND = Operation(
    name="", method="", path="", query={}, sends=(), reads=(),
    evidence="assumed", source="the caller", safe=False,
)  # fmt: skip


def operation(method: str = "get", path: str = "/things", **options: Any) -> Operation:
    """An operation of the caller's own."""
    call = Call(method, path, **options)
    return operation_of(call, BY_HAND, service="test", origin="https://api.test")


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("FETCH", "/x", "method must be one of GET"),
        *(
            ("GET", path, "path must be of this API")
            for path in ("things", "/a/../b", "//x", "/\\x", "/a\tb", "/%2e/x", "https://b.test/x",
                         "https://api.test.evil/x", "https://api.test//x", "https://api.test")
        ),
    ],
)  # fmt: skip
def test_call_that_cannot_be_made_is_refused(method: str, path: str, said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=said):
        operation(method, path)


def test_address_of_the_api_itself_counts_as_its_path() -> None:
    """Links in answers are absolute; the base address may have a path of its own in front."""
    call = Call("GET", "https://api.test/v1/x?page=2", query={"a": [1, True, False], "b": None})
    step = operation_of(call, BY_HAND, service="test", origin="https://api.test")
    assert step.path == "/v1/x?page=2"
    made = url_with(f"https://api.test{step.path}", call.query)
    assert made == "https://api.test/v1/x?page=2&a=1&a=true&a=false"
    assert url_with("https://api.test/v1/x", {}) == "https://api.test/v1/x"


def test_only_reading_is_repeated_unless_told_otherwise() -> None:
    """A method other than GET may change something."""
    assert [operation(method).safe for method in ("get", "post")] == [True, False]
    assert operation("post", safe=True).safe
    assert not operation("get", safe=False).safe


def test_stack_of_a_log_record_is_redacted() -> None:
    """A source line in a stack may hold a secret as well as a message may."""
    record = logging.LogRecord("any", logging.INFO, "a.py", 1, "called", None, None)
    record.stack_info = 'headers = {"Authorization": "Bearer abcdefghijklmnop"}'
    assert RedactSecrets().filter(record)
    assert "abcdefghijklmnop" not in record.stack_info
