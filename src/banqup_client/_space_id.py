"""Check the id of a space."""

from __future__ import annotations

import re

from _client_kit._address import check_id
from _client_kit._errors import ConfigurationError
from _client_kit._text import Text

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def check_space_id(given: object, name: str, *, service: str) -> str:
    """Return the id of a space as text.

    If the text looks like a name or a URL, the error's hint says where to find the ids.

    Raises:
        ConfigurationError: The id is not usable.
    """
    try:
        return check_id(given, name, service=service)
    except ConfigurationError as error:
        text = str(given)
        nearly = _UUID.search(text) and "/" not in text  # an id with a character too many
        if not nearly and isinstance(given, str):
            error.hint = Text(
                "hint_space_id",
                "Give the id of the space, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, and not "
                "its name or its address: banqup-zenvoices pairs lists the ids (in Python: "
                "spaces.list()).",
            )
        raise
