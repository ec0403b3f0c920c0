"""Services that speak another dialect than the one the library assumes.

A `Dialect` stands in front of a fake as an httpx transport: it takes only the calls of its own
table, translates them into what the fake knows and the answers back. It is written from the vendor
files beside it, and knows nothing of contracts, routes or models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from attrs import field, frozen

Json = Any
Change = Callable[[Json], Json]


def same(value: Json) -> Json:
    """Nothing to translate."""
    return value


def rename(names: Mapping[str, str]) -> Change:
    """A translation that gives members other names, at every level."""

    def change(value: Json) -> Json:
        if isinstance(value, dict):
            return {names.get(name, name): change(inner) for name, inner in value.items()}
        return [change(inner) for inner in value] if isinstance(value, list) else value

    return change


def recase(first: Callable[[str], str]) -> Change:
    """A translation that changes the first letter of every member's name."""

    def change(value: Json) -> Json:
        if isinstance(value, dict):
            return {first(name[:1]) + name[1:]: change(inner) for name, inner in value.items()}
        return [change(inner) for inner in value] if isinstance(value, list) else value

    return change


@frozen
class Rule:
    """One call of the dialect and the fake's call it stands for."""

    method: str
    path: str
    native: str
    native_method: str = ""
    query: Mapping[str, str] = field(factory=dict)
    """The dialect's query names to the fake's; any other is refused."""
    members: frozenset[str] | None = None
    """Members a JSON body may have; None for any."""
    request: Change = same
    answer: Change = same


