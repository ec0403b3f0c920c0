"""Services for the recipes: each speaks one dialect only, in front of a fake.

Written from what the recipes say of the service; they know nothing of routes, models or contracts.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from banqup_client.testing import FakeBanqup
from zenvoices_client.testing import FakeZenvoices

Json = Any
Handler = Callable[["Service", httpx.Request], Json]

API = "/public-api/v1"
DOCUMENTS = "/datastore/documents/transaction/v2/spaces/{}/documents"
_SPACE = re.compile(r"/datastore/documents/transaction/v[12]/spaces/([^/]+)/(.*)")
UPLOADS = re.compile(rf"{API}/(inbox|inbox/batch|drafts/\d+/submit)")
AS_IT_IS = object()


class Service(httpx.MockTransport):
    """A fake behind a handler.

    The handler returns the answer's JSON or a response, `AS_IT_IS` where the fake may answer by
    itself, and None for what the dialect does not know.

    Attributes:
        lose: Which upload's answer is lost, counted from 1; 0 for none.
        uploads: How many uploads arrived.
    """

    def __init__(self, fake: Any, handler: Handler | None = None) -> None:
        super().__init__(self._answer)
        self.fake = fake
        self.lose = 0
        self.uploads = 0
        self._inner = fake.transport()
        self._handler = handler
        self._lock = threading.Lock()
        self._asked = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        query: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        """Ask the fake, with the caller's token."""
        request = self._asked.request
        url = request.url.copy_with(
            raw_path=(path + (f"?{urlencode(query)}" if query else "")).encode()
        )
        headers = {"Authorization": request.headers.get("authorization", "")}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        asked = httpx.Request(method, url, headers=headers, content=content)
        response: httpx.Response = self._inner.handle_request(asked)
        response.read()
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = self._made(request)
        if UPLOADS.fullmatch(request.url.path) and answer.status_code < 300:
            with self._lock:
                self.uploads += 1
                lost = self.uploads == self.lose
            if lost:
                message = "the answer is lost"
                raise httpx.ReadError(message)
        return answer

    def _made(self, request: httpx.Request) -> httpx.Response:
        self._asked.request = request
        answer = AS_IT_IS if self._handler is None else self._handler(self, request)
        if answer is AS_IT_IS:
            response: httpx.Response = self._inner.handle_request(request)
            response.read()
            return response
        if answer is None:
            page = {"Content-Type": "text/html"}
            return httpx.Response(404, headers=page, content=b"<html>404</html>")
        if isinstance(answer, httpx.Response):
            return answer
        dated = {"Date": httpx.Response(200, headers=self._date()).headers["date"]}
        return httpx.Response(200, headers=dated, json=answer)

    def _date(self) -> dict[str, str]:
        """The fake's own time."""
        known = self.ask("GET", "/nothing")
        return {"Date": known.headers["date"]}


def _body(request: httpx.Request) -> Json:
    return json.loads(request.content)


def _upload(service: Service, company: Any, key: str, files: list[Json]) -> httpx.Response:
    files = [{"contentType": "application/xml", **file} for file in files]
    body = {"administrationId": company, "externalId": key, "attachments": files}
    return service.ask("POST", f"{API}/inbox", body)


# Zenvoices


def two_steps(fake: FakeZenvoices) -> Service:
    """Files first, each for a token; then the document that names them."""
    numbers = itertools.count()  # uploads go at the same time
    kept: dict[str, Json] = {}

    def handler(service: Service, request: httpx.Request) -> Json:
        if request.url.path == f"{API}/file/upload":
            token = f"token-{next(numbers)}"
            kept[token] = _body(request)
            return {"fileToken": token}
        if request.url.path == f"{API}/inbox":
            sent = _body(request)
            if "files" not in sent:
                return None
            files = [kept.pop(token) for token in sent["files"]]
            return _upload(service, sent["administrationId"], sent["externalId"], files)
        return AS_IT_IS

    return Service(fake, handler)


