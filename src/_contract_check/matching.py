"""Finding an operation of ours among a vendor's: by path, in other letter case, below another
prefix; and, where it is not there, what looks like it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from attrs import frozen

from _client_kit._contract import Operation
from _contract_check.findings import LookAlike
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Schema, tree, walk

__all__ = ["Match", "look_alikes", "match_all"]

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VERBS = frozenset(
    {"api", "get", "list", "create", "find", "add", "new", "all", "by", "id", "details", "public"}
)
_CONTENT = frozenset({"bytes", "data", "document", "file", "filebytes", "filedata", "payload"})
_BASE64 = frozenset({"byte", "binary", "base64", "base64url"})
MOST_LOOK_ALIKES = 5
MOST_UPLOADS = 20


@frozen(eq=False)
class Match:
    """The vendor's operation that is ours, and how sure that is.

    Attributes:
        path: What to call it by with our placeholders, where that differs.
        sure: Whether nothing but letter case or the prefix differs.
    """

    theirs: VendorOperation
    path: str = ""
    sure: bool = True


# Every path of a file is asked for once for each operation of ours.
@lru_cache(maxsize=100_000)
def split_path(path: str) -> tuple[str, ...]:
    """A path's segments, placeholders all alike."""
    return tuple(_PLACEHOLDER.sub("{}", part) for part in path.strip("/").split("/"))


@lru_cache(maxsize=100_000)
def folded(path: str) -> tuple[str, ...]:
    """A path's segments in lower case."""
    return tuple(part.casefold() for part in split_path(path))


def split_prefix(path: str) -> tuple[str, str]:
    """What is in front of a path's resource, as far as its version, and the rest."""
    match = re.fullmatch(r"(.*?/v\d+)(/.*)", path)
    return (match[1], match[2]) if match else ("", path)


def match_all(ours: Sequence[Operation], theirs: Sequence[VendorOperation]) -> dict[str, Match]:
    """Our operations that the file has, by name."""
    matches: dict[str, Match] = {}
    for operation in ours:
        same = [item for item in theirs if item.method == operation.method]
        exact = [item for item in same if split_path(item.path) == split_path(operation.path)]
        cased = [item for item in same if folded(item.path) == folded(operation.path)]
        if exact:
            matches[operation.name] = Match(exact[0])
        elif len(cased) == 1:
            path = _with_placeholders(cased[0].path, operation.path)
            matches[operation.name] = Match(cased[0], path, sure=bool(path))
    taken = {id(match.theirs) for match in matches.values()}
    left = [item for item in theirs if id(item) not in taken]
    known = {split_prefix(item.path)[0] for item in ours if item.name in matches}
    moved = {
        operation.name: found
        for operation in ours
        if operation.name not in matches and split_prefix(operation.path)[0] not in known
        if (found := _below_another_prefix(operation, left)) is not None
    }
    by_name = {operation.name: operation for operation in ours}
    agreeing = Counter(_prefixes(by_name[name], item) for name, item in moved.items())
    for name, item in moved.items():
        operation = by_name[name]
        old, new = pair = _prefixes(operation, item)
        only_version = _unversioned(old) == _unversioned(new) and "v" in old
        believed = (agreeing[pair] > 1 or only_version) and _only_one(old, agreeing)
        path = _with_placeholders(item.path, operation.path)
        matches[name] = Match(item, path, sure=believed and bool(path))
    return matches


def _only_one(old: str, agreeing: Counter[tuple[str, str]]) -> bool:
    """Whether what stood below one prefix stands below one other, not several."""
    return sum(pair[0] == old for pair in agreeing) == 1


def _below_another_prefix(
    operation: Operation, left: Sequence[VendorOperation]
) -> VendorOperation | None:
    tail = folded(split_prefix(operation.path)[1])
    prefix = split_prefix(operation.path)[0]
    if operation.path.startswith("{") or (len(tail) < 2 and not prefix):
        return None
    found = [
        item
        for item in left
        if item.method == operation.method and folded(item.path)[-len(tail) :] == tail
    ]
    return found[0] if len(found) == 1 else None


