"""The desk: permissions, request numbers, order_check beside order_send."""

from math import inf, nan
from typing import Any

import pytest
from tests.simulator.trading import DAY_MSC, DONE, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.terminal_error import TerminalError

DEAL = mt5.TRADE_ACTION_DEAL


def test_each_request_that_reaches_the_server_has_a_new_number_and_comes_back() -> None:
    account = dollar_account()
    request = TradeRequest(action=DEAL, symbol="EURUSD", volume=0.1, comment="echo")
    first, second = account.exchange.order_send(request), account.buy("EURUSD", 0.001)
    assert (DONE, 1, request) == (first.retcode, first.request_id, first.request)
    assert (mt5.TRADE_RETCODE_INVALID_VOLUME, 2) == (second.retcode, second.request_id)


@pytest.mark.parametrize("action", [0, 2, 9, 99])
def test_an_unknown_action_is_an_invalid_request(action: int) -> None:
    account = dollar_account()
    result = account.send(action, symbol="EURUSD", volume=0.1)
    assert (mt5.TRADE_RETCODE_INVALID, "Invalid request") == (result.retcode, result.comment)


@pytest.mark.parametrize("field", ["volume", "price", "sl", "tp", "stoplimit"])
@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_no_number_is_an_invalid_request(field: str, number: float) -> None:
    account = dollar_account()
    request = {"symbol": "EURUSD", "volume": 0.1, "position": 1}
    request[field] = number
    for action in (DEAL, mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_SLTP):
        assert mt5.TRADE_RETCODE_INVALID == account.send(action, **request).retcode


@pytest.mark.parametrize(
    ("switch", "retcode", "request_id"),
    [
        ({"terminal_trading": False}, 10027, 0),
        ({"account_experts": False}, 10026, 1),
        ({"account_trading": False}, 10017, 1),
        ({"connected": False}, 10031, 1),
    ],
)
def test_permissions_refuse_trading(switch: dict[str, bool], retcode: int, request_id: int) -> None:
    account = dollar_account()
    for name, value in switch.items():
        setattr(account.exchange.permissions, name, value)
    result = account.buy("EURUSD", 0.1)
    assert (retcode, request_id, 0, 0) == (
        result.retcode,
        result.request_id,
        result.deal,
        result.order,
    )
    assert () == account.exchange.positions()


def test_a_disabled_api_fails_the_call_itself() -> None:
    account = dollar_account()
    account.exchange.permissions.api_disabled = True
    with pytest.raises(TerminalError) as refused:
        account.buy("EURUSD", 0.1)
    assert mt5.RES_E_AUTO_TRADING_DISABLED == refused.value.code
    assert account.exchange.terminal_info().tradeapi_disabled


def test_a_good_check_says_done_and_what_the_account_would_be() -> None:
    account = dollar_account()
    request = TradeRequest(action=DEAL, symbol="EURUSD", volume=1.0)
    check = account.exchange.order_check(request)
    assert (0, 100_000.0, 100_000.0, 0.0, 1085.10, 98_914.90, "Done", request) == (check[:6] + check[7:])
    assert 100_000.0 / 1085.10 * 100 == pytest.approx(check.margin_level)
    assert () == account.exchange.positions()


def test_a_check_counts_what_is_open_already() -> None:
    account = dollar_account()
    account.buy("EURUSD", 1.0)
    check = account.exchange.order_check(TradeRequest(action=DEAL, symbol="USDJPY", volume=0.5))
    assert (99_990.0, -10.0, 1585.10) == (check.equity, check.profit, check.margin)


@pytest.mark.parametrize(
    "fields",
    [
        {"volume": 0.001},
        {"volume": 200.0},
        {"volume": 90.0, "symbol": "GBPUSD"},
        {"sl": 1.09},
        {"type_filling": mt5.ORDER_FILLING_RETURN},
        {"symbol": "nothing"},
        {"position": 42},
        {"action": mt5.TRADE_ACTION_PENDING, "type": 2, "price": 1.09},
        {"action": mt5.TRADE_ACTION_PENDING, "type": 2, "price": 1.08, "type_filling": 2},
        {"action": mt5.TRADE_ACTION_SLTP, "position": 42},
        {"action": mt5.TRADE_ACTION_MODIFY, "order": 42},
        {"action": mt5.TRADE_ACTION_REMOVE, "order": 42},
        {"action": mt5.TRADE_ACTION_CLOSE_BY, "position": 42},
        {"action": 3},
        {},
    ],
)
def test_a_check_agrees_with_sending(fields: dict[str, Any]) -> None:
    account = dollar_account()
    request = TradeRequest(**{"action": DEAL, "symbol": "EURUSD", "volume": 0.1, **fields})
    check = account.exchange.order_check(request)
    assert () == account.exchange.positions() == account.exchange.orders()
    sent = account.exchange.order_send(request)
    assert (check.retcode or DONE) == sent.retcode


def test_a_check_for_too_little_money_shows_the_account() -> None:
    account = dollar_account()
    check = account.exchange.order_check(TradeRequest(action=DEAL, symbol="GBPUSD", volume=90.0))
    assert (mt5.TRADE_RETCODE_NO_MONEY, "No money", 100_000.0) == (
        check.retcode,
        check.comment,
        check.balance,
    )


def test_a_check_sees_neither_a_closed_market_nor_a_moved_price() -> None:
    account = Account(enforce_sessions=True)
    account.quote("XAUUSD", 2350.000, 2350.200)
    account.wait(5 * DAY_MSC)
    request = TradeRequest(action=DEAL, symbol="XAUUSD", volume=0.1, price=2300.0)
    assert 0 == account.exchange.order_check(request).retcode
