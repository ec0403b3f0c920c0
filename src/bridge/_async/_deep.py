"""verify(deep=True): every operation an export uses, its answer held against the contract."""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, BinaryIO, cast

from attrs import evolve

from _client_kit._async._body import AsyncJsonBody
from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, NotFoundError, ServiceError
from _client_kit._json import is_list, is_object
from _client_kit._text import Text, joined
from _contract_check.banqup import expectations as banqup_expectations
from _contract_check.zenvoices import expectations as zenvoices_expectations
from banqup_client import AsyncBanqupClient
from bridge._delivery.eligibility import FOLDERS
from bridge._mapping.spool import Spool
from bridge._reports.contract_checks import answered, broken, looked_at
from bridge._reports.texts import Lang, translate
from bridge._reports.verification import Check, Verification
from bridge.testing._samples.sample import sample as sample_document
from zenvoices_client import AsyncZenvoicesClient, Attachment, Company, InboxUpload

__all__ = ["AsyncDeep"]

logger = logging.getLogger("bridge")

LONG_AGO = "2020-01-01T00:00:00.000Z"
NOT_READ_BACK = Text(
    "hint_not_read_back",
    "The upload was taken, but its look-up does not find it: look into the company's inbox in "
    "Zenvoices. If it is there, correct inbox.details or inbox.list; until then a document whose "
    "upload breaks off is held as uncertain.",
)
MAX_BYTES = 64 * 1024 * 1024


