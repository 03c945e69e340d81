"""Opening and closing at the market: hedging, checks in a server's order, what the answer says."""

from dataclasses import replace
from typing import Any

import pytest
from tests.simulator.trading import DAY_MSC, DONE, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol


def test_a_buy_is_filled_at_the_ask_and_linked_as_a_terminal_links_it() -> None:
    account = dollar_account()
    result = account.buy("EURUSD", 0.3, sl=1.08000, tp=1.09000, magic=77, comment="signal 1")

    position, deal, order = account.position(), account.last_deal(), account.last_order()
    assert (DONE, 0.3, 1.08510, 1.08500, 1.08510, "Request executed") == result[0:1] + result[3:8]
    assert result.order == position.ticket == position.identifier == deal.order == order.ticket
    assert result.order == deal.position_id == order.position_id
    assert result.deal == deal.ticket != deal.order
    assert (mt5.POSITION_TYPE_BUY, 0.3, 1.08510, 1.08000, 1.09000, 77, "signal 1") == (
        position.type,
        position.volume,
        position.price_open,
        position.sl,
        position.tp,
        position.magic,
        position.comment,
    )
    assert mt5.DEAL_ENTRY_IN == deal.entry
    assert mt5.ORDER_STATE_FILLED == order.state
    assert (0.3, 0.0) == (order.volume_initial, order.volume_current)
    assert {mt5.ORDER_REASON_EXPERT} == {position.reason, deal.reason, order.reason}
    assert account.now_msc == position.time_msc == deal.time_msc == order.time_done_msc
    assert position.time == position.time_msc // 1000


def test_a_sell_is_filled_at_the_bid() -> None:
    account = dollar_account()
    assert 1.08500 == account.sell("EURUSD", 0.1).price
    assert (1.08510, -1.00) == (account.position().price_current, account.position().profit)


def test_each_order_without_a_position_opens_a_ticket_of_its_own() -> None:
    account = dollar_account()
    tickets = [account.buy("EURUSD", 0.1).order, account.sell("EURUSD", 0.1).order]
    assert tickets == [position.ticket for position in account.exchange.positions()]


def test_a_partial_close_keeps_the_ticket_and_takes_its_share_of_the_profit() -> None:
    account = dollar_account(commission_per_lot=3.5)
    opened = account.buy("EURUSD", 0.5, comment="in")
    account.quote("EURUSD", 1.08610, 1.08620)
    closed = account.sell("EURUSD", 0.2, position=opened.order, comment="out")

    deal = account.last_deal()
    assert (DONE, 0.2, 1.08610) == (closed.retcode, closed.volume, closed.price)
    assert closed.order != opened.order
    assert (opened.order, 0.3) == (account.position().ticket, account.position().volume)
    assert (mt5.DEAL_ENTRY_OUT, opened.order, 20.00, -0.70) == (
        deal.entry,
        deal.position_id,
        deal.profit,
        deal.commission,
    )
    # in: 0.5 x 3.5 = 1.75
    assert 100_000 - 1.75 - 0.70 + 20.00 == account.balance()
    assert opened.order == account.last_order().position_id


@pytest.mark.parametrize(
    ("fields", "retcode"),
    [
        ({"volume": 0.3}, mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME),
        ({"position": 42}, mt5.TRADE_RETCODE_POSITION_CLOSED),
        ({"volume": 0.001}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 0.0}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"type": mt5.ORDER_TYPE_BUY}, mt5.TRADE_RETCODE_INVALID),
        ({"symbol": "GBPUSD"}, mt5.TRADE_RETCODE_INVALID),
    ],
)
def test_a_wrong_close_is_refused_and_changes_nothing(fields: dict[str, Any], retcode: int) -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.2)
    before = account.exchange.positions()
    close = {
        "type": mt5.ORDER_TYPE_SELL,
        "symbol": "EURUSD",
        "volume": 0.2,
        "position": opened.order,
    }
    result = account.send(mt5.TRADE_ACTION_DEAL, **{**close, **fields})
    assert (retcode, 0, 0, 0.0, 0.0) == result[:5]
    assert before == account.exchange.positions()


def test_a_position_closed_twice_is_gone_the_second_time() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.2)
    assert DONE == account.sell("EURUSD", 0.2, position=opened.order).retcode
    second = account.sell("EURUSD", 0.2, position=opened.order)
    assert (mt5.TRADE_RETCODE_POSITION_CLOSED, "Position doesn't exist") == (
        second.retcode,
        second.comment,
    )


