"""Bar charts of tables as SVG text: the same on every machine, and readable on light and dark pages."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.figures import Table

WIDTH, LEFT, RIGHT = 860, 250, 90
BAR, GAP, HEAD, LEGEND = 16, 8, 34, 22
COLOURS = ("#2f6f9f", "#d9822b", "#4c9f70", "#a24b8e", "#c0504d", "#7a7a7a", "#8c6bb1", "#c7a93b", "#5ab4ac", "#8c510a")


def svg(table: Table) -> str:
    """Draw a table's chart."""
    columns = range(1 if table.chart == "bars" else len(table.columns))
    stacked = table.chart == "stacked"
    rows = {name: [values[n] for n in columns] for name, values in table.rows.items()}
    most = max((sum(values) if stacked else max(values) for values in rows.values()), default=0) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [_text(12, 22, f"{table.title}, {table.unit}" if table.unit else table.title, "title")]
    y = HEAD
    if len(columns) > 1:
        y = _legend([table.columns[n] for n in columns], y, parts)
    for name, values in rows.items():
        height = BAR if stacked or len(values) == 1 else BAR * 2 // 3 * len(values)
        parts.append(_text(LEFT - 8, y + height / 2 + 4, name, "name"))
        if stacked:
            x = float(LEFT)
            for n, value in enumerate(values):
                if value:
                    parts.append(_bar(x, y, value * scale, height, n))
                x += value * scale
            parts.append(_text(x + 6, y + height / 2 + 4, number(sum(values)), "value"))
        else:
            thick = height / len(values)
            for n, value in enumerate(values):
                parts.append(_bar(LEFT, y + n * thick, value * scale, thick - (len(values) > 1), n))
                parts.append(_text(LEFT + value * scale + 6, y + (n + 0.5) * thick + 4, number(value), "value"))
        y += height + GAP
    return "\n".join([_HEAD.format(width=WIDTH, height=y + GAP), *parts, "</svg>", ""])


def number(value: float) -> str:
    """Format a number with four significant digits, or with all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _legend(columns: Sequence[str], y: int, parts: list[str]) -> int:
    """Draw the legend of the columns' colours. Return the y coordinate below it."""
    x = 12
    for n, column in enumerate(columns):
        width = 30 + 7 * len(column)
        if x + width > WIDTH:
            x, y = 12, y + LEGEND
        parts += [_bar(x, y, 12, 12, n), _text(x + 17, y + 11, column, "value")]
        x += width
    return y + LEGEND + GAP // 2


def _bar(x: float, y: float, width: float, height: float, n: int) -> str:
    colour = COLOURS[n % len(COLOURS)]
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'


_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>text {{ font: 12px sans-serif; fill: #222 }} .title {{ font-weight: bold; font-size: 14px }} \
.name {{ text-anchor: end }}</style>
<rect width="100%" height="100%" fill="#fff"/>"""
