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
    make_account,
    make_appraisal,
    make_case,
    make_intent,
    make_limits,
    make_order,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_valuation,
    state_with,
)

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.approval import Sized, approve, find_facts, size
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder
from hybrid_bridge.core.requests import make_magic

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
    assert (order.risk_money, order.margin) == (20.0, 110.0)
    assert order.worth == Worth("EURUSD", "EUR", "USD", 110_000.0)


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
        (None, 99.99, ["risk_per_trade"]),
        (0.01, 99.99, ["risk_per_trade"]),
        (0.009, 99.99, ["volume", "risk_per_trade"]),
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
            assert denied(make_case(signal, appraisal=appraisal)) == ["risk_per_trade", "margin"]


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


EVERY_LIMIT = {
    "volume_max": {"appraisal": {"spec": make_spec(volume_max=0.3)}},
    "MAX_VOLUME": {"limits": {"max_volume": 0.3}},
    "volume_limit": {"appraisal": {"spec": make_spec(volume_limit=0.3)}},
    "risk_per_trade": {"limits": {"max_risk_percent": 0.6}},
    "open_risk": {"limits": {"max_open_risk_percent": 0.6}},
    "exposure": {"limits": {"max_exposure_percent": 330.0}},
    "margin": {"account": {"free_margin": 330.0}},
    "level": {"limits": {"min_margin_level_percent": 2_500.0}, "account": {"margin": 70.0}},
}


def at_limit(name: str, volume: float | None, **limits: Any) -> AppraisedCase:
    """Return an entry that one limit lets through up to 0.3 lots."""
    layers = EVERY_LIMIT[name]
    report = make_report(account=make_account(**layers.get("account", {})))
    appraisal = make_appraisal(**{"report": report, **layers.get("appraisal", {})})
    both = {**layers.get("limits", {}), **limits}
    return make_case(make_signal(volume=volume), limits=make_limits(**both), appraisal=appraisal)


@pytest.mark.parametrize("name", EVERY_LIMIT)
def test_a_size_of_our_own_is_the_largest_that_every_limit_permits(name: str) -> None:
    assert volume_of(at_limit(name, None)) == 0.3


@pytest.mark.parametrize("name", EVERY_LIMIT)
def test_a_volume_that_is_too_large_is_reduced_or_denied_as_the_trader_wants(name: str) -> None:
    check = "volume" if "olume" in name or "VOLUME" in name else "margin" if name == "level" else name

    assert volume_of(at_limit(name, 0.3, reduce_oversized=False)) == 0.3
    assert denied(at_limit(name, 0.31, reduce_oversized=False)) == [check] * (2 if name == "exposure" else 1)
    if check == "volume":
        assert denied(at_limit(name, 0.31)) == ["volume"]  # A mistake, and never reduced.
    else:
        assert volume_of(at_limit(name, 0.31)) == 0.3


@pytest.mark.parametrize(
    ("side", "stop_loss", "filled"), [(Side.BUY, 149.0, 148.0), (Side.SELL, 151.0, 152.0)]
)
def test_either_side_reserves_its_loss_at_the_price_where_its_stop_fills(
    side: Side, stop_loss: float, filled: float
) -> None:
    yen = make_appraisal(
        spec=make_spec(digits=3, point=1e-3, tick_size=1e-3, currency_base="USD", currency_profit="JPY"),
        quote=make_quote(bid=150.0, ask=150.0),
        reference_volume=1.0,
        loss_at_stop=100_000 / 150,
        margin=1_000.0,
    )
    signal, limits = make_signal(side=side, stop_loss=stop_loss), make_limits(slippage_reserve_points=1_000.0)
    order = verdict(make_case(signal, limits=limits, appraisal=yen))

    assert isinstance(order, ApprovedOrder)
    assert order.risk_money == pytest.approx(20_000 / filled, rel=1e-9)


def test_limits_that_together_leave_nothing_are_all_named() -> None:
    account = make_account(free_margin=5.0, equity=90.0)
    limits = make_limits(max_open_risk_percent=1.0, max_exposure_percent=100.0, max_volume=0.001)
    appraisal = make_appraisal(report=make_report(account=account))

    assert denied(make_case(make_signal(volume=None), limits=limits, appraisal=appraisal)) == [
        *("volume", "risk_per_trade", "open_risk", "exposure", "exposure", "margin")
    ]


def test_a_volume_that_is_too_small_is_told_before_what_else_denies_it() -> None:
    case = make_case(make_signal(volume=0.004), limits=make_limits(max_open_risk_percent=0.0001))

    assert denied(case) == ["volume", "open_risk"]
    unknown = make_appraisal(margin=None)
    assert denied(make_case(make_signal(volume=0.004), appraisal=unknown)) == ["volume", "margin"]


