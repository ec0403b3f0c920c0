"""Every prerequisite: the check that fails, what it says to do, and what an export raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from banqup_client.testing import FakeFile, Fault
from bridge import AsyncConnection, ServiceError, SQLiteCheckpoints, StoreError
from support.bridge_world import HOUR, SPACE, AsyncWorld, invoice
from zenvoices_client import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    UnreachableError,
)

pytestmark = pytest.mark.anyio


class Case:
    """What goes wrong, where it shows, and what has to be changed on which screen."""

    def __init__(
        self,
        name: str,
        check: str,
        error: type[ServiceError],
        words: tuple[str, ...],
        spoil: Callable[[AsyncWorld], object] = lambda world: None,
        **options: Any,
    ) -> None:
        self.name = name
        self.check = check
        self.error = error
        self.words = words
        self.spoil = spoil
        self.options = options

    def connect(self, world: AsyncWorld) -> AsyncConnection:
        """Spoil the world, then build the connection as the application would."""
        self.spoil(world)
        return world.connect(**self.options)


def set_rights(*rights: str) -> Callable[[AsyncWorld], object]:
    return lambda world: setattr(world.zenvoices.user, "rights", set(rights))


def no_hosts(service: str) -> Callable[[AsyncWorld], object]:
    return lambda world: setattr(getattr(world, service), "hosts", frozenset[str]())


USERS = "Manage > Organisation > Users"
CASES = [
    Case(
        "wrong Zenvoices password",
        "zenvoices login",
        CredentialsError,
        ("the user name, the password", "organisation code", USERS),
        password="wrong",
    ),
    Case(
        "two factors",
        "zenvoices login",
        CredentialsError,
        ("two factors", "API user", USERS),
        lambda world: setattr(world.zenvoices.user, "two_factor", True),
    ),
    Case(
        "wrong Banqup secret",
        "banqup login",
        CredentialsError,
        ("client secret", "developer portal", "BANQUP_CLIENT_SECRET"),
        secret="wrong",
    ),
    Case(
        "missing inbox right",
        "zenvoices inbox",
        PermissionDeniedError,
        ("API > Inbox access", USERS),
        set_rights("companies"),
    ),
    Case(
        "missing company-list right",
        "zenvoices companies",
        PermissionDeniedError,
        ("API > Companies > List access", USERS),
        set_rights("inbox"),
    ),
    Case(
        "app that is not whitelisted",
        "banqup space",
        NotFoundError,
        ("Settings > External applications", "App ID"),
        lambda world: setattr(world.banqup, "whitelisted", False),
    ),
    Case(
        "Banqup out of reach",
        "banqup login",
        UnreachableError,
        ("Banqup could not be reached", "proxy"),
        no_hosts("banqup"),
    ),
    Case(
        "Zenvoices out of reach",
        "zenvoices login",
        UnreachableError,
        ("Zenvoices could not be reached", "proxy"),
        no_hosts("zenvoices"),
    ),
]
WRONG_CODE = Case(
    "wrong company code",
    "company code",
    ConfigurationError,
    ("Manage > Organisation > Companies",),
    company_code="9999",
)
GONE_COMPANY = Case(
    "company that is no longer visible",
    "company code",
    ConfigurationError,
    ("Manage > Organisation > Companies",),
    lambda world: world.zenvoices.set_visible(world.company, visible=False),
)


def named(case: Case) -> str:
    return case.name


async def test_everything_in_order() -> None:
    """With every prerequisite met, every check is ok and nothing is changed."""
    world = AsyncWorld()
    world.one()
    verification = await world.connect().verify()
    assert verification.ok
    assert [check.outcome for check in verification.checks] == ["ok"] * len(verification.checks)
    assert world.zenvoices.inbox == []
    assert world.calls("inbox.upload") == 0
    verification.raise_for_failure()


@pytest.mark.parametrize("case", [*CASES, WRONG_CODE, GONE_COMPANY], ids=named)
@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
async def test_verify_fails_on_the_right_check(case: Case, lang: Any) -> None:
    """The remedy names the screen and the setting; nothing that works is blamed."""
    world = AsyncWorld()
    verification = await case.connect(world).verify(lang=lang)
    assert [check.name for check in verification.failed] == [case.check]
    assert not verification.ok
    remedy = verification.failed[0].remedy
    if lang == "en":
        assert all(word in remedy for word in case.words), remedy
    else:
        english = (await world.connect(**case.options).verify()).failed[0]
        assert remedy
        assert remedy != english.remedy
        assert verification.failed[0].code == english.code


@pytest.mark.parametrize("case", [*CASES, WRONG_CODE, GONE_COMPANY], ids=named)
async def test_export_before_activation_raises_the_same(case: Case) -> None:
    """What is wrong comes before "not activated"; no document is touched."""
    world = AsyncWorld()
    world.one()
    connection = case.connect(world)
    for verb in (connection.activate, connection.export_new):
        with pytest.raises(case.error) as caught:
            await verb()
        assert all(word in (caught.value.hint or "") for word in case.words), caught.value.hint
        assert caught.value.kind == case.error.kind
    assert world.zenvoices.inbox == []
    assert world.calls("documents.list") <= 2


@pytest.mark.parametrize("kept", [True, False], ids=["same process", "new process"])
@pytest.mark.parametrize("case", [*CASES, GONE_COMPANY], ids=named)
async def test_export_raises_the_same_when_it_goes_wrong_later(case: Case, kept: bool) -> None:
    """After activation too; the document waits uncharged, and is exported once it is put right."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    document = world.one()
    if case.options or not kept:
        broken = case.connect(world)
    else:
        case.spoil(world)
        broken = connection
        world.banqup.expire_tokens()
        world.zenvoices.expire_tokens()
    hosts = {}
    for service in (world.banqup, world.zenvoices):
        hosts[service] = type(service)().hosts
    with pytest.raises(case.error) as caught:
        await broken.export_new()
    assert all(word in (caught.value.hint or "") for word in case.words), caught.value.hint
    assert caught.value.report.exported == 0
    assert world.zenvoices.inbox == []
    assert document not in world.rows or world.delivery(document).attempts == 0
    assert world.states.get(document, "waiting") == "waiting"
    for service, known in hosts.items():
        service.hosts = known
    world.banqup.whitelisted = True
    world.zenvoices.user.rights = {"inbox", "companies"}
    world.zenvoices.user.two_factor = False
    world.zenvoices.set_visible(world.company, visible=True)
    world.clock.pass_(HOUR)
    assert (await world.connect().export_new()).exported == 1


