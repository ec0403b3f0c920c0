"""The operations of a vendor's OpenAPI file: version 2.0, 3.0 or 3.1, as JSON or YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from _client_kit._json import MAX_DEPTH, JsonError, is_list, is_object, loads
from _contract_check.openapi_schema import Node, Schema, VendorFileError, is_true, text

__all__ = ["VendorFile", "VendorOperation", "load", "read_openapi"]

MAX_BYTES = 16 * 1024 * 1024
MAX_PATH = 2_000
_METHODS = ("get", "post", "put", "patch", "delete")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_OUR_HEADERS = ("authorization", "accept", "content-type", "user-agent")
_NO_YAML = "it is not JSON; to read YAML, install the extra: pip install 'banqup-zenvoices[yaml]'"


@frozen(eq=False)
class VendorOperation:
    """One operation of the file.

    Attributes:
        path: With the path of its server in front.
        name: Its ``operationId``, else empty.
        query: The query parameters.
        required: Those that must be sent.
        headers: Headers of its own that must be sent.
        body: The schema of the body; None where there is none.
        media: The media type the body's schema was taken from.
        answer: The schema of a successful answer; None where the file shows none.
        answer_media: The media type of a successful answer.
    """

    method: str
    path: str
    name: str = ""
    query: Mapping[str, Schema] = field(factory=dict[str, Schema], repr=False)
    required: frozenset[str] = frozenset()
    headers: tuple[str, ...] = ()
    body: Schema | None = field(default=None, repr=False)
    media: str = ""
    answer: Schema | None = field(default=None, repr=False)
    answer_media: str = ""


@frozen(eq=False)
class VendorFile:
    """An OpenAPI file."""

    title: str
    version: str
    operations: tuple[VendorOperation, ...]


def load(path: Path) -> Any:
    """Return the decoded JSON or YAML of a file.

    Raises:
        VendorFileError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
        message = f"it cannot be read: {reason}"
        raise VendorFileError(message) from None
    if len(body) > MAX_BYTES:
        message = f"it is larger than {MAX_BYTES // 1024 // 1024} MB"
        raise VendorFileError(message)
    try:
        return loads(body)
    except JsonError as error:
        if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
            message = f"it cannot be read: {error}"
            raise VendorFileError(message) from None
    return _yaml(body)


def _yaml(body: bytes) -> Any:
    """Return YAML with every scalar as text, so that ``no`` stays a name and ``200`` a status."""
    try:
        import yaml
    except ImportError:
        raise VendorFileError(_NO_YAML) from None
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    depth = 0
    try:
        # The composer recurses in C, where deep nesting ends the process; the parser does not.
        for event in yaml.parse(body, Loader=loader):
            depth += isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent))
            depth -= isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent))
            if depth > MAX_DEPTH:
                message = f"it cannot be read: nested deeper than {MAX_DEPTH}"
                raise VendorFileError(message)
        return yaml.load(body, Loader=loader)  # noqa: S506 - a BaseLoader makes texts only
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, VendorFileError):
            raise
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        message = f"it is neither JSON nor YAML{where}"
        raise VendorFileError(message) from None


def read_openapi(root: Any) -> VendorFile:
    """Return the operations of a decoded OpenAPI file.

    Raises:
        VendorFileError: It is not an OpenAPI file, or a part that is read is broken.
    """
    if not is_object(root):
        message = "it is not an OpenAPI file: an object was expected at its root"
        raise VendorFileError(message)
    version = text(root.get("openapi", root.get("swagger")))
    if not version.startswith(("2.", "3.0", "3.1")):
        shown = f"version {version[:20]!r}" if version else "no 'openapi' or 'swagger' version"
        message = f"it is not an OpenAPI file of version 2.0, 3.0 or 3.1: it names {shown}"
        raise VendorFileError(message)
    paths = root.get("paths")
    if not is_object(paths) or not paths:
        message = "the OpenAPI file describes no paths"
        raise VendorFileError(message)
    reader = _Reader(Node(root))
    operations: list[VendorOperation] = []
    for path, raw in paths.items():
        if path.startswith("/"):
            operations += reader.operations(text(path), raw)
    info = root.get("info")
    title = text(info.get("title")) if is_object(info) else ""
    return VendorFile(title[:100], version[:20], tuple(operations))


