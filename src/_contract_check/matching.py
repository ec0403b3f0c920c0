"""Finding our operations and properties in a vendor's file, and what looks like a missing one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from _client_kit._contract import Operation
from _contract_check.findings import LookAlike, Status
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Schema, tree, walk

__all__ = [
    "Match",
    "Place",
    "described",
    "folded",
    "last",
    "letters",
    "locate",
    "look_alikes",
    "match_all",
    "split_path",
    "split_prefix",
]  # fmt: skip

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VERBS = frozenset(
    {"api", "get", "list", "create", "find", "add", "new", "all", "by", "id", "details", "public"}
)
_CONTENT = frozenset({"bytes", "data", "document", "file", "filebytes", "filedata", "payload"})
_BASE64 = frozenset({"byte", "binary", "base64", "base64url"})
ANSWER_DEPTH = 3
MOST_LOOK_ALIKES = 3


@frozen(eq=False)
class Match:
    """The vendor's operation that is ours.

    Attributes:
        path: What to call it by with our placeholders, where that differs.
        sure: Whether only letter case or the prefix differs.
    """

    theirs: VendorOperation
    path: str = ""
    sure: bool = True


def split_path(path: str) -> tuple[str, ...]:
    """Return a path's segments, placeholders all alike."""
    return tuple(_PLACEHOLDER.sub("{}", path).strip("/").split("/"))


def folded(path: str) -> tuple[str, ...]:
    """Return a path's segments in lower case."""
    return split_path(path.casefold())


def split_prefix(path: str) -> tuple[str, str]:
    """Return the part of a path up to its version, and the rest."""
    match = re.fullmatch(r"(.*?/v\d+)(/.*)", path)
    return (match[1], match[2]) if match else ("", path)


def match_all(ours: Sequence[Operation], theirs: Sequence[VendorOperation]) -> dict[str, Match]:
    """Return the vendor's operation for each of ours that the file has, by our name.

    An operation is found by its path, in other letter case, or below another prefix.
    """
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
    moved: dict[tuple[str, str], list[tuple[Operation, VendorOperation]]] = defaultdict(list)
    for operation in ours:
        old, tail = split_prefix(operation.path)
        end = folded(tail)
        if operation.name in matches or old in known or (len(end) < 2 and not old):
            continue
        found = [
            item
            for item in left
            if item.method == operation.method and folded(item.path)[-len(end) :] == end
        ]
        if len(found) == 1 and not operation.path.startswith("{"):
            segments = found[0].path.strip("/").split("/")
            new = "/" + "/".join(segments[: len(segments) - len(end)])
            moved[old, new].append((operation, found[0]))
    for (old, new), pairs in moved.items():
        alone = sum(other == old for other, _ in moved) == 1
        only_version = bool(old) and _unversioned(old) == _unversioned(new)
        for operation, item in pairs:
            path = _with_placeholders(item.path, operation.path)
            sure = alone and (len(pairs) > 1 or only_version) and bool(path)
            matches[operation.name] = Match(item, path, sure=sure)
    return matches


def _unversioned(prefix: str) -> str:
    return re.sub(r"/v\d+", "", prefix.casefold())


def _with_placeholders(theirs: str, ours: str) -> str:
    """Return their path with our placeholders; empty where their number differs."""
    names = _PLACEHOLDER.findall(ours)
    if len(_PLACEHOLDER.findall(theirs)) != len(names):
        return ""
    remaining = iter(names)
    return _PLACEHOLDER.sub(lambda _: next(remaining), theirs)


@frozen
class Place:
    """Where a property of ours was found in the file's schema, or why not."""

    status: Status
    theirs: str = ""
    schema: Schema | None = None
    last: str = ""
    exact: bool = True


def locate(schema: Schema | None, path: str) -> Place:
    """Return the place of a property, written as in the contract: ``documents[].id``."""
    if schema is None:
        return Place("not described")
    below, trail = schema, ""
    status: Status = "confirmed"
    spelling, exact = "", True
    for part in path.split("."):
        name = part.removesuffix("[]")
        if "array" in below.kinds:
            return Place("missing", f"{trail or 'the answer'} is a list")
        if below.kinds and "object" not in below.kinds:
            return Place("missing", f"{trail or 'the answer'} is {below}")
        spelling, exact = _spelling(name, below)
        if not spelling:
            said = ", ".join(below.names[:12])
            return Place("missing" if below.described else "not described", said, last=said)
        below = below.member(spelling)
        trail = f"{trail}.{spelling}" if trail else spelling
        status = "differs" if spelling != name else "confirmed"
        if part.endswith("[]"):
            if below.kinds and "array" not in below.kinds:
                return Place("missing", f"{trail} is {below}")
            below = below.items()
            trail += "[]"
    return Place(status, trail, below, spelling, exact)