PORTAL = b"<!doctype html><html><body>Welcome to Hotel Wi-Fi</body></html>"


def answers(service: str, operation: str, fault: Fault) -> Callable[[AsyncWorld], object]:
    return lambda world: getattr(world, service).faults.add(operation, action=fault, times=None)


def page(status: int = 200) -> Fault:
    return Fault.status(status, PORTAL, headers={"content-type": "text/html"})


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
@pytest.mark.parametrize(
    ("service", "operation", "others"),
    [
        ("banqup", "token.get", ["banqup space", "banqup documents"]),
        ("zenvoices", "login", ["zenvoices companies", "company code", "zenvoices inbox"]),
    ],
)
@pytest.mark.parametrize("status", [200, 302, 511])
async def test_login_page_of_a_network_fails_the_login(
    service: str, operation: str, others: list[str], status: int, lang: Any
) -> None:
    """A captive portal is no missing right: what lies behind the login is not checked."""
    world = AsyncWorld()
    answers(service, operation, page(status))(world)
    verification = await world.connect().verify(lang=lang)
    (failed,) = verification.failed
    assert failed.name == f"{service} login"
    not_made = [check.name for check in verification.checks if check.outcome == "skipped"]
    assert not_made == others
    assert failed.code == {200: "web_page", 302: "redirected", 511: "service_failed"}[status]
    if status == 200 and lang == "en":
        assert f"this is a web page, not {service.capitalize()}" in failed.detail
        assert "login page of a network" in failed.remedy


async def test_login_page_in_the_place_of_a_list_fails_the_login() -> None:
    """With a token of before, too: the answer did not come from Zenvoices."""
    world = AsyncWorld()
    answers("zenvoices", "companies.list", page())(world)
    (failed,) = (await world.connect().verify()).failed
    assert (failed.name, failed.code) == ("zenvoices login", "web_page")


