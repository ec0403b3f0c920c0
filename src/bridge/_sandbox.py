"""The sandbox: fakes of both services on this machine, with a new document from time to time."""

from __future__ import annotations

import json
import sched
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from attrs import define, field

from bridge._demo import COMPANY_CODE, Services, services
from bridge._reports.render import wrap
from bridge._reports.texts import language, tell
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client.testing import InboxItem

SPACE_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_IDS = uuid.UUID("6f6a3d3e-6d0f-4f5e-9a0c-5a5b5c5d5e5f")
_POLL = 0.25
FIRST = 100
PAUSES = 2
"""After how many pauses of `every` seconds a document is approved, or its period opened again."""

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
    """Serve both fakes until `stop` is set, and print each event; return the exit status.

    Args:
        stop: The event that ends the sandbox when it is set.
        port: The port of Banqup; its storage and Zenvoices take the next two. 0 means any free
            ports. The ids of documents are the same each time.
        every: Seconds between two new documents.
        as_json: Whether to print one JSON object per line: first the addresses, then each event.
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
        arrives=long("sandbox arrives", f"{every:g}", f"{PAUSES * every:g}"),
        in_python=long("sandbox python"),
        ends=long("sandbox ends"),
    )


_LINES = {
    "published": ("Banqup", ("number", "status")),
    "approved": ("Banqup", ("number", "status")),
    "delivered": ("Zenvoices", ("number", "company_code", "id", "size")),
    "refused": ("Zenvoices", ("number", "message")),
    "reopened": ("Zenvoices", ("number", "id")),
}
"""The service of each event, and the facts that its line shows."""


@define
class _Sandbox:
    """A loop that publishes documents from time to time, and prints what becomes of them."""

    served: Services
    every: float
    as_json: bool
    closed: dict[str, str] = field(factory=dict)
    """The documents that Zenvoices refuses: their ids in Banqup, by invoice number."""
    timer: sched.scheduler = field(factory=sched.scheduler)

    def serve(self, stop: threading.Event) -> None:
        """Publish a document every `every` seconds, and print what happens, until `stop` is set."""
        self.served.zenvoices.refuse_when(self._refuse)
        for number in range(1, 4):
            self._publish(sample(number), number)
        shown, number, due = 0, FIRST, time.monotonic() + self.every
        while not stop.wait(min(self.every, _POLL)):
            for item in self.served.zenvoices.inbox[shown:]:
                shown += 1
                self._report_arrival(item)
            self.timer.run(blocking=False)
            if time.monotonic() >= due:
                self._add(number)
                number, due = number + 1, due + self.every

    def _add(self, number: int) -> None:
        """Publish a document; of five, one is not approved yet, and one will be refused."""
        invoice = sample(number)
        status = "AWAITING_VALIDATION" if number % 5 == 2 else "FULLY_APPROVED"
        document_id = self._publish(invoice, number, status=status)
        self._report("published", id=document_id, number=invoice.number, status=status)
        if number % 5 == 2:
            self._do_later(self._approve, document_id, invoice.number)
        elif number % 5 == 3:
            self.closed[invoice.number] = document_id

    def _publish(self, invoice: Sample, number: int, **details: Any) -> str:
        document_id = str(uuid.uuid5(_IDS, str(number)))
        return self.served.publish_sample(invoice, id=document_id, **details)

    def _do_later(self, call: Callable[..., None], *arguments: str) -> None:
        self.timer.enter(PAUSES * self.every, 0, call, arguments)

    def _approve(self, document_id: str, number: str) -> None:
        self.served.banqup.set_status(document_id, "FULLY_APPROVED")
        self._report("approved", id=document_id, number=number, status="FULLY_APPROVED")

    def _refuse(self, item: InboxItem) -> str | None:
        """Return the reason to refuse an upload if its period is closed, else None.

        The first refusal also arranges that the period is opened again later.
        """
        number = _number_of(item)
        if number not in self.closed:
            return None
        self._do_later(self._reopen, number)
        message = tell("period closed", number)
        self._report(
            "refused",
            company_code=item.company_code,
            number=number,
            subject=item.subject,
            message=message,
        )
        return message

    def _reopen(self, number: str) -> None:
        if number in self.closed:  # a document that was refused twice is due twice
            self._report("reopened", id=self.closed.pop(number), number=number)

    def _report_arrival(self, item: InboxItem) -> None:
        self._report(
            "delivered",
            company_code=item.company_code,
            subject=item.subject,
            number=_number_of(item),
            id=item.id,
            external_id=item.external_id,
            size=sum(attachment.size for attachment in item.attachments),
        )

    def _report(self, event: str, **facts: Any) -> None:
        """Print an event: as a JSON object, or as a line of text."""
        if self.as_json:
            print(json.dumps({"event": event, **facts}), flush=True)
            return
        service, names = _LINES[event]
        values = (str(facts[name]) if name == "id" else facts[name] for name in names)
        text = tell(f"sandbox {event}", *values)
        print(f"{time.strftime('%H:%M:%S')}  {service:9}  {text}", flush=True)


def _number_of(item: InboxItem) -> str:
    return (item.subject or "").rpartition(" ")[2]
