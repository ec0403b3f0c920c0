"""The command ``banqup-zenvoices``: a connection's verbs over a file of connections.

It only parses arguments, opens connections and prints the library's own reports. It has no
scheduler: cron, systemd or a container starts it.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self, get_args

from attrs import asdict, evolve, field, frozen

from _client_kit._arguments import check_seconds
from _client_kit._errors import ConfigurationError, ServiceError, StoreError
from _client_kit._text import Text
from _client_kit._version import __version__
from banqup_client import ClientCredentials, Environment
from bridge._config import ConnectionConfig
from bridge._delivery.arguments import check_limit
from bridge._errors import BusyError, configuration_error
from bridge._mapping.mapper import Mapper, default_mapper
from bridge._pairs import Pairs
from bridge._process import function_of, login_of_this_process
from bridge._reports.delivery_rows import Deliveries
from bridge._reports.events import DocumentFound, Event, RunEnded, RunStarted
from bridge._reports.render import plain
from bridge._reports.report import Activation, Confirmation, ExportReport, Request, Status
from bridge._reports.texts import Lang, say, translate
from bridge._reports.verification import Verification
from bridge._sync._connection import Connection
from zenvoices_client import UserLogin

__all__ = ["main"]

PROGRAM = "banqup-zenvoices"
OK, PERSON, USAGE, LATER = 0, 1, 2, 75
_ABOUT = """\
Moves new invoices from Banqup to Zenvoices. It starts nothing by itself: cron,
systemd or a container runs it. Credentials come from the environment:
BANQUP_CLIENT_ID, BANQUP_CLIENT_SECRET, ZENVOICES_USER, ZENVOICES_PASSWORD and
ZENVOICES_ORGANISATION_CODE."""
_EXIT_STATUS = """\
exit status:
   0  all is well
   1  a person must look: credentials, permissions, documents that failed, were
      refused or are uncertain, code of yours that raised
   2  wrong use: the command line, the file of connections, a missing variable
  75  try again later: busy, network, rate limit
 130  ended by Ctrl-C; 143 by SIGTERM"""

Options = argparse.Namespace


# Arguments


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="print one JSON object a line")
    many = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    many.add_argument(
        "--config", type=Path, metavar="FILE", help="the connections (default: connections.toml)"
    )
    many.add_argument(
        "--company",
        action="append",
        metavar="CODE",
        help="only the connections of this company; may be given several times",
    )
    many.add_argument("--lang", choices=get_args(Lang), help="language of the reports")
    many.add_argument(
        "--mapper", metavar="MODULE:FUNCTION", help="your own mapper, for every connection"
    )

    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=_ABOUT,
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared, many],
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, text: str, run: Callable[[Options], int], *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text, parents=[shared, *parents], allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    verify = command("verify", "check every prerequisite of an export", _each(_verify), many)
    verify.add_argument("--deep", action="store_true", help="make every call of an export, too")
    command("activate", "from now on new documents count", _each(_activate), many)
    export = command("export", "move what is new to the inbox", _each(_export), many)
    export.add_argument("--dry-run", action="store_true", help="only say what would be done")
    export.add_argument("--limit", type=int, metavar="N", help="at most N documents")
    export.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="begin nothing new after so long"
    )
    export.add_argument(
        "--look-first",
        action="store_true",
        help="look each document up before it is sent, as after a backup was restored",
    )
    command("status", "what is on record, without asking a service", _each(_status), many)
    resend = command("resend", "have the next export send documents again", _each(_resend), many)
    resend.add_argument("ids", nargs="+", metavar="ID", help="a document's id in Banqup")
    settle = command(
        "settle", "say what a person saw of a failed or uncertain document", _each(_settle), many
    )
    settle.add_argument("id", metavar="ID", help="the document's id in Banqup")
    seen = settle.add_mutually_exclusive_group(required=True)
    seen.add_argument("--delivered", action="store_true", help="it is in the company's inbox")
    seen.add_argument("--not-delivered", action="store_true", help="it is not there")
    command("confirm", "look up every delivered document", _each(_confirm), many)
    pairs = command(
        "pairs", "write a file of connections from pairs of the same name", _pairs, many
    )
    where = pairs.add_mutually_exclusive_group(required=True)
    where.add_argument("--environment", choices=list(Environment.__members__), help="which Banqup")
    where.add_argument("--banqup-url", metavar="URL", help="another address of Banqup")
    pairs.add_argument("--zenvoices-url", metavar="URL", help="another address of Zenvoices")
    demo = command("demo", "tell the whole story, against fakes of both services", _demo)
    demo.add_argument(
        "--documents",
        type=Path,
        metavar="DIR",
        help="export every .xml and .pdf under DIR instead of sample invoices",
    )
    sandbox = command("sandbox", "serve fakes of both services to try this against", _sandbox)
    sandbox.add_argument(
        "--port",
        type=int,
        default=0,
        metavar="N",
        help="serve on N, N+1 and N+2, with the same ids each time",
    )
    sandbox.add_argument(
        "--every", type=float, default=15.0, metavar="SECONDS", help="pause between new documents"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments, Options(**_DEFAULTS))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with _ended_by_sigterm():
            status: int = options.run(options)
            sys.stdout.flush()
            return status
    except ConfigurationError as error:
        print(f"{PROGRAM}: {_told(error, options.lang)}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read the output has left. Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt as interrupt:
        print(f"\n{PROGRAM}: {say('interrupted', options.lang)}", file=sys.stderr)
        return 143 if isinstance(interrupt, _Terminated) else 130


_DEFAULTS: dict[str, Any] = {
    "config": Path("connections.toml"),
    "company": None,
    "json": False,
    "lang": "en",
    "mapper": None,
}


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does: the lease is given back."""