@pytest.mark.parametrize(
    ("service", "operation", "check"),
    [
        ("banqup", "spaces.list", "banqup space"),
        ("banqup", "documents.list", "banqup documents"),
        ("zenvoices", "companies.list", "zenvoices companies"),
        ("zenvoices", "inbox.list", "zenvoices inbox"),
    ],
)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.status(400, {"title": "Bad Request", "status": 400}), "refused"),
        (Fault.status(404, {"fault": {"faultstring": "no route"}}), None),
        (Fault.status(405, {}), "no_such_call"),
        (Fault.status(422, {"detail": "unknown parameter"}), "refused"),
    ],
    ids=["400", "gateway's 404", "405", "422"],
)
async def test_refusal_of_a_reading_call_points_at_the_contract(
    service: str, operation: str, check: str, fault: Fault, code: str | None
) -> None:
    """Nobody is asked to give a right for what the service does not know."""
    world = AsyncWorld()
    answers(service, operation, fault)(world)
    (failed,) = (await world.connect().verify()).failed
    assert failed.name == check
    assert "contract=" in failed.remedy
    assert "right" not in failed.remedy
    assert code in (None, failed.code)


@pytest.mark.parametrize(
    ("service", "operation", "check"),
    [
        ("banqup", "spaces.list", "banqup space"),
        ("banqup", "documents.list", "banqup documents"),
        ("zenvoices", "companies.list", "zenvoices companies"),
        ("zenvoices", "inbox.list", "zenvoices inbox"),
    ],
)
async def test_foreign_403_asks_for_no_right(service: str, operation: str, check: str) -> None:
    """A firewall's refusal names the firewall first, in each language."""
    world = AsyncWorld()
    answers(service, operation, page(403))(world)
    connection = world.connect()
    for lang, word in (("en", "firewall"), ("fr", "pare-feu"), ("nl", "firewall")):
        (failed,) = (await connection.verify(lang=lang)).failed  # type: ignore[arg-type]
        assert (failed.name, failed.code) == (check, "foreign")
        assert word in failed.remedy
        assert "Users" not in failed.remedy
        assert "External applications" not in failed.remedy


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda world: setattr(world.zenvoices, "organisation_code", "other"), "no tenant defined"),
        (lambda world: setattr(world.zenvoices.user, "locked_until", 9e12), "locked out"),
        (lambda world: setattr(world.zenvoices.user, "refusal", "Not active."), "Not active."),
    ],
    ids=["organisation", "locked", "inactive"],
)
async def test_cause_that_zenvoices_names_comes_first(
    spoil: Callable[[AsyncWorld], object], said: str
) -> None:
    """Its own words are the finding; the general list is for a refusal without words."""
    world = AsyncWorld()
    spoil(world)
    (failed,) = (await world.connect().verify()).failed
    assert failed.name == "zenvoices login"
    assert said in failed.detail
    for lang, words, general in (
        ("en", "If Zenvoices says", "single sign-on"),
        ("fr", "Si Zenvoices dit", "authentification unique"),
        ("nl", "Zegt Zenvoices", "single sign-on"),
    ):
        (failed,) = (await world.connect().verify(lang=lang)).failed  # type: ignore[arg-type]
        assert words in failed.remedy.split(".")[0]
        assert "ZENVOICES_PASSWORD" in failed.remedy
        assert general not in failed.remedy


async def test_space_id_comes_first_where_the_app_sees_other_spaces() -> None:
    """Only where it sees none at all is the app not whitelisted for certain."""
    world = AsyncWorld()
    connection = world.connect(space_id=SPACE.replace("3", "4"))
    (failed,) = (await connection.verify()).failed
    assert SPACE in failed.detail
    assert failed.remedy.startswith("Did you mean a space named above? Then correct the space id.")
    world.banqup.faults.add("spaces.list", action=Fault.status(200, {"spaces": []}), times=None)
    (failed,) = (await connection.verify()).failed
    assert failed.remedy.startswith("The app is not whitelisted")


def raises(asked: Any) -> Any:
    """A function of the user's own with a mistake."""
    yield {}[asked]


