"""Sphinx's configuration of the documentation site."""

import os
import re
from inspect import isfunction
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import tidings

# Some modules create clients of AWS when they are imported. The clients need a region.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

project = "Tidings"
author = "The Tidings maintainers"
release = tidings.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = "Tidings"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The reference lists every module. A class or function is documented where it is defined.
add_module_names = False
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autosummary_ignore_module_all = False
# The modules of Lambda functions cannot be imported without the function's environment.
autosummary_context = {"lambda_functions": ["tidings.aws.consume", "tidings.aws.personal", "tidings.aws.relay"]}
default_role = "code"
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

FENCE = re.compile(r"^(?P<indent>\s*)```(?P<language>\w*)$")


LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^):#]+)\)")


def unlink_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show a link to a folder, or to a file outside docs/, by its text: the site does not contain it."""
    folder = Path(app.srcdir, docname).parent

    def unlink(link: re.Match[str]) -> str:
        target = (folder / link["target"]).resolve()
        elsewhere = target.is_dir() or (target.exists() and not target.is_relative_to(app.srcdir))
        return link["text"] if elsewhere else link[0]

    source[0] = LINK.sub(unlink, source[0])


def to_code_blocks(_app: Sphinx, _what: str, _name: str, _object: object, _options: Any, lines: list[str]) -> None:
    """Turn the fenced code blocks of a docstring, in place, into reStructuredText's."""
    converted: list[str] = []
    inside = False
    for line in lines:
        fence = FENCE.match(line)
        if fence and not inside:
            converted += [f"{fence['indent']}.. code-block:: {fence['language'] or 'text'}", ""]
        elif not fence:
            converted.append(f"    {line}" if inside and line else line)
        inside = inside != bool(fence)
    lines[:] = converted


def name_defaults(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show a function that is a field's default by its name, and a lambda as an ellipsis."""
    if signature:
        signature = re.sub(r"<function [\w.]*<lambda>>", "...", signature)
        signature = re.sub(r"<function ([\w.]+)>", r"\1", signature)
    return signature, returns


def skip_defaults(_app: Sphinx, what: str, name: str, member: object, _skip: bool, _options: Any) -> bool | None:
    """Leave out functions that are defaults of a dataclass's fields: they are no methods."""
    return True if what == "class" and isfunction(member) and member.__name__ != name else None


def setup(app: Sphinx) -> None:
    """Register the functions above. Docstrings are converted before napoleon reads their sections."""
    app.connect("source-read", unlink_files)
    app.connect("autodoc-process-docstring", to_code_blocks, priority=400)
    app.connect("autodoc-process-signature", name_defaults)
    app.connect("autodoc-skip-member", skip_defaults)
