"""Configuration of the documentation."""

from importlib.metadata import version as version_of

project = "banqup-zenvoices"
author = "The banqup-zenvoices authors"
copyright = "2026, the banqup-zenvoices authors"  # noqa: A001 - Sphinx's name
version = release = version_of("banqup-zenvoices")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the test run executes what is to be executed

autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
intersphinx_mapping: dict[str, tuple[str, None]] = {}

html_theme = "furo"
html_title = "banqup-zenvoices"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
