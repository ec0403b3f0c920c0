"""SQLiteCheckpoints: one file that survives kills, and is never mistaken for an empty one."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing
import os
import pickle
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from _client_kit._errors import ConfigurationError, StoreError
from bridge._errors import LeaseLostError
from bridge._stores.protocol import Lease, Row
from bridge._stores.sqlite import SQLiteCheckpoints

posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are those of POSIX")
ROWS = [Row(f"id-{n}", "delivered", None, '{"v":1}') for n in range(50)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be."""
    return tmp_path / "exports.db"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every SQLite connection to the file of a store that was opened since, the newest last."""
    found: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def spy(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)
        if kwargs.get("uri"):
            found.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", spy)
    return found


def is_open(connection: sqlite3.Connection) -> bool:
    """Whether a connection still works."""
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


@pytest.fixture
def store(path: Path) -> Generator[SQLiteCheckpoints, None, None]:
    """An open store."""
    with SQLiteCheckpoints(path) as store:
        yield store


def leased(store: SQLiteCheckpoints, key: str = "k") -> Lease:
    """The lease, which nobody holds."""
    lease = store.acquire(key, "worker", 600)
    assert lease is not None
    return lease


def filled(path: Path) -> bytes:
    """Write some rows and give the whole file."""
    with SQLiteCheckpoints(path) as store:
        lease = leased(store)
        store.commit(lease, head='{"active":true}', rows=ROWS, ttl=600)
        store.release(lease)
    return path.read_bytes()


def look(path: Path) -> tuple[str | None, list[Row]]:
    """All that a run would read."""
    with SQLiteCheckpoints(path) as store:
        head = store.head("k")
        found = sorted(store.find("k", [row.id for row in ROWS]), key=lambda row: row.id)
        store.select("k", ["delivered"], due=None, after=None, limit=100)
        return head, found


# -- the file --------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_the_file(path: Path, umask: int) -> None:
    """The file and all that SQLite puts beside it have mode 0600, whatever the umask."""
    before = os.umask(umask)
    try:
        with SQLiteCheckpoints(path) as store:
            store.commit(leased(store), rows=ROWS, ttl=60)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"exports.db": 0o600, "exports.db-wal": 0o600, "exports.db-shm": 0o600}


def test_between_runs_there_is_one_file_with_everything(path: Path) -> None:
    """After release() and close() one file is there, and a copy of it alone is complete."""
    copy = path.with_name("copy.db")
    with SQLiteCheckpoints(path) as store:
        lease = leased(store)
        store.commit(lease, head="h", rows=ROWS, ttl=60)
        store.release(lease)
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
    assert [file.name for file in path.parent.glob("exports*")] == ["exports.db"]
    assert look(copy) == ("h", sorted(ROWS, key=lambda row: row.id))


def test_a_commit_waits_for_the_disk(opened: list[sqlite3.Connection], path: Path) -> None:
    """The connection is in write-ahead mode with synchronous=FULL."""
    with SQLiteCheckpoints(path) as store:
        leased(store)
        assert opened[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert opened[-1].execute("PRAGMA synchronous").fetchone() == (2,)


def test_only_a_write_makes_the_file(path: Path) -> None:
    """A read of a file that is not there shows an empty store, each time, and leaves nothing."""
    with SQLiteCheckpoints(path) as store:
        for _ in range(2):
            assert look(path) == (None, [])
            assert store.held_until("k") is None
            assert store.select("k", ["waiting"], due=None, after=None, limit=5) == []
            assert list(path.parent.iterdir()) == []
        lease = leased(store)
        store.commit(lease, head="h", rows=ROWS, ttl=60)
        assert store.head("k") == "h"
        store.release(lease)
    assert look(path) == ("h", sorted(ROWS, key=lambda row: row.id))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The directory must exist; the error says so."""
    with pytest.raises(StoreError, match="must be a directory"):
        SQLiteCheckpoints(tmp_path / "no" / "exports.db").head("k")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_to_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps the file from being made is told with the system's reason, and the cause."""

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"used: Read-only .*must be a directory that this") as got:
        leased(SQLiteCheckpoints(path))
    assert isinstance(got.value.__cause__, OSError)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["", ":memory:", "a\0b", "postgresql://exporter:word@db/exports"])
