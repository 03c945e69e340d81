"""The denial of each limit as its sender reads it, made by the engine itself, for docs/limits.md.

`python -m tests.limit_denials` writes them into the page; `test_limits_page` compares. Each case breaks one
limit of an otherwise sound EURUSD signal on an account of 10,000 USD.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.core.builders import (
    DAY,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_intent,
    make_limits,
    make_modify,
    make_order,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
    make_valuation,
    sending_events,
    state_with,
)

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.inputs import OrderAppraised, Wanted
from hybrid_bridge.core.market import TradeMode
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.results import results_of
from hybrid_bridge.core.state import EngineState

PAGE = Path(__file__).resolve().parents[1] / "docs" / "limits.md"
BETWEEN = "<br>"
DENIAL_COLUMN = 3  # Of the table's cells: check, settings, rule, denial, tests.


@dataclass(frozen=True, slots=True)
class Broken:
    """One way of breaking a limit; what is not named is sound."""

    wanted: Wanted
    state: EngineState
    limits: dict[str, Any]
    appraisal: dict[str, Any]
    now_msc: int = NOW

    def told(self) -> str:
        """Return the status and the words of its result.

        Raises:
            ValueError: when it is let through.
        """
        limits, state = make_limits(**self.limits), self.state
        events = engine.receive(state, limits, self.wanted, self.now_msc, DAY)
        if not events:
            position = None if not isinstance(self.wanted, type(make_modify())) else make_position()
            facts = make_appraisal(**self.appraisal)
            appraised = OrderAppraised(self.wanted, facts, position, "", self.now_msc)
            events = engine.judge_appraised(state, limits, appraised)
        results = results_of(state, events)
        if not results:
            raise ValueError(f"let through: {events}")
        return f"{results[-1].status}: {results[-1].detail}"


def broken(
    wanted: Wanted | None = None,
    state: EngineState | None = None,
    now_msc: int = NOW,
    appraisal: dict[str, Any] | None = None,
    **limits: Any,
) -> Broken:
    """Return a case; keywords that are not named here change the limits."""
    return Broken(wanted or make_signal(), state or make_state(), limits, appraisal or {}, now_msc)


def _at_account(**changes: Any) -> dict[str, Any]:
    return {"report": make_report(account=make_account(**changes))}


def _held(**changes: Any) -> dict[str, Any]:
    valuation = make_valuation(position_losses={500: 250.0})
    return {"report": make_report(positions=(make_position(),), valuation=valuation, **changes)}


def _filled(count: int, at_msc: int = NOW - 30_000) -> EngineState:
    """Return a state in which so many entries were filled, each settled since."""
    state = make_state()
    for number in range(1, count + 1):
        fold(state, sending_events(make_order(make_intent(number)), at_msc))
        fold(state, [make_answer(number, OrderState.FILLED, at_msc=at_msc)])
    state.unsettled.clear()
    return state


CASES: dict[str, Callable[[], tuple[Broken, ...]]] = {
    "trading_enabled": lambda: (broken(trading_enabled=False),),
    "trading_state": lambda: (
        broken(state=make_state(trading=TradingState.HALTED, halt_reason="looking at the account")),
        broken(
            state=make_state(trading=TradingState.REDUCING, halt_reason="a limit on losses"),
            appraisal=_held(),
        ),
    ),
    "emergency_stop": lambda: (
        broken(emergency_stop=True),
        broken(state=make_state(emergency=True, trading=TradingState.HALTED, halt_reason="stopped by hand")),
    ),
    "expiry": lambda: (
        broken(now_msc=NOW + 5_250),
        broken(make_signal(timestamp_msc=NOW + 60_000)),
    ),
    "duplicate_signal": lambda: (
        broken(make_signal(signal_id="s-1", payload_hash="h-1"), state=_filled(1)),
        broken(make_signal(signal_id="s-9"), state=_filled(1, NOW - 400)),
    ),
    "symbol_allowed": lambda: (
        broken(make_signal(symbol="XAUUSD")),
        broken(appraisal={"spec": make_spec(trade_mode=TradeMode.CLOSE_ONLY)}),
        broken(make_signal(signal_id="s-9"), state=state_with(make_order(make_intent(1)))),
    ),
    "quote_fresh": lambda: (
        broken(appraisal={"quote": make_quote(time_msc=NOW - 7_400)}),
        broken(appraisal={"quote": make_quote(bid=1.1002)}),
    ),
    "spread": lambda: (broken(max_spread_points=8.0),),
    "price_collar": lambda: (broken(make_signal(price=1.0995), max_price_drift_points=30.0),),
    "stop_loss": lambda: (
        broken(make_signal(stop_loss=0.0)),
        broken(make_signal(stop_loss=1.1005)),
        broken(make_signal(stop_loss=1.0996), appraisal={"spec": make_spec(stops_level=50)}),
    ),
    "volume": lambda: (
        broken(make_signal(volume=2.0), max_volume=1.0),
        broken(make_signal(volume=0.004)),
    ),
    "risk_per_trade": lambda: (
        broken(make_signal(volume=1.5), reduce_oversized=False),
        broken(make_signal(volume=None), max_risk_percent=0.01),
    ),
    "open_risk": lambda: (
        broken(make_signal(volume=1.0), max_open_risk_percent=3.0, reduce_oversized=False, appraisal=_held()),
        broken(
            max_open_risk_percent=3.0,
            appraisal=_held() | {"report": make_report(positions=(make_position(stop_loss=0.0),))},
        ),
    ),
    "daily_trades": lambda: (broken(state=make_state(daily_entries=10)),),
    "daily_loss": lambda: (broken(max_daily_loss_percent=3.0, appraisal=_at_account(equity=9_650.0)),),
    "drawdown": lambda: (broken(max_drawdown_percent=10.0, appraisal=_at_account(equity=8_900.0)),),
    "open_positions": lambda: (broken(max_open_positions=1, appraisal=_held()),),
    "exposure": lambda: (
        broken(make_signal(volume=1.0), max_exposure_percent=500.0, reduce_oversized=False),
    ),
    "margin": lambda: (
        broken(make_signal(volume=1.0), reduce_oversized=False, appraisal=_at_account(free_margin=500.0)),
        broken(make_signal(volume=1.0), reduce_oversized=False, min_margin_level_percent=1_000.0),
    ),
    "order_rate": lambda: (broken(make_signal(signal_id="s-9"), state=_filled(2), max_orders_per_minute=2),),
    "loss_streak": lambda: (
        broken(
            state=make_state(loss_streak=3, last_loss_msc=NOW - 60_000, last_loss_day=DAY),
            max_consecutive_losses=3,
            cooldown_ms=1_800_000,
        ),
    ),
    "account": lambda: (
        broken(appraisal=_at_account(login=7002)),
        broken(appraisal=_at_account(trade_allowed=False)),
        broken(appraisal={"report": make_report(terminal=make_terminal(trade_allowed=False))}),
    ),
}


def denials() -> dict[str, str]:
    """Return what is told, by the check's name, as a cell of the table."""
    return {check: BETWEEN.join(case.told() for case in cases()) for check, cases in CASES.items()}


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of the table by their number in the page, as cells."""
    for number, line in enumerate(text.splitlines()):
        if line.startswith("| ") and not line.startswith("| check "):
            yield number, [cell.strip() for cell in line.strip("|").split(" | ")]


def write() -> None:
    """Write the denials into the page."""
    text, told = PAGE.read_text(encoding="utf-8"), denials()
    lines = text.splitlines()
    for number, cells in rows(text):
        cells[DENIAL_COLUMN] = told[cells[0]]
        lines[number] = f"| {' | '.join(cells)} |"
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
