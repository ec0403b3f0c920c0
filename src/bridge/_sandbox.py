"""The sandbox: fakes of both services on this machine, with a new document from time to time."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from bridge._demo import (
    CLIENT_ID,
    COMPANY_CODE,
    COMPANY_NAME,
    ORGANISATION,
    USER,
    Services,
    services,
)
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client.testing import InboxItem

__all__ = ["run_sandbox"]

SPACE_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_IDS = uuid.UUID("6f6a3d3e-6d0f-4f5e-9a0c-5a5b5c5d5e5f")
_POLL = 0.25
FIRST = 100

_GUIDE = """\
Both services are played by fakes on this machine; nothing leaves it.

Banqup     {banqup_url}   (client id {client_id})
Zenvoices  {zenvoices_url}   (user {user})
Space      {space_id}   ({company})
Company    {company_code}

1. In an empty folder, save this as connections.toml:

checkpoint_file = "exports.db"
banqup_url = "{banqup_url}"
zenvoices_url = "{zenvoices_url}"

[[connection]]
space_id = "{space_id}"
company_code = "{company_code}"

2. Once, in that folder, in another terminal (activate the virtual environment
   there, too):

export BANQUP_CLIENT_ID={client_id} BANQUP_CLIENT_SECRET={secret}
export ZENVOICES_USER={user} ZENVOICES_PASSWORD={password}
export ZENVOICES_ORGANISATION_CODE={organisation}
banqup-zenvoices verify
banqup-zenvoices activate

3. As often as you like:

banqup-zenvoices export

The first run sends nothing of what was there when you activated: that stays
where it is. Another document arrives every {every:g} seconds; some are not approved
yet, and some Zenvoices refuses.

The same in Python: save this as export.py in the same folder. The command and
Python then share one store, so nothing arrives twice.

import sys
from banqup_client import BanqupClient, ClientCredentials
from zenvoices_client import UserLogin, ZenvoicesClient
from bridge import Connection, SQLiteCheckpoints

banqup = BanqupClient(
    ClientCredentials("{client_id}", "{secret}"),
    base_url="{banqup_url}",
)
zenvoices = ZenvoicesClient(
    UserLogin("{user}", "{password}", organisation_code="{organisation}"),
    base_url="{zenvoices_url}",
)
connection = Connection(
    banqup, zenvoices,
    space_id="{space_id}", company_code="{company_code}",
    checkpoints=SQLiteCheckpoints("exports.db"),
)
if "activate" in sys.argv:         # once: python export.py activate
    print(connection.verify())
    print(connection.activate())
else:                              # as often as you like: python export.py
    print(connection.export_new())

Ctrl-C ends it. What happens from now on:
"""


def run_sandbox(
    stop: threading.Event, *, port: int = 0, every: float = 15.0, as_json: bool = False
) -> int:
    """Serve both fakes until `stop` is set, and print each event. Return the exit status.

    Args:
        stop: The event that ends the sandbox when it is set.
        port: The port of Banqup; its storage and Zenvoices take the next two. With a port, the ids
            of documents are the same each time.
        every: Seconds between two new documents.
        as_json: Whether to print one JSON object a line: first the addresses, then each event.
    """
    ports = (port, port + 1, port + 2) if port else (0, 0, 0)
    with services(space_id=SPACE_ID, ports=ports) as served:
        facts = {
            "banqup_url": served.banqup_url,
            "zenvoices_url": served.zenvoices_url,
            "client_id": CLIENT_ID,
            "secret": served.banqup.client_secret,
            "user": USER,
            "password": served.zenvoices.user.password,
            "organisation": ORGANISATION,
            "space_id": served.space_id,
            "company_code": COMPANY_CODE,
        }
        tell = _as_json if as_json else _as_text
        served.zenvoices.refuse_when(_refuse_every_fifth(tell))
        for n in range(1, 4):
            _publish(served, n, fixed=bool(port))
        if as_json:
            print(json.dumps(facts), flush=True)
        else:
            print(_GUIDE.format(**facts, company=COMPANY_NAME, every=every), flush=True)
        _serve(served, stop, every, tell, fixed=bool(port))
    return 0


_Tell = Callable[[str, dict[str, Any]], None]


def _serve(
    served: Services, stop: threading.Event, every: float, tell: _Tell, *, fixed: bool
) -> None:
    """Publish a document every `every` seconds, and print the documents that reach the inbox."""
    shown, number, due = 0, FIRST, time.monotonic() + every
    while not stop.wait(min(every, _POLL)):
        for item in served.zenvoices.inbox[shown:]:
            shown += 1
            size = sum(attachment.size for attachment in item.attachments)
            facts = {"id": item.id, "external_id": item.external_id, "size": size}
            tell("delivered", {"company_code": item.company_code, "subject": item.subject, **facts})
        if time.monotonic() >= due:
            status = "AWAITING_VALIDATION" if number % 5 == 2 else "FULLY_APPROVED"
            document_id, invoice = _publish(served, number, status=status, fixed=fixed)
            tell("published", {"id": document_id, "subject": _subject(invoice), "status": status})
            number, due = number + 1, due + every


def _publish(
    served: Services, number: int, *, status: str = "FULLY_APPROVED", fixed: bool
) -> tuple[str, Sample]:
    invoice = sample(number)
    document_id = str(uuid.uuid5(_IDS, str(number))) if fixed else None
    return served.publish_sample(invoice, status=status, document_id=document_id), invoice


def _subject(invoice: Sample) -> str:
    return f"Invoice {invoice.number}"


def _refuse_every_fifth(tell: _Tell) -> Callable[[InboxItem], str | None]:
    """Return a rule that refuses every fifth document, as Zenvoices does for a closed period."""

    def refuse(item: InboxItem) -> str | None:
        number = (item.subject or "").rpartition(" ")[2]
        counter = number.rpartition("-")[2]
        if not counter.isdecimal() or int(counter) < FIRST or int(counter) % 5 != 3:
            return None
        message = f"The period of invoice {number} is closed."
        facts = {"subject": item.subject, "message": message}
        tell("refused", {"company_code": item.company_code, **facts})
        return message

    return refuse


def _as_json(event: str, facts: dict[str, Any]) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


_LINES = {
    "published": "Banqup     {subject} is there ({status})",
    "delivered": "Zenvoices  {subject} arrived in company {company_code} as {id}, {size:,} bytes",
    "refused": "Zenvoices  {subject} refused: {message}",
}


def _as_text(event: str, facts: dict[str, Any]) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {_LINES[event].format(**facts)}", flush=True)
