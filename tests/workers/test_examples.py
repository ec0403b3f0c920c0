"""The programs in ``examples``, run as a reader would run them, against served fakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from banqup_client.testing import Fault
from bridge import ConnectionConfig, LeaseLostError, ServiceError
from bridge._command import main
from bridge._errors import NotActivatedError
from support.estate import CREDENTIALS, Estate
from support.examples import EXAMPLES, load, write_toml

Configs = Sequence[ConnectionConfig]


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Generator[Estate]:
    """Three connections, and the credentials in this process's environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with Estate(3) as made:
        made.publish(1, old=True)
        yield made


@pytest.fixture
def configs(estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configs:
    """The connections, in a database, activated by the command."""
    monkeypatch.setenv("EXPORTS_DATABASE", f"sqlite:///{tmp_path / 'exports.db'}")
    made = estate.configs(checkpoint_url_variable="EXPORTS_DATABASE")
    toml = write_toml(tmp_path / "connections.toml", made)
    monkeypatch.setenv("EXPORTS_CONNECTIONS", str(toml))
    monkeypatch.setenv("EXPORTS_QUEUE", str(tmp_path / "queue"))
    assert main(["activate", "--config", str(toml)]) == 0
    estate.publish(2)
    return made


def run(program: str, toml: Path) -> subprocess.CompletedProcess[str]:
    """A program as a process of its own, warnings and all."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / program), str(toml)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_connections_file_of_the_examples_can_be_read() -> None:
    """The TOML file that the examples ship becomes one config per pair."""
    configs = ConnectionConfig.from_toml(EXAMPLES / "connections.toml")
    assert [config.company_code for config in configs] == ["0042", "0043"]
    assert {config.checkpoint_url_variable for config in configs} == {"EXPORTS_DATABASE"}


@pytest.mark.long
def test_process_pool_moves_everything(estate: Estate, configs: Configs, tmp_path: Path) -> None:
    """Several processes export side by side, and each report comes back."""
    done = run("process_pool.py", tmp_path / "connections.toml")
    assert done.returncode == 0, done.stderr
    assert sorted(line.partition(":")[0] for line in done.stdout.splitlines()) == [
        "0042",
        "0043",
        "0044",
    ]
    assert "2 exported" in done.stdout
    assert estate.faults() == {}


@pytest.mark.long
def test_process_pool_brings_errors_back_with_their_type(
    configs: Configs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Busy is no failure; what is wrong in another process is told by its own message."""
    pool = load("process_pool.py")
    wrong = ConnectionConfig.from_dict({**configs[1].to_dict(), "company_code": "9999"})
    toml = write_toml(tmp_path / "some.toml", [configs[0], wrong])
    with configs[0].open() as connection:
        ledger = connection._session()
        ledger.acquire()
        try:
            done = run("process_pool.py", toml)
        finally:
            ledger.release()
    lines = sorted(done.stdout.splitlines())
    assert lines[0] == "0042: another worker is at it"
    assert lines[1].startswith("9999: zenvoices: ")
    assert done.returncode == 1
    assert callable(pool.export_new)


# Celery


class Task:
    """What a Celery task is asked for, without a broker."""

    def __init__(self, exports: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.retries: list[tuple[Any, float]] = []
        self._task = exports.export_new
        monkeypatch.setattr(self._task, "retry", self._retry)

    def _retry(self, *, exc: Exception, countdown: float) -> Exception:
        self.retries.append((exc, countdown))
        return exc

    def __call__(self, config: ConnectionConfig) -> dict[str, Any]:
        # Through JSON, as the queue does it.
        result = self._task.run(json.loads(json.dumps(config.to_dict())))
        answer: dict[str, Any] = json.loads(json.dumps(result))
        return answer


def test_celery_task_returns_a_report_as_plain_data(
    estate: Estate, configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument and result are JSON; the documents have moved."""
    task = Task(load("celery/exports.py"), monkeypatch)
    assert [task(config)["exported"] for config in configs] == [2, 2, 2]
    assert estate.faults() == {}


def test_celery_task_that_finds_the_connection_busy_succeeds(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Busy is an answer, not a failure, and asks for no retry."""
    task = Task(load("celery/exports.py"), monkeypatch)
    with configs[0].open() as connection:
        ledger = connection._session()
        ledger.acquire()
        answer = task(configs[0])
        ledger.release()
    assert answer["busy"] is True
    assert datetime.fromisoformat(answer["held_until"]).tzinfo is not None
    assert task.retries == []


def test_celery_task_waits_as_long_as_the_service_asks(
    estate: Estate, configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that may pass is tried again when the error says so."""
    exports = load("celery/exports.py")
    task = Task(exports, monkeypatch)
    estate.banqup.faults.add("documents.list", action=Fault.rate_limit(77))
    with pytest.raises(exports.ExportFailedError) as caught:
        task(configs[0])
    (retry,) = task.retries
    assert retry == (caught.value, 77.0)
    assert caught.value.args[0]["kind"] == "rate limited"


def test_celery_task_that_nothing_but_a_person_can_help_is_not_retried(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong company code fails at once, and says what to do about it."""
    exports = load("celery/exports.py")
    task = Task(exports, monkeypatch)
    with pytest.raises(exports.ExportFailedError) as caught:
        task(ConnectionConfig.from_dict({**configs[0].to_dict(), "company_code": "9999"}))
    assert caught.value.args[0]["retryable"] is False
    assert caught.value.args[0]["hint"]
    assert task.retries == []


def test_celery_failure_arrives_with_its_facts_through_json(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result backend gives the caller the example's own exception back, facts and all."""
    exports = load("celery/exports.py")
    monkeypatch.setitem(sys.modules, "exports", exports)
    backend = exports.app.backend
    for error in (
        LeaseLostError(),
        NotActivatedError(),
        ServiceError("no", service="banqup", status=503, retry_after=7.5, request_id="r-1"),
    ):
        stored = json.loads(json.dumps(backend.prepare_exception(exports.described(error))))
        back = backend.exception_to_python(stored)
        assert type(back) is exports.ExportFailedError
        assert back.args[0]["error"] == type(error).__name__
        assert back.args[0]["message"] == error.message
        assert back.args[0]["status"] == error.status
        assert back.args[0]["retryable"] is error.retryable
        assert back.args[0]["retry_after"] == error.retry_after


def test_celery_example_fires_every_connection(
    configs: Configs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message per connection goes to the queue, without a secret in it."""
    exports = load("celery/exports.py")
    exports.fire()
    messages = [path.read_text() for path in (tmp_path / "queue" / "messages").iterdir()]
    assert len(messages) == 3
    for secret in (CREDENTIALS["BANQUP_CLIENT_SECRET"], CREDENTIALS["ZENVOICES_PASSWORD"]):
        assert not any(secret in message for message in messages)


# FastAPI


@pytest.fixture
async def web(configs: Configs) -> Any:
    """A client of the example's service."""
    app = load("fastapi_app.py").create_app()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://exports") as client:
        yield client


@pytest.mark.long
@pytest.mark.anyio
async def test_fastapi_exports_and_tells_the_status(estate: Estate, web: httpx.AsyncClient) -> None:
    """A POST exports one connection and answers with its report; a GET asks the store only."""
    answer = await web.post("/connections/0043/export")
    assert answer.status_code == 200
    assert answer.json()["exported"] == 2
    status = await web.get("/connections/0043")
    assert status.json()["counts"] == {"baseline": 1, "delivered": 2}
    assert (await web.post("/connections/9/export")).status_code == 404


@pytest.mark.long
@pytest.mark.anyio
async def test_fastapi_answers_409_while_another_is_at_it(
    configs: Configs, web: httpx.AsyncClient
) -> None:
    """Busy is a conflict that solves itself."""
    with configs[0].open() as connection:
        ledger = connection._session()
        ledger.acquire()
        answer = await web.post("/connections/0042/export")
        ledger.release()
    assert answer.status_code == 409
    assert answer.json()["busy"] is True


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("operation", "status", "code", "wait"),
    [("documents.list", 429, 503, "30"), ("companies.list", 403, 502, None)],
)
async def test_fastapi_says_whether_to_ask_again(
    estate: Estate,
    web: httpx.AsyncClient,
    operation: str,
    status: int,
    code: int,
    wait: str | None,
) -> None:
    """503 with Retry-After where the same request may do later, 502 where a person must look."""
    fake = estate.banqup if operation == "documents.list" else estate.zenvoices
    fake.faults.add(operation, action=Fault.status(status))
    answer = await web.post("/connections/0044/export")
    assert answer.status_code == code
    assert answer.headers.get("Retry-After") == wait
    assert answer.json()["message"]
