"""The `tidings` command where it is not installed: `python -m ops`."""

from ops.cli import app

app(prog_name="tidings")
