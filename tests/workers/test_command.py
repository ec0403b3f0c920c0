"""The command ``banqup-zenvoices`` against both services on sockets."""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from banqup_client.testing import FakeRequest, Fault
from bridge import (
    ConnectionConfig,
    CredentialsError,
    DeliveryRow,
    ExportReport,
    OutcomeUnknownError,
    SQLiteCheckpoints,
    StoreError,
)
from bridge._command import _status_of, main
from bridge._process import store_of
from support.estate import CREDENTIALS, Estate
from support.examples import write_toml


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Generator[Estate]:
    """Two connections, and the credentials in this process's environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with Estate(2) as made:
        yield made


@pytest.fixture
def toml(estate: Estate, tmp_path: Path) -> Path:
    """The file of both connections; the store is beside it."""
    return write_toml(tmp_path / "connections.toml", estate.configs(checkpoint_file="exports.db"))


@pytest.fixture
def active(estate: Estate, toml: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The same, activated with one old document in each space."""
    estate.publish(1, old=True)
    assert main(["activate", "--config", str(toml)]) == 0
    capsys.readouterr()
    return toml


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own, warnings and all."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "bridge", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **options,
    )


def run(*arguments: str, **options: Any) -> tuple[int, str, str]:
    """What a process printed, and its exit status."""
    with process(*arguments, **options) as child:
        out, err = child.communicate(timeout=120)
        return child.returncode, out, err


def lines(text: str) -> list[dict[str, Any]]:
    """The objects of ``--json``, one a line."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.long
def test_whole_way_as_a_process(estate: Estate, toml: Path, tmp_path: Path) -> None:
    """Verify, activate, export what came since, ask for the status: from another folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    estate.publish(1, old=True)
    told = {}
    for verb in ("verify", "activate", "export", "status", "confirm"):
        if verb == "export":
            estate.publish(2)
        status, out, err = run(verb, "--config", str(toml), "--json", cwd=elsewhere)
        assert (status, err) == (0, ""), out
        told[verb] = [line["result"] for line in lines(out)]
    assert [it["ok"] for it in told["verify"]] == [True, True]
    assert [it["baseline"] for it in told["activate"]] == [1, 1]
    assert [it["exported"] for it in told["export"]] == [2, 2]
    assert [it["ready_to_process"] for it in told["status"]] == [2, 2]
    assert [it["confirmed"] for it in told["confirm"]] == [2, 2]
    assert estate.faults() == {}
    assert (tmp_path / "exports.db").exists()


