"""SLTP and CLOSE_BY requests."""

from typing import Any

import pytest
from tests.simulator.trading import DONE, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5

SLTP, CLOSE_BY = mt5.TRADE_ACTION_SLTP, mt5.TRADE_ACTION_CLOSE_BY


def test_new_levels_are_in_place_and_the_answer_holds_nothing_else() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1, sl=1.08)
    account.wait(1000)
    result = account.send(SLTP, position=opened.order, symbol="EURUSD", sl=1.081, tp=1.09)
    assert (DONE, 0, 0, 0.0, 0.0, 0.0, 0.0, "Request executed") == result[:8]
    position = account.position()
    assert (1.081, 1.09, account.now_msc) == (position.sl, position.tp, position.time_update_msc)


def test_zero_takes_a_level_away() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1, sl=1.08, tp=1.09)
    assert DONE == account.send(SLTP, position=opened.order, sl=1.08).retcode
    assert (1.08, 0.0) == (account.position().sl, account.position().tp)


def test_equal_levels_are_no_changes() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1, sl=1.08)
    result = account.send(SLTP, position=opened.order, sl=1.08)
    assert (mt5.TRADE_RETCODE_NO_CHANGES, "No changes") == (result.retcode, result.comment)


@pytest.mark.parametrize(
    ("fields", "retcode"),
    [
        ({"sl": 1.08505}, mt5.TRADE_RETCODE_INVALID_STOPS),  # above the bid of a long position
        ({"tp": 1.08400}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"sl": 1.080005}, mt5.TRADE_RETCODE_INVALID_STOPS),  # off the grid
        ({"position": 42, "sl": 1.08}, mt5.TRADE_RETCODE_POSITION_CLOSED),
        ({"position": 0, "sl": 1.08}, mt5.TRADE_RETCODE_POSITION_CLOSED),
    ],
)
def test_wrong_levels_are_refused(fields: dict[str, Any], retcode: int) -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1)
    request = {"position": opened.order, "symbol": "EURUSD", **fields}
    assert retcode == account.send(SLTP, **request).retcode
    assert (0.0, 0.0) == (account.position().sl, account.position().tp)


def test_a_position_about_to_trigger_is_frozen() -> None:
    account = dollar_account()
    # GOLD freezes at 20 points = 0.020
    opened = account.buy("XAUUSD", 0.1, price=2350.200, sl=2349.000)
    account.quote("XAUUSD", 2349.020, 2349.220)
    frozen = account.send(SLTP, position=opened.order, sl=2348.000)
    assert mt5.TRADE_RETCODE_FROZEN == frozen.retcode
    close = account.sell("XAUUSD", 0.1, position=opened.order, price=2349.020)
    assert mt5.TRADE_RETCODE_FROZEN == close.retcode
    account.quote("XAUUSD", 2349.021, 2349.221)
    assert DONE == account.send(SLTP, position=opened.order, sl=2348.000).retcode


def test_on_a_netting_account_the_symbol_is_enough() -> None:
    account = Account(account_mode="netting")
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.1)
    assert DONE == account.send(SLTP, symbol="EURUSD", sl=1.08).retcode
    assert 1.08 == account.position().sl


def test_closing_by_makes_two_deals_and_leaves_the_rest_of_the_larger() -> None:
    account = dollar_account()
    long = account.buy("EURUSD", 0.5)
    account.quote("EURUSD", 1.08700, 1.08710)
    short = account.sell("EURUSD", 0.2)
    result = account.send(CLOSE_BY, position=long.order, position_by=short.order)

    assert (DONE, 0.2) == (result.retcode, result.volume)
    assert (long.order, 0.3) == (account.position().ticket, account.position().volume)
    first, second = account.exchange.history_deals(0, 2**40)[-2:]
    assert [mt5.DEAL_ENTRY_OUT_BY] * 2 == [first.entry, second.entry]
    assert (long.order, mt5.DEAL_TYPE_SELL, 38.00) == (first.position_id, first.type, first.profit)
    assert (short.order, mt5.DEAL_TYPE_BUY, 0.0) == (second.position_id, second.type, second.profit)
    order = account.last_order()
    assert (mt5.ORDER_TYPE_CLOSE_BY, long.order, short.order) == (
        order.type,
        order.position_id,
        order.position_by_id,
    )
    # 0.00190 x 20 000: what the pair was worth whatever the market does afterwards
    assert 100_038.00 == account.balance()


def test_closing_by_wants_two_opposite_positions_of_one_symbol() -> None:
    account = dollar_account()
    long, other = account.buy("EURUSD", 0.1), account.buy("EURUSD", 0.1)
    foreign = account.sell("GBPUSD", 0.1)

    def retcode(position: int, position_by: int) -> int:
        return account.send(CLOSE_BY, position=position, position_by=position_by).retcode

    assert mt5.TRADE_RETCODE_INVALID == retcode(long.order, other.order)
    assert mt5.TRADE_RETCODE_INVALID == retcode(long.order, foreign.order)
    assert mt5.TRADE_RETCODE_POSITION_CLOSED == retcode(long.order, 42)


def test_closing_by_is_for_hedging_accounts() -> None:
    account = Account(account_mode="netting")
    account.quote("EURUSD", 1.08500, 1.08510)
    opened = account.buy("EURUSD", 0.1)
    result = account.send(CLOSE_BY, position=opened.order, position_by=opened.order)
    assert mt5.TRADE_RETCODE_INVALID == result.retcode
