"""ConnectionConfig: data in and out, what it refuses, and that no secret gets in."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._errors import ConfigurationError
from banqup_client import ClientCredentials, Environment
from bridge import ConnectionConfig, MemoryCheckpoints, SQLAlchemyCheckpoints, SQLiteCheckpoints
from bridge._process import function_of, functions_of, login_of_this_process, store_of
from support.bridge_world import AsyncWorld, World
from zenvoices_client import UserLogin

SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "7d0c6a52-0c1e-4b8f-9a53-1c1d3b1c9f10"
LEAST: dict[str, Any] = {
    "space_id": SPACE,
    "company_code": "0042",
    "environment": "UAT_EU",
    "checkpoint_file": "exports.db",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's environment, with credentials in it."""
    monkeypatch.setenv("BANQUP_CLIENT_ID", "demo-app")
    monkeypatch.setenv("BANQUP_CLIENT_SECRET", "canary-secret")
    monkeypatch.setenv("ZENVOICES_USER", "api-user")
    monkeypatch.setenv("ZENVOICES_PASSWORD", "canary-password")
    monkeypatch.setenv("ZENVOICES_ORGANISATION_CODE", "acme")


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
_text = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=10)
_seconds = st.floats(0.001, 1e6) | st.integers(1, 10_000)


@given(
    st.fixed_dictionaries(
        {"space_id": st.just(SPACE), "company_code": _text},
        optional={
            "zenvoices_url": st.just("https://books.example"),
            "banqup_contract": st.dictionaries(_text, _json, max_size=2),
            "zenvoices_contract": _text,
            "banqup_operations": st.just({"documents.list": "corrections.banqup:listed"}),
            "zenvoices_operations": st.just({"inbox.upload": "corrections:upload"}),
            "storage_hosts": st.lists(_text, max_size=3),
            "timeout": _seconds,
            "deadline": _seconds,
            "lease_ttl": _seconds,
            "in_flight": st.integers(1, 32),
            "on_uncertain": st.sampled_from(["hold", "resend"]),
        },
    ),
    st.sampled_from(
        [{"environment": item.name} for item in Environment]
        + [{"banqup_url": "https://api.example"}]
    ),
    st.sampled_from([{"checkpoint_file": "a.db"}, {"checkpoint_url_variable": "EXPORTS_URL"}]),
)
def test_what_goes_out_as_json_comes_back_the_same(
    rest: dict[str, Any], where: dict[str, Any], store: dict[str, Any]
) -> None:
    """Through JSON, and through a pickle, a config stays equal and hashable."""
    config = ConnectionConfig.from_dict({**rest, **where, **store})
    again = ConnectionConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(again) == hash(config)


def test_only_what_is_not_default_goes_out() -> None:
    """An older worker understands a newer sender as long as nothing new is used."""
    assert ConnectionConfig.from_dict(LEAST).to_dict() == LEAST


