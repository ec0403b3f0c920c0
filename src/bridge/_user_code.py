"""Where in a user's own code an exception was raised."""

from __future__ import annotations

import sys
import traceback

__all__ = ["place_of"]

_NOT_THE_USERS = sys.stdlib_module_names | {
    "_client_kit",
    "_contract_check",
    "banqup_client",
    "bridge",
    "zenvoices_client",
}


def place_of(error: BaseException) -> str:
    """Return module, function and line of the innermost frame that is the user's own.

    Frames of this library and of Python's are passed over: a mapper's mistake may be raised in
    `decimal`. If all frames are theirs, the innermost one counts.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in frames]
    of_user = [n for n, name in enumerate(modules) if name.split(".")[0] not in _NOT_THE_USERS]
    if not frames:
        return ""
    at = of_user[-1] if of_user else -1
    frame, line = frames[at]
    return f"{modules[at]}.{frame.f_code.co_name}, line {line}"
