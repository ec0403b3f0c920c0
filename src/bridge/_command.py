"""The command ``banqup-zenvoices``: call the methods of connections that a file describes.

It parses arguments, opens connections and prints the reports of the library. It has no scheduler:
cron, systemd or a container starts it.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, Never, Self, TextIO, get_args

from attrs import asdict, evolve, frozen

from _client_kit._arguments import check_seconds, is_coroutine_function, read_environment
from _client_kit._errors import ConfigurationError, ServiceError, StoreError
from _client_kit._text import Text, code_of, joined
from _client_kit._version import __version__
from banqup_client import ClientCredentials, Environment
from bridge._config import ConnectionConfig
from bridge._delivery.arguments import check_limit
from bridge._errors import BusyError, not_replaced, setting_error
from bridge._mapping.mapper import Mapper, default_mapper
from bridge._pairs import Pairs
from bridge._process import LOGIN_VARIABLES, function_of, login_of_this_process
from bridge._reports.delivery_rows import Deliveries, DeliveryRow, needs_person
from bridge._reports.events import DocumentFound, Event, RunEnded, RunStarted
from bridge._reports.render import plain, wrap
from bridge._reports.report import Activation, Confirmation, ExportReport, Request, Status
from bridge._reports.texts import Lang, check_lang, language, say, set_language, translate
from bridge._reports.verification import Verification
from bridge._settings import hint_for
from bridge._sync._connection import Connection
from zenvoices_client import UserLogin

__all__ = ["main"]

PROGRAM = "banqup-zenvoices"
OK, PERSON, USAGE, LATER, INTERRUPTED = 0, 1, 2, 75, 130
NAMED = 20
"""The most documents of a connection that are named on standard error."""
WHOLE = Text("whole_number", "a whole number")
SECONDS = Text("positive_seconds", "a positive number of seconds")
Options = argparse.Namespace
_Group = argparse._ArgumentGroup  # pyright: ignore[reportPrivateUsage]


# Arguments

_FORMS = {
    "verify": "",
    "activate": "",
    "deactivate": "",
    "export": "",
    "status": "",
    "resend": "ID [ID ...]",
    "settle": "ID (--delivered | --not-delivered)",
    "confirm": "",
    "pairs": "(--environment {0} | --banqup-url URL)",
    "demo": "",
    "sandbox": "",
}
"""The commands by name, with the arguments that each one requires."""

_EITHER = (("--delivered", "--not-delivered"), ("--environment", "--banqup-url"))
"""Options of which a command takes one."""

_DEFAULTS: dict[str, Any] = {
    "config": Path("connections.toml"),
    "company": None,
    "json": False,
    "lang": "en",
    "mapper": None,
    "verbose": False,
    "deep": False,
    "dry_run": False,
    "limit": None,
    "deadline": None,
    "look_first": False,
    "waiting": False,
    "delivered": False,
    "environment": None,
    "banqup_url": None,
    "zenvoices_url": None,
    "documents": None,
    "port": 0,
    "every": 15.0,
}


class _Parser(argparse.ArgumentParser):
    """An argument parser that shows no English text of argparse.

    This module makes the errors, titles, usage lines and the text of ``--help`` in each language.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **options,
            usage=argparse.SUPPRESS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            argument_default=argparse.SUPPRESS,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )

    commands: Mapping[str, _Parser] = {}
    """All commands by name."""

    def refuse_unknown_options(self, given: Sequence[str]) -> None:
        """Refuse an unknown option before the parser does, which knows no nearest one."""
        parser = self
        for word in given:
            name = word.partition("=")[0]
            if word == "--":
                break
            if parser is self and word in self.commands:
                parser = self.commands[word]
            elif name.startswith("--") and name not in parser._option_string_actions:
                hint = parser._hint(name)
                raise setting_error("unknown_option", "unknown option {0}", name[:80], hint=hint)
            action = parser._option_string_actions.get(name)
            if action is not None and action.nargs == 0 and "=" in word:
                raise setting_error(
                    "no_value", "{0} takes no value", name, hint="Write {0} alone, or leave it out."
                )

    def _hint(self, name: str) -> str:
        others = [
            command
            for command, parser in self.commands.items()
            if name in parser._option_string_actions
        ]
        if others:
            return Text("hint_option_of", "{0} belongs to: {1}.", name, ", ".join(others))
        return hint_for(name, [key for key in self._option_string_actions if key != "-h"])

    def error(self, message: str) -> Never:
        """Raise an error; argparse itself would end the process, even with exit_on_error=False."""
        raise argparse.ArgumentError(None, message)