class AsyncDeep:
    """Calls what an export calls; reads only, unless a test document is to be sent."""

    def __init__(
        self,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        space_id: str,
        company_code: str,
        company: Callable[[], Awaitable[Company]],
        lang: Lang,
    ) -> None:
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._space_id = space_id
        self._company_code = company_code
        self._company = company
        self._lang: Lang = lang
        self._checks: list[Check] = []

    async def add_to(
        self, verification: Verification, sample: InboxUpload | bool | None
    ) -> Verification:
        """The verification with one more check for each operation."""
        await self._look_at_banqup()
        company_id = await self._look_at_zenvoices()
        if sample and verification.error is not None:
            why = Text("not_sent_checks", "other checks failed, so nothing was sent")
            self._nothing("inbox.upload", why)
        elif sample:
            await self._send(marked(sample), company_id)
        checks = (*verification.checks, *self._checks)
        error = verification.error
        failed = next((check for check in self._checks if check.outcome == "failed"), None)
        if error is None and failed is not None:
            message = joined(": ", failed.name, failed.detail)
            code = failed.code
            error = ConfigurationError(message, service="bridge", hint=failed.remedy, code=code)
        return evolve(verification, checks=checks, error=error)

    # Banqup

    async def _look_at_banqup(self) -> None:
        await self._ask("spaces.list")
        pages: list[Any] = []
        for query in (
            *({"folder": folder, "page": 0, "size": 50} for folder in FOLDERS),
            {"folder": FOLDERS[0], "updated_since": LONG_AGO, "page": 0, "size": 50},
        ):
            page = await self._ask("documents.list", query=query, judged=False)
            if page is None:
                break
            pages.append(self._decoded(page))
        else:
            self._judge(pages, "documents.list")
        rows = [row for page in pages if is_object(page) for row in _listed(page, "documents")]
        known: list[dict[str, Any]] = [row for row in rows if is_object(row) and row.get("id")]
        known.sort(key=lambda row: not _listed(row, "files"))
        found: dict[str, Any] = known[0] if known else {}
        document = await self._ask_for("documents.get", {"document_id": found.get("id")})
        found = document if is_object(document) else found
        files = _listed(found, "files")
        file_id = files[0].get("id") if files and is_object(files[0]) else None
        names_url = _names_url(await self._ask_for("files.details", {"file_id": file_id}))
        await self._download(file_id, names_url=names_url)

    def _decoded(self, page: Any) -> Any:
        """A page with the caller's decode_document= applied, as the client does."""
        if not is_object(page) or not is_list(page.get("documents")):
            return page
        return {**page, "documents": [self._document(row) for row in page["documents"]]}

    def _document(self, row: Any) -> Any:
        function = self._banqup.documents._decode_document
        if function is None or not is_object(row):
            return row
        try:
            return dict(function(row))
        except Exception:  # noqa: BLE001 - somebody else's function
            return {}

    async def _ask_for(self, name: str, ids: Mapping[str, Any]) -> Any:
        """One record by the id an earlier answer brought."""
        if not all(ids.values()):
            why = Text("no_document_to_see", "the space holds no document with a file to look at")
            self._nothing(name, why)
            return None
        payload = await self._ask(name, path={"space_id": self._space_id, **ids}, judged=False)
        if payload is not None:
            payload = self._document(payload) if name == "documents.get" else payload
            waits = is_object(payload) and payload.get("status") == "AWAITING_UPLOAD"
            if name == "files.details" and waits:
                why = Text("not_scanned", "the file is not scanned yet: look again later")
                self._nothing(name, why)
                return None
            self._judge([payload], name)
        return payload

    async def _download(self, file_id: Any, *, names_url: bool) -> None:
        name = "files.download"
        if not names_url:
            self._nothing(name, Text("no_file_to_fetch", "there is no file to fetch"))
            return
        spool = Spool()
        try:
            await self._banqup.files.download(
                self._space_id, str(file_id), cast("BinaryIO", spool), max_bytes=MAX_BYTES
            )
            size = spool.seek(0, io.SEEK_END)
            read = Text("bytes", "{0} byte|{0} bytes", size)
            self._checks.append(looked_at(name, read, self._lang))
        except ServiceError as error:
            self._broken(error, name)
        finally:
            spool.close()

    # Zenvoices

    async def _look_at_zenvoices(self) -> int | None:
        """Look at Zenvoices' operations and return the company's number."""
        page = {"maxResultCount": 50, "skipCount": 0}
        await self._ask("companies.list", json=page)
        company_id: int | None = None
        try:
            company_id = (await self._company()).id
        except ServiceError:  # the ordinary checks say why
            unknown = Text("no_company", "the company is not known")
            self._nothing("inbox.list", unknown)
            self._nothing("inbox.details", unknown)
            return None
        listed = await self._ask("inbox.list", json={**page, "administrationId": company_id})
        rows = _listed(listed, "items") if is_object(listed) else []
        known = next((row["externalId"] for row in rows if _is_ours(row, company_id)), None)
        await self._look_up(known, company_id)
        return company_id

    async def _look_up(self, external_id: str | None, company_id: int | None) -> None:
        name = "inbox.details"
        query = {"company_id": company_id, "external_id": external_id or _new_id("none")}
        try:
            payload, _ = await self._zenvoices._calls.call(self._operation(name), query=query)
        except NotFoundError as error:
            if external_id is None:
                detail = Text(
                    "absent_as_should", "an id that does not exist is not found, as it should be"
                )
                self._checks.append(looked_at(name, detail, self._lang))
            else:
                self._broken(error, name)
        except ServiceError as error:
            self._broken(error, name)
        else:
            check = self._judge([payload], name)
            came = payload.get("externalId") if is_object(payload) else None
            if check.outcome == "ok" and came != query["external_id"]:
                self._checks[-1] = evolve(
                    check,
                    outcome="failed",
                    detail=translate(
                        Text(
                            "other_document",
                            "the answer is about another document: the external id is ignored",
                        ),
                        self._lang,
                    ),
                    remedy=translate(
                        Text(
                            "hint_query",
                            "Check the query names: ZenvoicesClient(contract={0}).",
                            '{"inbox.details": {"query": {"external_id": "..."}}}',
                        ),
                        self._lang,
                    ),
                    code="wrong_answer",
                )

    async def _send(self, upload: InboxUpload, company_id: int | None) -> None:
        """Send one test document and read it back."""
        name = "inbox.upload"
        if company_id is None:
            why = Text("no_company_not_sent", "the company is not known, so nothing was sent")
            self._nothing(name, why)
            return
        external_id = _new_id("test")
        logger.warning(
            "verify(sample=) now sends one test document to the company %r in Zenvoices: %r, "
            "external id %s. Delete it there afterwards.",
            self._company_code,
            upload.subject,
            external_id,
        )
        operation = self._operation(name)
        inbox = self._zenvoices.inbox
        template = inbox._template(operation, upload, company_id, external_id)
        try:
            payload, _ = await self._zenvoices._calls.call(
                operation,
                content=AsyncJsonBody(template, service="zenvoices"),
                content_length=template.size,
            )
            payload = {"id": payload} if type(payload) is int else payload
            check = self._judge([payload], name)
            if check.outcome == "ok":
                found = await inbox.find(external_id=external_id, company_id=company_id)
                there = Text("read_back", "sent as {0!r}, and found when read back", upload.subject)
                lost = Text("not_read_back", "sent as {0!r}, but not read back", upload.subject)
                remedy = translate(NOT_READ_BACK, self._lang)
                self._checks[-1] = (
                    evolve(check, detail=translate(there, self._lang))
                    if found.outcome == "found"
                    else evolve(
                        check,
                        outcome="failed",
                        detail=translate(lost, self._lang),
                        remedy=remedy,
                        code="not_read_back",
                    )
                )
        except ServiceError as error:
            self._broken(error, name)

    # Both

    def _operation(self, name: str) -> Operation:
        if _is_zenvoices(name):
            return self._zenvoices._facts[name]
        return self._banqup.documents._contract[name]

    async def _ask(
        self,
        name: str,
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        json: object = None,
        judged: bool = True,
    ) -> Any:
        """An operation's payload in our names; None, and a failed check, where there is none."""
        zenvoices = _is_zenvoices(name)
        calls = self._zenvoices._calls if zenvoices else self._banqup.documents._calls
        if path is None and not zenvoices:
            path = {"space_id": self._space_id}
        try:
            payload, _ = await calls.call(self._operation(name), path=path, query=query, json=json)
        except ServiceError as error:
            self._broken(error, name)
            return None
        if judged:
            self._judge([payload], name)
        return payload

    def _judge(self, payloads: list[Any], name: str) -> Check:
        expected = zenvoices_expectations() if _is_zenvoices(name) else banqup_expectations()
        check = answered(
            payloads, self._operation(name), expected, client=_client(name), lang=self._lang
        )
        self._checks.append(check)
        return check

    def _broken(self, error: ServiceError, name: str) -> None:
        self._checks.append(broken(error, name, client=_client(name), lang=self._lang))

    def _nothing(self, name: str, why: str) -> None:
        self._checks.append(looked_at(name, why, self._lang, skipped=True))


