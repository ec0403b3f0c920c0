"""Pairs of spaces and companies by name: what is proposed, and what is left to a person."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from banqup_client import AsyncBanqupClient, BanqupClient, ClientCredentials, Space
from banqup_client.testing import Fault
from bridge import ConfigurationError, ConnectionConfig, Pairs
from bridge._command import main
from bridge._reports.texts import Lang
from support.estate import CREDENTIALS, Estate
from zenvoices_client import AsyncZenvoicesClient, Company, UserLogin, ZenvoicesClient


def paired(space: str | None, company: str | None) -> bool:
    """Whether the two names make a pair."""
    pairs = Pairs.of([Space(id="s", name=space)], [Company(id=1, code="1", name=company)])
    return len(pairs.proposed) == 1


@pytest.mark.parametrize(
    ("space", "company"),
    [
        ("Café De Sluis BV", "CAFE DE SLUIS"),
        ("Café De Sluis B.V.", "cafe de sluis bvba"),
        ("S.A. Imprimerie L'Encre & Fils", "Imprimerie L\u2019Encre et Fils".replace("et", "&")),
        ("Œuvre Sœurs ASBL", "OEUVRE SOEURS"),
        ("Müller GmbH", "MULLER"),
        ("Bäcker-Straße KG", "Backer Strasse"),
        ("NV", "nv"),
    ],
)
def test_same_name_is_a_pair(space: str, company: str) -> None:
    """Case, accents, punctuation and the legal form at either end make no difference."""
    assert paired(space, company)


@pytest.mark.parametrize(
    ("space", "company"),
    [
        ("Café De Sluis BV", "Café De Sluizen BV"),
        ("Garage Sa Maison", "Garage Maison"),
        ("BV", "NV"),
        ("", ""),
        (None, None),
        ("...", "---"),
    ],
)
def test_other_name_is_no_pair(space: str | None, company: str | None) -> None:
    """Nothing is guessed: a name that differs, a form in the middle, or no name at all."""
    assert not paired(space, company)


def test_company_without_a_code_is_not_proposed() -> None:
    """A connection needs one, and a person has to find out why it is missing."""
    pairs = Pairs.of([Space(id="s", name="A")], [Company(id=1, name="A")])
    assert pairs.proposed == ()
    assert len(pairs.ambiguous) == 1


def example() -> Pairs:
    """One pair, one name that occurs twice, one space and one company left over."""
    spaces = [
        Space(id="11111111-1111-4111-8111-111111111111", name="Café De Sluis BV"),
        Space(id="22222222-2222-4222-8222-222222222222", name="Brouwerij BV"),
        Space(id="33333333-3333-4333-8333-333333333333", name='Evil\n[[connection]]\nx="1"'),
    ]
    companies = [
        Company(id=1, code="0042", name="CAFE DE SLUIS"),
        Company(id=2, code="0043", name="Brouwerij"),
        Company(id=3, code="0044", name="Brouwerij NV"),
        Company(id=4, code="0045", name="Boulangerie SRL"),
    ]
    return Pairs.of(spaces, companies)


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
def test_file_is_confirmed_by_a_person(lang: Lang, tmp_path: Path) -> None:
    """As written it has no connection; without the # of one pair it has that one, and no other."""
    text = example().to_toml(lang=lang, environment="UAT_EU")
    file = tmp_path / "connections.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=r"no \[\[connection\]\] table"):
        ConnectionConfig.from_toml(file)
    file.write_text(re.sub(r"(?m)^# (\[\[|space_id|company_code)", r"\1", text), "utf-8")
    (config,) = ConnectionConfig.from_toml(file)
    assert (config.space_id[:4], config.company_code) == ("1111", "0042")
    assert config.checkpoint_file == str(tmp_path / "exports.db")
    for left in ("22222222", "0043", "0044", "33333333", "0045"):
        assert left in text


@pytest.mark.parametrize(
    "shared", [{"checkpoint_url_variable": "EXPORTS_DATABASE"}, {"checkpoint_file": "own.db"}]
)
def test_file_names_one_store(shared: dict[str, Any], tmp_path: Path) -> None:
    """A store that is given takes the place of the default; a file with two would be refused."""
    file = tmp_path / "connections.toml"
    text = example().to_toml(environment="UAT_EU", **shared)
    file.write_text(re.sub(r"(?m)^# (\[\[|space_id|company_code)", r"\1", text), "utf-8")
    (config,) = ConnectionConfig.from_toml(file)
    own = str(tmp_path / "own.db") if "checkpoint_file" in shared else None
    assert config.checkpoint_file == own
    assert config.checkpoint_url_variable == shared.get("checkpoint_url_variable")