def _language(arguments: Sequence[str] | None) -> Lang:
    """Return the language of ``--lang``, even if other arguments are wrong."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--lang", choices=get_args(Lang), default="en")
    try:
        lang: Lang = parser.parse_known_args(arguments)[0].lang
    except argparse.ArgumentError:
        return "en"
    return lang


def _parsed(arguments: Sequence[str] | None, lang: Lang) -> Options:
    """Return the options of a command line.

    Raises:
        ConfigurationError: An argument is missing, unknown or not usable.
    """
    given = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in given if word in _FORMS), "")
    usage = Text("usage_is", "Usage: {0}. Its options: {1} --help.", *_usage(command, lang))
    options = Options(**_DEFAULTS)
    unknown: list[str] = []
    try:
        parser = _parser(lang)
        parser.refuse_unknown_options(given)
        _, unknown = parser.parse_known_args(given, options)
    except argparse.ArgumentError as error:
        name = error.argument_name
        if name is None:
            raise setting_error("incomplete", "an argument is missing", hint=usage) from None
        names = {word.partition("=")[0] for word in given}
        both = next((pair for pair in _EITHER if names.issuperset(pair)), ())
        if both:
            raise setting_error(
                "not_both", "{0} and {1} exclude each other", *both, hint=usage
            ) from None
        if name in names:
            raise setting_error("needs_value", "{0} needs a value", name, hint=usage) from None
        if command:
            raise setting_error("odd_option", "{0} cannot be used so", name, hint=usage) from None
    if not hasattr(options, "run"):
        for word in given:
            if not word.startswith("-") and difflib.get_close_matches(word.lower(), _FORMS):
                hint = hint_for(word, _FORMS)
                raise setting_error("unknown_command", "unknown command {0!r}", word, hint=hint)
        known = ", ".join(_FORMS)
        raise setting_error("no_command", "say which command: {0}", known)
    if unknown:
        if unknown[0].lower().endswith(".toml"):
            usage = Text("hint_config_option", "Write --config {0!r}.", unknown[0])
        raise setting_error("unknown_argument", "unknown argument {0!r}", unknown[0], hint=usage)
    return options


def _usage(command: str, lang: Lang) -> tuple[str, str]:
    """Return how to call a command with its arguments, and how to call it without arguments."""
    if not command:
        return f"{PROGRAM} {translate(say('COMMAND'), lang)}", PROGRAM
    form = _FORMS[command].format(translate(say("NAME"), lang))
    return f"{PROGRAM} {command} {form}".rstrip(), f"{PROGRAM} {command}"


def _parser(lang: Lang) -> _Parser:
    def tell(code: str, *values: object) -> str:
        return translate(say(code, *values), lang)

    def described(name: str, text: str) -> str:
        usage = tell("usage", f"{_usage(name, lang)[0]} {tell('[options]')}")
        return f"{wrap(usage)}\n\n{wrap(text)}"

    def options_of(parser: _Parser, *, connections: bool) -> _Group:
        options = parser.add_argument_group(tell("options"))
        options.add_argument("-h", "--help", action="help", help=tell("help help"))
        # check_lang raises an error of this library, which is shown in the user's language; that of
        # `choices=` would be argparse's, in English.
        options.add_argument(
            "--lang", type=check_lang, metavar="{en,fr,nl}", help=tell("help lang")
        )
        options.add_argument("--json", action="store_true", help=tell("help json"))
        if connections:
            file, code = tell("FILE"), tell("CODE")
            options.add_argument("--config", type=Path, metavar=file, help=tell("help config"))
            options.add_argument(
                "--company", action="append", metavar=code, help=tell("help company")
            )
            options.add_argument(
                "--mapper", metavar=tell("MODULE:FUNCTION"), help=tell("help mapper")
            )
            options.add_argument("--verbose", action="store_true", help=tell("help verbose"))
        return options

    statuses = [
        wrap(tell(f"exit {number}"), f"{number:4}  ")
        for number in (OK, PERSON, USAGE, LATER, INTERRUPTED)
    ]
    parser = _Parser(
        prog=PROGRAM,
        description=described("", tell("help about")),
        epilog="\n".join([tell("exit status"), *statuses]),
    )
    version = f"{PROGRAM} {__version__}"
    options_of(parser, connections=True).add_argument(
        "--version", action="version", version=version, help=tell("help version")
    )
    commands = parser.add_subparsers(
        title=tell("commands"), metavar=tell("COMMAND"), prog=PROGRAM, parser_class=_Parser
    )

    def command(
        name: str, run: Callable[[Options], int], *, connections: bool = True
    ) -> tuple[_Group, _Group]:
        text = tell(f"help {name}")
        added = commands.add_parser(name, help=text, description=described(name, text))
        added.set_defaults(run=run)
        arguments = added.add_argument_group(tell("arguments"))
        return arguments, options_of(added, connections=connections)

    def number(name: str, kind: type[float], wanted: Text) -> Callable[[str], float]:
        def read(text: str) -> float:
            try:
                return kind(text)
            except ValueError:
                raise setting_error("must_be_that", "{0} must be {1}", name, wanted) from None

        return read

    seconds = tell("SECONDS")
    _, options = command("verify", _each(_verify))
    options.add_argument("--deep", action="store_true", help=tell("help deep"))
    command("activate", _each(_activate))
    command("deactivate", _each(_deactivate))
    _, options = command("export", _each(_export))
    options.add_argument("--dry-run", action="store_true", help=tell("help dry-run"))
    options.add_argument(
        "--limit", type=number("--limit", int, WHOLE), metavar="N", help=tell("help limit")
    )
    options.add_argument(
        "--deadline",
        type=number("--deadline", float, SECONDS),
        metavar=seconds,
        help=tell("help deadline"),
    )
    options.add_argument("--look-first", action="store_true", help=tell("help look-first"))
    _, options = command("status", _each(_status))
    options.add_argument("--waiting", action="store_true", help=tell("help waiting"))
    arguments, _ = command("resend", _each(_resend))
    arguments.add_argument("ids", nargs="+", metavar="ID", help=tell("help ids"))
    arguments, options = command("settle", _each(_settle))
    arguments.add_argument("id", metavar="ID", help=tell("help id"))
    seen = options.add_mutually_exclusive_group(required=True)
    seen.add_argument("--delivered", action="store_true", help=tell("help delivered"))
    seen.add_argument("--not-delivered", action="store_true", help=tell("help not-delivered"))
    command("confirm", _each(_confirm))
    _, options = command("pairs", _pairs)
    where = options.add_mutually_exclusive_group(required=True)
    environments = f"{{{','.join(Environment.__members__)}}}"
    where.add_argument("--environment", metavar=environments, help=tell("help environment"))
    where.add_argument("--banqup-url", metavar="URL", help=tell("help banqup-url"))
    options.add_argument("--zenvoices-url", metavar="URL", help=tell("help zenvoices-url"))
    _, options = command("demo", _demo, connections=False)
    options.add_argument("--documents", type=Path, metavar=tell("DIR"), help=tell("help documents"))
    _, options = command("sandbox", _sandbox, connections=False)
    options.add_argument(
        "--port", type=number("--port", int, WHOLE), metavar="N", help=tell("help port")
    )
    options.add_argument(
        "--every", type=number("--every", float, SECONDS), metavar=seconds, help=tell("help every")
    )
    for known in (parser, *commands.choices.values()):
        known.commands = commands.choices
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    lang = _language(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    before = language()
    try:
        with _ended_by_sigterm():
            set_language(lang)
            options = _parsed(arguments, lang)
            status: int = options.run(options)
            sys.stdout.flush()
            return status
    except ConfigurationError as error:
        print(_after(PROGRAM, _error_text(error, lang), lang), file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # The program that reads the output has ended. Without this, Python would try to write the
        # rest at exit, and print another error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:  # such as a full disk below the file that standard output goes to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        why = Text("said", "{0}", str(error.strerror))
        print(
            _after(PROGRAM, Text("no_output", "the output cannot be written: {0}", why), lang),
            file=sys.stderr,
        )
        return PERSON
    except KeyboardInterrupt as interrupt:
        print(f"\n{_after(PROGRAM, say('interrupted'), lang)}", file=sys.stderr)
        return 143 if isinstance(interrupt, _Terminated) else INTERRUPTED
    finally:
        set_language(before)


class _Terminated(KeyboardInterrupt):
    """Raised at SIGTERM, so that the signal ends a run as Ctrl-C does: the lease is released."""


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


# Verbs. Each returns its result and its exit status.


def _verify(connection: Connection, options: Options) -> tuple[Verification, int]:
    verification = connection.verify(deep=options.deep, lang=options.lang)
    if verification.ok:
        return verification, OK
    error = verification.error
    return verification, PERSON if error is None else _status_of(error)


def _activate(connection: Connection, _options: Options) -> tuple[Activation, int]:
    # Only a store in a database has this method; a file creates its own tables.
    create_tables = getattr(connection._store, "create_tables", None)
    if create_tables is not None:
        create_tables()
    return connection.activate(), OK


def _deactivate(connection: Connection, _options: Options) -> tuple[_Deactivated, int]:
    connection.deactivate()
    return _Deactivated(connection.status()), OK


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
class _Deactivated:
    """The status after deactivate(); its text says only what was done, and how to undo it."""

    status: Status

    def to_text(self, *, lang: Lang) -> str:
        title = translate(say("deactivated", self.status.company_code), lang)
        return f"{wrap(title)}\n\n{wrap(translate(say('start again'), lang), '- ')}"

    def to_dict(self) -> dict[str, Any]:
        return self.status.to_dict()


@frozen
class _Requests:
    """The results of resend()."""

    made: Sequence[Request]

    def to_text(self, *, lang: Lang) -> str:
        return "\n".join(
            f"{request.document_id}  {translate(_request_text(request), lang)}"
            for request in self.made
        )

    def to_dict(self) -> list[dict[str, Any]]:
        return [asdict(request) for request in self.made]


def _request_text(request: Request) -> str:
    if request.accepted and request.reason:
        return say("sent all the same", request.reason)
    if request.accepted:
        return say("sent by the next export")
    return say("not accepted", request.reason)


def _status_of(error: BaseException) -> int:
    if not isinstance(error, ServiceError) or not error.retryable:
        return PERSON
    report = error.report
    needs = isinstance(report, ExportReport) and report._shows_trouble
    return PERSON if needs else LATER


def _left(connection: Connection, _options: Options) -> tuple[Deliveries, int]:
    return connection.status().attention, OK


# One connection after another

_Verb = Callable[[Connection, Options], "tuple[Any, int]"]


def _each(verb: _Verb) -> Callable[[Options], int]:
    """Return a command that calls a verb, such as `_verify`, for each chosen connection."""

    def run(options: Options) -> int:
        if verb is _export:
            check_limit(options.limit, "--limit")
            if options.deadline is not None:
                check_seconds(options.deadline, "--deadline", service="bridge", zero=True)
        configs = _chosen(options)
        if verb in (_resend, _settle) and len(configs) > 1:
            raise setting_error(
                "one_connection",
                "a document belongs to one connection",
                len(configs),
                hint="Say which: --company CODE chooses one of these {0}.",
            )
        if verb is _deactivate and options.company is None and len(configs) > 1:
            raise setting_error(
                "name_connections",
                "deactivate stops only connections that you name",
                len(configs),
                hint="--company CODE names one of these {0}; it may be given several times.",
            )
        found: set[int] = set()
        out = sys.stdout
        with ExitStack() as stack:
            if options.json:
                # Without this, what a mapper prints would stand between the lines of JSON.
                stack.enter_context(redirect_stdout(sys.stderr))
            mapper: Mapper = default_mapper
            if options.mapper is not None:
                mapper = function_of("--mapper", options.mapper)
                if is_coroutine_function(mapper):
                    raise setting_error(
                        "async_mapper",
                        "--mapper: {0} is an async def",
                        options.mapper,
                        hint="Write it with def: only AsyncConnection takes an async def.",
                    )
            _check_logins()
            stack.enter_context(_log_on_stderr(options.lang, verbose=options.verbose))
            shared = _Shared(stack)
            for number, config in enumerate(configs, 1):
                place = say("progress", config.company_code, number, len(configs))
                with _Progress(place, options.lang) as progress:
                    status, result, error = _call(verb, config, shared, mapper, progress, options)
                _show(status, result, error, config, options, out, several=len(configs) > 1)
                tells = verb in (_export, _status)
                if tells and status == PERSON and isinstance(error, ServiceError | None):
                    _, left, _ = _call(_left, config, shared, mapper, progress, options)
                    _name(left or (), result, config, options.lang)
                found.add(status)
        return next((status for status in (USAGE, PERSON, LATER) if status in found), OK)

    return run


def _check_logins() -> None:
    """Raise one error for all missing variables, or else one for a credential that is unusable."""
    read_environment(os.environ, *LOGIN_VARIABLES, service="bridge")
    login_of_this_process(ClientCredentials)
    login_of_this_process(UserLogin)


def _chosen(options: Options) -> Sequence[ConnectionConfig]:
    """Return the connections of the file that ``--company`` chooses.

    Raises:
        ConfigurationError: The file cannot be used, or has no connection of a company.
    """
    # The file or --mapper may name modules of the user in these folders. They come last, so that
    # they cannot hide other modules.
    for folder in (Path.cwd(), options.config.resolve().parent):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if not options.config.exists():
        # A name with a typing error, or with an ending that Windows hides, such as .toml.txt.
        names = [path.name for path in options.config.absolute().parent.glob("*")]
        others = difflib.get_close_matches(options.config.name, names, cutoff=0.75)
        hint = Text(
            "hint_other_files",
            "In that folder is: {0}.|In that folder are: {0}.",
            *(plain(", ".join(others)), len(others)),
        )
        if not others:
            hint = Text(
                "hint_no_config",
                "Start in the folder of the file, or name the file with --config. If there is none "
                "yet, banqup-zenvoices pairs writes one from your spaces and companies, and "
                "banqup-zenvoices sandbox shows one to try.",
            )
        raise setting_error(
            "no_config",
            "there is no file {0}",
            plain(str(options.config.absolute())),
            hint=not_replaced(str(options.config)) or hint,
        )
    configs = ConnectionConfig.from_toml(options.config)
    wanted: list[str] = options.company or []
    codes = {config.company_code for config in configs}
    for code in wanted:
        if code not in codes:
            near = difflib.get_close_matches(code, codes, n=5, cutoff=0.0)
            raise setting_error(
                "no_such_connection",
                "{0} has no connection of company {1!r}",
                *(str(options.config), code),
                hint=Text("hint_one_code", "Write --company CODE once for each code.")
                if re.search("[,; ]", code)
                else Text(
                    "hint_no_such_connection",
                    "The nearest code is {0}.|The nearest codes are: {0}.",
                    *(", ".join(near), len(near)),
                ),
            )
    return [config for config in configs if not wanted or config.company_code in wanted]


class _Shared:
    """Clients and store of connections with the same settings, open until the command ends.

    Without this class, three hundred connections would make six hundred TLS handshakes.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: dict[ConnectionConfig, Connection] = {}

    def parts(self, config: ConnectionConfig) -> dict[str, Any]:
        """Return the arguments of :meth:`ConnectionConfig.open` that connections can share."""
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
) -> tuple[int, Any, BaseException | None]:
    """Call a verb for one connection; return the exit status, the result and the error.

    No error is raised: the other connections must still run.
    """
    connection: Connection | None = None
    try:
        parts = shared.parts(config)
        with config.open(**parts, mapper=mapper, listeners=[progress]) as connection:
            result, status = verb(connection, options)
            return status, result, None
    except ServiceError as error:
        if connection is None and isinstance(error, ConfigurationError):
            return USAGE, None, error
        status = _status_of(error)
        if verb is _export and status == LATER and not isinstance(error, StoreError):
            # If an earlier run left a document to a person, say so although a service is down now.
            status = _call(_status, config, shared, mapper, progress, options)[0] or LATER
        return status, error.report, error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the other connections must still run
        return PERSON, None, error


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
        if several:
            print(f"== {config.company_code}")
        print(result.to_text(lang=options.lang), flush=True)
        if several:
            print()
    if error is None:
        return
    text = _after(config.company_code, _error_text(error, options.lang), options.lang)
    if not isinstance(error, ServiceError):
        traceback.print_exception(error)
        print(text, file=sys.stderr)
    elif not isinstance(error, BusyError):
        print(text, file=sys.stderr, flush=True)
    elif not options.json:
        # Not on standard error, which cron mails: no mail is needed while another run does the
        # work.
        print(text, flush=True)


