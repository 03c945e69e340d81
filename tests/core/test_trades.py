"""From deals to the results of trades, on hedging and netting accounts, and which results are awaited."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    MAGIC_BASE,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_intent,
    make_limits,
    make_order,
    make_position,
    make_report,
    make_state,
    sending_events,
)

from hybrid_bridge.core.account import Deal
from hybrid_bridge.core.events import (
    EntrySettled,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.state import EngineState, OrderRecord
from hybrid_bridge.core.trades import (
    Trade,
    abandon_result,
    find_unknown_results,
    is_complete,
    number_by,
    opening_deals,
    settle,
    settle_all,
    trades_of,
)

IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3
BUY, SELL = Side.BUY, Side.SELL
NETTING = make_account(hedging=False)


def deal(ticket: int, side: Side, entry: int, volume: float, profit: float = 0.0, **changes: Any) -> Deal:
    """A deal of position 700, one millisecond after the one of the ticket before."""
    base = Deal(
        ticket=ticket,
        order=ticket,
        position_id=700,
        symbol="EURUSD",
        side=side,
        entry=entry,
        volume=volume,
        price=1.1,
        profit=profit,
        commission=0.0,
        swap=0.0,
        magic=0,
        comment="",
        time_msc=NOW + ticket,
    )
    return replace(base, **changes)


def of(number: int) -> dict[str, Any]:
    return {"magic": make_magic(MAGIC_BASE, number)}


def by_magic(one: Deal) -> int:
    return one.magic & 0xFFFF_FFFF


def results(*deals: Deal) -> list[tuple[tuple[int, ...], int, float]] | None:
    """Who took part, which deal ended it, and what it brought, of each trade."""
    trades = trades_of(deals, by_magic)
    return None if trades is None else [(trade.numbers, trade.deal, trade.profit) for trade in trades]


def filled(number: int = 1, side: Side = BUY, **answer: Any) -> EngineState:
    """A state in which an entry of 0.1 lots was filled as position 700."""
    order = make_order(make_intent(number, side=side))
    told = make_answer(number, OrderState.FILLED, volume=0.1, ticket=700, **answer)
    return fold(make_state(), [*sending_events(order), told])


def record_of(state: EngineState, number: int = 1) -> OrderRecord:
    return state.unsettled[number]


# Trades


def test_a_trade_is_the_whole_position_with_all_its_costs() -> None:
    opened = deal(1, BUY, IN, 0.1, commission=-0.7, fee=-0.1, **of(1))
    part = deal(2, SELL, OUT, 0.04, 3.0, commission=-0.3, swap=-0.2, fee=-0.1)
    rest = deal(3, SELL, OUT, 0.06, -1.5, commission=-0.4)

    assert results(rest, opened, part) == [((1,), 3, -0.3)]
    assert results(opened, part) == [((1,), 0, 1.6)]


def test_money_that_cancels_out_is_neither_won_nor_lost() -> None:
    deals = [deal(1, BUY, IN, 0.1, commission=-0.1), deal(2, SELL, OUT, 0.1, 0.3, commission=-0.2)]

    assert results(*deals) == [((), 2, 0.0)]


@pytest.mark.parametrize("entry", [OUT, OUT_BY])
def test_a_position_closed_by_an_order_or_by_an_opposite_one_is_over(entry: int) -> None:
    assert results(deal(1, SELL, IN, 0.1, **of(4)), deal(2, BUY, entry, 0.1, -9.0)) == [((4,), 2, -9.0)]


def test_lots_that_floats_cannot_add_up_exactly_still_end_a_trade() -> None:
    parts = [deal(n, SELL, OUT, 0.1, -1.0) for n in (2, 3, 4)]

    assert results(deal(1, BUY, IN, 0.3), *parts) == [((), 4, -3.0)]


def test_a_turned_over_position_is_two_trades_that_share_the_costs_by_their_lots() -> None:
    deals = [
        deal(1, BUY, IN, 1.0, commission=-1.0, **of(1)),
        deal(2, SELL, INOUT, 4.0, -20.0, commission=-4.0, **of(2)),
        deal(3, BUY, OUT, 3.0, 50.0),
    ]

    assert results(*deals) == [((1,), 2, -22.0), ((2,), 3, 47.0)]
    assert results(*deals[:2]) == [((1,), 2, -22.0), ((2,), 0, -3.0)]


def test_a_netting_position_built_by_several_entries_is_one_trade_of_them_all() -> None:
    deals = [
        deal(1, BUY, IN, 0.1, **of(1)),
        deal(2, BUY, IN, 0.2, **of(2)),
        deal(3, SELL, OUT, 0.1, -4.0, **of(3)),
        deal(4, SELL, OUT, 0.2, 1.0),
    ]

    assert results(*deals) == [((1, 2, 3), 4, -3.0)]


def test_an_entry_belongs_to_the_last_trade_it_took_part_in() -> None:
    deals = [
        deal(1, BUY, IN, 0.1, **of(1)),
        deal(2, SELL, OUT, 0.1, -4.0, **of(2)),
        deal(3, SELL, IN, 0.1, **of(2)),
        deal(4, BUY, OUT, 0.1, 6.0),
    ]

    assert results(*deals) == [((1,), 2, -4.0), ((2,), 4, 6.0)]


@pytest.mark.parametrize(
    "deals",
    [
        [deal(2, SELL, OUT, 0.1, -4.0)],
        [deal(1, BUY, IN, 0.1), deal(2, SELL, OUT, 0.3, -4.0)],
        [deal(1, BUY, IN, 0.1), deal(2, SELL, OUT, 0.1), deal(3, SELL, OUT, 0.1)],
        [deal(1, BUY, IN, 0.1), deal(2, BUY, OUT, 0.1)],
    ],
)
def test_deals_that_close_what_none_has_opened_are_not_all_of_them(deals: list[Deal]) -> None:
    assert results(*deals) is None


def test_a_trade_tells_its_position_its_symbol_and_when_it_ended() -> None:
    deals = [deal(1, BUY, IN, 0.1, **of(4)), deal(2, SELL, OUT, 0.1, -3.0)]

    assert trades_of(deals, by_magic) == (Trade((4,), 700, "EURUSD", 2, -3.0, NOW + 2),)


def test_deals_follow_one_another_by_their_time_and_then_by_their_ticket() -> None:
    late = deal(1, SELL, OUT, 0.1, -3.0, time_msc=NOW + 9)
    early = deal(5, BUY, IN, 0.1, time_msc=NOW + 3)
    at_once = [deal(6, SELL, OUT, 0.1, 1.0, time_msc=NOW), deal(5, BUY, IN, 0.1, time_msc=NOW)]

    assert results(late, early) == [((), 1, -3.0)]
    assert results(*at_once) == [((), 6, 1.0)]
    # Of a clock that is not known nothing is older than what has a time.
    assert results(deal(9, SELL, OUT, 0.1, time_msc=1), deal(3, BUY, IN, 0.1, time_msc=None)) is not None


@pytest.mark.parametrize(("volume", "ends"), [(0.1, 2), (0.04, 0)])
def test_a_deal_that_could_turn_a_position_over_and_does_not_only_makes_it_smaller(
    volume: float, ends: int
) -> None:
    deals = [deal(1, BUY, IN, 0.1, **of(1)), deal(2, SELL, INOUT, volume, -4.0, commission=-1.0, **of(2))]

    assert results(*deals) == [((1, 2), ends, -5.0)]


def test_a_position_may_begin_with_a_deal_that_could_have_turned_one_over() -> None:
    assert results(deal(1, BUY, INOUT, 0.1, **of(1)), deal(2, SELL, OUT, 0.1, 5.0)) == [((1,), 2, 5.0)]


def test_what_turned_over_twice_is_three_trades() -> None:
    deals = [
        deal(1, BUY, IN, 1.0, **of(1)),
        deal(2, SELL, INOUT, 2.0, -2.0, **of(2)),
        deal(3, BUY, INOUT, 2.0, -3.0, **of(3)),
        deal(4, SELL, OUT, 1.0, 7.0),
    ]

    assert results(*deals) == [((1,), 2, -2.0), ((2,), 3, -3.0), ((3,), 4, 7.0)]


# Whose deals, and are they all


def test_an_entry_s_deals_bear_its_magic_or_its_comment_and_are_on_its_side() -> None:
    record = record_of(filled(deal=7))
    assert record.order is not None
    comment = record.order.request.comment
    ours = [
        deal(1, BUY, IN, 0.1, **of(1)),
        deal(2, BUY, IN, 0.1, comment=comment),
        deal(7, BUY, IN, 0.1),
    ]
    others = [
        deal(3, SELL, OUT, 0.1, **of(1)),
        deal(4, BUY, IN, 0.1, comment=comment, **of(2)),
        deal(5, BUY, IN, 0.1),
    ]

    assert opening_deals(record, [*ours, *others]) == ours
    assert [1, 1, 1, 0, 0, 0] == [number_by([record])(one) for one in (*ours, *others)]


@pytest.mark.parametrize(("lots", "complete"), [((), False), ((0.04,), False), ((0.04, 0.06), True)])
def test_the_deals_are_all_once_they_add_up_to_what_the_venue_said(
    lots: tuple[float, ...], complete: bool
) -> None:
    opened = [deal(n, BUY, IN, volume, **of(1)) for n, volume in enumerate(lots, start=1)]
    stopped_out = deal(9, SELL, OUT, 0.1, **of(1))

    assert is_complete(record_of(filled()), [*opened, stopped_out]) is complete


def test_no_deals_are_never_all_of_them() -> None:
    order = make_order(make_intent(1))
    told = make_answer(1, OrderState.FILLED, volume=0.0)
    state = fold(make_state(), [*sending_events(order), told])

    assert not is_complete(record_of(state), [])


# Many results at once


def told(records: list[OrderRecord], *deals: Deal) -> list[tuple[tuple[int, ...], float]]:
    """Settle many; return which entries each trade closed had and what it brought."""
    events = settle_all(records, deals, number_by(records), lambda _: DAY, NOW + 9)
    closed = [(event.numbers, event.profit) for event in events if isinstance(event, TradeClosed)]
    settled = [event.number for event in events if isinstance(event, EntrySettled)]
    assert settled == [number for numbers, _ in closed for number in numbers]
    return closed


def entries(*numbers: int) -> list[OrderRecord]:
    return [record_of(filled(number), number) for number in numbers]


def ended(number: int, profit: float, lots: float = 0.1) -> list[Deal]:
    """The two deals of an entry's own position."""
    position = {"position_id": 700 + number}
    return [
        deal(10 * number, BUY, IN, 0.1, **of(number), **position),
        deal(10 * number + 1, SELL, OUT, lots, profit, **of(number), **position),
    ]


