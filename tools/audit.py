"""Audit the dependencies of an environment, and fail unless every one of them was looked up.

``pip-audit`` ends with 0 and "No known vulnerabilities found" when it reached no advisory source
and skipped every package, and when an index answered without a word of vulnerabilities, as a mirror
may. So its exit code is not believed: its report must name each distribution that is installed,
none skipped, and what has long been known of one more, which is asked about and never installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

OURS = "banqup-zenvoices"
LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.name: d.version for d in m.distributions()}))"
)
NOT_LOOKED_UP = frozenset([OURS, "pip", "setuptools"])
# Out of support since 2020, with many holes; no environment of ours holds it.
CANARY, CANARY_VERSION = "django", "1.11"


def normal(name: str) -> str:
    """A distribution's name in the spelling that all agree on."""
    return re.sub(r"[-_.]+", "-", name).lower()


def judge(installed: Mapping[str, str], report: Any) -> list[str]:
    """What is wrong, one line each; nothing where every dependency is known and clean."""
    listed = report.get("dependencies") if isinstance(report, dict) else None
    if not isinstance(listed, list):
        return ["the audit gave no report"]
    problems: list[str] = []
    seen: set[str] = set()
    canary_found = False
    for entry in listed:
        name = normal(str(entry.get("name", "")))
        if "skip_reason" in entry:
            if name not in NOT_LOOKED_UP:
                problems.append(f"{name}: not looked up ({str(entry['skip_reason'])[:200]})")
            continue
        if (name, entry.get("version")) == (CANARY, CANARY_VERSION):
            canary_found = bool(entry["vulns"])
            continue
        seen.add(name)
        problems += [f"{name} {entry.get('version')}: {found['id']}" for found in entry["vulns"]]
    missing = installed.keys() - seen - NOT_LOOKED_UP
    problems += [f"{name}: not looked up" for name in sorted(missing)]
    if not seen:
        problems.append("nothing was looked up at all")
    if not canary_found:
        problems.append(f"no advisory data: nothing is known against {CANARY} {CANARY_VERSION}")
    return sorted(set(problems))


def main(arguments: Sequence[str]) -> int:
    """Audit the environment of the interpreter that is named."""
    python = arguments[0]
    listing = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True)
    named: dict[str, str] = json.loads(listing.stdout)
    installed = {normal(name): version for name, version in named.items()}
    asked = {name: version for name, version in installed.items() if name not in NOT_LOOKED_UP}
    asked[CANARY] = CANARY_VERSION
    pinned = "".join(f"{name}=={version}\n" for name, version in sorted(asked.items()))
    command = [sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip"]
    command += ["--progress-spinner", "off", "--timeout", "15", "-f", "json", "-r", "/dev/stdin"]
    ended = subprocess.run(command, input=pinned, capture_output=True, text=True, check=False)
    try:
        report: Any = json.loads(ended.stdout)
    except ValueError:
        report = None
    if problems := judge(installed, report):
        print(*problems, sep="\n")
        last = ended.stderr.strip().rpartition("\n")[2]
        print(f"pip-audit ended with {ended.returncode}; its last line was: {last[:500]}")
        print("the audit FAILED")
        return 1
    print(f"audited: {len(asked) - 1} distributions, none with a known vulnerability")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
