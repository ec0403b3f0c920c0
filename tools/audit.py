"""Audit the dependencies of an environment, and fail unless every one of them was looked up.

``pip-audit`` ends with 0 and "No known vulnerabilities found" when it reached no advisory source
and skipped every package. So its exit code is not believed: its report must name each distribution
that is installed, none skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

OURS = "banqup-zenvoices"
LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
)
NOT_LOOKED_UP = frozenset([OURS, "pip", "setuptools"])


def judge(installed: Mapping[str, str], report: Any) -> list[str]:
    """What is wrong, one line each; nothing where every dependency is known and clean."""
    listed = report.get("dependencies") if isinstance(report, dict) else None
    if not isinstance(listed, list):
        return ["the audit gave no report: no advisory source could be reached"]
    problems: list[str] = []
    seen: set[str] = set()
    for entry in listed:
        name = str(entry.get("name", "")).lower().replace("_", "-")
        if "skip_reason" in entry:
            if name not in NOT_LOOKED_UP:
                problems.append(f"{name}: not looked up ({str(entry['skip_reason'])[:200]})")
            continue
        seen.add(name)
        problems += [f"{name} {entry.get('version')}: {found['id']}" for found in entry["vulns"]]
    missing = installed.keys() - seen - NOT_LOOKED_UP
    problems += [f"{name}: not looked up" for name in sorted(missing)]
    if not seen:
        problems.append("nothing was looked up at all")
    return sorted(set(problems))


def main(arguments: Sequence[str]) -> int:
    """Audit the environment of the interpreter that is named."""
    python = arguments[0]
    listing = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True)
    installed: dict[str, str] = json.loads(listing.stdout)
    pinned = "".join(
        f"{name}=={version}\n" for name, version in sorted(installed.items())
        if name not in NOT_LOOKED_UP
    )  # fmt: skip
    command = [sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip"]
    command += ["--progress-spinner", "off", "--timeout", "15", "-f", "json", "-r", "/dev/stdin"]
    ended = subprocess.run(command, input=pinned, capture_output=True, text=True, check=False)
    try:
        report: Any = json.loads(ended.stdout)
    except ValueError:
        report = None
    problems = judge(installed, report)
    if ended.returncode and not problems:
        problems = [f"pip-audit ended with {ended.returncode}"]
    for problem in problems:
        print(problem)
    if problems:
        print(ended.stderr[-2000:], file=sys.stderr)
        print("the audit FAILED")
        return 1
    print(f"audited: {len(installed)} distributions, none with a known vulnerability")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
