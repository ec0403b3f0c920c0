"""The answer formats of the fake Zenvoices, and the parser of an upload's attachments."""

from __future__ import annotations

import binascii
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, cast

from _client_kit.fakes.service import require
from _client_kit.fakes.wire import Reply, RequestRefusedError, iso, json_reply
from zenvoices_client._fake.state import Attachment

_FILE_MEMBERS = {"fileName", "contentType", "content"}


def enveloped(result: object) -> dict[str, Any]:
    """Return a result in the ABP envelope."""
    return {
        "result": result,
        "targetUrl": None,
        "success": True,
        "error": None,
        "unAuthorizedRequest": False,
        "__abp": True,
    }


def refuse(
    status: int, message: str, *, details: str | None = None, members: Sequence[str] = ()
) -> Reply:
    """Return an error in the ABP envelope."""
    error = {
        "code": 0,
        "message": message,
        "details": details,
        "validationErrors": [
            {"message": f"The {name} field is not valid.", "members": [name]} for name in members
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


def invalid(*members: str) -> RequestRefusedError:
    """Return the error for invalid members of a request."""
    return RequestRefusedError(refuse(400, "Your request is not valid!", members=members))


def login_result(token: str | None, now: float, life: float) -> dict[str, Any]:
    """Return the result of a login; without a token, the result of a failed login."""
    good = token is not None
    return {
        "accessToken": token,
        "expireInSeconds": int(life) if good else 0,
        "accessTokenExpirationDateTimeUtc": iso(now + life) if good else None,
        "loginVerificationCode": None,
        "requiresTwoFactorVerification": False,
        "twoFactorAuthProviders": None,
        "refreshToken": uuid.uuid4().hex if good else None,
        "refreshTokenExpireInSeconds": 31_536_000 if good else 0,
        "errorMessage": None,
    }


def read_attachments(sent: list[Any]) -> tuple[Attachment, ...]:
    """Return the decoded attachments of an upload; raise an error if one is malformed."""
    if not sent:
        raise invalid("attachments")
    kept: list[Attachment] = []
    for index, part in enumerate(sent):
        where = f"attachments[{index}]"
        if not isinstance(part, dict):
            raise invalid(where)
        part = cast("dict[str, Any]", part)
        wrong = require(part, fileName=str, contentType=str, content=str)
        wrong += sorted(part.keys() - _FILE_MEMBERS)
        if wrong:
            raise invalid(*(f"{where}.{name}" for name in wrong))
        try:
            content = binascii.a2b_base64(part.pop("content"), strict_mode=True)
        except ValueError:
            raise invalid(f"{where}.content") from None
        seal = hashlib.sha256(content).hexdigest()
        size = len(content)
        kept.append(Attachment(part["fileName"], part["contentType"], size, seal, content))
    return tuple(kept)