def _prefixes(operation: Operation, item: VendorOperation) -> tuple[str, str]:
    prefix, tail = split_prefix(operation.path)
    segments = item.path.strip("/").split("/")
    return prefix, "/" + "/".join(segments[: len(segments) - len(folded(tail))])


def _unversioned(prefix: str) -> str:
    return re.sub(r"/v\d+", "", prefix.casefold())


def _with_placeholders(theirs: str, ours: str) -> str:
    """Their path with our placeholders in order; empty where they have others than we."""
    names = _PLACEHOLDER.findall(ours)
    if len(_PLACEHOLDER.findall(theirs)) != len(names):
        return ""
    remaining = iter(names)
    return _PLACEHOLDER.sub(lambda _: next(remaining), theirs)


def _carries_content(schema: Schema | None, media: str = "") -> bool:
    """Whether a body holds a file's content: base64, or a property named like one."""
    if media.startswith(("multipart/", "application/octet-stream")):
        return True
    for path, member in walk(schema) if schema is not None else ():
        name = path.rpartition(".")[2].replace("_", "").replace("[]", "").casefold()
        text = not member.inner().kinds or "string" in member.inner().kinds
        if member.inner().format in _BASE64 or (
            text and (name in _CONTENT or name.endswith(("content", "base64")))
        ):
            return True
    return False


def look_alikes(
    operation: Operation, theirs: Sequence[VendorOperation], matches: Mapping[str, Match]
) -> tuple[LookAlike, ...]:
    """What the file has that may be an operation we miss, the likeliest first.

    For an upload those are operations whose body carries a file's content.
    """
    if operation.path.startswith("{"):
        return ()
    taken = {id(match.theirs) for match in matches.values()}
    wanted = _words(operation.name, operation.path)
    uploads = any(item.path.rpartition(".")[2] == "content" for item in operation.sends)
    carries = cache(_carries_content)  # a schema may be that of many bodies
    scored: list[tuple[int, VendorOperation]] = []
    for item in theirs:
        score = 2 * len(wanted & _words(item.name, item.path))
        score += 2 * _same_shape(operation.path, item.path)
        fits = score > 0 and item.method in (operation.method, "GET", "POST")
        if uploads:
            fits = item.method in ("POST", "PUT") and carries(item.body, item.media)
        if fits and id(item) not in taken:
            scored.append((score + (item.method == operation.method), item))
    scored.sort(key=lambda entry: -entry[0])
    most = MOST_UPLOADS if uploads else MOST_LOOK_ALIKES
    return tuple(_look_alike(item, shown=uploads) for _, item in scored[:most])


def _look_alike(item: VendorOperation, *, shown: bool) -> LookAlike:
    body: tuple[str, ...] = tree(item.body) if shown and item.body is not None else ()
    if shown and item.media and "json" not in item.media:
        body = (f"as {item.media}", *body)
    return LookAlike(f"{item.method} {item.path}", item.name, body)


def _same_shape(ours: str, theirs: str) -> bool:
    """Whether one literal segment is all that differs below the versions."""
    one, other = (folded(split_prefix(path)[1]) for path in (ours, theirs))
    differences = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    return len(one) == len(other) > 1 and len(differences) == 1 and "{}" not in differences[0]


def _words(name: str, path: str) -> set[str]:
    """What an operation is about: the words of its name and of the end of its path."""
    end = _PLACEHOLDER.sub("{}", path).removesuffix("/{}").rpartition("{}")[2]
    text = f"{name} {split_prefix(end)[1]}"
    words = {word.casefold() for word in _WORD.findall(text)}
    return {word.removesuffix("s").removesuffix("ie") for word in words - _VERBS}