def test_what_is_no_file_is_refused(name: str) -> None:
    """A path that cannot be a file is refused at once, and not shown: it may hold a password."""
    with pytest.raises(ConfigurationError, match="not the path") as caught:
        SQLiteCheckpoints(name)
    assert not name or name not in str(caught.value)


def test_a_deleted_file_is_a_new_store(path: Path) -> None:
    """A file that is gone means "not activated", which only activate() changes."""
    filled(path)
    path.unlink()
    assert look(path) == (None, [])


def test_a_file_that_vanishes_while_in_use_is_an_error(path: Path, store: Any) -> None:
    """Nothing is written to a file that was removed or replaced under a running export."""
    lease = leased(store)
    path.unlink()
    with pytest.raises(StoreError, match="removed or replaced"):
        store.commit(lease, head="lost", ttl=60)


def test_a_log_without_its_file_is_refused(path: Path) -> None:
    """The remains of a killed run are not mixed into a new file."""
    path.with_name("exports.db-wal").write_bytes(b"\0" * 4096)
    with pytest.raises(StoreError, match="still there: put the file back beside it"):
        SQLiteCheckpoints(path).head("k")
    assert not path.exists()


@pytest.mark.parametrize("length", [240, 251, 252, 255, 256])
def test_a_name_with_no_room_for_those_beside_it_is_refused(path: Path, length: int) -> None:
    """A file system's own limit ends in an error of the store, and nothing is left."""
    with pytest.raises(StoreError, match="cannot be used"):
        filled(path.with_name("n" * length))
    assert list(path.parent.iterdir()) == []


def test_a_file_that_was_given_too_long_a_name_is_refused(path: Path) -> None:
    """SQLite could keep nothing beside it."""
    filled(path)
    with pytest.raises(StoreError, match="could not be used"):
        look(path.rename(path.with_name("n" * 252)))


def test_many_first_users_make_one_file(path: Path) -> None:
    """Stores that meet on a file that is not there yet all use the same one."""
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def work(n: int) -> None:
        try:
            with SQLiteCheckpoints(path) as store:
                start.wait(20)
                store.commit(leased(store, str(n)), head=str(n), ttl=60)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with SQLiteCheckpoints(path) as store:
        assert [store.head(str(n)) for n in range(8)] == [str(n) for n in range(8)]
    assert [file.name for file in path.parent.iterdir()] == ["exports.db"]


def test_a_file_system_without_hard_links_will_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file cannot be linked in place, its name is reserved and then filled."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    filled(path)
    assert look(path)[0] == '{"active":true}'
    assert [file.name for file in path.parent.iterdir()] == ["exports.db"]


# -- damage ----------------------------------------------------------------------------------------


