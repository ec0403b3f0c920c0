"""A fake Zenvoices for many or large uploads."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from zenvoices_client.testing import Attachment, FakeZenvoices


class ForgetfulZenvoices(FakeZenvoices):
    """A fake that forgets what it received: the content would fill the memory."""

    def _attachments(self, sent: list[Any]) -> tuple[Attachment, ...]:
        return tuple(evolve(part, content=b"") for part in super()._attachments(sent))