class _Reader:
    def __init__(self, node: Node) -> None:
        self._node = node
        base_path = "/" + text(node.root.get("basePath")).strip("/")
        self._prefix = self._server_path(node.root) or base_path

    def operations(self, path: str, raw: Any) -> list[VendorOperation]:
        item = self._node.follow(raw)
        if not is_object(item):
            message = f"the path {path[:100]!r} is not an object"
            raise VendorFileError(message)
        return [
            self._operation(method, path, item, item[method])
            for method in _METHODS
            if is_object(item.get(method))
        ]

    def _operation(
        self, method: str, path: str, item: dict[str, Any], raw: dict[str, Any]
    ) -> VendorOperation:
        prefix = self._server_path(raw) or self._server_path(item) or self._prefix
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for level in (item, raw):
            for parameter in map(self._node.follow, _list(level.get("parameters"))):
                if is_object(parameter):
                    place, name = text(parameter.get("in")), text(parameter.get("name"))
                    parameters[place, name] = parameter
        must = {key for key, parameter in parameters.items() if is_true(parameter.get("required"))}
        media, body = self._body(raw, parameters)
        answer_media, answer = self._answer(raw)
        return VendorOperation(
            method=method.upper(),
            path=(prefix.rstrip("/") + path)[:MAX_PATH],
            name=text(raw.get("operationId"))[:100],
            query={
                name: self._node.schema(parameter.get("schema", _inline(parameter)))
                for (place, name), parameter in parameters.items()
                if place == "query"
            },
            required=frozenset(name for place, name in must if place == "query"),
            headers=tuple(
                name
                for place, name in parameters
                if (place, name) in must and place == "header" and name.lower() not in _OUR_HEADERS
            ),
            body=body,
            media=media,
            answer=answer,
            answer_media=answer_media,
        )

    def _server_path(self, level: Mapping[str, Any]) -> str | None:
        """Return the path of the first server; None where there is none."""
        servers = level.get("servers")
        if not is_list(servers) or not servers or not is_object(servers[0]):
            return None
        named = servers[0].get("variables")
        variables: dict[str, Any] = named if is_object(named) else {}

        def filled(match: re.Match[str]) -> str:
            variable = variables.get(match[1])
            return text(variable.get("default")) if is_object(variable) else match[0]

        url = _VARIABLE.sub(filled, text(servers[0].get("url")))
        try:
            return "/" + urlsplit(url).path.strip("/")
        except ValueError:
            message = f"the server {url[:100]!r} is not a URL"
            raise VendorFileError(message) from None

    def _body(
        self, raw: dict[str, Any], parameters: Mapping[tuple[str, str], dict[str, Any]]
    ) -> tuple[str, Schema | None]:
        """Return media type and schema of the body, JSON where the file offers it."""
        offered = self._node.follow(raw.get("requestBody"))
        if is_object(offered):
            return self._content(offered.get("content"))
        form: dict[str, Any] = {}
        for (place, name), parameter in parameters.items():
            if place == "body":
                consumes = raw.get("consumes", self._node.root.get("consumes"))
                types = [text(kind) for kind in _list(consumes)] or ["application/json"]
                media = next(filter(_is_json, types), types[0])
                return media, self._node.schema(parameter.get("schema"))
            if place == "formData":
                form[name] = parameter
        if not form:
            return "", None
        upload = any(parameter.get("type") == "file" for parameter in form.values())
        names = [name for name, parameter in form.items() if is_true(parameter.get("required"))]
        members = {name: _inline(parameter) for name, parameter in form.items()}
        schema = {"type": "object", "properties": members, "required": names}
        media = "multipart/form-data" if upload else "application/x-www-form-urlencoded"
        return media, self._node.schema(schema)

    def _answer(self, raw: dict[str, Any]) -> tuple[str, Schema | None]:
        """Return media type and schema of the first successful answer that has one."""
        written = raw.get("responses")
        answers: dict[str, Any] = written if is_object(written) else {}
        seen = ""
        for status in sorted(filter(_good, answers)):
            answer = self._node.follow(answers[status])
            if not is_object(answer):
                continue
            if "schema" in answer:
                return "application/json", self._node.schema(answer["schema"])
            media, schema = self._content(answer.get("content"))
            seen = seen or media
            if schema is not None and _is_json(media):
                return media, schema
        return seen, None

    def _content(self, content: Any) -> tuple[str, Schema | None]:
        offered: dict[str, Any] = content if is_object(content) else {}
        media = next(filter(_is_json, offered), next(iter(offered), ""))
        described = offered.get(media)
        if not is_object(described) or "schema" not in described:
            return text(media), None
        return text(media), self._node.schema(described["schema"])


def _list(value: Any) -> list[Any]:
    return value if is_list(value) else []


def _inline(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a parameter of version 2.0 is."""
    kept = ("type", "format", "enum", "items")
    schema: dict[str, Any] = {name: parameter[name] for name in kept if name in parameter}
    if schema.get("type") == "file":
        schema |= {"type": "string", "format": "binary"}
    return schema


def _good(status: str) -> bool:
    return status.upper() in ("2XX", "200", "201", "202", "203")


def _is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json", "*/*") or kind.endswith("+json")
