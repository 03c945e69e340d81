"""The demo's momentum strategy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.demo.strategy import STALE_MS, WARM_UP_TICKS, Idea, Momentum

SPREAD = 0.00010


def walk(momentum: Momentum, prices: list[float], every_msc: int = 100, delay_msc: int = 0) -> list[Idea]:
    """Feed bids, one every `every_msc`, each seen `delay_msc` after it happened."""
    ideas = []
    for number, bid in enumerate(prices):
        at = 1_700_000_000_000 + number * every_msc
        idea = momentum.on_tick("EURUSD", bid, round(bid + SPREAD, 5), at, at + delay_msc)
        if idea is not None:
            ideas.append(idea)
    return ideas


def rising(count: int) -> list[float]:
    return [round(1.1 + number * 0.00001, 5) for number in range(count)]


def falling(count: int) -> list[float]:
    return [round(1.1 - number * 0.00001, 5) for number in range(count)]


def test_rising_prices_are_bought_and_falling_ones_sold():
    assert ["BUY"] == [idea.action for idea in walk(Momentum(5_000), rising(50))]
    assert ["SELL"] == [idea.action for idea in walk(Momentum(5_000), falling(50))]


def test_prices_that_stand_still_give_no_idea():
    assert [] == walk(Momentum(5_000), [1.1] * 500)


def test_no_idea_comes_before_the_warm_up_is_over():
    assert [] == walk(Momentum(5_000), rising(WARM_UP_TICKS - 1))
    assert 1 == len(walk(Momentum(5_000), rising(WARM_UP_TICKS)))


def test_ideas_of_a_symbol_keep_their_distance_in_time():
    assert 3 == len(walk(Momentum(5_000), rising(WARM_UP_TICKS + 100)))
    assert 2 == len(walk(Momentum(5_001), rising(WARM_UP_TICKS + 100)))


def test_symbols_do_not_wait_for_each_other():
    momentum = Momentum(5_000)
    ideas = []
    for number, bid in enumerate(rising(50)):
        for symbol in ("EURUSD", "GBPUSD"):
            at = 1_700_000_000_000 + number
            ideas.append(momentum.on_tick(symbol, bid, bid + SPREAD, at, at))
    assert ["EURUSD", "GBPUSD"] == [idea.symbol for idea in ideas if idea]


def test_old_ticks_are_learned_from_but_not_traded_on():
    momentum = Momentum(5_000)
    assert [] == walk(momentum, rising(100), delay_msc=STALE_MS + 1)
    now = 1_700_000_100_000
    idea = momentum.on_tick("EURUSD", 1.102, 1.1021, now, now)
    assert idea is not None
    assert "BUY" == idea.action


def test_stops_stand_a_fifth_of_a_percent_away_in_a_calm_market_and_are_rounded_as_the_price():
    (idea,) = walk(Momentum(5_000), rising(WARM_UP_TICKS))
    ask = rising(WARM_UP_TICKS)[-1] + SPREAD
    assert round(ask - 0.002 * 1.10029, 5) == idea.stop_loss
    assert round(ask + 0.003 * 1.10029, 5) == idea.take_profit


def test_stops_stand_wide_in_a_wild_market():
    prices = [1.1 if number % 2 else 1.11 for number in range(WARM_UP_TICKS)]
    (idea,) = walk(Momentum(5_000), prices)
    assert abs(idea.stop_loss - 1.105) > 0.02


@given(
    st.lists(st.integers(100, 1_000_000), min_size=WARM_UP_TICKS, max_size=300), st.sampled_from([0, 2, 3, 5])
)
def test_stops_are_always_on_the_right_sides(points, digits):
    momentum = Momentum(0)
    for number, whole in enumerate(points):
        bid = whole / 10**digits
        ask = (whole + 3) / 10**digits
        idea = momentum.on_tick("X", bid, ask, number, number)
        if idea is not None and idea.action == "BUY":
            assert idea.stop_loss < bid < ask < idea.take_profit
        elif idea is not None:
            assert idea.take_profit < bid < ask < idea.stop_loss


@pytest.mark.parametrize(("bid", "digits"), [(1.10251, 5), (151.123, 3), (2345.67, 2), (40_000.0, 1)])
def test_prices_carry_no_more_decimals_than_the_market_quotes(bid, digits):
    momentum = Momentum(0)
    for number in range(WARM_UP_TICKS):
        price = round(bid * (1 + number / 1000), digits)
        idea = momentum.on_tick("X", price, round(price * 1.0001, digits), number, number)
    assert idea is not None
    assert idea.stop_loss == round(idea.stop_loss, digits)
    assert idea.take_profit == round(idea.take_profit, digits)


def test_a_stop_stays_above_zero_however_wide_the_spread():
    momentum = Momentum(0)
    for number in range(WARM_UP_TICKS):
        idea = momentum.on_tick("X", 10.01 + number, 19.01 + number, number, number)
    assert idea is not None
    assert idea.stop_loss > 0
