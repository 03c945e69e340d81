"""Random trading through a whole day of ticks, as fast as it goes: the books balance to the cent.

The environment variable SIM_DAY_TICKS names the day's files, separated as in PATH; without it two hours of a
day are made. `python -m tests.simulator.test_whole_day FILE...` prints the figures of such a run.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

from tests.simulator.test_books import check_ledger, check_money, check_volumes
from tests.simulator.trading import HOUR_MSC, MONDAY_MSC, Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CATALOGUE
from hybrid_bridge.simulator.feed import Feed, FeedOptions, make_feed
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.records import OrderSendResult, TradeRequest
from hybrid_bridge.simulator.replay import symbol_of
from hybrid_bridge.simulator.terms import Terms

VARIABLE = "SIM_DAY_TICKS"
MADE = ("EURUSD", "USDJPY", "XAUUSD")
MADE_HOURS = 2
# An order about every so many ticks, and the books are looked at every so many orders.
TICKS_PER_ORDER = 40
ORDERS_PER_CHECK = 500
POSITIONS_MAX = 12


def day(files: tuple[Path, ...]) -> Feed:
    """Give the ticks of the files, or made ones."""
    made = () if files else tuple(spec for spec in CATALOGUE if spec.name in MADE)
    return make_feed(
        FeedOptions(start_utc_msc=MONDAY_MSC, utc_offset_s=0, files=files, symbols=made, start="00:00")
    )


class Trader:
    """Trades at random, by a seed."""

    def __init__(self, account: Account, seed: int) -> None:
        self.account = account
        self.orders = 0
        self.done = 0
        self._random = Random(seed)

    def trade(self, symbol: str) -> None:
        """Send one request about a symbol that has just had a tick."""
        self.orders += 1
        result = self._send(symbol)
        self.done += result.retcode in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_DONE_PARTIAL)

    def _send(self, symbol: str) -> OrderSendResult:
        random, exchange = self._random, self.account.exchange
        mine = [position for position in exchange.positions() if position.symbol == symbol]
        working = [order for order in exchange.orders() if order.symbol == symbol]
        if mine and (len(mine) >= POSITIONS_MAX or random.random() < 0.4):
            position = random.choice(mine)
            lots = position.volume if random.random() < 0.7 else 0.01
            return self._deal(symbol, 1 - position.type, lots, position=position.ticket)
        if len(working) > POSITIONS_MAX:
            ticket = random.choice(working).ticket
            return self.account.send(mt5.TRADE_ACTION_REMOVE, order=ticket)
        side, lots = random.randrange(2), random.choice((0.01, 0.05, 0.2))
        if random.random() < 0.3:
            return self._pending(symbol, side, lots)
        return self._deal(symbol, side, lots)

    def _deal(self, symbol: str, side: int, lots: float, position: int = 0) -> OrderSendResult:
        tick = self.account.exchange.symbol_info_tick(symbol)
        price = tick.bid if side else tick.ask
        terms = Terms(fill_share=0.5) if self._random.random() < 0.05 else Terms()
        filling = mt5.ORDER_FILLING_FOK if symbol.startswith("X") else mt5.ORDER_FILLING_IOC
        request = TradeRequest(
            action=mt5.TRADE_ACTION_DEAL,
            symbol=symbol,
            type=side,
            volume=lots,
            position=position,
            price=price,
            type_filling=filling,
        )
        return self.account.exchange.order_send(request, terms)

    def _pending(self, symbol: str, side: int, lots: float) -> OrderSendResult:
        tick = self.account.exchange.symbol_info_tick(symbol)
        spec = next(spec for spec in CATALOGUE if spec.name == symbol)
        away = self._random.choice((150, 300)) * spec.point
        price = round(tick.bid + away if side else tick.ask - away, spec.digits)
        return self.account.pending(mt5.ORDER_TYPE_BUY_LIMIT + side, symbol, lots, price)


def ticks_of(feed: Feed, until_msc: int) -> Iterator[tuple[str, int, float, float]]:
    while batch := feed.next_batch(until_msc):
        yield from batch


def trade_through(files: tuple[Path, ...], ledger_path: Path, seed: int = 7) -> tuple[Account, Trader, int]:
    """Trade through the day and close everything; check the books all along."""
    specs = tuple(replace(spec, liquidity=2.0) for spec in CATALOGUE)
    until_msc = 2**50 if files else MONDAY_MSC + MADE_HOURS * HOUR_MSC
    feed, ticks = day(files), 0
    with Ledger(ledger_path) as ledger:
        account = Account(ledger, balance=50_000.0, commission_per_lot=3.0, symbols=specs)
        for name in feed_symbols(files):
            account.exchange.symbol_select(name, True)
        trader = Trader(account, seed)
        for ticks, (symbol, time_msc, bid, ask) in enumerate(ticks_of(feed, until_msc), start=1):
            account.exchange.on_tick(symbol, time_msc, bid, ask)
            if ticks % TICKS_PER_ORDER == 0:
                trader.trade(symbol)
                if trader.orders % ORDERS_PER_CHECK == 0:
                    check_money(account)
        check_volumes(account)
        for order in account.exchange.orders():
            account.send(mt5.TRADE_ACTION_REMOVE, order=order.ticket)
        _close_all(account)
        check_money(account)
        check_volumes(account)
        check_ledger(account, ledger_path)
    return account, trader, ticks


def feed_symbols(files: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(sorted({symbol_of(path) for path in files})) or MADE


def _close_all(account: Account) -> None:
    exchange = account.exchange
    while positions := exchange.positions():
        for position in positions:
            tick = exchange.symbol_info_tick(position.symbol)
            # A new quote takes new lots.
            exchange.on_tick(position.symbol, tick.time_msc, tick.bid, tick.ask)
            fields = {"position": position.ticket, "price": position.price_current}
            account.deal(1 - position.type, position.symbol, position.volume, **fields)


def given_files() -> tuple[Path, ...]:
    return tuple(Path(name) for name in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)))


def test_random_trading_through_a_day_keeps_the_books_and_can_be_repeated(tmp_path: Path) -> None:
    first, trader, ticks = trade_through(given_files(), tmp_path / "first.jsonl")
    assert ticks > 10_000
    assert trader.done > trader.orders / 2 > 100
    info = first.exchange.account_info()
    assert (info.balance, 0.0, 0.0) == (info.equity, info.margin, info.profit)
    trade_through(given_files(), tmp_path / "second.jsonl")
    written = (tmp_path / "first.jsonl").read_bytes()
    assert written == (tmp_path / "second.jsonl").read_bytes()
    trade_through(given_files(), tmp_path / "other.jsonl", seed=8)
    assert written != (tmp_path / "other.jsonl").read_bytes()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        began, path = time.perf_counter(), Path(folder, "ledger.jsonl")
        account, trader, ticks = trade_through(tuple(Path(name) for name in sys.argv[1:]), path)
        took = time.perf_counter() - began
        lines = path.read_bytes()
        print(f"{ticks} ticks in {took:.1f} s, {ticks / took:,.0f}/s")
        print(f"{trader.orders} orders, {trader.done} done; {len(lines.splitlines())} deals")
        print(f"balance {account.balance():.2f}, ledger {sha256(lines).hexdigest()}")
