"""A terminal of eighty columns."""

from io import StringIO

from rich.console import Console, RenderableType


def eighty_columns(shown: RenderableType) -> str:
    """Return what a terminal of eighty columns shows."""
    page = StringIO()
    Console(file=page, width=80, highlight=False).print(shown)
    return page.getvalue()
