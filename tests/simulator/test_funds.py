"""Equity and margin of the account, and the estimate that saves computing them."""

import random
from decimal import Decimal
from typing import Any

import pytest
from tests.simulator.trading import DAY_MSC, DONE, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5


def test_the_account_shows_the_sum_of_what_is_open() -> None:
    account = dollar_account(commission_per_lot=3.0)
    account.buy("EURUSD", 0.5)
    account.sell("USDJPY", 0.2)
    account.quote("EURUSD", 1.08610, 1.08620)
    info = account.exchange.account_info()
    # 50.00 on the euro; the yen's spread of 200 JPY costs 1.33; commission 2.10
    assert 99_997.90 == info.balance
    assert 48.67 == info.profit
    assert 100_046.57 == info.equity
    # 50 000 x 1.08510 / 100 and 20 000 / 100
    assert 742.55 == info.margin
    assert 99_304.02 == info.margin_free
    assert 100_046.57 / 742.55 * 100 == pytest.approx(info.margin_level)


def test_without_positions_there_is_no_margin_and_no_level() -> None:
    info = dollar_account().exchange.account_info()
    assert (0.0, 0.0, 0.0, 100_000.0) == (
        info.margin,
        info.margin_level,
        info.profit,
        info.margin_free,
    )


def test_a_hedged_pair_blocks_the_margin_of_one_leg() -> None:
    account = dollar_account()
    account.buy("EURUSD", 1.0)
    account.sell("EURUSD", 1.0)
    # contract 100 000, hedged 100 000: half of 1085.10 + 1085.00
    assert 1085.05 == account.exchange.account_info().margin
    account.buy("EURUSD", 0.5)
    assert 1085.05 + 542.55 == pytest.approx(account.exchange.account_info().margin, abs=0.02)


def test_margin_stays_as_it_was_when_opened() -> None:
    account = dollar_account()
    account.buy("EURUSD", 1.0)
    account.quote("EURUSD", 1.20000, 1.20010)
    assert 1085.10 == account.exchange.account_info().margin


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_the_estimate_never_differs_from_the_exact_answer(currency: str) -> None:
    draw = random.Random(7)
    account = Account(currency=currency, balance=30_000.0)
    prices = {"EURUSD": 1.085, "USDJPY": 150.0, "EURGBP": 0.854, "EURJPY": 162.75, "GBPUSD": 1.27}
    funds = account.exchange._funds
    for _ in range(250):
        symbol = draw.choice(list(prices))
        prices[symbol] *= 1 + draw.gauss(0, 0.002)
        digits = 3 if symbol.endswith("JPY") else 5
        bid = round(prices[symbol], digits)
        account.quote(symbol, bid, round(bid * 1.0001, digits))
        if draw.random() < 0.3:
            account.deal(draw.choice((0, 1)), symbol, draw.choice((0.1, 0.5, 1.0)))
        if draw.random() < 0.1 and (positions := account.exchange.positions()):
            position = draw.choice(positions)
            account.deal(1 - position.type, position.symbol, position.volume, position=position.ticket)
        if draw.random() < 0.02:
            account.wait(DAY_MSC)
        figures = funds.figures()
        assert figures.equity > figures.margin / 2 or not account.exchange.positions()
        for needed in (figures.equity, figures.equity + Decimal("0.01"), figures.equity * 2):
            assert (figures.equity >= needed) == funds.can_afford(needed, Decimal(0))
        needed = figures.equity - Decimal("0.01")
        assert funds.can_afford(needed, Decimal(0))
        if figures.margin:
            for spare in ("-0.01", "0", "0.01"):
                funds._stop_out = (figures.equity + Decimal(spare)) / figures.margin
                expected = figures.equity <= figures.margin * funds._stop_out
                assert expected == funds.is_stopped_out()
            funds._stop_out = Decimal("0.5")


def test_many_positions_make_neither_ticks_nor_orders_slow() -> None:
    account = dollar_account(balance=10_000_000.0)
    for index in range(2000):
        sent = account.deal(index % 2, "EURUSD", 0.01, sl=1.0 if index % 2 == 0 else 1.2)
        assert DONE == sent.retcode
    counted = account.exchange._funds.figures
    calls = 0

    def counting() -> object:
        nonlocal calls
        calls += 1
        return counted()

    account.exchange._funds.figures = counting  # type: ignore[method-assign, assignment]
    for step in range(100):
        account.quote("EURUSD", 1.08500 + step / 1e5, 1.08510 + step / 1e5)
        account.deal(mt5.ORDER_TYPE_BUY, "EURUSD", 0.01)
    assert 0 == calls


def test_the_estimate_forgets_what_is_closed() -> None:
    account = dollar_account()
    closing, _ = account.buy("EURUSD", 1.0), account.buy("EURUSD", 1.0)
    account.quote("EURUSD", 1.09510, 1.09520)
    funds = account.exchange._funds
    assert funds.can_afford(Decimal("102_000.00"), Decimal(0))
    account.sell("EURUSD", 1.0, position=closing.order)
    assert funds.can_afford(Decimal("102_000.00"), Decimal(0))
    assert not funds.can_afford(Decimal("102_000.01"), Decimal(0))


def test_a_profit_is_computed_anew_when_its_own_or_a_converting_price_moves() -> None:
    account = dollar_account()
    account.buy("USDJPY", 1.0)
    account.quote("USDJPY", 151.000, 151.010)
    first = account.exchange.account_info().profit
    assert first == account.exchange.account_info().profit == account.exchange.positions()[0].profit
    account.quote("USDJPY", 152.000, 152.010)
    assert first < account.exchange.account_info().profit
    euros = Account(currency="EUR", balance=30_000.0)
    euros.buy("GBPUSD", 1.0)
    euros.quote("GBPUSD", 1.28000, 1.28010)
    before = euros.exchange.account_info().profit
    euros.quote("EURUSD", 2.17000, 2.17010)
    # The same dollars are worth half as many euros.
    assert before / 2 == pytest.approx(euros.exchange.account_info().profit, abs=0.05)


def test_looking_again_at_the_same_quotes_computes_nothing() -> None:
    account = dollar_account(balance=10_000_000.0)
    for _ in range(50):
        account.buy("EURUSD", 0.01)
    account.exchange.account_info()
    computed = 0
    valuation = account.exchange._funds._valuation
    floating = valuation.floating

    def counting(*arguments: Any) -> Decimal:
        nonlocal computed
        computed += 1
        return floating(*arguments)

    valuation.floating = counting  # type: ignore[method-assign]
    account.exchange.account_info()
    account.exchange.positions()
    assert 0 == computed
    account.buy("EURUSD", 0.01)
    account.exchange.account_info()
    assert 1 == computed
