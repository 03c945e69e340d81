"""The closed list of what a worker can be asked: each operation's arguments, reply, priority and deadline.

Shared by both ends, so it stays light. What replies are made of is in `rows`. The worker fills them,
`market_lane` and `trade_lane` turn them into core values.

Deadlines, in seconds: the package has none of its own, so a worker whose call takes longer is killed; and a
request that got no turn within its wait is withdrawn, certainly unwritten.

    operation  deadline  wait  because
    connect    120       0     initialize() waits up to 100 s for a terminal that it starts; the lane adds
                               MT5_TIMEOUT_MS, which the package spends on the login after that
    select     60        0     near matches need the whole symbol list, 30 MB at brokers with thousands; and a
                               month of the account's history is read
    identity   5         0     two questions to the terminal's memory, milliseconds; asked while idle only
    ticks      60        5     the first question for a symbol downloads its missing history, 45 s reported
    newest     10        5     the terminal's memory, milliseconds
    history    300       5     days of ticks may have to be downloaded; asked in a lane of its own
    report     10        5     the terminal's memory, milliseconds; of the history only what is new
    appraise   10        2     the terminal's memory; an order looked at late is worse than one refused
    submit     15        1     brokers answer in 0.1 to 0.3 s, at bad moments in seconds; killing the lane
                               costs a reconciliation, and an order sent late is worse than one refused
    look       30        5     the history of a busy account is fetched from the trade server
    deals      30        5     the same; asked for many trades at once
"""

from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgspec

from hybrid_bridge.terminal.rows import (
    AccountRow,
    BookingRow,
    DealRow,
    OrderRow,
    PositionRow,
    QuoteRow,
    SendRow,
    SymbolRow,
    TerminalRow,
    WorthRow,
)

A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)

NEWEST = -1  # As a tick request's start: begin at the newest tick there is.


class Priority(IntEnum):
    """Who goes first when several wait for one lane."""

    SUBMIT = 0
    APPRAISE = 1
    LOOK = 2
    REPORT = 3
    TICKS = 4


class ConnectArgs(msgspec.Struct, frozen=True):
    """How to reach the terminal; None and empty texts are left to the package."""

    path: str
    login: int | None
    password: str
    server: str
    timeout_ms: int


class ConnectReply(msgspec.Struct, frozen=True):
    """Who and what answered."""

    login: int
    server: str
    path: str
    build: int


class SelectArgs(msgspec.Struct, frozen=True):
    """Which symbols must be in the Market Watch."""

    symbols: list[str]


class SelectReply(msgspec.Struct, frozen=True):
    """The rules of the symbols there are, and names like those there are not."""

    specs: list[SymbolRow]
    unknown: dict[str, list[str]]


class TickRequest(msgspec.Struct, frozen=True, array_like=True):
    """From where one symbol's ticks are wanted.

    Attributes:
        from_server_msc: first millisecond wanted; NEWEST for the newest tick's own millisecond.
        skip: how many ticks of exactly that millisecond are known already.
        limit: most rows in the page.
    """

    symbol: str
    from_server_msc: int
    skip: int
    limit: int


class TicksArgs(msgspec.Struct, frozen=True):
    """One request per symbol."""

    requests: list[TickRequest]


class TickPage(msgspec.Struct, frozen=True, array_like=True):
    """One symbol's ticks, oldest first.

    Attributes:
        rows: packed 60-byte rows as the package's array holds them.
        more: whether there are later ticks than these.
        code, text: why there is no page, in the package's words; 0 and empty when there is one.
    """

    symbol: str
    rows: bytes
    more: bool
    code: int = 0
    text: str = ""


class TicksReply(msgspec.Struct, frozen=True):
    """One page per request, in the same order."""

    pages: list[TickPage]


class HistoryArgs(msgspec.Struct, frozen=True):
    """Which ticks of the past are wanted.

    Attributes:
        from_server_msc, to_server_msc: the span on the broker's wall clock, its end not included.
    """

    symbol: str
    from_server_msc: int
    to_server_msc: int


class HistoryReply(msgspec.Struct, frozen=True):
    """All ticks of a span, oldest first, as packed 60-byte rows."""

    rows: bytes


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class NewestReply(msgspec.Struct, frozen=True):
    """The newest tick's time of each selected symbol that has one, server milliseconds."""

    newest: dict[str, int]


class ReportArgs(msgspec.Struct, frozen=True):
    """How much of the account is wanted.

    Attributes:
        valued: whether what is open is to be valued: a call for each position, order and symbol.
    """

    valued: bool


class ValuationReply(msgspec.Struct, frozen=True):
    """What all that is open could lose and is worth, with None for what cannot be known.

    Attributes:
        position_losses, order_losses: by ticket; an order and the position that it became share one.
    """

    position_losses: dict[int, float | None]
    order_losses: dict[int, float | None]
    worths: list[WorthRow]


class ReportReply(msgspec.Struct, frozen=True):
    """One look at the account.

    Attributes:
        bookings: the latest money paid in and out, oldest first.
        explained: False while the money has moved and deals that would tell why are still to come.
        valuation: None where it was not asked for.
    """

    account: AccountRow
    terminal: TerminalRow
    positions: list[PositionRow]
    orders: list[OrderRow]
    newest: dict[str, int]
    bookings: list[BookingRow]
    explained: bool
    valuation: ValuationReply | None = None