@pytest.mark.parametrize(
    ("operation", "login", "check"),
    [
        ("spaces.list", "banqup login", "banqup space"),
        ("companies.list", "zenvoices login", "zenvoices companies"),
    ],
)
async def test_function_that_raises_is_not_the_logins_failure(
    operation: str, login: str, check: str
) -> None:
    """No call was made, so the login is not checked; the function is named."""
    verification = await AsyncWorld().connect(functions={operation: raises}).verify()
    outcomes = {one.name: one.outcome for one in verification.checks}
    assert (outcomes[login], outcomes[check]) == ("skipped", "failed")
    assert f"{__name__}.raises" in verification.failed[0].detail
    assert not verification.ok


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
async def test_a_connection_that_is_not_active_is_named(lang: Any) -> None:
    """All checks pass, and the next step is said until it is made, and again after deactivate()."""
    connection = AsyncWorld().connect()

    async def told() -> str:
        verification = await connection.verify(lang=lang)
        assert verification.ok
        return str({check.name: check.detail for check in verification.checks}["checkpoints"])

    assert "banqup-zenvoices activate" in await told()
    await connection.activate()
    assert "activate" not in await told()
    await connection.deactivate()
    assert "banqup-zenvoices activate" in await told()


async def test_store_that_fails_is_a_check_too() -> None:
    """A checkpoint store that cannot be read fails its own check."""
    world = AsyncWorld()
    await world.connect().activate()
    world.store._records[world.key].head = "{"
    connection = world.connect()
    verification = await connection.verify()
    assert [check.name for check in verification.failed] == ["checkpoints"]
    with pytest.raises(ServiceError, match="damaged"):
        await connection.export_new()


async def test_no_sample_goes_anywhere_while_a_check_fails() -> None:
    """Without the store nobody knows which company was meant, so the sample stays here."""
    world = AsyncWorld()
    company = world.zenvoices.add_company(code="ab")
    await world.connect("ab").activate()
    world.zenvoices.add_company(code="AB")
    world.zenvoices.set_visible(company, visible=False)
    world.store._records[world.key].head = "{"
    verification = await world.connect("ab").verify(deep=True, sample=True)
    (check,) = (item for item in verification.checks if item.name == "inbox.upload")
    assert (check.outcome, check.detail) == ("skipped", "other checks failed, so nothing was sent")
    assert world.zenvoices.inbox == []


async def test_rejected_password_is_tried_once() -> None:
    """A wrong password is final: five tries would lock the user."""
    world = AsyncWorld()
    connection = world.connect(password="wrong")
    for _ in range(4):
        with pytest.raises(CredentialsError):
            await connection.export_new()
    assert world.calls("login") == 1


@pytest.mark.parametrize("anew", [False, True], ids=["in the run", "by a new process"])
async def test_another_company_is_not_taken_for_one_that_is_gone(anew: bool) -> None:
    """A code in other letter case will do at first; later it must be the company of before."""
    world = AsyncWorld()
    company = world.zenvoices.add_company(code="AB1")
    connection = world.connect("aB1")
    await connection.activate()
    first = world.one()
    assert (await connection.export_new()).exported == 1
    other = world.zenvoices.add_company(code="Ab1")
    world.zenvoices.set_visible(company, visible=False)
    second = world.one()
    connection = world.connect("aB1") if anew else connection
    with pytest.raises(ConfigurationError, match="'Ab1' is another company") as caught:
        await connection.export_new()
    assert "Manage > Organisation > Companies" in str(caught.value)
    verification = await connection.verify(deep=True, sample=True)
    assert [c.name for c in verification.checks if c.outcome == "failed"] == ["company code"]
    # The number from before the company was gone is not used either.
    skipped = {check.name for check in verification.checks if check.outcome == "skipped"}
    assert skipped == {"zenvoices inbox", "inbox.list", "inbox.details", "inbox.upload"}
    assert [item.company_id for item in world.zenvoices.inbox] == [company]
    world.zenvoices.set_visible(company, visible=True)
    world.zenvoices.set_visible(other, visible=False)
    assert (await connection.export_new()).exported == 1
    assert [item.company_id for item in world.zenvoices.inbox] == [company, company]
    assert first != second


async def test_a_company_that_was_linked_anew_keeps_its_code_to_the_letter() -> None:
    """A new number is followed where the code is spelled as the connection has it."""
    world = AsyncWorld()
    company = world.zenvoices.add_company(code="AB1")
    connection = world.connect("AB1")
    await connection.activate()
    number = world.zenvoices.relink_company(company)
    world.one()
    assert (await connection.export_new()).exported == 1
    assert [item.company_id for item in world.zenvoices.inbox] == [number]


