"""How many positions may be open, and what passes while only less exposure is wanted."""

from typing import Any

import pytest
from tests.core.builders import (
    NAN,
    NOW,
    fold,
    make_answer,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_signal,
    make_state,
    state_with,
)
from tests.core.casework import case_with, name_of, table

from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderState
from hybrid_bridge.core.position_checks import check_open_positions, check_reducing, reduces
from hybrid_bridge.core.state import SHOWN_LATE_MS

HELD, OTHER = make_position(), make_position(ticket=501, symbol="GBPUSD")
REDUCING = {"trading": TradingState.REDUCING}


def holding(*positions: Any, **limits: Any) -> dict[str, Any]:
    return {"limits": limits, "report": {"positions": positions}}


@table(
    ("off, three held", holding(HELD, HELD, OTHER), None),
    ("one allowed, none held", holding(max_open_positions=1), None),
    ("one allowed, one held", holding(HELD, max_open_positions=1), "open_positions"),
    ("one allowed, two held", holding(HELD, OTHER, max_open_positions=1), "open_positions"),
    ("two allowed, one held", holding(HELD, max_open_positions=2), None),
    ("none allowed", holding(max_open_positions=0), "open_positions"),
    ("one a symbol, another held", holding(OTHER, max_positions_per_symbol=1), None),
    ("one a symbol, this one held", holding(HELD, max_positions_per_symbol=1), "open_positions"),
    ("none a symbol", holding(max_positions_per_symbol=0), "open_positions"),
    ("both allow it", holding(OTHER, max_open_positions=2, max_positions_per_symbol=1), None),
    (
        "pending orders are none",
        {"limits": {"max_open_positions": 1}, "report": {"orders": (make_pending(),)}},
        None,
    ),
)
def test_positions_are_counted_in_all_and_by_symbol(changes: Any, expected: str | None) -> None:
    assert expected == name_of(check_open_positions(case_with(**changes)))


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        (IntentKind.ENTRY, OrderState.UNKNOWN, "open_positions"),
        (IntentKind.ENTRY, OrderState.FILLED, "open_positions"),
        (IntentKind.ENTRY, OrderState.PLACED, "open_positions"),
        (IntentKind.ENTRY, OrderState.REJECTED, None),
        (IntentKind.CLOSE, OrderState.UNKNOWN, None),
        (IntentKind.MODIFY, OrderState.UNKNOWN, None),
    ],
)
def test_an_entry_that_may_be_open_without_being_shown_counts(
    kind: IntentKind, state: OrderState, expected: str | None
) -> None:
    order = make_order(make_intent(symbol="GBPUSD", kind=kind))
    sent = fold(state_with(order, unknown=False), [make_answer(1, state)])

    assert expected == name_of(
        check_open_positions(make_case(state=sent, limits=make_limits(max_open_positions=1)))
    )
    symbol = make_limits(max_positions_per_symbol=1)
    assert check_open_positions(make_case(state=sent, limits=symbol)) is None
    gbp = make_case(make_signal(symbol="GBPUSD"), sent, symbol)
    assert expected == name_of(check_open_positions(gbp))


def reducing(side: Side, volume: float | None, *positions: Any, **changes: Any) -> AppraisedCase:
    stop = 1.2 if side is Side.SELL else 1.0
    return case_with(
        signal={"side": side, "volume": volume, "stop_loss": stop},
        state=REDUCING,
        report={"positions": positions, **changes},
    )


