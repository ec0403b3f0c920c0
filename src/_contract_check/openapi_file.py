"""The operations in a vendor's OpenAPI file, of version 2.0, 3.0 or 3.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from _client_kit._json import is_list, is_object
from _contract_check.openapi_schema import CHARACTERS, Node, Schema, VendorFileError, is_true, text

__all__ = ["VendorFile", "VendorOperation", "read_openapi"]

_METHODS = ("get", "post", "put", "patch", "delete")
MAX_PATHS = 20_000
MAX_PATH = 2_000
MAX_PATH_TEXT = 2_000_000
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_OUR_HEADERS = ("authorization", "accept", "content-type", "user-agent")


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


@frozen(eq=False)
class VendorFile:
    """An OpenAPI file."""

    title: str
    version: str
    operations: tuple[VendorOperation, ...]


def read_openapi(root: Any) -> VendorFile:
    """The operations of a decoded OpenAPI file.

    Raises:
        VendorFileError: It is none, or is broken where we have to read it.
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
    if len(paths) > MAX_PATHS or sum(len(item.path) for item in operations) > MAX_PATH_TEXT:
        message = "its paths are more, or longer together, than can be compared"
        raise VendorFileError(message)
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
        path = prefix.rstrip("/") + path
        if len(path) > MAX_PATH:
            message = f"a path is longer than {MAX_PATH:,} characters"
            raise VendorFileError(message)
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for level in (item, raw):
            for parameter in map(self._node.follow, self._list(level.get("parameters"))):
                if is_object(parameter):
                    name = self._node.text(parameter.get("name"))
                    parameters[self._node.text(parameter.get("in")), name] = parameter
        query: dict[str, Schema] = {}
        required: set[str] = set()
        headers: list[str] = []
        for (place, name), parameter in parameters.items():
            must = is_true(parameter.get("required"))
            if place == "query":
                query[name] = self._node.schema(
                    parameter["schema"] if "schema" in parameter else self._inline(parameter)
                )
                required |= {name} if must else set()
            elif place == "header" and must and name.lower() not in _OUR_HEADERS:
                headers.append(name)
        media, body = self._body(raw, parameters)
        return VendorOperation(
            method=method.upper(),
            path=path,
            name=self._node.text(raw.get("operationId"))[:100],
            query=query,
            required=frozenset(required),
            headers=tuple(headers),
            body=body,
            media=media,
            answer=self._answer(raw),
        )

    def _server_path(self, level: Mapping[str, Any]) -> str | None:
        """The path of the first server; None where there is none."""
        servers = level.get("servers")
        if not is_list(servers) or not servers or not is_object(servers[0]):
            return None
        named = servers[0].get("variables")
        variables: dict[str, Any] = named if is_object(named) else {}

        def filled(match: re.Match[str]) -> str:
            variable = variables.get(match[1])
            return text(variable.get("default")) if is_object(variable) else match[0]

        url = _VARIABLE.sub(filled, text(servers[0].get("url")))
        self._node.spend(len(url) // CHARACTERS)
        try:
            return "/" + urlsplit(url).path.strip("/")
        except ValueError:
            message = f"the server {url[:100]!r} is not a URL"
            raise VendorFileError(message) from None

    # What is below an operation may be shared by any number of them, so it is counted each time.

    def _list(self, value: Any) -> list[Any]:
        """A list of the file; empty where there is none."""
        entries = value if is_list(value) else []
        self._node.spend(len(entries))
        return entries

    def _object(self, value: Any) -> dict[str, Any]:
        """An object of the file; empty where there is none."""
        members = value if is_object(value) else {}
        self._node.spend(sum(1 + len(name) // CHARACTERS for name in members))
        return members

    def _body(
        self, raw: dict[str, Any], parameters: Mapping[tuple[str, str], dict[str, Any]]
    ) -> tuple[str, Schema | None]:
        """Media type and schema of the body, JSON where it is offered."""
        offered = self._node.follow(raw.get("requestBody"))
        if is_object(offered):
            return self._content(offered.get("content"))
        form: dict[str, Any] = {}
        for (place, name), parameter in parameters.items():
            if place == "body":
                consumes = raw.get("consumes", self._node.root.get("consumes"))
                types = [self._node.text(kind) for kind in self._list(consumes)]
                media = next(filter(_is_json, types), next(iter(types), "application/json"))
                return media, self._node.schema(parameter.get("schema"))
            if place == "formData":
                form[name] = parameter
        if not form:
            return "", None
        upload = any(parameter.get("type") == "file" for parameter in form.values())
        names = [name for name, parameter in form.items() if is_true(parameter.get("required"))]
        members = {name: self._inline(parameter) for name, parameter in form.items()}
        schema = {"type": "object", "properties": members, "required": names}
        media = "multipart/form-data" if upload else "application/x-www-form-urlencoded"
        return media, self._node.schema(schema)

    def _inline(self, parameter: dict[str, Any]) -> dict[str, Any]:
        """A parameter of version 2.0 as the schema it stands for."""
        self._node.spend(5)  # it is made anew for each operation
        kept = ("type", "format", "enum", "items")
        schema: dict[str, Any] = {name: parameter[name] for name in kept if name in parameter}
        if schema.get("type") == "file":
            schema |= {"type": "string", "format": "binary"}
        return schema

    def _answer(self, raw: dict[str, Any]) -> Schema | None:
        """The schema of the first successful answer that has one."""
        answers = self._object(raw.get("responses"))
        for status in sorted(filter(_good, answers)):
            answer = self._node.follow(answers[status])
            if not is_object(answer):
                continue
            if "schema" in answer:
                return self._node.schema(answer["schema"])
            media, schema = self._content(answer.get("content"))
            if schema is not None and _is_json(media):
                return schema
        return None

    def _content(self, content: Any) -> tuple[str, Schema | None]:
        offered = self._object(content)
        media = next(filter(_is_json, offered), next(iter(offered), ""))
        described = offered.get(media)
        if not is_object(described) or "schema" not in described:
            return text(media), None
        return text(media), self._node.schema(described["schema"])


def _good(status: str) -> bool:
    return status.upper() in ("2XX", "200", "201", "202", "203")


def _is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json", "*/*") or kind.endswith("+json")
