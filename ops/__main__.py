"""The command `tidings` if it is not installed: `python -m ops`."""

from ops.cli import app

app(prog_name="tidings")
