"""Values for the core's tests: a sound case by default, one keyword per deviation from it.

The default market is EURUSD at 1.10000 / 1.10010, the default account has 10,000 USD, and a BUY with its stop
at 1.09810 loses 200 USD a lot: risking 2 % of equity is exactly one lot.
"""

from dataclasses import replace
from typing import Any

from hybrid_bridge.core.account import (
    Account,
    AccountReport,
    PendingOrder,
    Position,
    TerminalStatus,
    Valuation,
    Worth,
)
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Event, IntentReceived, OrderAnswered, OrderApproved, OrderSending
from hybrid_bridge.core.inputs import CancelRequested, CloseRequested, ModifyRequested, SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import ExecutionMode, Quote, Side, SymbolSpec, TradeMode
from hybrid_bridge.core.orders import (
    ApprovedOrder,
    Channel,
    Intent,
    IntentKind,
    OrderRequest,
    OrderState,
    Source,
)
from hybrid_bridge.core.requests import make_comment, make_magic
from hybrid_bridge.core.state import EngineState, apply

NOW = 1_790_000_000_000
DAY = 20_717
MAGIC_BASE = 234_000
NAN, INF = float("nan"), float("inf")
SOURCE = Source(Channel.WEBSOCKET)


def make_limits(**changes: Any) -> Limits:
    """Return limits under which the default signal is approved."""
    base = Limits(
        login=7001,
        server="Broker-Demo",
        terminal_path="",
        symbols=frozenset({"EURUSD", "GBPUSD"}),
        magic=MAGIC_BASE,
        trading_enabled=True,
        emergency_stop=False,
        signal_max_age_ms=5_000,
        duplicate_window_ms=1_000,
        max_quote_age_ms=5_000,
        max_spread_points=None,
        max_price_drift_points=None,
        require_stop_loss=True,
        max_volume=None,
        max_risk_percent=2.0,
        reduce_oversized=True,
        max_open_risk_percent=None,
        max_daily_trades=10,
        max_daily_loss_percent=None,
        max_drawdown_percent=None,
        max_open_positions=None,
        max_positions_per_symbol=None,
        max_exposure_percent=None,
        min_margin_level_percent=None,
        max_orders_per_minute=120,
        max_consecutive_losses=None,
        cooldown_ms=None,
        slippage_reserve_points=0.0,
        flatten_on_breach=False,
        breach_readings=3,
        close_positions_on_stop=False,
        allow_remote_resume=False,
    )
    return replace(base, **changes)


def make_signal(**changes: Any) -> SignalReceived:
    """Return a BUY of 0.1 EURUSD with a stop, received now."""
    base = SignalReceived(
        signal_id="s-1",
        symbol="EURUSD",
        side=Side.BUY,
        volume=0.1,
        stop_loss=1.0981,
        take_profit=0.0,
        comment="",
        price=None,
        timestamp_msc=None,
        expires_msc=None,
        account=None,
        payload_hash="h-1",
        source=SOURCE,
        received_msc=NOW,
    )
    return replace(base, **changes)


def make_close(**changes: Any) -> CloseRequested:
    """Return a command to close position 500 wholly."""
    return replace(CloseRequested("c-1", 500, None, "h-c", SOURCE, NOW), **changes)


def make_modify(**changes: Any) -> ModifyRequested:
    """Return a command to move position 500's stop."""
    return replace(ModifyRequested("m-1", 500, 1.095, None, "h-m", SOURCE, NOW), **changes)


def make_cancel(**changes: Any) -> CancelRequested:
    """Return a command to take pending order 900 back."""
    return replace(CancelRequested("x-1", 900, "h-x", SOURCE, NOW), **changes)


def make_quote(**changes: Any) -> Quote:
    """Return EURUSD at 1.10000 / 1.10010, as of now."""
    return replace(Quote("EURUSD", 1.1, 1.1001, NOW), **changes)


def make_spec(**changes: Any) -> SymbolSpec:
    """Return a five-digit EURUSD without stops level or volume limit."""
    base = SymbolSpec(
        name="EURUSD",
        digits=5,
        point=1e-5,
        tick_size=1e-5,
        contract_size=100_000.0,
        volume_min=0.01,
        volume_max=100.0,
        volume_step=0.01,
        volume_limit=0.0,
        stops_level=0,
        freeze_level=0,
        filling_mode=3,
        execution_mode=ExecutionMode.MARKET,
        trade_mode=TradeMode.FULL,
        currency_base="EUR",
        currency_profit="USD",
        currency_margin="EUR",
    )
    return replace(base, **changes)


def make_account(**changes: Any) -> Account:
    """Return the configured account with 10,000 USD and nothing at risk."""
    base = Account(
        login=7001,
        server="Broker-Demo",
        currency="USD",
        balance=10_000.0,
        equity=10_000.0,
        profit=0.0,
        margin=0.0,
        free_margin=10_000.0,
        margin_level=0.0,
        leverage=100,
        trade_allowed=True,
        trade_expert=True,
        hedging=True,
    )
    return replace(base, **changes)


