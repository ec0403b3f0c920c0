"""Configuration of the documentation."""

import ast
import inspect
import re
from importlib import import_module
from typing import Any

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

from _client_kit._version import __version__

project = "banqup-zenvoices"
author = "The banqup-zenvoices authors"
copyright = "2026, the banqup-zenvoices authors"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the test run executes what is to be executed

# Public names are documented where their package shows them, each once.
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
# A signature shows the name of an alias, which has its own entry, not what the name stands for.
autodoc_type_aliases = {
    name: f"{package}.{name}"
    for package, names in {
        "bridge": ("AsyncMapper", "Event", "Exportable", "JournalRule", "Listener", "Mapper"),
        "bridge.testing": ("OpenStore", "TrialDocument"),
        "bridge.ubl": ("Kind", "Reason", "Source"),
        "banqup_client.testing": ("FileStatus", "Moment"),
        "zenvoices_client.testing": ("Lookup",),
    }.items()
    for name in names
}
napoleon_google_docstring = True
napoleon_use_ivar = True
# What a class's "Attributes" section becomes is headed by this; "Variables" is no word for them.
for kind in PyObject.doc_field_types:
    if kind.name == "variable":
        kind.label = "Attributes"


def whole_returns(
    self: GoogleDocstring, preprocess_types: bool = False
) -> list[tuple[str, str, list[str]]]:
    """What is returned. Its type is in the annotation: a colon in the text is a colon."""
    lines = self._dedent(self._consume_to_next_section())
    return [("", "", GoogleDocstring(lines, self._config).lines())] if lines else []


def whole_attribute(self: GoogleDocstring) -> tuple[str, list[str]]:
    """What an attribute is, likewise."""
    lines = self._dedent(self._consume_to_end())
    return "", GoogleDocstring(lines, self._config).lines()


setattr(GoogleDocstring, "_consume_returns_section", whole_returns)  # noqa: B010
setattr(GoogleDocstring, "_consume_inline_attribute", whole_attribute)  # noqa: B010

html_theme = "furo"
html_title = "banqup-zenvoices"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def home(package: str, name: str) -> str:
    """The module in which a name that a package shows is written."""
    tree = ast.parse(inspect.getsource(import_module(package)))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return (f"{package.split('.')[0]}." if node.level else "") + str(node.module)
    return package


def describe_data(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """A constant or an alias is described where it is written, not where its package shows it."""
    if what not in ("data", "type"):
        return
    package, _, short = name.rpartition(".")
    written = ModuleAnalyzer.for_module(home(package, short))
    written.analyze()
    lines[:] = written.attr_docs.get(("", short), [])


MADE_BY_ATTRS = re.compile(r"attr_dict\['(\w+)'\]\.default")
# How Sphinx writes an alias within another type, and how it writes a combinator's mapper, which is
# generic so that it takes and returns either kind.
ALIAS = re.compile(r"TypeAliasForwardRef\('([\w.]+)'\)")
EITHER_MAPPER = re.compile(r"(?:~?collections\.abc\.)?Callable\[\[.*?_Said\]")


def simplify_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: object,
    signature: str | None,
    answer: str | None,
) -> tuple[str | None, str | None]:
    """Show the names of aliases, and the defaults of a class that attrs made."""

    def default(found: re.Match[str]) -> str:
        # A factory's value differs each time.
        value = attrs.fields_dict(obj)[found[1]].default
        if inspect.isbuiltin(value):
            return f"{value.__module__}.{value.__name__}"
        return "..." if isinstance(value, attrs.Factory) else repr(value)

    def shown(text: str | None) -> str | None:
        if text is None:
            return None
        text = EITHER_MAPPER.sub("bridge.Mapper", ALIAS.sub(r"\1", text))
        if not attrs.has(obj):
            return text
        # Not how attrs wrote the class's ``__init__``.
        return re.sub(r"(= ?)NOTHING\b", r"\1...", MADE_BY_ATTRS.sub(default, text))

    return shown(signature), shown(answer)


def mark_tables_of_tests(app: Sphinx, document: nodes.document) -> None:
    """A table that names tests is laid out so that their names have a line of their own."""
    for table in document.findall(nodes.table):
        if any("::test_" in code.astext() for code in table.findall(nodes.literal)):
            table["classes"].append("tests")


def keep_french_marks(app: Sphinx, document: nodes.document) -> None:
    """Let no line of a French page begin with a mark that has a blank before it."""
    if not app.env.docname.endswith("-fr"):
        return
    for text in list(document.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.literal | nodes.literal_block):
            kept = re.sub(r" (?=[;?!])", "\N{NARROW NO-BREAK SPACE}", text.replace(" :", "\xa0:"))
            text.parent.replace(text, nodes.Text(kept))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-read", keep_french_marks)
    app.connect("autodoc-process-docstring", describe_data)
    app.connect("autodoc-process-signature", simplify_signature)
    app.connect("doctree-read", mark_tables_of_tests)
    return {"parallel_read_safe": True}
