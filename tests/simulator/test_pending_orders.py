"""Placing, changing and removing pending orders."""

from typing import Any

import pytest
from tests.simulator.trading import DAY_MSC, DONE, HOUR_MSC, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5

BUY_LIMIT, SELL_LIMIT = mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_LIMIT
BUY_STOP, SELL_STOP = mt5.ORDER_TYPE_BUY_STOP, mt5.ORDER_TYPE_SELL_STOP
BUY_STOP_LIMIT, SELL_STOP_LIMIT = mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT


def test_an_accepted_order_is_answered_with_its_ticket_and_waits() -> None:
    account = dollar_account()
    result = account.pending(BUY_LIMIT, "EURUSD", 0.2, 1.08000, sl=1.07, tp=1.09, magic=9, comment="wait")
    (order,) = account.exchange.orders()
    assert (DONE, 0, order.ticket, 0.2, 0.0, 1.08500, 1.08510, "Request executed") == result[:8]
    assert (mt5.ORDER_STATE_PLACED, BUY_LIMIT, 0.2, 0.2, 1.08, 1.07, 1.09, 9, "wait") == (
        order.state,
        order.type,
        order.volume_initial,
        order.volume_current,
        order.price_open,
        order.sl,
        order.tp,
        order.magic,
        order.comment,
    )
    assert 1.08510 == order.price_current
    assert () == account.exchange.positions()
    assert 0.0 == account.exchange.account_info().margin


@pytest.mark.parametrize(
    ("order_type", "good", "bad"),
    [
        # EURUSD 1.08500 / 1.08510, stops level 0
        (BUY_LIMIT, 1.08509, 1.08510),
        (SELL_LIMIT, 1.08501, 1.08500),
        (BUY_STOP, 1.08511, 1.08510),
        (SELL_STOP, 1.08499, 1.08500),
    ],
)
def test_a_price_on_the_wrong_side_is_an_invalid_price(order_type: int, good: float, bad: float) -> None:
    account = dollar_account()
    refused = account.pending(order_type, "EURUSD", 0.1, bad)
    assert (mt5.TRADE_RETCODE_INVALID_PRICE, "Invalid price") == (refused.retcode, refused.comment)
    assert DONE == account.pending(order_type, "EURUSD", 0.1, good).retcode


def test_the_stops_level_keeps_orders_off_the_market_and_levels_off_the_order() -> None:
    account = dollar_account()
    # GOLD: 0.100 off the ask 2350.200, levels 0.100 off the order's own price
    near = account.pending(BUY_LIMIT, "XAUUSD", 0.1, 2350.101)
    assert mt5.TRADE_RETCODE_INVALID_PRICE == near.retcode
    stop = account.pending(BUY_LIMIT, "XAUUSD", 0.1, 2350.100, sl=2350.001)
    assert mt5.TRADE_RETCODE_INVALID_STOPS == stop.retcode
    assert DONE == account.pending(BUY_LIMIT, "XAUUSD", 0.1, 2350.100, sl=2350.000).retcode


@pytest.mark.parametrize("price", [1.080005, 0.0, -1.0])
def test_a_price_off_the_grid_is_an_invalid_price(price: float) -> None:
    account = dollar_account()
    refused = account.pending(BUY_LIMIT, "EURUSD", 0.1, price)
    assert mt5.TRADE_RETCODE_INVALID_PRICE == refused.retcode


def test_a_stop_limit_leaves_its_limit_on_the_better_side() -> None:
    account = dollar_account()
    worse = account.pending(BUY_STOP_LIMIT, "EURUSD", 0.1, 1.09, stoplimit=1.091)
    assert mt5.TRADE_RETCODE_INVALID_PRICE == worse.retcode
    none = account.pending(SELL_STOP_LIMIT, "EURUSD", 0.1, 1.08)
    assert mt5.TRADE_RETCODE_INVALID_PRICE == none.retcode
    assert DONE == account.pending(BUY_STOP_LIMIT, "EURUSD", 0.1, 1.09, stoplimit=1.089).retcode
    assert DONE == account.pending(SELL_STOP_LIMIT, "EURUSD", 0.1, 1.08, stoplimit=1.081).retcode


@pytest.mark.parametrize(
    ("symbol", "order_type", "filling", "accepted"),
    [
        ("EURUSD", BUY_LIMIT, mt5.ORDER_FILLING_RETURN, True),
        ("EURUSD", BUY_LIMIT, mt5.ORDER_FILLING_IOC, True),
        ("EURUSD", BUY_LIMIT, mt5.ORDER_FILLING_BOC, False),
        ("AAPL", BUY_LIMIT, mt5.ORDER_FILLING_BOC, True),
        ("AAPL", SELL_STOP, mt5.ORDER_FILLING_BOC, False),
        ("BTCUSD", BUY_LIMIT, mt5.ORDER_FILLING_FOK, False),
    ],
)
def test_filling_of_pending_orders_follows_the_table(
    symbol: str, order_type: int, filling: int, accepted: bool
) -> None:
    account = dollar_account()
    price = {"EURUSD": 1.0, "AAPL": 150.0, "BTCUSD": 60_000.0}[symbol]
    result = account.pending(order_type, symbol, 1.0, price, type_filling=filling)
    assert (DONE if accepted else mt5.TRADE_RETCODE_INVALID_FILL) == result.retcode


