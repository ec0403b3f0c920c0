"""Find our operations in a vendor's OpenAPI file.

For an operation that the file does not have, find operations that may do the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from _client_kit._contract import Operation
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Shape, last, letters

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VERBS = frozenset(
    {"api", "get", "list", "create", "find", "add", "new", "all", "by", "id", "details", "public"}
)
_CONTENT = frozenset({"bytes", "data", "document", "file", "filebytes", "filedata", "payload"})
BASE64 = frozenset({"byte", "binary", "base64", "base64url"})
MOST_LOOK_ALIKES = 3


def match_all(
    ours: Sequence[Operation], theirs: Sequence[VendorOperation]
) -> dict[str, VendorOperation]:
    """Return the file's operation for each of our operations that the file has, by our name.

    Paths match in any letter case. If the file has none of our operations below a prefix such as
    ``/a/v1``, they may match below another prefix. That prefix must differ in the version only, or
    the file must have several of our operations below it. If two prefixes have equally many of our
    operations, neither is used.
    """
    matches: dict[str, VendorOperation] = {}
    found: dict[str, dict[str, dict[str, VendorOperation]]] = defaultdict(dict)
    for operation in ours:
        old, tail = split_prefix(operation.path)
        end = _segments(tail)
        for item in theirs:
            path = _segments(item.path)
            if item.method == operation.method and path[-len(end) :] == end:
                prefix = "/".join(path[: -len(end)])
                found[old].setdefault(prefix, {}).setdefault(operation.name, item)
    for old, below in found.items():
        new = max(below, key=lambda prefix: len(below[prefix]))
        only = sum(len(below[new]) == len(other) for other in below.values()) == 1
        moved = only and (len(below[new]) > 1 or _unversioned(new) == _unversioned(old))
        here = old.strip("/").casefold()
        if here in below:
            matches |= below[here]
        elif old and moved:
            matches |= below[new]
    return matches


def patched_path(ours: str, theirs: str) -> str | None:
    """Return the vendor's path with our placeholders, and without a slash at its end.

    The result is None if the two paths have different numbers of placeholders.
    """
    names = _PLACEHOLDER.findall(ours)
    if len(_PLACEHOLDER.findall(theirs)) != len(names):
        return None
    remaining = iter(names)
    return _PLACEHOLDER.sub(lambda _: next(remaining), theirs.rstrip("/"))


def look_alikes(
    operation: Operation, theirs: Sequence[VendorOperation], given: Collection[str]
) -> list[VendorOperation]:
    """Return operations of the file that may do the same as one of ours, the likeliest first.

    There are at most 3 of them, or 6 for an upload.

    For an upload or a download, only operations that carry a file's content are returned; for other
    operations, only those that carry none.

    Args:
        operation: Our operation, which the file does not have or has differently.
        theirs: The operations of the file that match none of ours.
        given: Names that an API may give the values of our call, in lower case without ``_`` and
            ``-``.
    """
    upload = uploads(operation)
    downloads = operation.path.startswith("{")
    methods = {operation.method, "GET", "POST"}
    if upload or downloads:
        methods = {"POST", "PUT"} if upload else {"GET"}
    wanted = _words(operation.name, operation.path)
    asked = {letters(name) for name in (*operation.query.values(), *operation.query)}
    scored: list[tuple[int, VendorOperation]] = []
    for item in theirs:
        names = {*item.query[""].members, *_PLACEHOLDER.findall(item.path)}
        names |= set(item.body[""].members) if item.body is not None else set()
        names = {letters(name.strip("{}")) for name in names}
        alike = len(asked & names)
        common = len(wanted & _words(item.name, item.path))
        common = common or _same_shape(operation.path, item.path)
        fits = upload or downloads or common > 0 or alike > 1
        content = (item.answer, item.answer_media) if downloads else (item.body, item.media)
        if fits and item.method in methods and carries_content(*content) == (upload or downloads):
            score = 2 * common + (item.method == operation.method) + len(names & {*asked, *given})
            scored.append((score, item))
    scored.sort(key=lambda entry: -entry[0])
    return [item for _, item in scored[: MOST_LOOK_ALIKES * (1 + upload)]]


def uploads(operation: Operation) -> bool:
    """Return True if our operation sends a file's content."""
    return any(last(item.path) == "content" for item in operation.sends)


def carries_content(shape: Shape | None, media: str) -> bool:
    """Return True if a body or an answer seems to hold a file's content.

    Signs are a member in base64, a text member with a name such as ``content``, or a media type
    other than JSON, text and ``application/x-www-form-urlencoded``.
    """
    if media and not ("json" in media or media.startswith(("text/", "*/*"))):
        return media != "application/x-www-form-urlencoded"
    for path, schema in (shape or {}).items():
        name = letters(last(path))
        named = name in _CONTENT or name.endswith(("content", "base64"))
        if schema.format in BASE64 or (named and schema.kinds <= {"string"}):
            return True
    return False


def _segments(path: str) -> tuple[str, ...]:
    """Return a path's segments in lower case, with ``{}`` for each placeholder."""
    return tuple(_PLACEHOLDER.sub("{}", path).casefold().strip("/").split("/"))


def _same_shape(ours: str, theirs: str) -> bool:
    """Return True if two paths have equally many segments, and at most one segment differs.

    Only segments after the version count, and there must be more than one.
    """
    one, other = (_segments(split_prefix(path)[1]) for path in (ours, theirs))
    different = sum(pair[0] != pair[1] for pair in zip(one, other, strict=False))
    return len(one) == len(other) > 1 and different < 2


def split_prefix(path: str) -> tuple[str, str]:
    """Return the part of a path up to its version, such as ``/v1``, and the rest.

    Without a version in the path, the first of the two is empty.
    """
    match = re.fullmatch(r"(.*?/v\d+)(/.*)", path)
    return (match[1], match[2]) if match else ("", path)


def _unversioned(prefix: str) -> str:
    return re.sub(r"/v\d+", "", f"/{prefix.strip('/')}".casefold())


def _words(name: str, path: str) -> set[str]:
    """Return the words of an operation's name and of the end of its path, in the singular.

    Words such as ``get`` and ``list`` are left out: they do not say what the operation is about.
    """
    end = _PLACEHOLDER.sub("{}", path).removesuffix("/{}").rpartition("{}")[2]
    text = f"{name} {split_prefix(end)[1]}"
    words = {word.casefold() for word in _WORD.findall(text)}
    return {word.removesuffix("s").removesuffix("ie") for word in words - _VERBS}
