"""The commands as functions: what they print, and what ends them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from _client_kit._errors import RejectedError
from _client_kit._text import Text, joined
from banqup_client import Secret
from bridge import Connection, SQLiteCheckpoints, StoreError, _command, _demo, _sandbox
from bridge._command import _error_text, main
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
    lang: Lang, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps, reports, events, and the words of the fakes; commands carry the language on."""
    assert main(["demo", "--lang", lang]) == 0
    assert _sandbox.run_sandbox(Stop(5), every=1e-9, lang=lang) == 0
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
    ("lang", "told"),
    [("en", "exclude each other"), ("fr", "s'excluent"), ("nl", "kunnen niet samen")],
)
@pytest.mark.parametrize(
    "given",
    [
        ["settle", "d-1", "--delivered", "--not-delivered"],
        ["pairs", "--banqup-url=https://banqup.example", "--environment", "UAT_EU"],
    ],
)
def test_options_that_exclude_each_other_are_both_named(
    given: list[str], lang: Lang, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only the second is named, as if it were wrong by itself."""
    assert main([*given, "--lang", lang]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert all(word.partition("=")[0] in error for word in given if word.startswith("--"))


@pytest.mark.parametrize(
    ("lang", "told"),
    [("en", "--config needs a value"), ("fr", "attend une valeur"), ("nl", "ontbreekt een waarde")],
)
@pytest.mark.parametrize("given", [["export", "--config"], ["--config"]])
def test_an_option_without_its_value_is_named(
    given: list[str], lang: Lang, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what is missing, with a command and without one."""
    assert main(["--lang", lang, *given]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "--config" in error


@pytest.mark.parametrize("command", ["", *_command._FORMS])
@pytest.mark.parametrize("lang", ["fr", "nl"])
def test_help_is_in_the_language(
    lang: Lang, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage, the titles, the help of each option and the names of its values."""
    with pytest.raises(SystemExit) as ended:
        main([*([command] if command else []), "--lang", lang, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith({"fr": "utilisation : ", "nl": "gebruik: "}[lang])
    words = {"show", "help", "exit", "positional", "the", "FILE", "SECONDS", "COMMAND"}
    words |= set() if lang == "fr" else {"arguments", "options", "usage"}
    assert words & set(re.findall(r"(?<![-\w])\w+", told)) == set()


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
    SHARED + PAIR + "in_flight = 99\n",
    SHARED + PAIR + "lease_ttl = 1\n",
    SHARED + PAIR + 'on_uncertain = "guess"\n',
    SHARED + PAIR + "storage_hosts = 3\n",
    SHARED + PAIR + "banqup_contract = 3\n",
    SHARED + PAIR + "banqup_contract = { a = 1979-05-27 }\n",
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
    ["status", "--colour"],
    ["activate", "--dry-run"],
    ["pairs", "--company", "0042", "--environment", "UAT_EU"],
    ["export", "--limit", "0"],
    ["export", "--deadline", "-1"],
    ["export", "--mapper", "json"],
    ["export", "--mapper", "asyncio:sleep"],
    ["export", "connections.toml"],
    ["settle", "d-1"],
    ["settle", "d-1", "--delivered", "--not-delivered"],
    ["resend"],
    ["resend", "a b"],
    [],
    ["exprot"],
    ["--limit", "3"],
    ["export", "--limit", "three"],
    ["export", "--deadline", "soon"],
    ["export", "--config"],
    ["export", "--verbose=3"],
    ["pairs"],
    ["pairs", "--environment", "UAT_UE"],
    ["demo", "--documents", "nowhere"],
    ["sandbox", "--port", "http"],
    ["sandbox", "--port", "99999"],
    ["sandbox", "--every", "often"],
]


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
        [pytest.param(case, id=repr(case)) for case in (*MISTAKES, *ARGUMENTS, None)], LANGUAGES
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
    assert main(["--lang", lang, "--config", str(file), *arguments]) in (1, 2)
    told = capsys.readouterr().err.replace(str(file), "")
    assert told
    assert mistakes_in(told) - SAME[lang] == set()
    assert "anglais" not in told
    assert "Engels" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "--dryrun"], "unknown option --dryrun. Did you mean '--dry-run'?"),
        (["export", "--dry"], "unknown option --dry. Did you mean '--dry-run'?"),
        (["export", "--compny=0042"], "unknown option --compny. Did you mean '--company'?"),
        (["--comp", "0042", "status"], "unknown option --comp. Did you mean '--company'?"),
        (["status", "--waitng"], "Did you mean '--waiting'?"),
        (["settle", "d-1", "--delivred"], "Did you mean '--delivered'?"),
        (["pairs", "--enviroment", "UAT_EU"], "Did you mean '--environment'?"),
        (["activate", "--dry-run"], "--dry-run belongs to: export."),
        (["--deep", "export"], "--deep belongs to: verify."),
        (["verify", "--password=canary"], "Credentials are no part of it"),
        (["pairs", "--company", "1", "--environment", "UAT_EU"], "--company has no meaning for"),
        (["--mapper", "m:f", "pairs", "--environment", "UAT_EU"], "--mapper has no meaning for"),
        (["--config", "c.toml", "demo"], "--config has no meaning for"),
        (["--company", "0042", "sandbox"], "--company has no meaning for"),
        (["export", "--dry-run=true"], "--dry-run takes no value. Write --dry-run alone"),
        (["--json=1", "status"], "--json takes no value. Write --json alone"),
        (["exprot"], "unknown command 'exprot'. Did you mean 'export'?"),
        (["--config", "c.toml", "Status"], "unknown command 'Status'. Did you mean 'status'?"),
        (["--json", "activte", "--lang", "en"], "unknown command 'activte'. Did you mean"),
        (["xyzzy"], "say which command: verify, activate"),
        (["export", "c.toml"], "unknown argument 'c.toml'. Write --config 'c.toml'."),
        (["export", "0042"], "unknown argument '0042'. Usage: banqup-zenvoices export."),
    ],
)
def test_an_option_that_is_not_there_is_told_with_the_nearest(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is abbreviated and nothing ignored: a dry run that is none would send documents."""
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert "canary" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("name", ["connections.json", "connections.yaml", "c.YML"])
def test_a_file_of_another_format_is_told_which_one_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the parser says of a character is no help where the whole file is of another kind."""
    file = tmp_path / name
    file.write_text('{"space_id": "s-1"}')
    assert main(["status", "--config", str(file)]) == 2
    assert "Write it in TOML" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["~", "$HOME", "${HOME}", "%APPDATA%", "~jan"])
def test_what_only_a_shell_replaces_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the file, and on a command line of cron's: that a folder is missing tells nothing."""
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    file = tmp_path / "connections.toml"
    file.write_text(SHARED.replace("exports.db", f"{name}/exports.db") + PAIR)
    assert main(["status", "--config", str(file)]) == 1
    assert f"{name} is not replaced here: write the full path." in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--config", f"{name}/connections.toml"]) == 2
    assert f"{name} is not replaced here: write the full path." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["exports~", "a~b", "50% off", "$", "a$b", "~exports.db"])
def test_a_name_that_no_shell_replaces_is_not_suspected(name: str, tmp_path: Path) -> None:
    """A folder that is missing is told as such."""
    with pytest.raises(StoreError, match="must be a directory"):
        SQLiteCheckpoints(tmp_path / "no" / name).head("k")


CONNECTION = '[[connection]]\nspace_id = "s-1"\ncompany_code = "0042"\n'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CONNECTION + CONNECTION.partition("\n")[2], "Begin each connection with the line"),
        ("# Banqup\nBANQUP_CLIENT_ID=canary\n", "These are variables of the environment"),
        ("export BANQUP_CLIENT_ID=canary\n", "These are variables of the environment"),
        ("set ZENVOICES_USER=canary\n", "These are variables of the environment"),
        ("company_code = 0042\n", "Write codes and ids in quotes"),
        (SHARED + CONNECTION.replace("s-1", ""), "space_id must be a text that is not empty"),
    ],
)
def test_what_the_parser_cannot_name_is_told(
    content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second connection without its line, and the file of the variables, are no typing error."""
    file = tmp_path / "connections.toml"
    file.write_text(content)
    assert main(["status", "--config", str(file)]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "canary" not in shown


@pytest.mark.parametrize("name", ["lang", "json", "dry_run", "look-first"])
def test_an_option_in_the_file_is_told_where_it_belongs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of the known keys is the right one."""
    file = tmp_path / "connections.toml"
    file.write_text(f"{name} = true\n{SHARED}{PAIR}")
    assert main(["status", "--config", str(file)]) == 2
    option = f"an option of the command: give it there as --{name.replace('_', '-')}."
    assert option in capsys.readouterr().err


def test_a_mapper_with_async_def_is_refused_before_any_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option is named, and not each connection."""
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    file = tmp_path / "connections.toml"
    file.write_text(SHARED + PAIR)
    assert main(["export", "--config", str(file), "--mapper", "asyncio:sleep"]) == 2
    told = capsys.readouterr().err
    assert "--mapper: asyncio:sleep is an async def. Write it with def" in told


def test_the_empty_file_that_a_shell_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the command prints would go into the same file as what it writes."""
    file = tmp_path / "connections.toml"
    file.touch()
    assert main(["pairs", "--environment", "UAT_EU", "--config", str(file)]) == 2
    told = capsys.readouterr().err
    assert "is there already and is empty" in told
    assert f"leave out > {file}" in told


def test_a_file_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows hides the ending that an editor has added; a folder is no file."""
    (tmp_path / "connections.toml.txt").touch()
    assert main(["status", "--config", str(tmp_path / "connections.toml")]) == 2
    assert "In that folder is: connections.toml.txt." in capsys.readouterr().err
    (tmp_path / "connection.toml").touch()
    assert main(["status", "--config", str(tmp_path / "connections.toml")]) == 2
    assert "In that folder are: connect" in capsys.readouterr().err
    assert main(["status", "--config", str(tmp_path)]) == 2
    assert "Name the file in it." in capsys.readouterr().err


@pytest.mark.parametrize("codes", ["0042,0043", "0042 0043"])
def test_several_codes_in_one_are_told_how_to_be_written(
    codes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nearest code would be one of them."""
    file = tmp_path / "connections.toml"
    file.write_text(SHARED + PAIR)
    assert main(["status", "--config", str(file), "--company", codes]) == 2
    assert "Write --company CODE once for each code." in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_cannot_be_written_shows_no_traceback() -> None:
    """As where cron writes to a file on a full disk: one line, and a status that is not 0."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bridge", "demo", "--json"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line == "banqup-zenvoices: the output cannot be written: No space left on device"


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


@pytest.mark.parametrize("name", [*CREDENTIALS, "BANQUP_SCOPE"])
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
def test_a_quoted_sentence_that_ended_is_not_ended_twice(lang: Lang) -> None:
    """The full stop of a service is inside the quotes."""
    said = joined(": ", Text("refused", "refused ({0})", "400"), Text("said", "{0}", "Log in."))
    hint = Text("hint_later", "The service was reached, but cannot answer now: try again later.")
    shown = _error_text(RejectedError(said, service="zenvoices", hint=hint), lang)
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
        assert _demo.run_demo(as_json=True) == 0
    assert logins[0][0] != logins[1][0]
    assert logins[0][1] != logins[1][1]
