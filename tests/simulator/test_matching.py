"""Netting: averaging, reducing, reversing; and the commission of deals."""

from tests.simulator.trading import DAY_MSC, DONE, Account

from hybrid_bridge.simulator import constants as mt5


def netting_account(**config: float) -> Account:
    account = Account(account_mode="netting", balance=100_000.0, **config)
    account.quote("EURUSD", 1.08500, 1.08510)
    return account


def test_an_order_the_same_way_averages_the_price_and_brings_its_levels() -> None:
    account = netting_account()
    first = account.buy("EURUSD", 0.3, sl=1.08, tp=1.09)
    account.quote("EURUSD", 1.08610, 1.08620)
    second = account.buy("EURUSD", 0.1, tp=1.10)

    position = account.position()
    # (0.3 x 1.08510 + 0.1 x 1.08620) / 0.4 = 1.085375
    assert (first.order, 0.4, 1.085375) == (position.ticket, position.volume, position.price_open)
    assert (0.0, 1.10) == (position.sl, position.tp)
    assert (second.order, first.order) == (account.last_deal().order, account.last_deal().position_id)
    assert mt5.DEAL_ENTRY_IN == account.last_deal().entry
    # (1.08610 - 1.085375) x 40 000
    assert 29.00 == position.profit


def test_a_smaller_order_the_other_way_reduces_and_leaves_the_levels() -> None:
    account = netting_account()
    opened = account.buy("EURUSD", 0.3, sl=1.08)
    account.quote("EURUSD", 1.08610, 1.08620)
    account.sell("EURUSD", 0.1)

    position = account.position()
    assert (opened.order, 0.2, 1.08) == (position.ticket, position.volume, position.sl)
    assert (mt5.DEAL_ENTRY_OUT, 10.00) == (account.last_deal().entry, account.last_deal().profit)


def test_an_equal_order_the_other_way_closes() -> None:
    account = netting_account()
    account.buy("EURUSD", 0.3)
    account.sell("EURUSD", 0.3)
    assert () == account.exchange.positions()
    assert 100_000 - 3.00 == account.balance()


def test_a_larger_order_the_other_way_turns_the_position_round_in_one_deal() -> None:
    account = netting_account(commission_per_lot=3.0)
    opened = account.buy("EURUSD", 0.3)
    account.quote("EURUSD", 1.08610, 1.08620)
    turned = account.sell("EURUSD", 0.5, sl=1.09, magic=5, comment="turn")

    position, deal = account.position(), account.last_deal()
    assert (mt5.DEAL_ENTRY_INOUT, 0.5, 1.08610, 30.00, -1.50) == (
        deal.entry,
        deal.volume,
        deal.price,
        deal.profit,
        deal.commission,
    )
    assert (turned.order, opened.order) == (position.ticket, position.identifier)
    assert opened.order == deal.position_id
    assert (mt5.POSITION_TYPE_SELL, 0.2, 1.08610, 1.09, 5, "turn") == (
        position.type,
        position.volume,
        position.price_open,
        position.sl,
        position.magic,
        position.comment,
    )
    assert 100_000 - 0.90 - 1.50 + 30.00 == account.balance()
    assert 2 == len(account.exchange.history_deals_of_position(opened.order))


def test_a_reversal_pays_the_swap_and_begins_without_any() -> None:
    account = netting_account()
    account.buy("EURUSD", 1.0)
    account.wait(DAY_MSC)
    account.sell("EURUSD", 1.5)
    assert (-6.90, 0.0) == (account.last_deal().swap, account.position().swap)


def test_a_close_by_ticket_reduces_but_never_reverses() -> None:
    account = netting_account()
    opened = account.buy("EURUSD", 0.3)
    over = account.sell("EURUSD", 0.4, position=opened.order)
    assert mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME == over.retcode
    assert DONE == account.sell("EURUSD", 0.3, position=opened.order).retcode


def test_a_reversal_needs_money_for_the_rest_only() -> None:
    account = Account(account_mode="netting", balance=1200.0)
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 1.0)
    assert DONE == account.sell("EURUSD", 2.0).retcode
    assert mt5.TRADE_RETCODE_NO_MONEY == account.sell("EURUSD", 1.0).retcode
    assert mt5.TRADE_RETCODE_NO_MONEY == account.buy("EURUSD", 3.0).retcode


def test_a_pending_order_nets_like_any_other() -> None:
    account = netting_account()
    account.buy("EURUSD", 0.3)
    account.pending(mt5.ORDER_TYPE_SELL_LIMIT, "EURUSD", 0.5, 1.08700)
    account.quote("EURUSD", 1.08700, 1.08710)
    assert (mt5.POSITION_TYPE_SELL, 0.2) == (account.position().type, account.position().volume)
    assert 57.00 == account.last_deal().profit


def test_averages_leave_no_residue_in_margin_or_books() -> None:
    account = netting_account()
    for step in range(7):
        account.quote("EURUSD", 1.08500 + step / 1e5, 1.08513 + step / 1e5)
        account.buy("EURUSD", 0.07)
    account.sell("EURUSD", 0.49)
    info = account.exchange.account_info()
    assert (0.0, 0.0, info.balance) == (info.margin, info.profit, info.equity)
