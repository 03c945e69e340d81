"""The guard sizes an order, the exchange carries it out, the price goes to its stop: what was lost?

Owns one trial and its figures. The loss is the ledger's: profit, swap and both sides' commission of the
position's deals.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.sizing.kinds import KINDS, WORTHLESS_KIND, AccountKind
from scripts.sizing.stage import SPECS, Stage

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.configured import limits_of
from hybrid_bridge.core import engine
from hybrid_bridge.core.events import IntentDenied, OrderApproved
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, ApprovedOrder, Channel, Source
from hybrid_bridge.core.results import explain
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.execution.appraising import appraise
from hybrid_bridge.settings import Settings

RISK_PERCENT = 0.25
RESERVE_POINTS = 200.0
DISTANCES = (0.004, 0.0171)  # To the stop, as shares of the price.
# SLIPPAGE_RESERVE_POINTS and by how many points the stop slips.
SLIPS = ((0.0, 0.0), (RESERVE_POINTS, 0.0), (RESERVE_POINTS, RESERVE_POINTS))
OFF_GRID = 0.37  # Of a tick: where a signal's stop lies beside the grid of prices.


@dataclass(frozen=True, slots=True)
class Trial:
    """One order from its signal to its stop; money in the account's currency.

    Attributes:
        limit: what may be lost.
        lots: what the guard sent, 0.0 when it denied.
        lost: what the ledger says was lost, with commission and swap.
        step: what one volume step more would have lost, by the same ledger.
        slipped: points beyond the stop at which it was filled.
        reserve: SLIPPAGE_RESERVE_POINTS.
        denial: why nothing was sent, "" when something was.
    """

    account: AccountKind
    symbol: str
    side: Side
    stop_loss: float
    limit: float
    lots: float
    lost: float
    step: float
    slipped: float
    reserve: float
    denial: str = ""

    @property
    def kind(self) -> str:
        """What the symbol is."""
        return KINDS[self.symbol]

    @property
    def over(self) -> float:
        """How much more was lost than may be."""
        return self.lost - self.limit

    @property
    def is_sound(self) -> bool:
        """Whether no more than the limit was lost, but for rounding, and all of it used to one step.

        What slips less than the reserve leaves some of it.
        """
        if self.denial:
            return self.kind == WORTHLESS_KIND
        used_up = -self.over < self.step + self.account.unit
        return self.over <= self.account.unit and (used_up or self.slipped < self.reserve)

    @property
    def spare(self) -> float:
        """How many volume steps more could have been sent."""
        return (self.limit - self.lost) / self.step if self.step else math.inf


async def compare(kind: AccountKind, folder: Path) -> list[Trial]:
    """Make every trial of one account."""
    async with Stage(kind, folder).running() as stage:
        return [await _try(stage, number, *wanted) for number, wanted in enumerate(_wanted(), 1)]


def _wanted() -> Iterator[tuple[str, Side, float, float, float]]:
    for symbol in KINDS:
        for side in Side:
            for distance in DISTANCES:
                for reserve, slipped in SLIPS:
                    yield symbol, side, distance, reserve, slipped


async def _try(
    stage: Stage, number: int, symbol: str, side: Side, distance: float, reserve: float, slipped: float
) -> Trial:
    stage.quote_all()
    spec, direction = SPECS[symbol], 1 if side is Side.BUY else -1
    beside = round(spec.price * (1 - direction * distance) / spec.tick_size) + OFF_GRID
    signal = _signal(number, symbol, side, beside * spec.tick_size)
    limits = limits_of(
        Settings(
            symbols=tuple(KINDS),
            trading_enabled=True,
            max_risk_percent=RISK_PERCENT,
            slippage_reserve_points=reserve,
        )
    )
    state, clock = EngineState(next_number=number), SystemClock()
    appraised = await appraise(stage.trade, limits, signal, clock.utc_msc)
    if appraised.appraisal is None:
        raise RuntimeError(f"{symbol} was not appraised: {appraised.problem}")
    limit = appraised.appraisal.report.account.equity * RISK_PERCENT / 100
    events = engine.judge_appraised(state, limits, appraised)
    order = next((event.order for event in events if isinstance(event, OrderApproved)), None)
    if order is None:
        denied = next(event for event in events if isinstance(event, IntentDenied))
        why = explain(denied.denials)
        return Trial(stage.kind, symbol, side, signal.stop_loss, limit, 0.0, 0.0, 0.0, slipped, reserve, why)
    lost = await _lose(stage, order, side, slipped)
    lots = order.request.volume
    step = lost / lots * spec.volume_step
    return Trial(stage.kind, symbol, side, order.request.sl, limit, lots, lost, step, slipped, reserve)


async def _lose(stage: Stage, order: ApprovedOrder, side: Side, slipped: float) -> float:
    """Have an order carried out and the price go to its stop, or so many points beyond."""
    request = order.request
    outcome = await stage.trade.submit(order)
    if outcome.answer is not Answer.YES or abs(outcome.volume - request.volume) > 1e-9:
        raise RuntimeError(f"{request} was answered with {outcome}")
    spec = SPECS[request.symbol]
    gap, spread = slipped * spec.point, spec.spread_points * spec.point
    bid = request.sl - gap if side is Side.BUY else request.sl + gap - spread
    stage.quote(spec.name, round(bid, spec.digits), round(bid + spread, spec.digits))
    deals = stage.deals_of(outcome.order)
    if [deal["entry"] for deal in deals] != [0, 1]:
        raise RuntimeError(f"{request} was not stopped out: {deals}")
    return -sum(deal["profit"] + deal["commission"] + deal["swap"] for deal in deals)


def _signal(number: int, symbol: str, side: Side, stop_loss: float) -> SignalReceived:
    return SignalReceived(
        signal_id=f"size-{number}",
        symbol=symbol,
        side=side,
        volume=None,
        stop_loss=stop_loss,
        take_profit=0.0,
        comment="",
        price=None,
        timestamp_msc=None,
        expires_msc=None,
        account=None,
        payload_hash=str(number),
        source=Source(Channel.LOCAL),
        received_msc=SystemClock().utc_msc(),
    )
