"""The fake Zenvoices: methods for tests, routes and handlers."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import define, evolve, field

from _client_kit.fakes.fake import Fake
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.service import Call, Route, require
from _client_kit.fakes.wire import Reply, RequestRefusedError, html_reply, iso, json_reply
from zenvoices_client._fake.answers import (
    enveloped,
    invalid,
    login_result,
    read_attachments,
    refuse,
)
from zenvoices_client._fake.state import (
    MASTER,
    RIGHTS,
    WEBHOOKS,
    Company,
    FakeUser,
    InboxItem,
    Lookup,
    company_row,
    sort_key,
)

_BASE = "/public-api/v1"
_TOKEN_PATH = "/api/TokenAuth/TokenLogin"  # noqa: S105 - a path
_LOCK_AFTER, _LOCK_SECONDS = 5, 300.0
_LIST_MEMBERS = {"maxResultCount", "skipCount", "sorting", "administrationId"}
_UPLOAD_MEMBERS = {
    "administrationId", "externalId", "subject", "senderName", "destination", "attachments",
}  # fmt: skip


@define(eq=False, repr=False, slots=False, kw_only=True)
class FakeZenvoices(Fake):
    """A fake of Zenvoices' public API, whose state a test can change at any time.

    Attributes:
        user: The first user, with flags that make its login fail; `add_user` adds other users.
        login_failure_status: Status of a failed login: 500, 400 or 401 with an envelope, or 200
            with an ``accessToken`` of null and an ``errorMessage``.
        envelope: Whether answers other than those of the login have the ABP envelope.
        max_body: Largest size of an upload's JSON in bytes; a larger one is answered with 413.
        token_life: Lifetime in seconds of tokens issued from now on.
        token_uses: Number of requests for which a new token is valid; None for no limit.
        keep_content: Whether the inbox keeps the content of attachments.
        lookup: How ``inbox/details`` treats an external id. ``"works"``: it finds the document.
            ``"lags"``: a document is found, and is in the list of the inbox, only `lookup_lag`
            seconds after its upload. ``"missing"``: the route does not exist.
            ``"ignores_external_id"``: it returns the company's newest document.
    """

    default_hosts: ClassVar[frozenset[str]] = frozenset({"app.zenvoices.com"})

    _first_user: str = field(default="api-user", alias="user")
    _first_password: str = field(default="demo-password", alias="password")
    organisation_code: str = "acme"
    login_failure_status: int = 500
    envelope: bool = False
    max_body: int = 30_000_000
    token_life: float = 86_400.0
    token_uses: int | None = None
    keep_content: bool = True
    lookup: Lookup = "works"
    lookup_lag: float = 60.0

    def __attrs_post_init__(self) -> None:
        """Start with one user and without companies."""
        super().__attrs_post_init__()
        self.user: FakeUser = FakeUser(self._first_user, self._first_password)
        self.available_webhooks: list[str] = [
            "Booking.AuthorizationStatusChanged",
            "Booking.Exported",
        ]
        self._users: dict[str, FakeUser] = {self.user.name: self.user}
        self._companies: dict[int, Company] = {}
        self._ids = itertools.count(101)
        self._inbox_ids = itertools.count(4711)
        self._inbox: dict[int, InboxItem] = {}
        self._by_external_id: dict[tuple[int, str], list[int]] = {}
        self._received: Counter[tuple[str, str]] = Counter()
        self._refusal: Callable[[InboxItem], str | None] | None = None
        self._records: dict[str, list[dict[str, Any]]] = {
            name: [] for name in (*MASTER, WEBHOOKS[0])
        }

    # Methods for tests

    def add_user(self, name: str, password: str) -> FakeUser:
        """Add a user and return it, so that a test can change its flags."""
        user = FakeUser(name, password)
        with self._lock:
            self._users[name] = user
        return user

    @property
    def rights(self) -> set[str]:
        """The first user's rights."""
        return self.user.rights

    @rights.setter
    def rights(self, rights: set[str]) -> None:
        self.user.rights = rights

    def add_company(
        self, code: str = "0042", name: str = "Brouwerij De Molenbeek BV", *, visible: bool = True
    ) -> int:
        """Add a company and return its id; users have rights on it if `visible` is true."""
        with self._lock:
            company = Company(next(self._ids), code, name, visible)
            self._companies[company.id] = company
        return company.id

    def set_visible(self, company: int, visible: bool) -> None:
        """Grant users rights on a company, or revoke them."""
        with self._lock:
            self._companies[company].visible = visible

    def relink_company(self, company: int) -> int:
        """Give a company a new id, as re-linking does; its inbox documents keep the old id."""
        with self._lock:
            found = self._companies.pop(company)
            found.id = next(self._ids)
            self._companies[found.id] = found
            return found.id

    def add(self, resource: str, record: Mapping[str, Any]) -> None:
        """Add a record of master data, as JSON of the API.

        Args:
            resource: ``"accounts"``, ``"ledger_accounts"``, ``"cost_centres"``,
                ``"cost_units"``, ``"employees"``, ``"payment_conditions"``, ``"products"``,
                ``"projects"``, ``"purchase_orders"``, ``"tax_codes"``,
                ``"financial_transactions"`` or ``"webhook_subscriptions"``; the names in the
                service's paths are accepted too.
            record: The record, with an ``administrationId`` if it belongs to a company.
        """
        names = {path: name for name, (path, _) in MASTER.items()}
        names[WEBHOOKS[1]] = WEBHOOKS[0]
        with self._lock:
            self._records[names.get(resource, resource)].append(dict(record))

    def refuse_when(self, rule: Callable[[InboxItem], str | None] | None) -> None:
        """Refuse uploads for which `rule` returns a message: HTTP 500 in an ABP envelope.

        The argument of the rule is the inbox document that would be added, with its content.
        """
        self._refusal = rule

    @property
    def inbox(self) -> list[InboxItem]:
        """The inbox documents of all companies, oldest first."""
        with self._lock:
            return list(self._inbox.values())

    def remove(self, inbox_id: int) -> None:
        """Delete an inbox document."""
        with self._lock:
            item = self._inbox.pop(inbox_id)
            if item.external_id is not None:
                self._by_external_id[item.company_id, item.external_id].remove(inbox_id)

    def set_inbox_status(
        self, inbox_id: int, *, import_status: int = 0, authorization_status: int = 0
    ) -> None:
        """Change ``importStatus`` and ``authorizationStatus`` of an inbox document."""
        with self._lock:
            self._inbox[inbox_id] = evolve(
                self._inbox[inbox_id],
                import_status=import_status,
                authorization_status=authorization_status,
            )

    @property
    def duplicates(self) -> dict[tuple[str, str], int]:
        """Number of uploads of each document that was uploaded more than once.

        The key of a document is (company code, external id).
        """
        with self._lock:
            return {key: count for key, count in self._received.items() if count > 1}

    def webhook(
        self, event: str, data: Mapping[str, Any], secret: str
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a webhook call, signed with a ``whs_...`` secret."""
        body = json.dumps(
            {
                "Id": str(uuid.uuid4()),
                "WebhookEvent": event,
                "Attempt": 1,
                "Data": dict(data),
                "CreationTimeUtc": iso(self.clock()),
            }
        ).encode()
        seal = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        signature = "sha256=" + seal.hex("-").upper()
        return {"Content-Type": "application/json", "abp-webhook-signature": signature}, body

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> Loopback:
        """Serve the API on a loopback port until the result is closed.

        Args:
            host: Address or name to listen on; also the host in ``url``.
            port: Port of the API; 0 for any free port.
            ssl_context: TLS context for https; None serves http.
        """
        return Loopback(self, host=host, port=port, ssl_context=ssl_context)

    # Routes and handlers

    def _routes(self) -> Sequence[Route]:
        routes = [
            Route("login", "POST", _TOKEN_PATH, self._login, public=True),
            Route("companies.list", "POST", f"{_BASE}/administration/list", self._list_companies),
            Route("companies.get", "GET", f"{_BASE}/administration/{{id}}", self._get_company),
            Route("inbox.upload", "POST", f"{_BASE}/inbox", self._upload),
            Route("inbox.list", "POST", f"{_BASE}/inbox/list", self._list_inbox),
            Route(
                "inbox.details",
                "GET",
                f"{_BASE}/inbox/details",
                self._inbox_details,
                frozenset({"id", "administrationId", "externalId"}),
            ),
        ]
        for name, (path, keys) in MASTER.items():
            whole = f"{_BASE}/{path}"
            routes.append(Route(f"{name}.list", "POST", f"{whole}/list", self._lister(name)))
            if keys:
                routes.append(self._getter(name, whole, keys))
        accounts = self._getter("accounts", f"{_BASE}/accounts/externalId", ("externalId",))
        routes.append(evolve(accounts, operation="accounts.get_by_external_id"))
        path = f"{_BASE}/financialTransaction/{{id}}"
        routes.append(Route("financial_transactions.get", "GET", path, self._get_transaction))
        hooks = f"{_BASE}/{WEBHOOKS[1]}"
        available = f"{hooks}/get-available-webhooks"
        routes.append(Route("webhooks.available", "GET", available, self._available))
        routes.append(Route("webhooks.list", "GET", f"{hooks}/list", self._subscriptions))
        return routes

    def _error(self, status: int, detail: str) -> Reply:
        return refuse(status, detail)

    def _answer_with(self, value: object) -> Reply:
        return json_reply(enveloped(value) if self.envelope else value)

    # Login

    def _login(self, call: Call) -> Reply:
        sent = self._json(call)
        wrong = require(sent, userNameOrEmailAddress=str, password=str)
        if wrong:
            raise invalid(*wrong)
        if sent.get("tenancyName") != self.organisation_code:
            name = sent.get("tenancyName")
            return self._failed(f"There is no tenant defined with name {name}")
        user = self._users.get(sent["userNameOrEmailAddress"])
        if user is None:
            return self._failed("Invalid user name or password")
        now = self.clock()
        if now < user.locked_until:
            return self._failed("The user account has been locked out. Please try again later.")
        if sent["password"] != user.password:
            user.wrong_passwords += 1
            if user.wrong_passwords >= _LOCK_AFTER:
                user.wrong_passwords, user.locked_until = 0, now + _LOCK_SECONDS
            return self._failed("Invalid user name or password")
        user.wrong_passwords = 0
        if user.sso:
            return self._failed("This user can only log in with single sign-on.")
        if user.inactive:
            return self._failed(f"User {user.name} is not active and can not log in.")
        if user.must_change_password:
            return self._failed("You must change your password before you can log in.")
        if user.two_factor:
            result = login_result(None, self.clock(), self.token_life)
            result["requiresTwoFactorVerification"] = True
            result["twoFactorAuthProviders"] = ["Email", "GoogleAuthenticator"]
            return json_reply(enveloped(result))
        token = self._tokens.issue(self.token_life, self.token_uses, user.name)
        return json_reply(enveloped(login_result(token, self.clock(), self.token_life)))

    def _failed(self, details: str) -> Reply:
        if self.login_failure_status == 200:
            result = {**login_result(None, self.clock(), self.token_life), "errorMessage": details}
            return json_reply(enveloped(result))
        return refuse(self.login_failure_status, "Login failed!", details=details)

    # Companies

    def _need(self, call: Call, right: str) -> None:
        user = self._users.get(call.caller)
        if user is None or right not in user.rights:
            message = f"Required permissions are not granted: {RIGHTS[right]}"
            raise RequestRefusedError(refuse(403, message))

    def _company(self, company: object, member: str = "administrationId") -> Company:
        """Return the company with an id; raise an error if there is none or it is not visible."""
        if isinstance(company, str) and company.isascii() and company.isdigit():
            company = int(company)
        if isinstance(company, bool) or not isinstance(company, int):
            raise invalid(member)
        found = self._companies.get(company)
        if found is None:
            raise RequestRefusedError(refuse(404, f"There is no administration with id {company}"))
        if not found.visible:
            raise RequestRefusedError(refuse(403, "You have no rights on this administration."))
        return found

    def _list_companies(self, call: Call) -> Reply:
        self._need(call, "companies")
        rows = [company_row(company) for company in self._companies.values() if company.visible]
        return self._page(call, rows, ("id", "code", "name"))

    def _get_company(self, call: Call) -> Reply:
        self._need(call, "companies")
        return self._answer_with({"administration": company_row(self._company(call.args[0]))})

    # Inbox

    def _upload(self, call: Call) -> Reply:
        self._need(call, "inbox")
        if len(call.body) > self.max_body:
            return html_reply("413 - request entity too large", 413)
        sent = self._json(call)
        wrong = require(sent, administrationId=int, attachments=list)
        wrong += sorted(sent.keys() - _UPLOAD_MEMBERS)
        for name in ("externalId", "subject", "senderName", "destination"):
            if not isinstance(sent.get(name), str | None):
                wrong.append(name)
        if wrong:
            raise invalid(*wrong)
        company = self._company(sent["administrationId"])
        candidate = InboxItem(
            id=0,
            external_id=sent.get("externalId"),
            company_id=company.id,
            company_code=company.code,
            subject=sent.get("subject"),
            sender_name=sent.get("senderName"),
            destination=sent.get("destination"),
            attachments=read_attachments(sent["attachments"]),
            received_time=self.clock(),
        )
        refusal = self._refusal(candidate) if self._refusal is not None else None
        if refusal is not None:
            return refuse(500, refusal)
        return self._answer_with(self._receive(candidate).json)

    def _receive(self, candidate: InboxItem) -> InboxItem:
        attachments = candidate.attachments
        if not self.keep_content:
            attachments = tuple(evolve(part, content=None) for part in attachments)
        item = evolve(candidate, id=next(self._inbox_ids), attachments=attachments)
        self._inbox[item.id] = item
        if item.external_id is not None:
            key = (item.company_id, item.external_id)
            self._by_external_id.setdefault(key, []).append(item.id)
            self._received[item.company_code, item.external_id] += 1
        return item

    def _listed(self, item: InboxItem) -> bool:
        return self.lookup != "lags" or self.clock() >= item.received_time + self.lookup_lag

    def _list_inbox(self, call: Call) -> Reply:
        self._need(call, "inbox")
        seen = {company.id for company in self._companies.values() if company.visible}
        rows = [item.json for item in self._inbox.values()
                if item.company_id in seen and self._listed(item)]  # fmt: skip
        return self._page(call, rows, ("id", "receivedTime", "subject", "senderName"))

    def _inbox_details(self, call: Call) -> Reply:
        self._need(call, "inbox")
        if self.lookup == "missing":
            return html_reply("404 - not found", 404)
        query = call.query
        if "id" in query:
            if not query["id"].isascii() or not query["id"].isdigit():
                raise invalid("id")
            item = self._inbox.get(int(query["id"]))
            if item is None:
                return refuse(404, "There is no such inbox document.")
            self._company(item.company_id)
            return self._answer_with(item.json)
        missing = [name for name in ("administrationId", "externalId") if not query.get(name)]
        if missing:
            raise invalid(*missing)
        company = self._company(query["administrationId"])
        if self.lookup == "ignores_external_id":
            newest = [item for item in self._inbox.values() if item.company_id == company.id]
            found = newest[-1:]
        else:
            ids = self._by_external_id.get((company.id, query["externalId"]), ())
            found = [item for item in map(self._inbox.__getitem__, ids) if self._listed(item)]
        if not found:
            return refuse(404, "There is no such inbox document.")
        return self._answer_with(found[0].json)

    # Master data

    def _lister(self, name: str) -> Callable[[Call], Reply]:
        def answer(call: Call) -> Reply:
            return self._page(call, self._records[name], None)

        return answer

    def _getter(self, name: str, path: str, keys: tuple[str, ...]) -> Route:
        def answer(call: Call) -> Reply:
            query = call.query
            given = {key: query[key] for key in keys if query.get(key)}
            if not query.get("administrationId"):
                raise invalid("administrationId")
            if not given:
                raise invalid(keys[0])
            company = self._company(query["administrationId"])
            for record in self._records[name]:
                same = all(str(record.get(key)) == value for key, value in given.items())
                if same and record.get("administrationId") == company.id:
                    return self._answer_with(record)
            return refuse(404, "There is no such record.")

        return Route(f"{name}.get", "GET", path, answer, frozenset({"administrationId", *keys}))

    def _get_transaction(self, call: Call) -> Reply:
        for record in self._records["financial_transactions"]:
            if str(record.get("id")) == call.args[0]:
                return self._answer_with(record)
        return refuse(404, "There is no such record.")

    def _available(self, _call: Call) -> Reply:
        return self._answer_with(self.available_webhooks)

    def _subscriptions(self, _call: Call) -> Reply:
        return self._answer_with({"items": self._records[WEBHOOKS[0]]})

    def _page(
        self, call: Call, rows: Sequence[dict[str, Any]], sortable: Sequence[str] | None
    ) -> Reply:
        """Return the page that a JSON body requests.

        `sortable` lists the fields by which a request may sort; if None, a request may sort by any
        field of the rows.
        """
        sent = self._json(call)
        call.ignored |= sent.keys() - _LIST_MEMBERS
        size, skip = sent.get("maxResultCount", 50), sent.get("skipCount", 0)
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 250:
            raise invalid("maxResultCount")
        if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
            raise invalid("skipCount")
        if sent.get("administrationId") is not None:
            company = self._company(sent["administrationId"])
            rows = [row for row in rows if row.get("administrationId") == company.id]
        sorting = sent.get("sorting")
        if sorting is not None:
            words = sorting.split() if isinstance(sorting, str) else []
            known = set(sortable or itertools.chain.from_iterable(rows))
            if not words or len(words) > 2 or (rows and words[0] not in known):
                raise invalid("sorting")
            if len(words) == 2 and words[1].upper() not in {"ASC", "DESC"}:
                raise invalid("sorting")
            down = words[-1].upper() == "DESC" and len(words) == 2
            rows = sorted(rows, key=lambda row: sort_key(row.get(words[0])), reverse=down)
        return self._answer_with({"items": rows[skip : skip + size], "totalCount": len(rows)})