@contextmanager
def _ended_by_sigterm() -> Generator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# Verbs. Each returns what it found, and its exit status.


def _verify(connection: Connection, options: Options) -> tuple[Verification, int]:
    verification = connection.verify(deep=options.deep, lang=options.lang)
    if verification.ok:
        return verification, OK
    error = verification.error
    return verification, PERSON if error is None else _status_of(error)


def _activate(connection: Connection, _options: Options) -> tuple[Activation, int]:
    # A database needs its tables first. A file makes its own.
    create_tables = getattr(connection._store, "create_tables", None)
    if create_tables is not None:
        create_tables()
    return connection.activate(), OK


def _export(connection: Connection, options: Options) -> tuple[ExportReport, int]:
    report = connection.export_new(
        dry_run=options.dry_run,
        limit=options.limit,
        deadline=options.deadline,
        look_first=options.look_first,
    )
    # What failed in an earlier run needs a person until settle() is called.
    left = connection.status().error
    return report, OK if report.ok and not (_needs_a_person(report) or left) else PERSON


def _status(connection: Connection, _options: Options) -> tuple[Status, int]:
    status = connection.status()
    good = status.active and not (status.error or status.raised)
    return status, OK if good else PERSON


def _resend(connection: Connection, options: Options) -> tuple[_Requests, int]:
    requests = _Requests(connection.resend(options.ids))
    return requests, OK if all(request.accepted for request in requests.made) else PERSON


def _settle(connection: Connection, options: Options) -> tuple[Deliveries, int]:
    row = connection.settle(options.id, delivered=options.delivered)
    return Deliveries([row]), OK


def _confirm(connection: Connection, _options: Options) -> tuple[Confirmation, int]:
    confirmation = connection.confirm()
    return confirmation, PERSON if confirmation.missing or confirmation.twice else OK


@frozen
class _Requests:
    """What became of the wishes to send documents again."""

    made: Sequence[Request]

    def to_text(self, *, lang: Lang) -> str:
        return "\n".join(
            f"{request.document_id}  "
            + (
                say("sent by the next export", lang)
                if request.accepted
                else say("not accepted", lang, translate(request.reason, lang))
            )
            for request in self.made
        )

    def to_dict(self) -> list[dict[str, Any]]:
        return [asdict(request) for request in self.made]


def _status_of(error: BaseException) -> int:
    if not isinstance(error, ServiceError) or not error.retryable:
        return PERSON
    report = error.report
    needs = isinstance(report, ExportReport) and _needs_a_person(report)
    return PERSON if needs else LATER


def _needs_a_person(report: ExportReport) -> bool:
    refused = any(row.state == "waiting" and row.attempts for row in report.deliveries)
    left = report.failed or report.uncertain or report.refused or report.raised
    return bool(left or refused)


# One connection after the other

_Verb = Callable[[Connection, Options], "tuple[Any, int]"]


