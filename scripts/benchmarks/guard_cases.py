"""What the guard's cost is measured on: one signal, every limit on, and so many positions open.

The positions are this bridge's own, opened by orders that it knows; a look has shown them before, so that the
measured look is no news. `guard` measures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import Account, AccountReport, Position, TerminalStatus, Valuation, Worth
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Event, OrderAnswered, OrderApproved
from hybrid_bridge.core.inputs import AccountObserved, OrderAppraised, SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import ExecutionMode, Quote, Side, SymbolSpec, TradeMode
from hybrid_bridge.core.orders import Channel, OrderState, Source
from hybrid_bridge.core.state import EngineState, apply

NOW_MSC, DAY = 1_790_000_000_000, 20_717
OPENED_MSC = NOW_MSC - 3_600_000
MAGIC, LOGIN, SERVER = 234_000, 7001, "Broker-Demo"
POSITIONS = (0, 10, 100)
SYMBOLS = {"EURUSD": ("EUR", 1.1), "GBPUSD": ("GBP", 1.27), "AUDUSD": ("AUD", 0.66), "NZDUSD": ("NZD", 0.6)}
SOURCE = Source(Channel.WEBSOCKET)
STOP_POINTS = 200
LOTS = 0.01


@dataclass(frozen=True, slots=True)
class Case:
    """One signal with all that it is judged on."""

    name: str
    approved: bool
    signal: SignalReceived
    raw: bytes
    state: EngineState
    limits: Limits
    appraisal: Appraisal
    spec: SymbolSpec
    quote: Quote
    now_msc: int = NOW_MSC
    server_day: int = DAY


def every_case() -> Iterator[Case]:
    """Yield the cases in the order of the table."""
    for count in (10, 100):
        well = make_case(count)
        full = replace(well, limits=replace(well.limits, max_daily_trades=count), approved=False)
        yield replace(full, name=f"denied before the terminal is asked, {count} positions open")
        quote = replace(well.quote, ask=well.quote.ask + 0.01)
        wide = replace(well, appraisal=replace(well.appraisal, quote=quote), approved=False)
        yield replace(wide, name=f"denied on the terminal's facts, {count} positions open")
    for count in POSITIONS:
        yield make_case(count)


def make_case(count: int) -> Case:
    """Return a signal that is approved and sized with so many positions open."""
    limits, state = make_limits(), EngineState()
    positions = _open(state, limits, count)
    spec, quote = _spec("EURUSD"), _quote("EURUSD", NOW_MSC)
    appraisal = _appraise("EURUSD", _report(positions, NOW_MSC))
    signal = _signal("EURUSD", "s-1", NOW_MSC)
    message = {"symbol": "EURUSD", "action": "BUY", "stop_loss": signal.stop_loss, "id": "s-1"}
    raw = msgspec.json.encode({"type": "trading_signal", "data": message})
    name = f"approved and sized, {count} positions open"
    return Case(name, True, signal, raw, state, limits, appraisal, spec, quote)


def _open(state: EngineState, limits: Limits, count: int) -> tuple[Position, ...]:
    """Let the guard itself approve so many entries, and show their positions."""
    free = replace(limits, max_orders_per_minute=100_000, duplicate_window_ms=0)
    positions: list[Position] = []
    for number in range(1, count + 1):
        symbol, at_msc = list(SYMBOLS)[number % len(SYMBOLS)], OPENED_MSC + number * 10_000
        signal = replace(_signal(symbol, f"o-{number}", at_msc), volume=LOTS)
        appraisal = _appraise(symbol, _report(tuple(positions), at_msc))
        events = engine.judge_appraised(state, free, OrderAppraised(signal, appraisal, None, "", at_msc))
        _fold(state, events)
        order = next(event.order for event in events if isinstance(event, OrderApproved))
        filled = OrderAnswered(
            number,
            OrderState.FILLED,
            10_009,
            "done",
            "",
            number,
            number,
            LOTS,
            order.request.price,
            at_msc,
            at_msc,
        )
        _fold(state, (filled,))
        positions.append(_position(number, symbol, order.request.magic, order.request.sl))
        look = AccountObserved(_report(tuple(positions), at_msc))
        _fold(state, engine.observe(state, free, look))
    _fold(state, engine.observe(state, limits, AccountObserved(_report(tuple(positions), NOW_MSC - 1_000))))
    return tuple(positions)


def _fold(state: EngineState, events: tuple[Event, ...]) -> None:
    for event in events:
        apply(state, event)


def make_limits() -> Limits:
    """Return limits of which every one is on, and none is in the way."""
    return Limits(
        login=LOGIN,
        server=SERVER,
        terminal_path="C:/MT5/terminal64.exe",
        symbols=frozenset(SYMBOLS),
        magic=MAGIC,
        trading_enabled=True,
        emergency_stop=False,
        signal_max_age_ms=5_000,
        duplicate_window_ms=1_000,
        max_quote_age_ms=5_000,
        max_spread_points=30.0,
        max_price_drift_points=50.0,
        require_stop_loss=True,
        max_volume=10.0,
        max_risk_percent=2.0,
        reduce_oversized=True,
        max_open_risk_percent=50.0,
        max_daily_trades=1_000,
        max_daily_loss_percent=5.0,
        max_drawdown_percent=20.0,
        max_open_positions=500,
        max_positions_per_symbol=200,
        max_exposure_percent=100_000.0,
        min_margin_level_percent=100.0,
        max_orders_per_minute=120,
        max_consecutive_losses=500,
        cooldown_ms=3_600_000,
        slippage_reserve_points=10.0,
        flatten_on_breach=True,
        breach_readings=3,
        close_positions_on_stop=False,
        allow_remote_resume=False,
    )


def _signal(symbol: str, signal_id: str, at_msc: int) -> SignalReceived:
    price = SYMBOLS[symbol][1]
    return SignalReceived(
        signal_id=signal_id,
        symbol=symbol,
        side=Side.BUY,
        volume=None,
        stop_loss=round(price - STOP_POINTS * 1e-5, 5),
        take_profit=0.0,
        comment="",
        price=None,
        timestamp_msc=None,
        expires_msc=None,
        account=None,
        payload_hash=signal_id,
        source=SOURCE,
        received_msc=at_msc,
    )


def _quote(symbol: str, at_msc: int) -> Quote:
    price = SYMBOLS[symbol][1]
    return Quote(symbol, price, round(price + 1e-4, 5), at_msc)


def _spec(symbol: str) -> SymbolSpec:
    return SymbolSpec(
        name=symbol,
        digits=5,
        point=1e-5,
        tick_size=1e-5,
        contract_size=100_000.0,
        volume_min=0.01,
        volume_max=100.0,
        volume_step=0.01,
        volume_limit=500.0,
        stops_level=10,
        freeze_level=5,
        filling_mode=3,
        execution_mode=ExecutionMode.MARKET,
        trade_mode=TradeMode.FULL,
        currency_base=SYMBOLS[symbol][0],
        currency_profit="USD",
        currency_margin=SYMBOLS[symbol][0],
    )


def _appraise(symbol: str, report: AccountReport) -> Appraisal:
    spec, quote = _spec(symbol), _quote(symbol, report.at_msc)
    stop = _signal(symbol, "", 0).stop_loss
    loss = (quote.ask - stop) * spec.contract_size * spec.volume_max
    margin = quote.ask * spec.contract_size * spec.volume_max / 500
    return Appraisal(spec, quote, spec.volume_max, loss, margin, 7.0, report)


def _position(number: int, symbol: str, magic: int, stop: float) -> Position:
    price = SYMBOLS[symbol][1]
    return Position(
        ticket=number,
        identifier=number,
        symbol=symbol,
        side=Side.BUY,
        volume=LOTS,
        price_open=price,
        price_current=price,
        stop_loss=stop,
        take_profit=0.0,
        profit=0.0,
        swap=0.0,
        magic=magic,
        comment="",
        time_msc=OPENED_MSC,
    )


def _report(positions: tuple[Position, ...], at_msc: int) -> AccountReport:
    account = Account(
        login=LOGIN,
        server=SERVER,
        currency="USD",
        balance=100_000.0,
        equity=100_000.0,
        profit=0.0,
        margin=2.0 * len(positions),
        free_margin=100_000.0 - 2.0 * len(positions),
        margin_level=100_000.0 / (2.0 * len(positions)) * 100 if positions else 0.0,
        leverage=500,
        trade_allowed=True,
        trade_expert=True,
        hedging=True,
    )
    terminal = TerminalStatus("C:\\MT5", 6231, True, True, False)
    losses = {position.ticket: 2.0 for position in positions}
    worths = {name: Worth(name, base, "USD", price * 100_000) for name, (base, price) in SYMBOLS.items()}
    return AccountReport(account, terminal, positions, (), at_msc, DAY, Valuation(losses, {}, worths))
