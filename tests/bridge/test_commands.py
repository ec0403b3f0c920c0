"""The commands as functions: what they print, and what ends them."""

from __future__ import annotations

import io
import json
import re
import threading
from functools import partial
from pathlib import Path

import pytest

from _client_kit._errors import RejectedError
from _client_kit._text import Text, joined
from banqup_client import Secret
from bridge import Connection, ExportReport, Verification, _demo, _sandbox
from bridge._command import _error_text, main
from bridge._reports import texts
from bridge._reports.texts import Lang
from support.bridge_world import invoice
from support.cases import matrix
from support.estate import CREDENTIALS


def test_the_demo_tells_its_story_and_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbered steps, the report's own words, and nothing left behind; on any kind of stream."""
    told = io.StringIO()
    monkeypatch.setattr("sys.stdout", told)
    assert main(["demo"]) == 0
    assert "\n1. " in told.getvalue()
    assert "sent to company" in told.getvalue()
    assert told.getvalue().rstrip().endswith("left nothing behind.")


def test_the_demo_shows_the_beginning_of_a_long_inbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of somebody's own folder all is sent, and twenty lines of the inbox are shown."""
    for number in range(21):
        (tmp_path / f"{number:02}.xml").write_bytes(invoice(f"F{number:02}"))
    assert main(["demo", "--documents", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.partition("\n5. ")[2].partition("\n6. ")[0]
    assert shown.count("Invoice F") == 20
    assert "... and 1 more" in shown


@pytest.mark.parametrize("wrong", ["not ready", "nothing sent", "sent again", "changed"])
def test_the_demo_ends_with_1_if_a_step_fails(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit status says whether all went as it should."""
    export = Connection.export_new
    reports: list[ExportReport] = []

    def again(connection: Connection) -> ExportReport:
        reports.append(reports[0] if reports else export(connection))
        return reports[-1]

    match wrong:
        case "not ready":
            monkeypatch.setattr(Verification, "ok", False)
        case "nothing sent":
            monkeypatch.setattr(_demo, "_publish_samples", lambda _: None)
        case "sent again":
            monkeypatch.setattr(Connection, "export_new", again)
        case _:
            monkeypatch.setattr(_demo.Services, "arrived_unchanged", lambda *_: False)
    assert main(["demo"]) == 1
    assert len(reports) == (2 if wrong == "sent again" else 0)


def test_the_demo_prints_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    """An option before the command's name is not ignored either."""
    assert main(["--json", "demo"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.leaks("the sandbox tells its invented credentials")
def test_the_sandbox_tells_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    """How to try it, that the first run sends nothing, and what is published."""

    assert _sandbox.run_sandbox(Stop(5), every=1e-9) == 0
    told = capsys.readouterr().out
    assert "first run sends nothing" in told
    assert told.count("is there (FULLY_APPROVED)") == 4
    assert told.count("is there (AWAITING_VALIDATION)") == 1
    assert told.count("is approved now (FULLY_APPROVED)") == 1
    assert "delete an exports.db" not in told


@pytest.mark.leaks("the sandbox tells its invented credentials")
def test_the_sandbox_tells_each_thing_as_one_json_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --json a program reads how to connect, then what happens, line by line."""
    assert _sandbox.run_sandbox(Stop(5), every=1e-9, as_json=True) == 0
    facts, *events = map(json.loads, capsys.readouterr().out.splitlines())
    assert {"banqup_url", "zenvoices_url", "secret", "company_code"} <= facts.keys()
    assert "approved" in {event["event"] for event in events}


@pytest.mark.leaks("the sandbox tells its invented credentials")
def test_a_sandbox_with_a_port_says_that_its_ids_come_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store of last time would count the new documents as known."""
    free = partial(_demo.services, space_id=_sandbox.SPACE_ID)
    monkeypatch.setattr(_sandbox, "services", lambda **_: free())
    assert _sandbox.run_sandbox(Stop(0), port=1) == 0
    assert "delete the exports.db of that time" in " ".join(capsys.readouterr().out.split())


class Stop(threading.Event):
    """The end of a sandbox after so many looks at what arrived; it never sleeps."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        return self.looks < 0


OURS = {
    "en": ["Business goes on", "left nothing behind", "first run sends nothing", "open again"],
    "fr": [
        "L'activité se poursuit",
        "laissé aucune trace",
        "Le premier export n'envoie rien",
        "rouverte",
    ],
    "nl": [
        "Intussen gaat het werk verder",
        "liet niets achter",
        "De eerste export verzendt niets",
        "open",
    ],
}


@pytest.mark.leaks("the sandbox tells its invented credentials")
@pytest.mark.parametrize("lang", ["fr", "nl"])
def test_demo_and_sandbox_speak_the_language(
    lang: Lang, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps, reports, events, and the words of the fakes; commands carry the language on."""
    assert main(["demo", "--lang", lang]) == 0
    monkeypatch.setitem(texts._display, "language", lang)
    assert _sandbox.run_sandbox(Stop(5), every=1e-9) == 0
    told = capsys.readouterr().out
    flat = " ".join(told.split())
    for english, ours in zip(OURS["en"], OURS[lang], strict=True):
        assert ours in flat
        assert english not in flat
    assert f"banqup-zenvoices export --lang {lang}\n" in told
    assert f'set_language("{lang}")' in told
    code = r"\n(import sys|\[\[connection|export BANQUP).*?\n\n"
    prose = re.sub(code, " ", told, flags=re.DOTALL)
    assert not re.search(r"\b(the|and|arrived|there|subject|sender|sent|first|approved)\b", prose)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([], {"fr": "Transmet les nouvelles factures", "nl": "Brengt nieuwe facturen"}),
        (["export"], {"fr": "indique seulement ce qui", "nl": "toont alleen wat er zou"}),
        (["pairs"], {"fr": "un fichier de connexions", "nl": "bestand met koppelingen"}),
        (["resend"], {"fr": " arguments: ID l'identifiant", "nl": " argumenten: ID het id"}),
        (["settle"], {"fr": " arguments: ID l'identifiant", "nl": " argumenten: ID het id"}),
        (["sandbox"], {"fr": "simule les deux services", "nl": "bootst beide diensten na"}),
    ],
)
@pytest.mark.parametrize("lang", ["fr", "nl"])
def test_help_is_in_the_language(
    lang: Lang, command: list[str], told: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What a command does and the help of each option; errors are argparse's own."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--lang", lang, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert told[lang] in shown
    assert "positional" not in shown


PAIR = '[[connection]]\nspace_id = "s-1"\ncompany_code = "0042"\n'
SHARED = 'environment = "UAT_EU"\ncheckpoint_file = "exports.db"\n'
MISTAKES = [
    "",
    "a = ",
    "connection = [3]",
    SHARED + "speling = 1\n" + PAIR,
    SHARED + "password = 1\n" + PAIR,
    SHARED + "lang = 'nl'\n" + PAIR,
    SHARED + 'banqup_contract = { "openapi" = "3.0.1" }\n' + PAIR,
    SHARED + "'a b' = 1\n" + PAIR,
    SHARED + "mapper = 'm:f'\n" + PAIR,
    SHARED + '[[connection]]\nspace_id = "s-1"\ncompany_code = 42\n',
    SHARED + "[[connection]]\n",
    SHARED + PAIR + PAIR,
    SHARED + PAIR + 'timeout = "30"\n',
    SHARED + PAIR + "in_flight = 2.0\n",
    SHARED + PAIR + "in_flight = 0\n",
    SHARED + PAIR + "lease_ttl = 1\n",
    SHARED + PAIR + 'on_uncertain = "guess"\n',
    SHARED + PAIR + "storage_hosts = 3\n",
    SHARED + PAIR + "banqup_contract = 3\n",
    SHARED + PAIR + "banqup_operations = 3\n",
    SHARED + PAIR + 'banqup_operations = { "documents.list" = "a" }\n',
    SHARED + PAIR + 'banqup_operations = { "documents.list" = "json:nothing" }\n',
    SHARED + PAIR + 'banqup_operations = { "documents.list" = "no_such_module:f" }\n',
    SHARED + PAIR + 'zenvoices_url = "http://zenvoices.example"\n',
    SHARED + PAIR + 'banqup_url = "https://banqup.example"\n',
    SHARED.replace("UAT_EU", "UAT_UE") + PAIR,
    SHARED.replace("exports.db", "sqlite://exports.db") + PAIR,
    SHARED.replace('_file = "exports.db"', '_url_variable = "NOT_SET_IN_A_TEST"') + PAIR,
    SHARED.replace('_file = "exports.db"', '_url_variable = "a://b"') + PAIR,
    SHARED.replace("exports.db", "") + PAIR,
    SHARED + PAIR.replace("s-1", "../s"),
]
ARGUMENTS = [
    ["status", "--company", "42"],
    ["export", "--limit", "0"],
    ["export", "--deadline", "-1"],
    ["export", "--mapper", "json"],
    ["resend", "a b"],
]
LOCAL = [
    ["demo", "--documents", "nowhere"],
    ["sandbox", "--port", "99999"],
    ["sandbox", "--every", "-1"],
]
"""Commands without a file of connections."""


def mistakes_in(told: str) -> set[str]:
    """The English words of a text, without what is quoted and without names in code."""
    ours = re.sub(r"«[^»]*»|“[^”]*”|'[^']*'|banqup-zenvoices \w+", " ", told)
    english = """
    the an must be not with unknown give either read file its it this from usage options argument
    arguments required invalid choice expected allowed show exit message number value command
    """
    return set(re.findall(r"(?<![\w.-])[a-z]+(?![\w.(=-])", ours)) & set(english.split())


LANGUAGES = ["fr", "nl"]
SAME = {"fr": {"options", "argument", "arguments", "message"}, "nl": {"argument"}}
"""English words that are right in the other language, too."""


@pytest.mark.parametrize(
    ("case", "lang"),
    matrix(
        [pytest.param(case, id=repr(case)) for case in (*MISTAKES, *ARGUMENTS, *LOCAL, None)],
        LANGUAGES,
    ),
)
def test_mistakes_are_told_in_the_language(
    case: str | list[str] | None,
    lang: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file, an argument or an environment that cannot be used; Python's own words are quoted."""
    for name, value in CREDENTIALS.items() if case is not None else ():
        monkeypatch.setenv(name, value)
    file = tmp_path / "bestand.toml"
    file.write_text(case if isinstance(case, str) else SHARED + PAIR)
    arguments = case if isinstance(case, list) else ["status"]
    config = [] if case in LOCAL else ["--config", str(file)]
    assert main(["--lang", lang, *arguments, *config]) in (1, 2)
    told = capsys.readouterr().err.replace(str(file), "")
    assert told
    assert mistakes_in(told) - SAME[lang] == set()
    assert "anglais" not in told
    assert "Engels" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["exprot"],
        ["status", "--lang", "de"],
        ["export", "--dryrun"],
        ["export", "--dry"],
        ["--dry-run", "export"],
        ["export", "--dry-run=true"],
        ["activate", "--dry-run"],
        ["export", "--limit", "three"],
        ["export", "--config"],
        ["export", "connections.toml"],
        ["settle", "d-1"],
        ["settle", "d-1", "--delivered", "--not-delivered"],
        ["resend"],
        ["pairs"],
        ["pairs", "--environment", "UAT_UE"],
        ["pairs", "--environment", "UAT_EU", "--company", "0042"],
        ["pairs", "--environment", "UAT_EU", "--mapper", "m:f"],
        ["demo", "--config", "c.toml"],
        ["sandbox", "--company", "0042"],
        ["sandbox", "--port", "http"],
    ],
)
def test_an_option_that_a_command_does_not_have_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is abbreviated and nothing ignored: a dry run that is none would send documents."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("usage: banqup-zenvoices")
    assert shown.out == ""


@pytest.mark.parametrize("before", [True, False])
def test_shared_options_stand_before_or_after_the_command(
    before: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that --config names is the one that is read, on either side of the command."""
    options = ["--config", str(tmp_path / "named.toml"), "--json"]
    assert main([*options, "export"] if before else ["export", *options]) == 2
    assert "named.toml" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["~", "$HOME", "${HOME}", "%APPDATA%", "~jan"])
def test_what_only_a_shell_replaces_is_shown(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole path is named, so that a person sees what was not replaced in it."""
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    file = tmp_path / "connections.toml"
    file.write_text(SHARED.replace("exports.db", f"{name}/exports.db") + PAIR)
    assert main(["status", "--config", str(file)]) == 1
    assert f"/{name}/exports.db" in capsys.readouterr().err


def test_a_folder_without_invoices_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demo that exports nothing would look like a failed export."""
    (tmp_path / "a.txt").write_text("text")
    assert main(["demo", "--documents", str(tmp_path)]) == 2
    assert "holds no .xml or .pdf file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "missing", "named"),
    [
        (
            {"BANQUP_CLIENT_ID": "a", "ZENVOICES_USERNAME": "canary"},
            [
                *("BANQUP_CLIENT_SECRET", "ZENVOICES_USER", "ZENVOICES_PASSWORD"),
                "ZENVOICES_ORGANISATION_CODE",
            ],
            ["BANQUP_CLIENT_ID", "ZENVOICES_USERNAME"],
        ),
        ({}, list(CREDENTIALS), []),
        (CREDENTIALS | {"BANQUP_CLIENT_ID": ""}, ["BANQUP_CLIENT_ID"], [*CREDENTIALS][1:]),
    ],
)
def test_missing_variables_are_told_with_those_that_are_set(
    variables: dict[str, str],
    missing: list[str],
    named: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All at once, so that a name with a typing error stands beside the right one; no value."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "connections.toml"
    file.write_text(SHARED + PAIR)
    assert main(["export", "--config", str(file)]) == 2
    told = capsys.readouterr().err.strip()
    assert f"environment variables not set: {', '.join(missing)}" in told
    assert (f"Set are: {', '.join(sorted(named))}." in told) == bool(named)
    assert "cron and systemd" in told
    assert "canary" not in told
    assert not (tmp_path / "exports.db").exists()


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("value", ["'canary'", "canary\n", " canary"])
def test_a_variable_that_cannot_be_used_is_told_by_its_name(
    name: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who writes a file of variables has no argument client_secret=; the value is not shown."""
    for variable, good in CREDENTIALS.items():
        monkeypatch.setenv(variable, good)
    monkeypatch.setenv(name, value)
    file = tmp_path / "connections.toml"
    file.write_text(SHARED + PAIR)
    assert main(["export", "--config", str(file)]) == 2
    told = capsys.readouterr().err
    assert re.search(rf"(^|: ){name} must ", told)
    assert "canary" not in told


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
def test_a_quoted_sentence_that_ended_is_not_ended_twice(
    lang: Lang, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The full stop of a service is inside the quotes."""
    said = joined(": ", Text("refused", "refused ({0})", "400"), Text("said", "{0}", "Log in."))
    hint = Text("hint_later", "The service was reached, but cannot answer now: try again later.")
    monkeypatch.setitem(texts._display, "language", lang)
    shown = _error_text(RejectedError(said, service="zenvoices", hint=hint))
    start = {"en": "Log in. The", "fr": "« Log in. » Le", "nl": "“Log in.” De"}[lang]
    assert start in shown
    assert shown.startswith("Zenvoices : " if lang == "fr" else "Zenvoices: ")


def test_the_demo_shows_documents_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other users of the machine reach loopback: its logins are none that everybody knows."""
    logins: list[tuple[Secret, Secret]] = []
    activate = Connection.activate

    def noted(connection: Connection) -> object:
        logins.append(
            (connection._banqup.credentials.client_secret, connection._zenvoices.login.password)
        )
        return activate(connection)

    monkeypatch.setattr(Connection, "activate", noted)
    for _ in range(2):
        assert _demo.run_demo() == 0
    assert logins[0][0] != logins[1][0]
    assert logins[0][1] != logins[1][1]
