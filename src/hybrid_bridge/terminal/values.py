"""Turns the package's rows into the core's values: names, units, and the server's clock into UTC.

Pure. Used by `market_lane` and `trade_lane`.
"""

from hybrid_bridge.core.account import (
    Account,
    AccountReport,
    BalanceOperation,
    Deal,
    HistoricOrder,
    PendingOrder,
    Position,
    TerminalStatus,
    Valuation,
    Worth,
)
from hybrid_bridge.core.market import Quote, Side, SymbolSpec
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.operations import ReportReply, ValuationReply
from hybrid_bridge.terminal.rows import (
    AccountRow,
    BookingRow,
    DealRow,
    OrderRow,
    PositionRow,
    QuoteRow,
    SymbolRow,
    TerminalRow,
    WorthRow,
)

MARGIN_MODE_HEDGING = 2  # ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
SIDES = {0: Side.BUY, 1: Side.SELL}  # POSITION_TYPE_*, DEAL_TYPE_*
ORDER_TYPES = {Side.BUY: 0, Side.SELL: 1}


def symbol_spec(row: SymbolRow) -> SymbolSpec:
    """Return a symbol's rules."""
    return SymbolSpec(
        name=row.name,
        digits=row.digits,
        point=row.point,
        tick_size=row.trade_tick_size,
        contract_size=row.trade_contract_size,
        volume_min=row.volume_min,
        volume_max=row.volume_max,
        volume_step=row.volume_step,
        volume_limit=row.volume_limit,
        stops_level=row.trade_stops_level,
        freeze_level=row.trade_freeze_level,
        filling_mode=row.filling_mode,
        execution_mode=row.trade_exemode,
        trade_mode=row.trade_mode,
        currency_base=row.currency_base,
        currency_profit=row.currency_profit,
        currency_margin=row.currency_margin,
    )


def quote(symbol: str, row: QuoteRow, clock: ServerClock) -> Quote | None:
    """Return the current quote; None when the symbol has had no tick yet."""
    return Quote(symbol, row.bid, row.ask, clock.to_utc_msc(row.time_msc)) if row.time_msc else None


def account(row: AccountRow) -> Account:
    """Return the account's figures."""
    return Account(
        login=row.login,
        server=row.server,
        currency=row.currency,
        balance=row.balance,
        equity=row.equity,
        profit=row.profit,
        margin=row.margin,
        free_margin=row.margin_free,
        margin_level=row.margin_level,
        leverage=row.leverage,
        trade_allowed=row.trade_allowed,
        trade_expert=row.trade_expert,
        hedging=row.margin_mode == MARGIN_MODE_HEDGING,
    )


def terminal_status(row: TerminalRow) -> TerminalStatus:
    """Return the terminal's own state."""
    return TerminalStatus(row.path, row.build, row.connected, row.trade_allowed, row.tradeapi_disabled)


def position(row: PositionRow, clock: ServerClock) -> Position:
    """Return an open position."""
    return Position(
        ticket=row.ticket,
        identifier=row.identifier,
        symbol=row.symbol,
        side=SIDES[row.type],
        volume=row.volume,
        price_open=row.price_open,
        price_current=row.price_current,
        stop_loss=row.sl,
        take_profit=row.tp,
        profit=row.profit,
        swap=row.swap,
        magic=row.magic,
        comment=row.comment,
        time_msc=clock.to_utc_msc(row.time_msc),
    )


def pending_order(row: OrderRow) -> PendingOrder:
    """Return an order that waits at the venue."""
    return PendingOrder(
        ticket=row.ticket,
        symbol=row.symbol,
        type=row.type,
        volume=row.volume_current,
        price_open=row.price_open,
        stop_loss=row.sl,
        take_profit=row.tp,
        magic=row.magic,
        comment=row.comment,
    )


def historic_order(row: OrderRow) -> HistoricOrder:
    """Return an order that is over."""
    return HistoricOrder(
        ticket=row.ticket,
        position_id=row.position_id,
        symbol=row.symbol,
        state=row.state,
        volume_initial=row.volume_initial,
        volume_current=row.volume_current,
        magic=row.magic,
        comment=row.comment,
    )


def deals(rows: list[DealRow], clock: ServerClock) -> tuple[Deal, ...]:
    """Return the executions among deals; balance, credit and commission bookings are none."""
    return tuple(_deal(row, clock) for row in rows if row.type in SIDES)


def _deal(row: DealRow, clock: ServerClock) -> Deal:
    return Deal(
        ticket=row.ticket,
        order=row.order,
        position_id=row.position_id,
        symbol=row.symbol,
        side=SIDES[row.type],
        entry=row.entry,
        volume=row.volume,
        price=row.price,
        profit=row.profit,
        commission=row.commission,
        swap=row.swap,
        magic=row.magic,
        comment=row.comment,
        time_msc=clock.to_utc_msc(row.time_msc),
        fee=row.fee,
    )


def balance_operation(row: BookingRow, clock: ServerClock) -> BalanceOperation:
    """Return money paid in or out."""
    return BalanceOperation(row.ticket, row.profit, clock.to_utc_msc(row.time_msc))


def worth(row: WorthRow) -> Worth:
    """Return what one lot of a symbol is worth."""
    return Worth(row.symbol, row.currency_base, row.currency_profit, row.money_per_lot)


def valuation(reply: ValuationReply) -> Valuation:
    """Return what all that is open could lose and is worth."""
    return Valuation(
        position_losses=reply.position_losses,
        order_losses=reply.order_losses,
        worths={row.symbol: worth(row) for row in reply.worths},
    )


def account_report(reply: ReportReply, clock: ServerClock, utc_msc: int) -> AccountReport:
    """Return one look at the account.

    Args:
        utc_msc: when the bridge looked.
    """
    return AccountReport(
        account=account(reply.account),
        terminal=terminal_status(reply.terminal),
        positions=tuple(position(row, clock) for row in reply.positions),
        orders=tuple(pending_order(row) for row in reply.orders),
        at_msc=utc_msc,
        server_day=clock.server_day(utc_msc),
        valuation=None if reply.valuation is None else valuation(reply.valuation),
        balance_operations=tuple(balance_operation(row, clock) for row in reply.bookings),
        money_explained=reply.explained,
    )
