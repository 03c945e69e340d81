"""The terminal's records of account, terminal and symbols, put together from live state.

Owns which figure goes into which field; computes nothing of its own. The exchange answers its
information calls with these.

Source: the structures of the MetaTrader5 package 5.0.6231; MQL5 reference.
"""

from __future__ import annotations

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.desk import Permissions
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.records import AccountInfo, BookInfo, SymbolInfo, TerminalInfo
from hybrid_bridge.simulator.venue import Venue

# What a terminal with a good line shows: 25 ms, in microseconds.
_PING_US = 25_000
_CODEPAGE = 1252
_BOOK_LOTS_PER_LEVEL = 100.0


def account_report(venue: Venue, permissions: Permissions) -> AccountInfo:
    """Give the account at the current quotes."""
    config = venue.config
    figures = venue.funds.figures()
    margin_mode = (
        mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING if config.hedging else mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING
    )
    return AccountInfo(
        login=config.login,
        trade_mode=mt5.ACCOUNT_TRADE_MODE_DEMO,
        leverage=config.leverage,
        limit_orders=config.limit_orders,
        margin_so_mode=mt5.ACCOUNT_STOPOUT_MODE_PERCENT,
        trade_allowed=permissions.account_trading,
        trade_expert=permissions.account_experts,
        margin_mode=margin_mode,
        currency_digits=config.currency_digits,
        balance=float(figures.balance),
        credit=float(figures.credit),
        profit=float(figures.profit),
        equity=float(figures.equity),
        margin=float(figures.margin),
        margin_free=float(figures.margin_free),
        margin_level=float(figures.margin_level),
        margin_so_call=config.margin_so_call,
        margin_so_so=config.margin_so_so,
        name=config.name,
        server=config.server,
        currency=config.currency,
        company=config.company,
    )


def terminal_report(venue: Venue, permissions: Permissions) -> TerminalInfo:
    """Give the terminal itself."""
    config = venue.config
    return TerminalInfo(
        connected=permissions.connected,
        dlls_allowed=True,
        trade_allowed=permissions.terminal_trading,
        tradeapi_disabled=permissions.api_disabled,
        build=config.build,
        maxbars=config.max_bars,
        codepage=_CODEPAGE,
        ping_last=_PING_US,
        company=config.company,
        name=config.terminal_name,
        language="English",
        path=config.terminal_path,
        data_path=config.terminal_path,
        commondata_path=config.terminal_path,
    )


def symbol_report(venue: Venue, instrument: Instrument) -> SymbolInfo:
    """Give a symbol; one that is not in Market Watch shows no prices."""
    spec = instrument.spec
    report = SymbolInfo(
        select=instrument.selected,
        visible=instrument.selected,
        digits=spec.digits,
        spread_float=True,
        ticks_bookdepth=spec.book_depth,
        trade_calc_mode=spec.calc_mode,
        trade_mode=spec.trade_mode,
        trade_stops_level=spec.stops_level,
        trade_freeze_level=spec.freeze_level,
        trade_exemode=spec.execution,
        swap_mode=spec.swap_mode,
        swap_rollover3days=spec.swap_triple_day,
        expiration_mode=spec.expiration_mode,
        filling_mode=spec.filling_mode,
        order_mode=spec.order_mode,
        order_gtc_mode=mt5.SYMBOL_ORDERS_GTC,
        point=spec.point,
        trade_tick_size=spec.tick_size,
        trade_contract_size=spec.contract_size,
        volume_min=spec.volume_min,
        volume_max=spec.volume_max,
        volume_step=spec.volume_step,
        volume_limit=spec.volume_limit,
        swap_long=spec.swap_long,
        swap_short=spec.swap_short,
        margin_initial=spec.margin_initial,
        margin_hedged=spec.margin_hedged,
        currency_base=spec.currency_base,
        currency_profit=spec.currency_profit,
        currency_margin=spec.currency_margin,
        description=spec.description,
        name=spec.name,
        path=spec.path,
    )
    if not (instrument.selected and instrument.quoted):
        return report
    return _with_quote(venue, instrument, report)


def _with_quote(venue: Venue, instrument: Instrument, report: SymbolInfo) -> SymbolInfo:
    gain = venue.valuation.tick_value(instrument, gain=True)
    loss = venue.valuation.tick_value(instrument, gain=False)
    opened = instrument.session_open
    return report._replace(
        time=instrument.time_msc // 1000,
        spread=round(instrument.points(instrument.ask - instrument.bid)),
        bid=instrument.bid,
        bidhigh=instrument.bid_high,
        bidlow=instrument.bid_low,
        ask=instrument.ask,
        askhigh=instrument.ask_high,
        asklow=instrument.ask_low,
        trade_tick_value=gain,
        trade_tick_value_profit=gain,
        trade_tick_value_loss=loss,
        session_open=opened,
        price_change=round((instrument.bid - opened) / opened * 100, 4),
    )


def book_report(instrument: Instrument) -> tuple[BookInfo, ...]:
    """Give the depth of market: sell levels from far to near, then buy levels from near to far."""
    spec = instrument.spec
    levels = range(spec.book_depth)
    lots = spec.liquidity or _BOOK_LOTS_PER_LEVEL
    sells = [
        _level(mt5.BOOK_TYPE_SELL, instrument.ask + level * spec.tick_size, spec.digits, lots)
        for level in reversed(levels)
    ]
    buys = [
        _level(mt5.BOOK_TYPE_BUY, instrument.bid - level * spec.tick_size, spec.digits, lots)
        for level in levels
    ]
    return (*sells, *buys)


def _level(book_type: int, price: float, digits: int, lots: float) -> BookInfo:
    return BookInfo(type=book_type, price=round(price, digits), volume=int(lots), volume_dbl=lots)
