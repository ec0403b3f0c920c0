"""The credentials of a registered app."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Never, Self

from attrs import field, frozen

from _client_kit._arguments import check_credential, read_environment
from _client_kit._redaction import hide_arguments
from _client_kit._secret import Secret, refuse_pickling
from _client_kit._tokens import TokenCache


def _secret(value: str | Secret) -> Secret:
    check_credential(value, "client_secret", service="banqup")
    return Secret(value)


@hide_arguments
@frozen(eq=False)
class ClientCredentials:
    """Client id and secret of an app registered in Banqup's developer portal.

    All clients that use one object with the same base URL share its token. After Banqup has refused
    the login, none of these clients logs in with this object again: their calls raise the same
    error. To log in again, make a new object.

    Args:
        client_id: The app's client id.
        client_secret: The app's client secret; masked wherever the object is shown.
        scope: Scopes to request, separated by spaces; none by default. A public client of a third
            party sends scopes.

    Raises:
        ConfigurationError: An argument is empty, has blanks or quotes around it, or holds an
            invisible character, such as the line break at the end of a file.
    """

    client_id: str
    client_secret: Secret = field(converter=_secret)
    scope: str | None = None
    _states: dict[str, TokenCache] = field(factory=dict[str, TokenCache], init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_credential(self.client_id, "client_id", service="banqup")
        if self.scope is not None:
            check_credential(self.scope, "scope", service="banqup")

    @classmethod
    @hide_arguments
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the credentials from environment variables: those of this process by default.

        The variables are ``BANQUP_CLIENT_ID``, ``BANQUP_CLIENT_SECRET`` and, if set,
        ``BANQUP_SCOPE``.

        Raises:
            ConfigurationError: ``BANQUP_CLIENT_ID`` or ``BANQUP_CLIENT_SECRET`` is not set, or a
                value cannot be used.
        """
        # With os.environ as the default, help() would show it with every secret.
        environ = os.environ if environ is None else environ
        names = ("BANQUP_CLIENT_ID", "BANQUP_CLIENT_SECRET")
        client_id, secret = read_environment(environ, *names, service="banqup")
        return cls(client_id, Secret(secret), environ.get("BANQUP_SCOPE") or None)

    def __reduce__(self) -> Never:
        refuse_pickling(self)