@pytest.mark.parametrize("kept", [True, False], ids=["same process", "new process"])
async def test_a_code_given_to_another_company_is_not_followed(kept: bool) -> None:
    """While the company of before is listed under another code, nothing goes to the new one."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.one()
    await connection.export_new()
    world.zenvoices._companies[world.company].code = "0042-OLD"
    other = world.zenvoices.add_company(code="0042", name="Another BV")
    document = world.one()
    connection = connection if kept else world.connect()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="belongs to another company") as caught:
            await connection.export_new()
        assert "'0042'" in caught.value.message
        assert "'0042-OLD'" in caught.value.message
        assert "deactivate()" in (caught.value.hint or "")
    assert world.states.get(document, "waiting") == "waiting"
    verification = await connection.verify(lang="fr")
    (failed,) = verification.failed
    assert (failed.name, failed.code) == ("company code", "company_moved")
    assert "deactivate()" in failed.remedy
    assert "ont reçu d'autres codes" in " ".join(str(verification).split())
    world.zenvoices._companies[other].code = "0043"
    world.zenvoices._companies[world.company].code = "0042"
    assert (await connection.export_new()).exported == 1
    assert [item.company_id for item in world.zenvoices.inbox] == [world.company] * 2


async def test_verify_without_a_readable_store_tells_a_run_no_company(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It cannot compare the company with that of before, so a run must ask by itself."""
    world = AsyncWorld()
    await world.connect().activate()
    world.zenvoices._companies[world.company].code = "0042-OLD"
    world.zenvoices.add_company(code="0042", name="Another BV")
    connection = world.connect()

    def busy(key: str) -> str:
        raise StoreError("the file is busy", service="bridge", retryable=True)

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "head", busy)
        verification = await connection.verify()
    assert [check.name for check in verification.failed] == ["checkpoints"]
    with pytest.raises(ConfigurationError, match="belongs to another company"):
        await connection.export_new()


async def test_codes_that_two_companies_swapped_are_not_followed() -> None:
    """Each connection refuses the company of the other."""
    world = AsyncWorld()
    second = world.banqup.add_space(name="Second BV")
    other = world.zenvoices.add_company(code="0043", name="Second BV")
    connections = [world.connect(), world.connect("0043", space_id=second)]
    for connection in connections:
        await connection.activate()
    companies = world.zenvoices._companies
    companies[world.company].code, companies[other].code = "0043", "0042"
    world.one()
    world.banqup.publish(second, files=[FakeFile("s.xml", "application/xml", invoice())])
    for connection in connections:
        with pytest.raises(ConfigurationError, match="belongs to another company"):
            await connection.export_new()
    assert world.zenvoices.inbox == []


async def test_a_list_that_ends_early_does_not_show_that_a_company_was_linked_anew() -> None:
    """Whether the company of before is still there cannot be known, so nothing is sent."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    number = world.zenvoices.relink_company(world.company)
    world.one()
    rows = [{"id": number, "code": "0042"}]
    short = Fault.status(200, {"result": {"totalCount": 9, "items": rows}, "success": True})
    world.zenvoices.faults.add("companies.list", action=short, times=None)
    with pytest.raises(ProtocolError, match="ended early"):
        await connection.export_new()
    assert world.zenvoices.inbox == []
    world.zenvoices.faults.clear()
    assert (await connection.export_new()).exported == 1


async def test_a_run_asks_for_the_company_once_and_only_to_send() -> None:
    """A kept connection with nothing to send asks Banqup alone."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    asked = world.calls("companies.list")
    await connection.export_new()
    assert world.calls("companies.list") == asked
    world.publish(3)
    assert (await connection.export_new()).exported == 3
    assert world.calls("companies.list") == asked + 1
    world.one()
    assert (await world.connect().export_new()).exported == 1
    assert world.calls("companies.list") == asked + 2


async def test_a_store_that_fails_says_itself_what_to_do(tmp_path: Path) -> None:
    """The remedy of the very file or folder is shown by verify() and raised by activate()."""
    missing = tmp_path / "missing"
    world = AsyncWorld()
    connection = world.connect(checkpoints=SQLiteCheckpoints(missing / "exports.db"))
    remedy = f"{missing} must be a directory that this user can write to"
    (check,) = (await connection.verify()).failed
    assert check.name == "checkpoints"
    assert remedy in check.remedy
    assert "Look at the message" not in str(await connection.verify(lang="fr"))
    with pytest.raises(StoreError) as caught:
        await connection.activate()
    assert remedy in str(caught.value)