def _spelling(name: str, schema: Schema) -> tuple[str, bool]:
    """Return a member's name as the file spells it, and whether only letter case differs."""
    if name in schema.names:
        return name, True
    cased = [item for item in schema.names if item.casefold() == name.casefold()]
    if len(cased) == 1:
        return cased[0], True
    alike = [item for item in schema.names if letters(item) == letters(name)]
    return (alike[0], False) if len(alike) == 1 else ("", False)


def letters(name: str) -> str:
    """Return a name in lower case without what separates its words."""
    return name.replace("_", "").replace("-", "").casefold()


def last(path: str) -> str:
    """Return the last name of a property's path."""
    return path.rpartition(".")[2].removesuffix("[]")


def look_alikes(
    operation: Operation, theirs: Sequence[VendorOperation], matches: Mapping[str, Match]
) -> list[VendorOperation]:
    """Return operations of the file that may be the missing one, the likeliest first.

    For an upload or a download those are operations that carry a file's content.
    """
    taken = {id(match.theirs) for match in matches.values()}
    wanted = _words(operation.name, operation.path)
    asked = {letters(name) for name in (*operation.query.values(), *operation.query)}
    uploads = any(last(item.path) == "content" for item in operation.sends)
    downloads = operation.path.startswith("{") and operation.safe
    if operation.path.startswith("{") and not downloads:
        return []
    scored: list[tuple[int, VendorOperation]] = []
    for item in theirs:
        score = 2 * len(wanted & _words(item.name, item.path))
        score += 2 * _same_shape(operation.path, item.path)
        names = {*item.query, *_PLACEHOLDER.findall(item.path)}
        names |= set(item.body.inner().names) if item.body is not None else set()
        alike = len(asked & {letters(name.strip("{}")) for name in names})
        fits = (score > 0 or alike > 1) and item.method in (operation.method, "GET", "POST")
        fits = fits and not carries_content(item.body, item.media)
        score += alike
        if uploads:
            fits = item.method in ("POST", "PUT") and carries_content(item.body, item.media)
        if downloads:
            fits = item.method == "GET" and carries_content(item.answer, item.answer_media)
        if fits and id(item) not in taken:
            scored.append((score + (item.method == operation.method), item))
    scored.sort(key=lambda entry: -entry[0])
    return [item for _, item in scored[: MOST_LOOK_ALIKES * (1 + uploads)]]


def carries_content(schema: Schema | None, media: str) -> bool:
    """Return True if a body or an answer holds a file: as such, in base64, or by its name."""
    if media and not ("json" in media or media.startswith(("text/", "*/*"))):
        return media != "application/x-www-form-urlencoded"
    if schema is None:
        return False
    if schema.format in _BASE64:
        return True
    for path, member in walk(schema):
        inner, name = member.inner(), letters(last(path))
        text = not inner.kinds or "string" in inner.kinds
        if inner.format in _BASE64 or (
            text and (name in _CONTENT or name.endswith(("content", "base64")))
        ):
            return True
    return False


def described(item: VendorOperation, unwrap: Callable[[str, Schema], Schema]) -> LookAlike:
    """Return an operation of the file written out, its answer without an envelope."""
    asks = [f"query {name}: {item.query[name]}" for name in item.query if name in item.required]
    asks += [f"header {name}" for name in item.headers]
    body: tuple[str, ...] = tree(item.body) if item.body is not None else ()
    if item.media and "json" not in item.media:
        body = (f"as {item.media}", *body)
    if item.answer is None:
        answer: tuple[str, ...] = (f"as {item.answer_media}",) if item.answer_media else ()
    else:
        payload = unwrap("", item.answer)
        answer = tree(payload, ANSWER_DEPTH) or (str(payload),)
    return LookAlike(f"{item.method} {item.path}", item.name, tuple(asks), body, answer)


def _same_shape(ours: str, theirs: str) -> bool:
    """Return True if only one literal segment differs below the versions."""
    one, other = (folded(split_prefix(path)[1]) for path in (ours, theirs))
    differences = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    return len(one) == len(other) > 1 and len(differences) == 1 and "{}" not in differences[0]


def _words(name: str, path: str) -> set[str]:
    """Return what an operation is about: the words of its name and of the end of its path."""
    end = _PLACEHOLDER.sub("{}", path).removesuffix("/{}").rpartition("{}")[2]
    text = f"{name} {split_prefix(end)[1]}"
    words = {word.casefold() for word in _WORD.findall(text)}
    return {word.removesuffix("s").removesuffix("ie") for word in words - _VERBS}
