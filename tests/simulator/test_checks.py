"""Checks that no request of the other tests reaches."""

from dataclasses import replace

import pytest
from tests.simulator.trading import Account

from hybrid_bridge.simulator import checks
from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.retcodes import RefusedError

EURUSD = catalogue_symbol("EURUSD")


def test_an_order_type_the_symbol_does_not_allow_is_refused() -> None:
    spec = replace(EURUSD, order_mode=mt5.SYMBOL_ORDER_MARKET | mt5.SYMBOL_ORDER_SL)
    checks.check_order_type(spec, mt5.ORDER_TYPE_BUY)
    for order_type in (mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_STOP, 8, 77):
        with pytest.raises(RefusedError) as refused:
            checks.check_order_type(spec, order_type)
        assert mt5.TRADE_RETCODE_INVALID_ORDER == refused.value.retcode


def test_a_level_the_symbol_does_not_allow_is_refused() -> None:
    spec = replace(EURUSD, order_mode=mt5.SYMBOL_ORDER_MARKET | mt5.SYMBOL_ORDER_SL)
    account = Account(symbols=(spec,), selected=("EURUSD",))
    account.quote("EURUSD", 1.08500, 1.08510)
    assert mt5.TRADE_RETCODE_INVALID_STOPS == account.buy("EURUSD", 0.1, tp=1.09).retcode
    assert mt5.TRADE_RETCODE_DONE == account.buy("EURUSD", 0.1, sl=1.08).retcode


@pytest.mark.parametrize(
    ("type_time", "bit"),
    [
        (mt5.ORDER_TIME_GTC, mt5.SYMBOL_EXPIRATION_GTC),
        (mt5.ORDER_TIME_DAY, mt5.SYMBOL_EXPIRATION_DAY),
        (mt5.ORDER_TIME_SPECIFIED, mt5.SYMBOL_EXPIRATION_SPECIFIED),
        (mt5.ORDER_TIME_SPECIFIED_DAY, mt5.SYMBOL_EXPIRATION_SPECIFIED_DAY),
    ],
)
def test_a_kind_of_expiry_needs_its_bit(type_time: int, bit: int) -> None:
    now_s, later_s = 1_000_000, 1_200_000
    only = replace(EURUSD, expiration_mode=bit)
    others = replace(EURUSD, expiration_mode=15 & ~bit)
    checks.expiry_s(only, type_time, later_s, now_s)
    with pytest.raises(RefusedError) as refused:
        checks.expiry_s(others, type_time, later_s, now_s)
    assert mt5.TRADE_RETCODE_INVALID_EXPIRATION == refused.value.retcode


def test_an_unknown_kind_of_expiry_or_filling_is_refused() -> None:
    with pytest.raises(RefusedError):
        checks.expiry_s(EURUSD, 9, 2, 1)
    with pytest.raises(RefusedError):
        checks.check_market_filling(EURUSD, 9)
    with pytest.raises(RefusedError):
        checks.check_pending_filling(EURUSD, mt5.ORDER_TYPE_BUY_LIMIT, 9)
