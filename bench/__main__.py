"""The command `python -m bench`: measures all figures, or those named by the arguments."""

import io
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path

from bench.report import HERE, Group, Report, groups, write


def main(wanted: list[str], folder: Path = HERE) -> int:
    """Measure figures and write the report.

    Args:
        wanted: The keys of the figures to measure; all if it is empty.
        folder: The folder of the report.

    Returns:
        The exit status: 1 if a limit does not hold, 2 if a key is unknown.
    """
    known = {key: group for group in groups() for key in group.KEYS}
    if unknown := [key for key in wanted if key not in known]:
        print(f"Unknown figures: {', '.join(unknown)}. Known: {' '.join(known)}", file=sys.stderr)  # noqa: T201
        return 2
    keys = wanted or list(known)
    report = Report.read(folder)
    for group in dict.fromkeys(known[key] for key in keys):
        for key in _measure(group, keys, report):
            print(report.line(key), flush=True)  # noqa: T201 - the command's output
        write(report, folder)
    return 0 if all(report.ok(key) for key in keys) else 1


def _measure(group: Group, keys: list[str], report: Report) -> list[str]:
    """Measure a group, and add the figures that were asked for to the report. The shop's own logs are not shown."""
    with redirect_stdout(io.StringIO()):
        figures = [figure for figure in group.measure() if figure.key in keys]
    for figure in figures:
        report.add(figure)
    return [figure.key for figure in figures]


if __name__ == "__main__":
    # SIGTERM must end the local cloud, too, which the interpreter's normal exit does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
