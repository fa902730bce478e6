"""`python -m bench` measures all, `python -m bench KEY …` those figures alone."""

import io
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path

from bench.report import HERE, Group, Report, groups, write


def main(wanted: list[str], folder: Path = HERE) -> int:
    """Measures, reports; 1 where a limit does not hold, 2 where there is no such figure."""
    known = {key: group for group in groups() for key in group.KEYS}
    if unknown := [key for key in wanted if key not in known]:
        print(f"There is no {', '.join(unknown)}; there are: {' '.join(known)}", file=sys.stderr)  # noqa: T201
        return 2
    keys = wanted or list(known)
    report = Report.read(folder)
    for group in dict.fromkeys(known[key] for key in keys):
        for key in _measure(group, keys, report):
            print(report.line(key), flush=True)  # noqa: T201 - what it was called for
        write(report, folder)
    return 0 if all(report.ok(key) for key in keys) else 1


def _measure(group: Group, keys: list[str], report: Report) -> list[str]:
    """Measures a group's figures and reports those that were asked for; what the shop itself logs is not shown."""
    with redirect_stdout(io.StringIO()):
        figures = [figure for figure in group.measure() if figure.key in keys]
    for figure in figures:
        report.add(figure)
    return [figure.key for figure in figures]


if __name__ == "__main__":
    # What ends a program politely must end the local cloud that it measures too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
