"""Ticks cut out of what the package gives, exact to the tick although it is asked by whole seconds.

Runs inside the worker only; numpy arrays never leave it. A page, of `copy_ticks_from`, starts after `skip`
ticks of exactly `from_server_msc`, holds at most `limit` rows and says whether there are more: what the
bridge sends. A span, of `copy_ticks_range`, is everything between two instants: what an audit holds against
it, and so had another way.
"""

from typing import Any

from hybrid_bridge.terminal.operations import (
    NEWEST,
    HistoryArgs,
    HistoryReply,
    TickPage,
    TickRequest,
    TicksArgs,
    TicksReply,
)
from hybrid_bridge.terminal.package import Package, PackageError

COPY_TICKS_ALL = -1
# Rows asked for beyond the limit: the cursor's second is read again each time, up to the cursor.
REREAD_ROWS = 512
# A second holds fewer ticks than this; asking for more would fetch hours of history.
COUNT_MAX = 1 << 20
# 60 MB, what one reply can carry.
SPAN_ROWS_MAX = 1_000_000


def read_pages(package: Package, args: TicksArgs) -> TicksReply:
    """Read one page per request; a symbol's own error is in its page, a lost connection raises."""
    return TicksReply([_page_or_error(package, request) for request in args.requests])


def _page_or_error(package: Package, request: TickRequest) -> TickPage:
    try:
        return read_page(package, request)
    except PackageError as error:
        if package.link_lost:
            raise
        return TickPage(request.symbol, b"", more=False, code=error.code, text=error.text)


def read_page(package: Package, request: TickRequest) -> TickPage:
    """Read the ticks that follow a cursor.

    Raises:
        PackageError: when the terminal refuses, or one second holds more ticks than can be asked for.
    """
    from_msc = request.from_server_msc
    if from_msc == NEWEST:
        tick = package.ask("symbol_info_tick", request.symbol)
        if tick is None or not tick.time_msc:
            return TickPage(request.symbol, b"", more=False)
        from_msc = tick.time_msc
    count = request.limit + request.skip + REREAD_ROWS
    while True:
        rows = package.call("copy_ticks_from", request.symbol, from_msc // 1000, count, COPY_TICKS_ALL)
        start = first_new_row(rows["time_msc"], from_msc, request.skip)
        full = len(rows) >= count
        if start < len(rows) or not full:
            end = min(len(rows), start + request.limit)
            return TickPage(request.symbol, rows[start:end].tobytes(), more=full or end < len(rows))
        if count >= COUNT_MAX:
            text = f"more than {count} ticks between {from_msc // 1000} s and the cursor {from_msc} ms"
            raise PackageError("copy_ticks_from", 0, text)
        count = min(2 * count, COUNT_MAX)


def first_new_row(times_msc: Any, from_msc: int, skip: int) -> int:
    """Return the index of the first row after `skip` rows of exactly `from_msc`."""
    first = int(times_msc.searchsorted(from_msc, side="left"))
    after = int(times_msc.searchsorted(from_msc, side="right"))
    return min(first + skip, after)


def read_span(package: Package, args: HistoryArgs) -> HistoryReply:
    """Read every tick between two instants.

    Raises:
        PackageError: when the terminal refuses, or there are more ticks than one reply can carry.
    """
    from_s, to_s = args.from_server_msc // 1000, args.to_server_msc // 1000 + 1
    rows = package.call("copy_ticks_range", args.symbol, from_s, to_s, COPY_TICKS_ALL)
    times_msc = rows["time_msc"]
    wanted = rows[(times_msc >= args.from_server_msc) & (times_msc < args.to_server_msc)]
    if len(wanted) > SPAN_ROWS_MAX:
        text = f"{len(wanted)} ticks from {from_s} s to {to_s} s, more than {SPAN_ROWS_MAX}; ask for less"
        raise PackageError("copy_ticks_range", 0, text)
    return HistoryReply(wanted.tobytes())
