"""CPU a call costs beyond bare httpx: a GET of 500 bytes of JSON, in memory, token held.

Both sides use one client over the same in-memory transport in the same process, so what is left
between them is the library's own work.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import httpx

from _client_kit._contract import Contract, Operation
from _client_kit._errors import ServiceError
from _client_kit._response import ApiResponse, Dialect, Token
from _client_kit._secret import Secret
from _client_kit._sync._calls import Calls

ORIGIN = "https://api.example"

BODY = json.dumps(
    {
        "id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "type": "INVOICE",
        "number": "2026-0042",
        "status": {"document": "FULLY_APPROVED", "payment": "UNPAID"},
        "supplier": {"name": "Brouwerij De Molenbeek BV", "country": "BE"},
        "amounts": [{"currency": "EUR", "net": 100.0, "vat": 21.0, "gross": 121.0}],
        "updatedAt": "2026-03-01T10:00:00.000Z",
        "note": "x" * 150,
    }
).encode()


class InMemory(httpx.BaseTransport):
    """Answers every request with the same JSON."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body not read yet, as from a socket."""
        return httpx.Response(
            200,
            headers=[
                (b"content-type", b"application/json"),
                (b"date", b"Sun, 01 Mar 2026 10:00:00 GMT"),
                (b"content-length", str(len(BODY)).encode()),
            ],
            stream=_Body(),
        )


class _Body(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield BODY


def operation(name: str, path: str) -> Operation:
    """An operation that only reads."""
    return Operation(
        name=name,
        method="GET",
        path=path,
        query={},
        sends=(),
        reads=(),
        evidence="assumed",
        source="benchmark",
        safe=True,
    )


def no_failure(_answer: ApiResponse, _operation: Operation) -> ServiceError | None:
    """Every answer here is a success."""
    return None


def library_side() -> Callable[[], object]:
    """One call through the library."""
    get = operation("documents.get", "/documents/{document_id}")
    dialect = Dialect(
        service="bridge",
        contract=Contract("bridge", {}),
        login=operation("token", "/token"),
        login_type="text/plain",
        login_body=bytes,
        read_token=lambda _answer, _operation: Token(Secret("held"), 3600.0),
        failure=no_failure,
        unwrap=lambda body: body,
    )
    calls = Calls(
        dialect,
        {},
        base_url=ORIGIN,
        timeout=30.0,
        deadline=60.0,
        user_agent="benchmark",
        retry=None,
        transport=InMemory(),
        http_client=None,
        ssl_context=None,
    )
    path = {"document_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}
    return lambda: calls.call(get, limit=calls.limit(None), path=path)


def bare_side() -> Callable[[], object]:
    """The same call with httpx and json alone."""
    client = httpx.Client(transport=InMemory())
    url = f"{ORIGIN}/documents/3fa85f64-5717-4562-b3fc-2c963f66afa6"
    headers = {"Authorization": "Bearer held"}
    return lambda: json.loads(client.get(url, headers=headers).content)


def measure(call: Callable[[], object], calls: int) -> float:
    """Microseconds of CPU per call."""
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1e6