def test_a_person_reads_the_reports(active: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json the library's own text is printed, below the company it is about."""
    assert main(["status", "--config", str(active), "--lang", "fr"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("== 0042\n")
    assert "entreprise 0042" in out
    assert "\n== 0043\n" in out
    assert "prêt à traiter" in out
    assert main(["status", "--config", str(active), "--company", "0043"]) == 0
    assert capsys.readouterr().out.startswith("Active: company 0043\n")


def test_connections_share_clients_and_store(estate: Estate, active: Path) -> None:
    """Those with the same settings log in once, and every other one has its own."""
    before = estate.zenvoices.counts["login"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bridge._process._shared", {})
        made: list[str] = []
        patched.setattr(
            "bridge._sync._opening.BanqupClient",
            counted(made, "bridge._sync._opening.BanqupClient"),
        )
        assert main(["verify", "--config", str(active)]) == 0
        assert len(made) == 1
        first, second = ConnectionConfig.from_toml(active)
        slower = ConnectionConfig.from_dict({**second.to_dict(), "timeout": 20})
        other = write_toml(active.parent / "other.toml", [first, slower])
        assert main(["verify", "--config", str(other)]) == 0
        assert len(made) == 3
    assert estate.zenvoices.counts["login"] == before + 1


def counted(calls: list[str], name: str) -> Any:
    """A function that notes each of its calls."""
    module, _, attribute = name.rpartition(".")
    function = getattr(importlib.import_module(module), attribute)

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return function(*arguments, **options)

    return call


def test_one_connection_that_fails_stops_no_other(
    estate: Estate, active: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first has a wrong company code; the second is exported, and the status is 1."""
    first, *others = ConnectionConfig.from_toml(active)
    wrong = ConnectionConfig.from_dict({**first.to_dict(), "company_code": "9999"})
    toml = write_toml(tmp_path / "wrong.toml", [wrong, *others])
    estate.publish(1)
    assert main(["export", "--config", str(toml)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("9999: Zenvoices: ")
    assert "Export: 1 document sent to company 0043" in told.out
    assert estate.faults() == {"lost": 1}


# The sandbox


class Events:
    """What a sandbox tells, as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.seen: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The next event."""
        self.seen.append(json.loads(self._stream.readline()))
        return self.seen[-1]

    def first(self, kind: str) -> dict[str, Any]:
        """The first event of a kind, whether it was read before or not."""
        place = 0
        while True:
            event = self.seen[place] if place < len(self.seen) else self.next()
            if event["event"] == kind:
                return event
            place += 1


@pytest.mark.long
def test_whole_way_in_the_sandbox(tmp_path: Path) -> None:
    """Nothing but the command: what is there stays, what arrives moves, SIGTERM ends it."""
    with process("sandbox", "--json", "--every", "0.5") as sandbox:
        assert sandbox.stdout is not None
        facts = json.loads(sandbox.stdout.readline())
        toml = tmp_path / "connections.toml"
        toml.write_text(
            'checkpoint_file = "exports.db"\n'
            + "".join(f'{name} = "{facts[name]}"\n' for name in ("banqup_url", "zenvoices_url"))
            + f'[[connection]]\nspace_id = "{facts["space_id"]}"\n'
            + f'company_code = "{facts["company_code"]}"\n'
        )
        variables = {
            "BANQUP_CLIENT_ID": facts["client_id"],
            "BANQUP_CLIENT_SECRET": facts["secret"],
            "ZENVOICES_USER": facts["user"],
            "ZENVOICES_PASSWORD": facts["password"],
            "ZENVOICES_ORGANISATION_CODE": facts["organisation"],
        }

        def told(verb: str, *arguments: str) -> tuple[int, Any]:
            status, out, err = run(
                verb, *arguments, "--json", cwd=tmp_path, env={**os.environ, **variables}
            )
            assert bool(err) == (verb in ("export", "status") and status == 1)
            return status, json.loads(out)["result"]

        assert told("verify")[0] == 0
        status, activation = told("activate")
        assert status == 0
        assert activation["baseline"] >= 3
        events = Events(sandbox.stdout)
        sent: set[str] = set()
        refused = 0
        while not (sent and refused):
            events.next()
            status, report = told("export")
            sent |= {it["external_id"] for it in report["deliveries"] if it["inbox_id"]}
            refused += report["refused"]
            assert status == (1 if refused else 0)
        arrived = events.first("delivered")
        assert arrived["company_code"] == facts["company_code"]
        assert arrived["external_id"] in sent
        closed = events.first("refused")
        assert "is closed" in closed["message"]
        # What was there at activation has a number below 100, and is not sent.
        sent_numbers = [it["number"] for it in events.seen if it["event"] == "delivered"]
        assert min(int(number.rpartition("-")[2]) for number in sent_numbers) >= 100
        approved = events.first("approved")
        assert told("resend", closed["id"])[0] == 0
        status, report = told("export")
        rows = {it["document_id"]: it["state"] for it in report["deliveries"]}
        assert rows[closed["id"]] == "delivered"
        assert rows.get(approved["id"], "delivered") == "delivered"
        status, now = told("status")
        assert status == (1 if now["attention"] else 0)  # another one may have been refused since
        sandbox.send_signal(signal.SIGTERM)
        _, err = sandbox.communicate(timeout=30)
    assert (sandbox.returncode, err) == (0, "")


def free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
        with suppress(OSError), ExitStack() as stack:
            for n in range(3):
                stack.enter_context(socket.create_server(("127.0.0.1", port + n)))
            return port
    raise AssertionError("no three ports are free")


@pytest.mark.long
@pytest.mark.alone  # another test could take a port that was free
def test_sandbox_with_a_port_is_the_same_each_time() -> None:
    """Addresses and ids of documents are fixed where a port is given."""
    port = str(free_ports())
    told: list[list[str]] = []
    for _ in range(2):
        with process("sandbox", "--json", "--every", "0.05", "--port", port) as sandbox:
            assert sandbox.stdout is not None
            told.append([sandbox.stdout.readline(), sandbox.stdout.readline()])
            sandbox.send_signal(signal.SIGINT)
            _, err = sandbox.communicate(timeout=30)
        assert (sandbox.returncode, err) == (0, "")
    assert told[0] == told[1]
    assert f"http://127.0.0.1:{port}" in told[0][0]


# Exit status


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "--company", "42"], "no connection of company '42'. Did you mean '004"),
        (["status", "--config", "nowhere.toml"], "nowhere.toml. Start in the folder"),
        (["status", "--config", "nowhere.toml"], "banqup-zenvoices pairs writes one"),
        (
            ["export", "--mapper", "no_such_module:f"],
            "--mapper: the import failed with ModuleNotFoundError",
        ),
        (["resend", "x"], "--company CODE chooses one of these 2"),
        (["settle", "x", "--delivered"], "this command is for one connection"),
        (["deactivate"], "--company CODE chooses one of these 2"),
        (["demo", "--documents", "nowhere"], "--documents: nowhere holds no .xml or .pdf file"),
        (["sandbox", "--port", "-1"], "--port -1: "),
        (["sandbox", "--every", "0"], "--every must be a positive number of seconds, not 0"),
        (["export", "--limit", "0"], "--limit must be a whole number from 1 up, not 0"),
        (["export", "--deadline", "-5"], "--deadline must be a positive number of seconds"),
    ],
)
def test_wrong_use_is_2(
    toml: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what is wrong with the command line; nothing is called."""
    local = arguments[0] in ("demo", "sandbox") or "--config" in arguments
    more = [] if local else ["--config", str(toml)]
    assert main([*arguments, *more]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("banqup-zenvoices: ")
    assert message in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("lang", "wrong_use", "fault"),
    [
        ("fr", "Vouliez-vous dire", "aucune entreprise"),
        ("nl", "Bedoelde u", "geen administratie"),
    ],
)
def test_errors_are_told_in_the_language(
    active: Path, lang: str, wrong_use: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use, what became of a wish, and what a connection ends in."""
    common = ["--config", str(active), "--lang", lang]
    assert main(["status", "--company", "42", *common]) == 2
    assert wrong_use in capsys.readouterr().err
    first, *_ = ConnectionConfig.from_toml(active)
    wrong = ConnectionConfig.from_dict({**first.to_dict(), "company_code": "9999"})
    toml = write_toml(active.parent / "wrong.toml", [wrong])
    assert main(["export", "--config", str(toml), "--lang", lang]) == 1
    told = capsys.readouterr().err
    assert fault in told
    assert told.startswith({"fr": "9999 : Zenvoices : ", "nl": "9999: Zenvoices: "}[lang])


@pytest.mark.parametrize(
    "verb", [["export"], ["status"], ["resend", "x"], ["confirm"], ["settle", "x", "--delivered"]]
)
def test_a_wrong_folder_is_named_and_stays_empty(
    estate: Estate,
    tmp_path: Path,
    verb: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The path of the store that has no activation is told; no file is left beside the settings."""
    folder = tmp_path / "new"
    folder.mkdir()
    one = estate.configs(checkpoint_file="exports.db")[:1]
    toml = write_toml(folder / "connections.toml", one)
    assert main([*verb, "--config", str(toml)]) == 1
    told = capsys.readouterr()
    # A long path is cut at the width of the terminal.
    assert str(folder / "exports.db") in "".join((told.out + told.err).split())
    assert [path.name for path in folder.iterdir()] == ["connections.toml"]


def test_missing_credential_is_2(
    active: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variables of both services are named, once for all connections."""
    monkeypatch.delenv("BANQUP_CLIENT_SECRET")
    monkeypatch.delenv("ZENVOICES_PASSWORD")
    for arguments in (["export"], ["pairs", "--environment", "UAT_EU"]):
        file = active if arguments == ["export"] else active.parent / "pairs.toml"
        assert main([*arguments, "--config", str(file)]) == 2
        told = capsys.readouterr().err
        assert told.count("ZENVOICES_PASSWORD") == 1
        assert told.count("BANQUP_CLIENT_SECRET") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lease_ttl": 5}, "lease_ttl (5 s) must be at least twice"),
        ({"zenvoices_operations": {"inbox.upload": "no_such_module:f"}}, "'no_such_module'"),
        ({"zenvoices_operations": {"inbox.uplod": "os:getcwd"}}, "Did you mean 'inbox.upload'"),
        ({"banqup_contract": "nowhere.json"}, "nowhere.json"),
    ],
)
def test_file_that_cannot_be_opened_is_2(
    active: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The connection is named, and the other one still runs."""
    first, second = ConnectionConfig.from_toml(active)
    wrong = ConnectionConfig.from_dict({**first.to_dict(), **change})
    toml = write_toml(active.parent / "wrong.toml", [wrong, second])
    assert main(["status", "--config", str(toml)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("0042: ")
    assert message in told.err
    assert "Active: company 0043" in told.out


def test_variable_that_is_not_set_is_2(estate: Estate, tmp_path: Path) -> None:
    """That of the database is part of wrong use, as those of the credentials are."""
    made = estate.configs(checkpoint_url_variable="NO_SUCH_VARIABLE_HERE")
    toml = write_toml(tmp_path / "connections.toml", made)
    assert main(["status", "--config", str(toml)]) == 2


def test_pairs_into_a_folder_that_is_not_there_is_2(
    estate: Estate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and no traceback."""
    where = ["--banqup-url", estate.banqup_url, "--zenvoices-url", estate.zenvoices_url]
    assert main(["pairs", *where, "--config", str(tmp_path / "no" / "pairs.toml")]) == 2
    assert "pairs.toml cannot be written: No such file" in capsys.readouterr().err


def test_port_that_is_taken_is_2(estate: Estate, capsys: pytest.CaptureFixture[str]) -> None:
    """The sandbox says which."""
    port = estate.banqup_url.rpartition(":")[2]
    assert main(["sandbox", "--port", port]) == 2
    assert f"--port {port}: " in capsys.readouterr().err


def fault(estate: Estate, name: str) -> None:
    """Bring about what a run ends in."""
    if name == "password":
        estate.zenvoices.user.password = "another"
        estate.zenvoices.expire_tokens()
    elif name == "right":
        estate.zenvoices.user.rights = set()
    elif name == "refused":
        estate.zenvoices.refuse_when(lambda _: "The period is closed.")
    elif name == "network":
        estate.banqup.faults.add("documents.list", action=Fault.status(503), times=None)
    elif name == "rate limit":
        estate.banqup.faults.add("documents.list", action=Fault.rate_limit(3600), times=None)


@pytest.mark.parametrize(
    ("name", "status"),
    [("password", 1), ("right", 1), ("refused", 1), ("network", 75), ("rate limit", 75)],
)
def test_exit_status_says_who_can_help(
    estate: Estate,
    active: Path,
    name: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1 where a person must change something, 75 where the same run may do later."""
    monkeypatch.setattr("_client_kit._runtime_sync.sleep", lambda _: None)
    # Credentials are shared by a process, and so is their refusal.
    monkeypatch.setattr("bridge._process._shared", {})
    estate.publish(1)
    fault(estate, name)
    assert main(["export", "--config", str(active), "--json"]) == status
    captured = capsys.readouterr()
    assert {line[:6] for line in captured.err.splitlines()} == {"0042: ", "0043: "}
    told = lines(captured.out)
    assert [line["exit_status"] for line in told] == [status, status]
    assert all(line["error"] or line["result"]["refused"] for line in told)


def test_verify_says_who_can_help(estate: Estate, toml: Path) -> None:
    """A missing right needs a person."""
    estate.zenvoices.user.rights = set()
    assert main(["verify", "--config", str(toml)]) == 1


def test_a_language_holds_for_the_subjects_of_one_command(estate: Estate, active: Path) -> None:
    """The next command in the same process has its own."""
    one = ["--config", str(active), "--company", "0042"]
    for lang in ("nl", "en"):
        estate.publish()
        assert main(["export", *one, "--lang", lang]) == 0
    subjects = [item.subject or "" for item in estate.zenvoices.inbox[-2:]]
    assert [subject.split()[0] for subject in subjects] == ["Factuur", "Invoice"]


@pytest.mark.parametrize(
    ("lang", "title"),
    [
        ("en", "Not active: company 0042"),
        ("fr", "Connexion inactive : entreprise 0042"),
        ("nl", "Koppeling niet actief: administratie 0042"),
    ],
)
def test_deactivate_says_what_was_done(
    lang: str, title: str, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was wanted: nobody is asked whether the store is the right one, as status asks later."""
    assert main(["deactivate", "--config", str(active), "--company", "0042", "--lang", lang]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{title}\n")
    assert "banqup-zenvoices activate" in " ".join(told.split())
    assert "?" not in told


def test_deactivate_stops_one_connection(active: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other goes on; what was left inactive is told by export, and activate starts it again."""
    chosen = ["--config", str(active), "--company", "0042"]
    assert main(["deactivate", *chosen, "--json"]) == 0
    assert lines(capsys.readouterr().out)[0]["result"]["active"] is False
    assert main(["export", *chosen]) == 1
    assert main(["export", "--config", str(active), "--company", "0043"]) == 0
    assert main(["activate", *chosen]) == 0
    assert main(["export", *chosen]) == 0


def test_a_person_comes_before_later(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One connection is busy, the other not active: 1. Busy alone: 75, and no reason for a mail."""
    configs = ConnectionConfig.from_toml(active)
    with configs[1].open() as connection:
        connection.deactivate()
    store, close = store_of(configs[0])
    with configs[0].open() as connection:
        held = store.acquire(connection.key, "another", 60)
    assert held is not None
    assert main(["export", "--config", str(active)]) == 1
    assert capsys.readouterr().err.startswith("0043: ")
    assert main(["export", "--config", str(active), "--company", "0042"]) == 75
    told = capsys.readouterr()
    assert told.out.startswith("0042: another worker holds this connection")
    assert told.err == ""
    store.release(held)
    close()


@pytest.mark.parametrize(
    ("seen", "state"), [("--delivered", "delivered"), ("--not-delivered", "skipped")]
)
def test_alarm_goes_on_until_a_person_answers(
    estate: Estate, active: Path, seen: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed document makes every export end in 1, until settle() says what became of it."""
    one = ["--config", str(active), "--company", "0042"]
    estate.publish(1)
    too_large = Fault.status(413)
    estate.zenvoices.faults.add("inbox.upload", action=too_large)
    assert main(["export", *one]) == 1
    assert main(["export", *one]) == 1
    assert main(["status", *one, "--json"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    (failed,) = told["result"]["attention"]
    assert main(["settle", failed["document_id"], seen, *one, "--json"]) == 0
    (told,) = lines(capsys.readouterr().out)
    assert [row["state"] for row in told["result"]] == [state]
    assert main(["export", *one]) == 0
    assert main(["status", *one]) == 0


@pytest.mark.parametrize(
    ("lang", "more"),
    [
        pytest.param("en", "... and 1 more", marks=pytest.mark.long),
        ("fr", "... et 1 de plus"),
        pytest.param("nl", "... en nog 1", marks=pytest.mark.long),
    ],
)
def test_documents_that_need_a_person_are_named_on_standard_error(
    estate: Estate, active: Path, lang: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused ones with the run, and those given up with each later run and status."""
    one = ["--config", str(active), "--company", "0042", "--lang", lang]
    estate.publish(1)
    estate.zenvoices.refuse_when(lambda _: "The period is closed.")
    assert main(["export", *one]) == 1
    (refused,) = capsys.readouterr().err.splitlines()
    company = "0042 : " if lang == "fr" else "0042: "
    invoice = {"en": "Invoice", "fr": "Facture", "nl": "Factuur"}[lang]
    assert refused.startswith(f"{company}{invoice} F-0000")
    assert "The period is closed." in refused
    estate.zenvoices.refuse_when(lambda _: None)
    estate.publish(20)
    estate.zenvoices.faults.add("inbox.upload", action=Fault.status(413), times=20)
    main(["export", *one])
    capsys.readouterr()
    for verb in ("export", "status"):
        assert main([verb, *one]) == 1
        named = capsys.readouterr().err.splitlines()
        assert len(named) == 21
        assert all(line.startswith(f"{company}{invoice} F-0") for line in named[:20])
        assert named[20] == f"{company}{more}"
    assert main(["export", *one, "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == named
    assert len(lines(captured.out)) == 1


def test_status_ends_as_the_last_run_did(
    estate: Estate,
    active: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Down is 75, a refused login 1 with its reason, and 0 once a run ended well."""
    monkeypatch.setattr("_client_kit._runtime_sync.sleep", lambda _: None)
    one = ["--config", str(active), "--company", "0042"]
    for answer, ends in ((503, 75), (403, 1)):
        estate.banqup.faults.add("documents.list", action=Fault.status(answer), times=None)
        assert main(["export", *one]) == ends
        why = capsys.readouterr().err.split(". ")[0].removeprefix("0042: Banqup: ")
        assert main(["status", *one]) == ends
        told = capsys.readouterr()
        assert f"stopped because {why}" in " ".join(told.out.split())
        assert told.err == ("" if ends == 75 else f"0042: {why}\n")
        estate.banqup.faults.clear()
    assert main(["export", *one]) == 0
    assert main(["status", *one]) == 0
    assert "stopped because" not in capsys.readouterr().out


def test_status_ends_in_1_while_a_refused_document_waits(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As each export does, and it names the document, until that is sent again."""
    one = ["--config", str(active), "--company", "0042"]
    estate.publish(1)
    estate.zenvoices.refuse_when(lambda _: "The period is closed.")
    assert main(["export", *one]) == 1
    assert main(["status", *one, "--json"]) == 1
    captured = capsys.readouterr()
    (row,) = json.loads(captured.out.splitlines()[-1])["result"]["attention"]
    assert captured.err.splitlines()[-1].startswith("0042: Invoice F-0000")
    assert main(["resend", row["document_id"], *one]) == 0
    assert main(["status", *one]) == 0


def test_a_copy_of_a_store_needs_a_person(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second machine with a copy of the file ends in 1, although all its documents arrived."""
    copied = active.parent / "copied"
    copied.mkdir()
    configs = estate.configs(checkpoint_file="exports.db")[:1]
    toml = write_toml(copied / "connections.toml", configs)
    (copied / "exports.db").write_bytes((active.parent / "exports.db").read_bytes())
    estate.publish(3)
    assert main(["export", "--config", str(active), "--company", "0042"]) == 0
    capsys.readouterr()
    assert main(["export", "--config", str(toml)]) == 1
    captured = capsys.readouterr()
    assert "copy of this store" in " ".join(captured.out.split())
    assert "0042: Zenvoices shows a document of this run" in captured.err


def test_status_lists_what_waits(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --waiting a document that is not approved is named; without it, it is counted."""
    one = ["--config", str(active), "--company", "0042", "--json"]
    made = estate.banqup.publish(estate.spaces[0], status="AWAITING_VALIDATION")
    assert main(["export", *one]) == 0
    capsys.readouterr()
    assert main(["status", *one]) == 0
    assert main(["status", "--waiting", *one]) == 0
    counted, listed = (line["result"] for line in lines(capsys.readouterr().out))
    assert (counted["client_action_needed"], counted["waiting"]) == (1, [])
    assert [row["document_id"] for row in listed["waiting"]] == [made]


def test_resend_says_what_became_of_each(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is accepted, in words and as data; the next export sends it."""
    one = ["--config", str(active), "--company", "0042"]
    (document,) = estate.banqup.documents(estate.spaces[0])
    assert main(["resend", document["id"], *one]) == 0
    assert capsys.readouterr().out == f"{document['id']}  sent by the next export\n"
    assert main(["resend", document["id"], *one, "--json"]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert line["result"] == [{"document_id": document["id"], "accepted": True, "reason": ""}]
    assert main(["export", *one]) == 0
    assert "Export: 1 document sent" in capsys.readouterr().out


def test_resend_of_an_invoice_number_says_where_ids_are(
    active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number that could be an id is looked up in Banqup, which does not know it."""
    assert main(["resend", "F-000001", "--config", str(active), "--company", "0042"]) == 1
    told = capsys.readouterr().out
    assert "An id is not the number of an invoice: banqup-zenvoices status --waiting" in told


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "sent by the next export; Zenvoices has it already, and will have it twice"),
        ("fr", "sera envoyé par le prochain export ; Zenvoices l'a déjà, et l'aura deux fois"),
        ("nl", "wordt verzonden bij de volgende export; Zenvoices heeft het al"),
    ],
)
def test_resend_says_what_will_be_there_twice(
    estate: Estate, active: Path, lang: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A delivered document gets a new external id, and the answer says what follows."""
    space = estate.spaces[0]
    (old,) = (document["id"] for document in estate.banqup.documents(space))
    estate.publish(1)
    (made,) = {document["id"] for document in estate.banqup.documents(space)} - {old}
    one = ["--config", str(active), "--company", "0042", "--lang", lang]
    assert main(["export", *one]) == 0
    capsys.readouterr()
    assert main(["resend", made, *one]) == 0
    assert told in capsys.readouterr().out


def test_tables_of_a_database_are_made(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Activation makes them where they are missing, and the second time changes nothing."""
    monkeypatch.setenv("EXPORTS_DATABASE", f"sqlite:///{tmp_path / 'exports.db'}")
    made = estate.configs(checkpoint_url_variable="EXPORTS_DATABASE")
    toml = write_toml(tmp_path / "connections.toml", made)
    assert main(["activate", "--config", str(toml)]) == 0
    assert main(["activate", "--config", str(toml)]) == 0
    assert main(["status", "--config", str(toml)]) == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreError("the file is damaged", service="bridge"), 1),
        (StoreError("the file is locked", service="bridge", retryable=True), 75),
        (OutcomeUnknownError("no answer", service="zenvoices"), 75),
        (CredentialsError("refused", service="banqup"), 1),
        (ValueError("anything"), 1),
    ],
)
def test_error_says_who_can_help(error: Exception, status: int) -> None:
    """A retryable one is for a later run, every other one for a person."""
    assert _status_of(error) == status


def test_run_that_stopped_and_gave_a_document_up_needs_a_person() -> None:
    """Even where the error that stopped it may pass."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    error = OutcomeUnknownError("no answer", service="zenvoices")
    failed = DeliveryRow("d", "failed")
    error.report = ExportReport(
        space_id="s", company_code="c", started_at=now, ended_at=now, deliveries=[failed]
    )
    assert _status_of(error) == 1


# Code of the user's


def test_mapper_is_found_beside_the_file(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module in the folder of the connections needs no PYTHONPATH."""
    (active.parent / "mapper_beside.py").write_text(
        "from bridge import Skip\ndef none(document, files):\n    return Skip('not today')\n"
    )
    estate.publish(1)
    assert main(["export", "--config", str(active), "--mapper", "mapper_beside:none"]) == 0
    assert capsys.readouterr().out.count("not today") == 2


def test_mapper_that_prints_leaves_the_json_whole(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the user's code prints, when imported and when called, is on standard error."""
    (active.parent / "mapper_printing.py").write_text(
        "from bridge import default_mapper\nprint('imported')\n"
        "def printing(document, files):\n    print('called')\n"
        "    return default_mapper(document, files)\n"
    )
    estate.publish(1)
    mapper = ["--mapper", "mapper_printing:printing"]
    assert main(["export", "--config", str(active), "--json", *mapper]) == 0
    told = capsys.readouterr()
    assert [line["result"]["exported"] for line in lines(told.out)] == [1, 1]
    assert told.err.split() == ["imported", "called", "called"]


def test_mapper_that_raises_shows_its_line(
    estate: Estate, active: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, in the language; with --verbose the traceback too, from the library's log."""
    (active.parent / "mapper_broken.py").write_text("def broken(document, files):\n    1 / 0\n")
    estate.publish(1)
    mapper = ["--mapper", "mapper_broken:broken"]
    command = ["export", "--config", str(active), *mapper, "--company", "0042", "--lang", "nl"]
    assert main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    start = "banqup-zenvoices: de omzettingsfunctie (mapper) gaf de fout ZeroDivisionError in "
    assert line.startswith(start)
    assert "mapper_broken.broken, regel 2: “division by zero”" in line
    estate.publish(1)
    # In a process of its own: it sets up the log.
    status, _, err = run(*command, "--verbose")
    assert status == 1
    assert "Traceback (most recent call last)" in err
    assert "INFO export of space" in err


OWN_CODE = """
import sys

def nothing(document, files):
    pass

def leaves(document, files):
    sys.exit(0)

def raises(asked):
    raise KeyError("x")
    yield

def ends(asked):
    sys.exit(0)
    yield
"""


@pytest.mark.parametrize(
    ("mapper", "operations"),
    [
        ("own_code_here:nothing", {}),
        ("own_code_here:leaves", {}),
        (None, {"zenvoices_operations": {"inbox.upload": "own_code_here:raises"}}),
        (None, {"banqup_operations": {"documents.list": "own_code_here:raises"}}),
        *(
            pytest.param(None, {f"{service}_operations": {name: code}}, marks=pytest.mark.long)
            for service, name, code in (
                ("zenvoices", "inbox.upload", "own_code_here:ends"),
                ("zenvoices", "inbox.find", "own_code_here:raises"),
                ("zenvoices", "companies.list", "own_code_here:raises"),
                ("banqup", "documents.files", "own_code_here:raises"),
                ("banqup", "files.details", "own_code_here:raises"),
            )
        ),
    ],
)
def test_own_code_that_fails_needs_a_person(
    estate: Estate, active: Path, mapper: str | None, operations: dict[str, Any]
) -> None:
    """The export ends in 1, and so does status where the run could record it."""
    (active.parent / "own_code_here.py").write_text(OWN_CODE)
    made = [
        ConnectionConfig.from_dict({**config.to_dict(), **operations})
        for config in ConnectionConfig.from_toml(active)
    ]
    toml = ["--config", str(write_toml(active.parent / "own.toml", made))]
    estate.publish(1)
    assert main(["export", *toml, *(["--mapper", mapper] if mapper else [])]) == 1
    if mapper != "own_code_here:leaves" and "own_code_here:ends" not in str(operations):
        assert main(["status", *toml]) == 1


def test_service_that_is_down_hides_no_document_that_failed(
    estate: Estate, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person must settle counts on, whatever a later run ends in."""
    monkeypatch.setattr("_client_kit._runtime_sync.sleep", lambda _: None)
    one = ["--config", str(active), "--company", "0042"]
    estate.publish(1)
    estate.zenvoices.faults.add("inbox.upload", action=Fault.status(413))
    assert main(["export", *one]) == 1
    estate.banqup.faults.add("documents.list", action=Fault.status(503), times=None)
    assert main(["export", *one]) == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_nobody_expects_stops_no_other(
    estate: Estate,
    active: Path,
    form: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An exception that is none of the library's is shown whole, and the next connection runs."""
    opened: list[str] = []
    open_ = ConnectionConfig.open

    def broken(config: ConnectionConfig, **options: Any) -> Any:
        if "banqup" in options:
            opened.append(config.company_code)
            if len(opened) == 1:
                raise RuntimeError("out of order")
        return open_(config, **options)

    monkeypatch.setattr(ConnectionConfig, "open", broken)
    assert main(["status", "--config", str(active), *form]) == 1
    assert opened == ["0042", "0043"]
    assert not form or lines(capsys.readouterr().out)[0]["error"] == {
        "type": "RuntimeError",
        "message": "out of order",
    }


# What ends it


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_signal_in_the_middle_of_a_run_gives_the_lease_back(
    estate: Estate, active: Path, number: signal.Signals
) -> None:
    """While an upload has no answer yet: no traceback, and the next run may begin at once."""
    estate.publish(1)
    child: list[subprocess.Popen[str]] = []

    def interrupt(request: FakeRequest) -> None:
        if request.operation == "inbox.upload" and child:
            running = child.pop()
            running.send_signal(number)

    estate.zenvoices.on_request = interrupt
    with process("export", "--config", str(active), "--company", "0042") as started:
        child.append(started)
        out, err = started.communicate(timeout=120)
    assert child == []
    assert (started.returncode, out) == (130, "")
    assert err.strip() == "banqup-zenvoices: interrupted; the next run goes on from here"
    config = ConnectionConfig.from_toml(active)[0]
    with SQLiteCheckpoints(active.parent / "exports.db") as store, config.open() as connection:
        lease = store.acquire(connection.key, "the next run", 60)
        assert lease is not None
        store.release(lease)


def test_reader_that_leaves_is_no_failure(active: Path) -> None:
    """As ``| head`` does: no traceback, and nothing on standard error."""
    with process("status", "--config", str(active)) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        err = child.stderr.read()
        child.wait(60)
    assert (child.returncode, err) == (0, "")


# What a person sees


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("lang", "first", "last"),
    [
        ("en", "0042 (1 of 2)", "0043 (2 of 2): 2 found, 2 skipped"),
        ("fr", "0042 (1 sur 2)", "0043 (2 sur 2) : 2 à transmettre, 2 ignorés"),
        ("nl", "0042 (1 van 2)", "0043 (2 van 2): 2 af te leveren, 2 overgeslagen"),
    ],
)
def test_progress_is_shown_on_a_terminal(
    estate: Estate,
    active: Path,
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
    first: str,
    last: str,
) -> None:
    """One line that says which connection runs and what it did, and is gone at the end."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    estate.publish(2)
    (active.parent / "mapper_skipping.py").write_text(
        "from bridge import Skip\ndef skips(document, files):\n    return Skip('x')\n"
    )
    assert (
        main(
            ["export", "--config", str(active), "--lang", lang, "--mapper", "mapper_skipping:skips"]
        )
        == 0
    )
    shown = terminal.getvalue().split("\r")
    assert first in shown
    assert last in shown
    assert max(map(len, shown)) < 80
    assert shown[-1] == ""


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "all is well"), ("fr", "tout va bien"), ("nl", "alles in orde")]
)
def test_version_and_help_need_no_file(
    lang: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both end in 0, and help fits a terminal, in each language."""
    for options in (["--version"], ["--help"], ["export", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(["--lang", lang, *options])
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("banqup-zenvoices 0.1.0\n")
    assert said in out
    assert max(map(len, out.splitlines())) <= 80


# The import name


@pytest.mark.parametrize("name", ["bridge", "zenvoices_client"])
@pytest.mark.parametrize("kind", ["module", "package"])
def test_file_that_takes_the_place_of_a_package_is_named(
    name: str, kind: str, tmp_path: Path
) -> None:
    """A module of the user's own on PYTHONPATH: the command names it and ends in 2."""
    file = tmp_path / (f"{name}.py" if kind == "module" else f"{name}/__init__.py")
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "banqup_zenvoices", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{file} is imported as '{name}'" in done.stderr


def test_package_that_was_written_over_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution may bring a ``bridge/__init__.py`` into the same folder."""
    import banqup_zenvoices
    import bridge

    monkeypatch.setattr(bridge, "__all__", ["Bridge"])
    assert banqup_zenvoices.shadow() == ("bridge", bridge.__file__)


def test_interrupt_while_modules_are_imported_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C right after the start ends the command as it does later."""
    import banqup_zenvoices

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(banqup_zenvoices, "shadow", interrupted)
    assert banqup_zenvoices.main() == 130
