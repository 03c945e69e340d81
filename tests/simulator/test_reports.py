"""What the terminal says about itself, the account and the symbols."""

import pytest
from tests.simulator.trading import Account, dollar_account

from hybrid_bridge.simulator import constants as mt5


def test_a_symbol_shows_its_contract_and_its_quote() -> None:
    account = dollar_account()
    account.quote("EURUSD", 1.08600, 1.08612)
    info = account.exchange.symbol_info("EURUSD")
    assert ("EURUSD", "EUR", "USD", "EUR", 5, 1e-05, 1e-05, 100_000.0) == (
        info.name,
        info.currency_base,
        info.currency_profit,
        info.currency_margin,
        info.digits,
        info.point,
        info.trade_tick_size,
        info.trade_contract_size,
    )
    assert (0.01, 100.0, 0.01, 3, 2, 4) == (
        info.volume_min,
        info.volume_max,
        info.volume_step,
        info.filling_mode,
        info.trade_exemode,
        info.trade_mode,
    )
    assert (1.086, 1.08612, 12, 1.086, 1.085, account.now_msc // 1000, 1.0) == (
        info.bid,
        info.ask,
        info.spread,
        info.bidhigh,
        info.bidlow,
        info.time,
        info.trade_tick_value,
    )
    assert (True, True) == (info.select, info.visible)
    assert 0.0922 == pytest.approx(info.price_change)


def test_a_symbol_outside_market_watch_shows_no_prices() -> None:
    account = dollar_account()
    info = account.exchange.symbol_info("XAUUSD")
    assert (False, False, 0.0, 0.0, 0, 0.0) == (
        info.select,
        info.visible,
        info.bid,
        info.ask,
        info.time,
        info.trade_tick_value,
    )
    assert 100 == info.trade_stops_level
    account.exchange.symbol_select("XAUUSD", True)
    assert 2350.0 == account.exchange.symbol_info("XAUUSD").bid


def test_a_selected_symbol_without_a_tick_shows_no_prices_either() -> None:
    info = Account().exchange.symbol_info("EURUSD")
    assert (True, 0.0, 0) == (info.select, info.bid, info.time)


@pytest.mark.parametrize(
    ("mode", "margin_mode"),
    [
        ("hedging", mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING),
        ("netting", mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING),
    ],
)
def test_the_account_says_whose_it_is_and_how_it_counts(mode: str, margin_mode: int) -> None:
    account = Account(account_mode=mode, login=55, server="Somewhere-Demo", leverage=30)
    info = account.exchange.account_info()
    assert (55, "Somewhere-Demo", 30, "USD", 2, margin_mode, True, True) == (
        info.login,
        info.server,
        info.leverage,
        info.currency,
        info.currency_digits,
        info.margin_mode,
        info.trade_allowed,
        info.trade_expert,
    )
    assert (mt5.ACCOUNT_TRADE_MODE_DEMO, 50.0, 100.0) == (
        info.trade_mode,
        info.margin_so_so,
        info.margin_so_call,
    )


def test_the_terminal_says_what_is_switched_off() -> None:
    account = Account()
    info = account.exchange.terminal_info()
    assert (True, True, False, 6231, 100_000) == (
        info.connected,
        info.trade_allowed,
        info.tradeapi_disabled,
        info.build,
        info.maxbars,
    )
    account.exchange.permissions.connected = False
    account.exchange.permissions.terminal_trading = False
    account.exchange.permissions.account_trading = False
    account.exchange.permissions.account_experts = False
    info = account.exchange.terminal_info()
    assert (False, False) == (info.connected, info.trade_allowed)
    owner = account.exchange.account_info()
    assert (False, False) == (owner.trade_allowed, owner.trade_expert)


def test_the_depth_of_market_goes_from_the_far_sell_to_the_far_buy() -> None:
    account = dollar_account()
    account.exchange.symbol_select("AAPL", True)
    account.exchange.market_book_add("AAPL")
    book = account.exchange.market_book_get("AAPL")
    assert [190.06, 190.05, 190.04, 190.03, 190.02, 190.0, 189.99, 189.98, 189.97, 189.96] == [
        level.price for level in book
    ]
    assert [mt5.BOOK_TYPE_SELL] * 5 + [mt5.BOOK_TYPE_BUY] * 5 == [level.type for level in book]
    assert all(level.volume == level.volume_dbl > 0 for level in book)
