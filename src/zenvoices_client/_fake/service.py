"""The fake Zenvoices: its state, methods for tests, routes and handlers."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

from attrs import define, field, frozen

from _client_kit.fakes.fake import Fake
from _client_kit.fakes.service import Call, Route, require
from _client_kit.fakes.wire import Reply, RequestRefusedError, html_reply, iso, json_reply

_BASE = "/public-api/v1"
_TOKEN_PATH = "/api/TokenAuth/TokenLogin"  # noqa: S105 - a path
_LOCK_AFTER, _LOCK_SECONDS = 5, 300.0
_LIST_MEMBERS = {"maxResultCount", "skipCount", "sorting", "administrationId"}
_UPLOAD_TEXTS = ("externalId", "subject", "senderName", "destination")
_WEBHOOKS = "webhook_subscriptions"

# For each kind of master data: the service's path, and the query names by which one record can be
# read. Some paths of the service are in the singular.
_MASTER: dict[str, tuple[str, tuple[str, ...]]] = {
    "accounts": ("accounts", ("code",)),
    "ledger_accounts": ("ledgerAccounts", ("code", "externalId")),
    "cost_centres": ("costCentres", ()),
    "cost_units": ("costUnits", ()),
    "employees": ("employees", ("code", "externalId")),
    "payment_conditions": ("paymentConditions", ()),
    "products": ("product", ("code", "externalId")),
    "projects": ("projects", ("code", "externalId")),
    "purchase_orders": ("purchaseOrders", ("purchaseOrderNumber", "externalId")),
    "tax_codes": ("taxCodes", ()),
    "financial_transactions": ("financialTransaction", ()),
}


def enveloped(result: object) -> dict[str, Any]:
    """Return a result in the envelope of ABP (ASP.NET Boilerplate), Zenvoices' web framework."""
    return {
        "result": result,
        "targetUrl": None,
        "success": True,
        "error": None,
        "unAuthorizedRequest": False,
        "__abp": True,
    }


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
    content: bytes = field(repr=False)


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

    @property
    def json(self) -> dict[str, Any]:
        """The document as JSON of the API."""
        return {
            "id": self.id,
            "externalId": self.external_id,
            "administrationId": self.company_id,
            "destination": self.destination,
            "importStatus": 0,
            "authorizationStatus": 0,
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
    refusal: str = ""
    """The service's message when it refuses the right password: an inactive user, single sign-on, a
    password to be changed. If it is empty, the login is not refused for such a reason."""
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


@define(eq=False, repr=False, slots=False, kw_only=True)
class FakeZenvoices(Fake):
    """A fake of Zenvoices' public API, whose state a test can change at any time.

    Attributes:
        user: The only user; its attributes can make its login fail.
        login_failure_status: Status of a failed login: 500, 400 or 401 with an envelope, or 200
            with an ``accessToken`` of null and an ``errorMessage``.
        envelope: Whether successful answers have the ABP envelope. JSON errors and answers to a
            login always have it.
        max_body: Largest size of an upload's JSON in bytes; a larger one is answered with 413.
        lookup: How ``inbox/details`` treats an external id. ``"works"``: it finds the document.
            ``"lags"``: a document is found, and is in the list of the inbox, only `lookup_lag`
            seconds after its upload. ``"missing"``: the route does not exist.
            ``"ignores_external_id"``: it returns the company's newest document.
    """

    hosts: frozenset[str] = frozenset({"app.zenvoices.com"})

    _first_user: str = field(default="api-user", alias="user")
    _first_password: str = field(default="demo-password", alias="password")
    organisation_code: str = "acme"
    login_failure_status: int = 500
    envelope: bool = False
    max_body: int = 30_000_000
    token_life: float = 86_400.0
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
        self._companies: dict[int, Company] = {}
        self._ids = itertools.count(101)
        self._inbox_ids = itertools.count(4711)
        self._inbox: dict[int, InboxItem] = {}
        self._refusal: Callable[[InboxItem], str | None] | None = None
        self._records: dict[str, list[dict[str, Any]]] = {
            name: [] for name in (*_MASTER, _WEBHOOKS)
        }

    # Methods for tests

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
        """Give a company a new id and return this id; its inbox documents keep the old id."""
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
                ``"financial_transactions"`` or ``"webhook_subscriptions"``.
            record: The record, with an ``administrationId`` if it belongs to a company.
        """
        with self._lock:
            self._records[resource].append(dict(record))

    def refuse_when(self, rule: Callable[[InboxItem], str | None] | None) -> None:
        """Refuse uploads for which `rule` returns a message: HTTP 500 in an ABP envelope.

        The argument of the rule is the inbox document that would be added, with its content. If
        `rule` is None, or returns None, the upload is not refused.
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
            del self._inbox[inbox_id]

    @property
    def duplicates(self) -> dict[tuple[str, str], int]:
        """Number of inbox documents per external id, for ids that several documents have.

        The key is (company code, external id).
        """
        known = [item for item in self.inbox if item.external_id is not None]
        counts = Counter((item.company_code, item.external_id or "") for item in known)
        return {key: count for key, count in counts.items() if count > 1}

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
        for name, (path, keys) in _MASTER.items():
            whole, listed = f"{_BASE}/{path}", partial(self._list_records, name)
            routes.append(Route(f"{name}.list", "POST", f"{whole}/list", listed))
            if keys:
                routes.append(self._getter(f"{name}.get", whole, keys))
        path = f"{_BASE}/accounts/externalId"
        routes.append(self._getter("accounts.get_by_external_id", path, ("externalId",)))
        path = f"{_BASE}/financialTransaction/{{id}}"
        routes.append(Route("financial_transactions.get", "GET", path, self._get_transaction))
        path = f"{_BASE}/webhookSubscription"
        available = f"{path}/get-available-webhooks"
        routes.append(Route("webhooks.available", "GET", available, self._available))
        routes.append(Route("webhooks.list", "GET", f"{path}/list", self._subscriptions))
        return routes

    # Answers

    def _answer_with(self, value: object) -> Reply:
        return json_reply(enveloped(value) if self.envelope else value)

    def _error(
        self, status: int, detail: str, *, details: str | None = None, members: Sequence[str] = ()
    ) -> Reply:
        """Return an error in the ABP envelope."""
        error = {
            "code": 0,
            "message": detail,
            "details": details,
            "validationErrors": [
                {"message": f"The {name} field is not valid.", "members": [name]}
                for name in members
            ]
            or None,
        }
        envelope = {
            **enveloped(None),
            "success": False,
            "error": error,
            "unAuthorizedRequest": status in {401, 403},
        }
        return json_reply(envelope, status)

    def _invalid(self, *members: str) -> RequestRefusedError:
        """Return the error for invalid members of a request."""
        return RequestRefusedError(self._error(400, "Your request is not valid!", members=members))

    # Login

    def _login(self, call: Call) -> Reply:
        sent = self._json(call)
        wrong = require(sent, sent, userNameOrEmailAddress=str, password=str)
        if wrong:
            raise self._invalid(*wrong)
        now, tenant = self.clock(), sent.get("tenancyName")
        if tenant != self.organisation_code:
            return self._failed(f"There is no tenant defined with name {tenant}")
        user = self.user
        if sent["userNameOrEmailAddress"] != user.name:
            return self._failed("Invalid user name or password")
        if now < user.locked_until:
            return self._failed("The user account has been locked out. Please try again later.")
        if sent["password"] != user.password:
            user.wrong_passwords += 1
            if user.wrong_passwords >= _LOCK_AFTER:
                user.wrong_passwords, user.locked_until = 0, now + _LOCK_SECONDS
            return self._failed("Invalid user name or password")
        user.wrong_passwords = 0
        if user.refusal:
            return self._failed(user.refusal)
        if user.two_factor:
            providers = ["Email", "GoogleAuthenticator"]
            return self._login_answer(
                None, requiresTwoFactorVerification=True, twoFactorAuthProviders=providers
            )
        return self._login_answer(self._issue())

    def _failed(self, details: str) -> Reply:
        if self.login_failure_status == 200:
            return self._login_answer(None, errorMessage=details)
        return self._error(self.login_failure_status, "Login failed!", details=details)

    def _login_answer(self, token: str | None, **members: object) -> Reply:
        """Return the answer to a login; if the token is None, that to a failed login."""
        life = self.token_life if token else 0
        result = {
            "accessToken": token,
            "expireInSeconds": int(life),
            "accessTokenExpirationDateTimeUtc": iso(self.clock() + life) if token else None,
            "loginVerificationCode": None,
            "requiresTwoFactorVerification": False,
            "twoFactorAuthProviders": None,
            "refreshToken": uuid.uuid4().hex if token else None,
            "refreshTokenExpireInSeconds": 31_536_000 if token else 0,
            "errorMessage": None,
            **members,
        }
        return json_reply(enveloped(result))

    # Companies

    def _need(self, right: str) -> None:
        if right not in self.user.rights:
            raise self._refused(403, f"Required permissions are not granted: {RIGHTS[right]}")

    def _company(self, company: object) -> Company:
        """Return the company with an id; refuse an id that is invalid, unknown or not visible."""
        if isinstance(company, str) and company.isascii() and company.isdigit():
            company = int(company)
        if isinstance(company, bool) or not isinstance(company, int):
            raise self._invalid("administrationId")
        found = self._companies.get(company)
        if found is None:
            raise self._refused(404, f"There is no administration with id {company}")
        if not found.visible:
            raise self._refused(403, "You have no rights on this administration.")
        return found

    def _list_companies(self, call: Call) -> Reply:
        self._need("companies")
        rows = [company.json for company in self._companies.values() if company.visible]
        return self._page(call, rows)

    def _get_company(self, call: Call) -> Reply:
        self._need("companies")
        return self._answer_with({"administration": self._company(call.args[0]).json})

    # Inbox

    def _upload(self, call: Call) -> Reply:
        self._need("inbox")
        if len(call.body) > self.max_body:
            return html_reply("413 - request entity too large", 413)
        sent = self._json(call)
        wrong = require(sent, _UPLOAD_TEXTS, administrationId=int, attachments=list)
        wrong += [name for name in _UPLOAD_TEXTS if not isinstance(sent.get(name), str | None)]
        if wrong:
            raise self._invalid(*wrong)
        company = self._company(sent["administrationId"])
        item = InboxItem(
            id=next(self._inbox_ids),
            external_id=sent.get("externalId"),
            company_id=company.id,
            company_code=company.code,
            subject=sent.get("subject"),
            sender_name=sent.get("senderName"),
            destination=sent.get("destination"),
            attachments=self._attachments(sent["attachments"]),
            received_time=self.clock(),
        )
        refusal = self._refusal(item) if self._refusal is not None else None
        if refusal is not None:
            return self._error(500, refusal)
        self._inbox[item.id] = item
        return self._answer_with(item.json)

    def _attachments(self, sent: list[Any]) -> tuple[Attachment, ...]:
        """Return the decoded attachments of an upload; raise an error if one is malformed."""
        if not sent:
            raise self._invalid("attachments")
        kept: list[Attachment] = []
        for index, part in enumerate(sent):
            where = f"attachments[{index}]"
            if not isinstance(part, dict):
                raise self._invalid(where)
            part = cast("dict[str, Any]", part)
            wrong = require(part, (), fileName=str, contentType=str, content=str)
            if wrong:
                raise self._invalid(*(f"{where}.{name}" for name in wrong))
            try:
                content = binascii.a2b_base64(part["content"], strict_mode=True)
            except ValueError:
                raise self._invalid(f"{where}.content") from None
            seal = hashlib.sha256(content).hexdigest()
            size = len(content)
            kept.append(Attachment(part["fileName"], part["contentType"], size, seal, content))
        return tuple(kept)

    def _listed(self, item: InboxItem) -> bool:
        return self.lookup != "lags" or self.clock() >= item.received_time + self.lookup_lag

    def _list_inbox(self, call: Call) -> Reply:
        self._need("inbox")
        seen = {company.id for company in self._companies.values() if company.visible}
        rows = [item.json for item in self._inbox.values()
                if item.company_id in seen and self._listed(item)]  # fmt: skip
        return self._page(call, rows)

    def _inbox_details(self, call: Call) -> Reply:
        self._need("inbox")
        if self.lookup == "missing":
            return html_reply("404 - not found", 404)
        query = call.query
        if "id" in query:
            if not query["id"].isascii() or not query["id"].isdigit():
                raise self._invalid("id")
            item = self._inbox.get(int(query["id"]))
            if item is None:
                return self._error(404, "There is no such inbox document.")
            self._company(item.company_id)
            return self._answer_with(item.json)
        missing = [name for name in ("administrationId", "externalId") if not query.get(name)]
        if missing:
            raise self._invalid(*missing)
        company = self._company(query["administrationId"])
        if self.lookup == "ignores_external_id":
            newest = [item for item in self._inbox.values() if item.company_id == company.id]
            found = newest[-1:]
        else:
            sought = (company.id, query["externalId"])
            found = [
                item
                for item in self._inbox.values()
                if (item.company_id, item.external_id) == sought and self._listed(item)
            ]
        if not found:
            return self._error(404, "There is no such inbox document.")
        return self._answer_with(found[0].json)

    # Master data

    def _list_records(self, name: str, call: Call) -> Reply:
        return self._page(call, self._records[name])

    def _getter(self, operation: str, path: str, keys: tuple[str, ...]) -> Route:
        def answer(call: Call) -> Reply:
            query = call.query
            given = {key: query[key] for key in keys if query.get(key)}
            if not query.get("administrationId"):
                raise self._invalid("administrationId")
            if not given:
                raise self._invalid(keys[0])
            company = self._company(query["administrationId"])
            for record in self._records[operation.partition(".")[0]]:
                same = all(str(record.get(key)) == value for key, value in given.items())
                if same and record.get("administrationId") == company.id:
                    return self._answer_with(record)
            return self._error(404, "There is no such record.")

        return Route(operation, "GET", path, answer, frozenset({"administrationId", *keys}))

    def _get_transaction(self, call: Call) -> Reply:
        for record in self._records["financial_transactions"]:
            if str(record.get("id")) == call.args[0]:
                return self._answer_with(record)
        return self._error(404, "There is no such record.")

    def _available(self, _call: Call) -> Reply:
        return self._answer_with(self.available_webhooks)

    def _subscriptions(self, _call: Call) -> Reply:
        return self._answer_with({"items": self._records[_WEBHOOKS]})

    def _page(self, call: Call, rows: Sequence[dict[str, Any]]) -> Reply:
        """Return the page that a JSON body requests."""
        sent = self._json(call)
        call.ignored += tuple(sorted(sent.keys() - _LIST_MEMBERS))
        size, skip = sent.get("maxResultCount", 50), sent.get("skipCount", 0)
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 250:
            raise self._invalid("maxResultCount")
        if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
            raise self._invalid("skipCount")
        if sent.get("administrationId") is not None:
            company = self._company(sent["administrationId"])
            rows = [row for row in rows if row.get("administrationId") == company.id]
        if sent.get("sorting") is not None:
            name, _, order = str(sent["sorting"]).partition(" ")
            known = {field for row in rows for field in row}
            if (rows and name not in known) or order.upper() not in {"", "ASC", "DESC"}:
                raise self._invalid("sorting")
            rows = sorted(
                rows,
                key=lambda row: (row.get(name) is not None, row.get(name)),
                reverse=order.upper() == "DESC",
            )
        return self._answer_with({"items": rows[skip : skip + size], "totalCount": len(rows)})