def _each(verb: _Verb) -> Callable[[Options], int]:
    """Make the command that calls a verb of each connection that was chosen."""

    def run(options: Options) -> int:
        if verb is _export:
            check_limit(options.limit)
            if options.deadline is not None:
                check_seconds(options.deadline, "deadline", service="bridge", zero=True)
        configs = _chosen(options)
        if verb in (_resend, _settle) and len(configs) > 1:
            raise configuration_error(
                Text("one_connection", "a document belongs to one connection"),
                Text(
                    "choose_connection",
                    "Say which: --company CODE chooses one of these {0}.",
                    len(configs),
                ),
            )
        mapper: Mapper = default_mapper
        if options.mapper is not None:
            mapper = function_of("--mapper", options.mapper)
        login_of_this_process(ClientCredentials)
        login_of_this_process(UserLogin)
        _log_to_stderr()
        found: set[int] = set()
        with ExitStack() as stack:
            shared = _Shared(stack)
            for number, config in enumerate(configs, 1):
                with _Progress(config.company_code, f"{number} of {len(configs)}") as progress:
                    outcome = _call(verb, config, shared, mapper, progress, options)
                _show(outcome, config, options, several=len(configs) > 1)
                found.add(outcome.status)
        return next((status for status in (USAGE, PERSON, LATER) if status in found), OK)

    return run


def _chosen(options: Options) -> Sequence[ConnectionConfig]:
    """Return the connections of the file that ``--company`` chooses.

    Raises:
        ConfigurationError: The file cannot be used, or has no connection of a company.
    """
    # Modules that the file or --mapper names may lie beside it, as with any other program of
    # the user's. Last, so that they take the place of nothing.
    for folder in (Path.cwd(), options.config.resolve().parent):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if not options.config.exists():
        raise configuration_error(
            Text("no_config", "there is no file {0}", plain(str(options.config.absolute()))),
            Text("hint_no_config", "Start in the folder of the file, or name it with --config."),
        )
    configs = ConnectionConfig.from_toml(options.config)
    wanted: list[str] = options.company or []
    codes = {config.company_code for config in configs}
    for code in wanted:
        if code not in codes:
            near = difflib.get_close_matches(code, codes, n=5, cutoff=0.0)
            raise configuration_error(
                Text(
                    "no_such_connection",
                    "{0} has no connection of company {1}",
                    str(options.config),
                    repr(code),
                ),
                Text("nearest_codes", "The nearest codes are: {0}.", ", ".join(near)),
            )
    return [config for config in configs if not wanted or config.company_code in wanted]


@frozen
class _Outcome:
    """What a verb did with one connection."""

    status: int
    result: Any = None
    error: BaseException | None = field(default=None, repr=False)


class _Shared:
    """Clients and store of connections with the same settings, open until the command ends.

    Without it, three hundred connections would make six hundred TLS handshakes.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: dict[ConnectionConfig, Connection] = {}

    def parts(self, config: ConnectionConfig) -> dict[str, Any]:
        """Return what :meth:`ConnectionConfig.open` need not make again."""
        settings = evolve(config, space_id="any", company_code="any")
        if settings not in self._open:
            self._open[settings] = self._stack.enter_context(settings.open())
        first = self._open[settings]
        return {
            "banqup": first._banqup,
            "zenvoices": first._zenvoices,
            "checkpoints": first._store,
        }


def _call(
    verb: _Verb,
    config: ConnectionConfig,
    shared: _Shared,
    mapper: Mapper,
    progress: _Progress,
    options: Options,
) -> _Outcome:
    """Call a verb; what one connection ends in never stops the others."""
    connection: Connection | None = None
    try:
        parts = shared.parts(config)
        with config.open(**parts, mapper=mapper, listeners=[progress]) as connection:
            result, status = verb(connection, options)
            return _Outcome(status, result)
    except ServiceError as error:
        if connection is None and isinstance(error, ConfigurationError):
            return _Outcome(USAGE, None, error)
        status = _status_of(error)
        if verb is _export and status == LATER and not isinstance(error, StoreError):
            # A service that is down must not hide what an earlier run left to a person.
            status = _call(_status, config, shared, mapper, progress, options).status or LATER
        return _Outcome(status, error.report, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the other connections must still run
        return _Outcome(PERSON, None, error)


def _show(outcome: _Outcome, config: ConnectionConfig, options: Options, *, several: bool) -> None:
    error, result = outcome.error, outcome.result
    if options.json:
        line = {
            "company_code": config.company_code,
            "space_id": config.space_id,
            "exit_status": outcome.status,
            "result": None if result is None else result.to_dict(),
            "error": None if error is None else _as_data(error),
        }
        print(json.dumps(line), flush=True)
    elif result is not None:
        if several:
            print(f"== {config.company_code}")
        print(result.to_text(lang=options.lang), flush=True)
        if several:
            print()
    if error is None:
        return
    text = f"{config.company_code}: {_told(error, options.lang)}"
    if not isinstance(error, ServiceError):
        logging.getLogger(PROGRAM).error("%s", text, exc_info=error)
    elif not options.json:
        # A run that is busy is no failure, and so no reason for cron to send a mail.
        print(text, file=sys.stdout if isinstance(error, BusyError) else sys.stderr, flush=True)


def _told(error: BaseException, lang: Lang = "en") -> str:
    if not isinstance(error, ServiceError):
        return f"{type(error).__name__}: {plain(str(error))}"
    message, hint = translate(error.message, lang), translate(error.hint or "", lang)
    start = "" if error.service == "bridge" else f"{error.service}: "
    stop = "" if not hint or message.endswith((".", "!", "?", ":", "…")) else "."
    return f"{start}{message}{stop} {hint}".rstrip()


def _as_data(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, ServiceError):
        return {"type": type(error).__name__, "message": plain(str(error))}
    names = ("service", "kind", "code", "status", "message", "hint", "retryable", "retry_after")
    return {"type": type(error).__name__, **{name: getattr(error, name) for name in names}}


# What a person sees


def _log_to_stderr() -> None:
    """Show the library's warnings, above all the traceback of a mapper that raised."""
    start = "\r" if sys.stderr.isatty() else ""
    logging.basicConfig(format=f"{start}%(levelname)s %(message)s", level=logging.WARNING)


