"""SL, TP, pending orders and the stop-out: what the server does by itself when a price is reached."""

import pytest
from tests.simulator.trading import DAY_MSC, DONE, Account, dollar_account

from hybrid_bridge.simulator import constants as mt5

BUY, SELL = mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL


@pytest.mark.parametrize(
    ("order_type", "levels", "untouched", "reached", "price", "reason", "comment"),
    [
        # a long position goes by the bid, a short one by the ask
        (BUY, {"sl": 1.08400}, (1.08401, 1.08411), (1.08400, 1.08410), 1.08400, 4, "[sl 1.08400]"),
        (BUY, {"sl": 1.08400}, (1.08401, 1.08399), (1.08350, 1.08360), 1.08350, 4, "[sl 1.08400]"),
        (BUY, {"tp": 1.08600}, (1.08599, 1.08609), (1.08600, 1.08610), 1.08600, 5, "[tp 1.08600]"),
        (BUY, {"tp": 1.08600}, (1.08599, 1.08609), (1.08650, 1.08660), 1.08650, 5, "[tp 1.08600]"),
        (SELL, {"sl": 1.08600}, (1.08589, 1.08599), (1.08590, 1.08600), 1.08600, 4, "[sl 1.08600]"),
        (SELL, {"tp": 1.08400}, (1.08391, 1.08401), (1.08390, 1.08400), 1.08400, 5, "[tp 1.08400]"),
    ],
)
def test_a_level_closes_the_position_at_the_market(
    order_type: int,
    levels: dict[str, float],
    untouched: tuple[float, float],
    reached: tuple[float, float],
    price: float,
    reason: int,
    comment: str,
) -> None:
    account = dollar_account()
    opened = account.deal(order_type, "EURUSD", 0.1, magic=3, **levels)
    account.quote("EURUSD", *untouched)
    assert opened.order == account.position().ticket
    account.quote("EURUSD", *reached)

    deal, order = account.last_deal(), account.last_order()
    assert () == account.exchange.positions()
    assert (mt5.DEAL_ENTRY_OUT, 1 - order_type, price, reason, comment, 3) == (
        deal.entry,
        deal.type,
        deal.price,
        deal.reason,
        deal.comment,
        deal.magic,
    )
    assert (opened.order, reason, mt5.ORDER_STATE_FILLED) == (
        order.position_id,
        order.reason,
        order.state,
    )
    assert (levels.get("sl") or levels.get("tp")) == order.price_open


def test_a_changed_level_counts_and_the_old_one_does_not() -> None:
    account = dollar_account()
    opened = account.buy("EURUSD", 0.1, sl=1.08400)
    account.send(mt5.TRADE_ACTION_SLTP, position=opened.order, sl=1.08300)
    account.quote("EURUSD", 1.08400, 1.08410)
    assert opened.order == account.position().ticket
    account.quote("EURUSD", 1.08300, 1.08310)
    assert () == account.exchange.positions()


@pytest.mark.parametrize(
    ("order_type", "level", "waits", "due", "price"),
    [
        # buys go by the ask, sells by the bid; a limit gains from a gap, a stop suffers it
        (mt5.ORDER_TYPE_BUY_LIMIT, 1.08400, (1.08391, 1.08401), (1.08390, 1.08400), 1.08400),
        (mt5.ORDER_TYPE_BUY_LIMIT, 1.08400, (1.08391, 1.08401), (1.08340, 1.08350), 1.08350),
        (mt5.ORDER_TYPE_SELL_LIMIT, 1.08600, (1.08599, 1.08609), (1.08640, 1.08650), 1.08640),
        (mt5.ORDER_TYPE_BUY_STOP, 1.08600, (1.08589, 1.08599), (1.08640, 1.08650), 1.08650),
        (mt5.ORDER_TYPE_SELL_STOP, 1.08400, (1.08401, 1.08411), (1.08340, 1.08350), 1.08340),
    ],
)
def test_a_due_order_opens_a_position_of_its_own_ticket(
    order_type: int,
    level: float,
    waits: tuple[float, float],
    due: tuple[float, float],
    price: float,
) -> None:
    account = dollar_account()
    sl = 1.07 if order_type % 2 == 0 else 1.1
    placed = account.pending(order_type, "EURUSD", 0.1, level, sl=sl, magic=4, comment="due")
    account.quote("EURUSD", *waits)
    assert () == account.exchange.positions()
    account.quote("EURUSD", *due)

    position, order = account.position(), account.last_order()
    assert (placed.order, price, sl, 4, "due") == (
        position.ticket,
        position.price_open,
        position.sl,
        position.magic,
        position.comment,
    )
    assert (placed.order, order_type, mt5.ORDER_STATE_FILLED, 0.0, level) == (
        order.ticket,
        order.type,
        order.state,
        order.volume_current,
        order.price_open,
    )
    assert () == account.exchange.orders()


