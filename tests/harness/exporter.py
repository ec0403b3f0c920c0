"""The exporter of the kill harness: a process that can be killed anywhere, and started cheaply.

Started with ``serve`` it has everything imported, and forks for each order it reads, so that a
start costs milliseconds. Started with ``once PATH`` it obeys one order in a fresh process, for
tools that start what they watch. An order is JSON; see :func:`obey`.

Nothing here runs in the tests' own process: there, `harness.children` gives the orders.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from _client_kit import _runtime_async as runtime_async
from _client_kit import _runtime_sync as runtime_sync
from _client_kit._tls import shared_ssl_context
from banqup_client import AsyncBanqupClient, BanqupClient, ClientCredentials
from bridge import AsyncConnection, CheckpointStore, Connection, ServiceError
from harness.children import Exporters
from harness.clock import SharedClock
from harness.world import World
from harness.wrong_designs import DESIGNS
from support.stores import open_store
from zenvoices_client import AsyncZenvoicesClient, UserLogin, ZenvoicesClient

TIMEOUT = 2.0


class Steps:
    """Counts what the exporter does towards the outside, and dies at the step it was told."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """One more step; several threads make them."""
        with self._lock:
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function with a step before it and one after."""

        def stepped(*args: Any, **options: Any) -> Any:
            self()
            result = function(*args, **options)
            self()
            return result

        return stepped


class SteppedStore:
    """A store whose every call is two steps."""

    def __init__(self, store: CheckpointStore, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return self._steps.around(getattr(self._store, name))


def step_requests(steps: Steps) -> None:
    """Make every HTTP request two steps, and each piece of its body one: storage's too."""
    real = httpx.HTTPTransport.handle_request
    real_async = httpx.AsyncHTTPTransport.handle_async_request

    class Body(httpx.SyncByteStream):
        def __init__(self, stream: httpx.SyncByteStream) -> None:
            self._stream = stream

        def __iter__(self) -> Any:
            for piece in self._stream:
                yield piece
                steps()

        def close(self) -> None:
            self._stream.close()

    class AsyncBody(httpx.AsyncByteStream):
        def __init__(self, stream: httpx.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> Any:
            async for piece in self._stream:
                yield piece
                steps()

        async def aclose(self) -> None:
            await self._stream.aclose()

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and isinstance(request.stream, httpx.SyncByteStream):
            request.stream = Body(request.stream)
        steps()
        response = real(transport, request)
        steps()
        return response

    async def handle_async(
        transport: httpx.AsyncHTTPTransport, request: httpx.Request
    ) -> httpx.Response:
        if request.method == "POST" and isinstance(request.stream, httpx.AsyncByteStream):
            request.stream = AsyncBody(request.stream)
        steps()
        response = await real_async(transport, request)
        steps()
        return response

    httpx.HTTPTransport.handle_request = handle  # type: ignore[assignment,method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = (  # type: ignore[method-assign]
        handle_async  # type: ignore[assignment]
    )


def skip_pauses() -> None:
    """Let no time pass between two tries: how long they wait is tested elsewhere."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    runtime_sync.sleep = lambda seconds: None
    runtime_async.sleep = sleep


def obey(order: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """Do one thing and say how it went.

    Args:
        order: ``verb`` ("activate" or "export"), ``kind`` ("sync" or "async"), addresses,
            credentials, ``checkpoint``, ``store``, ``clock``, ``in_flight``, ``design``, and
            ``options`` of the verb.
        steps: Counts the steps.
    """
    if order["kind"] == "async":
        return asyncio.run(_obey_async(order, steps))
    banqup = BanqupClient(_app(order), **_client(order, "banqup"))
    zenvoices = ZenvoicesClient(_user(order), **_client(order, "zenvoices"))
    if order["design"] != "connection":
        design = DESIGNS[order["design"]]
        memory = Path(order["checkpoint"])
        clock = SharedClock(Path(order["clock"]))
        exporter = design(banqup, zenvoices, order["space"], memory, steps, clock)
        try:
            told: Any = getattr(exporter, order["verb"])()
        except ServiceError as error:
            return _refusal(error, steps)
        return {"ok": True, "told": told, "steps": steps.count}
    connection = Connection(banqup, zenvoices, **_options(order, steps))
    try:
        if order["verb"] == "activate":
            told = connection.activate().to_dict()
        else:
            told = connection.export_new(**order["options"]).to_dict()
    except ServiceError as error:
        return _refusal(error, steps)
    return {"ok": True, "told": told, "steps": steps.count}


async def _obey_async(order: dict[str, Any], steps: Steps) -> dict[str, Any]:
    async with (
        AsyncBanqupClient(_app(order), **_client(order, "banqup")) as banqup,
        AsyncZenvoicesClient(_user(order), **_client(order, "zenvoices")) as zenvoices,
    ):
        connection = AsyncConnection(banqup, zenvoices, **_options(order, steps))
        try:
            if order["verb"] == "activate":
                told = (await connection.activate()).to_dict()
            else:
                told = (await connection.export_new(**order["options"])).to_dict()
        except ServiceError as error:
            return _refusal(error, steps)
    return {"ok": True, "told": told, "steps": steps.count}


def _refusal(error: ServiceError, steps: Steps) -> dict[str, Any]:
    return {"ok": False, "told": f"{type(error).__name__}: {error}", "steps": steps.count}


def _app(order: dict[str, Any]) -> ClientCredentials:
    return ClientCredentials("demo-app", order["secrets"][0])


def _user(order: dict[str, Any]) -> UserLogin:
    return UserLogin("api-user", order["secrets"][1], organisation_code="acme")


def _client(order: dict[str, Any], service: str) -> dict[str, Any]:
    return {"base_url": order[service], "timeout": TIMEOUT, "deadline": order["deadline"]}


def _options(order: dict[str, Any], steps: Steps) -> dict[str, Any]:
    clock = SharedClock(Path(order["clock"]))
    return {
        "space_id": order["space"],
        "company_code": "0042",
        "checkpoints": SteppedStore(open_store(order["store"], clock), steps),
        "in_flight": order["in_flight"],
        "on_uncertain": order["on_uncertain"],
        "clock": clock,
        "lease_ttl": order["lease_ttl"],
    }


def run(order: dict[str, Any]) -> None:
    """Obey an order in this process, its output going to a file, and leave the answer in one."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    answer = Path(order["answer"])
    answer.unlink(missing_ok=True)
    steps = Steps(order["kill_at"])
    step_requests(steps)
    skip_pauses()
    answer.write_text(json.dumps(obey(order, steps)))


@cache
def warm_up(kind: str) -> None:
    """Export a document in this process, so that no child imports or builds anything again.

    Without this each child spends ten times as long on imports as on its export.
    """
    shared_ssl_context()
    with tempfile.TemporaryDirectory() as directory, World(Path(directory)) as world:
        for verb in ("activate", "export"):
            obey({**Exporters.order(world, verb), "kind": kind}, Steps(None))
            world.publish()
    gc.collect()
    gc.freeze()


def serve() -> None:
    """Fork for each order on stdin; answer with the child's number, then with how it ended."""
    for line in sys.stdin:
        order = json.loads(line)
        warm_up(order["kind"])
        if not order["store"].startswith(("file:", "text:")):
            import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - costs most of all
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(order)
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(code)
        print(json.dumps({"child": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        run(json.loads(Path(sys.argv[2]).read_text()))
