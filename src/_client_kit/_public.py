"""The public names that both clients export beside the errors."""

from _client_kit._files import Base64
from _client_kit._operations import Answer, Asked, Call
from _client_kit._redaction import RedactSecrets
from _client_kit._response import Page
from _client_kit._retry import RetryPolicy
from _client_kit._secret import Secret
from _client_kit._sync._paging import Listing

__all__ = [
    "Answer",
    "Asked",
    "Base64",
    "Call",
    "Listing",
    "Page",
    "RedactSecrets",
    "RetryPolicy",
    "Secret",
]
