"""The fake Banqup and its storage: its state, methods for tests, routes and handlers."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, quote
from zlib import crc32

from attrs import define, evolve, field, frozen

from _client_kit.fakes.fake import Fake
from _client_kit.fakes.service import Call, Route, require
from _client_kit.fakes.wire import Reply, RequestRefusedError, iso, json_reply, xml_error

_BASE = "/datastore/documents/transaction"
_EICAR = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
_FILE_OPTIONAL = {"description", "retentionTime", "fileType", "metadata"}
_DOCUMENT_OPTIONAL = {"source", "connections", "status", "metadata"}

Moment = datetime | float | str
"""A time: an aware datetime, seconds since the epoch, or the exact text for the answer."""
FileStatus = Literal["AVAILABLE", "AWAITING_UPLOAD", "REJECTED"]


@frozen
class FakeFile:
    """One file of a published document."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    status: FileStatus = "AVAILABLE"
    size: int | None = None
    """The ``fileSize`` in answers, if it must differ from the real size."""
    id: str | None = None


@define(eq=False)
class StoredFile:
    """A file: its details as JSON of the API, and its content if it was uploaded."""

    space: str
    details: dict[str, Any]
    content: bytes | None

    def row(self) -> dict[str, Any]:
        """Return the file's entry in a document's JSON."""
        names = ("id", "filename", "contentType", "fileSize")
        return {name: self.details[name] for name in names}


@define(eq=False)
class StoredDocument:
    """A document: its JSON, its files, and the fields that listings use."""

    id: str
    space: str
    folder: str | None
    files: list[StoredFile]
    body: dict[str, Any]
    created: float
    updated: float


@define(eq=False)
class StoredSpace:
    """A space with its documents."""

    id: str
    name: str
    whitelisted: bool
    documents: dict[str, StoredDocument] = field(factory=dict[str, StoredDocument])