def make_terminal(**changes: Any) -> TerminalStatus:
    """Return a connected terminal with AutoTrading on."""
    return replace(TerminalStatus("C:\\MT5", 6231, True, True, False), **changes)


def make_valuation(**changes: Any) -> Valuation:
    """Return a valuation of nothing open, in which a lot of EURUSD is worth 110,000 USD."""
    base = Valuation({}, {}, {"EURUSD": Worth("EURUSD", "EUR", "USD", 110_000.0)})
    return replace(base, **changes)


def make_report(**changes: Any) -> AccountReport:
    """Return a look at an account without positions."""
    base = AccountReport(make_account(), make_terminal(), (), (), NOW, DAY, make_valuation())
    return replace(base, **changes)


def make_position(**changes: Any) -> Position:
    """Return an open BUY of 0.5 EURUSD, ticket 500."""
    base = Position(
        ticket=500,
        identifier=500,
        symbol="EURUSD",
        side=Side.BUY,
        volume=0.5,
        price_open=1.099,
        price_current=1.1,
        stop_loss=1.09,
        take_profit=1.12,
        profit=50.0,
        swap=0.0,
        magic=0,
        comment="",
        time_msc=NOW - 60_000,
    )
    return replace(base, **changes)


def make_pending(**changes: Any) -> PendingOrder:
    """Return a waiting BUY LIMIT of 0.5 EURUSD, ticket 900."""
    return replace(PendingOrder(900, "EURUSD", 2, 0.5, 1.09, 1.08, 0.0, 0, ""), **changes)


def make_appraisal(**changes: Any) -> Appraisal:
    """Return sound facts: 100 lots lose 20,000 USD at the stop and tie up 110,000 USD of margin."""
    base = Appraisal(
        spec=make_spec(),
        quote=make_quote(),
        reference_volume=100.0,
        loss_at_stop=20_000.0,
        margin=110_000.0,
        commission_per_lot=0.0,
        report=make_report(),
    )
    return replace(base, **changes)


def make_state(**changes: Any) -> EngineState:
    """Return a fresh state that has seen today's opening equity."""
    return EngineState(**{"server_day": DAY, "day_equity": 10_000.0, "equity_peak": 10_000.0, **changes})


def make_case(
    signal: SignalReceived | None = None,
    state: EngineState | None = None,
    limits: Limits | None = None,
    appraisal: Appraisal | None = None,
    now_msc: int = NOW,
) -> AppraisedCase:
    """Return one entry before the guard, with everything in order unless given."""
    return AppraisedCase(
        signal or make_signal(),
        state or make_state(),
        limits or make_limits(),
        now_msc,
        DAY,
        appraisal or make_appraisal(),
    )


def make_intent(number: int = 1, **changes: Any) -> Intent:
    """Return the intent of the default signal."""
    base = Intent(
        number=number,
        kind=IntentKind.ENTRY,
        signal_id=f"s-{number}",
        source=SOURCE,
        symbol="EURUSD",
        side=Side.BUY,
        volume=0.1,
        stop_loss=1.0981,
        take_profit=0.0,
        price=None,
        ticket=0,
        comment="",
        received_msc=NOW,
        created_msc=NOW,
        expires_msc=NOW + 5_000,
    )
    return replace(base, **changes)


def make_order(intent: Intent, risk_money: float = 20.0, **request: Any) -> ApprovedOrder:
    """Return the approved order of an intent; keywords change its request."""
    fields = {
        "action": 1,
        "symbol": intent.symbol,
        "volume": intent.volume or 0.1,
        "price": 1.1001,
        "sl": intent.stop_loss,
        "tp": intent.take_profit,
        "magic": make_magic(MAGIC_BASE, intent.number),
        "comment": make_comment(intent.comment, intent.number),
    }
    return ApprovedOrder(intent, OrderRequest(**{**fields, **request}), make_quote(), risk_money)


def sending_events(order: ApprovedOrder, at_msc: int = NOW, day: int | None = DAY) -> list[Event]:
    """Return the events that bring an order to SENDING."""
    intent = order.intent
    return [
        IntentReceived(intent, f"h-{intent.number}"),
        OrderApproved(order, at_msc),
        OrderSending(intent.number, day, at_msc),
    ]


def make_answer(number: int, state: OrderState, **changes: Any) -> OrderAnswered:
    """Return what became known of an order."""
    return replace(OrderAnswered(number, state, 0, "", "", 0, 0, 0.0, 0.0, NOW, NOW), **changes)


def fold(state: EngineState, events: list[Event] | tuple[Event, ...]) -> EngineState:
    """Apply events in order and return the same state."""
    for event in events:
        apply(state, event)
    return state


def state_with(
    *orders: ApprovedOrder, unknown: bool = True, at_msc: int = NOW, **changes: Any
) -> EngineState:
    """Return a state in which these orders were sent and, unless told, have no known outcome."""
    state = make_state(**changes)
    for order in orders:
        fold(state, sending_events(order, at_msc))
        if unknown:
            fold(state, [make_answer(order.intent.number, OrderState.UNKNOWN)])
    return state
