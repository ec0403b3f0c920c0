"""Read the operations of a vendor's OpenAPI file: version 2.0, 3.0 or 3.1, as JSON or YAML."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from _client_kit._json import JsonError, is_object, loads
from _contract_check.openapi_schema import (
    References,
    Shape,
    VendorFileError,
    as_list,
    as_object,
    is_true,
    text,
    tree,
    typed,
)

MAX_BYTES = 16 * 1024 * 1024
_METHODS = ("get", "post", "put", "patch", "delete")
_SUCCESS = re.compile("20[0-3]|2XX|2xx")
_OUR_HEADERS = ("authorization", "accept", "content-type", "user-agent")
_NO_YAML = "it is not JSON; to read YAML, install the extra: pip install 'banqup-zenvoices[yaml]'"


@frozen(eq=False)
class VendorOperation:
    """One operation of the file.

    Attributes:
        path: The path, with the path of the first server's URL in front of it.
        name: The ``operationId``; empty if there is none.
        query: The query parameters, as the members of an object.
        headers: The header parameters, as the members of an object, without those that our clients
            send in every request.
        body: The shape of the request's body; None if the file describes none.
        media: The media type of the request's body; empty if the file names none.
        answer: The shape of a successful answer, without the envelope of ABP, Zenvoices' web
            framework; None if the file describes no answer.
        answer_media: The media type of this answer; empty if the file names none.
    """

    method: str
    path: str
    name: str
    query: Shape
    headers: Shape
    body: Shape | None
    media: str
    answer: Shape | None
    answer_media: str

    def lines(self) -> Iterator[str]:
        """Yield lines of text: method, path, required parameters, body and answer."""
        yield f"{self.method} {self.path}" + (f" ({self.name})" if self.name else "")
        for place, shape in (("query", self.query), ("header", self.headers)):
            for name in sorted(shape[""].required):
                yield f"  {place} {name}: {typed(shape, name)}, required"
        yield from _written("body", self.body, self.media)
        yield from _written("answer", self.answer, self.answer_media)


def _written(name: str, shape: Shape | None, media: str) -> Iterator[str]:
    other = media and not is_json(media)
    if shape is not None or other:
        yield f"  {name}:" + (f" as {media}" if other else "")
    if shape is not None:
        yield from (f"    {line}" for line in tree(shape) or (typed(shape, ""),))


@frozen(eq=False)
class VendorFile:
    """The title and operations of an OpenAPI file; ``version`` is that of OpenAPI."""

    title: str
    version: str
    operations: tuple[VendorOperation, ...]


def load(path: Path) -> Any:
    """Return the decoded JSON or YAML of a file.

    Raises:
        VendorFileError: The file cannot be read, is larger than 16 MB, or is neither JSON nor YAML.
            Or the file is not JSON, and PyYAML is not installed.
    """
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
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
    """Decode YAML with every scalar as text: ``no`` must not become False, nor ``200`` a number."""
    try:
        import yaml
    except ImportError:
        raise VendorFileError(_NO_YAML) from None
    try:
        # Do not use PyYAML's loader in C: it crashes the process on deep nesting.
        return yaml.load(body, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes texts only
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        message = "it is neither JSON nor YAML"
        raise VendorFileError(message) from None


def read_openapi(root: Any) -> VendorFile:
    """Return title, version and operations of a decoded OpenAPI file.

    Raises:
        VendorFileError: The value is not an OpenAPI file of version 2.0, 3.0 or 3.1.
    """
    root = as_object(root)
    version = text(root.get("openapi", root.get("swagger")))
    if not version.startswith(("2.", "3.0", "3.1")):
        message = f"it is not an OpenAPI file of version 2.0, 3.0 or 3.1: it names {version[:20]!r}"
        raise VendorFileError(message)
    reader = _Reader(root)
    paths = as_object(root.get("paths"))
    operations = [
        reader.operation(method, text(path), item, item[method])
        for path, item in ((path, reader.follow(raw)) for path, raw in paths.items())
        if path.startswith("/") and is_object(item)
        for method in _METHODS
        if is_object(item.get(method))
    ]
    title = text(as_object(root.get("info")).get("title"))
    return VendorFile(title[:100], version[:20], tuple(operations))


class _Reader(References):
    def __init__(self, root: Mapping[str, Any]) -> None:
        super().__init__(root)
        server = as_object(next(iter(as_list(root.get("servers"))), None))
        prefix = re.sub(r"^([^/]*:)?//[^/]*", "", text(server.get("url"))) or text(
            root.get("basePath")
        )
        self._prefix = f"/{prefix.strip('/')}".rstrip("/")

    def operation(
        self, method: str, path: str, item: Mapping[str, Any], raw: Mapping[str, Any]
    ) -> VendorOperation:
        """Return an operation, with the parameters that it inherits from its path."""
        places: dict[str, dict[str, Any]] = defaultdict(dict)
        for level in (item, raw):
            for parameter in map(as_object, map(self.follow, as_list(level.get("parameters")))):
                place, name = text(parameter.get("in")), text(parameter.get("name"))
                if place != "header" or name.lower() not in _OUR_HEADERS:
                    places[place][name] = parameter
        media, body = self._content(self._body(raw, places))
        answer_media, answer = self._answer(as_object(raw.get("responses")))
        return VendorOperation(
            method=method.upper(),
            path=self._prefix + path,
            name=text(raw.get("operationId"))[:100],
            query=self.shape(_parameters(places["query"])),
            headers=self.shape(_parameters(places["header"])),
            body=body,
            media=media,
            answer=answer and self._payload(answer),
            answer_media=answer_media,
        )

    def _body(self, raw: Mapping[str, Any], places: Mapping[str, Mapping[str, Any]]) -> Any:
        """Return the body's schema by media type, in the structure of OpenAPI 3, or None."""
        for parameter in places["body"].values():
            consumes = raw.get("consumes", self.root.get("consumes"))
            return dict.fromkeys(map(text, as_list(consumes) or ["application/json"]), parameter)
        if form := places["formData"]:
            upload = any(parameter.get("type") == "file" for parameter in form.values())
            media = "multipart/form-data" if upload else "application/x-www-form-urlencoded"
            return {media: {"schema": _parameters(form)}}
        return as_object(self.follow(raw.get("requestBody"))).get("content")

    def _answer(self, answers: Mapping[str, Any]) -> tuple[str, Shape | None]:
        """Return media type and shape of the first successful answer with a schema in JSON.

        Without such an answer, use the first that has a media type.
        """
        found: list[tuple[str, Shape | None]] = [("", None)]
        for status in sorted(filter(_SUCCESS.fullmatch, answers)):
            answer = as_object(self.follow(answers[status]))
            in_version_2 = {"application/json": answer} if "schema" in answer else None
            found.append(self._content(in_version_2 or answer.get("content")))
        return max(found, key=lambda one: (one[1] is not None and is_json(one[0]), bool(one[0])))

    def _payload(self, shape: Shape) -> Shape:
        """Return the shape of an answer without the envelope of ABP, Zenvoices' web framework.

        ABP writes no envelope into the OpenAPI files it generates, so most files describe none.
        """
        members = shape[""].members
        wrapped = "result" in members and {"success", "__abp"} & set(members)
        return self.shape(members["result"]) if wrapped else shape

    def _content(self, content: Any) -> tuple[str, Shape | None]:
        """Return media type and shape of a body or answer; JSON is preferred."""
        offered = as_object(content)
        media = next(filter(is_json, offered), next(iter(offered), ""))
        described = as_object(offered.get(media))
        return text(media), self.shape(described["schema"]) if "schema" in described else None


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as the members of an object's schema.

    In OpenAPI 2.0 a parameter is itself a schema; in OpenAPI 3 it contains one.
    """
    members: dict[str, Any] = {}
    for name, parameter in parameters.items():
        members[name] = parameter.get("schema", parameter)
        if parameter.get("type") == "file":
            members[name] = {"type": "string", "format": "binary"}
    required = [name for name, one in parameters.items() if is_true(one.get("required"))]
    return {"type": "object", "properties": members, "required": required}


def is_json(media: str) -> bool:
    """Return True for a media type of JSON, and for ``*/*``."""
    kind = media.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json", "*/*") or kind.endswith("+json")
