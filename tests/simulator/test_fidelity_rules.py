"""What a real terminal does, rule by rule, seen through the package's functions.

Source: behaviour of the MetaTrader5 package 5.0.6231; MQL5 reference; MetaTrader 5 help.
"""

import concurrent.futures
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.simulator.conftest import forget_session
from tests.simulator.live import LiveTerminal
from tests.simulator.process import Simulator
from tests.simulator.trading import DAY_MSC, HOUR_MSC, MONDAY_MSC

from hybrid_bridge.simulator import constants
from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator.catalogue import catalogue_symbol

DONE = mt5.TRADE_RETCODE_DONE
FOREVER = (0, 2**31 - 1)
QUOTES = {
    "EURUSD": (1.08500, 1.08510),
    "USDJPY": (150.000, 150.010),
    "XAUUSD": (2350.000, 2350.200),
    "AAPL": (190.00, 190.02),
    "US500": (5200.00, 5200.50),
}
Start = Callable[..., LiveTerminal]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a terminal with quotes; `changes` are fields of its symbols."""
    with ExitStack() as stack:

        def begin(changes: dict[str, dict[str, Any]] | None = None, **config: Any) -> LiveTerminal:
            changed = changes or {}
            symbols = tuple(replace(catalogue_symbol(name), **changed.get(name, {})) for name in QUOTES)
            config = {"symbols": symbols, "selected": tuple(QUOTES), **config}
            terminal = stack.enter_context(LiveTerminal(**config))
            for name in config["selected"]:
                terminal.quote(name, *QUOTES[name])
            return terminal

        yield begin


def deal(symbol: str, side: int, volume: float, **more: Any) -> Any:
    filling = mt5.ORDER_FILLING_FOK if symbol == "XAUUSD" else mt5.ORDER_FILLING_IOC
    request = {"action": mt5.TRADE_ACTION_DEAL, "symbol": symbol, "type": side, "volume": volume}
    return mt5.order_send({**request, "type_filling": filling, **more})


def buy(symbol: str, volume: float, **more: Any) -> Any:
    return deal(symbol, mt5.ORDER_TYPE_BUY, volume, **more)


def sell(symbol: str, volume: float, **more: Any) -> Any:
    return deal(symbol, mt5.ORDER_TYPE_SELL, volume, **more)


def pending(kind: int, price: float, symbol: str = "EURUSD", volume: float = 0.1, **more: Any) -> Any:
    request = {"action": mt5.TRADE_ACTION_PENDING, "symbol": symbol, "type": kind, "volume": volume}
    return mt5.order_send({**request, "price": price, "type_filling": mt5.ORDER_FILLING_RETURN, **more})


def levels(ticket: int, sl: float, tp: float) -> int:
    request = {"action": mt5.TRADE_ACTION_SLTP, "position": ticket, "sl": sl, "tp": tp}
    return int(mt5.order_send(request).retcode)


def remove(ticket: int) -> int:
    return int(mt5.order_send({"action": mt5.TRADE_ACTION_REMOVE, "order": ticket}).retcode)


def tickets() -> list[int]:
    return [position.ticket for position in mt5.positions_get()]


def test_rule_01_failures_are_none_false_or_empty_and_every_call_resets_last_error(start: Start) -> None:
    start()
    assert (None, -4) == (mt5.symbol_info("NOSUCH"), mt5.last_error()[0])
    assert (False, -1) == (mt5.symbol_select("NOSUCH", True), mt5.last_error()[0])
    assert ((), (1, "Success")) == (mt5.positions_get(ticket=5), mt5.last_error())
    assert (None, -4) == (mt5.symbol_info_tick("NOSUCH"), mt5.last_error()[0])
    assert -4 == mt5.last_error()[0]
    assert mt5.account_info() is not None
    assert (1, "Success") == mt5.last_error()


def test_rule_02_requests_are_typed_strictly_and_texts_hold_29_characters(start: Start) -> None:
    start()
    assert (None, (-2, 'Invalid "volume" argument')) == (buy("EURUSD", 1), mt5.last_error())  # type: ignore[arg-type]
    assert (None, (-2, 'Invalid "comment" argument')) == (
        buy("EURUSD", 0.1, comment="c" * 30),
        mt5.last_error(),
    )
    opened = buy("EURUSD", 0.1, comment="c" * 29, colour="red")
    assert (DONE, "c" * 29) == (opened.retcode, mt5.positions_get()[0].comment)
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        assert executor.submit(mt5.order_send, {}).result() is None
    assert (-2, "Unnamed arguments not allowed") == mt5.last_error()
    assert 1 == len(mt5.positions_get(symbols="NOSUCH"))


def test_rule_03_results_are_struct_sequences_and_arrays_are_read_only(start: Start) -> None:
    start()
    result = buy("EURUSD", 0.1)
    assert not hasattr(result, "_fields")
    assert not hasattr(result, "_replace")
    assert isinstance(result._asdict()["request"], mt5.TradeRequest)
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(result)
    ticks = mt5.copy_ticks_from("EURUSD", 0, 10, mt5.COPY_TICKS_ALL)
    assert (60, False) == (ticks.dtype.itemsize, ticks.flags.writeable)
    with pytest.raises(ValueError, match="read-only"):
        ticks["bid"] = 1.0


def test_rule_04_nothing_works_before_initialize_and_nothing_heals_a_dead_session(start: Start) -> None:
    terminal = start()
    forget_session()
    assert (None, -10004) == (mt5.account_info(), mt5.last_error()[0])
    host, port = terminal._server.address
    assert mt5.initialize(f"{host}:{port}")
    terminal.faults.add_text("lose_reply:command=account_info")
    assert [-10002, -10004, -10004] == [mt5.account_info() or mt5.last_error()[0] for _ in range(3)]


def test_rule_05_dates_are_whole_seconds_and_naive_ones_local(start: Start) -> None:
    start()
    second = MONDAY_MSC // 1000
    local = datetime.fromtimestamp(second)  # noqa: DTZ006 - what a naive date means is the question
    for date in (second, datetime.fromtimestamp(second + 0.9, UTC), local, second + 0.9):
        assert 1 == len(mt5.copy_ticks_range("EURUSD", date, second + 1, mt5.COPY_TICKS_ALL))
    with pytest.raises(SystemError):
        mt5.copy_ticks_range("EURUSD", 0, 2**31, mt5.COPY_TICKS_ALL)


def test_rule_06_times_are_the_servers_wall_clock_which_changes_with_the_season() -> None:
    simulator = Simulator("--zone", "EET", "--at", "2026-03-29T00:59:57")
    try:
        forget_session()
        assert mt5.initialize(simulator.ready["simulator"])
        deadline, seen = time.monotonic() + 20, set()
        while not (seen and max(seen) >= 4 * 3600):
            tick = mt5.symbol_info_tick("EURUSD")
            seen |= {tick.time % 86_400} if tick else set()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # Two hours ahead of UTC until three o'clock, which is four o'clock at once.
        assert not [second for second in seen if 3 * 3600 <= second < 4 * 3600]
        assert min(seen) >= 2 * 3600 + 59 * 60
    finally:
        forget_session()
        simulator.end()


def test_rule_07_only_symbols_in_market_watch_have_ticks(start: Start) -> None:
    terminal = start(selected=("EURUSD",))
    terminal.quote("USDJPY", *QUOTES["USDJPY"])
    info = mt5.symbol_info("USDJPY")
    assert (False, False, 0.0) == (info.select, info.visible, info.bid)
    assert (None, -4) == (mt5.symbol_info_tick("USDJPY"), mt5.last_error()[0])
    assert mt5.symbol_select("USDJPY", True)
    assert 150.0 == mt5.symbol_info_tick("USDJPY").bid
    buy("USDJPY", 0.1)
    assert mt5.symbol_select("USDJPY", False) is False


def test_rule_08_ticks_come_oldest_first_with_flags_and_duplicate_times(start: Start) -> None:
    terminal = start()
    for bid, ask in ((1.08520, 1.08530), (1.08520, 1.08531), (1.08521, 1.08531)):
        terminal.quote("EURUSD", bid, ask, after_msc=0)
    ticks = mt5.copy_ticks_from("EURUSD", 0, 100, mt5.COPY_TICKS_ALL)
    assert sorted(ticks["time_msc"]) == list(ticks["time_msc"])
    assert 1 == len(set(ticks["time_msc"][-3:]))
    both = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK
    assert [both, both, mt5.TICK_FLAG_ASK, mt5.TICK_FLAG_BID] == list(ticks["flags"])
    assert list(ticks["time"]) == [msc // 1000 for msc in ticks["time_msc"]]
    assert 1.08521 == mt5.symbol_info_tick("EURUSD").bid


def test_rule_09_rates_fail_beyond_what_the_terminal_keeps(start: Start) -> None:
    terminal = start(max_bars=50)
    for _ in range(80):
        terminal.quote("EURUSD", 1.085, 1.0851, after_msc=60_000)
    assert 49 == len(mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 49))
    assert (None, -2) == (
        mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 50),
        mt5.last_error()[0],
    )
    assert (None, -1) == (
        mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 10_000, 1),
        mt5.last_error()[0],
    )


@pytest.mark.parametrize(
    ("volume", "retcode"), [(0.001, 10014), (0.015, 10014), (100.01, 10014), (0.01, DONE), (3.0, 10034)]
)
def test_rule_10_volumes_keep_to_minimum_maximum_step_and_limit(
    start: Start, volume: float, retcode: int
) -> None:
    start({"EURUSD": {"volume_limit": 2.5}})
    assert retcode == buy("EURUSD", volume).retcode


@pytest.mark.parametrize(
    ("kind", "price"),
    [
        (mt5.ORDER_TYPE_BUY_LIMIT, 1.08600),
        (mt5.ORDER_TYPE_SELL_LIMIT, 1.08400),
        (mt5.ORDER_TYPE_BUY_STOP, 1.08400),
        (mt5.ORDER_TYPE_SELL_STOP, 1.08600),
        (mt5.ORDER_TYPE_BUY_LIMIT, 1.080005),
    ],
)
def test_rule_11_pending_prices_on_the_wrong_side_or_off_the_grid(
    start: Start, kind: int, price: float
) -> None:
    start()
    assert 10015 == pending(kind, price).retcode


def test_rule_12_levels_are_measured_from_bid_and_ask(start: Start) -> None:
    start({"EURUSD": {"stops_level": 50}})
    long, short = buy("EURUSD", 0.1).order, sell("EURUSD", 0.1).order
    # Bid 1.08500 and ask 1.08510: 50 points below the one, above the other.
    assert (10016, DONE) == (levels(long, 1.08451, 0.0), levels(long, 1.08450, 0.0))
    assert (10016, DONE) == (levels(short, 1.08559, 0.0), levels(short, 1.08560, 0.0))
    assert (10016, 10016) == (levels(long, 1.09, 0.0), levels(long, 0.0, 1.08))


def test_rule_13_what_is_about_to_trigger_is_frozen(start: Start) -> None:
    terminal = start({"EURUSD": {"freeze_level": 30}})
    ticket = buy("EURUSD", 0.1, sl=1.08400).order
    order = pending(mt5.ORDER_TYPE_BUY_LIMIT, 1.08300).order
    assert DONE == levels(ticket, 1.08390, 0.0)
    terminal.quote("EURUSD", 1.08420, 1.08430)
    assert 10029 == levels(ticket, 1.08300, 0.0)
    assert 10029 == sell("EURUSD", 0.1, position=ticket).retcode
    terminal.quote("EURUSD", 1.08395, 1.08329)
    assert 10029 == remove(order)


def test_rule_14_filling_modes_are_a_matter_of_execution_and_bits(start: Start) -> None:
    start({"EURUSD": {"filling_mode": constants.SYMBOL_FILLING_FOK}})
    fok, ioc, rest = mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC, mt5.ORDER_FILLING_RETURN
    by_market = [buy("EURUSD", 0.1, type_filling=filling).retcode for filling in (fok, ioc, rest)]
    by_exchange = [buy("AAPL", 1.0, type_filling=filling).retcode for filling in (fok, ioc, rest)]
    assert [DONE, 10030, 10030] == by_market
    assert [DONE, DONE, DONE] == by_exchange
    assert (
        10030
        == mt5.order_check(
            {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": ioc}
        ).retcode
    )


def test_rule_15_instant_execution_requotes_and_market_execution_slips(start: Start) -> None:
    start()
    quoted = buy("XAUUSD", 0.1, price=2349.0, deviation=5)
    assert (10004, 2350.0, 2350.2, 0, 0) == (
        quoted.retcode,
        quoted.bid,
        quoted.ask,
        quoted.deal,
        quoted.order,
    )
    assert (DONE, 2350.2) == (lambda r: (r.retcode, r.price))(buy("XAUUSD", 0.1, price=2350.199, deviation=5))
    assert (DONE, 1.0851) == (lambda r: (r.retcode, r.price))(buy("EURUSD", 0.1, price=1.0, deviation=0))


def test_rule_16_longs_end_at_the_bid_shorts_at_the_ask_and_stops_slip(start: Start) -> None:
    terminal = start()
    long, short = buy("EURUSD", 0.1, sl=1.08400), sell("EURUSD", 0.1, sl=1.08600)
    assert (1.08510, 1.08500) == (long.price, short.price)
    limit = pending(mt5.ORDER_TYPE_BUY_LIMIT, 1.08450).order
    terminal.quote("EURUSD", 1.08445, 1.08455)
    assert {long.order, short.order} == set(tickets())
    terminal.quote("EURUSD", 1.08380, 1.08390)
    stopped = mt5.history_deals_get(position=long.order)[-1]
    assert (1.08380, mt5.DEAL_REASON_SL) == (stopped.price, stopped.reason)
    # A limit profits from the gap that a stop suffers from.
    assert 1.08390 == mt5.history_deals_get(position=limit)[0].price
    terminal.quote("EURUSD", 1.08595, 1.08605)
    assert 1.08605 == mt5.history_deals_get(position=short.order)[-1].price


def test_rule_17_margin_is_checked_alike_by_check_and_send(start: Start) -> None:
    start(balance=1000.0)
    request = {"action": 1, "symbol": "EURUSD", "volume": 1.0, "type": 0, "type_filling": 1}
    assert (10019, 10019) == (mt5.order_check(request).retcode, mt5.order_send(request).retcode)
    checked = mt5.order_check({**request, "volume": 0.5})
    assert (0, "Done") == (checked.retcode, checked.comment)
    # By hand: 0.5 lots of 100,000 at 1.0851 with a leverage of 100.
    assert 542.55 == checked.margin
    mt5.order_send({**request, "volume": 0.5})
    assert 542.55 == mt5.account_info().margin
    assert 542.55 == mt5.order_calc_margin(0, "EURUSD", 0.5, 1.0851)


def test_rule_18_hedging_keeps_each_position_apart(start: Start) -> None:
    start()
    first, second = buy("EURUSD", 0.3), sell("EURUSD", 0.2)
    assert [first.order, second.order] == tickets()
    assert DONE == sell("EURUSD", 0.1, position=first.order).retcode
    left = mt5.positions_get(ticket=first.order)[0]
    assert (0.2, mt5.DEAL_ENTRY_OUT) == (left.volume, mt5.history_deals_get(position=first.order)[-1].entry)
    assert 10038 == sell("EURUSD", 0.5, position=first.order).retcode
    assert 10036 == sell("EURUSD", 0.1, position=1).retcode
    request = {"action": mt5.TRADE_ACTION_CLOSE_BY, "position": first.order, "position_by": second.order}
    assert DONE == mt5.order_send(request).retcode
    entries = [each.entry for each in mt5.history_deals_get(*FOREVER)]
    assert 2 == entries.count(mt5.DEAL_ENTRY_OUT_BY)
    assert [] == tickets()


def test_rule_19_netting_averages_reverses_and_takes_the_last_levels(start: Start) -> None:
    terminal = start(account_mode="netting")
    buy("EURUSD", 0.1, sl=1.08)
    terminal.quote("EURUSD", 1.08600, 1.08610)
    buy("EURUSD", 0.3)
    (position,) = mt5.positions_get()
    # By hand: a quarter at 1.08510 and three quarters at 1.08610.
    assert (0.4, 1.08585, 0.0) == (position.volume, position.price_open, position.sl)
    sell("EURUSD", 0.5)
    (position,) = mt5.positions_get()
    assert (0.1, mt5.POSITION_TYPE_SELL) == (position.volume, position.type)
    assert mt5.DEAL_ENTRY_INOUT == mt5.history_deals_get(*FOREVER)[-1].entry


def test_rule_20_orders_deals_and_positions_are_linked(start: Start) -> None:
    terminal = start()
    opened = buy("EURUSD", 0.1, sl=1.084, magic=7)
    (order,) = mt5.history_orders_get(ticket=opened.order)
    (entry,) = mt5.history_deals_get(ticket=opened.order)
    assert (entry,) == mt5.history_deals_get(ticket=opened.deal)
    (position,) = mt5.positions_get()
    assert (mt5.ORDER_STATE_FILLED, mt5.ORDER_REASON_EXPERT) == (order.state, order.reason)
    assert {opened.order} == {entry.order, entry.position_id, order.position_id, position.identifier}
    assert (opened.deal, mt5.DEAL_REASON_EXPERT, 7) == (entry.ticket, entry.reason, entry.magic)
    terminal.quote("EURUSD", 1.0839, 1.0840)
    orders, deals = (get(position=opened.order) for get in (mt5.history_orders_get, mt5.history_deals_get))
    assert [mt5.ORDER_REASON_EXPERT, mt5.ORDER_REASON_SL] == [each.reason for each in orders]
    assert [each.ticket for each in orders] == [each.order for each in deals]


def test_rule_21_partial_fills_follow_the_filling_mode(start: Start) -> None:
    terminal = start({"EURUSD": {"liquidity": 0.5}, "AAPL": {"liquidity": 30.0}})
    assert 10006 == buy("EURUSD", 1.0, type_filling=mt5.ORDER_FILLING_FOK).retcode
    part = buy("EURUSD", 1.0)
    assert (10010, 0.5) == (part.retcode, part.volume)
    (order,) = mt5.history_orders_get(ticket=part.order)
    assert (mt5.ORDER_STATE_CANCELED, 0.5) == (order.state, order.volume_current)
    rest = buy("AAPL", 50.0, type_filling=mt5.ORDER_FILLING_RETURN)
    assert (10010, 20.0) == (rest.retcode, mt5.orders_get(ticket=rest.order)[0].volume_current)
    terminal.quote("AAPL", 190.00, 190.02)
    assert ((), 50.0) == (mt5.orders_get(), mt5.positions_get(ticket=rest.order)[0].volume)


def test_rule_22_a_closed_market_takes_no_orders(start: Start) -> None:
    terminal = start(enforce_sessions=True)
    ticket = buy("EURUSD", 0.1).order
    terminal.wait(5 * DAY_MSC)
    assert 10018 == buy("EURUSD", 0.1).retcode
    assert 10018 == pending(mt5.ORDER_TYPE_BUY_LIMIT, 1.08).retcode
    assert 10018 == levels(ticket, 1.08, 0.0)
    terminal.wait(2 * DAY_MSC)
    assert DONE == buy("EURUSD", 0.1).retcode


@pytest.mark.parametrize(
    ("mode", "long", "short"),
    [
        (mt5.SYMBOL_TRADE_MODE_DISABLED, 10017, 10017),
        (mt5.SYMBOL_TRADE_MODE_LONGONLY, DONE, 10042),
        (mt5.SYMBOL_TRADE_MODE_SHORTONLY, 10043, DONE),
        (mt5.SYMBOL_TRADE_MODE_CLOSEONLY, 10044, 10044),
    ],
)
def test_rule_23_a_symbol_may_trade_one_way_only(start: Start, mode: int, long: int, short: int) -> None:
    start({"EURUSD": {"trade_mode": mode}})
    assert (long, short) == (buy("EURUSD", 0.1).retcode, sell("EURUSD", 0.1).retcode)


def test_rule_23_orders_expire_by_the_servers_clock(start: Start) -> None:
    only_gtc = {"expiration_mode": constants.SYMBOL_EXPIRATION_GTC}
    no_stops = {"order_mode": constants.SYMBOL_ORDER_MARKET}
    terminal = start({"USDJPY": only_gtc, "US500": no_stops})
    day = {"type_time": mt5.ORDER_TIME_DAY}
    assert 10022 == pending(mt5.ORDER_TYPE_BUY_LIMIT, 149.0, "USDJPY", **day).retcode
    assert 10035 == pending(mt5.ORDER_TYPE_BUY_LIMIT, 5000.0, "US500", 1.0).retcode
    today = pending(mt5.ORDER_TYPE_BUY_LIMIT, 1.08, **day).order
    ends = MONDAY_MSC // 1000 + 600
    soon = pending(mt5.ORDER_TYPE_BUY_LIMIT, 1.08, type_time=mt5.ORDER_TIME_SPECIFIED, expiration=ends).order
    terminal.wait(HOUR_MSC)
    assert [today] == [order.ticket for order in mt5.orders_get()]
    (expired,) = mt5.history_orders_get(ticket=soon)
    assert (mt5.ORDER_STATE_EXPIRED, ends) == (expired.state, expired.time_done)
    terminal.wait(DAY_MSC)
    assert () == mt5.orders_get()


def test_rule_24_swap_at_midnight_commission_on_deals_and_the_stop_out(start: Start) -> None:
    terminal = start(balance=2300.0, commission_per_lot=3.5)
    small, large = buy("EURUSD", 0.5), buy("EURUSD", 1.0)
    # By hand: -6.9 points of 1 USD a lot and night, once; then Wednesday's three nights.
    terminal.wait(DAY_MSC)
    assert [-3.45, -6.90] == [position.swap for position in mt5.positions_get()]
    terminal.wait(2 * DAY_MSC)
    assert [-17.25, -34.50] == [position.swap for position in mt5.positions_get()]
    assert [-1.75, -3.5] == [
        mt5.history_deals_get(position=each.order)[0].commission for each in (small, large)
    ]
    assert 2300.0 - 5.25 == mt5.account_info().balance
    # Margin is 1627.65: at half of it the terminal closes the larger loss first.
    terminal.quote("EURUSD", 1.07540, 1.07550)
    assert [small.order] == tickets()
    stopped = mt5.history_deals_get(position=large.order)[-1]
    assert (mt5.DEAL_REASON_SO, mt5.DEAL_ENTRY_OUT) == (stopped.reason, stopped.entry)
    assert stopped.comment.startswith("[so ")


def test_rule_25_outcomes_may_be_unknown(start: Start) -> None:
    terminal = start()
    terminal.faults.add_text(
        "latency:ms=20..30,tail=1,tail_ms=100; reject:retcode=10012,executed=yes; lose_reply"
    )
    started = time.monotonic()
    assert 10012 == buy("EURUSD", 0.1, comment="one").retcode
    assert time.monotonic() - started >= 0.1
    assert (None, -10002) == (buy("EURUSD", 0.1, comment="two"), mt5.last_error()[0])
    host, port = terminal._server.address
    assert mt5.initialize(f"{host}:{port}")
    assert ["one", "two"] == [position.comment for position in mt5.positions_get()]