def test_config_cannot_be_changed_afterwards() -> None:
    """No field can be set."""
    config = ConnectionConfig.from_dict(LEAST)
    with pytest.raises(FrozenInstanceError):
        config.company_code = "1"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compny_code": "1"}, "unknown key 'compny_code'. Did you mean 'company_code'?"),
        ({"spaceid": "1"}, "Did you mean 'space_id'?"),
        ({"zzz": 1}, "unknown key 'zzz'. Known are: space_id, company_code"),
        ({"client_secret": "s3cret"}, "Credentials are no part of it"),
        ({"password": "s3cret"}, "Credentials are no part of it"),
        ({"company_code": 42}, "such as '0042', with its leading zeros"),
        ({"company_code": " "}, "company_code must be a text"),
        ({"space_id": "../admin"}, "space_id"),
        ({"environment": "production"}, "environment must be UAT_EU, UAT_FR, CVE, "),
        ({"environment": None}, "give either environment or banqup_url"),
        ({"banqup_url": "https://a.example"}, "give either environment or banqup_url"),
        (
            {"checkpoint_file": None},
            "give either checkpoint_file or checkpoint_url_variable. In a file, what all",
        ),
        (
            {"zenvoices_operations": {"inbox": {"upload": "a:b"}}},
            'Write the name in quotes: "inbox.upload" = ',
        ),
        ({"checkpoint_url_variable": "X"}, "give either checkpoint_file or"),
        (
            {"checkpoint_file": "postgresql://u:s3cret@db/x"},
            "checkpoint_file must be the path of a file, not a URL. A URL may hold a password",
        ),
        (
            {"zenvoices_url": "https://u:s3cret@z.example"},
            "zenvoices_url must be host and path",
        ),
        ({"zenvoices_url": "http://z.example"}, "zenvoices_url must be https; http is allowed on"),
        (
            {"checkpoint_file": None, "checkpoint_url_variable": "postgresql://u:s3cret@db/x"},
            "Write a name such as EXPORTS_DATABASE",
        ),
        (
            {"zenvoices_url": "https://z.example#s3cret"},
            "zenvoices_url must be host and path",
        ),
        ({"zenvoices_url": "https:z@s3cret"}, "zenvoices_url must start with https://"),
        (
            {"zenvoices_url": "https://z.example/?key=s3cret"},
            "zenvoices_url must be host and path",
        ),
        ({"zenvoices_url": "https://[z"}, "zenvoices_url must be host and path"),
        ({"timeout": "30"}, "timeout must be a positive number of seconds, not str"),
        ({"deadline": True}, "deadline must be a positive number of seconds, not True"),
        ({"lease_ttl": float("inf")}, "lease_ttl must be a positive number of seconds"),
        ({"in_flight": 2.0}, "in_flight must be a whole number, not 2.0"),
        ({"on_uncertain": "guess"}, "on_uncertain must be 'hold' or 'resend'"),
        ({"storage_hosts": "a.example"}, "storage_hosts must be a list of host names"),
        ({"banqup_contract": 3}, "banqup_contract must be a table or the path of a JSON file"),
        ({"zenvoices_contract": " "}, "zenvoices_contract must be a table or the path of a JSON"),
        (
            {"zenvoices_operations": 3},
            "zenvoices_operations must be a table of operations",
        ),
        ({"banqup_operations": {"a": 3}}, "banqup_operations must be a table of operations with"),
        ({"banqup_operation": "a:b"}, "Did you mean 'banqup_operations'?"),
    ],
)
def test_wrong_value_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    """The error names the field and what to do, and never repeats a value that may be secret."""
    with pytest.raises(ConfigurationError) as caught:
        ConnectionConfig.from_dict({**LEAST, **change})
    assert message in str(caught.value).replace("bridge: ", "")
    assert "s3cret" not in str(caught.value)


def test_missing_keys_are_all_named() -> None:
    """Whoever forgot two keys is told once."""
    with pytest.raises(ConfigurationError, match="space_id and company_code must be given"):
        ConnectionConfig.from_dict({"environment": "UAT_EU"})


def test_toml_of_pairs_becomes_many(tmp_path: Path) -> None:
    """What stands above the pairs is shared, and a pair may say otherwise."""
    file = tmp_path / "connections.toml"
    file.write_text(
        f"""
        environment = "UAT_EU"
        checkpoint_url_variable = "EXPORTS_DATABASE"

        [zenvoices_contract]
        query = {{}}

        [[connection]]
        space_id = "{SPACE}"
        company_code = "0042"

        [[connection]]
        space_id = "{OTHER}"
        company_code = "0043"
        in_flight = 8
        """
    )
    one, two = ConnectionConfig.from_toml(file)
    assert (one.company_code, one.in_flight) == ("0042", 4)
    assert (two.company_code, two.in_flight) == ("0043", 8)
    assert one.environment is two.environment is Environment.UAT_EU
    assert one.zenvoices_contract == {"query": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("connection = 3", "has no [[connection]] table"),
        ("", "has no [[connection]] table"),
        ("connection = [3]", "has no [[connection]] table"),
        ("a = ", "cannot be read: "),
        (r'checkpoint_file = "C:\Users\x.db"', "in single quotes: checkpoint_file = 'C:\\"),
        ('[[connection]]\ncompany = "1"', "connection 1: unknown key 'company'"),
        (
            '[[connection]]\nspace_id = "s"\ncompany_code = "1"\nzenvoices_contract = ""',
            "connection 1: zenvoices_contract must be a table or the path",
        ),
        ('deadlin = 3\n[[connection]]\nspace_id = "s"', "toml: unknown key 'deadlin'"),
        ("company_code = \u201c0042\u201d", "Write codes and ids in quotes: "),
    ],
)
def test_toml_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file, and the pair by its number."""
    file = tmp_path / "connections.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        ConnectionConfig.from_toml(file)
    assert str(file) in caught.value.message
    assert message in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_toml_as_editors_write_it(tmp_path: Path, encoding: str) -> None:
    """With a byte order mark, and as a shell of Windows redirects a text into a file."""
    text = f'# caf\u00e9\r\n[[connection]]\r\nspace_id = "{SPACE}"\r\n'
    text += 'company_code = "0042"\r\nenvironment = "UAT_EU"\r\ncheckpoint_file = "x.db"\r\n'
    file = tmp_path / "connections.toml"
    if encoding == "utf-16-le-bom":
        file.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    else:
        file.write_bytes(text.encode(encoding))
    (config,) = ConnectionConfig.from_toml(file)
    assert config.company_code == "0042"


@pytest.mark.parametrize("raw", [b"a = '\xe9'", b"\xff\xfe\x00", b"\xfe\xff\xd8\x00", b"\x80"])
def test_toml_in_another_encoding_says_what_to_do(tmp_path: Path, raw: bytes) -> None:
    """A file of Windows-1252, or one that was cut."""
    file = tmp_path / "connections.toml"
    file.write_bytes(raw)
    with pytest.raises(ConfigurationError, match=r"cannot be read: .* Save it as UTF-8"):
        ConnectionConfig.from_toml(file)


def test_missing_toml_is_refused(tmp_path: Path) -> None:
    """A file that is not there is a setting that is wrong."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        ConnectionConfig.from_toml(tmp_path / "none.toml")