@pytest.mark.parametrize(
    ("symbol", "volume"),
    [
        ("EURUSD", 0.005),
        ("EURUSD", 100.01),
        ("EURUSD", 0.015),
        ("US500", 0.15),
        ("AAPL", 1.5),
        ("EURUSD", -0.1),
        ("EURUSD", 0.0),
    ],
)
def test_a_volume_off_the_limits_or_the_step_is_refused(symbol: str, volume: float) -> None:
    account = dollar_account()
    for order_type in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL):
        result = account.deal(order_type, symbol, volume, type_filling=mt5.ORDER_FILLING_IOC)
        assert mt5.TRADE_RETCODE_INVALID_VOLUME == result.retcode
    assert () == account.exchange.positions()


def test_a_volume_with_binary_noise_is_a_good_volume() -> None:
    account = dollar_account()
    assert 0.3 == account.buy("EURUSD", 0.1 + 0.2).volume


def test_the_volume_limit_counts_positions_and_orders_of_one_direction() -> None:
    spec = replace(catalogue_symbol("EURUSD"), volume_limit=1.0)
    account = Account(symbols=(spec,), selected=("EURUSD",))
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.4)
    account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.4, 1.08000)
    assert mt5.TRADE_RETCODE_LIMIT_VOLUME == account.buy("EURUSD", 0.21).retcode
    assert DONE == account.sell("EURUSD", 0.21).retcode
    assert DONE == account.buy("EURUSD", 0.2).retcode


FOK, IOC = mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC
RETURN, BOC = mt5.ORDER_FILLING_RETURN, mt5.ORDER_FILLING_BOC


@pytest.mark.parametrize(
    ("symbol", "volume", "accepted"),
    [
        ("EURUSD", 0.1, {FOK, IOC}),  # market execution, both bits
        ("BTCUSD", 0.1, {IOC}),  # market execution, IOC only
        ("XAUUSD", 0.1, {FOK}),  # instant execution
        ("AAPL", 1.0, {FOK, IOC, RETURN}),  # exchange execution
    ],
)
def test_filling_follows_the_table(symbol: str, volume: float, accepted: set[int]) -> None:
    account = dollar_account()
    seen = set()
    for filling in (FOK, IOC, RETURN, BOC):
        result = account.buy(symbol, volume, type_filling=filling, price=2350.200)
        if result.retcode == DONE:
            seen.add(filling)
        else:
            assert "Unsupported filling mode" == result.comment
    assert accepted == seen


def test_instant_execution_requotes_beyond_the_deviation_and_fills_within() -> None:
    account = dollar_account()
    # The ask is 2350.200; 2350.190 is 10 points away.
    requote = account.buy("XAUUSD", 0.1, price=2350.190, deviation=9)
    assert (mt5.TRADE_RETCODE_REQUOTE, 0, 0, 0.0, 0.0, 2350.000, 2350.200, "Requote") == requote[:8]
    assert requote.request_id > 0
    filled = account.buy("XAUUSD", 0.1, price=2350.190, deviation=10)
    assert (DONE, 2350.200) == (filled.retcode, filled.price)


def test_instant_execution_wants_a_price_on_the_grid() -> None:
    account = dollar_account()
    assert mt5.TRADE_RETCODE_INVALID_PRICE == account.buy("XAUUSD", 0.1).retcode
    off_grid = account.buy("XAUUSD", 0.1, price=2350.2003, deviation=100)
    assert mt5.TRADE_RETCODE_INVALID_PRICE == off_grid.retcode


def test_market_execution_ignores_price_and_deviation() -> None:
    account = dollar_account()
    assert 1.08510 == account.buy("EURUSD", 0.1, price=1.00000).price


@pytest.mark.parametrize(
    ("order_type", "sl", "tp", "accepted"),
    [
        # GOLD: stops level 100 points = 0.100; a buy is measured from the bid 2350.000
        (mt5.ORDER_TYPE_BUY, 2349.900, 2350.100, True),
        (mt5.ORDER_TYPE_BUY, 2349.901, 0.0, False),
        (mt5.ORDER_TYPE_BUY, 0.0, 2350.099, False),
        (mt5.ORDER_TYPE_BUY, 2351.000, 0.0, False),
        # a sell from the ask 2350.200
        (mt5.ORDER_TYPE_SELL, 2350.300, 2350.100, True),
        (mt5.ORDER_TYPE_SELL, 2350.299, 0.0, False),
        (mt5.ORDER_TYPE_SELL, 0.0, 2350.101, False),
        (mt5.ORDER_TYPE_SELL, 2349.000, 0.0, False),
        (mt5.ORDER_TYPE_BUY, 2349.5005, 0.0, False),
        (mt5.ORDER_TYPE_BUY, -1.0, 0.0, False),
    ],
)
def test_stops_are_measured_from_where_the_position_would_close(
    order_type: int, sl: float, tp: float, accepted: bool
) -> None:
    account = dollar_account()
    price = 2350.200 if order_type == mt5.ORDER_TYPE_BUY else 2350.000
    result = account.deal(order_type, "XAUUSD", 0.1, price=price, sl=sl, tp=tp)
    assert (DONE if accepted else mt5.TRADE_RETCODE_INVALID_STOPS) == result.retcode


