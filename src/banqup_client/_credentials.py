"""The credentials of a registered app."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Never, Self

from attrs import field, frozen

from _client_kit._credentials import TokenStates
from _client_kit._errors import ConfigurationError
from _client_kit._secret import Secret, refuse_pickling, refuse_type

__all__ = ["ClientCredentials", "refuse_credentials"]


@frozen(eq=False)
class ClientCredentials:
    """Client id and secret of an app registered in Banqup's developer portal.

    One object shares its token over every client that uses it. Once Banqup has refused it, the
    refusal is final for this object: make a new one to try again.

    Args:
        client_id: The app's client id.
        client_secret: Its secret; masked wherever the object is shown.
        scope: Scopes to ask for, separated by spaces (observed).

    Raises:
        ConfigurationError: One of them is empty, or holds a control character such as the line
            break at the end of a file.
    """

    client_id: str
    client_secret: Secret = field(converter=Secret)
    scope: str | None = None
    _states: TokenStates = field(factory=TokenStates, init=False, repr=False)

    def __init__(
        self, client_id: str, client_secret: str | Secret, scope: str | None = None
    ) -> None:
        # From here on no frame has the bare text, which a traceback with local variables shows.
        kind: type[object] = type(client_secret)
        if not issubclass(kind, (str, Secret)):  # pyright: ignore[reportUnnecessaryIsInstance]
            del self, client_secret
            refuse_type(kind)
        client_secret = Secret(client_secret)
        self.__attrs_init__(client_id, client_secret, scope)  # type: ignore[attr-defined]

    def __attrs_post_init__(self) -> None:
        for name, fine in (
            ("client_id", _is_text(self.client_id)),
            ("client_secret", _is_text(self.client_secret.reveal())),
            ("scope", self.scope is None or _is_text(self.scope)),
        ):
            if not fine:
                message = f"{name} must be a text that is not empty, without line breaks"
                raise ConfigurationError(message, service="banqup")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """From ``BANQUP_CLIENT_ID``, ``BANQUP_CLIENT_SECRET`` and, if set, ``BANQUP_SCOPE``.

        Raises:
            ConfigurationError: One of the first two is not set.
        """
        names = ("BANQUP_CLIENT_ID", "BANQUP_CLIENT_SECRET")
        missing = [name for name in names if not environ.get(name)]
        if missing:
            del environ  # tools that print the locals of a traceback would print the secret
            message = f"environment variables not set: {', '.join(missing)}"
            raise ConfigurationError(message, service="banqup")
        client_id, scope = environ[names[0]], environ.get("BANQUP_SCOPE") or None
        client_secret = Secret(environ[names[1]])
        del environ
        return cls(client_id, client_secret, scope)

    def __reduce__(self) -> Never:
        refuse_pickling(self)


def _is_text(value: object) -> bool:
    # Told, not raised, from here: a traceback can show the local variables of what raises.
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def refuse_credentials(kind: type[object]) -> Never:
    """Raise the error for what is no app's credentials, without it: it may be a secret."""
    message = f"credentials must be ClientCredentials, not {kind.__name__}"
    raise ConfigurationError(message, service="banqup")