def test_every_trade_is_told_of_once_from_one_answer() -> None:
    deals = [*ended(1, -3.0), *ended(2, 4.0), *ended(3, -5.0, lots=0.05), *ended(9, -9.0)]

    assert told(entries(1, 2, 3, 4), *deals) == [((1,), -3.0), ((2,), 4.0)]


def test_entries_of_one_trade_are_told_of_together_and_once() -> None:
    joined = [
        deal(1, BUY, IN, 0.1, **of(1)),
        deal(2, BUY, IN, 0.1, **of(2)),
        deal(3, SELL, OUT, 0.2, -6.0, **of(1)),
    ]

    assert told(entries(1, 2), *joined, *ended(3, 1.0)) == [((1, 2), -6.0)]
    assert told(entries(1, 2, 3), *joined, *ended(3, 1.0)) == [((1, 2), -6.0), ((3,), 1.0)]


def test_an_entry_in_two_positions_waits_for_both() -> None:
    def half(ticket: int, position: int) -> Deal:
        return deal(ticket, BUY, IN, 0.05, **of(1), position_id=position)

    opened = [half(1, 700), half(2, 701)]
    first, second = (
        deal(ticket, SELL, OUT, 0.05, -1.0, position_id=position) for ticket, position in ((3, 700), (4, 701))
    )

    assert told(entries(1), *opened, first) == []
    assert told(entries(1), *opened, first, second) == [((1,), -1.0), ((1,), -1.0)]