def test_a_stop_limit_becomes_a_limit_and_then_a_position() -> None:
    account = dollar_account()
    placed = account.pending(mt5.ORDER_TYPE_BUY_STOP_LIMIT, "EURUSD", 0.1, 1.08600, stoplimit=1.08550)
    account.quote("EURUSD", 1.08600, 1.08610)
    (order,) = account.exchange.orders()
    assert (placed.order, mt5.ORDER_TYPE_BUY_LIMIT, 1.08550, 0.0) == (
        order.ticket,
        order.type,
        order.price_open,
        order.price_stoplimit,
    )
    account.quote("EURUSD", 1.08540, 1.08550)
    assert (placed.order, 1.08550) == (account.position().ticket, account.position().price_open)


def test_one_tick_can_fill_an_order_and_stop_the_position_out_of_it() -> None:
    account = dollar_account()
    # A sell limit filled by a jump that also lies beyond the stop of the position it opens.
    account.pending(mt5.ORDER_TYPE_SELL_LIMIT, "EURUSD", 0.1, 1.08600, sl=1.08700)
    account.quote("EURUSD", 1.08800, 1.08810)
    assert ((), ()) == (account.exchange.positions(), account.exchange.orders())
    assert (1.08810, -1.00) == (account.last_deal().price, account.last_deal().profit)


def test_a_due_order_that_cannot_be_paid_for_is_rejected() -> None:
    account = Account(balance=1500.0)
    account.quote("EURUSD", 1.08500, 1.08510)
    placed = account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 1.0, 1.08400)
    account.buy("EURUSD", 1.0)
    account.quote("EURUSD", 1.08390, 1.08400)
    assert placed.order not in [position.ticket for position in account.exchange.positions()]
    assert (placed.order, mt5.ORDER_STATE_REJECTED) == (
        account.last_order().ticket,
        account.last_order().state,
    )


def test_nothing_is_triggered_while_the_market_is_closed() -> None:
    account = Account(enforce_sessions=True)
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.1, sl=1.08400)
    account.quote("EURUSD", 1.08300, 1.08310, after_msc=5 * DAY_MSC)
    assert 1 == len(account.exchange.positions())
    account.quote("EURUSD", 1.08300, 1.08310, after_msc=2 * DAY_MSC)
    assert () == account.exchange.positions()


def test_the_stop_out_closes_the_largest_loss_first_and_only_as_much_as_needed() -> None:
    account = Account(balance=1500.0)
    account.quote("EURUSD", 1.08500, 1.08510)
    account.quote("USDJPY", 150.000, 150.010)
    small = account.buy("EURUSD", 0.2)
    large = account.buy("EURUSD", 0.7)
    other = account.sell("USDJPY", 0.1)
    # Margin 217.02 + 759.57 + 100.00 = 1076.59, half of it is 538.30. Equity with the euro at p is
    # 1500 - (1.08510 - p) x 90 000 - 0.67: 539.03 at 1.07443, 538.13 at 1.07442.
    account.quote("EURUSD", 1.07443, 1.07453)
    assert [small.order, large.order, other.order] == _tickets(account)
    account.quote("EURUSD", 1.07442, 1.07452)
    assert [small.order, other.order] == _tickets(account)
    deal = account.last_deal()
    assert (large.order, mt5.DEAL_REASON_SO, -747.60) == (
        deal.position_id,
        deal.reason,
        deal.profit,
    )
    assert "[so 49.98%/538/1077]" == deal.comment


def test_a_hedged_account_without_margin_is_stopped_out_below_zero() -> None:
    account = Account(balance=3250.0)
    account.quote("BTCUSD", 64000.00, 64018.00)
    for order_type in (BUY, SELL):
        filled = account.deal(order_type, "BTCUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
        assert DONE == filled.retcode
    # Crypto blocks nothing for covered volume; only the spread can ruin the account.
    assert 0.0 == account.exchange.account_info().margin
    account.quote("BTCUSD", 64000.00, 96000.00)
    assert 2 == len(account.exchange.positions())
    account.quote("BTCUSD", 64000.00, 97000.00)
    assert 1 >= len(account.exchange.positions())


def _tickets(account: Account) -> list[int]:
    return [position.ticket for position in account.exchange.positions()]