def put_files(fake: FakeZenvoices) -> Service:
    """A draft whose address is in a header, each file as it is by PUT, then the submission."""
    numbers = itertools.count()
    drafts: dict[str, Json] = {}

    def handler(service: Service, request: httpx.Request) -> Json:
        path = request.url.path
        if path == f"{API}/inbox":
            return None
        if path == f"{API}/drafts":
            address = f"{API}/drafts/{next(numbers)}"
            drafts[address] = {**_body(request), "files": []}
            return httpx.Response(
                201, headers={"Location": str(request.url.copy_with(path=address))}
            )
        address, _, name = path.removesuffix("/submit").partition("/files/")
        if address not in drafts:
            return AS_IT_IS
        if name:
            content = base64.b64encode(request.read()).decode()
            drafts[address]["files"].append({"fileName": name, "content": content})
            return httpx.Response(204)
        draft = drafts[address]
        return _upload(service, draft["company"], draft["key"], draft["files"])

    return Service(fake, handler)


def company_in_query(fake: FakeZenvoices) -> Service:
    """The upload takes the company in the query alone."""

    def handler(service: Service, request: httpx.Request) -> Json:
        if request.url.path != f"{API}/inbox":
            return AS_IT_IS
        sent, company = _body(request), request.url.params.get("administrationId")
        if company is None or "administrationId" in sent:
            return None
        return _upload(service, int(company), sent["externalId"], sent["attachments"])

    return Service(fake, handler)


def company_in_header(fake: FakeZenvoices) -> Service:
    """Upload and look-up take the company in a header alone."""

    def handler(service: Service, request: httpx.Request) -> Json:
        path, company = request.url.path, request.headers.get("x-company")
        if path == f"{API}/inbox":
            sent = _body(request)
            if company is None or "administrationId" in sent:
                return None
            return _upload(service, int(company), sent["externalId"], sent["attachments"])
        if path == f"{API}/inbox/details":
            query = dict(request.url.params)
            if company is None or "administrationId" in query:
                return None
            return service.ask("GET", path, query={**query, "administrationId": company})
        return AS_IT_IS

    return Service(fake, handler)


def no_id(fake: FakeZenvoices) -> Service:
    """The answer to an upload tells no number; documents are found in a list."""

    def handler(service: Service, request: httpx.Request) -> Json:
        path, query = request.url.path, request.url.params
        if path == f"{API}/inbox":
            response = service.ask("POST", path, _body(request))
            return {"accepted": True} if response.status_code < 300 else response
        if path == f"{API}/inbox/documents":
            return [
                {"number": item.id}
                for item in fake.inbox
                if item.external_id == query["reference"]
                and str(item.company_id) == query["company"]
            ]
        if path == f"{API}/inbox/list":
            page = service.ask("POST", path, _body(request)).json()
            for row in page["items"]:
                row.pop("externalId")
            return page
        return None if path == f"{API}/inbox/details" else AS_IT_IS

    return Service(fake, handler)


def batch(fake: FakeZenvoices) -> Service:
    """Several documents a call."""

    def handler(service: Service, request: httpx.Request) -> Json:
        if request.url.path == f"{API}/inbox":
            return None
        if request.url.path != f"{API}/inbox/batch":
            return AS_IT_IS
        made = []
        for entry in _body(request)["entries"]:
            files = [{"fileName": one["name"], "content": one["bytes"]} for one in entry["files"]]
            response = _upload(service, entry["company"], entry["key"], files)
            if response.status_code >= 300:
                return response
            made.append({"documentId": response.json()["id"]})
        return {"entries": made}

    return Service(fake, handler)


# Banqup


def _place(request: httpx.Request) -> tuple[str, str]:
    found = _SPACE.fullmatch(request.url.path)
    return (found[1], found[2]) if found else ("", "")


def spring(fake: FakeBanqup) -> Service:
    """Spring's page, and no filter by time."""

    def handler(service: Service, request: httpx.Request) -> Json:
        space, path = _place(request)
        if path != "documents":
            return AS_IT_IS
        query = dict(request.url.params)
        if query.keys() - {"folder", "page", "size"}:
            return None
        page = service.ask("GET", DOCUMENTS.format(space), query=query).json()
        return {"content": page["documents"], "totalElements": page["total"]}

    return Service(fake, handler)