def _name(
    left: Sequence[DeliveryRow], result: object, config: ConnectionConfig, lang: Lang
) -> None:
    """Write what a person must look at to standard error, which cron mails."""
    of_run = result.deliveries if isinstance(result, ExportReport) else ()
    rows = {row.document_id: row for row in (*left, *filter(needs_person, of_run))}
    lines = [
        joined(": ", joined(", ", row.label, row.document_id), row.reason) for row in rows.values()
    ]
    if len(lines) > NAMED:
        lines[NAMED:] = [say("and more", len(lines) - NAMED)]
    if isinstance(result, Status) and result._stopped:
        lines.append(say("in English", result._stopped))
    if isinstance(result, ExportReport):
        lines += [note for note in result.notes if code_of(note) == "sent_before"]
    for line in lines:
        print(plain(_after(config.company_code, line, lang)), file=sys.stderr)


def _error_text(error: BaseException, lang: Lang) -> str:
    if not isinstance(error, ServiceError):
        return f"{type(error).__name__}: {plain(str(error))}"
    message, hint = (
        translate(text if not text or isinstance(text, Text) else say("in English", text), lang)
        for text in (error.message, error.hint or "")
    )
    start = "" if error.service == "bridge" else error.service.capitalize()
    ended = message.rstrip("»”\"' ").endswith((".", "!", "?", ":", "…"))
    stop = "" if not hint or ended else "."
    return _after(start, f"{message}{stop} {hint}".rstrip(), lang)


