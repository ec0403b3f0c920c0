"""A fake Banqup for tests: in memory, or served on loopback sockets.

`FakeBanqup` behaves as the contract of `banqup_client` describes the service, and refuses what the
service is known to refuse. Facts that the contract marks as assumed are assumed here too::

    fake = FakeBanqup()
    space = fake.add_space(name="Brouwerij De Molenbeek BV")
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", b"<Invoice/>")])
    client = httpx.Client(base_url="https://api.uat.btx.eu.banqup.com", transport=fake.transport())
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from _client_kit.fakes.fake import Fake
from _client_kit.fakes.faults import Fault
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.transport import FakeTransport
from _client_kit.fakes.wire import FakeRequest, iso
from banqup_client._fake.service import BanqupService
from banqup_client._fake.state import (
    FakeFile,
    FileStatus,
    Moment,
    Order,
    StoredSpace,
    TokenStyle,
    epoch,
)

__all__ = [
    "FakeBanqup",
    "FakeFile",
    "FakeRequest",
    "FakeTransport",
    "Fault",
    "FileStatus",
    "Loopback",
    "Moment",
    "Order",
    "TokenStyle",
]


class FakeBanqup(Fake, BanqupService):
    """A fake of Banqup's API and file storage, whose state a test can change at any time.

    Attributes:
        token_life: Lifetime in seconds of tokens issued from now on.
        token_uses: Number of requests for which a new token is valid; None for no limit.
        token_style: How a token's answer gives the lifetime: ``"expires_at"``, ``"expires_in"``,
            ``"jwt"`` (only in the JWT), ``"bare"`` (the whole answer is a JWT) or ``"opaque"``
            (not at all).
        whitelisted: If false, no space has this app among its external applications. If true, each
            space decides: see `add_space`.
        order: Order of the documents in lists; the service promises no order.
        ignore: Query names that the list of documents ignores.
        total: The ``total`` in lists of documents; None for the true number.
        scan_seconds: Seconds that the virus scan of an uploaded file takes.
        url_life: Seconds for which a signed URL is valid.
    """

    # Methods for tests

    def add_space(
        self,
        name: str = "Brouwerij De Molenbeek BV",
        *,
        id: str | None = None,  # noqa: A002 - the service's own word
        type: str = "BUSINESS",  # noqa: A002 - the service's own word
        whitelisted: bool = True,
    ) -> str:
        """Add a space and return its id."""
        space = StoredSpace(id or str(uuid.uuid4()), name, type, whitelisted)
        with self._lock:
            self._spaces[space.id] = space
        return space.id

    def set_whitelisted(self, space: str, whitelisted: bool) -> None:
        """Add this app to a space's external applications, or remove it."""
        with self._lock:
            self._spaces[space].whitelisted = whitelisted

    def publish(
        self,
        space: str,
        *,
        folder: str | None = "PURCHASES",
        category: str = "INVOICE",
        status: str = "FULLY_APPROVED",
        files: Sequence[FakeFile] = (),
        supplier: Mapping[str, Any] | None = None,
        customer: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        created_at: Moment | None = None,
        updated_at: Moment | None = None,
        id: str | None = None,  # noqa: A002 - the service's own word
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Put a document into a space and return its id.

        Args:
            space: Id of the space.
            folder: Folder of the document, for the filter of lists. A document with None is in
                every list, with ``null`` as its folder.
            category: Category of the document.
            status: ``status.document`` of the document.
            files: Files of the document.
            supplier: ``metadata.supplier``.
            customer: ``metadata.customer``.
            metadata: Further metadata.
            created_at: Time of creation; the time of the fake's clock by default.
            updated_at: Time of the last change; `created_at` by default.
            id: Id of the document; a new UUID by default.
            extra: Members that replace those of the answer, for a service that differs from the
                contract. The value ``...`` removes a member.
        """
        now = self.clock()
        created = now if created_at is None else created_at
        updated = created if updated_at is None else updated_at
        with self._lock:
            names = [self._add_file(space, file).id for file in files]
            body: dict[str, Any] = {
                "id": id or str(uuid.uuid4()),
                "source": "documentcreator",
                "spaceId": space,
                "folder": folder,
                "category": category,
                "connections": [],
                "status": {"pay": "UNPAID", "delivery": "RECEIVED", "document": status},
                "metadata": {
                    **(metadata or {}),
                    "customer": dict(customer or {}),
                    "supplier": dict(supplier or {}),
                },
                "createdAt": created if isinstance(created, str) else iso(created),
                "updatedAt": updated if isinstance(updated, str) else iso(updated),
                **(extra or {}),
            }
            body = {name: value for name, value in body.items() if value is not ...}
            return self._keep(space, body, folder, names, epoch(created, now), epoch(updated, now))

    def set_status(self, document: str, status: str, *, touch: bool = True) -> None:
        """Change ``status.document``; if `touch` is true, set ``updatedAt`` to the fake's time."""
        with self._lock:
            found = self._documents[document]
            found.body["status"] = {**found.body["status"], "document": status}
            if touch:
                self._touch(found)

    def set_file_status(self, document: str, index: int, status: FileStatus) -> None:
        """Change the status of one of a document's files."""
        with self._lock:
            file = self._files[self._documents[document].files[index]]
            file.status, file.ready_at = status, 0.0

    def replace_file(
        self, document: str, index: int, file: FakeFile, *, touch: bool = True
    ) -> None:
        """Replace one of a document's files; a new file without an id keeps the old id."""
        with self._lock:
            found = self._documents[document]
            old = found.files[index]
            found.files[index] = self._add_file(found.space, evolve(file, id=file.id or old)).id
            if touch:
                self._touch(found)

    def remove(self, document: str) -> None:
        """Delete a document and its files."""
        with self._lock:
            found = self._documents.pop(document)
            del self._spaces[found.space].documents[document]
            for name in found.files:
                self._files.pop(name, None)
            self._spaces[found.space].listings.clear()

    def documents(self, space: str) -> list[dict[str, Any]]:
        """Return a space's documents as JSON of the API, in the order in which they were added."""
        with self._lock:
            found = self._spaces[space].documents.values()
            return [json.loads(json.dumps(self._row(document))) for document in found]

    @property
    def listeners(self) -> list[dict[str, Any]]:
        """The message listeners that were registered, as JSON objects."""
        with self._lock:
            return list(self._listeners)

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        storage_port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Loopback:
        """Serve the API and the storage on two loopback ports until the result is closed.

        Args:
            host: Address or name to listen on; also the host in URLs of answers.
            port: Port of the API; 0 for any free port.
            storage_port: Port of the storage; 0 for any free port.
            ssl_context: TLS context for https; None serves http.
        """
        return Loopback(
            self, host=host, port=port, storage_port=storage_port, ssl_context=ssl_context
        )