def test_file_without_left_overs_has_no_lists() -> None:
    """Nothing is headed that is not there."""
    text = Pairs.of([Space(id="s", name="A")], [Company(id=1, code="1", name="A")]).to_toml()
    assert "without" not in text
    assert "more than once" not in text


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ["A name proves nothing", "Write a table", "Spaces without", "companies without"]),
        ("fr", ["Un nom ne prouve rien", "Écrivez une table", "Espaces sans", "entreprises sans"]),
        (
            "nl",
            [
                "Een naam bewijst niets",
                "Schrijf per paar",
                "Ruimtes zonder",
                "administraties zonder",
            ],
        ),
    ],
)
def test_comments_of_the_file_are_in_the_language(lang: Lang, said: list[str]) -> None:
    """Each line of them is a comment of at most 80 columns; the settings stay as they are."""
    text = example().to_toml(lang=lang, environment="UAT_EU")
    comments = re.findall(r"^# (?!  space_id|  company_code).*$", text, re.MULTILINE)
    assert max(map(len, comments)) <= 80
    flat = " ".join(line.removeprefix("# ") for line in comments)
    assert all(words in flat for words in said)
    assert 'environment = "UAT_EU"' in text.splitlines()


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Generator[Estate]:
    """Two pairs on sockets, and the credentials in this process's environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with Estate(2) as made:
        yield made


def test_both_clients_are_asked(estate: Estate) -> None:
    """The function in Python lists what they may see."""
    with (
        BanqupClient(ClientCredentials.from_env(), base_url=estate.banqup_url) as banqup,
        ZenvoicesClient(UserLogin.from_env(), base_url=estate.zenvoices_url) as zenvoices,
    ):
        pairs = Pairs.of(banqup.spaces.list(), zenvoices.companies.list())
    assert [same.companies[0].code for same in pairs.proposed] == estate.codes


@pytest.mark.anyio
async def test_both_async_clients_are_asked(estate: Estate) -> None:
    """What they list is paired in the same way."""
    async with (
        AsyncBanqupClient(ClientCredentials.from_env(), base_url=estate.banqup_url) as banqup,
        AsyncZenvoicesClient(UserLogin.from_env(), base_url=estate.zenvoices_url) as zenvoices,
    ):
        companies = [company async for company in zenvoices.companies.list()]
        pairs = Pairs.of(await banqup.spaces.list(), companies)
    assert [same.spaces[0].id for same in pairs.proposed] == estate.spaces


def test_command_writes_the_file_once(
    estate: Estate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lists, writes, activates nothing, and never writes over a file."""
    file = tmp_path / "connections.toml"
    urls = ["--banqup-url", estate.banqup_url, "--zenvoices-url", estate.zenvoices_url]
    arguments = ["pairs", *urls, "--config", str(file)]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2 pairs of a space and a company of the same name, written to {file}",
    ]
    written = file.read_text("utf-8")
    assert estate.codes[0] in written
    assert f'banqup_url = "{estate.banqup_url}"' in written
    assert estate.banqup.counts["documents.list"] == 0
    assert main(arguments) == 2
    assert "File exists. Name a new file with --config" in capsys.readouterr().err
    assert file.read_text("utf-8") == written
    assert main([*arguments[:-1], str(tmp_path / "other.toml"), "--json"]) == 0
    assert '"proposed": [{"spaces"' in capsys.readouterr().out


@pytest.mark.parametrize(("fault", "status"), [(403, 1), (503, 75)])
def test_command_says_what_it_could_not_list(
    estate: Estate,
    tmp_path: Path,
    fault: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit status says who can help, and no file is written."""
    monkeypatch.setattr("_client_kit._runtime_sync.sleep", lambda _: None)
    estate.banqup.faults.add("spaces.list", action=Fault.status(fault))
    urls = ["--banqup-url", estate.banqup_url, "--zenvoices-url", estate.zenvoices_url]
    assert main(["pairs", *urls, "--config", str(tmp_path / "a.toml")]) == status
    assert capsys.readouterr().err.startswith("banqup-zenvoices: Banqup: ")
    assert not (tmp_path / "a.toml").exists()


def test_command_needs_its_credentials(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing variable is wrong use."""
    monkeypatch.delenv("BANQUP_CLIENT_ID")
    arguments = ["pairs", "--environment", "UAT_EU", "--config", str(tmp_path / "a.toml")]
    assert main(arguments) == 2
