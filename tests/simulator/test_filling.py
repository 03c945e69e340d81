"""Partial fills: what each filling policy makes of a quote with too few lots."""

from dataclasses import replace
from typing import Any

import pytest
from tests.simulator.trading import DONE, Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.terms import Terms

PARTIAL = mt5.TRADE_RETCODE_DONE_PARTIAL
FOK = {"type_filling": mt5.ORDER_FILLING_FOK}
IOC = {"type_filling": mt5.ORDER_FILLING_IOC}
RETURN = {"type_filling": mt5.ORDER_FILLING_RETURN}


def thin(symbol: str, lots: float, **more: Any) -> Account:
    """Give an account whose symbol takes so many lots a quote."""
    spec = replace(catalogue_symbol(symbol), liquidity=lots)
    account = Account(symbols=(spec,), selected=(symbol,), balance=100_000.0, **more)
    account.quote(symbol, spec.price, round(spec.price + spec.spread_points * spec.point, spec.digits))
    return account


def again(account: Account, symbol: str) -> None:
    """Bring a new quote at the same prices."""
    tick = account.exchange.symbol_info_tick(symbol)
    account.quote(symbol, tick.bid, tick.ask)


def test_immediate_or_cancel_takes_what_there_is_and_cancels_the_rest() -> None:
    account = thin("EURUSD", 0.7)
    result = account.buy("EURUSD", 1.0, **IOC)
    assert (PARTIAL, 0.7, "Request executed partially") == (result.retcode, result.volume, result.comment)
    assert 0.7 == account.position().volume
    order = account.last_order()
    assert (result.order, mt5.ORDER_STATE_CANCELED) == (order.ticket, order.state)
    assert (1.0, 0.3) == (order.volume_initial, order.volume_current)
    assert () == account.exchange.orders()
    again(account, "EURUSD")
    assert 0.7 == account.position().volume


def test_a_quote_is_used_up_until_the_next_one() -> None:
    account = thin("EURUSD", 0.7)
    assert PARTIAL == account.buy("EURUSD", 1.0, **IOC).retcode
    assert mt5.TRADE_RETCODE_PRICE_OFF == account.buy("EURUSD", 0.1, **IOC).retcode
    assert DONE == account.sell("EURUSD", 0.7, **IOC).retcode
    again(account, "EURUSD")
    assert DONE == account.buy("EURUSD", 0.1, **IOC).retcode


def test_all_or_nothing_gets_nothing_of_too_little() -> None:
    account = thin("EURUSD", 0.7)
    result = account.buy("EURUSD", 1.0, **FOK)
    assert (mt5.TRADE_RETCODE_REJECT, 0, 0, 0.0) == (
        result.retcode,
        result.deal,
        result.order,
        result.volume,
    )
    assert ((), ()) == (account.exchange.positions(), account.exchange.orders())
    assert DONE == account.buy("EURUSD", 0.7, **FOK).retcode


def test_on_an_exchange_the_rest_waits_and_is_filled_by_later_quotes() -> None:
    account = thin("AAPL", 30.0)
    result = account.buy("AAPL", 100.0, **RETURN)
    assert (PARTIAL, 30.0) == (result.retcode, result.volume)
    (order,) = account.exchange.orders()
    assert (result.order, mt5.ORDER_STATE_PARTIAL) == (order.ticket, order.state)
    assert (100.0, 70.0) == (order.volume_initial, order.volume_current)
    account.quote("AAPL", 191.00, 191.02)
    assert 60.0 == account.position().volume
    again(account, "AAPL")
    again(account, "AAPL")
    assert () == account.exchange.orders()
    position = account.position()
    assert (100.0, result.order) == (position.volume, position.ticket)
    # By hand: 30 at 190.02 and 70 at 191.02.
    assert 190.72 == pytest.approx(position.price_open)
    deals = account.exchange.history_deals_of_position(result.order)
    assert [30.0, 30.0, 30.0, 10.0] == [deal.volume for deal in deals]
    assert {result.order} == {deal.order for deal in deals}
    assert mt5.ORDER_STATE_FILLED == account.last_order().state


def test_the_waiting_rest_can_be_cancelled_but_not_changed() -> None:
    account = thin("AAPL", 30.0)
    ticket = account.buy("AAPL", 100.0, **RETURN).order
    assert mt5.TRADE_RETCODE_INVALID == account.send(mt5.TRADE_ACTION_MODIFY, order=ticket, price=1.0).retcode
    assert DONE == account.send(mt5.TRADE_ACTION_REMOVE, order=ticket).retcode
    assert (mt5.ORDER_STATE_CANCELED, 70.0) == (
        account.last_order().state,
        account.last_order().volume_current,
    )
    again(account, "AAPL")
    assert 30.0 == account.position().volume


