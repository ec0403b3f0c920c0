"""The sandbox: fakes of both services on this machine, with a new document from time to time."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

from attrs import define, field

from bridge._demo import COMPANY_CODE, Services, services
from bridge._reports.render import wrap
from bridge._reports.texts import language, tell
from bridge.testing._samples.sample import sample
from zenvoices_client.testing import InboxItem

SPACE_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_IDS = uuid.UUID("6f6a3d3e-6d0f-4f5e-9a0c-5a5b5c5d5e5f")
_POLL = 0.25
FIRST = 100

_GUIDE = """\
{only_here}

{save}

checkpoint_file = "exports.db"
banqup_url = "{banqup_url}"
zenvoices_url = "{zenvoices_url}"

[[connection]]
space_id = "{space_id}"
company_code = "{company_code}"

{once}

export BANQUP_CLIENT_ID={client_id} BANQUP_CLIENT_SECRET={secret}
export ZENVOICES_USER={user} ZENVOICES_PASSWORD={password}
export ZENVOICES_ORGANISATION_CODE={organisation}
banqup-zenvoices verify{option}
banqup-zenvoices activate{option}

{often}

banqup-zenvoices export{option}

{arrives}

{in_python}

import sys
from bridge import ConnectionConfig, set_language

set_language("{lang}")
(config,) = ConnectionConfig.from_toml("connections.toml")
with config.open() as connection:
    if "activate" in sys.argv:     # python export.py activate
        print(connection.verify())
        print(connection.activate())
    else:                          # python export.py
        print(connection.export_new())

{ends}
"""


def run_sandbox(
    stop: threading.Event,
    *,
    port: int = 0,
    every: float = 15.0,
    as_json: bool = False,
) -> int:
    """Serve both fakes until `stop` is set, and print each event; return the exit status 0.

    The ids of the documents are the same each time.

    Args:
        stop: The event that ends the sandbox when it is set.
        port: The port of Banqup; its file storage and Zenvoices take the next two. 0 means any free
            ports.
        every: Seconds between two new documents.
        as_json: Whether to print one JSON object per line: first the addresses and logins, then
            each event.
    """
    with services(space_id=SPACE_ID, port=port) as served:
        facts = {
            "banqup_url": served.banqup_url,
            "zenvoices_url": served.zenvoices_url,
            "client_id": served.banqup.client_id,
            "secret": served.banqup.client_secret,
            "user": served.zenvoices.user.name,
            "password": served.zenvoices.user.password,
            "organisation": served.zenvoices.organisation_code,
            "space_id": served.space_id,
            "company_code": COMPANY_CODE,
        }
        if as_json:
            print(json.dumps(facts), flush=True)
        else:
            print(_guide(facts, every, fixed=bool(port)), flush=True)
        _Sandbox(served, every, as_json).serve(stop)
    return 0


def _guide(facts: dict[str, Any], every: float, *, fixed: bool) -> str:
    def long(code: str, *values: object) -> str:
        return wrap(tell(code, *values))

    lang = language()
    return _GUIDE.format(
        **facts,
        lang=lang,
        option="" if lang == "en" else f" --lang {lang}",
        only_here=long("only here"),
        save=(long("sandbox again") + "\n\n" if fixed else "") + long("sandbox save"),
        once=long("sandbox once"),
        often=long("sandbox often"),
        arrives=long("sandbox arrives", f"{every:g}", f"{2 * every:g}"),
        in_python=long("sandbox python"),
        ends=long("sandbox ends"),
    )


@define
class _Sandbox:
    """A loop that publishes documents from time to time, and prints the events of each one."""

    served: Services
    every: float
    as_json: bool
    closed: dict[str, str] = field(factory=dict)
    """The ids in Banqup of documents that Zenvoices still has to refuse once, by invoice number."""

    def serve(self, stop: threading.Event) -> None:
        """Publish three documents, then one every `every` seconds, until `stop` is set.

        Print each event, except that the first three are published.
        """
        self.served.zenvoices.refuse_when(self._refuse)
        for number in range(1, 4):
            self._publish(number)
        shown, number, due = 0, FIRST, time.monotonic() + self.every
        while not stop.wait(min(self.every, _POLL)):
            for item in self.served.zenvoices.inbox[shown:]:
                shown += 1
                self._report_arrival(item)
            if time.monotonic() >= due:
                self._add(number)
                number, due = number + 1, due + self.every

    def _add(self, number: int) -> None:
        """Publish a document; of five, one is approved late, and Zenvoices refuses another once.

        The late approval comes when the second document after it is published.
        """
        if number % 5 == 4:
            self.served.banqup.set_status(_document_id(number - 2), "FULLY_APPROVED")
            self._report_status("approved", number - 2, "FULLY_APPROVED")
        status = "AWAITING_VALIDATION" if number % 5 == 2 else "FULLY_APPROVED"
        self._publish(number, status=status)
        self._report_status("published", number, status)
        if number % 5 == 3:
            self.closed[sample(number).number] = _document_id(number)

    def _publish(self, number: int, **details: Any) -> None:
        self.served.publish_sample(sample(number), id=_document_id(number), **details)

    def _refuse(self, item: InboxItem) -> str | None:
        """Return the reason if an upload's period is closed, and open the period; else None."""
        number = _number_of(item)
        document_id = self.closed.pop(number, None)
        if document_id is None:
            return None
        message = tell("period closed", number)
        self._report("Zenvoices", "refused", number=number, message=message, id=document_id)
        return message

    def _report_arrival(self, item: InboxItem) -> None:
        self._report(
            "Zenvoices",
            "delivered",
            number=_number_of(item),
            company_code=item.company_code,
            id=item.id,
            size=sum(attachment.size for attachment in item.attachments),
            external_id=item.external_id,
        )

    def _report_status(self, event: str, number: int, status: str) -> None:
        number_of_invoice, document_id = sample(number).number, _document_id(number)
        self._report("Banqup", event, number=number_of_invoice, status=status, id=document_id)

    def _report(self, service: str, event: str, **facts: Any) -> None:
        """Print an event: as a JSON object, or as a line of text that shows the facts."""
        if self.as_json:
            print(json.dumps({"event": event, **facts}), flush=True)
            return
        values = (str(value) if name == "id" else value for name, value in facts.items())
        text = tell(f"sandbox {event}", *values)
        print(f"{time.strftime('%H:%M:%S')}  {service:9}  {text}", flush=True)


def _document_id(number: int) -> str:
    return str(uuid.uuid5(_IDS, str(number)))


def _number_of(item: InboxItem) -> str:
    return (item.subject or "").rpartition(" ")[2]