def test_the_limit_on_orders_is_kept() -> None:
    account = dollar_account(limit_orders=2)
    for _ in range(2):
        assert DONE == account.pending(BUY_LIMIT, "EURUSD", 0.1, 1.08).retcode
    third = account.pending(BUY_LIMIT, "EURUSD", 0.1, 1.08)
    assert mt5.TRADE_RETCODE_LIMIT_ORDERS == third.retcode


def test_a_market_type_is_no_pending_order() -> None:
    account = dollar_account()
    result = account.pending(mt5.ORDER_TYPE_BUY, "EURUSD", 0.1, 1.08)
    assert mt5.TRADE_RETCODE_INVALID == result.retcode


def test_a_change_replaces_the_whole_state_but_the_volume() -> None:
    account = dollar_account()
    placed = account.pending(BUY_LIMIT, "EURUSD", 0.2, 1.08, sl=1.07, tp=1.09)
    changed = account.send(mt5.TRADE_ACTION_MODIFY, order=placed.order, price=1.081, sl=1.071, volume=5.0)
    (order,) = account.exchange.orders()
    assert DONE == changed.retcode
    assert (placed.order, 1.081, 1.071, 0.0, 0.2) == (
        order.ticket,
        order.price_open,
        order.sl,
        order.tp,
        order.volume_current,
    )


def test_a_change_to_the_same_is_no_changes() -> None:
    account = dollar_account()
    placed = account.pending(BUY_LIMIT, "EURUSD", 0.2, 1.08, sl=1.07)
    same = account.send(mt5.TRADE_ACTION_MODIFY, order=placed.order, price=1.08, sl=1.07)
    assert mt5.TRADE_RETCODE_NO_CHANGES == same.retcode


def test_a_removed_order_is_canceled_in_history() -> None:
    account = dollar_account()
    placed = account.pending(BUY_LIMIT, "EURUSD", 0.2, 1.08)
    account.wait(1000)
    removed = account.send(mt5.TRADE_ACTION_REMOVE, order=placed.order)
    order = account.exchange.history_order(placed.order)
    assert (DONE, placed.order, ()) == (removed.retcode, removed.order, account.exchange.orders())
    assert order is not None
    assert (mt5.ORDER_STATE_CANCELED, 0.2, account.now_msc) == (
        order.state,
        order.volume_current,
        order.time_done_msc,
    )


@pytest.mark.parametrize("action", [mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE])
def test_an_unknown_order_is_an_invalid_request(action: int) -> None:
    account = dollar_account()
    assert mt5.TRADE_RETCODE_INVALID == account.send(action, order=42, price=1.08).retcode


@pytest.mark.parametrize("action", [mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE])
def test_an_order_about_to_trigger_is_frozen(action: int) -> None:
    account = dollar_account()
    placed = account.pending(BUY_LIMIT, "XAUUSD", 0.1, 2349.000)
    account.quote("XAUUSD", 2348.820, 2349.020)
    frozen = account.send(action, order=placed.order, price=2340.0)
    assert mt5.TRADE_RETCODE_FROZEN == frozen.retcode
    account.quote("XAUUSD", 2348.821, 2349.021)
    assert DONE == account.send(action, order=placed.order, price=2340.0).retcode


@pytest.mark.parametrize(
    ("fields", "lives_msc"),
    [
        ({"type_time": mt5.ORDER_TIME_DAY}, 13 * HOUR_MSC),
        ({"type_time": mt5.ORDER_TIME_SPECIFIED, "ahead_s": 600}, 599_000),
        ({"type_time": mt5.ORDER_TIME_SPECIFIED_DAY, "ahead_s": 86_400}, DAY_MSC + 13 * HOUR_MSC),
    ],
)
def test_an_order_expires_by_the_servers_clock(fields: dict[str, Any], lives_msc: int) -> None:
    account = dollar_account()
    ahead_s = fields.pop("ahead_s", 0)
    expiration = account.now_msc // 1000 + ahead_s if ahead_s else 0
    placed = account.pending(BUY_LIMIT, "EURUSD", 0.1, 1.08, expiration=expiration, **fields)
    account.wait(lives_msc)
    assert placed.order in [order.ticket for order in account.exchange.orders()]
    account.wait(HOUR_MSC)
    order = account.exchange.history_order(placed.order)
    assert order is not None
    assert ((), mt5.ORDER_STATE_EXPIRED) == (account.exchange.orders(), order.state)
    assert order.time_expiration == order.time_done


def test_an_expiry_in_the_past_is_refused() -> None:
    account = dollar_account()
    past = account.pending(
        BUY_LIMIT,
        "EURUSD",
        0.1,
        1.08,
        type_time=mt5.ORDER_TIME_SPECIFIED,
        expiration=account.now_msc // 1000,
    )
    assert mt5.TRADE_RETCODE_INVALID_EXPIRATION == past.retcode


def test_a_good_till_canceled_order_waits_for_good() -> None:
    account = Account()
    account.quote("EURUSD", 1.08500, 1.08510)
    account.pending(BUY_LIMIT, "EURUSD", 0.1, 1.08)
    account.wait(400 * DAY_MSC)
    assert 1 == len(account.exchange.orders())