def test_a_deal_without_magic_is_an_entry_s_by_its_number_among_many() -> None:
    opened = deal(77, BUY, IN, 0.1, position_id=702)
    closed = deal(78, SELL, OUT, 0.1, -2.0, position_id=702)
    named = record_of(filled(number=2, deal=77), 2)

    assert told([*entries(1, 3), named], *ended(1, 4.0), opened, closed) == [((1,), 4.0), ((2,), -2.0)]


# What is awaited


@pytest.mark.parametrize(
    ("position", "unknown"),
    [
        (None, True),
        (make_position(**of(1)), False),
        (make_position(**of(2)), True),
        (make_position(ticket=700), False),
        (make_position(identifier=700), False),
        (make_position(), True),
        (make_position(side=SELL, ticket=700), True),
    ],
)
@pytest.mark.parametrize("hedging", [True, False])
def test_a_result_is_awaited_of_what_a_look_does_not_show_any_more(
    position: Any, unknown: bool, hedging: bool
) -> None:
    held = () if position is None else (position,)
    report = make_report(account=make_account(hedging=hedging), positions=held)

    assert (find_unknown_results(filled(), make_limits(), report) != []) is unknown


def test_on_a_netting_account_an_entry_is_in_the_position_that_it_was_seen_in_until_that_ends() -> None:
    state = fold(make_state(), [PositionAdopted(500, "EURUSD", BUY, 0.5, 1.1, 0, NOW)])
    state.unsettled.update(filled().unsettled)
    state.unshown.update(filled().unshown)
    report = make_report(account=NETTING, positions=(make_position(volume=0.6),))
    assert find_unknown_results(state, make_limits(), report) != []

    fold(state, [PositionChanged(500, BUY, 0.6, 1.1, NOW)])
    assert find_unknown_results(state, make_limits(), report) == []
    by_hand = make_report(account=NETTING, positions=(make_position(ticket=501),))
    assert find_unknown_results(state, make_limits(), by_hand) != []

    turned = make_report(account=NETTING, positions=(make_position(side=SELL),))
    fold(state, [PositionChanged(500, SELL, 0.3, 1.1, NOW)])
    assert find_unknown_results(state, make_limits(), turned) != []
    assert state.held_in == {}


