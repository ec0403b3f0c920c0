"""Resolving a company code."""

from __future__ import annotations

import pytest

from support.zenvoices import Pages, answering, login
from zenvoices_client import (
    AsyncZenvoicesClient,
    ConfigurationError,
    ProtocolError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio


def client_of(fake: FakeZenvoices) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=fake.transport())


@pytest.mark.parametrize(
    ("code", "found"), [("0042", "0042"), (" 0042 ", "0042"), ("abc", "abc"), ("xyZ", "XYZ")]
)
async def test_code_is_compared_trimmed_exactly_then_ignoring_case(code: str, found: str) -> None:
    """An exact match wins over one that differs in case; without one, case does not matter."""
    fake = FakeZenvoices()
    for known in ("42", "0042", "ABC", "abc", "XYZ"):
        fake.add_company(known)
    company = await client_of(fake).companies.resolve(code)
    assert company.code == found


async def test_code_with_blanks_in_zenvoices_matches() -> None:
    """Blanks around the service's own code do not count either."""
    fake = FakeZenvoices()
    fake.add_company(" 0042 ")
    assert (await client_of(fake).companies.resolve("0042")).id == 101


async def test_unknown_code_names_those_that_are_visible() -> None:
    """A wrong code is a configuration error that shows the right ones."""
    fake = FakeZenvoices()
    fake.add_company("0042")
    fake.add_company("HIDDEN", visible=False)
    with pytest.raises(ConfigurationError, match=r"no company with the code '42'") as caught:
        await client_of(fake).companies.resolve("42")
    assert "see: '0042'" in str(caught.value)
    assert "HIDDEN" not in str(caught.value)
    assert "Manage > Organisation > Companies" in str(caught.value)


async def test_ambiguous_code_is_refused() -> None:
    """Two codes that differ in case only, and neither exact, are not guessed between."""
    fake = FakeZenvoices()
    fake.add_company("ABC")
    fake.add_company("abc")
    with pytest.raises(ConfigurationError, match=r"2 companies .* see: 'abc', 'ABC'"):
        await client_of(fake).companies.resolve("Abc")


async def test_company_seen_on_two_pages_is_one() -> None:
    """A list that shifts while it is read does not make a code ambiguous."""
    row = {"id": 7, "code": "0042"}
    pages = Pages({"items": [row], "totalCount": 2}, {"items": [row, {"id": 8, "code": "1"}]})
    client = AsyncZenvoicesClient(login(), transport=answering(pages))
    assert (await client.companies.resolve("0042")).id == 7


@pytest.mark.parametrize(
    ("codes", "said"),
    [(["", "7"], "its code is '7'."), (["7", "7"], "its code is '7'."), ([""], "")],
)
async def test_name_in_place_of_the_code_is_told_its_code(codes: list[str], said: str) -> None:
    """Each code once, and none where the company has none."""
    fake = FakeZenvoices()
    for code in codes:
        fake.add_company(code, "ACME")
    with pytest.raises(ConfigurationError, match="no company with the code 'acme'") as caught:
        await client_of(fake).companies.resolve("acme")
    assert ("its code is" in str(caught.value)) == bool(said)
    assert said in str(caught.value)


async def test_no_company_at_all_says_so() -> None:
    """A user without rights on any company sees none."""
    with pytest.raises(ConfigurationError, match="this user can see: none"):
        await client_of(FakeZenvoices()).companies.resolve("0042")


async def test_many_codes_are_cut() -> None:
    """A message lists fifty codes and says how many more there are."""
    fake = FakeZenvoices()
    for number in range(53):
        fake.add_company(f"C{number:02}")
    with pytest.raises(ConfigurationError, match=r"'C[0-9]{2}' and 3 more"):
        await client_of(fake).companies.resolve("0042")


@pytest.mark.parametrize("code", [42, None, "", "  "])
async def test_code_that_is_no_text_is_refused(code: str) -> None:
    """A number has lost its leading zeros, so it is not taken for a code."""
    with pytest.raises(ConfigurationError, match="leading zeros"):
        await client_of(FakeZenvoices()).companies.resolve(code)


async def test_company_without_a_number_is_not_understood() -> None:
    """Without the number nothing can be uploaded: the contract must be wrong."""
    body = {"items": [{"code": "0042", "administrationId": 3}]}
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    with pytest.raises(ProtocolError, match="contract="):
        await client.companies.resolve("0042")


async def test_deadline_is_for_all_pages_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends does not outlive the caller's deadline."""
    now = [0.0]
    monkeypatch.setattr("_client_kit._clock.monotonic", lambda: now[0])
    fake = FakeZenvoices()
    for number in range(600):
        fake.add_company(str(number))
    fake.on_request = lambda request: now.__setitem__(0, now[0] + 4.0)
    with pytest.raises(UnavailableError):
        await client_of(fake).companies.resolve("599", deadline=10.0)
    assert fake.counts["companies.list"] == 2
