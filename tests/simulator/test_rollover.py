"""Midnight: swap, its triple day, and how it is paid."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.trading import DAY_MSC, HOUR_MSC, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.savedstate import SavedState


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


def reopening_account(mode: int, rate: float, **config: Any) -> Account:
    symbol = replace(catalogue_symbol("EURUSD"), swap_mode=mode, swap_long=rate, swap_short=rate)
    account = Account(symbols=(symbol,), selected=("EURUSD",), **config)
    account.quote("EURUSD", 1.08500, 1.08510)
    return account


@pytest.mark.parametrize(
    ("mode", "side", "rate", "closed", "reopened"),
    [
        (mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, mt5.ORDER_TYPE_BUY, -5.0, 1.08400, 1.08405),
        (mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, mt5.ORDER_TYPE_BUY, 5.0, 1.08400, 1.08395),
        (mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, mt5.ORDER_TYPE_SELL, -5.0, 1.08420, 1.08415),
        (mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, mt5.ORDER_TYPE_SELL, 5.0, 1.08420, 1.08425),
        (mt5.SYMBOL_SWAP_MODE_REOPEN_BID, mt5.ORDER_TYPE_BUY, -5.0, 1.08400, 1.08405),
        (mt5.SYMBOL_SWAP_MODE_REOPEN_BID, mt5.ORDER_TYPE_SELL, -5.0, 1.08420, 1.08395),
    ],
)
def test_a_swap_that_reopens_is_in_the_new_opening_price(
    mode: int, side: int, rate: float, closed: float, reopened: float
) -> None:
    account = reopening_account(mode, rate)
    account.deal(side, "EURUSD", 1.0, sl=0.0, tp=0.0, magic=7)
    before = account.position()
    account.quote("EURUSD", 1.08400, 1.08420)
    floating = account.position().profit
    account.wait(DAY_MSC)
    after = account.position()
    assert (before.ticket, before.time_msc, 7) == (after.ticket, after.time_msc, after.magic)
    assert (reopened, 0.0) == (after.price_open, after.swap)
    opened, out, back = account.exchange.history_deals_of_position(after.identifier)
    assert (mt5.DEAL_ENTRY_OUT, 1 - side, closed, floating) == (out.entry, out.type, out.price, out.profit)
    assert (mt5.DEAL_ENTRY_IN, side, reopened, 0.0) == (back.entry, back.type, back.price, back.profit)
    for deal in (out, back):
        assert (0, mt5.DEAL_REASON_ROLLOVER, 1.0, 0.0) == (
            deal.order,
            deal.reason,
            deal.volume,
            deal.commission,
        )
    assert opened.ticket < out.ticket < back.ticket
    assert 10_000.0 + floating == account.balance()
    worth = (1.08400 - reopened) if side == mt5.ORDER_TYPE_BUY else (reopened - 1.08420)
    assert round(worth * 100_000, 2) == after.profit


def test_a_reopened_position_costs_no_commission_and_keeps_its_levels() -> None:
    account = reopening_account(mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, -5.0, commission_per_lot=3.5)
    account.buy("EURUSD", 1.0, sl=1.08000, tp=1.09000)
    account.wait(DAY_MSC)
    assert (1.08000, 1.09000) == (account.position().sl, account.position().tp)
    assert 10_000.0 - 3.5 - 10.0 == account.balance()
    account.quote("EURUSD", 1.07990, 1.08000)
    assert () == account.exchange.positions()
    # from 1.08505 to 1.07990
    assert -515.0 == account.last_deal().profit


def test_the_triple_day_reopens_three_times_the_points_further_and_the_weekend_not() -> None:
    account = reopening_account(mt5.SYMBOL_SWAP_MODE_REOPEN_BID, -5.0)
    account.buy("EURUSD", 1.0)
    opened = []
    for _ in range(7):
        account.wait(DAY_MSC)
        opened.append(account.position().price_open)
    once, thrice = 1.08505, 1.08515
    assert [once, once, thrice, once, once, once, once] == opened
    # the first deal, and two for each of five nights
    assert 11 == len(account.exchange.history_deals_of_position(account.position().identifier))


def test_without_points_nothing_is_reopened() -> None:
    account = reopening_account(mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT, 0.0)
    account.buy("EURUSD", 1.0)
    account.wait(DAY_MSC)
    assert (1.08510, mt5.DEAL_ENTRY_IN) == (account.position().price_open, account.last_deal().entry)
    assert mt5.DEAL_REASON_EXPERT == account.last_deal().reason


def test_a_position_known_from_before_a_restart_reopens_from_its_own_price(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    mode = mt5.SYMBOL_SWAP_MODE_REOPEN_BID
    symbol = replace(catalogue_symbol("EURUSD"), swap_mode=mode, swap_long=-5.0)
    config: dict[str, Any] = {"symbols": (symbol,), "selected": ("EURUSD",)}
    with SavedState(state, ExchangeConfig(**config)) as begun:
        account = Account(state=begun, **config)
        account.quote("EURUSD", 1.08500, 1.08510)
        account.buy("EURUSD", 1.0)
    with SavedState(state, ExchangeConfig(**config)) as saved:
        again = Account(state=saved, **config)
        again.wait(DAY_MSC)
    assert (1.08515, 10_000.0) == (again.position().price_open, again.balance())


def test_the_clock_never_goes_back() -> None:
    account = dollar_account()
    account.exchange.advance_clock(account.now_msc - 5000)
    assert account.now_msc == account.exchange.server_msc
