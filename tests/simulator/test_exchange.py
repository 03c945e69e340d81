"""The terminal's functions as plain calls."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulator.trading import MONDAY_MSC, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.feed import FeedOptions, make_feed
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.savedstate import SavedState
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.ticks import ROW


def refusal(call: Callable[[], object]) -> int:
    with pytest.raises(TerminalError) as refused:
        call()
    return refused.value.code


def test_an_unknown_symbol_has_the_code_each_function_gives() -> None:
    exchange = dollar_account().exchange
    not_found = (
        lambda: exchange.symbol_info("nope"),
        lambda: exchange.symbol_info_tick("nope"),
        lambda: exchange.copy_ticks_from("nope", 0, 1, -1),
        lambda: exchange.copy_ticks_range("nope", 0, 1, -1),
        lambda: exchange.order_calc_margin(0, "nope", 1.0, 1.0),
        lambda: exchange.order_calc_profit(0, "nope", 1.0, 1.0, 1.0),
        lambda: exchange.market_book_get("nope"),
    )
    failed = (
        lambda: exchange.symbol_select("nope", True),
        lambda: exchange.copy_rates_from("nope", 1, 0, 1),
        lambda: exchange.copy_rates_from_pos("nope", 1, 0, 1),
        lambda: exchange.copy_rates_range("nope", 1, 0, 1),
        lambda: exchange.market_book_add("nope"),
        lambda: exchange.market_book_release("nope"),
    )
    assert [-4] * len(not_found) == [refusal(call) for call in not_found]
    assert [-1] * len(failed) == [refusal(call) for call in failed]


def test_a_tick_needs_market_watch_and_a_quote() -> None:
    account = dollar_account()
    exchange = account.exchange
    assert -4 == refusal(lambda: exchange.symbol_info_tick("XAUUSD"))
    exchange.symbol_select("XAUUSD", True)
    tick = exchange.symbol_info_tick("XAUUSD")
    assert (2350.0, 2350.2, 6) == (tick.bid, tick.ask, tick.flags)
    assert tick.time == tick.time_msc // 1000
    exchange.symbol_select("XAUUSD", False)
    assert -4 == refusal(lambda: exchange.symbol_info_tick("XAUUSD"))
    exchange.symbol_select("NZDJPY", True)
    assert -4 == refusal(lambda: exchange.symbol_info_tick("NZDJPY"))


def test_a_symbol_in_use_stays_in_market_watch() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1)
    placed = account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "GBPUSD", 0.1, 1.2)
    for symbol in ("EURUSD", "GBPUSD"):
        with pytest.raises(TerminalError):
            account.exchange.symbol_select(symbol, False)
    account.sell("EURUSD", 0.1, position=opened.order)
    account.send(mt5.TRADE_ACTION_REMOVE, order=placed.order)
    for symbol in ("EURUSD", "GBPUSD"):
        account.exchange.symbol_select(symbol, False)
        assert not account.exchange.symbol_info(symbol).select


def test_ticks_are_kept_for_every_symbol_and_an_empty_window_is_empty() -> None:
    exchange = dollar_account().exchange
    rows = exchange.copy_ticks_from("XAUUSD", 0, 10, mt5.COPY_TICKS_ALL)
    assert [(2350.0, 2350.2)] == [(row[1], row[2]) for row in ROW.iter_unpack(rows)]
    assert b"" == exchange.copy_ticks_range("XAUUSD", 0, 1000, mt5.COPY_TICKS_ALL)
    assert b"" == exchange.copy_ticks_from("NZDJPY", 0, 10, mt5.COPY_TICKS_ALL)


def test_rates_come_from_the_ticks() -> None:
    account = dollar_account()
    account.quote("EURUSD", 1.08600, 1.08620)
    rows = account.exchange.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1)
    assert 60 == len(rows)
    assert rows == account.exchange.copy_rates_from("EURUSD", mt5.TIMEFRAME_M1, account.now_msc // 1000, 1)
    hour = MONDAY_MSC // 1000
    assert rows == account.exchange.copy_rates_range("EURUSD", mt5.TIMEFRAME_H1, hour, hour)


def test_only_the_accounts_own_login_is_let_in() -> None:
    exchange = Exchange(ExchangeConfig(login=7, password="secret", server="Demo"))
    exchange.login(7, "secret", "Demo")
    exchange.login(7, "secret", "")
    exchange.login(0, "", "")
    wrong = ((8, "secret", "Demo"), (7, "Secret", "Demo"), (7, "secret", "Live"))
    assert [-6] * 3 == [refusal(lambda: exchange.login(*given)) for given in wrong]  # noqa: B023
    Exchange(ExchangeConfig(login=7)).login(7, "anything", "")


def test_the_version_is_the_terminals() -> None:
    assert (500, 6231, "26 Sep 2025") == Account().exchange.version()


def test_a_tick_of_a_symbol_the_server_has_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="tick of nope"):
        Account().exchange.on_tick("nope", MONDAY_MSC, 1.0, 2.0)


@pytest.mark.parametrize(
    ("action", "volume", "price"),
    [(2, 1.0, 1.0), (0, 0.0, 1.0), (0, -1.0, 1.0), (0, 1.0, 0.0), (0, float("nan"), 1.0)],
)
def test_a_calculation_of_nonsense_is_invalid_params(action: int, volume: float, price: float) -> None:
    exchange = dollar_account().exchange
    assert -2 == refusal(lambda: exchange.order_calc_margin(action, "EURUSD", volume, price))
    assert -2 == refusal(lambda: exchange.order_calc_profit(action, "EURUSD", volume, price, 1.0))


def test_depth_of_market_is_for_subscribers_of_symbols_that_have_one() -> None:
    exchange = dollar_account().exchange
    assert -1 == refusal(lambda: exchange.market_book_add("EURUSD"))
    assert -1 == refusal(lambda: exchange.market_book_add("AAPL"))
    exchange.symbol_select("AAPL", True)
    assert -1 == refusal(lambda: exchange.market_book_get("AAPL"))
    exchange.market_book_add("AAPL")
    assert 10 == len(exchange.market_book_get("AAPL"))
    assert -1 == refusal(lambda: exchange.symbol_select("AAPL", False))
    exchange.market_book_release("AAPL")
    assert -1 == refusal(lambda: exchange.market_book_release("AAPL"))


def test_counts_are_those_of_the_lists() -> None:
    account = dollar_account()
    account.buy("EURUSD", 0.1)
    assert 1 == account.exchange.position_count() == len(account.exchange.positions())
    assert 33 == account.exchange.symbol_count() == len(account.exchange.symbols())


def test_history_is_asked_for_by_date_ticket_and_position() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1)
    account.wait(5000)
    closed = account.sell("EURUSD", 0.1, position=opened.order)
    exchange, now_s = account.exchange, account.now_msc // 1000
    assert [closed.deal] == [deal.ticket for deal in exchange.history_deals(now_s, now_s)]
    assert [closed.order] == [order.ticket for order in exchange.history_orders(now_s, now_s)]
    of_position = exchange.history_deals_of_position(opened.order)
    assert [opened.deal, closed.deal] == [deal.ticket for deal in of_position]
    orders = exchange.history_orders_of_position(opened.order)
    assert [opened.order, closed.order] == [order.ticket for order in orders]
    found = exchange.history_deal(opened.deal), exchange.history_order(opened.order)
    assert (of_position[0], orders[0]) == found
    assert exchange.history_deal(1) is exchange.history_order(1) is None


def test_the_history_begins_with_the_deposit() -> None:
    (deposit,) = Account(balance=1234.56).exchange.history_deals(0, 2**40)
    assert (mt5.DEAL_TYPE_BALANCE, 1234.56) == (deposit.type, deposit.profit)


def test_money_is_paid_in_and_out_to_the_cent_and_a_restart_knows_it(tmp_path: Path) -> None:
    config = ExchangeConfig(balance=1_000.0)
    with SavedState(tmp_path / "state.jsonl", config) as state:
        account = Account(state=state, balance=1_000.0)
        account.exchange.deposit(250.126)
        account.exchange.deposit(-100.0)
    deals = account.exchange.history_deals(0, 2**40)
    assert [(deal.type, deal.profit, deal.comment) for deal in deals] == [
        (mt5.DEAL_TYPE_BALANCE, 1_000.0, "Deposit"),
        (mt5.DEAL_TYPE_BALANCE, 250.13, "Deposit"),
        (mt5.DEAL_TYPE_BALANCE, -100.0, "Withdrawal"),
    ]
    with SavedState(tmp_path / "state.jsonl", config) as state:
        assert Account(state=state, balance=1_000.0).balance() == 1_150.13


def test_a_credit_is_equity_and_no_balance_and_a_restart_knows_it(tmp_path: Path) -> None:
    config = ExchangeConfig(balance=1_000.0)
    with SavedState(tmp_path / "state.jsonl", config) as state:
        account = Account(state=state, balance=1_000.0)
        account.exchange.deposit(200.0, credit=True)
        account.exchange.deposit(-50.0, credit=True)
    deals = account.exchange.history_deals(0, 2**40)[1:]
    assert [(deal.type, deal.profit) for deal in deals] == [
        (mt5.DEAL_TYPE_CREDIT, 200.0),
        (mt5.DEAL_TYPE_CREDIT, -50.0),
    ]
    with SavedState(tmp_path / "state.jsonl", config) as state:
        info = Account(state=state, balance=1_000.0).exchange.account_info()
    assert (info.balance, info.credit, info.equity, info.margin_free) == (1_000.0, 150.0, 1_150.0, 1_150.0)


def test_a_credit_carries_positions_and_its_withdrawal_stops_them_out() -> None:
    account = dollar_account(balance=600.0)
    account.buy("EURUSD", 1.0, price=1.08510)
    assert account.exchange.positions() == ()
    account.exchange.deposit(600.0, credit=True)
    account.buy("EURUSD", 1.0, price=1.08510)
    assert account.position().volume == 1.0
    account.exchange.deposit(-600.0, credit=True)
    assert account.position().volume == 1.0
    account.exchange.deposit(-100.0)
    assert account.exchange.positions() == ()


def test_what_a_withdrawal_leaves_uncovered_is_stopped_out() -> None:
    account = dollar_account(balance=10_000.0)
    account.buy("EURUSD", 1.0, price=1.08510)
    account.exchange.deposit(-9_000.0)
    assert account.position().volume == 1.0
    account.exchange.deposit(-900.0)
    assert account.exchange.positions() == ()


def test_one_feed_and_one_list_of_requests_give_one_result() -> None:
    def traded() -> tuple[object, ...]:
        config = ExchangeConfig(balance=50_000.0)
        exchange = Exchange(config)
        feed = make_feed(FeedOptions(start_utc_msc=MONDAY_MSC, seed=3, symbols=config.symbols))
        for step in range(1, 200):
            for tick in feed.next_batch(MONDAY_MSC + step * 250):
                exchange.on_tick(*tick)
            symbol = config.symbols[step % 28].name
            exchange.order_send(TradeRequest(1, symbol=symbol, volume=0.05, type=step % 2))
        return exchange.positions(), exchange.history_deals(0, 2**40), exchange.account_info()

    first = traded()
    assert 190 < len(first[1])  # type: ignore[arg-type]
    assert first == traded()
