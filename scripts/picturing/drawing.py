"""Draws lines of a console as an SVG: a window with a title, letters of one width, a colour for what matters.

A picture holds nothing but text and shapes: no font and nothing else is fetched to show it.
"""

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

COLUMNS_MAX = 120  # As wide as a console of Windows is by default.
LETTER_WIDTH = 7.8
LINE_HEIGHT = 18
MARGIN = 16
TITLE_HEIGHT = 34
INK = "#d6d6d6"
# The first that is found colours the line.
COLOURS = (
    (r"^C:.*>|Your choice:|Type yes:", "#ffffff"),
    (r"\bFAILED\b|\bERROR\b|EMERGENCY|No order can be placed|cannot be used", "#ff7b72"),
    (r"\bWARNING\b|^\s+mend:", "#e3b341"),
    (r"Order placed|Position closed|Open for orders|^\s+ok\b|: filled|can be placed now|^Done", "#7ee787"),
)


def fitted(line: str, columns: int = COLUMNS_MAX) -> list[str]:
    """Return a line as rows of a window so wide, broken between words and indented like its beginning."""
    indent = " " * min(len(line) - len(line.lstrip()) + 2, columns // 2)
    rows, rest = [], line.rstrip()
    while len(rest) > columns:
        at = rest.rfind(" ", len(indent) + 1, columns + 1)
        at = at if at > 0 else columns
        rows.append(rest[:at].rstrip())
        rest = indent + rest[at:].lstrip()
    return [*rows, rest]


def draw(title: str, lines: Sequence[str]) -> str:
    """Return the picture of a console with these lines."""
    rows = [(row, _colour(line)) for line in lines for row in fitted(line)]
    width = round(max(len(row) for row, _ in rows) * LETTER_WIDTH + 2 * MARGIN)
    height = TITLE_HEIGHT + len(rows) * LINE_HEIGHT + MARGIN
    texts = [
        f'<text x="{MARGIN}" y="{TITLE_HEIGHT + (at + 1) * LINE_HEIGHT - 4}" fill="{colour}" '
        f'textLength="{len(row) * LETTER_WIDTH:.1f}" xml:space="preserve">{escape(row)}</text>'
        for at, (row, colour) in enumerate(rows)
        if row.strip()
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    named = 'fill="#ffffff" font-family="Segoe UI, sans-serif" font-size="12"'
    letters = 'font-family="Cascadia Mono, Consolas, Menlo, DejaVu Sans Mono, monospace" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#0c0c0c"/>',
        f'<path d="M0 8a8 8 0 0 1 8-8h{width - 16}a8 8 0 0 1 8 8v20H0z" fill="#2b2b2b"/>',
        f'<text x="{MARGIN}" y="19" {named}>{escape(title)}</text>',
        f"<g {letters}>",
        *texts,
        "</g>",
        "</svg>",
    ]
    return "".join(f"{part}\n" for part in parts)


def _colour(line: str) -> str:
    return next((colour for pattern, colour in COLOURS if re.search(pattern, line)), INK)
