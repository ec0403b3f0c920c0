"""What a service says when it refuses a document, as it is kept and shown."""

import unicodedata

import httpx
import pytest

from banqup_client import BanqupClient, ClientCredentials, Environment
from bridge import Connection
from support.bridge_world import COMPANY, ONCE, SPACE, World
from zenvoices_client import UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeUser

PASSWORD = "canary-password-of-reasons-70d3"
SIGNED = "https://storage.googleapis.com/b/f?X-Goog-Signature=00decafbad77"


class Seen(httpx.BaseTransport):
    """Passes on, and remembers the bearer token."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.token = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on."""
        self.token = request.headers.get("authorization", "").partition(" ")[2] or self.token
        return self._inner.handle_request(request)


def refused(text: str) -> tuple[str, str]:
    """All that is stored and shown of a document refused in these words, and the token used.

    ``{token}`` in the words is the token of the call that is refused.
    """
    world = World()
    world.zenvoices.user = FakeUser("api", PASSWORD)
    seen = Seen(world.zenvoices.transport())
    world.zenvoices.refuse_when(lambda _: text.replace("{token}", seen.token))
    banqup = BanqupClient(
        ClientCredentials("demo-app", "demo-secret"),
        Environment.UAT_EU,
        transport=world.banqup.transport(),
        storage_transport=world.banqup.transport(),
        retry=ONCE,
    )
    zenvoices = ZenvoicesClient(
        UserLogin("api", PASSWORD, organisation_code="acme"), transport=seen, retry=ONCE
    )
    connection = Connection(
        banqup,
        zenvoices,
        space_id=SPACE,
        company_code=COMPANY,
        checkpoints=world.store,
        clock=world.clock,
    )
    connection.activate()
    document = world.one()
    report = connection.export_new()
    (row,) = (row for row in report.deliveries if row.document_id == document)
    assert row.reason == world.delivery(document).reason
    assert "refused" in row.reason
    stored = world.rows[document].value
    return "\n".join((row.reason, stored, str(report), report._repr_html_())), seen.token


@pytest.mark.parametrize(
    "text",
    [
        "{token}",
        "x" * 400 + " {token}",
        "x" * 430 + "{token}" * 9,
        "your header was: Authorization: Bearer {token}.",
        f"login as api:{PASSWORD}",
        "y" * 440 + PASSWORD * 5,
        SIGNED,
        SIGNED.replace("https", "HTTPS"),
        SIGNED.replace("?", "#?"),
        SIGNED.replace(":", "%3A").replace("/", "%2F").replace("?", "%3F").replace("=", "%3D"),
    ],
)
def test_a_reason_keeps_no_secret(text: str) -> None:
    """A token, a password or a signed address in the words: not stored, not shown, not its half."""
    told, token = refused(text)
    assert len(token) > 20
    for secret in (token, PASSWORD, "00decafbad77"):
        for end in (8, len(secret)):
            assert secret[:end] not in told


def test_a_reason_is_one_short_printable_line() -> None:
    """Line breaks, commands of terminals, directions, tags and megabytes do not get in."""
    told, _ = refused(
        "no\r\nroot: ok\x1b[2J \u202egnp\u2028\u00ad\U000e0041\ue000" + "z" * 1_000_000
    )
    reason = told.partition("\n")[0]
    assert len(reason) <= 500
    assert reason.endswith("\u2026")
    assert not any(unicodedata.category(letter)[0] == "C" for letter in reason)
    assert "no root: ok [2J  gnp zzz" in reason
    assert "\u202e" not in told
    assert "z" * 600 not in told