def test_what_depends_on_the_volume_is_told_besides_other_denials() -> None:
    limits = make_limits(trading_enabled=False, max_volume=0.05, reduce_oversized=False)

    assert denied(make_case(limits=limits)) == ["trading_enabled", "volume"]
    stale = make_appraisal(quote=make_quote(time_msc=0))
    assert denied(make_case(limits=limits, appraisal=stale)) == ["trading_enabled", "quote_fresh"]


def test_a_sound_size_does_not_outweigh_a_denial() -> None:
    assert denied(make_case(limits=make_limits(trading_enabled=False))) == ["trading_enabled"]


def test_an_order_carries_the_worth_only_where_it_was_asked_for() -> None:
    order = verdict(make_case(appraisal=make_appraisal(report=make_report(valuation=None))))

    assert isinstance(order, ApprovedOrder)
    assert order.worth is None


@pytest.mark.parametrize(("least", "step", "expected"), [(0.015, 0.01, 0.02), (0.5, 1.0, 1.0)])
def test_the_least_volume_is_one_that_the_symbol_takes(least: float, step: float, expected: float) -> None:
    spec = make_spec(volume_min=least, volume_step=step)

    def sized(percent: float) -> AppraisedCase:
        return make_case(
            make_signal(volume=None),
            limits=make_limits(max_risk_percent=percent),
            appraisal=make_appraisal(spec=spec),
        )

    assert volume_of(sized(expected * 2)) == expected
    assert denied(sized(expected * 2 - 0.001)) == ["risk_per_trade"]


def test_a_state_in_doubt_bounds_the_size_by_itself() -> None:
    # The same symbol takes no entry at all while one is in doubt; `size` must hold by itself nevertheless.
    state = state_with(make_order(make_intent(volume=0.5)))
    spec = make_spec(volume_limit=0.8)
    case = make_case(make_signal(volume=None), state, appraisal=make_appraisal(spec=spec))

    assert size(find_facts(case, spec, make_quote())) == Sized(0.3, 60.0, 330.0)


def test_without_a_stop_a_volume_must_be_named() -> None:
    limits = make_limits(require_stop_loss=False)
    appraisal = make_appraisal(loss_at_stop=None)

    order = verdict(make_case(make_signal(stop_loss=0.0), limits=limits, appraisal=appraisal))
    assert isinstance(order, ApprovedOrder)
    assert (order.request.volume, order.request.sl, order.risk_money) == (0.1, 0.0, 0.0)

    nameless = make_case(make_signal(stop_loss=0.0, volume=None), limits=limits, appraisal=appraisal)
    assert denied(nameless) == ["risk_per_trade"]


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
    account = make_account(equity=equity, free_margin=1e12)
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
    "max_exposure_percent": st.none() | st.floats(10, 5_000),
    "slippage_reserve_points": st.floats(0, 100),
    "reduce_oversized": st.just(False),
    "require_stop_loss": st.just(True),
    "max_daily_trades": st.integers(0, 12),
    "max_daily_loss_percent": st.none() | st.floats(0.1, 20),
    "max_drawdown_percent": st.none() | st.floats(0.1, 20),
    "max_open_positions": st.none() | st.integers(0, 4),
    "max_positions_per_symbol": st.none() | st.integers(0, 4),
    "max_orders_per_minute": st.integers(1, 5),
    "min_margin_level_percent": st.none() | st.floats(50, 20_000),
}
# For these a larger number is the tighter one.
TIGHTER_UPWARDS = {
    *("duplicate_window_ms", "min_margin_level_percent", "slippage_reserve_points", "require_stop_loss")
}


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
        make_position(ticket=ticket, symbol=symbol, side=side)
        for ticket, (symbol, side) in enumerate(
            draw(
                st.lists(
                    st.tuples(st.sampled_from(["EURUSD", "GBPUSD"]), st.sampled_from(Side)),
                    min_size=held,
                    max_size=held,
                )
            ),
            1,
        )
    )
    losses = {position.ticket: draw(st.none() | st.floats(0, 500)) for position in positions}
    worths = {name: Worth(name, name[:3], "USD", 110_000.0) for name in ("EURUSD", "GBPUSD")}
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
        commission_per_lot=draw(st.sampled_from([0.0, 7.0])),
        report=make_report(
            account=account,
            positions=positions,
            valuation=make_valuation(position_losses=losses, worths=worths),
        ),
    )
    signal = make_signal(
        volume=draw(st.sampled_from([None, 0.1, 0.5, 2.0])), price=draw(st.sampled_from([None, 1.1]))
    )
    limits = make_limits(**draw(some_limits()))
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

    if isinstance(after, ApprovedOrder):
        assert isinstance(before, ApprovedOrder), before
        assert after.request.volume <= before.request.volume
