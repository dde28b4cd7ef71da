"""Sphinx: `make docs` builds the site; reference pages are written from the services' own tables first."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

project = "cloudcore"
author = "the cloudcore authors"
copyright = "the cloudcore authors; Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "cloudcore"
html_theme_options = {"footer_icons": [], "source_repository": ""}
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False
suppress_warnings = ["myst.xref_missing"]  # pages link to files of the repository too


def plain(app, what, name, found, options, lines):
    """Docstrings are plain text: what is indented is an example, a star is a star."""
    for at, line in enumerate(lines):
        lines[at] = line.replace("\\", "\\\\").replace("*", "\\*")
        behind = lines[at + 1 : at + 3]
        if line.endswith(":") and len(behind) == 2 and not behind[0] and behind[1].startswith("    "):
            lines[at] += ":"


def setup(app):
    """Write what is generated before the sources are read."""
    import make_reference

    make_reference.write(HERE / "reference")
    app.connect("autodoc-process-docstring", plain)
