"""The default store: one SQLite file on this machine's own disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from _client_kit._arguments import argument_error, check_clock, check_seconds
from _client_kit._errors import StoreError
from bridge._errors import setting_error
from bridge._stores.protocol import Lease
from bridge._stores.sql import Execute, SQLStore
from bridge._stores.sqlite_file import CheckpointFile


class SQLiteCheckpoints(SQLStore):
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The first write creates the file with mode 0600; its directory must exist. It holds ids, states,
    times, reasons and names of suppliers and customers, never a credential or the content of a
    document. If other users may write to the file or its directory, a warning is logged.

    Warning:
        Keep the file on a local disk: file locks on network shares do not work. To back it up
        during a run, use ``sqlite3 exports.db ".backup copy.db"``; a plain copy is complete only if
        no process uses the file.

    Args:
        path: The file. A relative path and links are resolved when the store is created.
        timeout: Seconds to wait for another process that is writing.
        clock: Returns epoch seconds, for leases.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise argument_error("path", "the path of a file", path, service="bridge")
        check_seconds(timeout, "timeout", service="bridge", zero=True)
        check_clock(clock, service="bridge")
        name = os.fspath(path)
        if not name or name == ":memory:" or "\0" in name or "://" in name:
            # Do not show the argument: the URL of a database may contain a password.
            raise setting_error(
                "not_a_path",
                "the checkpoints' place is not the path of a file",
                hint="Name a file, or use MemoryCheckpoints for a trial; SQLAlchemyCheckpoints "
                "keeps checkpoints in a database.",
            )
        self.path: Path = Path(os.path.realpath(name))
        self._clock = clock
        self._file = CheckpointFile(self.path, timeout)

    def __repr__(self) -> str:
        return f"SQLiteCheckpoints({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        self._file.close()

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        super().release(lease)
        self._file.checkpoint_wal()

    @contextmanager
    def _transaction(self, key: str, *, write: bool) -> Generator[Execute]:  # noqa: ARG002
        with self._file.transaction(write=write) as file:

            def execute(statement: str, values: Any) -> Any:
                if isinstance(values, list):
                    return file.executemany(statement, values)
                return file.execute(statement, values)

            yield execute

    def _now(self, execute: Execute) -> float:  # noqa: ARG002
        return self._clock()

    def _damaged(self, why: str) -> StoreError:
        return self._file.damaged(why)