def test_a_stop_at_the_market_itself_is_refused_though_the_level_is_zero() -> None:
    account = dollar_account()
    assert mt5.TRADE_RETCODE_INVALID_STOPS == account.buy("EURUSD", 0.1, sl=1.08500).retcode
    assert DONE == account.buy("EURUSD", 0.1, sl=1.08499).retcode


@pytest.mark.parametrize(
    ("mode", "buy", "sell"),
    [
        (mt5.SYMBOL_TRADE_MODE_DISABLED, 10017, 10017),
        (mt5.SYMBOL_TRADE_MODE_LONGONLY, DONE, 10042),
        (mt5.SYMBOL_TRADE_MODE_SHORTONLY, 10043, DONE),
        (mt5.SYMBOL_TRADE_MODE_CLOSEONLY, 10044, 10044),
        (mt5.SYMBOL_TRADE_MODE_FULL, DONE, DONE),
    ],
)
def test_the_trade_mode_says_what_may_be_opened(mode: int, buy: int, sell: int) -> None:
    spec = replace(catalogue_symbol("EURUSD"), trade_mode=mode)
    account = Account(symbols=(spec,), selected=("EURUSD",))
    account.quote("EURUSD", 1.08500, 1.08510)
    assert buy == account.buy("EURUSD", 0.1).retcode
    assert sell == account.sell("EURUSD", 0.1).retcode


def test_a_closed_market_takes_no_orders_but_checks_them() -> None:
    account = Account(enforce_sessions=True)
    account.quote("EURUSD", 1.08500, 1.08510)
    opened = account.buy("EURUSD", 0.1)
    account.wait(5 * DAY_MSC)
    closed = account.sell("EURUSD", 0.1, position=opened.order)
    assert (mt5.TRADE_RETCODE_MARKET_CLOSED, "Market closed") == (closed.retcode, closed.comment)
    assert mt5.TRADE_RETCODE_MARKET_CLOSED == account.buy("EURUSD", 0.1).retcode
    account.wait(2 * DAY_MSC)
    assert DONE == account.sell("EURUSD", 0.1, position=opened.order).retcode


def test_no_money_is_said_to_the_cent() -> None:
    # 1 lot blocks 1085.10; commission and fee, 3.50 together, are paid at once.
    account = Account(balance=1088.59, commission_per_lot=3.0, fee_per_lot=0.5)
    account.quote("EURUSD", 1.08500, 1.08510)
    refused = account.buy("EURUSD", 1.0)
    assert (mt5.TRADE_RETCODE_NO_MONEY, "No money") == (refused.retcode, refused.comment)
    enough = Account(balance=1088.60, commission_per_lot=3.0, fee_per_lot=0.5)
    enough.quote("EURUSD", 1.08500, 1.08510)
    assert DONE == enough.buy("EURUSD", 1.0).retcode
    deal = enough.last_deal()
    assert (deal.commission, deal.fee, enough.balance()) == (-3.0, -0.5, 1085.1)


def test_an_unknown_symbol_is_an_invalid_request_and_one_without_a_quote_has_no_prices() -> None:
    account = dollar_account()
    assert mt5.TRADE_RETCODE_INVALID == account.buy("EURUSDx", 0.1).retcode
    assert mt5.TRADE_RETCODE_PRICE_OFF == account.buy("NZDJPY", 0.1).retcode


def test_a_pending_type_is_no_market_order() -> None:
    account = dollar_account()
    result = account.deal(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.1, price=1.08)
    assert mt5.TRADE_RETCODE_INVALID == result.retcode


def test_a_position_puts_its_symbol_into_market_watch_and_keeps_it_there() -> None:
    account = dollar_account()
    assert not account.exchange.symbol_info("AAPL").select
    account.buy("AAPL", 1.0)
    assert account.exchange.symbol_info("AAPL").select