def broken_files(whole: bytes) -> dict[str, bytes]:
    """What a bad disk, a bad copy or a wrong path leaves."""
    half = len(whole) // 2
    page = 4096
    return {
        "empty": b"",
        "one byte": whole[:1],
        "header only": whole[:100],
        "half a page": whole[: page // 2],
        "first page only": whole[:page],
        "cut in half": whole[: half // page * page],
        "cut within a page": whole[: half + 7],
        "last page lost": whole[:-page],
        "zeroed": bytes(len(whole)),
        "first page zeroed": bytes(page) + whole[page:],
        "second page zeroed": whole[:page] + bytes(page) + whole[2 * page :],
        "garbage": random.Random(1).randbytes(len(whole)),
        "text": b'{"connections": {}}',
        "front lost": whole[page:],
    }


@pytest.mark.parametrize("kind", list(broken_files(bytes(40_960))))
def test_a_damaged_file_is_refused_loudly(path: Path, kind: str) -> None:
    """A damaged file raises, names the path and a remedy, and is left as it was."""
    broken = broken_files(filled(path))[kind]
    path.write_bytes(broken)
    with pytest.raises(StoreError) as caught:
        look(path)
    assert str(path) in str(caught.value)
    assert "backup" in str(caught.value)
    assert not caught.value.retryable
    assert path.read_bytes() == broken
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_flipped_byte_is_harmless_or_refused(path: Path) -> None:
    """Whatever byte is flipped: the file reads as before or raises; it never reads as less."""
    whole = filled(path)
    before = look(path)
    chance = random.Random(20_260_102)
    places = sorted({*range(100), *chance.sample(range(len(whole)), 150)})
    refused = 0
    for place in places:
        bad = bytearray(whole)
        bad[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        try:
            seen = look(path)
        except StoreError:
            refused += 1
        else:
            assert seen == before, f"byte {place}"
    assert refused > 30


def test_another_programs_database_is_refused(path: Path) -> None:
    """Somebody else's SQLite file is refused and not written to."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a checkpoint file"):
        look(path)
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    """The configuration named by mistake is not called a damaged checkpoint file."""
    path.write_text("[[connection]]\n" * 100)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="is not a checkpoint file") as caught:
        look(path)
    assert "name another file" in str(caught.value.hint)
    assert path.read_text() == "[[connection]]\n" * 100


def test_a_tampered_row_is_refused(path: Path) -> None:
    """A row or a head that no longer matches its checksum raises."""
    for change in (
        "UPDATE bridge_delivery SET state = 'waiting' WHERE id = 'id-7'",
        "UPDATE bridge_connection SET head = NULL",
        "UPDATE bridge_connection SET fence = fence - 1",
        "DROP TABLE bridge_connection",
    ):
        filled(path)
        other = sqlite3.connect(path)
        other.execute(change)
        other.commit()
        other.close()
        with pytest.raises(StoreError, match="damaged"):
            look(path)
        path.unlink()


TRIGGER = "CREATE TRIGGER t AFTER UPDATE ON {} BEGIN DELETE FROM bridge_delivery; END"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (TRIGGER.format("bridge_connection"), "trigger 't'"),
        (TRIGGER.format("Bridge_Delivery"), "trigger 't'"),
        ("CREATE VIEW v AS SELECT id FROM bridge_delivery", "view 'v'"),
        ("CREATE INDEX more ON bridge_delivery (due)", "index 'more'"),
        ("DROP INDEX bridge_delivery_by_state", "index 'bridge_delivery_by_state' is missing"),
        ("DROP TABLE bridge_delivery", "table 'bridge_delivery' is missing"),
        (
            (
                "DROP TABLE bridge_connection; "
                "CREATE VIEW bridge_connection AS SELECT 1 AS number, 'k' AS key"
            ),
            "view 'bridge_connection'",
        ),
        # With a name as if it were SQLite's own.
        (
            f"""{TRIGGER.format("bridge_connection")}; PRAGMA writable_schema = ON;
            UPDATE sqlite_master SET name = 'sqlite_t' WHERE name = 't'""",
            "sqlite_t",
        ),
    ],
)
def test_what_acts_on_our_tables_is_refused_and_named(path: Path, change: str, named: str) -> None:
    """A trigger would act with every commit, and a view say what no row does."""
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(change)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"damaged.*{named}") as caught:
        look(path)
    # For an addition no backup is needed: docs/stores.md says how to take it away.
    added = "missing" not in named and named != "sqlite_t"
    assert (caught.value.hint is None) == added
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        (
            "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);"
            "CREATE TABLE _litestream_lock (id INTEGER)"
        ),
        (
            "CREATE TABLE notes (id TEXT, text TEXT); CREATE INDEX idx_notes_id ON notes (id);"
            'CREATE TABLE "_counts" ([table] TEXT PRIMARY KEY, count INTEGER DEFAULT 0);'
            "CREATE TRIGGER counted AFTER INSERT ON notes BEGIN"
            " INSERT OR REPLACE INTO _counts VALUES ('notes', 1); END;"
            "INSERT INTO notes VALUES ('a', 'b')"
        ),
        "CREATE VIRTUAL TABLE words USING fts5 (text)",
        "ANALYZE",
    ],
    ids=["Litestream", "sqlite-utils", "full text", "ANALYZE"],
)
def test_tables_of_other_programs_are_no_damage(path: Path, change: str) -> None:
    """Backup and reporting tools leave tables of their own, which do nothing to ours."""
    filled(path)
    before = look(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(change)
    assert look(path) == before
    with SQLiteCheckpoints(path) as store:
        store.commit(leased(store), head="after", ttl=60)
    assert look(path) == ("after", before[1])


# -- versions --------------------------------------------------------------------------------------


def test_a_newer_file_is_refused_and_kept(path: Path) -> None:
    """A file of a newer release is refused and not touched."""
    filled(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 2")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer release"):
        look(path)
    assert path.read_bytes() == before


# -- errors ----------------------------------------------------------------------------------------


def test_a_file_locked_for_too_long_is_an_error_to_try_again(path: Path) -> None:
    """Another process that writes for longer than the timeout makes a retryable StoreError."""
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with SQLiteCheckpoints(path, timeout=0.0) as store:
        with pytest.raises(StoreError, match="locked") as caught:
            store.acquire("k", "worker", 60)
        assert caught.value.retryable
        other.execute("ROLLBACK")
        assert store.acquire("k", "worker", 60) is not None
    other.close()


def test_a_full_disk_writes_nothing(path: Path, opened: list[sqlite3.Connection]) -> None:
    """A commit that finds the disk full raises, and leaves what was there."""
    with SQLiteCheckpoints(path) as store:
        lease = leased(store)
        store.commit(lease, head="before", ttl=60)
        file = opened[-1]
        pages = file.execute("PRAGMA page_count").fetchone()[0]
        file.execute(f"PRAGMA max_page_count = {pages + 1}")
        rows = [Row(f"big-{n}", "waiting", None, "x" * 9000) for n in range(50)]
        with pytest.raises(StoreError, match="full") as caught:
            store.commit(lease, head="after", rows=rows, ttl=60)
        assert "disk" in str(caught.value)
        assert store.head("k") == "before"
        assert store.find("k", ["big-0"]) == []
        store.commit(lease, head="after", ttl=60)


class Raises:
    """A function that raises an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_: object, **__: object) -> None:
        raise self.error


def test_a_full_disk_is_told_where_no_file_can_be_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that the directory must be one."""
    refusal = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(Path, "touch", Raises(refusal))
    with pytest.raises(StoreError, match=r"used: No space left on device") as caught:
        leased(SQLiteCheckpoints(path))
    assert caught.value.hint is None


# -- processes and threads -------------------------------------------------------------------------


def test_an_interrupt_within_a_commit_leaves_nothing_half_done(path: Path) -> None:
    """KeyboardInterrupt in the middle rolls back, and the store works on."""
    interrupted = False

    def clock() -> float:
        if interrupted:
            raise KeyboardInterrupt
        return 1000.0

    with SQLiteCheckpoints(path, clock=clock) as store:
        lease = leased(store)
        interrupted = True
        with pytest.raises(KeyboardInterrupt):
            store.commit(lease, rows=ROWS, ttl=60)
        interrupted = False
        assert store.find("k", ["id-1"]) == []
        store.commit(lease, rows=ROWS, ttl=60)


def _child(store: SQLiteCheckpoints, lease: Lease, answers: Any) -> None:
    try:
        store.commit(lease, head="child", ttl=60)
        answers.put((store.acquire("k", "child", 60) is None, store.head("k")))
    finally:
        store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_store_works_on_both_sides_of_a_fork(
    opened: list[sqlite3.Connection], store: SQLiteCheckpoints
) -> None:
    """No open file crosses a fork: child and parent open it again and see each other's commits."""
    lease = leased(store)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_child, args=(store, lease, answers))
    child.start()
    assert not is_open(opened[-1])
    assert answers.get(timeout=30) == (True, "child")
    child.join(30)
    assert child.exitcode == 0
    answers.close()
    answers.join_thread()
    assert store.head("k") == "child"
    store.commit(lease, head="parent", ttl=60)


KILLED = """
import sys
from bridge._stores.protocol import Row
from bridge._stores.sqlite import SQLiteCheckpoints
store = SQLiteCheckpoints(sys.argv[1])
lease = store.acquire("k", "dies", 600)
for n in range(10**9):
    rows = [Row(f"id-{i}", "waiting", None, str(n)) for i in range(20)]
    store.commit(lease, head=str(n), rows=rows, ttl=600)
    print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_kill_leaves_whole_commits(path: Path) -> None:
    """After a SIGKILL at any moment the file opens, and holds all that was committed, and whole."""
    for n in (0, 2, 5):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(1 + 7 * n):
                child.stdout.readline()
            child.kill()
            lines = child.stdout.read().split()
        with SQLiteCheckpoints(path, clock=lambda: time.time() + 10_000) as store:
            head = store.head("k")
            assert head is not None
            if lines:
                assert int(head) >= int(lines[-1])
            values = {row.value for row in store.find("k", [f"id-{i}" for i in range(20)])}
            assert values == {head}
            lease = store.acquire("k", "next", 600)
            assert lease is not None
            store.release(lease)


def test_a_forgotten_store_closes_its_file(path: Path, opened: list[sqlite3.Connection]) -> None:
    """A store that nobody closed leaves no open file and no ResourceWarning."""
    store = SQLiteCheckpoints(path)
    leased(store)
    assert is_open(opened[-1])
    del store
    gc.collect()
    assert not is_open(opened[-1])


def test_a_store_that_lives_to_the_end_of_a_program_says_nothing(path: Path) -> None:
    """A program that closes no store ends without a word, and leaves one file."""
    program = (
        "import sys; from bridge import SQLiteCheckpoints\n"
        "store = SQLiteCheckpoints(sys.argv[1]); store.circle = store\n"
        "lease = store.acquire('k', 'o', 60); store.commit(lease, head='h', ttl=60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program, str(path)], capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    assert look(path)[0] == "h"


def test_a_path_through_a_file_is_refused(path: Path) -> None:
    """A file where a directory should be is named with the system's reason."""
    path.write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot be used: Not a directory"):
        SQLiteCheckpoints(path / "state.db").head("k")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_not_opened(path: Path) -> None:
    """A directory or a pipe in the file's place is refused, and nothing waits for its other end."""
    os.mkfifo(path)
    for place in (path, path.parent):
        with pytest.raises(StoreError, match="is not a file"):
            SQLiteCheckpoints(place).head("k")


def test_no_rows_are_asked_for(store: SQLiteCheckpoints) -> None:
    """A limit of nothing gives nothing."""
    lease = leased(store)
    store.commit(lease, rows=[Row("a", "waiting", None, "1")], ttl=60)
    assert list(store.select("k", ["waiting"], due=None, after=None, limit=0)) == []
    assert len(store.select("k", ["waiting"], due=None, after=None, limit=1)) == 1


def test_a_closed_store_opens_again(store: SQLiteCheckpoints) -> None:
    """close() is not the end: the next call opens the file again."""
    lease = leased(store)
    store.close()
    store.close()
    store.commit(lease, head="h", ttl=60)
    assert store.head("k") == "h"


def test_a_superseded_lease_is_told_by_its_own_error(path: Path) -> None:
    """LeaseLostError is a StoreError that can be pickled and retried."""
    now = [1000.0]
    with SQLiteCheckpoints(path, clock=lambda: now[0]) as store:
        old = leased(store)
        now[0] += 601
        leased(store)
        with pytest.raises(LeaseLostError) as caught:
            store.commit(old, head="x", ttl=60)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), LeaseLostError)
    assert caught.value.retryable


