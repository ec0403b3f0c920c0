"""verify(deep=True): call every operation of an export and compare its answer with the contract."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from attrs import evolve

from _client_kit._errors import ConfigurationError, ProtocolError, ServiceError
from _client_kit._text import Text, joined
from _contract_check._async.probe import (
    new_id,
    probe_banqup,
    probe_document,
    probe_upload,
    probe_zenvoices,
)
from _contract_check.banqup import BANQUP
from _contract_check.shapes import Probe
from _contract_check.zenvoices import ZENVOICES
from banqup_client import AsyncBanqupClient, Document
from bridge._reports.contract_checks import check_of
from bridge._reports.texts import Lang, language, say, translate
from bridge._reports.verification import Verification
from bridge.testing._samples.sample import sample as sample_document
from zenvoices_client import AsyncZenvoicesClient, Attachment, Company, InboxUpload

logger = logging.getLogger("bridge")


async def look_deeper(
    verification: Verification,
    banqup: AsyncBanqupClient,
    zenvoices: AsyncZenvoicesClient,
    *,
    space_id: str,
    company: Callable[[], Awaitable[Company]],
    sample: InboxUpload | bool | None,
    lang: Lang,
) -> Verification:
    """Return the verification with one more check for each operation.

    The calls only read, unless a test document is to be sent.
    """
    checks = [check_of(probe, BANQUP, lang) for probe in await probe_banqup(banqup, space_id)]
    try:
        known = await company()
    except ServiceError:  # the check of the company code reports this error
        known = Company()
    probes = await probe_zenvoices(zenvoices, known.id)
    if sample:
        probes.append(await _send(verification, zenvoices, known, marked(sample)))
    checks += [check_of(probe, ZENVOICES, lang) for probe in probes]
    error = verification.error
    failed = next((check for check in checks if check.outcome == "failed"), None)
    if error is None and failed is not None:
        message = joined(": ", failed.name, failed.detail)
        code = failed.code
        error = ConfigurationError(message, service="bridge", hint=failed.remedy, code=code)
    return evolve(verification, checks=(*verification.checks, *checks), error=error)


async def check_readable(
    banqup: AsyncBanqupClient, space_id: str, document: Document | None
) -> None:
    """Check, before an activation, that one listed document can be read with its file.

    An answer that cannot be read raises an error. Any other failure of a call is only logged: the
    document may be gone, or the service busy. Without a document, nothing is checked.

    Raises:
        ConfigurationError: An answer that an export needs cannot be read.
    """
    if document is None:
        return
    for probe in await probe_document(banqup, space_id, document):
        check = check_of(probe, BANQUP, "en")
        unreadable = probe.error is None or isinstance(
            probe.error, (ConfigurationError, ProtocolError)
        )
        if check.outcome == "failed" and unreadable:
            message = joined(": ", check.name, check.detail)
            hint = check.remedy or None
            raise ConfigurationError(message, service="bridge", code="unreadable", hint=hint)
        if check.outcome != "ok":
            logger.warning(
                "activate() could not try %s: %s. This does not stop the activation: call "
                "verify(deep=True) before the first export, which tries it again.",
                *(check.name, check.detail),
            )


async def _send(
    verification: Verification,
    zenvoices: AsyncZenvoicesClient,
    company: Company,
    upload: InboxUpload,
) -> Probe:
    """Send one test document, unless an ordinary check failed or the company is not known."""
    name = "inbox.upload"
    if verification.error is not None or company.id is None:
        note = Text("not_sent_checks", "other checks failed, so nothing was sent")
        return Probe(name, note=note, skipped=True)
    external_id = new_id("test")
    logger.warning(
        "verify(sample=) now sends one test document to the company %r in Zenvoices: %r, "
        "external id %s. Delete it there afterwards.",
        company.code,
        upload.subject,
        external_id,
    )
    return await probe_upload(zenvoices, upload, company.id, external_id)


def marked(sample: InboxUpload | bool) -> InboxUpload:
    """Return the test document to send; its subject begins with ``TEST``."""
    if isinstance(sample, InboxUpload):
        return evolve(sample, subject=f"TEST {sample.subject or ''}".strip())
    content = sample_document(0).content
    return InboxUpload(
        attachments=(Attachment("TEST-please-delete.xml", content),),
        subject=translate(say("test document"), language()),
        sender_name="TEST banqup-zenvoices",
    )
