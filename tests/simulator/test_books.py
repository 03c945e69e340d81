"""No sequence of requests, ticks and faults breaks the books."""

import json
import tempfile
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.trading import Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CATALOGUE
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.savedstate import SavedState
from hybrid_bridge.simulator.terms import Terms

SYMBOLS = {"EURUSD": 1.085, "USDJPY": 150.0, "XAUUSD": 2350.0}
REOPENING = {
    "EURUSD": mt5.SYMBOL_SWAP_MODE_REOPEN_CURRENT,
    "USDJPY": mt5.SYMBOL_SWAP_MODE_REOPEN_BID,
}
VOLUMES = (0.01, 0.1, 0.33, 1.0, 2.5)

symbol = st.sampled_from(sorted(SYMBOLS))
volume = st.sampled_from(VOLUMES)
side = st.sampled_from((mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL))
pick = st.integers(0, 5)
moved = st.integers(-300, 300)
distance = st.one_of(st.just(0), st.integers(150, 500))
step = st.one_of(
    st.tuples(st.just("tick"), symbol, moved),
    st.tuples(st.just("tick"), symbol, moved),
    st.tuples(st.just("deal"), symbol, side, volume, distance, distance),
    st.tuples(st.just("deal"), symbol, side, volume, distance, distance),
    st.tuples(st.just("close"), pick, volume),
    st.tuples(st.just("levels"), pick, distance, distance),
    st.tuples(st.just("pending"), symbol, st.integers(2, 7), volume, st.integers(150, 400)),
    st.tuples(st.just("modify"), pick, st.integers(150, 400)),
    st.tuples(st.just("remove"), pick),
    st.tuples(st.just("close_by"), pick, pick),
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(
        *(st.just("spoilt"), symbol, side, volume, st.integers(0, 2)),
        *(st.sampled_from((0.0, 0.3, 1.0)), st.sampled_from((None, 0, 500))),
    ),
    st.tuples(st.just("by_hand"), symbol, side, volume),
    st.tuples(st.just("crossed"), symbol),
)
steps_drawn = st.lists(step, min_size=25, max_size=60)
# Pending types that wait below the market.
BELOW = (mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_STOP, mt5.ORDER_TYPE_SELL_STOP_LIMIT)


def configured(mode: str) -> dict[str, Any]:
    """Give the configuration of a mode; a thin one has few lots at each quote, on an exchange."""
    symbols = CATALOGUE
    if "thin" in mode:
        thin = {"liquidity": 0.7, "execution": mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE}
        symbols = tuple(replace(spec, **thin) for spec in CATALOGUE)
    if "reopened" in mode:
        symbols = tuple(replace(spec, swap_mode=REOPENING.get(spec.name, 1)) for spec in CATALOGUE)
    return {
        "account_mode": mode.split()[-1],
        "balance": 5000.0,
        "commission_per_lot": 3.5,
        "symbols": symbols,
    }


class Run:
    """One account, driven by drawn steps."""

    def __init__(self, mode: str, ledger: Ledger, state: SavedState | None = None) -> None:
        self.account = Account(ledger, state, **configured(mode))
        self.ticks = dict.fromkeys(SYMBOLS, 0)
        for name in SYMBOLS:
            self._quote(name)

    def _price(self, name: str, points: int) -> float:
        point = 1e-5 if name == "EURUSD" else 1e-3
        scale = 20 if name == "XAUUSD" else 1
        base = SYMBOLS[name] + self.ticks[name] * point * scale
        return round(base + points * point * scale, 5 if name == "EURUSD" else 3)

    def _quote(self, name: str) -> None:
        self.account.quote(name, self._price(name, 0), self._price(name, 9))

    def take(self, action: str, *drawn: object) -> None:
        getattr(self, f"_{action}")(*drawn)

    def _tick(self, name: str, points: int) -> None:
        self.ticks[name] += points
        self._quote(name)

    def _levels_of(self, name: str, buy: bool, sl: int, tp: int) -> dict[str, float]:
        side = 1 if buy else -1
        return {
            "sl": self._price(name, -side * sl) if sl else 0.0,
            "tp": self._price(name, side * tp) if tp else 0.0,
        }

    def _deal(self, name: str, order_type: int, lots: float, sl: int, tp: int) -> None:
        buy = order_type == mt5.ORDER_TYPE_BUY
        levels = self._levels_of(name, buy, sl, tp)
        self.account.deal(order_type, name, lots, price=self._price(name, 9 if buy else 0), **levels)

    def _close(self, index: int, lots: float) -> None:
        positions = self.account.exchange.positions()
        if positions:
            position = positions[index % len(positions)]
            self.account.deal(
                1 - position.type,
                position.symbol,
                min(lots, position.volume),
                position=position.ticket,
                price=position.price_current,
            )

    def _levels(self, index: int, sl: int, tp: int) -> None:
        positions = self.account.exchange.positions()
        if positions:
            position = positions[index % len(positions)]
            levels = self._levels_of(position.symbol, position.type == 0, sl, tp)
            self.account.send(mt5.TRADE_ACTION_SLTP, position=position.ticket, **levels)

    def _waiting(self, name: str, order_type: int, points: int) -> dict[str, float]:
        price = self._price(name, -points if order_type in BELOW else points)
        return {"price": price, "stoplimit": price}

    def _pending(self, name: str, order_type: int, lots: float, points: int) -> None:
        self.account.pending(order_type, name, lots, **self._waiting(name, order_type, points))

    def _modify(self, index: int, points: int) -> None:
        orders = self.account.exchange.orders()
        if orders:
            order = orders[index % len(orders)]
            waiting = self._waiting(order.symbol, order.type, points)
            self.account.send(mt5.TRADE_ACTION_MODIFY, order=order.ticket, **waiting)

    def _remove(self, index: int) -> None:
        orders = self.account.exchange.orders()
        if orders:
            self.account.send(mt5.TRADE_ACTION_REMOVE, order=orders[index % len(orders)].ticket)

    def _close_by(self, first: int, second: int) -> None:
        positions = self.account.exchange.positions()
        if positions:
            self.account.send(
                mt5.TRADE_ACTION_CLOSE_BY,
                position=positions[first % len(positions)].ticket,
                position_by=positions[second % len(positions)].ticket,
            )

    def _spoilt(
        self, name: str, order_type: int, lots: float, filling: int, share: float, held_msc: int | None
    ) -> None:
        terms = Terms(fill_share=share, held_msc=held_msc, comment="rewritten")
        price = self._price(name, 9 if order_type == mt5.ORDER_TYPE_BUY else 0)
        self.account.deal(order_type, name, lots, price=price, type_filling=filling, terms=terms)

    def _by_hand(self, name: str, order_type: int, lots: float) -> None:
        price = self._price(name, 9 if order_type == mt5.ORDER_TYPE_BUY else 0)
        self.account.deal(order_type, name, lots, price=price, terms=Terms(reason=mt5.ORDER_REASON_CLIENT))

    def _crossed(self, name: str) -> None:
        self.account.quote(name, self._price(name, 9), self._price(name, 0))

    def _wait(self, hours: int) -> None:
        self.account.wait(hours * 3_600_000)