class Dialect(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A fake behind a table of rules: what is not in it is a web page saying 404.

    Attributes:
        refused: What was asked for in words of another dialect.
        calls: The dialect's calls that were answered, ``"POST /path"``.
    """

    def __init__(self, fake: Any, *rules: Rule) -> None:
        self._inner = fake.transport()
        self._rules = rules
        self.refused: list[str] = []
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Translate there and back."""
        request.read()
        rule, translated = self._translate(request)
        if rule is None:
            return self._refuse(request)
        response = self._inner.handle_request(translated)
        response.read()
        return self._back(rule, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Translate there and back."""
        await request.aread()
        rule, translated = self._translate(request)
        if rule is None:
            return self._refuse(request)
        response = await self._inner.handle_async_request(translated)
        await response.aread()
        return self._back(rule, response)

    def _refuse(self, request: httpx.Request) -> httpx.Response:
        self.refused.append(f"{request.method} {request.url.path}")
        page = {"Content-Type": "text/html"}
        return httpx.Response(404, headers=page, content=b"<html>404</html>")

    def _translate(self, request: httpx.Request) -> tuple[Rule | None, httpx.Request]:
        for rule in self._rules:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", rule.path)
            found = re.fullmatch(pattern, request.url.path)
            if found is None or request.method != rule.method:
                continue
            asked = dict(request.url.params)
            body = request.content
            if asked.keys() - rule.query.keys():
                break
            if body and "json" in request.headers.get("content-type", ""):
                sent = json.loads(body)
                if rule.members is not None and sent.keys() - rule.members:
                    break
                translated = rule.request(sent)
                if translated is None:
                    break
                body = json.dumps(translated).encode()
            names = {rule.query[name]: value for name, value in asked.items()}
            path = rule.native.format(**found.groupdict())
            url = request.url.copy_with(
                raw_path=(path + ("?" + urlencode(names) if names else "")).encode()
            )
            headers = dict(request.headers)
            headers.pop("content-length", None)
            headers.pop("transfer-encoding", None)
            self.calls.append(f"{rule.method} {rule.path}")
            method = rule.native_method or rule.method
            return rule, httpx.Request(
                method, url, headers=headers, content=body, extensions=request.extensions
            )
        return None, request

    def _back(self, rule: Rule, response: httpx.Response) -> httpx.Response:
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-length", "transfer-encoding")
        }
        body = response.content
        if response.status_code < 300:
            body = json.dumps(rule.answer(json.loads(body))).encode()
        return httpx.Response(response.status_code, headers=headers, content=body)


def _envelope(result: Json) -> Json:
    return {
        "result": result,
        "targetUrl": None,
        "success": True,
        "error": None,
        "unAuthorizedRequest": False,
        "__abp": True,
    }


LOGIN = Rule("POST", "/api/TokenAuth/TokenLogin", "/api/TokenAuth/TokenLogin")
_API = "/public-api/v1"


def zenvoices_cased(fake: Any) -> Dialect:
    """Below another prefix, names with a capital, everything in the framework's envelope."""
    lower = recase(str.lower)
    upper = recase(str.upper)

    def strict(value: Json) -> Json:
        return lower(value) if all(name[:1].isupper() for name in value) else None

    def out(value: Json) -> Json:
        return _envelope(upper(value))

    base = "/api/external/v2"
    # The framework reads the names of a query in any letter case.
    query = {"id": "id", "administrationId": "administrationId", "externalId": "externalId"}
    return Dialect(
        fake,
        LOGIN,
        *(
            Rule("POST", f"{base}/{path}", f"{_API}/{path}", request=strict, answer=out)
            for path in ("administration/list", "inbox/list", "inbox")
        ),
        Rule("GET", f"{base}/inbox/details", f"{_API}/inbox/details", query=query, answer=out),
    )


_RENAMED = {
    "take": "maxResultCount", "skip": "skipCount", "companyId": "administrationId",
    "reference": "externalId", "title": "subject", "from": "senderName", "files": "attachments",
    "name": "fileName", "mimeType": "contentType", "base64": "content",
}  # fmt: skip


def zenvoices_renamed(fake: Any) -> Dialect:
    """Other paths and other names, the same structure."""
    page = {"items": "records", "totalCount": "total"}
    companies = rename({**page, "id": "administrationId", "code": "administrationCode"})
    back = {theirs: ours for ours, theirs in _RENAMED.items() if ours not in ("name", "take")}
    documents = rename({**back, **page, "id": "documentId"})
    paging = frozenset({"take", "skip", "sorting"})
    there = rename(_RENAMED)
    return Dialect(
        fake,
        LOGIN,
        Rule("POST", f"{_API}/administrations/search", f"{_API}/administration/list",
             members=paging, request=there, answer=companies),
        Rule("POST", f"{_API}/inbox/search", f"{_API}/inbox/list",
             members=paging | {"companyId"}, request=there, answer=documents),
        Rule("GET", f"{_API}/inbox/document", f"{_API}/inbox/details",
             query={"documentId": "id", "companyId": "administrationId", "reference": "externalId"},
             answer=documents),
        Rule("POST", f"{_API}/inbox/submit", f"{_API}/inbox",
             members=frozenset(
                 {"companyId", "reference", "title", "from", "destination", "files"}),
             request=there, answer=documents),
    )  # fmt: skip


def zenvoices_nested(fake: Any) -> Dialect:
    """One file a call, header and file apart, a member more; the answer is a bare number."""

    def upload(sent: Json) -> Json:
        header, file = sent.get("header"), sent.get("file")
        if sent.get("source") != "api" or not header or not file:
            return None
        part = {
            "fileName": file["name"],
            "contentType": file["mediaType"],
            "content": file["data"],
        }
        return {
            "administrationId": header["administrationId"],
            "externalId": header["externalId"],
            "subject": header["subject"],
            "senderName": header["sender"],
            "attachments": [part],
        }

    query = {name: name for name in ("id", "administrationId", "externalId")}
    return Dialect(
        fake,
        LOGIN,
        *(
            Rule("POST", f"{_API}/{path}", f"{_API}/{path}", answer=_envelope)
            for path in ("administration/list", "inbox/list")
        ),
        Rule("GET", f"{_API}/inbox/details", f"{_API}/inbox/details", query=query,
             answer=_envelope),
        Rule("POST", f"{_API}/inbox/uploadAndRead", f"{_API}/inbox",
             members=frozenset({"header", "file", "source"}), request=upload,
             answer=lambda item: _envelope(item["id"])),
    )  # fmt: skip


_BASE = "/datastore/documents/transaction"
TOKEN = Rule("POST", "/oauth2/client_credential/gettoken", "/oauth2/client_credential/gettoken")
SPACES = Rule("GET", "/entitystore/v1/spaces", "/entitystore/v1/spaces")
_DOCUMENTS = f"{_BASE}/v2/spaces/{{space}}/documents"
_FILE = f"{_BASE}/v1/spaces/{{space}}/files/{{file}}"


def banqup_cased(fake: Any) -> Dialect:
    """One version on, and some names in other letters."""
    path = f"{_BASE}/v3/spaces/{{space}}"
    out = rename({
        "documents": "Documents", "spaceId": "spaceID", "updatedAt": "updatedAT",
        "downloadUrl": "downloadURL", "uploadUrl": "uploadURL",
    })  # fmt: skip
    query = {"folder": "folder", "updatedsince": "updatedSince", "page": "page", "Size": "size"}
    return Dialect(
        fake,
        TOKEN,
        SPACES,
        Rule("GET", f"{path}/documents", _DOCUMENTS, query=query, answer=out),
        Rule("GET", f"{path}/documents/{{document}}", f"{_DOCUMENTS}/{{document}}", answer=out),
        Rule("GET", f"{path}/files/{{file}}", _FILE, answer=out),
    )


def banqup_renamed(fake: Any) -> Dialect:
    """Other paths and other names, the same structure."""
    path = f"{_BASE}/v2/spaces/{{space}}"
    outer = {
        "documents": "content", "page": "number", "size": "pageSize", "total": "totalElements",
        "folder": "box", "category": "kind", "createdAt": "created", "updatedAt": "modified",
        "filename": "name", "contentType": "mimeType", "fileSize": "bytes",
    }  # fmt: skip

    def document(row: Json) -> Json:
        row = dict(row)
        files = [{"fileId": file.pop("id"), **file} for file in row.pop("files")]
        status = row.pop("status")
        row["state"] = {"approval": status.pop("document"), **status}
        return rename(outer)({"documentId": row.pop("id"), **row, "attachments": files})

    def page(answer: Json) -> Json:
        rows = [document(row) for row in answer.pop("documents")]
        return {"content": rows, **rename(outer)(answer)}

    def details(answer: Json) -> Json:
        names = {**outer, "id": "fileId", "status": "state", "downloadUrl": "link"}
        return rename(names)(answer)

    query = {"box": "folder", "modifiedSince": "updatedSince", "number": "page",
             "pageSize": "size"}  # fmt: skip
    return Dialect(
        fake,
        TOKEN,
        SPACES,
        Rule("GET", f"{path}/invoices", _DOCUMENTS, query=query, answer=page),
        Rule("GET", f"{path}/invoices/{{document}}", f"{_DOCUMENTS}/{{document}}",
             answer=document),
        Rule("GET", f"{path}/attachments/{{file}}", _FILE, answer=details),
    )  # fmt: skip


def banqup_nested(fake: Any) -> Dialect:
    """Documents of another structure, with other words for their status."""
    words = {"AWAITING_VALIDATION": "NEW", "VALIDATED": "CHECKED", "FULLY_APPROVED": "APPROVED",
             "REFUSED": "REJECTED"}  # fmt: skip

    def document(row: Json) -> Json:
        parts = [
            {"fileId": file["id"], "fileName": file["filename"], "length": file["fileSize"]}
            for file in row["files"]
        ]
        return {
            "key": row["id"],
            "header": {
                "folder": row["folder"],
                "documentType": row["category"],
                "changedOn": row["updatedAt"],
            },
            "workflow": {"state": words[row["status"]["document"]]},
            "content": {"original": parts[0] if parts else None, "others": parts[1:]},
        }

    def page(answer: Json) -> Json:
        return {**answer, "documents": [document(row) for row in answer["documents"]]}

    query = {"folder": "folder", "updatedSince": "updatedSince", "page": "page", "size": "size"}
    return Dialect(
        fake,
        TOKEN,
        SPACES,
        Rule("GET", _DOCUMENTS, _DOCUMENTS, query=query, answer=page),
        Rule("GET", f"{_DOCUMENTS}/{{document}}", f"{_DOCUMENTS}/{{document}}", answer=document),
        Rule("GET", _FILE, _FILE),
    )
