"""The same export written by hand on bare httpx: no store, no retries, nothing remembered.

What an integrator would write in an afternoon, and what the library is measured against: the same
calls in the same order at the same concurrency, whole bodies in memory.
"""

from __future__ import annotations

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx
from service import CLIENT_ID, CLIENT_SECRET, ORGANISATION, PASSWORD, USER, Service

FOLDERS = ("PURCHASES", "SALES")
_LIMITS = httpx.Limits(max_keepalive_connections=20)


def _form() -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


def _login() -> dict[str, str]:
    return {
        "userNameOrEmailAddress": USER,
        "password": PASSWORD,
        "tenancyName": ORGANISATION,
    }


def _upload(document: dict[str, Any], content: bytes, company_id: int) -> bytes:
    file = document["files"][0]
    return json.dumps(
        {
            "administrationId": company_id,
            "externalId": f"bare-{document['id']}",
            "subject": f"Invoice {file['filename']}",
            "senderName": None,
            "destination": None,
            "attachments": [
                {
                    "fileName": file["filename"],
                    "contentType": file["contentType"],
                    "content": base64.b64encode(content).decode(),
                }
            ],
        }
    ).encode()


def _path(space: str) -> str:
    return f"/datastore/documents/transaction/v2/spaces/{space}/documents"


def _file(space: str, document: dict[str, Any]) -> str:
    return f"/datastore/documents/transaction/v1/spaces/{space}/files/{document['files'][0]['id']}"


def _wanted(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        document
        for document in page["documents"]
        if document["status"]["document"] == "FULLY_APPROVED"
    ]


class Bare:
    """The hand-written loop with threads."""

    def __init__(self, service: Service) -> None:
        self.company_id = service.company_id
        self.banqup = httpx.Client(base_url=service.banqup_url, timeout=30, limits=_LIMITS)
        self.zenvoices = httpx.Client(base_url=service.zenvoices_url, timeout=30, limits=_LIMITS)
        self.storage = httpx.Client(timeout=30, limits=_LIMITS)
        token = self.banqup.post("/oauth2/client_credential/gettoken", data=_form()).json()
        self.banqup.headers["Authorization"] = f"Bearer {token['access_token']}"
        login = self.zenvoices.post("/api/TokenAuth/TokenLogin", json=_login()).json()
        self.zenvoices.headers["Authorization"] = f"Bearer {login['result']['accessToken']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self.banqup, self.zenvoices, self.storage):
            client.close()

    def run(self, space: str, in_flight: int) -> int:
        documents: list[dict[str, Any]] = []
        for folder in FOLDERS:
            number = 0
            while True:
                query = {"folder": folder, "page": number, "size": 50}
                page = self.banqup.get(_path(space), params=query).raise_for_status().json()
                documents += _wanted(page)
                number += 1
                if number * 50 >= page["total"]:
                    break

        def move(document: dict[str, Any]) -> None:
            details = self.banqup.get(_file(space, document)).raise_for_status().json()
            content = self.storage.get(details["downloadUrl"]).raise_for_status().content
            body = _upload(document, content, self.company_id)
            headers = {"Content-Type": "application/json"}
            sent = self.zenvoices.post("/public-api/v1/inbox", content=body, headers=headers)
            sent.raise_for_status().json()

        if in_flight == 1:
            for document in documents:
                move(document)
        else:
            with ThreadPoolExecutor(in_flight) as pool:
                list(pool.map(move, documents))
        return len(documents)


class AsyncBare:
    """The hand-written loop with tasks."""

    def __init__(self, service: Service) -> None:
        self.company_id = service.company_id
        self.banqup = httpx.AsyncClient(base_url=service.banqup_url, timeout=30, limits=_LIMITS)
        self.zenvoices = httpx.AsyncClient(
            base_url=service.zenvoices_url, timeout=30, limits=_LIMITS
        )
        self.storage = httpx.AsyncClient(timeout=30, limits=_LIMITS)

    async def __aenter__(self) -> Self:
        await self._login()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in (self.banqup, self.zenvoices, self.storage):
            await client.aclose()

    async def _login(self) -> None:
        answer = await self.banqup.post("/oauth2/client_credential/gettoken", data=_form())
        self.banqup.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        answer = await self.zenvoices.post("/api/TokenAuth/TokenLogin", json=_login())
        token = answer.json()["result"]["accessToken"]
        self.zenvoices.headers["Authorization"] = f"Bearer {token}"

    async def run(self, space: str, in_flight: int) -> int:
        documents: list[dict[str, Any]] = []
        for folder in FOLDERS:
            number = 0
            while True:
                query = {"folder": folder, "page": number, "size": 50}
                answer = await self.banqup.get(_path(space), params=query)
                page = answer.raise_for_status().json()
                documents += _wanted(page)
                number += 1
                if number * 50 >= page["total"]:
                    break
        room = asyncio.Semaphore(in_flight)

        async def move(document: dict[str, Any]) -> None:
            async with room:
                answer = await self.banqup.get(_file(space, document))
                details = answer.raise_for_status().json()
                answer = await self.storage.get(details["downloadUrl"])
                content = answer.raise_for_status().content
                body = _upload(document, content, self.company_id)
                headers = {"Content-Type": "application/json"}
                sent = await self.zenvoices.post(
                    "/public-api/v1/inbox", content=body, headers=headers
                )
                sent.raise_for_status().json()

        await asyncio.gather(*(move(document) for document in documents))
        return len(documents)
