"""What an export needs of Zenvoices, to hold a vendor's file or a live answer against."""

from __future__ import annotations

from functools import cache

from _contract_check.expectations import Expectations, kinds_of
from _contract_check.openapi_schema import Schema
from zenvoices_client._models import Company, InboxDocument

__all__ = ["expectations"]

_INT, _TEXT = frozenset({"integer", "number"}), frozenset({"string"})
_PAGING = {"maxResultCount": _INT, "skipCount": _INT}
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
    "inbox.details": "?company_id ?external_id reads:id reads:externalId",
}


@cache
def expectations() -> Expectations:
    """What an export needs, made once."""
    inbox = kinds_of(InboxDocument)
    return Expectations(
        essential={name: frozenset(text.split()) for name, text in _ESSENTIAL.items()},
        kinds={
            "companies.list": {**_PAGING, **kinds_of(Company, "items[]")},
            "inbox.upload": {
                **inbox,
                "attachments": frozenset({"array"}),
                "attachments[].fileName": _TEXT,
                "attachments[].contentType": _TEXT,
                "attachments[].content": _TEXT,
            },
            "inbox.list": {**_PAGING, **kinds_of(InboxDocument, "items[]")},
            "inbox.details": inbox,
        },
        unwrap=_unwrap,
        functions={"sends:inbox.upload": "ZenvoicesClient(operations=...)"},
    )


def _unwrap(operation: str, answer: Schema) -> Schema:
    """The payload in the framework's envelope, which the client takes off by itself."""
    wrapped = "result" in answer.names and {"success", "__abp"} & set(answer.names)
    payload = answer.member("result") if wrapped and operation != "login" else answer
    if operation == "inbox.upload" and "integer" in payload.kinds:
        return Schema(payload._node)  # a bare number is taken for the id
    return payload
