"""Hostile input: whatever a sender, a service or a store holds, it stays data."""

import base64
import logging
from pathlib import Path

import pytest

from _client_kit._redaction import sanitise
from banqup_client import BanqupClient, ClientCredentials, Environment, ServiceError
from banqup_client.testing import FakeBanqup, FakeFile
from bridge import Connection, MemoryCheckpoints, ubl
from bridge._reports.render import plain
from zenvoices_client import Attachment, InboxUpload, RetryPolicy, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
FORGED = "7\nERROR root: all is lost\x1b[31m\u202egpj.exe\u2028\x07"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&"
# Assembled, so that no scanner takes this file for the test virus.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def bridge_of(banqup: FakeBanqup, zenvoices: FakeZenvoices) -> Connection:
    """A connection over two fakes."""
    once = RetryPolicy(attempts=1)
    return Connection(
        BanqupClient(
            ClientCredentials("demo-app", "demo-secret"),
            Environment.UAT_EU,
            transport=banqup.transport(),
            storage_transport=banqup.transport(),
            retry=once,
        ),
        ZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            transport=zenvoices.transport(),
            retry=once,
        ),
        space_id=SPACE,
        company_code="0042",
        checkpoints=MemoryCheckpoints(),
    )


def test_a_forged_log_line_stays_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Line breaks, colours and direction marks of a service's text reach no log line."""
    caplog.set_level(logging.DEBUG)
    banqup, zenvoices = FakeBanqup(), FakeZenvoices()
    banqup.add_space(id=SPACE)
    zenvoices.add_company("0042")
    connection = bridge_of(banqup, zenvoices)
    connection.activate()
    content = f"<Invoice><ID>{'F' * 30}</ID></Invoice>".encode()
    name = f"../../{FORGED}.xml"
    banqup.publish(SPACE, files=[FakeFile(name, "application/xml", content)])
    zenvoices.refuse_when(lambda _item: FORGED)
    report = connection.export_new()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("bridge")]
    assert told
    shown = [*told, *report.to_text().split("\n"), *report.to_html().split("\n")]
    assert not any(character in line for line in shown for character in "\n\x1b\u202e\u2028\x07")
    assert all("ERROR root" not in line[:10] for line in shown)


def test_markup_of_a_service_is_text_in_a_notebook() -> None:
    """HTML in a service's refusal and in a sender's file name is escaped where HTML is shown."""
    banqup, zenvoices = FakeBanqup(), FakeZenvoices()
    banqup.add_space(id=SPACE)
    zenvoices.add_company("0042")
    connection = bridge_of(banqup, zenvoices)
    connection.activate()
    files = [FakeFile(f"{MARKUP}.xml", "application/xml", b"<Invoice/>")]
    banqup.publish(SPACE, files=files)
    zenvoices.refuse_when(lambda _item: MARKUP)
    report = connection.export_new()
    assert report.waiting or report.failed
    for html in (report.to_html(), connection.status().to_html(), report._repr_html_()):
        assert "<script" not in html
        assert "<img" not in html
    assert "&lt;script&gt;" in report.to_html()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\windows\\x.xml",
        "/abs/x.xml",
        "C:\\x.xml",
        "nul.xml",
        "a\x00.xml",
    ],
)
def test_a_file_name_leaves_no_folder(name: str, tmp_path: Path) -> None:
    """What a sender calls a file becomes one plain name, wherever it is written to."""
    safe = Attachment(name, b"x").file_name
    assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
    assert not set(safe) & set("/\\:\x00")


def test_malware_passes_unopened() -> None:
    """An attachment is measured and handed on byte for byte; nothing opens it."""
    inner = base64.b64encode(EICAR).decode()
    content = (
        "<Invoice><ID>1</ID><AdditionalDocumentReference><Attachment>"
        f'<EmbeddedDocumentBinaryObject mimeCode="application/zip" filename="a.zip">{inner}'
        "</EmbeddedDocumentBinaryObject></Attachment></AdditionalDocumentReference></Invoice>"
    ).encode()
    found = ubl.peek(content)
    assert isinstance(found, ubl.UblInvoice)
    assert [part.size for part in found.attachments] == [len(EICAR)]
    banqup, zenvoices = FakeBanqup(), FakeZenvoices()
    banqup.add_space(id=SPACE)
    zenvoices.add_company("0042")
    connection = bridge_of(banqup, zenvoices)
    connection.activate()
    banqup.publish(SPACE, files=[FakeFile("F1.xml", "application/xml", content)])
    connection.export_new()
    (item,) = zenvoices.inbox
    assert [part.content for part in item.attachments] == [content]


def test_a_services_text_is_capped_in_errors() -> None:
    """A megabyte of someone's words becomes at most 500 characters on one line."""
    for text in ("x" * 1_000_000, FORGED * 1000, MARKUP * 1000):
        assert len(sanitise(text)) <= 500
        assert sanitise(text).isprintable() or "\u2026" in sanitise(text)
        assert "\n" not in plain(text)


def test_an_error_never_holds_the_document() -> None:
    """A service that echoes the upload in its refusal does not get it into our error."""
    word = "BE0999-account-of-the-sender"
    fake = FakeZenvoices()
    company = fake.add_company("0042")
    fake.refuse_when(lambda item: (item.attachments[0].content or b"").decode() * 50)
    client = ZenvoicesClient(
        UserLogin("api-user", "demo-password", organisation_code="acme"),
        transport=fake.transport(),
        retry=RetryPolicy(attempts=1),
    )
    body = b"<Invoice>" + b"." * 600 + word.encode() + b"</Invoice>"
    with pytest.raises(ServiceError) as caught:
        client.inbox.upload(
            InboxUpload(attachments=[Attachment("a.xml", body)]),
            company_id=company,
            external_id="x",
        )
    assert word not in f"{caught.value!s}{vars(caught.value)!r}"