def _after(start: str, text: str, lang: Lang) -> str:
    """Return ``start: text``, with the colon as the language writes it; `start` may be empty."""
    return translate(joined(": ", start, text), lang)


def _as_data(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, ServiceError):
        return {"type": type(error).__name__, "message": plain(str(error))}
    names = ("service", "kind", "code", "status", "message", "hint", "retryable", "retry_after")
    return {"type": type(error).__name__, **{name: getattr(error, name) for name in names}}


# Standard error


@contextmanager
def _log_on_stderr(lang: Lang, *, verbose: bool) -> Generator[None]:
    """Write the log to standard error, in English; if not `verbose`, only failures of user code."""
    start = "\r" if sys.stderr.isatty() else ""
    if verbose:
        logging.basicConfig(format=f"{start}%(levelname)s %(message)s", level=logging.INFO)
        # At the level INFO, httpx would log each request.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        yield
        return
    with ExitStack() as stack:
        # Without the first handler, Python prints all warnings to standard error.
        for name, handler in (("", logging.NullHandler()), ("bridge", _OwnCode(start, lang))):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
        yield


class _OwnCode(logging.Handler):
    """A handler that prints the library's warnings that can be translated, in a language.

    They are about the user's code, mostly. `_name` prints the documents that need a person.
    """

    def __init__(self, start: str, lang: Lang) -> None:
        super().__init__(logging.WARNING)
        self._start = start
        self._lang: Lang = lang

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record if its message can be translated; ignore any other record."""
        said = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(said, Text):
            print(self._start + plain(_after(PROGRAM, said, self._lang)), file=sys.stderr)


class _Progress:
    """A listener that shows one line while a run lasts, if standard error is a terminal."""

    def __init__(self, start: Text, lang: Lang) -> None:
        self._lang: Lang = lang
        self._start = translate(start, lang)
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
        counts = ", ".join(
            translate(say(f"counted {word}", number), self._lang)
            for word, number in self._counts.items()
        )
        self._write(_after(self._start, counts, self._lang))

    def _write(self, text: str) -> None:
        if self._shown:
            width = shutil.get_terminal_size().columns - 1
            end = f"\r{text[:width]}" if text else ""
            print(f"\r{' ' * width}\r{end}", end="", file=sys.stderr, flush=True)


# Pairs


def _refuse(options: Options, *names: str) -> None:
    """Refuse the options `names` if they are given: they would do nothing for this command."""
    for name in names:
        if getattr(options, name) != _DEFAULTS[name]:
            raise setting_error("option_unused", "--{0} has no meaning for this command", name)


def _pairs(options: Options) -> int:
    """Write a file of spaces and companies with the same name, for a person to confirm."""
    _refuse(options, "company", "mapper")
    path: Path = options.config
    if path.is_file() and not path.stat().st_size:  # as "> connections.toml" of a shell makes it
        raise setting_error(
            "file_is_empty",
            "{0} is there already and is empty",
            str(path),
            hint="This command writes the file itself: delete the empty one, and leave out > {0}.",
        )
    if path.exists():
        raise setting_error(
            "file_is_there",
            "{0} is there already",
            str(path),
            hint="It is never written over: name another with --config.",
        )
    names = ("environment", "banqup_url", "zenvoices_url")
    shared = {name: getattr(options, name) for name in names if getattr(options, name)}
    # Creating the config checks the settings, as for any connection.
    settings = ConnectionConfig(
        space_id="any", company_code="any", checkpoint_file="exports.db", **shared
    )
    _check_logins()
    try:
        with settings.open() as connection:
            pairs = Pairs.find(connection._banqup, connection._zenvoices)
    except ServiceError as error:
        if error.status is None and isinstance(error, ConfigurationError):
            raise
        print(_error_text(error, options.lang), file=sys.stderr)
        return _status_of(error)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(pairs.to_toml(lang=options.lang, **shared))
    except OSError as error:
        why = Text("said", "{0}", error.strerror)
        raise setting_error("not_written", "{0} cannot be written: {1}", str(path), why) from None
    print(json.dumps(pairs.to_dict()) if options.json else pairs.to_text(lang=options.lang))
    if not options.json:
        print(f"\n{translate(say('written', str(path)), options.lang)}")
    return OK


# On this machine alone


def _demo(options: Options) -> int:
    from bridge._demo import run_demo

    _refuse(options, "company", "config", "mapper")
    if options.documents is not None:
        folder: Path = options.documents
        if not folder.is_dir():
            raise setting_error("no_folder", "--documents: {0} is not a folder", str(folder))
        if not any(path.suffix.lower() in (".xml", ".pdf") for path in folder.rglob("*")):
            raise setting_error(
                "no_invoices", "--documents: {0} holds no .xml or .pdf file", str(folder)
            )
    return run_demo(documents=options.documents, as_json=options.json, lang=options.lang)


def _sandbox(options: Options) -> int:
    from bridge._sandbox import run_sandbox

    _refuse(options, "company", "config", "mapper")
    stop = threading.Event()
    if not 0 <= options.port <= 65_533 or not options.every > 0:
        raise setting_error(
            "odd_port", "--port must be from 0 to 65533, and --every a positive number"
        )
    try:
        return run_sandbox(
            stop,
            port=options.port,
            every=options.every,
            as_json=options.json,
            lang=options.lang,
        )
    except OSError as error:
        why = Text("said", "{0}", error.strerror)
        raise setting_error("no_port", "--port {0}: {1}", str(options.port), why) from None
    except KeyboardInterrupt:
        return OK
