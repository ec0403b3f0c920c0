"""The proxies that the environment names; their addresses may hold a password."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import httpx

from _client_kit._errors import ConfigurationError

__all__ = ["opened"]

_T = TypeVar("_T")
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def opened(make: Callable[[], _T], *, service: str) -> _T:
    """What ``make`` makes of httpx, which reads the environment's proxies.

    Raises:
        ConfigurationError: It cannot use them. The message names the variables, not their values.
    """
    missing = False
    try:
        return make()
    except ImportError:  # SOCKS, without the package for it
        missing = True
    except (ValueError, TypeError, httpx.InvalidURL):
        pass
    # Raised here, where the frames that held the address are gone.
    names = [name for name in sorted(os.environ) if name.lower() in _VARIABLES]
    wrong = [name for name in names if not _is_usable(name)] or names
    where = f"the environment ({', '.join(wrong)})" if wrong else "the system's settings"
    problem = "needs the package socksio" if missing else "is no address of a proxy"
    message = f"the proxy named by {where} {problem}"
    hint = "Write it as http://host:port, or http://user:password@host:port with both quoted."
    raise ConfigurationError(message, service=service, hint=hint)


def _is_usable(name: str) -> bool:
    value = os.environ[name]
    try:
        if value and name.lower() != "no_proxy":
            httpx.Proxy(value if "://" in value else f"http://{value}")
    except (ValueError, httpx.InvalidURL):
        return False
    return True
