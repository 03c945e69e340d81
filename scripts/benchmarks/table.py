"""The bench's figures as a table for a terminal. Pure; `run` prints it."""

from collections.abc import Iterable, Sequence

from scripts.benchmarks.figures import Figure

HEADINGS = ("measurement", "figure", "floor", "ratio", "target", "")


def render(figures: Iterable[Figure]) -> str:
    """Return the table: one line a figure under a line of headings."""
    rows = [HEADINGS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def verdict(figures: Iterable[Figure]) -> str:
    """Return in one line how many targets are met and which are not."""
    judged = [figure for figure in figures if figure.met is not None]
    missed = [figure.name for figure in judged if not figure.met]
    return f"{len(judged) - len(missed)} of {len(judged)} targets met" + (
        f"; missed: {'; '.join(missed)}" if missed else ""
    )


def show(value: float | None) -> str:
    """Return a number with about three digits that count."""
    if value is None:
        return "-"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        f"{show(figure.value)} {figure.unit}".strip(),
        "" if figure.floor is None else show(figure.floor),
        "" if figure.ratio is None else f"{figure.ratio:.2f}x",
        "" if figure.target is None else str(figure.target),
        {True: "met", False: "MISSED", None: ""}[figure.met],
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
