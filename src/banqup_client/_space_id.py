"""Check the id of a space."""

from __future__ import annotations

from _client_kit._address import check_id
from _client_kit._errors import ConfigurationError
from _client_kit._text import Text


def check_space_id(given: object, name: str, *, service: str) -> str:
    """Return the id of a space as text.

    For a text, the error's hint says where to find the ids.

    Raises:
        ConfigurationError: The id is not usable.
    """
    try:
        return check_id(given, name, service=service)
    except ConfigurationError as error:
        if isinstance(given, str):
            error.hint = Text(
                "hint_space_id",
                "Give the id of the space, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, and not "
                "its name or its address: banqup-zenvoices pairs lists the ids (in Python: "
                "spaces.list()).",
            )
        raise
