"""The login of a Zenvoices user."""

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
    check_credential(value, "password", service="zenvoices")
    return Secret(value)


@hide_arguments
@frozen(eq=False)
class UserLogin:
    """User name, password and organisation code of a Zenvoices user.

    Use a dedicated API user; Zenvoices' documentation says that such a user is not billed. All
    clients that use one object with the same base URL share its token. After Zenvoices has refused
    the login, none of these clients logs in with this object again, because five wrong passwords
    lock the user: their calls raise the same error. To log in again, make a new object.

    Args:
        user: User name or e-mail address of the user.
        password: Password of the user; masked wherever the object is shown.
        organisation_code: The organisation code, which the API calls ``tenancyName``.

    Raises:
        ConfigurationError: An argument is empty, has blanks or quotes around it, or holds an
            invisible character, such as the line break at the end of a file.
    """

    user: str
    password: Secret = field(converter=_secret)
    organisation_code: str = field(kw_only=True)
    _states: dict[str, TokenCache] = field(factory=dict[str, TokenCache], init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_credential(self.user, "user", service="zenvoices")
        check_credential(self.organisation_code, "organisation_code", service="zenvoices")

    @classmethod
    @hide_arguments
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the login from environment variables: those of this process by default.

        The variables are ``ZENVOICES_USER``, ``ZENVOICES_PASSWORD`` and
        ``ZENVOICES_ORGANISATION_CODE``.

        Raises:
            ConfigurationError: A variable is not set, or its value cannot be used.
        """
        # With os.environ as the default, help() would show it with every secret.
        environ = os.environ if environ is None else environ
        names = ("ZENVOICES_USER", "ZENVOICES_PASSWORD", "ZENVOICES_ORGANISATION_CODE")
        user, password, code = read_environment(environ, *names, service="zenvoices")
        return cls(user, Secret(password), organisation_code=code)

    def __reduce__(self) -> Never:
        refuse_pickling(self)
