"""What an error leads to: by its causes and contexts, and by the local variables of its frames."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import httpx

from support.canary import OBJECTS, chain

KINDS = (*OBJECTS, httpx.BaseTransport, httpx.AsyncBaseTransport, httpx.InvalidURL)


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of an error and of what it came from, without that of the test itself."""
    for one in chain(error):
        step = one.__traceback__
        if one is error and step is not None:
            step = step.tb_next
        for frame, _ in traceback.walk_tb(step):
            yield frame


def leads_to(error: BaseException) -> list[str]:
    """Name every object of httpx that an error leads to."""
    found = [repr(one) for one in chain(error) if type(one).__module__.startswith("http")]
    for frame in frames_of(error):
        for name, value in frame.f_locals.items():
            found += [f"{frame.f_code.co_name}: {name}" for _ in _inside(value, 3)]
    return found


def _inside(value: Any, depth: int) -> Iterator[object]:
    if isinstance(value, KINDS):
        yield value
    elif depth and isinstance(value, dict):
        yield from _inside([*value.keys(), *value.values()], depth)
    elif depth and isinstance(value, (list, tuple, set)):
        for member in value:
            yield from _inside(member, depth - 1)
    elif depth and callable(value):
        for cell in getattr(value, "__closure__", None) or ():
            yield from _inside(cell.cell_contents, depth - 1)


def shown(error: BaseException) -> str:
    """Return all that an error tracker records: texts, attributes, notes, and local variables.

    Those of the test itself are left out.
    """
    out = io.StringIO()
    for one in chain(error):
        step = one.__traceback__
        if one is error and step is not None:
            step = step.tb_next
        report = traceback.TracebackException(type(one), one, step, capture_locals=True)
        # The plugin wraps what it watches, and so holds its arguments.
        report.stack[:] = [frame for frame in report.stack if "canary.py" not in frame.filename]
        report.print(file=out)
        out.write(f"{one!r} {one} {vars(one)} {getattr(one, '__notes__', '')}")
    return out.getvalue()