def plan(file: sqlite3.Connection, call: Callable[[], object]) -> list[str]:
    """How SQLite looks up what a call asks for."""
    seen: list[str] = []
    file.set_trace_callback(seen.append)
    call()
    file.set_trace_callback(None)
    queries = [text for text in seen if text.startswith("SELECT")]
    assert queries
    return [row[3] for text in queries for row in file.execute(f"EXPLAIN QUERY PLAN {text}")]


def test_no_query_visits_past_deliveries(
    opened: list[sqlite3.Connection], store: SQLiteCheckpoints
) -> None:
    """find() and select() search an index and never scan or sort, however many rows there are."""
    store.commit(leased(store), rows=ROWS, ttl=60)
    steps = plan(opened[-1], lambda: store.find("k", ["id-1", "id-2"]))
    for due in (None, 5.0):
        steps += plan(
            opened[-1],
            lambda due=due: store.select(  # type: ignore[misc]
                "k", ["waiting", "sending"], due=due, after="a", limit=5
            ),
        )
    # The few rows that the query of one state has found are scanned, and no table.
    assert not [step for step in steps if "SCAN bridge_" in step or "TEMP B-TREE" in step]
    assert {step.split()[1] for step in steps if step.startswith("SCAN")} == {"state0", "state1"}
    assert any(
        "bridge_delivery_by_state (connection=? AND state=? AND id>?)" in step for step in steps
    )


