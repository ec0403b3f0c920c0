"""The users, companies and inbox documents of the fake Zenvoices."""

from __future__ import annotations

from typing import Any, Literal

from attrs import define, field, frozen

from _client_kit.fakes.wire import iso

Lookup = Literal["works", "lags", "missing", "ignores_external_id"]

RIGHTS = {
    "inbox": "API > Inbox access",
    "companies": "API > Companies > List access",
}


@frozen
class Attachment:
    """One file of an inbox document."""

    file_name: str
    content_type: str
    size: int
    sha256: str
    content: bytes | None = field(default=None, repr=False)
    """The bytes, if the fake keeps them."""


@frozen
class InboxItem:
    """An inbox document as the fake stored it."""

    id: int
    external_id: str | None
    company_id: int
    company_code: str
    subject: str | None
    sender_name: str | None
    destination: str | None
    attachments: tuple[Attachment, ...]
    received_time: float
    import_status: int = 0
    authorization_status: int = 0

    @property
    def json(self) -> dict[str, Any]:
        """The document as JSON of the API."""
        return {
            "id": self.id,
            "externalId": self.external_id,
            "administrationId": self.company_id,
            "destination": self.destination,
            "importStatus": self.import_status,
            "authorizationStatus": self.authorization_status,
            "receivedTime": iso(self.received_time),
            "senderName": self.sender_name,
            "subject": self.subject,
        }


@define(eq=False)
class FakeUser:
    """A user of the organisation; a test can change it at any time."""

    name: str
    password: str = field(repr=False)
    rights: set[str] = field(factory=lambda: set(RIGHTS))
    """Rights the user has: ``"inbox"`` and ``"companies"``."""
    two_factor: bool = False
    sso: bool = False
    must_change_password: bool = False
    inactive: bool = False
    wrong_passwords: int = 0
    locked_until: float = 0.0


@define(eq=False)
class Company:
    """A company, with a flag for whether users can see it."""

    id: int
    code: str
    name: str
    visible: bool

    @property
    def json(self) -> dict[str, Any]:
        """The company as JSON of the API."""
        return {"id": self.id, "code": self.code, "name": self.name}