def test_space_that_occurs_twice_is_refused() -> None:
    """A space goes to one company, however its id is written."""
    rows = [{"space_id": SPACE}, {"space_id": OTHER}, {"space_id": SPACE.upper()}]
    with pytest.raises(ConfigurationError, match=r"connection 3: .* that of connection 1"):
        ConnectionConfig.many(
            rows, company_code="1", environment="UAT_EU", checkpoint_file="exports.db"
        )


@pytest.mark.usefixtures("environment")
def test_connection_is_opened_with_what_the_config_says(tmp_path: Path) -> None:
    """Address, pair, pace and store come from the config; opening makes no call."""
    config = ConnectionConfig.from_dict(
        {**LEAST, "checkpoint_file": str(tmp_path / "exports.db"), "deadline": 20, "lease_ttl": 40}
    )
    with config.open() as connection:
        assert connection.key == (
            f"{Environment.UAT_EU.value} {SPACE} https://app.zenvoices.com acme 0042"
        )
        assert connection._zenvoices.deadline == 20
        assert connection._lease_ttl == 40
        assert isinstance(connection._store, SQLiteCheckpoints)
        assert not connection.status().active


@pytest.mark.usefixtures("environment")
def test_what_is_handed_in_is_used_and_left_open() -> None:
    """A store of the application's own takes the place of the config's."""
    store = MemoryCheckpoints()
    with ConnectionConfig.from_dict(LEAST).open(checkpoints=store) as connection:
        assert connection._store is store
    assert store.head("any") is None