def test_a_closing_rest_ends_with_what_it_closes() -> None:
    account = thin("AAPL", 60.0)
    account.buy("AAPL", 60.0, **RETURN)
    again(account, "AAPL")
    ticket = account.position().ticket
    account.sell("AAPL", 30.0, **RETURN)
    result = account.sell("AAPL", 60.0, position=ticket, **RETURN)
    assert (PARTIAL, 30.0) == (result.retcode, result.volume)
    again(account, "AAPL")
    assert [mt5.POSITION_TYPE_SELL] == [position.type for position in account.exchange.positions()]
    assert () == account.exchange.orders()
    assert mt5.DEAL_ENTRY_OUT == account.last_deal().entry


def test_what_a_closing_rest_has_nothing_left_for_is_cancelled() -> None:
    account = thin("EURUSD", 0.0)
    opened = account.buy("EURUSD", 1.0, **IOC)
    waiting = account.sell("EURUSD", 1.0, position=opened.order, terms=Terms(held_msc=0), **IOC)
    account.sell("EURUSD", 0.4, position=opened.order, **IOC)
    again(account, "EURUSD")
    order = account.exchange.history_order(waiting.order)
    assert (mt5.ORDER_STATE_CANCELED, 1.0, 0.4) == (order.state, order.volume_initial, order.volume_current)
    assert () == account.exchange.positions()


def test_all_or_nothing_that_waits_is_cancelled_when_its_position_shrinks() -> None:
    account = thin("EURUSD", 0.0)
    opened = account.buy("EURUSD", 1.0, **IOC)
    waiting = account.sell("EURUSD", 1.0, position=opened.order, terms=Terms(held_msc=0), **FOK)
    account.sell("EURUSD", 0.4, position=opened.order, **IOC)
    again(account, "EURUSD")
    assert mt5.ORDER_STATE_CANCELED == account.exchange.history_order(waiting.order).state
    assert 0.6 == account.position().volume


def test_a_pending_limit_fills_quote_by_quote() -> None:
    account = thin("EURUSD", 0.4)
    placed = account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 1.0, 1.08)
    account.quote("EURUSD", 1.07980, 1.07990)
    (order,) = account.exchange.orders()
    assert (0.6, mt5.ORDER_STATE_PARTIAL) == (order.volume_current, order.state)
    again(account, "EURUSD")
    again(account, "EURUSD")
    assert (1.0, placed.order) == (account.position().volume, account.position().ticket)
    assert () == account.exchange.orders()


def test_netting_adds_the_parts_to_the_one_position() -> None:
    account = thin("AAPL", 30.0, account_mode="netting")
    account.buy("AAPL", 50.0, **RETURN)
    again(account, "AAPL")
    assert 50.0 == account.position().volume


def test_the_market_may_be_told_to_fill_only_a_share() -> None:
    account = thin("EURUSD", 0.0)
    fields = {"symbol": "EURUSD", "volume": 1.0, **IOC}
    result = account.send(mt5.TRADE_ACTION_DEAL, terms=Terms(fill_share=0.255), **fields)
    assert (PARTIAL, 0.25) == (result.retcode, result.volume)


def test_an_order_may_be_placed_first_and_filled_later() -> None:
    account = thin("EURUSD", 0.0)
    fields = {"symbol": "EURUSD", "volume": 1.0, **IOC}
    result = account.send(mt5.TRADE_ACTION_DEAL, terms=Terms(held_msc=500), **fields)
    assert (mt5.TRADE_RETCODE_PLACED, 0) == (result.retcode, result.deal)
    assert (result.order,) == tuple(order.ticket for order in account.exchange.orders())
    again(account, "EURUSD")
    assert () == account.exchange.positions()
    account.wait(500)
    again(account, "EURUSD")
    assert (result.order, 1.0) == (account.position().ticket, account.position().volume)
    assert () == account.exchange.orders()


def test_the_depth_of_market_shows_the_lots_there_are() -> None:
    account = thin("AAPL", 30.0)
    account.exchange.market_book_add("AAPL")
    assert {30.0} == {level.volume_dbl for level in account.exchange.market_book_get("AAPL")}
