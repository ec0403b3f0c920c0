"""Raise our errors for the exceptions of httpx."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from _client_kit import _runtime_async as runtime
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._errors import ServiceError
from _client_kit._redaction import OwnCall, without_traceback
from _client_kit._request import BROKEN, TargetError, transport_failure
from _client_kit._signals import signal_error

_T = TypeVar("_T")


async def translated(
    exchange: Callable[[], Awaitable[_T]],
    operation: Operation,
    limit: Deadline,
    *,
    service: str,
    origin: str,
    proxied: bool,
) -> _T:
    """Call ``exchange``, which sends one request with httpx, and return its result.

    Args:
        exchange: The function to call. In a task it is cancelled at the deadline; in a thread
            nothing interrupts it.
        operation: The operation that the request belongs to.
        limit: The deadline of the request.
        service: Name of the service, to put into the error.
        origin: Scheme, host and port that the request is sent to.
        proxied: Whether the request may use a proxy of the environment.

    Raises:
        ServiceError: The request failed. The error has no cause, context or traceback of httpx,
            because those hold the request and its secrets.
        OSError: Writing the answer to a file failed.
    """
    problem: BaseException
    handled = sys.exception()
    try:
        with OwnCall():
            async with runtime.time_limit(limit):
                return await exchange()
    except ServiceError as error:  # raised by the body of the request, for example
        problem = error
    except TargetError as error:
        problem = error.cause
    except BROKEN as error:
        problem = signal_error(error, handled) or transport_failure(
            error,
            operation,
            service=service,
            origin=origin,
            in_time=limit.remaining() > 0,
            proxied=proxied,
        )
    except BaseException as error:  # noqa: BLE001 - raised again below
        problem = error
    raise without_traceback(problem)
