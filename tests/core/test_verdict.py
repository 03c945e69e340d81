"""Closes, changes and cancellations: what passes whatever stops entries, and what could act twice."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    MAGIC_BASE,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_cancel,
    make_close,
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
    sending_events,
    state_with,
)
from tests.core.judging import appraised, denials_of, kinds, request_of

from hybrid_bridge.core.appraisal import account_only
from hybrid_bridge.core.events import IntentReceived, OrderApproved, TradingState
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind, OrderRequest, OrderState
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.state import SHOWN_LATE_MS, EngineState, apply

POSITION = make_position()


# Closes


@pytest.mark.parametrize(
    ("asked", "held", "expected"),
    [
        (None, 0.5, 0.5),
        (None, 0.005, 0.005),
        (0.5, 0.5, 0.5),
        (0.2, 0.5, 0.2),
        (0.209, 0.5, 0.2),
        (0.01, 0.5, 0.01),
        (0.509, 0.5, 0.5),
    ],
)
def test_a_close_is_for_what_was_asked_in_whole_steps(
    asked: float | None, held: float, expected: float
) -> None:
    request = request_of(appraised(make_close(volume=asked), position=make_position(volume=held)))

    assert (request.volume, request.position, request.type) == (expected, 500, 1)


@pytest.mark.parametrize("asked", [0.51, 0.009, 1e300, 1e-9, NAN, INF])
def test_a_close_of_more_than_is_held_or_less_than_the_least_is_denied(asked: float) -> None:
    assert denials_of(appraised(make_close(volume=asked), position=POSITION)) == ["volume"]


@pytest.mark.parametrize("least", [0.0, -1.0, NAN])
def test_a_close_of_less_than_a_step_is_denied_where_the_least_is_not_loaded_yet(least: float) -> None:
    spec = make_spec(volume_min=least)
    assert denials_of(appraised(make_close(volume=0.004), position=POSITION, spec=spec)) == ["volume"]


def test_closes_and_changes_need_an_open_position() -> None:
    for wanted in (make_close(), make_modify()):
        assert denials_of(appraised(wanted)) == ["position"]


@pytest.mark.parametrize(
    "state",
    [
        make_state(trading=TradingState.HALTED, emergency=True),
        make_state(trading=TradingState.HALTED),
        make_state(daily_entries=99),
        state_with(make_order(make_intent())),
    ],
)
@pytest.mark.parametrize(
    "limits",
    [
        make_limits(trading_enabled=False),
        make_limits(emergency_stop=True),
        make_limits(max_daily_trades=0, max_open_positions=0, symbols=frozenset()),
    ],
)
def test_closes_changes_and_cancellations_pass_whatever_stops_entries(
    state: EngineState, limits: Limits
) -> None:
    for wanted in (make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, state, limits, position=POSITION)

        assert kinds(events)[-2:] == ["OrderApproved", "OrderSending"]


def test_a_close_passes_on_stale_crossed_and_missing_quotes() -> None:
    for quote in (make_quote(time_msc=0), make_quote(bid=1.2), make_quote(time_msc=None), None):
        assert request_of(appraised(make_close(), position=POSITION, quote=quote)).volume == 0.5


def test_a_close_without_a_quote_takes_the_position_s_price() -> None:
    assert request_of(appraised(make_close(), position=POSITION, quote=None)).price == 1.1


def test_a_command_takes_symbol_and_side_from_its_position() -> None:
    received = appraised(make_close(), position=make_position(symbol="GBPUSD", side=Side.SELL))[0]

    assert isinstance(received, IntentReceived)
    intent = received.intent
    assert (intent.kind, intent.symbol, intent.side, intent.ticket) == (
        IntentKind.CLOSE,
        "GBPUSD",
        Side.SELL,
        500,
    )
    assert intent.expires_msc == NOW + 60_000


@pytest.mark.parametrize(("age_ms", "expired"), [(60_000, False), (60_001, True)])
def test_a_command_that_waited_a_minute_is_reported_not_sent(age_ms: int, expired: bool) -> None:
    for wanted in (make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, now_msc=NOW + age_ms, position=POSITION)

        assert expired == (kinds(events)[-1] == "IntentExpired")


# Changes of stops


@pytest.mark.parametrize(
    ("stop_loss", "take_profit", "expected"),
    [
        (1.095, None, (1.095, 1.12)),
        (None, 1.13, (1.09, 1.13)),
        (1.095, 1.13, (1.095, 1.13)),
        (0.0, None, (0.0, 1.12)),
        (None, 0.0, (1.09, 0.0)),
        (0.0, 0.0, (0.0, 0.0)),
    ],
)
def test_a_change_sends_both_stops_and_keeps_the_one_that_was_not_named(
    stop_loss: float | None, take_profit: float | None, expected: tuple[float, float]
) -> None:
    wanted = make_modify(stop_loss=stop_loss, take_profit=take_profit)

    request = request_of(appraised(wanted, limits=make_limits(require_stop_loss=False), position=POSITION))

    assert (request.sl, request.tp) == expected
    assert (request.action, request.position) == (6, 500)


@pytest.mark.parametrize(
    ("changes", "spec"),
    [
        ({"stop_loss": 1.1}, {}),
        ({"stop_loss": 1.3}, {}),
        ({"take_profit": 1.05}, {}),
        ({"stop_loss": 1.0999}, {"stops_level": 20}),
        ({"stop_loss": 1e-9}, {}),
        ({"stop_loss": NAN}, {}),
        ({"take_profit": INF}, {}),
        ({}, {"tick_size": 0.0}),
        ({}, {"point": 0.0}),
    ],
)
def test_a_change_to_impossible_stops_is_denied(changes: dict[str, Any], spec: dict[str, Any]) -> None:
    events = appraised(make_modify(**changes), position=POSITION, spec=make_spec(**spec))

    assert denials_of(events) == ["stop_loss"]


def test_a_change_on_a_sell_is_measured_from_the_ask() -> None:
    sell = make_position(side=Side.SELL, stop_loss=1.11, take_profit=1.08)

    assert denials_of(appraised(make_modify(stop_loss=1.1001), position=sell)) == ["stop_loss"]
    assert request_of(appraised(make_modify(stop_loss=1.1002), position=sell)).sl == 1.1002


def test_a_change_without_a_quote_is_measured_from_the_position_s_price() -> None:
    assert denials_of(appraised(make_modify(stop_loss=1.1), position=POSITION, quote=None)) == ["stop_loss"]


def test_a_cancellation_needs_no_symbol() -> None:
    events = appraised(make_cancel(), facts=account_only(make_report()))

    assert request_of(events) == OrderRequest(action=8, order=900, magic=make_magic(MAGIC_BASE, 1))


@pytest.mark.parametrize(("hedging", "denied"), [(True, False), (False, True)])
def test_a_netting_position_is_not_closed_while_a_deal_on_its_symbol_is_in_doubt(
    hedging: bool, denied: bool
) -> None:
    state = make_state()
    for event in appraised(make_signal(signal_id="doubtful"), state):
        apply(state, event)
    close = make_close(command_id="blind")
    report = make_report(account=make_account(hedging=hedging))
    events = appraised(close, state, position=make_position(), report=report)
    assert denied == (kinds(events)[-1] == "IntentDenied")


# Closes while an earlier one is in doubt


def doubtful_close(volume: float | None, ticket: int = 500) -> EngineState:
    order = make_order(make_intent(kind=IntentKind.CLOSE, ticket=ticket, volume=volume, signal_id="first"))
    return state_with(order)


@pytest.mark.parametrize("earlier", [None, 0.2])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, "OrderSending"), (0.5, "OrderSending"), (0.2, "IntentDenied"), (0.49, "IntentDenied")],
)
def test_on_a_hedging_account_all_of_a_position_may_be_closed_again_and_a_part_may_not(
    earlier: float | None, asked: float | None, expected: str
) -> None:
    state = doubtful_close(earlier)
    events = appraised(make_close(command_id="second", volume=asked), state, position=POSITION)

    assert kinds(events)[-1] == expected
    if expected == "IntentDenied":
        assert denials_of(events) == ["position"]


def test_a_part_of_another_position_may_be_closed_meanwhile() -> None:
    state = doubtful_close(None, ticket=501)

    assert kinds(appraised(make_close(volume=0.2), state, position=POSITION))[-1] == "OrderSending"


def test_a_part_may_be_closed_once_the_doubt_is_over() -> None:
    state = fold(doubtful_close(0.2), [make_answer(1, OrderState.NOT_EXECUTED)])

    assert kinds(appraised(make_close(volume=0.2), state, position=POSITION))[-1] == "OrderSending"


def test_an_escalated_close_is_still_in_doubt() -> None:
    state = fold(doubtful_close(0.2), [make_answer(1, OrderState.ESCALATED)])

    assert kinds(appraised(make_close(volume=0.2), state, position=POSITION))[-1] == "IntentDenied"


def test_stops_may_be_changed_while_a_close_or_a_change_is_in_doubt() -> None:
    change = make_order(make_intent(kind=IntentKind.MODIFY, ticket=500))
    for state in (doubtful_close(0.2), state_with(change)):
        for hedging in (True, False):
            report = make_report(account=make_account(hedging=hedging))
            events = appraised(make_modify(), state, position=POSITION, report=report)
            assert kinds(events)[-1] == "OrderSending"


def test_a_silent_terminal_hides_no_reason_that_is_known_without_it() -> None:
    events = appraised(make_signal(), limits=make_limits(trading_enabled=False), facts=None)

    assert denials_of(events) == ["trading_enabled", "account"]


def test_a_command_is_approved_with_its_intent_its_magic_and_no_risk() -> None:
    magic = make_magic(MAGIC_BASE, 1)
    for wanted in (make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, position=POSITION)

        received, approved = events[-3], events[-2]
        assert isinstance(received, IntentReceived)
        assert isinstance(approved, OrderApproved)
        assert approved.order.intent == received.intent
        assert (approved.order.request.magic, approved.order.quote, approved.order.risk_money) == (
            magic,
            None,
            0.0,
        )


@pytest.mark.parametrize("side", list(Side))
def test_without_a_quote_a_close_of_either_side_takes_the_position_s_price(side: Side) -> None:
    position = make_position(side=side, price_current=1.2345)

    assert request_of(appraised(make_close(), position=position, quote=None)).price == 1.2345


def test_a_change_in_doubt_does_not_hide_a_close_in_doubt_behind_it() -> None:
    change = make_order(make_intent(1, kind=IntentKind.MODIFY, ticket=500), action=6, position=500)
    close = make_order(make_intent(2, kind=IntentKind.CLOSE, ticket=500), position=500)
    state = state_with(change, close)

    assert denials_of(appraised(make_close(volume=0.1), state, position=POSITION)) == ["position"]


def test_a_signal_s_time_is_judged_again_with_the_terminal_s_facts() -> None:
    future = make_signal(timestamp_msc=NOW + 2_001)

    assert denials_of(appraised(future)) == ["expiry"]
    assert denials_of(appraised(future, facts=None)) == ["expiry", "account"]
    assert denials_of(appraised(future, limits=make_limits(max_daily_trades=0))) == ["expiry", "daily_trades"]


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        (make_state(), True),
        (make_state(trading=TradingState.REDUCING), False),
        (make_state(trading=TradingState.HALTED, emergency=True), False),
    ],
)
def test_a_change_that_raises_the_loss_is_judged_like_an_entry(state: EngineState, passes: bool) -> None:
    wider, nearer = make_modify(stop_loss=1.0899), make_modify(stop_loss=1.0901)
    limits = make_limits(max_risk_percent=5.0)
    loss = 91_000.0  # 100 lots from 1.099 to 1.0899

    events = appraised(wider, state, limits, position=POSITION, loss_at_stop=loss)
    assert passes == (kinds(events)[-1] == "OrderSending")
    if not passes:
        assert denials_of(events) == ["trading_state"]
    assert kinds(appraised(nearer, state, limits, position=POSITION))[-1] == "OrderSending"
    tight = make_limits(max_risk_percent=4.54)
    assert "risk_per_trade" in denials_of(
        appraised(wider, state, tight, position=POSITION, loss_at_stop=loss)
    )
    assert kinds(appraised(nearer, state, tight, position=POSITION))[-1] == "OrderSending"


@pytest.mark.parametrize(
    ("held", "most", "step", "sent", "leaves"),
    [
        (250.0, 100.0, 0.01, 100.0, 150.0),
        (100.0, 100.0, 0.01, 100.0, 0.0),
        (0.7, 0.25, 0.1, 0.2, 0.5),
        (250.0, 0.0, 0.01, 250.0, 0.0),  # The terminal does not know it; the venue does.
    ],
)
def test_a_whole_close_is_sent_for_what_one_request_may_hold(
    held: float, most: float, step: float, sent: float, leaves: float
) -> None:
    spec = make_spec(volume_max=most, volume_step=step)
    events = appraised(make_close(), position=make_position(volume=held), spec=spec)
    approved = next(event.order for event in events if isinstance(event, OrderApproved))
    assert (sent, leaves, leaves) == (approved.request.volume, approved.leaves, approved.short)


def test_a_part_that_was_asked_for_is_short_of_nothing() -> None:
    events = appraised(make_close(volume=0.2), position=POSITION)
    approved = next(event.order for event in events if isinstance(event, OrderApproved))
    assert (0.3, 0.0) == (approved.leaves, approved.short)


def closed_before(
    state: OrderState = OrderState.FILLED, at_msc: int = NOW, volume: float = 0.5, leaves: float = 0.0
) -> EngineState:
    """Return a state in which a close of position 500 was answered."""
    intent = make_intent(kind=IntentKind.CLOSE, ticket=500, volume=None)
    order = replace(make_order(intent, volume=volume, position=500), leaves=leaves)
    answer = make_answer(1, state, volume=volume, at_msc=at_msc)
    return fold(state_with(order, unknown=False, at_msc=at_msc), [answer])


@pytest.mark.parametrize("hedging", [False, True])
@pytest.mark.parametrize("held", [0.5, 0.3, 0.2])
@pytest.mark.parametrize("ago_ms", [0, SHOWN_LATE_MS, SHOWN_LATE_MS + 1])
def test_what_a_close_of_a_moment_ago_closed_is_not_closed_again_on_a_netting_account(
    hedging: bool, held: float, ago_ms: int
) -> None:
    state = closed_before(OrderState.PARTIAL, NOW - ago_ms, volume=0.3, leaves=0.2)
    report = make_report(account=make_account(hedging=hedging))
    events = appraised(make_close(), state, position=make_position(volume=held), report=report)
    unshown = not hedging and held > 0.2 and ago_ms <= SHOWN_LATE_MS
    assert unshown == ("IntentDenied" in kinds(events))


def test_an_entry_after_the_close_may_have_made_the_position_larger() -> None:
    state = closed_before()
    entry = make_order(make_intent(2))
    fold(state, [*sending_events(entry), make_answer(2, OrderState.FILLED, volume=0.1)])
    report = make_report(account=make_account(hedging=False))
    events = appraised(make_close(), state, position=POSITION, report=report)
    assert 0.5 == request_of(events).volume