class AppraiseArgs(msgspec.Struct, frozen=True):
    """What a wanted order is about.

    Attributes:
        type: ORDER_TYPE_BUY 0 or ORDER_TYPE_SELL 1.
        stop_loss: price, 0.0 for none.
        valued: whether what is open is to be valued: a call for each position, order and symbol.
        entry_price: what loss and margin are reckoned from; 0.0 for the present price.
    """

    symbol: str
    type: int
    stop_loss: float
    valued: bool = True
    entry_price: float = 0.0


class AppraiseReply(msgspec.Struct, frozen=True):
    """The facts about one symbol and the account, with None for what cannot be known."""

    spec: SymbolRow | None
    quote: QuoteRow | None
    profit_at_stop: float | None
    margin: float | None
    commission_per_lot: float
    report: ReportReply


class SubmitArgs(msgspec.Struct, frozen=True):
    """A trade request under the package's own names and types (MqlTradeRequest).

    Attributes:
        latest_utc_msc: not to be sent after this instant; 0 for whenever. No part of the request.
    """

    action: int
    symbol: str
    volume: float
    price: float
    sl: float
    tp: float
    deviation: int
    type: int
    type_filling: int
    type_time: int
    magic: int
    order: int
    position: int
    comment: str
    latest_utc_msc: int = 0


class SubmitReply(msgspec.Struct, frozen=True):
    """What became of one request, unjudged.

    Attributes:
        sent: whether order_send was called; False when order_check refused, another account answers or it
            was too late.
        check_retcode, check_comment: order_check's refusal; 0 and empty when it let the request pass.
        result: order_send's result, None when it returned none.
        code, text: last_error of the call that gave no result; 1 after success.
        stranger: who is logged in instead of the account that the lane was made for; empty when nobody is.
        late_ms: by how much it was too late.
    """

    sent: bool
    check_retcode: int
    check_comment: str
    result: SendRow | None
    code: int
    text: str
    stranger: str = ""
    late_ms: int = 0


class LookArgs(msgspec.Struct, frozen=True):
    """What to look for.

    Attributes:
        magic, comment, position: 0 and empty match nothing.
        from_server_s, to_server_s: window of the history, whole seconds of the broker's wall clock.
    """

    magic: int
    comment: str
    position: int
    from_server_s: int
    to_server_s: int


class LookReply(msgspec.Struct, frozen=True):
    """Everything that matches; an operation of which any query failed gives no reply of this kind."""

    connected: bool
    positions: list[PositionRow]
    orders: list[OrderRow]
    history_orders: list[OrderRow]
    deals: list[DealRow]


class DealsArgs(msgspec.Struct, frozen=True):
    """Which trades to look for.

    Attributes:
        magics, comments: of the orders that opened or changed them.
        positions: tickets of positions that bear neither.
        from_server_s, to_server_s: as in LookArgs.
    """

    magics: frozenset[int]
    comments: frozenset[str]
    positions: frozenset[int]
    from_server_s: int
    to_server_s: int


class DealsReply(msgspec.Struct, frozen=True):
    """The deals asked for and all others of their positions; an unanswered question gives no such reply."""

    connected: bool
    deals: list[DealRow]


class Operation(msgspec.Struct, Generic[A, R], frozen=True):
    """One thing a worker can be asked.

    Attributes:
        timeout_s: from the write of the request; past it the worker is killed.
        wait_s: longest wait for the lane before the request is withdrawn unwritten.
        shows_account: whether the worker sees in passing who is logged in.
    """

    name: str
    args: type[A]
    reply: type[R]
    priority: Priority
    timeout_s: float
    wait_s: float
    shows_account: bool = False


CONNECT = Operation("connect", ConnectArgs, ConnectReply, Priority.SUBMIT, 120.0, 0.0, shows_account=True)
SELECT = Operation("select", SelectArgs, SelectReply, Priority.LOOK, 60.0, 0.0)
IDENTITY = Operation("identity", Nothing, ConnectReply, Priority.REPORT, 5.0, 0.0, shows_account=True)
TICKS = Operation("ticks", TicksArgs, TicksReply, Priority.TICKS, 60.0, 5.0)
NEWEST_TICKS = Operation("newest", Nothing, NewestReply, Priority.TICKS, 10.0, 5.0)
HISTORY = Operation("history", HistoryArgs, HistoryReply, Priority.TICKS, 300.0, 5.0)
REPORT = Operation("report", ReportArgs, ReportReply, Priority.REPORT, 10.0, 5.0, shows_account=True)
APPRAISE = Operation(
    "appraise", AppraiseArgs, AppraiseReply, Priority.APPRAISE, 10.0, 2.0, shows_account=True
)
SUBMIT = Operation("submit", SubmitArgs, SubmitReply, Priority.SUBMIT, 15.0, 1.0, shows_account=True)
LOOK = Operation("look", LookArgs, LookReply, Priority.LOOK, 30.0, 5.0, shows_account=True)
DEALS = Operation("deals", DealsArgs, DealsReply, Priority.REPORT, 30.0, 5.0, shows_account=True)

OPERATIONS: dict[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        *(CONNECT, SELECT, IDENTITY, TICKS, NEWEST_TICKS, HISTORY, REPORT, APPRAISE, SUBMIT, LOOK, DEALS),
    )
}
