"""Times, numbers and other people's texts, written for a person or a spreadsheet.

The story, the table and the export share it.
"""

from datetime import UTC, datetime

DAY_MSC = 86_400_000


def iso(at_msc: int) -> str:
    """Return an instant as ISO 8601 in UTC with milliseconds; "" for none."""
    if at_msc <= 0:
        return ""
    try:
        second = datetime.fromtimestamp(at_msc // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return ""  # A sender may claim any number; the number itself is shown beside it.
    return f"{second:%Y-%m-%dT%H:%M:%S}.{at_msc % 1000:03d}Z"


def day(server_day: int) -> str:
    """Return a day of the broker's clock, counted from 1970, as its date."""
    return iso(server_day * DAY_MSC)[:10]


def plain(text: str) -> str:
    """Return a text without anything that a console would obey: senders choose ids and comments."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text
    )


def number_text(value: float | None) -> str:
    """Return a number as exactly as it is known, without a needless .0; "" for none."""
    if value is None:
        return ""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def money(amount: float) -> str:
    """Return an amount with two digits at least, and as many as it has."""
    exact = number_text(round(amount, 8))
    return exact if len(exact.partition(".")[2]) > 2 else f"{amount:.2f}"


def aligned(rows: list[list[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Return rows of cells as lines with straight columns.

    Args:
        right: the columns whose cells end at one place, for numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