def test_a_file_that_is_not_ours_keeps_its_mode(tmp_path: Path) -> None:
    """Named by mistake, somebody else's file is refused and left as it was."""
    path = tmp_path / "theirs.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    path.chmod(0o644)
    with pytest.raises(StoreError, match="not a checkpoint file"):
        SQLiteCheckpoints(path).head("k")
    assert path.stat().st_mode & 0o777 == 0o644


# -- where the file is -----------------------------------------------------------------------------


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of the bridge."""
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelname) == ("bridge", "WARNING")
    ]


def shown(place: Path, monkeypatch: pytest.MonkeyPatch, **other: int) -> None:
    """Let the system tell something else of a file: its owner, its group."""
    real = Path.stat

    def stat_of(path: Path, *args: Any, **kwargs: Any) -> Any:
        seen = real(path, *args, **kwargs)
        if path != place:
            return seen
        names = ("st_mode", "st_uid", "st_gid", "st_dev", "st_ino", "st_size")
        return SimpleNamespace(**{name: getattr(seen, name) for name in names} | other)

    monkeypatch.setattr(Path, "stat", stat_of)


def used(path: Path) -> None:
    """Use a store twice, with the file closed in between."""
    store = SQLiteCheckpoints(path)
    for n in range(2):
        lease = leased(store)
        store.commit(lease, head=str(n), ttl=60)
        store.release(lease)
        store.close()
    assert store.head("k") == "1"
    store.close()


@posix
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702, 0o770])
def test_a_folder_others_may_write_to_is_warned_of_once(
    path: Path, mode: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store works, and one warning names the file and what others may do."""
    path.parent.chmod(mode)
    shown(path.parent, monkeypatch, st_gid=54321)
    used(path)
    (text,) = warned(caplog)
    assert str(path) in text
    assert "may write to the folder" in text


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_others_may_write_to_is_warned_of_once(
    path: Path, mode: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with another mode is used as it is, with one warning."""
    filled(path)
    path.chmod(mode)
    shown(path, monkeypatch, st_gid=54321)
    used(path)
    (text,) = warned(caplog)
    assert "may write to the file" in text
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_file_of_another_user_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of a file or a folder may write to it whatever the mode: one warning for both."""
    filled(path)
    for place in (path, path.parent):
        shown(place, monkeypatch, st_uid=os.geteuid() + 1)
    used(path)
    (text,) = warned(caplog)
    assert "may write to the folder" in text
    assert "may write to the file" in text


@posix
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
def test_the_usual_folders_are_not_warned_of(
    path: Path, mode: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders of the user alone, also with a group of its own that may write (umask 002)."""
    path.parent.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    shown(path.parent, monkeypatch, st_uid=12345, st_gid=12345)
    shown(path, monkeypatch, st_uid=12345, st_gid=12345)
    used(path)
    assert warned(caplog) == []


MOUNTS = """22 27 0:21 / /proc rw,relatime - proc proc rw
31 27 {number} / {place} rw,relatime shared:5 master:1 - {kind} //server/share rw
"""


def mounted(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system say that a folder is on a file system of this kind."""
    seen = folder.stat().st_dev
    text = MOUNTS.format(
        number=f"{os.major(seen)}:{os.minor(seen)}",
        place=str(folder).replace(" ", "\\040"),
        kind=kind,
    )
    read = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda path, *args, **kwargs: (
            text if str(path) == "/proc/self/mountinfo" else read(path, *args, **kwargs)
        ),
    )


@posix
@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "vboxsf", "virtiofs", "fuse.sshfs"])
def test_a_shared_folder_is_warned_of_once(
    path: Path,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[sqlite3.Connection],
) -> None:
    """A network or shared folder works, without a log that needs shared memory, and is named."""
    mounted(kind, path.parent, monkeypatch)
    used(path)
    (text,) = warned(caplog)
    assert f"({kind})" in text
    assert "locks may not hold there: use it from one machine only, or use PostgreSQL" in text
    with SQLiteCheckpoints(path) as store:
        store.commit(leased(store), head="more", ttl=60)
        assert opened[-1].execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert opened[-1].execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA


