"""Profit and margin against figures worked by hand."""

import pytest
from tests.simulator.trading import Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CURRENCIES, catalogue_symbol
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange

BUY, SELL = mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL


@pytest.mark.parametrize(
    ("symbol", "order_type", "volume", "quote", "filling", "profit"),
    [
        # 0.00250 x 50 000 EUR = 125 USD
        ("EURUSD", BUY, 0.5, (1.08760, 1.08770), mt5.ORDER_FILLING_FOK, 125.00),
        # 0.500 x 100 000 = 50 000 JPY, sold at the ask of USDJPY: / 150.520
        ("USDJPY", BUY, 1.0, (150.510, 150.520), mt5.ORDER_FILLING_FOK, 332.18),
        # a loss of 50 000 JPY, bought at the bid: / 149.510
        ("USDJPY", BUY, 1.0, (149.510, 149.520), mt5.ORDER_FILLING_FOK, -334.43),
        # 0.00100 x 20 000 = 20 GBP, sold at the bid of GBPUSD: x 1.27000
        ("EURGBP", SELL, 0.2, (0.85280, 0.85300), mt5.ORDER_FILLING_FOK, 25.40),
        # a loss of 20 GBP, bought at the ask: x 1.27020
        ("EURGBP", SELL, 0.2, (0.85480, 0.85500), mt5.ORDER_FILLING_FOK, -25.40),
        # 11.250 x 30 ounces
        ("XAUUSD", BUY, 0.3, (2361.450, 2361.650), mt5.ORDER_FILLING_FOK, 337.50),
        # 9.75 x 15
        ("US500", SELL, 1.5, (5189.75, 5190.25), mt5.ORDER_FILLING_IOC, 146.25),
        # -518.00 x 0.02
        ("BTCUSD", BUY, 0.02, (63500.00, 63518.00), mt5.ORDER_FILLING_IOC, -10.36),
        # 1.50 x 10 shares
        ("AAPL", BUY, 10.0, (191.52, 191.54), mt5.ORDER_FILLING_IOC, 15.00),
    ],
)
def test_a_closed_position_earns_what_the_hand_works_out(
    symbol: str,
    order_type: int,
    volume: float,
    quote: tuple[float, float],
    filling: int,
    profit: float,
) -> None:
    account = dollar_account()
    account.exchange.symbol_select(symbol, True)
    tick = account.exchange.symbol_info_tick(symbol)
    opened_at = tick.ask if order_type == BUY else tick.bid
    opened = account.deal(order_type, symbol, volume, type_filling=filling, price=opened_at)
    account.quote(symbol, *quote)
    closed_at = quote[0] if order_type == BUY else quote[1]
    floating = account.position().profit
    promised = account.exchange.order_calc_profit(order_type, symbol, volume, opened_at, closed_at)
    closed = account.deal(
        1 - order_type,
        symbol,
        volume,
        position=opened.order,
        type_filling=filling,
        price=closed_at,
    )

    assert mt5.TRADE_RETCODE_DONE == closed.retcode
    assert profit == account.last_deal().profit == floating == promised
    assert 100_000.0 + profit == account.balance()


@pytest.mark.parametrize(
    ("symbol", "order_type", "volume", "price", "margin"),
    [
        ("EURUSD", BUY, 1.0, 1.08510, 1085.10),  # 100 000 EUR / 100 at the ask
        ("EURUSD", SELL, 1.0, 1.08500, 1085.00),  # at the bid
        ("USDJPY", BUY, 0.3, 150.010, 300.00),  # 30 000 USD / 100
        ("EURGBP", BUY, 1.0, 0.85420, 1085.10),  # euros again, through EURUSD
        ("XAUUSD", BUY, 0.5, 2350.200, 1175.10),  # 50 x 2350.2 / 100
        ("US500", BUY, 1.0, 5200.50, 2600.25),  # 10 x 5200.5 x 5 %
        ("BTCUSD", BUY, 0.1, 64018.00, 3200.90),  # 6401.8 x 50 %
        ("AAPL", BUY, 10.0, 190.02, 1900.20),  # paid in full
    ],
)
def test_margin_is_what_the_hand_works_out_and_what_is_blocked(
    symbol: str, order_type: int, volume: float, price: float, margin: float
) -> None:
    account = dollar_account()
    filling = mt5.ORDER_FILLING_IOC if symbol in ("US500", "BTCUSD", "AAPL") else mt5.ORDER_FILLING_FOK

    assert margin == account.exchange.order_calc_margin(order_type, symbol, volume, price)
    account.deal(order_type, symbol, volume, price=price, type_filling=filling)
    assert margin == account.exchange.account_info().margin


