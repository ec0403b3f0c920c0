"""Calls that are in no contract: what may be asked for, and what is made of the answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from attrs import frozen

from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._raw_request import operation_of, read_model
from _client_kit._redaction import RedactSecrets
from _client_kit._response import ApiResponse


@frozen
class Thing:
    """What a caller may want."""

    name: str


def operation(method: str = "get", path: str = "/things", **options: Any) -> Any:
    """An operation of the caller's own."""
    given: dict[str, Any] = {"service": "test", "safe": None, "model": None, **options}
    return operation_of(method, path, ["page"], **given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "FETCH"}, "method must be one of GET"),
        ({"path": "things"}, "path must "),
        ({"path": "/a/../b"}, "path must "),
        ({"model": int}, "model must be an attrs class"),
    ],
)
def test_call_that_cannot_be_made_is_refused(options: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=said):
        operation(**options)


def test_only_reading_is_repeated_unless_told_otherwise() -> None:
    """A method other than GET may change something."""
    assert [operation(method).safe for method in ("get", "post")] == [True, False]
    assert operation("post", safe=True).safe


@pytest.mark.parametrize(
    ("payload", "said"),
    [([], "expected an object"), ({}, "does not make a Thing")],
)
def test_answer_that_makes_no_instance_is_an_error(payload: object, said: str) -> None:
    """The error names the call and the class, and quotes nothing."""
    answer = ApiResponse(200, {}, b"")
    with pytest.raises(ProtocolError, match=f"GET /things: .*{said}") as caught:
        read_model(Thing, payload, operation(), answer, service="test")
    assert caught.value.status == 200
    made = read_model(Thing, {"name": "a"}, operation(), answer, service="test")
    assert made == Thing("a")


def test_stack_of_a_log_record_is_redacted() -> None:
    """A source line in a stack may hold a secret as well as a message may."""
    record = logging.LogRecord("any", logging.INFO, "a.py", 1, "called", None, None)
    record.stack_info = 'headers = {"Authorization": "Bearer abcdefghijklmnop"}'
    assert RedactSecrets().filter(record)
    assert "abcdefghijklmnop" not in record.stack_info
