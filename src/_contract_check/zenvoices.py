"""The facts that an export needs from Zenvoices' API: names, types and values."""

from __future__ import annotations

from _contract_check.expectations import ARRAY, NUMBER, Expectations

_ESSENTIAL = {
    "login": "sends:userNameOrEmailAddress sends:password sends:tenancyName "
    "reads:result.accessToken",
    "companies.list": "sends:maxResultCount sends:skipCount reads:items reads:items[].id "
    "reads:items[].code",
    "inbox.upload": "sends:administrationId sends:externalId sends:subject sends:senderName "
    "sends:attachments sends:attachments[].fileName sends:attachments[].contentType "
    "sends:attachments[].content reads:id",
    "inbox.list": "sends:maxResultCount sends:skipCount reads:items reads:items[].id "
    "reads:items[].externalId",
    "inbox.details": "query:company_id query:external_id reads:id reads:externalId",
}
_REFERENCE = {
    "asked.company_id": "administrationId companyId",
    "asked.external_id": "externalId reference",
}
_PAGE = {
    "asked.skip": "skipCount skip offset",
    "asked.size": "maxResultCount take limit pageSize",
    "asked.skip // asked.size": "page pageNumber pageIndex",
    "asked.sorting": "sorting",
}
_VALUES = {
    "companies.list": _PAGE,
    "inbox.upload": {
        **_REFERENCE,
        "file.file_name": "fileName name",
        "file.content_type": "contentType mimeType mediaType",
        "Base64(file.content)": "content data base64 bytes fileContent fileData fileBytes",
        "asked.upload.subject": "subject title",
        "asked.upload.sender_name": "senderName sender from",
    },
    "inbox.list": {**_PAGE, "asked.company_id": "administrationId companyId"},
    "inbox.details": _REFERENCE,
}
_LIST = {"maxResultCount": NUMBER, "skipCount": NUMBER, "items": ARRAY, "items[].id": NUMBER}
ZENVOICES = Expectations(
    client="ZenvoicesClient",
    essential={name: frozenset(text.split()) for name, text in _ESSENTIAL.items()},
    kinds={
        "companies.list": _LIST,
        "inbox.upload": {"administrationId": NUMBER, "attachments": ARRAY, "id": NUMBER},
        "inbox.list": _LIST,
        "inbox.details": {"id": NUMBER},
    },
    may_be_empty=frozenset({"inbox.list items[].externalId", "inbox.upload id"}),
    replaced={"inbox.find": ("inbox.details", "inbox.list")},
    functions={"inbox.details": "inbox.find"},
    values=_VALUES,
    any_case=True,
)
"""The facts that an export needs from Zenvoices."""