@pytest.fixture
def corrections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the application's own, with both functions, and one that cannot be imported."""
    (tmp_path / "corrections_of_a_test.py").write_text(
        "number = 3\nnothing_yet = None\n"
        "def listed(asked):\n    return {'documents': [{'id': 'd-1'}], 'last': True}\n"
        "def found(asked):\n    return {'id': 7, 'code': asked.default.method}\n"
    )
    (tmp_path / "broken_in_a_test.py").write_text("1 / 0\n")
    (tmp_path / "cut_in_a_test.py").write_text("def f(\n")
    (tmp_path / "importing_in_a_test.py").write_text("\nimport a_package_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "corrections_of_a_test", raising=False)


FUNCTIONS = {
    "banqup_operations": {"documents.list": "corrections_of_a_test:listed"},
    "zenvoices_operations": {"companies.get": "corrections_of_a_test:found"},
}


@pytest.mark.usefixtures("environment", "corrections")
def test_named_functions_are_called_by_the_clients() -> None:
    """A text in the config is a function in the client, and only of this connection's client."""
    config = ConnectionConfig.from_dict({**LEAST, **FUNCTIONS})
    store = MemoryCheckpoints()
    with (
        config.open(checkpoints=store) as connection,
        ConnectionConfig.from_dict(LEAST).open(checkpoints=store) as plain,
    ):
        assert [one.id for one in connection._banqup.documents.list("s")] == ["d-1"]
        assert connection._zenvoices.companies.get(7).code == "GET"
        assert plain._zenvoices._calls.contract["companies.get"].function is None


@pytest.mark.anyio
@pytest.mark.usefixtures("environment", "corrections")
async def test_named_functions_are_called_by_the_async_clients() -> None:
    """The same for ``async with``."""
    config = ConnectionConfig.from_dict({**LEAST, **FUNCTIONS})
    async with config.open_async(checkpoints=MemoryCheckpoints()) as connection:
        assert [one.id async for one in connection._banqup.documents.list("s")] == ["d-1"]
        assert (await connection._zenvoices.companies.get(7)).code == "GET"


def test_clients_that_are_handed_in_stay_open() -> None:
    """Closing the connection's block closes what it made itself, and nothing else."""
    config = ConnectionConfig.from_dict(LEAST)
    world = World()
    ours = world.connect()
    with config.open(
        banqup=ours._banqup, zenvoices=ours._zenvoices, checkpoints=world.store
    ) as connection:
        assert connection._banqup is ours._banqup
        assert connection._zenvoices is ours._zenvoices
    assert ours.activate().new


@pytest.mark.anyio
async def test_async_clients_that_are_handed_in_stay_open() -> None:
    """The same for ``async with``; no credentials are wanted of the environment."""
    config = ConnectionConfig.from_dict(LEAST)
    world = AsyncWorld()
    ours = world.connect()
    async with config.open_async(
        banqup=ours._banqup, zenvoices=ours._zenvoices, checkpoints=world.store
    ) as connection:
        assert connection._banqup is ours._banqup
        assert connection._zenvoices is ours._zenvoices
    assert (await ours.activate()).new


@pytest.mark.parametrize(
    "given",
    [
        "mapper.py:my_mapper",
        "/srv/exports/mapper.py:my_mapper",
        "../mapper:my_mapper",
        r"C:\exports\mapper.py:my_mapper",
        "mapper.py",
        "my-mapper:my_mapper",
    ],
)
def test_file_in_place_of_a_module_is_told(given: str) -> None:
    """The form of the name, which has no path."""
    with pytest.raises(ConfigurationError, match="--mapper: the import failed") as caught:
        function_of("--mapper", given)
    assert "'package.module:function', without a path and .py" in str(caught.value.hint)


@pytest.mark.parametrize("field", ["banqup_operations", "zenvoices_operations"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_colon", "failed with ModuleNotFoundError: "),
        ("corrections_of_a_test.listed", "failed with ModuleNotFoundError: "),
        ("corrections_of_a_test:listed.__call__", "failed with AttributeError: "),
        ("a.b:c:d", "failed with ModuleNotFoundError: "),
        ("a.b:c()", "failed with ModuleNotFoundError: "),
        (".a:b", "failed with TypeError: "),
        ("json:", "failed with AttributeError: "),
        (
            "no_such_module_at_all.x:f",
            "failed with ModuleNotFoundError: No module named 'no_such_module_at_all'",
        ),
        (
            "broken_in_a_test:f",
            "failed with ZeroDivisionError at broken_in_a_test.<module>, line 1: ",
        ),
        (
            "importing_in_a_test:f",
            (
                "failed with ModuleNotFoundError at importing_in_a_test.<module>, line 2: "
                "No module named 'a_package_that_is_missing'"
            ),
        ),
        ("cut_in_a_test:f", "failed with SyntaxError"),
        (
            "corrections_of_a_test:nothing",
            "AttributeError: module 'corrections_of_a_test' has no attribute 'nothing'",
        ),
    ],
)
@pytest.mark.usefixtures("environment", "corrections")
def test_function_that_cannot_be_had_is_refused_when_opened(
    field: str, name: str, message: str
) -> None:
    """The error names the field and the remedy; making the config itself imports nothing."""
    config = ConnectionConfig.from_dict({**LEAST, field: {"some.call": name}})
    with (
        pytest.raises(ConfigurationError) as caught,
        config.open(checkpoints=MemoryCheckpoints()),
    ):
        pass
    assert caught.value.message.startswith(field)
    assert message in caught.value.message
    assert "'package.module:function'" in str(caught.value.hint)
    assert "PYTHONPATH" in str(caught.value.hint)


def test_wrong_name_of_a_function_is_not_repeated() -> None:
    """It may be a URL with a password that was put into the wrong field."""
    with pytest.raises(ConfigurationError) as caught:
        function_of("--mapper", "postgresql://u:canary@h/d")
    assert "canary" not in str(caught.value)


@pytest.mark.usefixtures("environment", "corrections")
@pytest.mark.parametrize("name", ["number", "nothing_yet"])
def test_what_is_no_function_is_refused_when_opened(name: str) -> None:
    """None would count as "no function of your own"."""
    operations = {"documents.list": f"corrections_of_a_test:{name}"}
    config = ConnectionConfig.from_dict({**LEAST, "banqup_operations": operations})
    with (
        pytest.raises(
            ConfigurationError, match=r"banqup_operations, documents.list must be a function"
        ),
        config.open(checkpoints=MemoryCheckpoints()),
    ):
        pass


def test_table_that_is_missing_gives_no_functions() -> None:
    """The clients then do as they do by themselves."""
    assert functions_of("banqup_operations", None) == {}


@pytest.mark.usefixtures("environment")
def test_login_is_shared_by_all_connections_of_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One object each, and so one token and one refusal, until the environment says otherwise."""
    first = login_of_this_process(UserLogin)
    assert login_of_this_process(UserLogin) is first
    assert login_of_this_process(ClientCredentials).client_id == "demo-app"
    monkeypatch.setenv("ZENVOICES_PASSWORD", "another")
    assert login_of_this_process(UserLogin) is not first


@pytest.mark.usefixtures("environment")
def test_missing_credential_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without its environment says which variable it lacks, again and again."""
    monkeypatch.delenv("ZENVOICES_PASSWORD")
    for _ in range(2):
        with (
            pytest.raises(ConfigurationError, match="ZENVOICES_PASSWORD"),
            ConnectionConfig.from_dict(LEAST).open(),
        ):
            pass


def test_database_url_is_read_from_the_named_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The queue carries the variable's name, the worker's environment the URL."""
    monkeypatch.setenv("EXPORTS_DATABASE", f"sqlite:///{tmp_path / 'exports.db'}")
    store, close = store_of(_with_database())
    assert isinstance(store, SQLAlchemyCheckpoints)
    store.create_tables()
    assert store.head("key") is None
    close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, "variable 'EXPORTS_DATABASE' holds no database URL, or is not set. checkpoint_url"),
        ("", "variable 'EXPORTS_DATABASE' holds no database URL, or is not set. checkpoint_url"),
        ("s3cret", "the environment variable 'EXPORTS_DATABASE' holds no database URL"),
        ("nosuch://u:s3cret@db/x", "the environment variable 'EXPORTS_DATABASE' holds no"),
        ("mssql+pymssql://u:s3cret@db/x", "the database driver 'pymssql' is not installed"),
    ],
)
def test_database_url_that_cannot_be_used_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str | None, message: str
) -> None:
    """The error names the variable, never its value."""
    monkeypatch.delenv("EXPORTS_DATABASE", raising=False)
    if url is not None:
        monkeypatch.setenv("EXPORTS_DATABASE", url)
    with pytest.raises(ConfigurationError) as caught:
        store_of(_with_database())
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def _with_database() -> ConnectionConfig:
    return ConnectionConfig(
        space_id=SPACE,
        company_code="0042",
        environment=Environment.UAT_EU,
        checkpoint_url_variable="EXPORTS_DATABASE",
    )


def test_names_of_an_extra_that_is_missing_say_so_when_used(tmp_path: Path) -> None:
    """Without SQLAlchemy everything else imports, and the store says what to install."""
    (tmp_path / "sqlalchemy.py").write_text("raise ImportError('not here')")
    code = (
        "from bridge import *\n"
        "try:\n    SQLAlchemyCheckpoints(None)\n"
        "except ImportError as error:\n    print(error)\n"
        "from bridge._process import store_of\n"
        f"config = ConnectionConfig.from_dict({_with_database().to_dict()})\n"
        "try:\n    store_of(config)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("pip install 'banqup-zenvoices[sql]'") == 2


def test_rarely_used_names_are_loaded_when_used() -> None:
    """Importing the bridge loads neither SQLAlchemy nor the config's module."""
    code = (
        "import sys, bridge\n"
        "print([n for n in ('sqlalchemy', 'bridge._config', 'bridge._stores.json_hook')"
        " if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