class _Progress:
    """A listener that keeps one line of standard error up to date, where that is a terminal."""

    def __init__(self, company_code: str, place: str) -> None:
        self._start = f"{company_code} ({place})"
        self._counts: Counter[str] = Counter()
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._write(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def __call__(self, event: Event) -> None:
        if isinstance(event, DocumentFound):
            self._counts["found"] += 1
        elif not isinstance(event, RunStarted | RunEnded):
            self._counts[event.delivery.state] += 1
        counts = ", ".join(f"{number} {word}" for word, number in self._counts.items())
        self._write(f"{self._start}: {counts}" if counts else self._start)

    def _write(self, text: str) -> None:
        if self._shown:
            width = shutil.get_terminal_size().columns - 1
            end = f"\r{text[:width]}" if text else ""
            print(f"\r{' ' * width}\r{end}", end="", file=sys.stderr, flush=True)


# Pairs


def _pairs(options: Options) -> int:
    """List what both services show, and write pairs of the same name for a person to confirm."""
    path: Path = options.config
    if path.exists():
        raise configuration_error(
            Text("file_is_there", "{0} is there already", str(path)),
            Text("name_another", "It is never written over: name another with --config."),
        )
    names = ("environment", "banqup_url", "zenvoices_url")
    shared = {name: getattr(options, name) for name in names if getattr(options, name)}
    # The settings are checked as those of any connection are.
    settings = ConnectionConfig(
        space_id="any", company_code="any", checkpoint_file="exports.db", **shared
    )
    try:
        with settings.open() as connection:
            pairs = Pairs.find(connection._banqup, connection._zenvoices)
    except ServiceError as error:
        if error.status is None and isinstance(error, ConfigurationError):
            raise
        print(_told(error, options.lang), file=sys.stderr)
        return _status_of(error)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(pairs.to_toml(**shared))
    except OSError as error:
        raise configuration_error(f"{path} cannot be written: {error.strerror}") from None
    print(json.dumps(pairs.to_dict()) if options.json else pairs.to_text(lang=options.lang))
    if not options.json:
        print(f"\n{path}")
    return OK


# On this machine alone


def _demo(options: Options) -> int:
    from bridge._demo import run_demo

    if options.documents is not None and not options.documents.is_dir():
        raise configuration_error(f"--documents: {options.documents} is not a folder")
    return run_demo(documents=options.documents, as_json=options.json)


def _sandbox(options: Options) -> int:
    from bridge._sandbox import run_sandbox

    stop = threading.Event()
    if not 0 <= options.port <= 65_533 or not options.every > 0:
        raise configuration_error("--port must be from 0 to 65533, and --every a positive number")
    try:
        return run_sandbox(stop, port=options.port, every=options.every, as_json=options.json)
    except OSError as error:
        raise configuration_error(f"--port {options.port}: {error.strerror}") from None
    except KeyboardInterrupt:
        return OK
