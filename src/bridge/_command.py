"""The command ``banqup-zenvoices``: call the methods of connections that a file describes.

It parses arguments, opens connections and prints the reports of the library. Its commands
``pairs``, ``demo`` and ``sandbox`` need no such file. It has no scheduler: cron, systemd or a
container starts it.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import shutil
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from functools import cache, partial
from pathlib import Path
from typing import Any, TextIO, get_args

from attrs import asdict, evolve, frozen

from _client_kit._arguments import check_seconds, nearest, read_environment
from _client_kit._errors import ConfigurationError, ServiceError, StoreError
from _client_kit._text import Text, code_of, joined
from _client_kit._version import __version__
from banqup_client import Environment
from bridge._config import ConnectionConfig
from bridge._delivery.arguments import check_count, check_document_id
from bridge._errors import BusyError, setting_error
from bridge._mapping.mapper import Mapper, default_mapper
from bridge._pairs import Pairs
from bridge._process import LOGIN_VARIABLES, function_of
from bridge._reports.delivery_rows import Deliveries
from bridge._reports.events import DocumentFound, Event, Listener, RunEnded, RunStarted
from bridge._reports.render import plain
from bridge._reports.report import Activation, Confirmation, ExportReport, Request, Status
from bridge._reports.texts import Lang, language, say, set_language, tell, translate
from bridge._reports.verification import Verification
from bridge._sync._connection import Connection

PROGRAM = "banqup-zenvoices"
OK, PERSON, USAGE, LATER, INTERRUPTED = 0, 1, 2, 75, 130
NAMED = 20
"""Standard error lists at most this many documents of one connection."""
Options = argparse.Namespace


# Arguments


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands. Errors that argparse itself finds are in English."""

    def option(of: Any, *names: str, **details: Any) -> None:
        of.add_argument(*names, help=tell(f"help {names[-1].strip('-')}"), **details)

    parser = argparse.ArgumentParser(
        PROGRAM,
        description=tell("help about"),
        epilog=tell("exit status"),
        allow_abbrev=False,
        add_help=False,
    )
    parser.set_defaults(waiting=False)  # `_status` reads it after an export, too
    option(parser, "--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title=tell("commands"), metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[Options], int]) -> argparse.ArgumentParser:
        text = tell(f"help {name}")
        added = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False, add_help=False
        )
        added.set_defaults(run=run)
        return added

    verify = command("verify", _each(_verify))
    option(verify, "--deep", action="store_true")
    activate = command("activate", _each(_activate))
    deactivate = command("deactivate", _each(_deactivate))
    export = command("export", _each(_export))
    option(export, "--dry-run", action="store_true")
    option(export, "--limit", type=whole_number, metavar="N")
    option(export, "--deadline", type=seconds, metavar="SECONDS")
    option(export, "--look-first", action="store_true")
    status = command("status", _each(_status))
    option(status, "--waiting", action="store_true")
    resend = command("resend", _each(_resend))
    # Without this group, the help would have argparse's English title.
    group = resend.add_argument_group(tell("arguments"))
    option(group, "ids", nargs="+", type=check_document_id, metavar="ID")
    settle = command("settle", _each(_settle))
    group = settle.add_argument_group(tell("arguments"))
    option(group, "id", type=check_document_id, metavar="ID")
    seen = settle.add_mutually_exclusive_group(required=True)
    option(seen, "--delivered", action="store_true")
    option(seen, "--not-delivered", action="store_true")
    confirm = command("confirm", _each(_confirm))
    pairs = command("pairs", _pairs)
    where = pairs.add_mutually_exclusive_group(required=True)
    option(where, "--environment", choices=Environment.__members__)
    option(where, "--banqup-url", metavar="URL")
    option(pairs, "--zenvoices-url", metavar="URL")
    demo = command("demo", _demo)
    option(demo, "--documents", type=Path, metavar="DIR")
    sandbox = command("sandbox", _sandbox)
    option(sandbox, "--port", type=int, default=0, metavar="N")
    option(sandbox, "--every", type=float, default=15.0, metavar="SECONDS")

    verbs = (verify, activate, deactivate, export, status, resend, settle, confirm)
    # These options may stand before the command, too. Without SUPPRESS, the default of the
    # command's parser would replace a value given there.
    absent = argparse.SUPPRESS
    parser.set_defaults(config=Path("connections.toml"), company=None, mapper=None)
    parser.set_defaults(verbose=False, json=False)
    for each in (parser, *verbs, pairs):
        option(each, "--config", type=Path, default=absent, metavar="FILE")
    for each in (parser, *verbs):
        option(each, "--company", action="append", default=absent, metavar="CODE")
        option(each, "--mapper", default=absent, metavar="MODULE:FUNCTION")
        option(each, "--verbose", action="store_true", default=absent)
    for each in (parser, *commands.choices.values()):
        option(each, "-h", "--help", action="help")
        if each is not demo:
            option(each, "--json", action="store_true", default=absent)
        # main() has read this option already; here it is only shown in the help.
        option(each, "--lang", choices=get_args(Lang), default=absent)
    return parser