def test_an_account_in_yen_counts_whole_yen() -> None:
    account = Account(currency="JPY", balance=1_000_000.0)
    account.quote("USDJPY", 150.000, 150.010)
    account.quote("EURJPY", 162.750, 162.760)
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.1)
    # 10 000 EUR / 100 = 100 EUR at the ask of EURJPY
    assert 16276.0 == account.exchange.account_info().margin
    account.quote("EURUSD", 1.08613, 1.08620)
    # 0.00103 x 10 000 = 10.3 USD at the bid of USDJPY
    assert 1545.0 == account.position().profit
    assert 0 == account.exchange.account_info().currency_digits


def test_an_account_in_euros_converts_through_the_inverse_pair() -> None:
    account = Account(currency="EUR", balance=5_000.0)
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.1)
    assert 100.0 == account.exchange.account_info().margin
    account.quote("EURUSD", 1.08610, 1.08620)
    # 10 USD / 1.08620
    assert 9.21 == account.position().profit


@pytest.mark.parametrize("currency", CURRENCIES)
def test_an_account_may_be_in_any_currency_on_offer(currency: str) -> None:
    assert currency == Exchange(ExchangeConfig(currency=currency)).account_info().currency


def test_a_currency_without_a_pair_of_its_own_goes_by_way_of_the_dollar() -> None:
    # Swiss francs into New Zealand dollars: no CHFNZD, and NZDCHF is left out.
    names = ("USDCHF", "NZDUSD", "EURUSD")
    symbols = tuple(catalogue_symbol(name) for name in names)
    account = Account(currency="NZD", symbols=symbols, selected=names)
    account.quote("NZDUSD", 0.61000, 0.61010)
    account.quote("USDCHF", 0.89000, 0.89010)
    # 100 CHF profit: bought USD at 0.89100, then NZD at 0.61010: 100 / 0.89100 / 0.61010
    account.buy("USDCHF", 0.1)
    account.quote("USDCHF", 0.90010, 0.90020)
    assert 182.08 == pytest.approx(100 / 0.90020 / 0.61010, abs=0.005)
    assert 182.08 == account.position().profit


def test_a_symbol_whose_money_cannot_be_converted_is_refused_by_name() -> None:
    usdjpy = catalogue_symbol("USDJPY")
    with pytest.raises(ValueError, match=r"USDJPY: no symbol converts .* EUR; add"):
        Exchange(ExchangeConfig(currency="EUR", symbols=(usdjpy,), selected=()))


def test_conversion_goes_by_the_last_close_until_the_pair_is_quoted() -> None:
    account = Account()
    account.quote("EURGBP", 0.85400, 0.85420)
    account.buy("EURGBP", 0.1)
    account.quote("EURGBP", 0.85520, 0.85540)
    # 0.00100 x 10 000 = 10 GBP; the catalogue closes GBPUSD at 1.27000
    assert 12.70 == account.position().profit


def test_a_tick_is_worth_less_as_gain_than_as_loss() -> None:
    account = dollar_account()
    info = account.exchange.symbol_info("USDJPY")
    assert 100 / 150.010 == pytest.approx(info.trade_tick_value_profit)
    assert 100 / 150.000 == pytest.approx(info.trade_tick_value_loss)


def test_half_a_cent_is_rounded_up_away_from_zero() -> None:
    account = dollar_account()
    # 0.00001 x 1 000 = 0.01 per tick at 0.01 lots on EURUSD; BTC gives half cents: 0.25 x 0.02
    assert 0.01 == account.exchange.order_calc_profit(BUY, "BTCUSD", 0.02, 64000.00, 64000.25)
    assert -0.01 == account.exchange.order_calc_profit(SELL, "BTCUSD", 0.02, 64000.00, 64000.25)
