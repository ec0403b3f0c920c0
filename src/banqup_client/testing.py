"""A fake Banqup for tests: in memory, or served on loopback sockets.

`FakeBanqup` behaves as the reference of this project describes the service, refusals included.
What that reference marks as assumed is assumed here too::

    fake = FakeBanqup()
    space = fake.add_space(name="Brouwerij De Molenbeek BV")
    fake.publish(space, files=[FakeFile("F1.xml", "application/xml", b"<Invoice/>")])
    client = httpx.Client(base_url="https://api.uat.btx.eu.banqup.com", transport=fake.transport())
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, quote

from attrs import define, evolve, field, frozen

from _client_kit._fake import (
    Call,
    FakeRequest,
    FakeService,
    FakeTransport,
    Fault,
    Head,
    Loopback,
    Refused,
    Reply,
    Route,
    Tokens,
    json_reply,
    require,
    xml_error,
)

__all__ = ["FakeBanqup", "FakeFile", "FakeRequest", "FakeTransport", "Fault", "Loopback"]

Moment = datetime | float | str
"""A time: aware, in seconds since the epoch, or the very text to answer."""
FileStatus = Literal["AVAILABLE", "AWAITING_UPLOAD", "REJECTED"]
TokenStyle = Literal["expires_at", "expires_in", "jwt", "bare", "opaque"]
Order = Literal["shuffled", "newest_first", "oldest_first"]

_BASE = "/datastore/documents/transaction"
_EICAR = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
_FILE_MEMBERS = {
    "filename", "description", "retentionTime", "fileSize", "fileType", "contentType", "metadata",
}  # fmt: skip
_DOCUMENT_MEMBERS = {
    "source", "spaceId", "folder", "category", "connections", "status", "metadata",
}  # fmt: skip


@frozen
class FakeFile:
    """One file of a published document."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    status: FileStatus = "AVAILABLE"
    size: int | None = None
    """The ``fileSize`` to answer, where it is to differ from the real one."""
    id: str | None = None


@define(eq=False)
class _File:
    id: str
    space: str
    name: str
    content_type: str
    file_type: str
    size: int
    content: bytes | bytearray | None
    status: str
    description: str | None = None
    retention: str | None = None
    ready_at: float = 0.0

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "filename": self.name,
            "contentType": self.content_type,
            "fileSize": self.size,
        }


@define(eq=False)
class _Document:
    id: str
    space: str
    files: list[str]
    body: dict[str, Any]
    created: float
    updated: float
    shuffle: bytes


@define(eq=False)
class _Space:
    id: str
    name: str
    type: str
    whitelisted: bool
    documents: dict[str, _Document] = field(factory=dict[str, _Document])
    listings: dict[tuple[Any, ...], list[_Document]] = field(
        factory=dict[tuple[Any, ...], list[_Document]]
    )