def exact(value: float) -> Decimal:
    return Decimal(repr(value))


def check_money(account: Account) -> None:
    info = account.exchange.account_info()
    deals = account.exchange.history_deals(0, 2**40)
    paid = sum((exact(d.profit) + exact(d.commission) + exact(d.swap) for d in deals), Decimal(0))
    floating = sum((exact(p.profit) + exact(p.swap) for p in account.exchange.positions()), Decimal(0))
    assert exact(info.balance) == paid
    assert exact(info.profit) == floating
    assert exact(info.equity) == paid + floating
    assert info.margin >= 0
    assert exact(info.margin_free) == exact(info.equity) - exact(info.margin)


def check_volumes(account: Account) -> None:
    """Every position's volume is what its deals leave, and every deal but a rollover's has its order."""
    left: defaultdict[int, Decimal] = defaultdict(Decimal)
    filled: defaultdict[int, Decimal] = defaultdict(Decimal)
    working = {order.ticket: order for order in account.exchange.orders()}
    for deal in account.exchange.history_deals(0, 2**40)[1:]:
        signed = exact(deal.volume) if deal.type == mt5.DEAL_TYPE_BUY else -exact(deal.volume)
        left[deal.position_id] += signed
        if deal.reason == mt5.DEAL_REASON_ROLLOVER:
            assert deal.order == 0
        else:
            filled[deal.order] += exact(deal.volume)
    for ticket, lots in filled.items():
        order = account.exchange.history_order(ticket) or working[ticket]
        if order.type == mt5.ORDER_TYPE_CLOSE_BY:
            lots /= 2
        assert lots == exact(order.volume_initial) - exact(order.volume_current)
    for position in account.exchange.positions():
        sign = 1 if position.type == mt5.POSITION_TYPE_BUY else -1
        assert sign * exact(position.volume) == left.pop(position.identifier)
    assert not any(left.values())


def check_ledger(account: Account, path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    deals = account.exchange.history_deals(0, 2**40)[1:]
    assert [
        (d.ticket, d.order, d.position_id, d.symbol, d.type, d.entry, d.volume, d.price, d.profit)
        for d in deals
    ] == [
        (
            row["deal"],
            row["order"],
            row["position"],
            row["symbol"],
            row["type"],
            row["entry"],
            row["volume"],
            row["price"],
            row["profit"],
        )
        for row in rows
    ]
    if rows:
        assert account.balance() == rows[-1]["balance"]


@pytest.mark.parametrize(
    "mode", ["hedging", "netting", "thin hedging", "thin netting", "reopened hedging", "reopened netting"]
)
@given(steps=steps_drawn)
@settings(max_examples=40, deadline=None)
def test_no_sequence_of_requests_ticks_and_faults_breaks_the_books(
    mode: str, steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        with Ledger(path) as ledger:
            run = Run(mode, ledger)
            for action, *drawn in steps:
                run.take(str(action), *drawn)
                check_money(run.account)
                check_volumes(run.account)
            check_ledger(run.account, path)


@pytest.mark.parametrize("mode", ["hedging", "thin netting", "reopened hedging"])
@given(steps=steps_drawn)
@settings(max_examples=30, deadline=None)
def test_an_account_saved_and_restored_is_the_same_account(
    mode: str, steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.jsonl"
        config = Account(**configured(mode)).exchange.config
        with Ledger(Path(folder) / "ledger.jsonl") as ledger, SavedState(path, config) as state:
            run = Run(mode, ledger, state)
            for action, *drawn in steps:
                run.take(str(action), *drawn)
            before = run.account.exchange
            with SavedState(path, config) as saved:
                restored = Account(None, saved, **configured(mode))
                for name in SYMBOLS:
                    tick = before._instruments[name]
                    restored.exchange._instruments[name].take_tick(tick.time_msc, tick.bid, tick.ask)
                after = restored.exchange
                assert before.positions() == after.positions()
                assert before.orders() == after.orders()
                assert before.history_deals(0, 2**40) == after.history_deals(0, 2**40)
                assert before.history_orders(0, 2**40) == after.history_orders(0, 2**40)
                assert before.account_info() == after.account_info()
                assert before._books.last_deal == after._books.last_deal