@define(eq=False, repr=False, slots=False, kw_only=True)
class FakeBanqup(Fake):
    """A fake of Banqup's API and file storage, whose state a test can change at any time.

    Attributes:
        whitelisted: If false, no space has this app among its external applications. If true, each
            space decides: see `add_space`.
        url_life: Seconds for which a signed URL is valid.
    """

    hosts: frozenset[str] = frozenset(
        {
            "api.uat.btx.eu.banqup.com",
            "api.uat.btx.fr.banqup.com",
            "api.cve.btx.eu.banqup.com",
            "api.btx.eu.banqup.com",
            "api.btx.fr.banqup.com",
        }
    )
    storage_host: ClassVar[str] = "storage.googleapis.com"

    client_id: str = "demo-app"
    client_secret: str = "demo-secret"  # noqa: S105 - only this fake accepts it
    whitelisted: bool = True
    url_life: float = 3600.0

    def __attrs_post_init__(self) -> None:
        """Start without spaces and documents."""
        super().__attrs_post_init__()
        self._spaces: dict[str, StoredSpace] = {}
        self._documents: dict[str, StoredDocument] = {}
        self._files: dict[str, StoredFile] = {}
        self._extension_point = str(uuid.uuid4())
        self._url_ends: dict[tuple[str, str, str], float] = {}

    # Methods for tests

    def add_space(
        self,
        name: str = "Brouwerij De Molenbeek BV",
        *,
        id: str | None = None,  # noqa: A002 - the service's own word
        whitelisted: bool = True,
    ) -> str:
        """Add a space and return its id."""
        space = StoredSpace(id or str(uuid.uuid4()), name, whitelisted)
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
            stored = [self._add_file(space, file) for file in files]
            body: dict[str, Any] = {
                "id": id or str(uuid.uuid4()),
                "source": "documentcreator",
                "spaceId": space,
                "folder": folder,
                "category": category,
                "connections": [],
                "status": {"pay": "UNPAID", "delivery": "RECEIVED", "document": status},
                "metadata": {"customer": dict(customer or {}), "supplier": dict(supplier or {})},
                "createdAt": created if isinstance(created, str) else iso(created),
                "updatedAt": updated if isinstance(updated, str) else iso(updated),
                **(extra or {}),
            }
            body = {name: value for name, value in body.items() if value is not ...}
            return self._keep(space, body, folder, stored, created, updated).id

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
            self._documents[document].files[index].details["status"] = status

    def replace_file(
        self, document: str, index: int, file: FakeFile, *, touch: bool = True
    ) -> None:
        """Replace one of a document's files; a new file without an id keeps the old id."""
        with self._lock:
            found = self._documents[document]
            old = found.files[index].details["id"]
            found.files[index] = self._add_file(found.space, evolve(file, id=file.id or old))
            if touch:
                self._touch(found)

    def remove(self, document: str) -> None:
        """Delete a document and its files."""
        with self._lock:
            found = self._documents.pop(document)
            del self._spaces[found.space].documents[document]
            for file in found.files:
                self._files.pop(file.details["id"], None)

    def documents(self, space: str) -> list[dict[str, Any]]:
        """Return a space's documents as JSON of the API, in the order in which they were added."""
        with self._lock:
            found = self._spaces[space].documents.values()
            return [json.loads(json.dumps(self._row(document))) for document in found]

    # Routes and handlers

    def _routes(self) -> Sequence[Route]:
        files = f"{_BASE}/v1/spaces/{{space}}/files"
        documents = f"{_BASE}/v2/spaces/{{space}}/documents"
        points = "/core/plugin/api/v1/extensionPoints"
        token = "/oauth2/client_credential/gettoken"  # noqa: S105 - a path
        listing = frozenset({"folder", "updatedSince", "page", "size"})
        naming = frozenset({"namespace", "name", "version"})
        stored = "/{bucket}/{space}/{file}"
        return (
            Route("token.get", "POST", token, self._token, public=True),
            Route("spaces.list", "GET", "/entitystore/v1/spaces", self._list_spaces),
            Route("users.me", "GET", "/solution/business/v1/users/me", self._me),
            Route("files.create", "POST", files, self._create_file),
            Route("files.details", "GET", f"{files}/{{file}}", self._file_details),
            Route("documents.create", "POST", documents, self._create_document),
            Route("documents.list", "GET", documents, self._list_documents, listing),
            Route("documents.get", "GET", f"{documents}/{{document}}", self._get_document),
            Route("messages.find", "GET", points, self._find_points, naming),
            Route("files.upload", "PUT", stored, self._store, public=True, origin="storage"),
            Route("files.download", "GET", stored, self._fetch, public=True, origin="storage"),
        )

    def _error(self, status: int, detail: str) -> Reply:
        """Return JSON similar to the problem details of RFC 9457."""
        known, now = HTTPStatus(status), self.clock()
        body = {
            "status": status,
            "error": known.name,
            "requestId": uuid.uuid4().hex,
            # The service uses two formats for this timestamp.
            "timestamp": formatdate(now, usegmt=True) if status == 400 else iso(now),
            "type": "about:blank",
            "title": "Invalid Request Format" if status == 400 else known.phrase,
            "detail": detail,
        }
        return json_reply(body, status)

    # Tokens

    def _token(self, call: Call) -> Reply:
        if call.media_type != "application/x-www-form-urlencoded":
            return _refusal("invalid_request", "The credentials go in a form body.", 415)
        try:
            form = dict(parse_qsl(bytes(call.body).decode(), strict_parsing=True))
        except ValueError:
            return _refusal("invalid_request", "The form cannot be read.", 400)
        if form.get("grant_type") != "client_credentials":
            return _refusal("unsupported_grant_type", "Only client_credentials is allowed.", 400)
        if not {"client_id", "client_secret"} <= form.keys():
            return _refusal("invalid_request", "client_id and client_secret are required.", 400)
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            return _refusal("invalid_client", "Client authentication failed.", 401)
        return json_reply(
            {
                "access_token": self._issue(),
                "token_type": "Bearer",
                "expires_at": iso(self.clock() + self.token_life),
            }
        )

    # The API

    def _space(self, call: Call) -> StoredSpace:
        space = self._spaces.get(call.args[0])
        if space is None or not space.whitelisted or not self.whitelisted:
            raise self._refused(404, "The space was not found.")
        return space

    def _list_spaces(self, _call: Call) -> Reply:
        seen = [space for space in self._spaces.values() if space.whitelisted and self.whitelisted]
        rows = [{"id": space.id, "name": space.name, "type": "BUSINESS"} for space in seen]
        return json_reply({"spaces": rows})

    def _me(self, _call: Call) -> Reply:
        return json_reply({"id": str(uuid.uuid5(uuid.NAMESPACE_OID, self.client_id)),
                           "type": "application", "name": self.client_id})  # fmt: skip

    def _create_file(self, call: Call) -> Reply:
        space, sent = self._space(call), self._json(call)
        wrong = require(sent, _FILE_OPTIONAL, filename=str, fileSize=int, contentType=str)
        if wrong:
            return self._error(400, f"Missing, unknown or wrong: {', '.join(wrong)}.")
        sent.pop("metadata", None)
        new = {"id": str(uuid.uuid4()), "status": "AWAITING_UPLOAD"}
        file = self._keep_file(space.id, None, {**sent, **new})
        return json_reply(self._details(file, call), 201)

    def _file_details(self, call: Call) -> Reply:
        space = self._space(call)
        file = self._files.get(call.args[1])
        if file is None or file.space != space.id:
            return self._error(404, "The file was not found.")
        return json_reply(self._details(file, call))

    def _create_document(self, call: Call) -> Reply:
        space, sent = self._space(call), self._json(call)
        wrong = require(sent, _DOCUMENT_OPTIONAL, spaceId=str, folder=str, category=str)
        if sent.get("spaceId") != space.id and "spaceId" not in wrong:
            wrong.append("spaceId")
        if wrong:
            return self._error(400, f"Missing, unknown or wrong: {', '.join(wrong)}.")
        now = self.clock()
        status = {"pay": "UNPAID", "delivery": "RECEIVED", "document": "AWAITING_VALIDATION"}
        body: dict[str, Any] = {
            "source": "documentcreator",
            "connections": [],
            "metadata": {},
            **sent,
            "id": str(uuid.uuid4()),
            "status": {**status, **(sent.get("status") or {})},
            "createdAt": iso(now),
            "updatedAt": iso(now),
        }
        made = self._keep(space.id, body, sent["folder"], [], now, now)
        return json_reply(self._row(made), 201)

    def _list_documents(self, call: Call) -> Reply:
        space = self._space(call)
        query = call.query
        page, size = self._number(query, "page", 0, 0), self._number(query, "size", 50, 1)
        if size > 50:
            return self._error(400, "size must be at most 50.")
        since: float | None = None
        if "updatedSince" in query:
            try:
                moment = datetime.fromisoformat(query["updatedSince"])
            except ValueError:
                moment = datetime.min
            if moment.tzinfo is None:
                return self._error(400, "updatedSince must be an ISO-8601 date and time.")
            since = moment.timestamp()
        found = self._listing(space, query.get("folder"), since)
        rows = [self._row(document) for document in found[page * size : (page + 1) * size]]
        return json_reply({"documents": rows, "page": page, "size": size, "total": len(found)})

    def _get_document(self, call: Call) -> Reply:
        found = self._space(call).documents.get(call.args[1])
        if found is None:
            return self._error(404, "The document was not found.")
        return json_reply(self._row(found))

    def _find_points(self, call: Call) -> Reply:
        wanted = {"namespace": "com.unifiedpost.btx", "name": "messageListeners", "version": "1.0"}
        rows: list[dict[str, str]] = []
        if wanted.items() <= call.query.items():
            rows = [{"id": self._extension_point, **wanted}]
        return json_reply({"extensionPoints": rows})

    # The storage

    def _store(self, call: Call) -> Reply:
        file = self._signed(call)
        if call.headers.get("content-type") != file.details["contentType"]:
            return _bad_signature()  # the signature covers this header
        file.content = call.body
        file.details["fileSize"] = len(call.body)
        file.details["status"] = "REJECTED" if _EICAR in call.body else "AVAILABLE"
        return Reply(200)

    def _fetch(self, call: Call) -> Reply:
        file = self._signed(call)
        content = file.content or b""  # never None: only a file with content has a download URL
        return Reply(200, content, {"Content-Type": file.details["contentType"]})

    def _signed(self, call: Call) -> StoredFile:
        """Return the file of a signed URL, which must be exactly as it was signed."""
        if "authorization" in call.headers:
            # The storage refuses requests with both a token and a signature.
            raise RequestRefusedError(
                xml_error("InvalidArgument", "Only one auth mechanism allowed.", 401)
            )
        end = self._url_ends.get((call.method, call.headers.get("host", ""), call.target))
        if end is None:
            raise RequestRefusedError(_bad_signature())
        if self.clock() >= end:
            raise RequestRefusedError(
                xml_error("ExpiredToken", "The provided token has expired.", 400)
            )
        file = self._files.get(call.args[2])
        if file is None:
            raise RequestRefusedError(
                xml_error("NoSuchKey", "The specified key does not exist.", 404)
            )
        return file

    # State

    def _add_file(self, space: str, file: FakeFile) -> StoredFile:
        """Store a file with its content."""
        details: dict[str, Any] = {
            "id": file.id or str(uuid.uuid4()),
            "filename": file.name,
            "status": file.status,
            "fileSize": len(file.content) if file.size is None else file.size,
            "contentType": file.content_type,
        }
        return self._keep_file(space, file.content, details)

    def _keep_file(
        self, space: str, content: bytes | None, details: Mapping[str, Any]
    ) -> StoredFile:
        """Store a file with its details as JSON of the API; missing details get default values."""
        made: dict[str, Any] = {
            "description": None,
            "creatorSubject": self.client_id,
            "creatorType": "application",
            "retentionTime": None,
            "fileType": details["contentType"],
            **details,
        }
        file = self._files[made["id"]] = StoredFile(space, made, content)
        return file

    def _keep(
        self,
        space: str,
        body: dict[str, Any],
        folder: str | None,
        files: list[StoredFile],
        created: Moment,
        updated: Moment,
    ) -> StoredDocument:
        name = str(body.get("id", uuid.uuid4()))
        times = (_epoch(moment, self.clock()) for moment in (created, updated))
        document = StoredDocument(name, space, folder, files, body, *times)
        self._documents[name] = self._spaces[space].documents[name] = document
        return document

    def _touch(self, document: StoredDocument) -> None:
        document.updated = self.clock()
        document.body["updatedAt"] = iso(document.updated)

    def _row(self, document: StoredDocument) -> dict[str, Any]:
        return {"files": [file.row() for file in document.files], **document.body}

    def _details(self, file: StoredFile, call: Call) -> dict[str, Any]:
        details = dict(file.details)
        if file.content is None:
            details["uploadUrl"] = self._sign("PUT", file, call)
        elif details["status"] == "AVAILABLE":
            details["downloadUrl"] = self._sign("GET", file, call)
        return details

    def _sign(self, method: str, file: StoredFile, call: Call) -> str:
        """Return a signed URL in the format of Google Cloud Storage V4, for one method.

        Its host is the one at which the client reaches the fake storage.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        signed = "content-type;host" if method == "PUT" else "host"
        scope = f"fake@btx.iam.gserviceaccount.com/{now:%Y%m%d}/auto/storage/goog4_request"
        target = (
            f"/btx-fake-documents/{file.space}/{file.details['id']}"
            "?X-Goog-Algorithm=GOOG4-RSA-SHA256"
            f"&X-Goog-Credential={quote(scope, safe='')}&X-Goog-Date={now:%Y%m%dT%H%M%SZ}"
            f"&X-Goog-Expires={int(self.url_life)}&X-Goog-SignedHeaders={quote(signed, safe='')}"
            f"&X-Goog-Signature={secrets.token_hex(32)}"
        )
        host = call.storage_url.partition("://")[2]
        self._url_ends[method, host, target] = self.clock() + self.url_life
        return f"{call.storage_url}{target}"

    def _listing(
        self, space: StoredSpace, folder: str | None, since: float | None
    ) -> list[StoredDocument]:
        found = [
            document
            for document in space.documents.values()
            if (folder is None or document.folder in {folder, None})
            and (since is None or document.updated >= since)
        ]
        # The service promises no order: sort by a hash of the id, so that no test relies on one.
        found.sort(key=lambda document: crc32(document.id.encode(errors="surrogatepass")))
        return found

    def _number(self, query: Mapping[str, str], name: str, default: int, least: int) -> int:
        text = query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise self._refused(400, f"{name} must be a number of at least {least}.")
        return int(text)


def _refusal(error: str, description: str, status: int) -> Reply:
    """Return an error in the format of RFC 6749 (OAuth 2.0), section 5.2."""
    return json_reply({"error": error, "error_description": description}, status)


def _bad_signature() -> Reply:
    message = "The request signature we calculated does not match the signature you provided."
    return xml_error("SignatureDoesNotMatch", message, 403)


def _epoch(moment: Moment, unreadable: float) -> float:
    """Return a time in seconds since the epoch, or `unreadable` for text that is not a time."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return unreadable
    return moment.timestamp() if isinstance(moment, datetime) else moment
