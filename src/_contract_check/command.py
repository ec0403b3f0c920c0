"""The command ``python -m <client> contract --against FILE``."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _client_kit._contract import TOKEN_CALLS, load_contract
from _client_kit._errors import ConfigurationError
from _client_kit._json import is_object, loads
from _contract_check.compare import compare
from _contract_check.expectations import Expectations
from _contract_check.openapi_file import load, read_openapi
from _contract_check.openapi_schema import VendorFileError


def run(program: str, expected: Expectations, arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m PROGRAM contract`` and return the exit code; PROGRAM is a client's package.

    The code is 1 if the file contradicts a fact, or lacks an operation, that an export needs. It is
    2 if the file or patch cannot be used, or if the file has no operation of this service.
    Otherwise it is 0. For wrong arguments, argparse raises SystemExit.
    """
    contract = load_contract(program)
    names = {*contract.operations, *expected.replaced} - {*TOKEN_CALLS}
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "contract",
        help="compare the wire facts this client relies on with the vendor's OpenAPI file",
        description="Exit code: 0 when nothing an export needs is contradicted, 1 when something "
        "is, 2 when the file cannot be used or describes none of the operations.",
    )
    command.add_argument(
        "--against", required=True, metavar="FILE", type=Path, help="OpenAPI 2.0, 3.0 or 3.1"
    )
    command.add_argument(
        "--contract", metavar="PATCH", type=Path, help="compare with this patch applied"
    )
    command.add_argument(
        "--operations",
        nargs="+",
        default=[],
        choices=sorted(names),
        metavar="NAME",
        help="operations you have a function for, such as inbox.upload: not compared",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the comparison as JSON")
    form.add_argument(
        "--suggest",
        action="store_true",
        help="print a patch for what differs in letters or path prefix only, nothing else",
    )
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # Without this, a letter of the file that a Windows console lacks would raise an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if re.match(r"\w{2,}:/", str(options.against)):
        sys.stderr.write(f"{program}: --against takes a file: save what the address shows first\n")
        return 2
    try:
        contract = contract.patched(options.contract)
        file = read_openapi(load(options.against))
        result = compare(contract, file, expected, yours=options.operations)
    except (VendorFileError, ConfigurationError) as error:
        why = f"--against: {error}"
        if isinstance(error, ConfigurationError):
            why = f"{error.message}. {error.hint or ''}".strip()
        sys.stderr.write(f"{program}: {why}\n")
        return 2
    if options.suggest:
        known: dict[str, Any] = loads(options.contract.read_bytes()) if options.contract else {}
        shown = json.dumps(_merged(known, result.patch), indent=2, ensure_ascii=False)
    elif options.json:
        shown = json.dumps(result.to_dict(), indent=2)
    else:
        shown = str(result)
    sys.stdout.write(f"{shown}\n")
    if result.foreign:
        return 2
    return 1 if result.contradicted else 0


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two patches as one; where both have a value, that of ``above`` is used."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if is_object(old) and is_object(value) else value
    return merged
