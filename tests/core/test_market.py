"""Sides, quotes and the platform's numbers."""

from hybrid_bridge.core.market import ExecutionMode, Quote, Side, TradeMode

QUOTE = Quote("EURUSD", 1.1, 1.1002, None)


def test_the_opposite_side_closes() -> None:
    assert [side.opposite for side in Side] == [Side.SELL, Side.BUY]


def test_a_buy_enters_at_the_ask_and_leaves_at_the_bid() -> None:
    assert (QUOTE.entry_price(Side.BUY), QUOTE.exit_price(Side.BUY)) == (1.1002, 1.1)


def test_a_sell_enters_at_the_bid_and_leaves_at_the_ask() -> None:
    assert (QUOTE.entry_price(Side.SELL), QUOTE.exit_price(Side.SELL)) == (1.1, 1.1002)


def test_the_modes_have_the_platform_s_numbers() -> None:
    assert [mode.value for mode in TradeMode] == [0, 1, 2, 3, 4]
    assert [mode.value for mode in ExecutionMode] == [0, 1, 2, 3]