def _is_zenvoices(name: str) -> bool:
    return name.startswith(("companies.", "inbox."))


def _client(name: str) -> str:
    return "ZenvoicesClient" if _is_zenvoices(name) else "BanqupClient"


def _names_url(details: Any) -> bool:
    """Return True if a file's details hold its signed URL; no frame of the download has it."""
    return is_object(details) and bool(details.get("downloadUrl"))


def _listed(value: Mapping[str, Any], name: str) -> list[Any]:
    listed = value.get(name)
    return listed if is_list(listed) else []


def _is_ours(row: Any, company_id: int | None) -> bool:
    """Whether an inbox document of the company can be looked up by its external id."""
    if not is_object(row) or not isinstance(row.get("externalId"), str) or not row["externalId"]:
        return False
    return row.get("administrationId") in (None, company_id)


def _new_id(kind: str) -> str:
    """An external id nobody has used."""
    return f"{kind}-{uuid.uuid4().hex}"


def marked(sample: InboxUpload | bool) -> InboxUpload:
    """The document to send, marked so that nobody takes it for a real one."""
    if isinstance(sample, InboxUpload):
        return evolve(sample, subject=f"TEST {sample.subject or ''}".strip())
    content = sample_document(0).content
    return InboxUpload(
        attachments=(Attachment("TEST-please-delete.xml", content),),
        subject="TEST, please delete",
        sender_name="TEST banqup-zenvoices",
    )