@pytest.mark.parametrize("ticket", [699, 701])  # Of an order that had waited, and of a later one.
def test_on_a_netting_account_what_somebody_else_opened_since_does_not_hold_an_entry(ticket: int) -> None:
    state = fold(filled(), [PositionAdopted(ticket, "EURUSD", BUY, 0.1, 1.1, 0, NOW)])
    report = make_report(account=NETTING, positions=(make_position(ticket=ticket, identifier=ticket),))

    assert find_unknown_results(state, make_limits(), report) != []


def test_on_a_hedging_account_only_its_own_position_shows_an_entry() -> None:
    state = filled()
    state.held_in[1] = 500

    report = make_report(positions=(make_position(ticket=500),))

    assert find_unknown_results(state, make_limits(), report) != []


def test_a_position_that_ended_holds_nothing_any_more() -> None:
    state = fold(filled(), [PositionAdopted(700, "EURUSD", BUY, 0.1, 1.1, 1, NOW)])
    assert state.held_in == {1: 700}

    fold(state, [PositionEnded(700, NOW)])
    assert state.held_in == {}


def test_a_position_seen_before_its_order_s_reply_holds_the_entry_too() -> None:
    state = fold(make_state(), sending_events(make_order(make_intent(1))))
    fold(state, [PositionAdopted(700, "EURUSD", BUY, 0.1, 1.1, 1, NOW)])

    fold(state, [make_answer(1, OrderState.FILLED, volume=0.1)])

    assert (state.held_in, state.unshown) == ({1: 700}, {})


def trade(numbers: tuple[int, ...], number: int, **changes: Any) -> Trade:
    return replace(Trade(numbers, 700, "EURUSD", number, -5.0, NOW + number), **changes)


def test_a_result_is_told_of_the_trade_and_of_every_entry_in_it() -> None:
    state = fold(filled(), [*sending_events(make_order(make_intent(2)))])

    events = settle(record_of(state), [trade((), 3), trade((1, 2), 9)], lambda _: DAY, NOW + 50)

    assert events == (
        TradeClosed((1, 2), 700, "EURUSD", 9, -5.0, NOW + 9, DAY, NOW + 50),
        EntrySettled(1, -5.0, 9, NOW + 50),
        EntrySettled(2, -5.0, 9, NOW + 50),
    )
    assert fold(state, events).unsettled == {}


@pytest.mark.parametrize(
    "trades",
    [
        [],
        [trade((2,), 9)],
        [trade((1,), 0)],
        [trade((1,), 9, closed_msc=None)],
        [trade((1,), 9, profit=NAN)],
    ],
)
def test_what_is_not_over_or_not_known_is_not_told(trades: list[Trade]) -> None:
    assert settle(record_of(filled()), trades, lambda _: DAY, NOW) == ()


def test_the_least_of_tickets_ends_a_trade_too() -> None:
    assert settle(record_of(filled()), [trade((1,), 1)], lambda _: DAY, NOW) != ()


def test_a_trade_that_was_counted_before_more_of_the_order_came_to_light_is_not_counted_again() -> None:
    state = fold(filled(), [EntrySettled(1, -5.0, 9, NOW)])
    fold(state, [])
    record = state.orders[1]

    assert settle(record, [trade((1,), 9)], lambda _: DAY, NOW) == (EntrySettled(1, -5.0, 9, NOW),)
    assert isinstance(settle(record, [trade((1,), 10)], lambda _: DAY, NOW)[0], TradeClosed)


def test_of_an_order_s_trades_only_those_after_the_one_that_was_counted_are_told() -> None:
    state = fold(filled(), [EntrySettled(1, -5.0, 9, NOW)])
    days = {NOW + 9: DAY, NOW + 12: DAY + 1}

    events = settle(state.orders[1], [trade((1,), 9), trade((1,), 12)], days.get, NOW + 50)

    assert events == (
        TradeClosed((1,), 700, "EURUSD", 12, -5.0, NOW + 12, DAY + 1, NOW + 50),
        EntrySettled(1, -5.0, 12, NOW + 50),
    )


def test_a_result_that_cannot_be_learned_counts_for_nothing() -> None:
    state = filled()
    assert abandon_result(record_of(state), NOW + 3) == (EntrySettled(1, None, 0, NOW + 3),)

    fold(state, abandon_result(record_of(state), NOW))

    assert (state.unsettled, state.loss_streak) == ({}, 0)
