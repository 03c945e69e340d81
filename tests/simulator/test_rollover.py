"""Midnight: swap, its triple day, and how it is paid."""

from dataclasses import replace

import pytest
from tests.simulator.trading import DAY_MSC, HOUR_MSC, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol


def test_a_night_costs_the_swap_points_of_the_symbol() -> None:
    account = dollar_account()
    account.buy("EURUSD", 0.5)
    account.wait(13 * HOUR_MSC)
    assert 0.0 == account.position().swap
    account.wait(HOUR_MSC)
    # -6.9 points x 0.00001 x 50 000
    assert -3.45 == account.position().swap


def test_a_gain_in_another_currency_is_sold_at_the_ask() -> None:
    account = dollar_account()
    account.buy("USDJPY", 1.0)
    account.wait(DAY_MSC)
    # 14.6 x 0.001 x 100 000 = 1460 JPY / 150.010
    assert 9.73 == account.position().swap


def test_wednesday_counts_three_nights_and_the_weekend_none() -> None:
    account = dollar_account()
    account.buy("EURUSD", 1.0)
    nights = []
    before = 0.0
    for _ in range(8):
        account.wait(DAY_MSC)
        swap = account.position().swap
        nights.append(round((swap - before) / -6.90))
        before = swap
    # the nights after Monday to Sunday, and Monday again
    assert [1, 1, 3, 1, 1, 0, 0, 1] == nights


def test_days_without_a_tick_are_counted_one_by_one() -> None:
    account = dollar_account()
    account.buy("EURUSD", 1.0)
    account.quote("EURUSD", 1.08500, 1.08510, after_msc=7 * DAY_MSC)
    assert round(-6.90 * 7, 2) == account.position().swap


def test_swap_is_in_equity_and_paid_with_the_part_that_closes() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.3)
    account.wait(DAY_MSC)
    info = account.exchange.account_info()
    # -2.07 swap, -3.00 floating
    assert (-5.07, 100_000 - 5.07) == (info.profit, info.equity)
    account.sell("EURUSD", 0.1, position=opened.order)
    assert (-0.69, -1.38) == (account.last_deal().swap, account.position().swap)
    assert 100_000 - 1.00 - 0.69 == account.balance()
    account.sell("EURUSD", 0.2, position=opened.order)
    assert -1.38 == account.last_deal().swap
    assert 100_000 - 3.00 - 2.07 == account.balance()


@pytest.mark.parametrize(
    ("mode", "rate", "swap"),
    [
        (mt5.SYMBOL_SWAP_MODE_DISABLED, -5.0, 0.0),
        (mt5.SYMBOL_SWAP_MODE_POINTS, -5.0, -5.00),
        (mt5.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL, -5.0, -5.43),  # 5 EUR bought at 1.08510
        (mt5.SYMBOL_SWAP_MODE_CURRENCY_MARGIN, 5.0, 5.43),  # 5 EUR sold at 1.08500
        (mt5.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT, -5.0, -5.00),
        (mt5.SYMBOL_SWAP_MODE_INTEREST_CURRENT, -3.6, -10.85),  # 108 500 x 3.6 % / 360
        (mt5.SYMBOL_SWAP_MODE_INTEREST_OPEN, -3.6, -10.85),  # 108 510 x 3.6 % / 360 = 10.851
    ],
)
def test_each_swap_mode_has_its_formula(mode: int, rate: float, swap: float) -> None:
    spec = replace(catalogue_symbol("EURUSD"), swap_mode=mode, swap_long=rate)
    account = Account(symbols=(spec,), selected=("EURUSD",))
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 1.0)
    account.wait(DAY_MSC)
    assert swap == account.position().swap


def test_the_clock_never_goes_back() -> None:
    account = dollar_account()
    account.exchange.advance_clock(account.now_msc - 5000)
    assert account.now_msc == account.exchange.server_msc
