"""The contract: the methods, paths and names that a client uses, read from ``contract.json``.

An operation has a method, a path with placeholders in braces, query parameters (our name and the
name on the wire), and the properties that it sends and reads. A property is written as a path
such as ``documents[].files[].fileSize``. Operations and properties carry ``evidence`` (published,
observed or assumed) and a ``source``. A property without them has those of its operation.

A patch, the argument ``contract=``, maps an operation's name to the facts that differ:
``{"documents.list": {"path": ..., "query": {...}, "rename": {"documents[].updatedAt":
"modifiedAt"}}}``. ``method`` is allowed too. ``rename`` gives the name that a property has on the
wire. Renames are applied to the JSON that is sent and received: models use our names only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from pkgutil import get_data
from types import CodeType
from typing import Any, cast

from attrs import evolve, field, frozen

from _client_kit._address import API_PATH, check_id
from _client_kit._arguments import check_function, nearest
from _client_kit._errors import ConfigurationError
from _client_kit._json import is_list, is_object, loads
from _client_kit._text import Text, joined
from _client_kit._user_code import name_of

_PATCH = Text("contract_patch", "contract patch")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
TOKEN_CALLS = ("token.get", "login")


@frozen
class Property:
    """A JSON property that an operation sends or reads, with its evidence and source."""

    path: str
    evidence: str
    source: str


@frozen
class Operation:
    """One kind of call to a service."""

    name: str
    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict[str, str])
    sends: tuple[Property, ...] = ()
    reads: tuple[Property, ...] = ()
    evidence: str = "assumed"
    source: str = "the caller"
    safe: bool = False
    """Whether the call only reads, so that a repetition changes nothing."""
    needed: bool = False
    """Whether an export needs this operation."""
    note: str = ""
    may_be_empty: bool = False
    """Whether a successful response may have an empty body."""
    service: str = ""
    function: Callable[[Any], Any] | None = field(default=None, repr=False)
    """The user's function for this operation, from ``operations=``, or None."""
    called: str = ""
    """The function's key in ``operations=``, such as ``inbox.find``; empty without a function."""
    _rename: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)

    @property
    def label(self) -> str:
        """The operation's name for messages, with the name of the user's function, if any."""
        return self.name if self.function is None else f"{self.called} by {name_of(self.function)}"

    def url_path(self, values: Mapping[str, object], *, service: str) -> str:
        """Return the path with ids filled in; raise ConfigurationError for an unusable id."""

        def put(match: re.Match[str]) -> str:
            name = match[1]
            return check_id(values[name], name, service=service)

        return _PLACEHOLDER.sub(put, self.path)

    def url_query(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the query parameters under their wire names, without those that are None."""
        return {self.query[name]: value for name, value in values.items() if value is not None}

    def rename_in(self, payload: Any) -> Any:
        """Return a received payload with wire names replaced by ours."""
        return _rename(payload, self._rename, inward=True) if self._rename else payload

    def rename_out(self, payload: Any) -> Any:
        """Return the payload of a request, with our names replaced by wire names."""
        return _rename(payload, self._rename, inward=False) if self._rename else payload


def _rename(value: Any, tree: Mapping[str, Any], *, inward: bool) -> Any:
    """Rename the members of a JSON value at every level.

    ``tree`` is ``{our name: (wire name, subtree)}``. ``inward`` replaces wire names by ours;
    otherwise ours are replaced by wire names.
    """
    if is_list(value):
        return [_rename(item, tree, inward=inward) for item in value]
    if not is_object(value):
        return value
    # Collect the renamed members before adding them: two members may swap their names.
    renamed = dict(value)
    moved: dict[str, Any] = {}
    for ours, (wire, below) in tree.items():
        old, new = (wire, ours) if inward else (ours, wire)
        if old in renamed:
            moved[new] = _rename(renamed.pop(old), below, inward=inward)
    return {**renamed, **moved}


@frozen
class Contract:
    """All operations of one service, by name.

    Attributes:
        service: Name of the service.
        operations: The operations, by name.
    """

    service: str
    operations: Mapping[str, Operation]

    def __getitem__(self, name: str) -> Operation:
        return self.operations[name]

    @property
    def own(self) -> frozenset[str]:
        """The names of the operations that have a user's function."""
        return frozenset(name for name, item in self.operations.items() if item.function)

    @property
    def digest(self) -> str:
        """A hash of all methods, paths, query names, renames and users' functions."""
        facts = [
            [key, item.method, item.path, dict(item.query), item._rename, _code_of(item.function)]
            for key, item in self.operations.items()
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def patched(self, patch: Mapping[str, Any] | str | Path | None) -> Contract:
        """Return this contract with a patch applied; None changes nothing.

        Args:
            patch: A mapping, or the path of a JSON file.

        Raises:
            ConfigurationError: The file cannot be read, a key is unknown (the hint names the
                nearest known key, or all of them), or a value is not allowed.
        """
        if patch is None:
            return self
        changed: object = self._read_patch(patch) if isinstance(patch, (str, Path)) else patch
        operations = dict(self.operations)
        for name, changes in self._object(changed, _PATCH).items():
            self._check_key(name, operations, _PATCH)
            operations[name] = self._patch_one(operations[name], changes)
        return evolve(self, operations=operations)

    def with_functions(
        self, functions: Mapping[str, Callable[[Any], Any]] | None, *, also: Mapping[str, str]
    ) -> Contract:
        """Return this contract with users' functions for some operations.

        Args:
            functions: The functions, by name of the operation.
            also: Further names that may have a function. Each is mapped to the operation of the
                contract whose method, path and other facts are used.

        Raises:
            ConfigurationError: A name is unknown, a value is not a function, or the operation has
                a ``rename``, which is not applied to a function's calls.
        """
        operations = dict(self.operations)
        given: Mapping[str, Any] = {} if functions is None else functions
        for name, function in self._object(given, "operations").items():
            known = [*(key for key in self.operations if key not in TOKEN_CALLS), *also]
            self._check_key(name, known, "operations")
            operation = operations[also.get(str(name), str(name))]
            check_function(function, f"operations: {name}", 1, service=self.service)
            if operation._rename:
                raise self._error(
                    "function_and_rename",
                    "operations: {0} has a function and a rename in contract=: the function gets "
                    "the names of the wire, so do it there",
                    name,
                )
            operations[str(name)] = evolve(operation, function=function, called=str(name))
        return evolve(self, operations=operations)

    def _read_patch(self, path: str | Path) -> object:
        try:
            return loads(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            # Do not show a URL that was given instead of a path: it may hold a credential.
            shown = "URL" if ":/" in str(path) else str(path)
            raise self._error(
                "patch_unreadable", "contract patch {0!r} cannot be read: {1}", shown, why
            ) from None

    def _object(self, value: object, where: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._error("not_object", "{0} must be an object", where)
        return cast("Mapping[str, Any]", value)

    def _patch_one(self, operation: Operation, changes: Any) -> Operation:
        checked: dict[str, Callable[[Operation, Any, str], Any]] = {
            "method": self._method,
            "path": self._path,
            "query": self._query,
            "rename": self._renames,
        }
        where = Text("patch_of", "contract patch of {0}", operation.name)
        for key, value in self._object(changes, where).items():
            self._check_key(key, checked, where)
            operation = evolve(operation, **{key: checked[key](operation, value, where)})
        return operation

    def _method(self, operation: Operation, method: Any, where: str) -> str:
        # A call that changes something cannot use GET. A call that only reads cannot use PUT or
        # PATCH, and can use GET only if it sends no body.
        allowed = ["POST"] if operation.safe else ["POST", "PUT", "PATCH"]
        allowed += ["GET"] if operation.safe and not operation.sends else []
        if method not in allowed:
            known = joined(" or ", *allowed)
            raise self._error("method_of", "{0}: method can only be {1}", where, known)
        return str(method)

    def _query(self, operation: Operation, value: Any, where: str) -> Mapping[str, str]:
        return {**operation.query, **self._names(value, operation.query, where)}

    def _renames(self, operation: Operation, value: Any, where: str) -> dict[str, Any]:
        known = [item.path for item in (*operation.sends, *operation.reads)]
        renames = self._names(value, known, where)
        for path, wire in renames.items():
            if "." in wire or "[" in wire:
                raise self._error(
                    "rename_above",
                    "{0}: give {1!r} its own new name, without what is above it",
                    *(where, path),
                )
        return _tree(renames)

    def _path(self, operation: Operation, path: Any, where: str) -> str:
        plain = _PLACEHOLDER.sub("x", path) if isinstance(path, str) else ""
        if not API_PATH.fullmatch(plain) or "?" in plain:
            raise self._error(
                "path_of", "{0}: path must start with '/', without a query, '.' or '..'", where
            )
        for placeholder in _PLACEHOLDER.findall(path):
            self._check_key(placeholder, _PLACEHOLDER.findall(operation.path), where)
        return str(path)

    def _names(self, value: Any, known: Iterable[str], where: str) -> Mapping[str, str]:
        """Check that a value maps known names to names on the wire, and return the value."""
        names = self._object(value, where)
        for name, wire in names.items():
            self._check_key(name, known, where)
            if not isinstance(wire, str) or not wire:
                raise self._error("not_a_name", "{0}: {1!r} must get a name", where, name)
        return names

    def _check_key(self, key: object, known: Iterable[str], where: str) -> None:
        if key not in list(known):
            word = str(key)[:80]
            error = self._error("unknown_name", "{0}: unknown name {1!r}", where, word)
            error.hint = nearest(word, known)
            raise error

    def _error(self, code: str, english: str, *values: object) -> ConfigurationError:
        return ConfigurationError(Text(code, english, *values), service=self.service)


def _code_of(function: Any) -> str | None:
    """Return a text that changes with a function's name or code; None without a function."""
    if function is None:
        return None
    return f"{name_of(function).partition(',')[0]} {_shown(getattr(function, '__code__', None))}"


def _shown(constant: Any) -> str:
    """Return a text for a code object or one of its constants, the same in every process."""
    if isinstance(constant, CodeType):
        inner = [_shown(each) for each in constant.co_consts]
        return f"{constant.co_code.hex()} {constant.co_names} {inner}"
    if isinstance(constant, frozenset):
        # The order of a set of texts differs from process to process.
        return str(sorted(map(repr, cast("Iterable[Any]", constant))))
    return repr(constant)


def _tree(renames: Mapping[str, str]) -> dict[str, Any]:
    """Return the tree for :func:`_rename`.

    For example, the renames ``{"a[].b": "x"}`` give ``{"a": ("a", {"b": ("x", {})})}``.
    """
    root: dict[str, Any] = {}
    for path, wire in renames.items():
        level = root
        parts = path.replace("[]", "").lstrip(".").split(".")
        for part in parts[:-1]:
            level = level.setdefault(part, (part, {}))[1]
        _, below = level.get(parts[-1], (None, {}))
        level[parts[-1]] = (wire, below)
    return root


@cache
def load_contract(package: str) -> Contract:
    """Return the contract in a client package's ``contract.json``, which is read once."""
    raw = json.loads(get_data(package, "contract.json") or b"")
    service = raw["service"]
    operations = {
        name: _operation(name, entry, service) for name, entry in raw["operations"].items()
    }
    return Contract(service, operations)


def _operation(name: str, entry: Mapping[str, Any], service: str) -> Operation:
    facts: dict[str, Any] = {"safe": entry["method"] == "GET", **entry}
    for group in ("sends", "reads"):
        facts[group] = tuple(
            Property(path, **{"evidence": entry["evidence"], "source": entry["source"], **known})
            for path, known in entry.get(group, {}).items()
        )
    return Operation(name=name, service=service, **facts)
