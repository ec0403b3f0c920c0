"""Exports connections one after the other. In a crontab, with the Python that has the library::

    17 * * * *  . /etc/exports.env && /opt/exports/venv/bin/python cron.py /etc/connections.toml

The credentials are in a file of yours, here /etc/exports.env, which only you may read (mode 0600).
Each of its lines is an ``export``, for the program sees no variable without::

    export BANQUP_CLIENT_ID=...

Says nothing when all is well, so that cron sends no mail. A run that takes longer than the hour is
no harm: the next one finds the connection busy and goes on with the others.
"""

from __future__ import annotations

import sys

from bridge import BusyError, ConnectionConfig, ServiceError


def main(path: str) -> int:
    """Export each connection; the exit code says whether a person has to look."""
    failed = False
    for config in ConnectionConfig.from_toml(path):
        try:
            with config.open() as connection:
                report = connection.export_new()
        except BusyError:
            continue
        except ServiceError as error:
            failed = True
            print(f"{config.company_code}: {error}", file=sys.stderr)
            if error.kind == "credentials":
                break  # the same for all of them
        else:
            if report.failed or report.uncertain:
                failed = True
                print(f"{config.company_code}: {report.summary()}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "connections.toml"))