class FakeBanqup(FakeService):
    """Banqup's API and its file storage, with a state that tests change at any time.

    Attributes:
        token_life: Seconds a token issued from now on lives.
        token_uses: Requests a token issued from now on is good for; None for no limit.
        token_style: How a token answer tells its life: ``"expires_at"``, ``"expires_in"``,
            ``"jwt"`` (only by the JWT inside), ``"bare"`` (the answer *is* a JWT) or
            ``"opaque"`` (not at all).
        whitelisted: Whether spaces have this app among their external applications.
        order: The order of listings, which the service does not promise.
        ignore: Query names of the document listing that are without effect.
        total: The ``total`` every listing claims; None for the true one.
        scan_seconds: How long an uploaded file waits for its virus scan.
        url_life: Seconds a signed URL is good for.
    """

    hosts = frozenset(
        {
            "api.uat.btx.eu.banqup.com",
            "api.uat.btx.fr.banqup.com",
            "api.cve.btx.eu.banqup.com",
            "api.btx.eu.banqup.com",
            "api.btx.fr.banqup.com",
        }
    )
    storage_host = "storage.googleapis.com"

    def __init__(
        self,
        *,
        client_id: str = "demo-app",
        client_secret: str = "demo-secret",  # noqa: S107 - the fake's own, opens nothing
        token_life: float = 300.0,
        token_uses: int | None = None,
        token_style: TokenStyle = "expires_at",  # noqa: S107 - a style, not a token
        whitelisted: bool = True,
        order: Order = "shuffled",
        ignore: Iterable[str] = (),
        total: int | None = None,
        scan_seconds: float = 0.0,
        url_life: float = 3600.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        date_header: bool = True,
        log_size: int = 10_000,
        hosts: Sequence[str] = (),
    ) -> None:
        """Start with no space and no document."""
        super().__init__(
            clock=clock, sleep=sleep, date_header=date_header, log_size=log_size, hosts=hosts
        )
        self.client_id = client_id
        self.client_secret = client_secret
        self.token_life = token_life
        self.token_uses = token_uses
        self.token_style: TokenStyle = token_style
        self.whitelisted = whitelisted
        self.order: Order = order
        self.ignore = set(ignore)
        self.total = total
        self.scan_seconds = scan_seconds
        self.url_life = url_life
        self._tokens = Tokens(clock)
        self._spaces: dict[str, _Space] = {}
        self._documents: dict[str, _Document] = {}
        self._files: dict[str, _File] = {}
        self._listeners: list[dict[str, Any]] = []
        self._extension_point = str(uuid.uuid4())
        self._signing_key = secrets.token_bytes(32)

    # What a test does

    def add_space(
        self,
        name: str = "Brouwerij De Molenbeek BV",
        *,
        id: str | None = None,  # noqa: A002 - the service's own word
        type: str = "BUSINESS",  # noqa: A002 - the service's own word
        whitelisted: bool = True,
    ) -> str:
        """Add a space and return its id."""
        space = _Space(id or str(uuid.uuid4()), name, type, whitelisted)
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
            space: The space's id.
            folder: Its folder; None answers null.
            category: Its category.
            status: Its ``status.document``.
            files: Its files.
            supplier: ``metadata.supplier``.
            customer: ``metadata.customer``.
            metadata: Further metadata.
            created_at: Now, by the fake's clock, unless given.
            updated_at: As `created_at` unless given.
            id: A new uuid unless given.
            extra: Members that replace those of the answer, to play an odd service.
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
                "createdAt": _iso(created),
                "updatedAt": _iso(updated),
                **(extra or {}),
            }
            return self._keep(space, body, names, _epoch(created, now), _epoch(updated, now))

    def set_status(self, document: str, status: str, *, touch: bool = True) -> None:
        """Change ``status.document``; `touch` moves ``updatedAt`` to now."""
        with self._lock:
            found = self._documents[document]
            found.body["status"] = {**found.body["status"], "document": status}
            self._changed(found, touch)

    def set_file_status(self, document: str, index: int, status: FileStatus) -> None:
        """Change the status of one of a document's files."""
        with self._lock:
            file = self._files[self._documents[document].files[index]]
            file.status, file.ready_at = status, 0.0

    def replace_file(
        self, document: str, index: int, file: FakeFile, *, touch: bool = True
    ) -> None:
        """Put another file in the place of one; it keeps the old id unless it brings its own."""
        with self._lock:
            found = self._documents[document]
            old = found.files[index]
            found.files[index] = self._add_file(found.space, evolve(file, id=file.id or old)).id
            self._changed(found, touch)

    def remove(self, document: str) -> None:
        """Delete a document and its files."""
        with self._lock:
            found = self._documents.pop(document)
            del self._spaces[found.space].documents[document]
            for name in found.files:
                self._files.pop(name, None)
            self._spaces[found.space].listings.clear()

    def documents(self, space: str) -> list[dict[str, Any]]:
        """A space's documents as the API would answer them, in the order of their arrival."""
        with self._lock:
            found = self._spaces[space].documents.values()
            return [json.loads(json.dumps(self._row(document))) for document in found]

    def expire_tokens(self) -> None:
        """Make every token issued so far invalid."""
        with self._lock:
            self._tokens.expire()

    @property
    def listeners(self) -> list[dict[str, Any]]:
        """The message listeners registered so far, as they were sent."""
        with self._lock:
            return list(self._listeners)

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        storage_port: int = 0,
        ssl_context: Any = None,
    ) -> Loopback:
        """Serve the API and the storage on two loopback origins until closed.

        Args:
            host: Address or name to listen on and to answer in URLs.
            port: The API's port; 0 for a free one.
            storage_port: The storage's port; 0 for a free one.
            ssl_context: An ``ssl.SSLContext`` to serve https with.
        """
        return Loopback(
            self, host=host, port=port, storage_port=storage_port, ssl_context=ssl_context
        )

    # What the service says of itself

    def _routes(self) -> Sequence[Route]:
        files = f"{_BASE}/v1/spaces/{{space}}/files"
        documents = f"{_BASE}/v2/spaces/{{space}}/documents"
        points = "/core/plugin/api/v1/extensionPoints"
        token = "/oauth2/client_credential"  # noqa: S105 - a path
        listing = frozenset({"folder", "updatedSince", "page", "size"})
        naming = frozenset({"namespace", "name", "version"})
        stored = "/{bucket}/{space}/{file}"
        return (
            Route("token.get", "POST", f"{token}/gettoken", self._token, public=True),
            Route("token.get", "POST", f"{token}/accesstoken", self._old_token, public=True),
            Route("spaces.list", "GET", "/entitystore/v1/spaces", self._list_spaces),
            Route("users.me", "GET", "/solution/business/v1/users/me", self._me),
            Route("files.create", "POST", files, self._create_file),
            Route("files.details", "GET", f"{files}/{{file}}", self._file_details),
            Route("documents.create", "POST", documents, self._create_document),
            Route("documents.list", "GET", documents, self._list_documents, listing),
            Route("documents.get", "GET", f"{documents}/{{document}}", self._get_document),
            Route("messages.find", "GET", points, self._find_points, naming),
            Route("messages.register", "POST", f"{points}/{{id}}/extensions", self._register),
            Route("files.upload", "PUT", stored, self._store, public=True, origin="storage"),
            Route("files.download", "GET", stored, self._fetch, public=True, origin="storage"),
        )

    def _authorise(self, head: Head) -> str:
        caller = self._tokens.spend(head.bearer)
        if caller is None:
            raise Refused(Reply(401))
        return caller

    def _error(self, status: int, detail: str) -> Reply:
        words = {
            400: ("BAD_REQUEST", "Invalid Request Format"),
            404: ("NOT_FOUND", "Not Found"),
            415: ("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"),
        }
        error, title = words[status]
        now = self.clock()
        # The service is known to write this timestamp in either of two formats.
        stamp = formatdate(now, usegmt=True) if status == 400 else _iso(now)
        body = {
            "status": status,
            "error": error,
            "requestId": uuid.uuid4().hex,
            "timestamp": stamp,
            "type": "about:blank",
            "title": title,
            "detail": detail,
        }
        return json_reply(body, status)

    # Tokens

    def _token(self, call: Call) -> Reply:
        refusal = self._bad_grant(call)
        if refusal is not None:
            return refusal
        life, style = self.token_life, self.token_style
        jwt = self._jwt() if style in {"jwt", "bare"} else None
        token = self._tokens.issue(life, self.token_uses, self.client_id, jwt)
        if style == "bare":
            return Reply(200, token.encode(), (("Content-Type", "text/plain"),))
        body: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if style == "expires_at":
            body["expires_at"] = _iso(self.clock() + life)
        elif style == "expires_in":
            body["expires_in"] = int(life)
        return json_reply(body)

    def _old_token(self, call: Call) -> Reply:
        refusal = self._bad_grant(call)
        if refusal is not None:
            return refusal
        token = self._tokens.issue(self.token_life, self.token_uses, self.client_id, self._jwt())
        return Reply(200, token.encode(), (("Content-Type", "text/plain"),))

    def _bad_grant(self, call: Call) -> Reply | None:
        if call.head.media_type != "application/x-www-form-urlencoded":
            return _oauth("invalid_request", "The credentials go in a form body.", 415)
        try:
            form = dict(parse_qsl(bytes(call.body).decode(), strict_parsing=True))
        except ValueError:
            return _oauth("invalid_request", "The form cannot be read.", 400)
        if form.get("grant_type") != "client_credentials":
            return _oauth("unsupported_grant_type", "Only client_credentials is allowed.", 400)
        if not {"client_id", "client_secret"} <= form.keys():
            return _oauth("invalid_request", "client_id and client_secret are required.", 400)
        given = (form["client_id"], form["client_secret"])
        if given != (self.client_id, self.client_secret):
            return _oauth("invalid_client", "Client authentication failed.", 401)
        return None

    def _jwt(self) -> str:
        now = int(self.clock())
        claims = {
            "sub": self.client_id,
            "iat": now,
            "exp": now + int(self.token_life),
            "jti": uuid.uuid4().hex,
        }
        parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
        signed = ".".join(parts)
        seal = hmac.digest(self._signing_key, signed.encode(), "sha256")
        return f"{signed}.{_base64url(seal)}"

    # The API

    def _space(self, call: Call) -> _Space:
        space = self._spaces.get(call.args[0])
        if space is None or not space.whitelisted or not self.whitelisted:
            raise Refused(self._error(404, "The space was not found."))
        return space

    def _list_spaces(self, _call: Call) -> Reply:
        seen = [space for space in self._spaces.values() if space.whitelisted and self.whitelisted]
        rows = [{"id": space.id, "name": space.name, "type": space.type} for space in seen]
        return json_reply({"spaces": rows})

    def _me(self, _call: Call) -> Reply:
        return json_reply({"id": str(uuid.uuid5(uuid.NAMESPACE_OID, self.client_id)),
                           "type": "application", "name": self.client_id})  # fmt: skip

    def _create_file(self, call: Call) -> Reply:
        space, sent = self._space(call), self._json(call)
        wrong = require(sent, filename=str, fileSize=int, contentType=str)
        wrong += sorted(sent.keys() - _FILE_MEMBERS)
        if wrong:
            return self._error(400, f"Missing, unknown or wrong: {', '.join(wrong)}.")
        file = _File(
            id=str(uuid.uuid4()),
            space=space.id,
            name=sent["filename"],
            content_type=sent["contentType"],
            file_type=sent.get("fileType") or sent["contentType"],
            size=sent["fileSize"],
            content=None,
            status="AWAITING_UPLOAD",
            description=sent.get("description"),
            retention=sent.get("retentionTime"),
        )
        self._files[file.id] = file
        return json_reply(self._details(file, call.head), 201)

    def _file_details(self, call: Call) -> Reply:
        space = self._space(call)
        file = self._files.get(call.args[1])
        if file is None or file.space != space.id:
            return self._error(404, "The file was not found.")
        return json_reply(self._details(file, call.head))

    def _create_document(self, call: Call) -> Reply:
        space, sent = self._space(call), self._json(call)
        wrong = require(sent, spaceId=str, folder=str, category=str)
        wrong += sorted(sent.keys() - _DOCUMENT_MEMBERS)
        if sent.get("spaceId") != space.id and "spaceId" not in wrong:
            wrong.append("spaceId")
        if wrong:
            return self._error(400, f"Missing, unknown or wrong: {', '.join(wrong)}.")
        now = self.clock()
        status = {"pay": "UNPAID", "delivery": "RECEIVED", "document": "AWAITING_VALIDATION"}
        body = {
            "source": "documentcreator",
            "connections": [],
            "metadata": {},
            **sent,
            "id": str(uuid.uuid4()),
            "status": {**status, **(sent.get("status") or {})},
            "createdAt": _iso(now),
            "updatedAt": _iso(now),
        }
        made = self._keep(space.id, body, [], now, now)
        return json_reply(self._row(self._documents[made]), 201)

    def _list_documents(self, call: Call) -> Reply:
        space = self._space(call)
        query = {name: text for name, text in call.head.query.items() if name not in self.ignore}
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
        total = len(found) if self.total is None else self.total
        return json_reply({"documents": rows, "page": page, "size": size, "total": total})

    def _get_document(self, call: Call) -> Reply:
        found = self._space(call).documents.get(call.args[1])
        if found is None:
            return self._error(404, "The document was not found.")
        return json_reply(self._row(found))

    def _find_points(self, call: Call) -> Reply:
        query = call.head.query
        wanted = {"namespace": "com.unifiedpost.btx", "name": "messageListeners", "version": "1.0"}
        missing = sorted(wanted.keys() - query.keys())
        if missing:
            return self._error(400, f"Missing: {', '.join(missing)}.")
        rows: list[dict[str, str]] = []
        if all(query[name] == value for name, value in wanted.items()):
            rows = [{"id": self._extension_point, **wanted}]
        return json_reply({"extensionPoints": rows})

    def _register(self, call: Call) -> Reply:
        sent = self._json(call)
        if call.args[0] != self._extension_point:
            return self._error(404, "The extension point was not found.")
        self._listeners.append(sent)
        return json_reply({"id": str(uuid.uuid4()), **sent}, 201)

    # The storage

    def _store(self, call: Call) -> Reply:
        file = self._signed(call)
        if call.head.headers.get("content-type") != file.content_type:
            return _bad_signature()  # it is one of the signed headers
        file.content = call.body
        file.size = len(call.body)
        file.status = "REJECTED" if _EICAR in call.body else "AVAILABLE"
        file.ready_at = self.clock() + self.scan_seconds
        for document in self._spaces[file.space].documents.values():
            if file.id in document.files:
                self._changed(document, touch=False)
        return Reply(200)

    def _fetch(self, call: Call) -> Reply:
        file = self._signed(call)
        if file.content is None:
            return xml_error("NoSuchKey", "The specified key does not exist.", 404)
        body = file.content
        return Reply(200, body, (("Content-Type", file.content_type),))  # type: ignore[arg-type]

    def _signed(self, call: Call) -> _File:
        """The file a signed URL stands for; anything but its exact bytes is refused."""
        head = call.head
        if "authorization" in head.headers:
            # Two credentials at once; the log keeps the request, so that a test can tell.
            raise Refused(xml_error("InvalidArgument", "Only one auth mechanism allowed.", 401))
        target, mark, signature = head.target.rpartition("&X-Goog-Signature=")
        host = head.headers.get("host", "")
        good = self._signature(head.method, host, target)
        if not mark or not hmac.compare_digest(signature.encode(), good.encode()):
            raise Refused(_bad_signature())
        query = parse_qs(target.partition("?")[2])
        begun = datetime.strptime(query["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ")
        begun = begun.replace(tzinfo=UTC)
        if self.clock() >= begun.timestamp() + float(query["X-Goog-Expires"][0]):
            raise Refused(xml_error("ExpiredToken", "The provided token has expired.", 400))
        file = self._files.get(call.args[2])
        if file is None:
            raise Refused(xml_error("NoSuchKey", "The specified key does not exist.", 404))
        return file

    def _sign(self, method: str, file: _File, head: Head) -> str:
        now = datetime.fromtimestamp(self.clock(), UTC)
        signed = "content-type;host" if method == "PUT" else "host"
        scope = f"fake@btx.iam.gserviceaccount.com/{now:%Y%m%d}/auto/storage/goog4_request"
        target = (
            f"/btx-fake-documents/{file.space}/{file.id}?X-Goog-Algorithm=GOOG4-RSA-SHA256"
            f"&X-Goog-Credential={quote(scope, safe='')}&X-Goog-Date={now:%Y%m%dT%H%M%SZ}"
            f"&X-Goog-Expires={int(self.url_life)}&X-Goog-SignedHeaders={quote(signed, safe='')}"
        )
        host = head.storage_url.partition("://")[2]
        signature = self._signature(method, host, target)
        return f"{head.storage_url}{target}&X-Goog-Signature={signature}"

    def _signature(self, method: str, host: str, target: str) -> str:
        text = f"{method}\n{host}\n{target}".encode()
        return hmac.new(self._signing_key, text, hashlib.sha256).hexdigest()

    # State

    def _add_file(self, space: str, file: FakeFile) -> _File:
        kept = _File(
            id=file.id or str(uuid.uuid4()),
            space=space,
            name=file.name,
            content_type=file.content_type,
            file_type=file.content_type,
            size=len(file.content) if file.size is None else file.size,
            content=file.content,
            status=file.status,
        )
        self._files[kept.id] = kept
        return kept

    def _keep(
        self, space: str, body: dict[str, Any], files: list[str], created: float, updated: float
    ) -> str:
        name = str(body["id"])
        shuffle = hashlib.sha256(name.encode()).digest()
        document = _Document(name, space, files, body, created, updated, shuffle)
        self._documents[name] = self._spaces[space].documents[name] = document
        self._spaces[space].listings.clear()
        return name

    def _changed(self, document: _Document, touch: bool) -> None:
        if touch:
            document.updated = self.clock()
            document.body["updatedAt"] = _iso(document.updated)
        self._spaces[document.space].listings.clear()

    def _row(self, document: _Document) -> dict[str, Any]:
        files = [self._files[name].row() for name in document.files if name in self._files]
        return {"files": files, **document.body}

    def _details(self, file: _File, head: Head) -> dict[str, Any]:
        status = file.status
        if file.content is not None and self.clock() < file.ready_at:
            status = "AWAITING_UPLOAD"  # uploaded, but not scanned yet
        details: dict[str, Any] = {
            "id": file.id,
            "filename": file.name,
            "description": file.description,
            "creatorSubject": self.client_id,
            "creatorType": "application",
            "retentionTime": file.retention,
            "status": status,
            "fileSize": file.size,
            "fileType": file.file_type,
            "contentType": file.content_type,
        }
        if file.content is None:
            details["uploadUrl"] = self._sign("PUT", file, head)
        elif status == "AVAILABLE":
            details["downloadUrl"] = self._sign("GET", file, head)
        return details

    def _listing(self, space: _Space, folder: str | None, since: float | None) -> list[_Document]:
        key = (folder, since, self.order)
        found = space.listings.get(key)
        if found is None:
            found = [
                document
                for document in space.documents.values()
                if (folder is None or document.body.get("folder") in {folder, None})
                and (since is None or document.updated >= since)
            ]
            if self.order == "shuffled":
                found.sort(key=lambda document: document.shuffle)
            else:
                newest = self.order == "newest_first"
                found.sort(key=lambda document: document.created, reverse=newest)
            space.listings[key] = found
        return found

    def _number(self, query: Mapping[str, str], name: str, default: int, least: int) -> int:
        text = query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise Refused(self._error(400, f"{name} must be a number of at least {least}."))
        return int(text)


def _oauth(error: str, description: str, status: int) -> Reply:
    return json_reply({"error": error, "error_description": description}, status)


def _bad_signature() -> Reply:
    message = "The request signature we calculated does not match the signature you provided."
    return xml_error("SignatureDoesNotMatch", message, 403)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _iso(moment: Moment) -> str:
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _epoch(moment: Moment, unreadable: float) -> float:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return unreadable
    return moment.timestamp() if isinstance(moment, datetime) else moment
