"""Inside the bridge imports point one way, folder by folder, and nowhere in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"

FOLDERS = {
    "_errors": set[str](),
    "ubl": set[str](),
    "_stores": {"_errors"},
    "_delivery": {"_errors", "_stores"},
    "_mapping": {"_delivery", "_errors", "_reports", "ubl"},
    "_reports": {"_delivery", "_errors"},
    "testing": {"_delivery", "_errors", "_mapping", "_reports", "_stores", "ubl"},
    "_async": {
        "_delivery", "_errors", "_mapping", "_process", "_reports", "_settings", "_stores",
        "testing",
    },
    "_process": {"_errors", "_settings", "_stores"},
    "_settings": {"_delivery", "_errors"},
}  # fmt: skip
"""What the modules of each folder of the bridge may import from the bridge, when imported."""

Graph = Mapping[str, set[str]]


def _when_imported(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a module that run when it is imported, or that type checkers read."""
    waiting = list(ast.iter_child_nodes(tree))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def graph_of(modules: Mapping[str, str]) -> Graph:
    """Which of the modules each module imports; the keys are dotted names, the values sources."""
    graph: dict[str, set[str]] = {}
    for name, source in modules.items():
        found: set[str] = set()
        for node in _when_imported(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {one if one in modules else node.module for one in inside}
        graph[name] = {one for one in found if one in modules and one != name}
    return graph


def circle_in(graph: Graph) -> list[str]:
    """One circle of the graph, empty where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if circle := walk(other, [*path, name]):
                return circle
        done.add(name)
        return []

    return next((circle for name in sorted(graph) if (circle := walk(name, []))), [])


def against_the_folders(graph: Graph) -> list[str]:
    """Imports between folders of the bridge that the table does not allow."""
    found: list[str] = []
    for name, others in graph.items():
        here = _folder(name)
        for other in sorted(others):
            there = _folder(other)
            if here in FOLDERS and there not in {here, "", *FOLDERS[here]}:
                found.append(f"{name} imports {other}")
    return found


def _folder(name: str) -> str:
    parts = name.split(".")
    if parts[0] != "bridge" or len(parts) == 1:
        return ""
    return "_async" if parts[1] == "_sync" else parts[1]


def modules() -> dict[str, str]:
    """Every module below src, by its dotted name."""
    found: dict[str, str] = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


@cache
def ours() -> Graph:
    """The graph of every module below src."""
    return graph_of(modules())


def test_no_imports_in_a_circle() -> None:
    """No module is imported, directly or not, by one that it imports."""
    assert circle_in(ours()) == []


def test_folders_of_the_bridge_import_one_way() -> None:
    """Engine, reports and mapping stand on the rules, the rules on the stores' protocol."""
    assert against_the_folders(ours()) == []


def test_circle_and_wrong_direction_are_found() -> None:
    """A circle of three, and a rule that imports the engine, are reported."""
    circle = {"a": "import b", "b": "from c import x", "c": "if True:\n    import a"}
    assert circle_in(graph_of(circle)) == ["a", "b", "c"]
    lazy = {"a": "import b", "b": "def f():\n    import a"}
    assert circle_in(graph_of(lazy)) == []
    wrong = {"bridge._delivery.x": "from bridge._async._run import Run", "bridge._async._run": ""}
    assert against_the_folders(graph_of(wrong)) == ["bridge._delivery.x imports bridge._async._run"]