def whole_number(text: str) -> int:
    limit = int(text)
    check_count(limit, "--limit")
    return limit


def seconds(text: str) -> float:
    return check_seconds(float(text), "--deadline", service="bridge", zero=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Raises:
        SystemExit: The help or the version was printed, or argparse refused an argument.
    """
    # Read the language first: the help and our errors about other arguments are in this language.
    first = argparse.ArgumentParser(PROGRAM, add_help=False, allow_abbrev=False)
    first.add_argument("--lang", choices=get_args(Lang), default="en")
    options, rest = first.parse_known_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    before = language()
    try:
        # Without this, SIGTERM would end the process at once, and a run would keep its lease.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        set_language(options.lang)
        _parser().parse_args(rest, options)
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except ServiceError as error:
        print(_after(PROGRAM, _error_text(error)), file=sys.stderr)
        # A ConfigurationError with an HTTP status comes from a service, not from wrong use.
        wrong_use = isinstance(error, ConfigurationError) and error.status is None
        return USAGE if wrong_use else _status_of(error)
    except BrokenPipeError:
        # The program that reads the output has ended. Without this, Python would try to write the
        # rest at exit, and print another error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print(f"\n{_after(PROGRAM, say('interrupted'))}", file=sys.stderr)
        return INTERRUPTED
    finally:
        set_language(before)


# Verbs: each runs one command for one connection, and returns a result and an exit status.


def _verify(connection: Connection, options: Options) -> tuple[Verification, int]:
    verification = connection.verify(deep=options.deep, lang=options.lang)
    if verification.ok:
        return verification, OK
    error = verification.error
    return verification, PERSON if error is None else _status_of(error)


def _activate(connection: Connection, _options: Options) -> tuple[Activation, int]:
    # A store in a database has this method; a store in a file creates its tables by itself.
    create_tables = getattr(connection._store, "create_tables", None)
    if create_tables is not None:
        create_tables()
    return connection.activate(), OK


def _deactivate(connection: Connection, _options: Options) -> tuple[Status, int]:
    connection.deactivate()
    return connection.status(), OK


def _export(connection: Connection, options: Options) -> tuple[ExportReport, int]:
    report = connection.export_new(
        dry_run=options.dry_run,
        limit=options.limit,
        deadline=options.deadline,
        look_first=options.look_first,
    )
    return report, PERSON if report.needs_person else OK


def _status(connection: Connection, options: Options) -> tuple[Status, int]:
    status = connection.status(waiting=options.waiting)
    if not status.active or status.attention or status.raised:
        return status, PERSON
    if not status._stopped:
        return status, OK
    return status, LATER if (status.last_run or {}).get("retryable") else PERSON


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
    """The results of resend()."""

    made: Sequence[Request]

    def to_text(self) -> str:
        lines: list[str] = []
        for request in self.made:
            code = "sent by the next export" if request.accepted else "not accepted"
            text = joined("; ", say(code), request.reason)
            lines.append(f"{request.document_id}  {translate(text, language())}")
        return "\n".join(lines)

    def to_dict(self) -> list[dict[str, Any]]:
        return [asdict(request) for request in self.made]


def _status_of(error: BaseException) -> int:
    if not isinstance(error, ServiceError) or not error.retryable:
        return PERSON
    report = error.report
    needs = isinstance(report, ExportReport) and report._shows_trouble
    return PERSON if needs else LATER


# One connection after another

_Verb = Callable[[Connection, Options], "tuple[Any, int]"]


def _each(verb: _Verb) -> Callable[[Options], int]:
    """Return a command that calls a verb, such as `_verify`, for each chosen connection."""

    def run(options: Options) -> int:
        configs = _chosen(options)
        if verb in (_deactivate, _resend, _settle) and len(configs) > 1:
            raise setting_error(
                "one_connection",
                "this command is for one connection",
                len(configs),
                hint="Say which: --company CODE chooses one of these {0}.",
            )
        found: set[int] = set()
        out = sys.stdout
        with ExitStack() as stack:
            if options.json:
                # Without this, the output of a mapper would stand between the lines of JSON.
                stack.enter_context(redirect_stdout(sys.stderr))
            mapper: Mapper = default_mapper
            if options.mapper is not None:
                mapper = function_of("--mapper", options.mapper)
            # Without this, each connection would report missing variables, of one service only.
            read_environment(os.environ, *LOGIN_VARIABLES, service="bridge")
            _log_on_stderr(stack, verbose=options.verbose)

            # Connections whose settings differ only in space and company share clients and store.
            # Without this, three hundred connections would make six hundred TLS handshakes.
            @cache
            def shared(settings: ConnectionConfig) -> Connection:
                return stack.enter_context(settings.open())

            def connect(config: ConnectionConfig, listener: Listener) -> Connection:
                first = shared(evolve(config, space_id="any", company_code="any"))
                opened = config.open(
                    banqup=first._banqup,
                    zenvoices=first._zenvoices,
                    checkpoints=first._store,
                    mapper=mapper,
                    listeners=[listener],
                )
                return stack.enter_context(opened)

            for number, config in enumerate(configs, 1):
                place = tell("progress", config.company_code, number, len(configs))
                _show_line(place)
                call = partial(_call, partial(connect, config, _progress(place)), options)
                status, result, error = call(verb)
                now = result if verb is _status else None
                fault = isinstance(error, StoreError) or not isinstance(error, ServiceError | None)
                if verb is _export and status != OK and not fault:
                    # If a document of an earlier run needs a person, say so although a service
                    # is down now.
                    needs, now, _ = call(_status)
                    status = PERSON if needs == PERSON else status
                _show_line("")
                _show(status, result, error, config, options, out, several=len(configs) > 1)
                if status == PERSON:
                    _name(now, result, config)
                found.add(status)
        return next((status for status in (USAGE, PERSON, LATER) if status in found), OK)

    return run


def _chosen(options: Options) -> Sequence[ConnectionConfig]:
    """Return the connections in the file; with ``--company``, only those of these companies.

    Modules in the current folder and in the file's folder can be imported from now on.

    Raises:
        ConfigurationError: The file cannot be used, or has no connection of a chosen company.
    """
    # The file or --mapper may name modules of the user in these folders. Put the folders last in
    # sys.path, so that the user's modules cannot hide others.
    for folder in (Path.cwd(), options.config.resolve().parent):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if not options.config.exists():
        hint = Text(
            "hint_no_config",
            "Start in the folder of the file, or name the file with --config. If there is none "
            "yet, banqup-zenvoices pairs writes one from your spaces and companies, and "
            "banqup-zenvoices sandbox shows one to try.",
        )
        name = plain(str(options.config.absolute()))
        raise setting_error("no_config", "there is no file {0}", name, hint=hint)
    configs = ConnectionConfig.from_toml(options.config)
    wanted: list[str] = options.company or []
    codes = [config.company_code for config in configs]
    for code in wanted:
        if code not in codes:
            raise setting_error(
                "no_such_connection",
                "{0} has no connection of company {1!r}",
                *(str(options.config), code),
                hint=nearest(code, codes),
            )
    return [config for config in configs if not wanted or config.company_code in wanted]


def _call(
    connect: Callable[[], Connection], options: Options, verb: _Verb
) -> tuple[int, Any, BaseException | None]:
    """Call a verb for one connection; return the exit status, the result and the error.

    No error but KeyboardInterrupt is raised: the other connections must still run.
    """
    connection: Connection | None = None
    try:
        connection = connect()
        result, status = verb(connection, options)
    except ServiceError as error:
        if connection is None and isinstance(error, ConfigurationError):
            return USAGE, None, error
        return _status_of(error), error.report, error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the other connections must still run
        return PERSON, None, error
    return status, result, None


def _show(
    status: int,
    result: Any,
    error: BaseException | None,
    config: ConnectionConfig,
    options: Options,
    out: TextIO,
    *,
    several: bool,
) -> None:
    if options.json:
        line = {
            "company_code": config.company_code,
            "space_id": config.space_id,
            "exit_status": status,
            "result": None if result is None else result.to_dict(),
            "error": None if error is None else _as_data(error),
        }
        print(json.dumps(line), file=out, flush=True)
    elif result is not None:
        text = result.to_text()
        print(f"== {config.company_code}\n{text}\n" if several else text, flush=True)
    busy = isinstance(error, BusyError)
    if error is None or (busy and options.json):
        return
    if not isinstance(error, ServiceError):
        traceback.print_exception(error)
    # Do not report a busy connection on standard error, which cron mails: no mail is needed while
    # another run does the work.
    stream = sys.stdout if busy else sys.stderr
    print(_after(config.company_code, _error_text(error)), file=stream, flush=True)


def _name(now: Status | None, result: object, config: ConnectionConfig) -> None:
    """Write a line to standard error, which cron mails, for each thing that a person must look at.

    Args:
        now: The status of the connection; None if it was not read after the verb.
        result: The result of the verb, or None.
        config: The config of the connection.
    """
    lines = [
        joined(": ", joined(", ", row.label, row.document_id), row.reason)
        for row in (() if now is None else now.attention)
    ]
    if len(lines) > NAMED:
        lines[NAMED:] = [say("and more", len(lines) - NAMED)]
    if isinstance(result, Status) and result._stopped:
        lines.append(say("in English", result._stopped))
    if isinstance(result, ExportReport):
        lines += [note for note in result.notes if code_of(note) == "sent_before"]
    for line in lines:
        print(plain(_after(config.company_code, line)), file=sys.stderr)


def _error_text(error: BaseException) -> str:
    if not isinstance(error, ServiceError):
        return f"{type(error).__name__}: {plain(str(error))}"
    message, hint = _translated(error.message), _translated(error.hint or "")
    start = "" if error.service == "bridge" else error.service.capitalize()
    ended = message.rstrip("»”\"' ").endswith((".", "!", "?", ":", "…"))
    stop = "" if not hint or ended else "."
    return _after(start, f"{message}{stop} {hint}".rstrip())


def _translated(text: str) -> str:
    marked = text if not text or isinstance(text, Text) else say("in English", text)
    return translate(marked, language())


def _after(start: str, text: str) -> str:
    """Return ``start: text`` in the language of the command; without a `start`, only the text."""
    return translate(joined(": ", start, text), language())


def _as_data(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, ServiceError):
        return {"type": type(error).__name__, "message": plain(str(error))}
    names = ("service", "kind", "code", "status", "message", "hint", "retryable", "retry_after")
    return {"type": type(error).__name__, **{name: getattr(error, name) for name in names}}


# Standard error


def _log_on_stderr(stack: ExitStack, *, verbose: bool) -> None:
    """Write log records to standard error.

    If `verbose`, write all from INFO up (of httpx, from WARNING up), in English, until the process
    ends. Otherwise write only the records that `_OwnCode` prints, until the stack is closed.
    """
    if verbose:
        logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
        # At the level INFO, httpx would log each request.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return
    # Without a handler on the root logger, Python prints all warnings to standard error.
    handler, root = _OwnCode(), logging.getLogger()
    root.addHandler(handler)
    stack.callback(root.removeHandler, handler)


class _OwnCode(logging.Handler):
    """A handler that prints translatable warnings, most of them about the user's code.

    It never prints documents that need a person: `_name` lists them.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record if it is a warning or an error with a `Text`; ignore any other."""
        said = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if record.levelno >= logging.WARNING and isinstance(said, Text):
            print(plain(_after(PROGRAM, said)), file=sys.stderr)


def _progress(start: str) -> Listener:
    """Return a listener that shows `start` and the counts of a run on one line."""
    counts: Counter[str] = Counter()

    def show(event: Event) -> None:
        if isinstance(event, DocumentFound):
            counts["to be sent"] += 1
        elif not isinstance(event, RunStarted | RunEnded):
            counts[event.delivery.state] += 1
        told = ", ".join(f"{number} {tell(word, number)}" for word, number in counts.items())
        _show_line(_after(start, told))

    return show


def _show_line(text: str) -> None:
    """Show a line in place of the last one, if standard error is a terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{' ' * width}\r{text[:width]}", end="", file=sys.stderr, flush=True)


# Pairs


def _pairs(options: Options) -> int:
    """Write a new file that pairs spaces and companies by name, for a person to confirm."""
    path: Path = options.config
    names = ("environment", "banqup_url", "zenvoices_url")
    shared = {name: getattr(options, name) for name in names if getattr(options, name)}
    # Creating the config checks the settings, as for any connection.
    settings = ConnectionConfig(
        space_id="any", company_code="any", checkpoint_file="exports.db", **shared
    )
    read_environment(os.environ, *LOGIN_VARIABLES, service="bridge")
    with settings.open() as connection:
        pairs = Pairs.of(connection._banqup.spaces.list(), connection._zenvoices.companies.list())
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(pairs.to_toml(lang=options.lang, **shared))
    except OSError as error:
        why = Text("said", "{0}", error.strerror)
        raise setting_error(
            "not_written",
            "{0} cannot be written: {1}",
            *(str(path), why),
            hint="Name a new file with --config, in a folder where you may write.",
        ) from None
    if options.json:
        print(json.dumps(pairs.to_dict()))
    else:
        print(tell("pairs", len(pairs.proposed), str(path)))
    return OK


# Demo and sandbox


def _demo(options: Options) -> int:
    from bridge._demo import is_invoice, run_demo

    if options.json:
        raise setting_error("demo_json", "--json: the demo tells its story in words only")
    folder: Path | None = options.documents
    if folder is not None and not any(map(is_invoice, folder.rglob("*"))):
        message = "--documents: {0} holds no .xml or .pdf file"
        raise setting_error("no_invoices", message, str(folder))
    return run_demo(documents=folder)


def _sandbox(options: Options) -> int:
    from bridge._sandbox import run_sandbox

    every = check_seconds(options.every, "--every", service="bridge")
    try:
        return run_sandbox(threading.Event(), port=options.port, every=every, as_json=options.json)
    except (OSError, OverflowError) as error:
        why = Text("said", "{0}", str(error))
        raise setting_error("no_port", "--port {0}: {1}", str(options.port), why) from None
    except KeyboardInterrupt:
        return OK
