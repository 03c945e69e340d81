"""Single entries before the guard, of every kind: an account with something on it, limits, and a signal.

The same facts reach the guard as a terminal would tell them, and the judge as the exchange has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from tests.core.builders import (
    DAY,
    NOW,
    fold,
    make_answer,
    make_intent,
    make_limits,
    make_order,
    make_signal,
    sending_events,
)
from tests.core.guard_exchange import Exchange, Waiting
from tests.core.guard_judge import Facts, Stake, weigh
from tests.core.guard_market import INSTRUMENTS, Market

from hybrid_bridge.core.appraisal import AppraisalQuery
from hybrid_bridge.core.approval import approve
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, IntentKind, OrderState
from hybrid_bridge.core.state import EngineState

SYMBOLS = sorted(INSTRUMENTS)
SIDES = [True, False]
PER_DOLLAR = {"USD": 1.0, "EUR": 1.0, "JPY": 150.0}
OUTCOMES = [OrderState.UNKNOWN, OrderState.FILLED, OrderState.PLACED, OrderState.ESCALATED]


@dataclass(frozen=True)
class Trial:
    """One entry: what the guard is asked, and what the judge knows."""

    exchange: Exchange
    case: AppraisedCase
    unseen: Sequence[Stake]

    def decide(self, limits: Limits | None = None) -> ApprovedOrder | tuple[Denial, ...]:
        """Ask the guard, under other limits if given."""
        signal, case = self.case.signal, self.case
        intent = make_intent(
            case.state.next_number,
            signal_id=signal.signal_id,
            symbol=signal.symbol,
            side=signal.side,
            volume=signal.volume,
            stop_loss=signal.stop_loss,
        )
        return approve(case if limits is None else replace(case, limits=limits), intent)

    def facts(self, limits: Limits | None = None, stop: float | None = None) -> Facts:
        """Return what the judge goes by.

        Args:
            stop: the one that is sent; as in the signal, put on the grid, unless given.
        """
        signal, state = self.case.signal, self.case.state
        return weigh(
            self.exchange,
            limits or self.case.limits,
            signal.symbol,
            signal.side is Side.BUY,
            on_grid(signal.symbol, signal.stop_loss) if stop is None else stop,
            self.unseen,
            day_start=state.day_equity,
            peak=state.equity_peak,
            reducing=state.trading is TradingState.REDUCING,
        )


def on_grid(symbol: str, price: float) -> float:
    """Return the nearest price that the symbol can have."""
    found = INSTRUMENTS[symbol]
    tick = found.tick * found.point
    return round(round(price / tick) * tick, found.digits)


def lots_of(symbol: str, share: float) -> float:
    """Return lots worth about so many times 1,000 of a currency, a whole number of steps."""
    found = INSTRUMENTS[symbol]
    one_step = found.step * found.contract * found.at(found.price) / (150.0 if found.profit == "JPY" else 1.0)
    return round(max(1, round(share * 1_000 / one_step)) * found.step, 8)


def away(exchange: Exchange, symbol: str, buy: bool, permille: float) -> float:
    """Return a stop so far from where a position would close, on no grid; 0.0 for none."""
    exit_price = exchange.market.exit(symbol, buy)
    return exit_price * (1 - permille / 1_000 * (1 if buy else -1)) if permille else 0.0


pick = st.sampled_from
some_lots = st.sampled_from([3, 1, 10, 25])
limit_sets = st.fixed_dictionaries(
    {
        "max_risk_percent": pick([2.0, 0.5, 5.0, 50.0]),
        "max_open_risk_percent": pick([None, 2.0, 4.0, 1.0]),
        "max_exposure_percent": pick([None, 900.0, 2_000.0, 337.5]),
        "min_margin_level_percent": pick([None, None, 150.0, 500.0, 2_000.0]),
        "max_volume": pick([None, None, None, 1.0, 0.25]),
        "max_open_positions": pick([None, None, 6, 3]),
        "max_positions_per_symbol": pick([None, None, 3, 1]),
        "max_daily_loss_percent": pick([None, None, 5.0]),
        "max_drawdown_percent": pick([None, None, 10.0]),
        "slippage_reserve_points": pick([0.0, 0.0, 30.0]),
        "reduce_oversized": pick([True, True, False]),
        "require_stop_loss": pick([True, True, False]),
    }
)


@st.composite
def exchanges(draw: Any) -> Exchange:
    """Draw an account with up to three positions and two waiting orders, prices moved since."""
    currency = draw(st.sampled_from(sorted(PER_DOLLAR)))
    size = PER_DOLLAR[currency]
    market = Market(currency, commission_per_side=draw(st.sampled_from([0.0, 3.5])) * size)
    exchange = Exchange(
        market, draw(st.booleans()), draw(st.sampled_from([10_000.0, 30_000.0, 100_000.0])) * size, NOW, DAY
    )
    exchange.rounds = draw(st.booleans())
    for _ in range(draw(st.integers(0, 3))):
        symbol, buy, far = draw(
            st.tuples(
                st.sampled_from(SYMBOLS),
                st.booleans(),
                st.sampled_from([2, 4, 2, 8, 2, 4, 2, 0]),
            )
        )
        stop = on_grid(symbol, away(exchange, symbol, buy, far))
        exchange.fill(symbol, buy, lots_of(symbol, draw(some_lots)), stop)
    for _ in range(draw(st.integers(0, 2))):
        symbol, buy, far = draw(
            st.tuples(st.sampled_from(SYMBOLS), st.booleans(), st.sampled_from([3, 2, 3, 2, 4, 0]))
        )
        price = on_grid(symbol, away(exchange, symbol, buy, 0.5))
        stop = on_grid(symbol, away(exchange, symbol, buy, far))
        exchange.wait(Waiting(exchange.ticket(), symbol, buy, lots_of(symbol, draw(some_lots)), price, stop))
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), max_size=2)):
        exchange.move(symbol, draw(st.sampled_from([20, -20, 40, -40])))
    if draw(st.integers(0, 19)) == 13:
        market.unworthy.add(draw(st.sampled_from(SYMBOLS)))
    return exchange


@st.composite
def trials(draw: Any) -> Trial:
    """Draw one entry with everything that bears on it."""
    exchange = draw(exchanges())
    limits = make_limits(symbols=frozenset(SYMBOLS), **draw(limit_sets))
    # What is held or waits on the same symbol is what most limits are about.
    alike = [one.symbol for one in (*exchange.waiting.values(), *exchange.shown.values())]
    symbol, buy = draw(st.sampled_from([*alike, *alike, *SYMBOLS])), draw(st.booleans())
    share = draw(st.sampled_from([None, None, None, 1, 10, 70, 300, 20_000]))
    trading = draw(st.sampled_from([TradingState.ACTIVE] * 5 + [TradingState.REDUCING]))
    net = 0.0
    if trading is TradingState.REDUCING and exchange.shown:
        held = draw(st.sampled_from(sorted(exchange.shown.values(), key=lambda one: one.ticket)))
        symbol, buy, share = held.symbol, not held.buy, draw(st.sampled_from([1, 3, 10, 50, None]))
        net = sum(one.signed for one in exchange.shown.values() if one.symbol == symbol)
    state, unseen = EngineState(server_day=DAY), list[Stake]()
    for number in range(1, 1 + draw(st.sampled_from([0, 0, 1, 2]))):
        unseen.append(_send_unseen(draw, exchange, state, number, symbol))
    if exchange.positions and draw(st.integers(0, 5)) == 3:
        unseen.append(_send_close(draw, exchange, state, symbol))
    fallen = draw(st.sampled_from([1.0, 1.04, 1.0, 1.0, 1.07]))
    state.day_equity = exchange.equity * fallen
    state.equity_peak = exchange.equity * max(fallen, draw(st.sampled_from([1.0, 1.0, 1.05, 1.2])))
    state.trading = trading
    far = draw(st.sampled_from([2.0, 0.4, 9.0, 2.7, 0.8, 1.0, 4.4, 0.0]))
    volume = None if share is None else lots_of(symbol, share) + draw(st.sampled_from([0.0, 0.0, 0.0004]))
    if net and share == 50:
        volume = round(2 * abs(net), 8)  # Over to the other side, as large as before.
    stop = away(exchange, symbol, buy, far)
    side = Side.BUY if buy else Side.SELL
    signal = make_signal(signal_id="now", symbol=symbol, side=side, volume=volume, stop_loss=stop)
    query = AppraisalQuery(symbol, side, stop, limits.need_valuation or draw(st.booleans()))
    case = AppraisedCase(signal, state, limits, NOW, DAY, exchange.appraise(query))
    return Trial(exchange, case, [stake for stake in unseen if stake is not None])


def _send_unseen(draw: Any, exchange: Exchange, state: EngineState, number: int, wanted: str) -> Stake:
    """Send an entry that no look shows; of a doubtful one on the wanted symbol nothing would be learnt."""
    outcome = draw(st.sampled_from(OUTCOMES))
    settled = outcome in (OrderState.FILLED, OrderState.PLACED)
    others = [name for name in SYMBOLS if name != wanted]
    symbol = draw(st.sampled_from([*others, wanted, wanted, wanted] if settled else others))
    buy, far = draw(st.booleans()), draw(st.sampled_from([2, 3, 2, 1, 2, 0]))
    lots = lots_of(symbol, draw(some_lots))
    stop = on_grid(symbol, away(exchange, symbol, buy, far))
    market, entry = exchange.market, exchange.market.entry(symbol, buy)
    loss = market.loss_when_stopped(symbol, buy, lots, entry, stop, 0.0) if far else None
    margin, worth = market.margin(symbol, buy, lots), market.worth(symbol)
    intent = make_intent(
        number,
        symbol=symbol,
        side=Side.BUY if buy else Side.SELL,
        volume=lots,
        stop_loss=stop,
        received_msc=NOW,
    )
    order = replace(make_order(intent, loss or 0.0), margin=margin, worth=worth)
    fold(state, sending_events(order, NOW - 70_000, DAY))
    if outcome is OrderState.ESCALATED:
        fold(state, [make_answer(number, OrderState.UNKNOWN, at_msc=NOW - 60_000)])
    fold(state, [make_answer(number, outcome, volume=lots, at_msc=NOW - 1_000)])
    legs = INSTRUMENTS[symbol].legs
    return Stake("unseen", symbol, buy, lots, legs, worth.money_per_lot, loss, margin)


def _send_close(draw: Any, exchange: Exchange, state: EngineState, wanted: str) -> Stake | None:
    """Send a close whose outcome is not known."""
    held = draw(st.sampled_from(sorted(exchange.shown.values(), key=lambda one: one.ticket)))
    if held.symbol == wanted:
        return None  # No entry passes beside it.
    side, number = Side.BUY if held.buy else Side.SELL, state.next_number
    intent = make_intent(number, kind=IntentKind.CLOSE, symbol=held.symbol, side=side, ticket=held.ticket)
    order = make_order(intent, 0.0, volume=held.lots, sl=0.0, type=int(held.buy), position=held.ticket)
    fold(state, sending_events(order, NOW - 70_000, None))
    fold(state, [make_answer(number, OrderState.UNKNOWN, at_msc=NOW - 1_000)])
    lot_money = exchange.market.worth(held.symbol).money_per_lot
    legs = INSTRUMENTS[held.symbol].legs
    return Stake("closing", held.symbol, not held.buy, held.lots, legs, lot_money, 0.0)
