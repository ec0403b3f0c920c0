"""The process whose memory is measured: exports what is published once it is ready."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

from service import CLIENT_ID, CLIENT_SECRET, COMPANY_CODE, ORGANISATION, PASSWORD, USER

from banqup_client import BanqupClient, ClientCredentials
from bridge import Connection, SQLiteCheckpoints
from zenvoices_client import UserLogin, ZenvoicesClient


def peak_kb() -> int:
    """The most memory this process has held so far."""
    # Not ru_maxrss where there is better: a child begins with what its parent held.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Warm up with one small document, then measure."""
    job, banqup_url, zenvoices_url, space, _ = sys.argv[1:]
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
    login = UserLogin(USER, PASSWORD, organisation_code=ORGANISATION)
    with (
        tempfile.TemporaryDirectory() as folder,
        BanqupClient(credentials, base_url=banqup_url) as banqup,
        ZenvoicesClient(login, base_url=zenvoices_url) as zenvoices,
        SQLiteCheckpoints(Path(folder) / "exports.db") as checkpoints,
    ):
        connection = Connection(
            banqup,
            zenvoices,
            space_id=space,
            company_code=COMPANY_CODE,
            checkpoints=checkpoints,
            in_flight=1 if job == "large" else 4,
        )
        connection.activate()
        connection.export_new()
        idle = peak_kb()
        print(json.dumps({"space": space}), flush=True)
        sys.stdin.readline()
        report = connection.export_new()
        assert report.exported >= 1, report.summary()
        print(json.dumps({"grown_kb": peak_kb() - idle, "exported": report.exported}), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main()
