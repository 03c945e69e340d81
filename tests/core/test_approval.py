"""From an appraised entry to an order: the size, what it costs, and what is denied on the way."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.builders import (
    INF,
    MAGIC_BASE,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    sending_events,
    state_with,
)

from hybrid_bridge.core.approval import Sized, approve, size
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, IntentKind, OrderState
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.risk import AppraisedCase

STEPS = (0.001, 0.01, 0.1, 1.0)


def verdict(case: AppraisedCase) -> ApprovedOrder | tuple[Any, ...]:
    signal = case.signal
    intent = make_intent(
        7, volume=signal.volume, side=signal.side, stop_loss=signal.stop_loss, symbol=signal.symbol
    )
    return approve(case, intent)


def volume_of(case: AppraisedCase) -> float:
    order = verdict(case)
    assert isinstance(order, ApprovedOrder), order
    return order.request.volume


def denied(case: AppraisedCase) -> list[str]:
    denials = verdict(case)
    assert isinstance(denials, tuple), denials
    return [denial.check for denial in denials]


def with_account(**changes: Any) -> Any:
    return make_appraisal(report=make_report(account=make_account(**changes)))


def test_an_approved_order_carries_request_quote_and_reserved_risk() -> None:
    order = verdict(make_case())

    assert isinstance(order, ApprovedOrder)
    assert (order.request.volume, order.request.price, order.request.sl) == (0.1, 1.1001, 1.0981)
    assert order.request.magic == make_magic(MAGIC_BASE, 7)
    assert order.quote == make_quote()
    assert order.risk_money == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("wanted", "equity", "expected"),
    [
        (None, 10_000.0, 1.0),
        (None, 9_999.0, 0.99),
        (None, 10_099.0, 1.0),
        (None, 10_100.0, 1.01),
        (1.0, 10_000.0, 1.0),
        (1.009, 10_000.0, 1.0),
        (1.01, 10_000.0, 1.0),
        (50.0, 10_000.0, 1.0),
        (0.019, 10_000.0, 0.01),
        (None, 100.0, 0.01),
    ],
)
def test_the_volume_is_what_was_asked_or_what_the_risk_affords(
    wanted: float | None, equity: float, expected: float
) -> None:
    case = make_case(make_signal(volume=wanted), appraisal=with_account(equity=equity))

    assert volume_of(case) == expected


@pytest.mark.parametrize(
    ("wanted", "equity", "expected"),
    [
        (0.009, 10_000.0, ["volume"]),
        (1e-320, 10_000.0, ["volume"]),
        (None, 99.99, ["volume"]),
        (0.01, 99.99, ["volume"]),
        (100.0, 1e9, ["margin"]),
        (100.01, 1e9, ["volume"]),
        (1e300, 1e9, ["volume"]),
        *((0.1, bad, ["risk_per_trade"]) for bad in (NAN, INF, -INF, 0.0, -1.0)),
        *((None, bad, ["risk_per_trade"]) for bad in (NAN, INF, -INF, 0.0, -1.0)),
    ],
)
def test_a_volume_is_never_rounded_up_nor_sized_from_an_unknown_equity(
    wanted: float | None, equity: float, expected: list[str]
) -> None:
    case = make_case(make_signal(volume=wanted), appraisal=with_account(equity=equity))

    assert denied(case) == expected


@pytest.mark.parametrize("bad", [None, NAN, INF, -INF, 0.0, -50.0])
def test_an_unknown_loss_or_reference_denies(bad: float | None) -> None:
    for wanted in (None, 0.1):
        signal = make_signal(volume=wanted)

        assert denied(make_case(signal, appraisal=make_appraisal(loss_at_stop=bad))) == ["risk_per_trade"]
        if bad is not None:
            appraisal = make_appraisal(reference_volume=bad)
            assert denied(make_case(signal, appraisal=appraisal)) == ["risk_per_trade"]


@pytest.mark.parametrize(
    ("commission", "expected"),
    [(0.0, 1.0), (7.0, 0.96), (-7.0, 0.96), (200.0, 0.5), (1e9, None), (NAN, None)],
)
def test_commission_counts_as_loss_whatever_its_sign(commission: float, expected: float | None) -> None:
    case = make_case(make_signal(volume=None), appraisal=make_appraisal(commission_per_lot=commission))

    if expected is None:
        assert denied(case)[0] in ("risk_per_trade", "volume")
    else:
        assert volume_of(case) == expected


def test_an_oversized_volume_is_denied_where_the_trader_wants_that() -> None:
    limits = make_limits(reduce_oversized=False)

    assert volume_of(make_case(make_signal(volume=1.0), limits=limits)) == 1.0
    assert denied(make_case(make_signal(volume=1.01), limits=limits)) == ["risk_per_trade"]


@pytest.mark.parametrize(("wanted", "expected"), [(0.5, 0.5), (0.509, 0.5), (0.51, None), (None, 0.5)])
def test_our_own_cap_denies_what_was_asked_and_bounds_what_is_sized(
    wanted: float | None, expected: float | None
) -> None:
    case = make_case(make_signal(volume=wanted), limits=make_limits(max_volume=0.5))

    if expected is None:
        assert denied(case) == ["volume"]
    else:
        assert volume_of(case) == expected


@pytest.mark.parametrize(
    ("positions", "orders", "expected"),
    [
        ((), (), 0.8),
        ((make_position(volume=0.5),), (), 0.3),
        ((make_position(volume=0.5, side=Side.SELL),), (), 0.8),
        ((make_position(volume=0.5, symbol="GBPUSD"),), (), 0.8),
        ((), (make_pending(volume=0.5, type=2),), 0.3),
        ((), (make_pending(volume=0.5, type=4),), 0.3),
        ((), (make_pending(volume=0.5, type=6),), 0.3),
        ((), (make_pending(volume=0.5, type=3),), 0.8),
        ((), (make_pending(volume=0.5, type=5),), 0.8),
        ((make_position(volume=0.4),), (make_pending(volume=0.3),), 0.1),
        ((make_position(volume=0.5), make_position(volume=0.3)), (), None),
    ],
)
def test_the_symbol_s_volume_limit_counts_what_is_held_and_what_waits_on_the_same_side(
    positions: tuple[Any, ...], orders: tuple[Any, ...], expected: float | None
) -> None:
    appraisal = make_appraisal(
        spec=make_spec(volume_limit=0.8), report=make_report(positions=positions, orders=orders)
    )
    case = make_case(make_signal(volume=None), appraisal=appraisal)

    if expected is None:
        assert denied(case) == ["volume"]
    else:
        assert volume_of(case) == expected


def test_a_sell_is_limited_by_sells() -> None:
    sell = make_signal(side=Side.SELL, stop_loss=1.102, volume=None)
    held = (make_position(volume=0.5), make_position(volume=0.2, side=Side.SELL))
    waiting = (make_pending(volume=0.1, type=3), make_pending(volume=0.4, type=2))
    report = make_report(positions=held, orders=waiting)

    appraisal = make_appraisal(spec=make_spec(volume_limit=0.8), report=report)

    assert volume_of(make_case(sell, appraisal=appraisal)) == 0.5


def test_a_volume_in_doubt_counts_against_the_symbol_s_limit() -> None:
    # The same symbol takes no entry at all while one is in doubt; `size` must hold by itself nevertheless.
    state = state_with(make_order(make_intent(volume=0.5)))
    spec = make_spec(volume_limit=0.8)
    case = make_case(make_signal(volume=None), state, appraisal=make_appraisal(spec=spec))

    sized = size(case, spec)

    assert isinstance(sized, Sized)
    assert sized.volume == 0.3


@pytest.mark.parametrize("changes", [{"symbol": "GBPUSD"}, {"side": Side.SELL}])
def test_a_volume_in_doubt_on_another_symbol_or_side_does_not_count(changes: dict[str, Any]) -> None:
    state = state_with(make_order(make_intent(volume=0.5, **changes)))
    spec = make_spec(volume_limit=0.8)

    sized = size(make_case(make_signal(volume=None), state, appraisal=make_appraisal(spec=spec)), spec)

    assert isinstance(sized, Sized)
    assert sized.volume == 0.8


def test_without_a_stop_a_volume_must_be_named() -> None:
    limits = make_limits(require_stop_loss=False)
    appraisal = make_appraisal(loss_at_stop=None)

    order = verdict(make_case(make_signal(stop_loss=0.0), limits=limits, appraisal=appraisal))
    assert isinstance(order, ApprovedOrder)
    assert (order.request.volume, order.request.sl, order.risk_money) == (0.1, 0.0, 0.0)

    nameless = make_case(make_signal(stop_loss=0.0, volume=None), limits=limits, appraisal=appraisal)
    assert denied(nameless) == ["risk_per_trade"]


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (110.01, None),
        (110.0, None),
        (109.99, ["margin"]),
        (0.0, ["margin"]),
        (-5.0, ["margin"]),
        (NAN, ["margin"]),
    ],
)
def test_the_order_s_margin_must_be_free(free: float, expected: list[str] | None) -> None:
    case = make_case(appraisal=with_account(free_margin=free))

    if expected is None:
        assert volume_of(case) == 0.1
    else:
        assert denied(case) == expected


@pytest.mark.parametrize("bad", [None, NAN, INF, -INF, -1.0])
def test_an_unknown_margin_denies(bad: float | None) -> None:
    assert denied(make_case(appraisal=make_appraisal(margin=bad))) == ["margin"]


def test_a_symbol_that_ties_up_no_margin_passes() -> None:
    limits = make_limits(min_margin_level_percent=200.0)

    assert volume_of(make_case(limits=limits, appraisal=make_appraisal(margin=0.0))) == 0.1


@pytest.mark.parametrize(
    ("used", "least", "expected"),
    [
        (890.0, 1000.0, None),
        (890.0, 1000.1, ["margin"]),
        (890.1, 1000.0, ["margin"]),
        (0.0, 9_090.0, None),
        (NAN, 1000.0, ["margin"]),
        (INF, 1000.0, ["margin"]),
    ],
)
def test_the_margin_level_after_the_order_stays_above_the_limit(
    used: float, least: float, expected: list[str] | None
) -> None:
    # 0.1 lots tie up 110; equity is 10,000, so 890 in use before makes a level of exactly 1000 %.
    case = make_case(limits=make_limits(min_margin_level_percent=least), appraisal=with_account(margin=used))

    if expected is None:
        assert volume_of(case) == 0.1
    else:
        assert denied(case) == expected


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (280.0, None),
        (280.01, ["open_risk"]),
        (0.0, None),
        (None, ["open_risk"]),
        (NAN, ["open_risk"]),
        (INF, ["open_risk"]),
    ],
)
def test_the_risk_of_all_that_is_open_is_bounded(held: float | None, expected: list[str] | None) -> None:
    # 3 % of 10,000 are 300, and 0.1 lots risk 20 of them.
    case = make_case(limits=make_limits(max_open_risk_percent=3.0), appraisal=make_appraisal(open_risk=held))

    if expected is None:
        assert volume_of(case) == 0.1
    else:
        assert denied(case) == expected


def test_open_risk_counts_orders_in_doubt() -> None:
    limits = make_limits(max_open_risk_percent=3.0)
    other = make_intent(symbol="GBPUSD")

    inside = state_with(make_order(other, risk_money=280.0))
    outside = state_with(make_order(other, risk_money=280.01))

    assert volume_of(make_case(state=inside, limits=limits)) == 0.1
    assert denied(make_case(state=outside, limits=limits)) == ["open_risk"]


def test_what_no_look_has_shown_yet_counts_towards_open_risk_and_the_symbol_s_limit() -> None:
    order = make_order(make_intent(volume=0.5), risk_money=280.01)
    state = fold(state_with(order, unknown=False), [make_answer(1, OrderState.FILLED)])
    spec, signal = make_spec(volume_limit=0.8), make_signal(volume=0.3)
    case = make_case(signal, state, make_limits(max_open_risk_percent=3.0), make_appraisal(spec=spec))

    assert denied(case) == ["open_risk"]
    sized = size(make_case(make_signal(volume=None), state, appraisal=make_appraisal(spec=spec)), spec)
    assert isinstance(sized, Sized)
    assert sized.volume == 0.3


def test_open_risk_is_unlimited_while_an_entry_without_a_stop_is_in_doubt() -> None:
    state = state_with(make_order(make_intent(symbol="GBPUSD", stop_loss=0.0)))

    assert denied(make_case(state=state, limits=make_limits(max_open_risk_percent=50.0))) == ["open_risk"]


def test_a_close_in_doubt_adds_no_risk_of_its_own() -> None:
    close = make_intent(symbol="GBPUSD", kind=IntentKind.CLOSE, ticket=500, stop_loss=0.0)
    state = state_with(make_order(close, risk_money=0.0, position=500))

    assert volume_of(make_case(state=state, limits=make_limits(max_open_risk_percent=3.0))) == 0.1


def test_an_order_whose_outcome_is_known_reserves_nothing() -> None:
    order = make_order(make_intent(symbol="GBPUSD"), risk_money=290.0)
    state = fold(make_state(), [*sending_events(order), make_answer(1, OrderState.REJECTED)])

    assert volume_of(make_case(state=state, limits=make_limits(max_open_risk_percent=3.0))) == 0.1


@pytest.mark.parametrize(
    ("stop_loss", "equity", "sent", "expected"),
    [
        (1.0981, 10_000.0, 1.0981, 1.0),
        (1.0981, 9_999.0, 1.0981, 0.99),
        (1.098104, 9_999.0, 1.0981, 0.99),
        (1.098096, 10_000.0, 1.0981, 1.0),
        (1.0981000000000003, 10_000.0, 1.0981, 1.0),
        (1.0980999999999999, 10_000.0, 1.0981, 1.0),
    ],
)
def test_the_risk_is_that_of_the_stop_that_is_sent(
    stop_loss: float, equity: float, sent: float, expected: float
) -> None:
    # The terminal was asked for the loss at the stop as given; rounding to a tick may have moved it away.
    appraisal = replace(with_account(equity=equity), loss_at_stop=round((1.1001 - stop_loss) * 1e6) * 10.0)

    order = verdict(make_case(make_signal(stop_loss=stop_loss, volume=None), appraisal=appraisal))

    assert isinstance(order, ApprovedOrder)
    assert (order.request.sl, order.request.volume) == (sent, expected)
    assert order.request.volume * 200.0 <= equity * 0.02


@pytest.mark.parametrize(
    ("side", "quote", "stop_loss"),
    [
        (Side.BUY, make_quote(bid=1.0983, ask=1.1001), 1.098104),
        (Side.SELL, make_quote(bid=1.0981, ask=1.0999), 1.100096),
    ],
)
def test_how_far_a_stop_was_moved_is_measured_from_the_price_of_the_entry(
    side: Side, quote: Any, stop_loss: float
) -> None:
    # Rounding moves the stop from 1996 to 2000 tenths of a point; from the other price, from 196 to 200.
    signal = make_signal(side=side, stop_loss=stop_loss, volume=None)

    order = verdict(make_case(signal, appraisal=make_appraisal(quote=quote, loss_at_stop=19_950.0)))

    assert isinstance(order, ApprovedOrder)
    assert order.request.volume == 1.0
    assert order.risk_money == pytest.approx(199.5 * 2000 / 1996)


def test_without_a_quote_the_loss_is_taken_as_it_was_appraised() -> None:
    spec = make_spec()

    sized = size(make_case(make_signal(volume=None), appraisal=make_appraisal(quote=None)), spec)

    assert sized == Sized(1.0, 200.0)


MONEY = st.decimals(min_value="50", max_value="5000000", places=2, allow_nan=False).map(float)


@given(
    equity=MONEY,
    percent=st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 5.0]),
    step=st.sampled_from(STEPS),
    # Per 100 lots: a EURUSD stop of a point costs 100; a USDJPY account in JPY loses millions.
    loss=st.decimals(min_value="100", max_value="500000000", places=2, allow_nan=False).map(float),
    wanted=st.none() | st.sampled_from([0.001, 0.01, 0.1, 1.0, 2.5, 99.0]),
    cap=st.none() | st.sampled_from([0.05, 0.5, 7.0]),
)
def test_the_loss_at_the_stop_is_inside_the_risk_and_the_volume_the_largest_that_is(
    equity: float, percent: float, step: float, loss: float, wanted: float | None, cap: float | None
) -> None:
    account = make_account(equity=equity, free_margin=INF)
    appraisal = make_appraisal(
        spec=make_spec(volume_step=step, volume_min=step),
        loss_at_stop=loss,
        margin=0.0,
        report=make_report(account=account),
    )
    limits = make_limits(max_risk_percent=percent, max_volume=cap)

    order = verdict(make_case(make_signal(volume=wanted), limits=limits, appraisal=appraisal))

    most = min([100.0] + [value for value in (wanted, cap) if value is not None])
    if isinstance(order, tuple):
        # The one reason that is left: not even the least volume is affordable, or the cap was passed.
        too_dear = step * loss / 100.0 > equity * percent / 100 * (1 - 1e-12)
        assert too_dear or most < step or (wanted is not None and wanted > most)
        return
    volume = Fraction(repr(order.request.volume))
    tolerance = Fraction(1, 10**12)
    per_lot, risk = Fraction(repr(loss)) / 100, Fraction(repr(equity)) * Fraction(repr(percent)) / 100
    assert (volume / Fraction(repr(step))).denominator == 1
    assert step <= order.request.volume <= most
    assert volume * per_lot <= risk * (1 + tolerance)
    larger = volume + Fraction(repr(step))
    assert larger > Fraction(repr(most)) or larger * per_lot > risk * (1 - tolerance)


TIGHTENED = {
    "signal_max_age_ms": st.integers(0, 6_000),
    "duplicate_window_ms": st.integers(0, 5_000),
    "max_quote_age_ms": st.integers(0, 8_000),
    "max_spread_points": st.none() | st.floats(1, 30),
    "max_price_drift_points": st.none() | st.floats(1, 30),
    "max_volume": st.none() | st.floats(0.001, 3),
    "max_risk_percent": st.floats(0.01, 5),
    "max_open_risk_percent": st.none() | st.floats(0.01, 10),
    "max_daily_trades": st.integers(0, 12),
    "max_daily_loss_percent": st.none() | st.floats(0.1, 20),
    "max_drawdown_percent": st.none() | st.floats(0.1, 20),
    "max_open_positions": st.none() | st.integers(0, 4),
    "max_positions_per_symbol": st.none() | st.integers(0, 4),
    "max_orders_per_minute": st.integers(1, 5),
    "min_margin_level_percent": st.none() | st.floats(50, 20_000),
}
# For these a larger number is the tighter one.
TIGHTER_UPWARDS = {"duplicate_window_ms", "min_margin_level_percent"}


@st.composite
def some_limits(draw: st.DrawFn) -> dict[str, Any]:
    """Return values for a few limits; drawing all of them would deny nearly everything."""
    names = draw(st.sets(st.sampled_from(sorted(TIGHTENED)), max_size=4))
    return {name: draw(TIGHTENED[name]) for name in sorted(names)}


@st.composite
def cases(draw: st.DrawFn) -> AppraisedCase:
    """Return an entry somewhere around every limit."""
    held = draw(st.integers(0, 3))
    positions = tuple(
        make_position(ticket=ticket, symbol=symbol)
        for ticket, symbol in enumerate(
            draw(st.lists(st.sampled_from(["EURUSD", "GBPUSD"]), min_size=held, max_size=held)), 1
        )
    )
    account = make_account(
        equity=draw(st.floats(8_000, 12_000)),
        margin=draw(st.floats(0, 2_000)),
        free_margin=draw(st.floats(0, 10_000)),
    )
    state = make_state(daily_entries=draw(st.integers(0, 11)))
    for age in draw(st.lists(st.integers(0, 70_000), max_size=4)):
        volume = draw(st.sampled_from([0.1, 0.2]))
        state.entries.append((NOW - age, make_intent(volume=volume)))
    appraisal = make_appraisal(
        quote=make_quote(
            time_msc=NOW - draw(st.integers(0, 9_000)), ask=draw(st.sampled_from([1.1001, 1.1003]))
        ),
        loss_at_stop=draw(st.floats(1_000, 1_000_000)),
        open_risk=draw(st.floats(0, 1_000)),
        commission_per_lot=draw(st.sampled_from([0.0, 7.0])),
        report=make_report(account=account, positions=positions),
    )
    signal = make_signal(
        volume=draw(st.sampled_from([None, 0.1, 0.5, 2.0])), price=draw(st.sampled_from([None, 1.1]))
    )
    limits = make_limits(reduce_oversized=draw(st.booleans()), **draw(some_limits()))
    return make_case(signal, state, limits, appraisal)


def tighten(name: str, loose: Any, drawn: Any) -> Any:
    """Return whichever of two values allows less; None is no limit."""
    if loose is None or drawn is None:
        return drawn if loose is None else loose
    return (max if name in TIGHTER_UPWARDS else min)(loose, drawn)


@given(case=cases(), changes=some_limits())
def test_tightening_a_limit_never_admits_what_was_denied_nor_more_lots(
    case: AppraisedCase, changes: dict[str, Any]
) -> None:
    tighter = {name: tighten(name, getattr(case.limits, name), value) for name, value in changes.items()}

    before = verdict(case)
    after = verdict(replace(case, limits=replace(case.limits, **tighter)))

    if isinstance(after, tuple):
        return
    if isinstance(before, ApprovedOrder):
        assert after.request.volume <= before.request.volume
        return
    # Only a size of our own choosing can have shrunk until its margin or risk fitted.
    assert case.signal.volume is None or case.limits.reduce_oversized
    assert {denial.check for denial in before} <= {"margin", "open_risk"}
    assert {"max_risk_percent", "max_volume"} & set(tighter)