def search(fake: FakeBanqup) -> Service:
    """A search by POST that names a token for the next page."""

    def handler(service: Service, request: httpx.Request) -> Json:
        space, path = _place(request)
        if path == "documents":
            return None
        if path != "documents:search":
            return AS_IT_IS
        sent = _body(request)
        number = int((sent["pageToken"] or "p0")[1:])
        query = {"page": number, "size": min(sent["limit"], 2)}
        query |= {"folder": sent["folder"]} if sent["folder"] else {}
        page = service.ask("GET", DOCUMENTS.format(space), query=query).json()
        more = (number + 1) * query["size"] < page["total"]
        token = {"nextPageToken": f"p{number + 1}"} if more else {}
        return {"documents": page["documents"], **token}

    return Service(fake, handler)


def own_bytes(fake: FakeBanqup) -> Service:
    """Bytes come from the API itself, with its token."""

    def handler(service: Service, request: httpx.Request) -> Json:
        _, path = _place(request)
        if not path.startswith("files/"):
            return AS_IT_IS
        whole = request.url.path.removesuffix("/content")
        details = service.ask("GET", whole)
        if details.status_code >= 300:
            return details
        row = details.json()
        signed = httpx.URL(row.pop("downloadUrl"))
        if not path.endswith("/content"):
            return {**row, "status": "STORED"}
        response = service._inner.handle_request(httpx.Request("GET", signed))
        return httpx.Response(200, content=response.read())

    return Service(fake, handler)


def in_json(fake: FakeBanqup) -> Service:
    """A file comes as Base64 in JSON, and has no details."""

    def handler(service: Service, request: httpx.Request) -> Json:
        _, path = _place(request)
        if not path.startswith("files/"):
            return AS_IT_IS
        if not path.endswith("/content"):
            return None
        details = service.ask("GET", request.url.path.removesuffix("/content"))
        if details.status_code >= 300:
            return details
        signed = httpx.URL(details.json()["downloadUrl"])
        response = service._inner.handle_request(httpx.Request("GET", signed))
        return {"data": base64.b64encode(response.read()).decode()}

    return Service(fake, handler)


def nested(fake: FakeBanqup) -> Service:
    """Nested rows with links, epoch times and other words."""
    words = {"FULLY_APPROVED": "approved", "VALIDATED": "sent", "AWAITING_VALIDATION": "new"}

    def epoch(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    def row_of(document: Json) -> Json:
        state = document["status"]["document"]
        links = [{"title": file["id"], "href": f"/f/{file['id']}"} for file in document["files"]]
        invoice = {
            "key": document["id"],
            "box": document["folder"].lower(),
            "state": words.get(state, state),
            "created": epoch(document["createdAt"]),
            "changed": epoch(document["updatedAt"]),
        }
        return {"invoice": invoice, "_links": {"files": links}}

    def handler(service: Service, request: httpx.Request) -> Json:
        space, path = _place(request)
        kind, _, name = path.partition("/")
        if kind == "documents":
            return None
        if kind != "invoices":
            return AS_IT_IS
        if name:
            found = service.ask("GET", f"{DOCUMENTS.format(space)}/{name}")
            return row_of(found.json()) if found.status_code < 300 else found
        query = dict(request.url.params)
        box, number = query.pop("box", ""), int(query.pop("from", "0"))
        asked = {"page": number, "size": 2, **({"folder": box.upper()} if box else {})}
        page = service.ask("GET", DOCUMENTS.format(space), query=asked).json()
        links = {}
        if (number + 1) * 2 < page["total"]:
            there = request.url.copy_merge_params({"from": str(number + 1)})
            links["next"] = {"href": str(there)}
        return {"rows": [row_of(one) for one in page["documents"]], "_links": links}

    return Service(fake, handler)


def own_files(fake: FakeBanqup) -> Service:
    """Documents do not name their files; another call does."""

    def handler(service: Service, request: httpx.Request) -> Json:
        space, path = _place(request)
        if not path.startswith("documents"):
            return AS_IT_IS
        if path.endswith("/files"):
            name = path.split("/")[1]
            found = service.ask("GET", f"{DOCUMENTS.format(space)}/{name}")
            return {"files": found.json()["files"]}
        answer = service.ask("GET", request.url.path, query=dict(request.url.params))
        if answer.status_code >= 300:
            return answer
        body = answer.json()
        for row in body.get("documents", [body]):
            row.pop("files")
        return body

    return Service(fake, handler)