SHORT = make_position(side=Side.SELL)
HEDGED = (make_position(volume=0.8), make_position(ticket=502, side=Side.SELL, volume=0.3))


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        (reducing(Side.SELL, 0.3, HELD, OTHER), True),
        (reducing(Side.SELL, 0.5, HELD, OTHER), True),
        (reducing(Side.SELL, 0.99, HELD), True),  # Turned round, and smaller.
        (reducing(Side.SELL, 1.0, HELD), False),
        (reducing(Side.SELL, 5.0, HELD), False),
        (reducing(Side.SELL, None, HELD), False),
        (reducing(Side.BUY, 0.01, HELD), False),
        (reducing(Side.BUY, 0.01, SHORT), True),
        (reducing(Side.BUY, 0.99, SHORT), True),
        (reducing(Side.BUY, 1.0, SHORT), False),
        (reducing(Side.SELL, 0.01, SHORT), False),
        (reducing(Side.SELL, 0.99, *HEDGED), True),
        (reducing(Side.SELL, 1.0, *HEDGED), False),
        (reducing(Side.BUY, 0.1, HELD, make_position(ticket=502, side=Side.SELL, volume=0.5)), False),
        (reducing(Side.SELL, 0.1), False),
        (reducing(Side.SELL, 0.1, OTHER), False),
        (reducing(Side.BUY, 0.1, make_position(side=Side.SELL, volume=NAN)), False),
        (reducing(Side.SELL, NAN, HELD), False),
        # A waiting order is no position to be made smaller.
        (reducing(Side.SELL, 0.1, orders=(make_pending(),)), False),
    ],
)
def test_reducing_lets_through_only_what_makes_the_net_position_smaller(
    case: AppraisedCase, passes: bool
) -> None:
    assert passes == reduces(case)
    assert name_of(check_reducing(case)) == (None if passes else "trading_state")


@pytest.mark.parametrize("trading", [TradingState.ACTIVE, TradingState.HALTED])
def test_only_a_bridge_that_is_reducing_reduces(trading: TradingState) -> None:
    case = case_with(
        signal={"side": Side.SELL, "stop_loss": 1.2},
        state={"trading": trading},
        report={"positions": (HELD,)},
    )

    assert not reduces(case)
    assert check_reducing(case) is None  # What HALTED stops is denied without the terminal.


def sent(kind: IntentKind, state: OrderState, ago_ms: int = 0, **changes: Any) -> Any:
    """Return a REDUCING state in which an order was answered some time ago."""
    intent = make_intent(
        kind=kind, ticket=500 if kind is IntentKind.CLOSE else 0, received_msc=NOW - ago_ms, **changes
    )
    before = state_with(make_order(intent), unknown=False, at_msc=NOW - ago_ms, **REDUCING)
    return fold(before, [make_answer(1, state, at_msc=NOW - ago_ms)])


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        (make_state(**REDUCING), True),
        (sent(IntentKind.ENTRY, OrderState.FILLED), False),
        (sent(IntentKind.ENTRY, OrderState.FILLED, SHOWN_LATE_MS), False),
        (sent(IntentKind.ENTRY, OrderState.FILLED, SHOWN_LATE_MS + 1), True),
        (sent(IntentKind.ENTRY, OrderState.FILLED, symbol="GBPUSD"), True),
        (sent(IntentKind.ENTRY, OrderState.UNKNOWN), False),
        (sent(IntentKind.CLOSE, OrderState.FILLED), False),
        (sent(IntentKind.CLOSE, OrderState.PARTIAL), False),
        (sent(IntentKind.CLOSE, OrderState.FILLED, SHOWN_LATE_MS + 1), True),
        (sent(IntentKind.CLOSE, OrderState.REJECTED), True),
    ],
)
def test_a_net_position_that_a_fill_may_have_changed_is_not_known(state: Any, passes: bool) -> None:
    signal = make_signal(side=Side.SELL, stop_loss=1.2)
    base = reducing(Side.SELL, 0.3, HELD)

    case = make_case(signal, state, appraisal=base.appraisal)

    assert passes == reduces(case)
    assert passes == (check_reducing(case) is None)


def test_a_close_whose_position_is_gone_hides_nothing() -> None:
    base = reducing(Side.SELL, 0.3, make_position(ticket=77))
    case = make_case(base.signal, sent(IntentKind.CLOSE, OrderState.FILLED), appraisal=base.appraisal)

    assert reduces(case)


def test_what_is_denied_says_why_only_less_is_wanted() -> None:
    case = make_case(
        state=make_state(**REDUCING, halt_reason="daily_loss 3.10 % of 3 %"),
        appraisal=reducing(Side.BUY, 0.1).appraisal,
    )
    denial = check_reducing(case)

    assert denial is not None
    assert denial.detail == "reducing only: daily_loss 3.10 % of 3 %"


def test_an_entry_without_volume_is_told_to_name_one() -> None:
    denial = check_reducing(reducing(Side.SELL, None, HELD))

    assert denial is not None
    assert denial.observed == "an entry without a volume"