@posix
def test_a_file_that_another_program_has_open_in_a_shared_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[sqlite3.Connection]
) -> None:
    """A file with a write-ahead log, which a backup tool relies on, keeps it."""
    filled(path)
    mounted("virtiofs", path.parent, monkeypatch)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM bridge_delivery").fetchone()
        with SQLiteCheckpoints(path, timeout=0.0) as store:
            store.commit(leased(store), head="more", ttl=60)
            assert opened[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert opened[-1].execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@posix
@pytest.mark.parametrize("kind", ["ext4", "overlay", "btrfs", "tmpfs", "fuseblk"])
def test_a_local_disk_is_not_warned_of(
    path: Path, kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system of this machine is what the store is for."""
    mounted(kind, path.parent, monkeypatch)
    used(path)
    assert warned(caplog) == []


def test_where_mounts_cannot_be_read_nothing_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Linux lists its file systems in a file."""

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    used(path)
    assert warned(caplog) == []


@posix
@pytest.mark.parametrize("there", [True, False])
def test_links_are_followed(
    path: Path, tmp_path: Path, there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A link to the file, there or not yet, or to its folder leads to one file and one log."""
    folder = tmp_path / "volume"
    folder.mkdir()
    if there:
        filled(folder / "real.db")
    path.symlink_to("volume/real.db")
    (tmp_path / "link").symlink_to(folder)
    store, other = SQLiteCheckpoints(path), SQLiteCheckpoints(tmp_path / "link" / "real.db")
    assert store.path == other.path == folder / "real.db"
    lease = leased(store)
    store.commit(lease, head="through a link", ttl=60)
    assert other.head("k") == "through a link"
    for one in (store, other):
        one.close()
    assert path.is_symlink()
    assert [file.name for file in folder.iterdir()] == ["real.db"]
    assert warned(caplog) == []


@posix
def test_a_path_is_resolved_once(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another working directory nor a link that is set elsewhere moves an open store."""
    filled(tmp_path / "one.db")
    filled(tmp_path / "two.db")
    path.symlink_to("one.db")
    monkeypatch.chdir(tmp_path)
    store = SQLiteCheckpoints(path.name)
    lease = leased(store)
    path.unlink()
    path.symlink_to("two.db")
    monkeypatch.chdir("/")
    store.commit(lease, head="still one", ttl=60)
    store.close()
    assert store.head("k") == "still one"
    store.close()
    assert look(tmp_path / "one.db")[0] == "still one"
    assert look(tmp_path / "two.db")[0] == '{"active":true}'


@posix
def test_links_in_a_circle_are_an_error(path: Path) -> None:
    """What leads nowhere is told with the system's reason."""
    path.symlink_to(path)
    with pytest.raises(StoreError, match="Too many levels"):
        SQLiteCheckpoints(path).head("k")
