"""The exporter of the kill harness: a process that can be killed anywhere, and started cheaply.

Started with ``serve`` it has everything imported, and forks for each order it reads, so that a
start costs milliseconds. Started with ``once PATH`` it obeys one order in a fresh process, for
tools that start what they watch. An order is JSON; see :func:`obey`.

Nothing here runs in the tests' own process: there, `harness.children` gives the orders.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from _client_kit import _runtime_sync as world
from _client_kit._models import decode
from _client_kit._tls import shared_ssl_context
from banqup_client import BanqupClient, ClientCredentials, Document, FileDetails, Space
from bridge import CheckpointStore, Connection, ServiceError
from harness.clock import SharedClock
from harness.wrong_designs import DESIGNS
from support.stores import open_store
from zenvoices_client import Company, InboxDocument, UserLogin, ZenvoicesClient

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

    class Body(httpx.SyncByteStream):
        def __init__(self, stream: httpx.SyncByteStream) -> None:
            self._stream = stream

        def __iter__(self) -> Any:
            for piece in self._stream:
                yield piece
                steps()

        def close(self) -> None:
            self._stream.close()

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and isinstance(request.stream, httpx.SyncByteStream):
            request.stream = Body(request.stream)
        steps()
        response = real(transport, request)
        steps()
        return response

    httpx.HTTPTransport.handle_request = handle  # type: ignore[assignment,method-assign]


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """Do one thing and say how it went.

    Args:
        order: ``verb`` ("activate" or "export"), addresses, credentials, ``checkpoint``, ``store``,
            ``clock``, ``in_flight``, ``kill_at`` (a step, or null), ``design``, and ``options`` of
            the verb.
    """
    steps = Steps(order["kill_at"])
    step_requests(steps)
    # Pauses between tries are shown elsewhere; here they would only cost time.
    world.sleep = lambda seconds: None
    clock = SharedClock(Path(order["clock"]))
    banqup = BanqupClient(
        ClientCredentials("demo-app", order["secrets"][0]),
        base_url=order["banqup"],
        timeout=TIMEOUT,
        deadline=order["deadline"],
    )
    zenvoices = ZenvoicesClient(
        UserLogin("api-user", order["secrets"][1], organisation_code="acme"),
        base_url=order["zenvoices"],
        timeout=TIMEOUT,
        deadline=order["deadline"],
    )
    if order["design"] != "connection":
        design = DESIGNS[order["design"]]
        exporter = design(banqup, zenvoices, order["space"], Path(order["checkpoint"]), steps)
        return {"ok": True, "told": getattr(exporter, order["verb"])(), "steps": steps.count}
    store = open_store(order["store"], clock)
    connection = Connection(
        banqup,
        zenvoices,
        space_id=order["space"],
        company_code="0042",
        checkpoints=SteppedStore(store, steps),
        in_flight=order["in_flight"],
        on_uncertain=order["on_uncertain"],
        clock=clock,
        lease_ttl=order["lease_ttl"],
    )
    try:
        if order["verb"] == "activate":
            told = connection.activate().to_dict()
        else:
            told = connection.export_new(**order["options"]).to_dict()
    except ServiceError as error:
        return {"ok": False, "told": f"{type(error).__name__}: {error}", "steps": steps.count}
    return {"ok": True, "told": told, "steps": steps.count}


def run(order: dict[str, Any]) -> None:
    """Obey an order in this process, its output going to a file, and leave the answer in one."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    answer = Path(order["answer"])
    answer.unlink(missing_ok=True)
    there = set(sys.modules)
    told = obey(order)
    answer.write_text(json.dumps({**told, "imported": sorted(set(sys.modules) - there)}))


def learn(answer: Path) -> None:
    """Import what a child had to, so that the next ones need not: it takes half of an export."""
    for name in json.loads(answer.read_text())["imported"]:
        importlib.import_module(name)
    gc.freeze()


def serve() -> None:
    """Fork for each order on stdin; answer with the child's number, then with how it ended."""
    # What every process would make anew costs more than an export of a few documents.
    shared_ssl_context()
    for model in (Document, FileDetails, Space, Company, InboxDocument):
        decode(model, {})
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
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
        if status == 0:
            learn(Path(order["answer"]))
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        run(json.loads(Path(sys.argv[2]).read_text()))
