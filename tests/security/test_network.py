"""The network: TLS has no off switch, and nothing leaves for a host that was not chosen."""

import ast
import inspect
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

import banqup_client
import bridge
import zenvoices_client
from _client_kit._tls import _ssl_context, shared_ssl_context
from banqup_client import BanqupClient, ClientCredentials, ConfigurationError, ProtocolError
from zenvoices_client import RetryPolicy, UserLogin, ZenvoicesClient

SOURCE = Path(banqup_client.__file__).parents[1]
SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ONCE = RetryPolicy(attempts=1)


def modules() -> list[Path]:
    """Every module that is shipped."""
    found = sorted(SOURCE.glob("*/**/*.py"))
    assert len(found) > 100
    return found


def test_no_switch_turns_tls_off() -> None:
    """No public callable has a parameter to verify less; an SSLContext is all there is."""
    looked = 0
    for package in (banqup_client, zenvoices_client, bridge):
        for name in package.__all__:
            value = getattr(package, name)
            if not inspect.isclass(value) or issubclass(value, BaseException):
                continue
            names = set(inspect.signature(value.__init__).parameters)
            assert not names & {"verify", "insecure", "verify_ssl", "trust_env", "cert"}, name
            looked += "ssl_context" in names
    assert looked == 4  # the four clients


def test_the_shared_context_verifies() -> None:
    """What all clients share checks certificate and host name, from TLS 1.2 on."""
    context = shared_ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("built", "shared"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
)
def test_the_minimum_is_ours_whatever_python_built_the_context(
    built: ssl.TLSVersion, shared: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build of Python that sets no minimum gets TLS 1.2; a stricter one is left as it is."""
    context = httpx.create_ssl_context()
    context.minimum_version = built
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: context)
    assert _ssl_context.__wrapped__().minimum_version is shared


def dangers(tree: ast.AST) -> list[str]:
    """What a module of ours must not do."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            whole = (*names, *(f"{module}.{name}" for name in names))
            found += [
                f"line {node.lineno}: imports {name}"
                for name in whole
                if any(f"{name}.".startswith(f"{never}.") for never in NEVER)
            ]
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                constant = isinstance(keyword.value, ast.Constant) and keyword.value.value
                if keyword.arg == "verify" and isinstance(keyword.value, ast.Constant):
                    found.append(f"line {node.lineno}: verify={constant!r}")
                if keyword.arg == "follow_redirects" and constant is not False:
                    found.append(f"line {node.lineno}: follows redirects")
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.append(f"line {node.lineno}: {node.func.id}")
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                called = f"{node.func.value.id}.{node.func.attr}"
                if called in ("yaml.load", "yaml.unsafe_load", "ssl._create_unverified_context"):
                    found.append(f"line {node.lineno}: {called}")
    return found


# Archives and foreign object formats are never opened; XML is read by expat, with its caps, alone.
NEVER = frozenset(
    ["pickle", "marshal", "shelve", "dill", "zipfile", "tarfile", "shutil.unpack_archive", "lxml",
     "xml.etree", "xml.dom", "xml.sax", "saxonche", "subprocess", "os.system", "os.popen"]
)  # fmt: skip


EXCEPTIONS = {
    ("openapi_file.py", "yaml.load"),  # with a BaseLoader, which makes texts only
    ("sample.py", "imports xml.sax.saxutils.escape"),  # writes, reads nothing
}


def test_no_module_opens_what_a_stranger_packed() -> None:
    """No archive, pickle, eval or unsafe YAML, no other XML reader, no unverified TLS."""
    found = {
        (path.name, danger.partition(": ")[2])
        for path in modules()
        for danger in dangers(ast.parse(path.read_text()))
    }
    assert found == EXCEPTIONS


@pytest.mark.parametrize(
    "code",
    [
        "import zipfile",
        "from pickle import loads",
        "import xml.etree.ElementTree as ET",
        "from xml.etree import ElementTree",
        "httpx.Client(verify=False)",
        "client.get(url, follow_redirects=True)",
        "eval(text)",
        "yaml.load(text)",
    ],
)
def test_a_dangerous_module_is_found(code: str) -> None:
    """The check sees each thing it looks for."""
    assert dangers(ast.parse(code))


def redirected(to: str, seen: list[httpx.Request]) -> httpx.MockTransport:
    """A service that sends everybody elsewhere once they are logged in."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            body: dict[str, Any] = {"access_token": "t-of-redirect-1", "expires_in": 300}
            body["result"] = {"accessToken": "t-of-redirect-1"}
            return httpx.Response(200, json=body)
        return httpx.Response(307, headers={"Location": to})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "/same/host", "file:///etc/passwd"])
def test_a_redirect_is_an_error_for_both_clients(to: str) -> None:
    """Neither client goes where a redirect points, not even with an injected client that would."""
    seen: list[httpx.Request] = []
    app = ClientCredentials("app", "redirect-secret-1")
    injected = httpx.Client(transport=redirected(to, seen), follow_redirects=True)
    banqup = BanqupClient(app, base_url="https://b.example", http_client=injected, retry=ONCE)
    with pytest.raises(ProtocolError):
        banqup.documents.get(SPACE, SPACE)
    assert {request.url.host for request in seen} == {"b.example"}
    assert len(seen) == 2
    injected.close()
    seen.clear()
    user = UserLogin("user", "redirect-password-1", organisation_code="acme")
    zenvoices = ZenvoicesClient(
        user, base_url="https://z.example", transport=redirected(to, seen), retry=ONCE
    )
    with pytest.raises(ProtocolError):
        zenvoices.inbox.details(7)
    assert {request.url.host for request in seen} == {"z.example"}
    assert len(seen) == 2


@pytest.mark.parametrize(
    "token", ["https://evil.example/next", "//evil.example/", "..%2f..", "a&page=9#x", "\r\nX: y"]
)
def test_a_next_page_is_never_an_address(token: str) -> None:
    """Whatever names the next page goes back as one query value, to the same host and path."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            return httpx.Response(200, json={"access_token": "t-of-pages-1", "expires_in": 300})
        more = {"next": token} if len(seen) == 2 else {}
        return httpx.Response(200, json={"documents": [{"id": f"d{len(seen)}"}], **more})

    app = ClientCredentials("app", "pages-secret-1")
    client = BanqupClient(
        app, base_url="https://b.example", transport=httpx.MockTransport(answer), retry=ONCE
    )
    assert len(list(client.documents.list(SPACE))) == 2
    first, second = seen[1:3]
    assert (second.url.host, second.url.path) == (first.url.host, first.url.path)
    assert token in second.url.params.values()
    assert second.headers.keys() == first.headers.keys()


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "caf\u00e9", "a\u2028b"])
def test_header_injection_is_refused_at_construction(bad: str) -> None:
    """What would end up in a header is refused when the client is made, not in mid-run."""
    app = ClientCredentials("app", "header-secret-1")
    with pytest.raises(ConfigurationError, match="user_agent"):
        BanqupClient(app, base_url="https://b.example", user_agent=bad)
    user = UserLogin("user", "header-password-1", organisation_code="acme")
    with pytest.raises(ConfigurationError, match="user_agent"):
        ZenvoicesClient(user, base_url="https://z.example", user_agent=bad)
