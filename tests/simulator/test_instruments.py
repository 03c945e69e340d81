"""A symbol's live state."""

from tests.simulator.trading import DAY_MSC, MONDAY_MSC, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.ticks import ROW

BID, ASK = mt5.TICK_FLAG_BID, mt5.TICK_FLAG_ASK


def instrument() -> Instrument:
    return Instrument(catalogue_symbol("EURUSD"), tick_rows=100, max_bars=100)


def test_the_flags_of_a_tick_say_what_changed() -> None:
    euro = instrument()
    flags = []
    for bid, ask in ((1.1, 1.2), (1.1, 1.3), (1.0, 1.3), (1.0, 1.3), (1.2, 1.4)):
        euro.take_tick(MONDAY_MSC, bid, ask)
        flags.append(euro.tick().flags)
    assert [BID | ASK, ASK, BID, 0, BID | ASK] == flags
    stored = euro.ticks.copy_from(0, 10, mt5.COPY_TICKS_ALL)
    assert flags == [row[6] for row in ROW.iter_unpack(stored)]


def test_a_tick_from_the_past_is_dated_like_the_last_one() -> None:
    euro = instrument()
    euro.take_tick(MONDAY_MSC + 5, 1.1, 1.2)
    euro.take_tick(MONDAY_MSC, 1.2, 1.3)
    assert (MONDAY_MSC + 5, 1.2) == (euro.tick().time_msc, euro.tick().bid)


def test_the_days_extremes_begin_anew_each_day() -> None:
    euro = instrument()
    for bid, ask in ((1.5, 1.6), (1.7, 1.9), (1.4, 1.8)):
        euro.take_tick(MONDAY_MSC, bid, ask)
    assert (1.7, 1.4, 1.9, 1.6, 1.5) == (
        euro.bid_high,
        euro.bid_low,
        euro.ask_high,
        euro.ask_low,
        euro.session_open,
    )
    euro.take_tick(MONDAY_MSC + DAY_MSC, 1.55, 1.65)
    assert (1.55, 1.55, 1.65, 1.65, 1.55) == (
        euro.bid_high,
        euro.bid_low,
        euro.ask_high,
        euro.ask_low,
        euro.session_open,
    )


def test_levels_of_what_has_gone_are_forgotten_when_the_quote_reaches_them() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1, sl=1.08400, tp=1.08600)
    account.sell("EURUSD", 0.1, position=opened.order)
    placed = account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.1, 1.08300)
    account.send(mt5.TRADE_ACTION_REMOVE, order=placed.order)
    kept = account.buy("EURUSD", 0.1, sl=1.08100)
    for bid in (1.08650, 1.08350, 1.08250):
        account.quote("EURUSD", bid, bid + 0.0001)
    assert kept.order == account.position().ticket
    account.quote("EURUSD", 1.08090, 1.08100)
    assert () == account.exchange.positions()


def test_distances_in_points_are_free_of_binary_noise() -> None:
    assert 10.0 == instrument().points(1.08510 - 1.08500)
    assert 0.5 == instrument().points(0.000005)
