"""What a terminal shows while it is behind its trade server."""

from tests.simulator.trading import HOUR_MSC, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.view import TerminalView

FOREVER = (0, 2**40)


def test_a_frozen_view_shows_nothing_of_what_happens() -> None:
    account = dollar_account()
    kept = account.buy("EURUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
    placed = account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.1, 1.08)
    view = TerminalView(account.exchange)
    view.freeze()
    before = view.account_info()
    account.sell("EURUSD", 0.1, position=kept.order, type_filling=mt5.ORDER_FILLING_IOC)
    account.send(mt5.TRADE_ACTION_REMOVE, order=placed.order)
    new = account.buy("GBPUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
    assert [kept.order] == [position.ticket for position in view.positions()]
    assert [placed.order] == [order.ticket for order in view.orders()]
    assert [kept.order] == [order.ticket for order in view.history_orders(*FOREVER)]
    assert (None, None, None) == (
        view.history_order(placed.order),
        view.history_deal(new.deal),
        view.history_order(new.order),
    )
    assert (1, before) == (view.position_count(), view.account_info())
    view.thaw()
    assert [new.order] == [position.ticket for position in view.positions()]
    assert view.history_order(placed.order) is not None
    assert view.history_deal(new.deal) is not None
    assert 2 == len(view.history_deals_of_position(kept.order))


def test_a_lagging_history_lacks_its_newest_part() -> None:
    account = dollar_account()
    old = account.buy("EURUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
    account.wait(2 * HOUR_MSC)
    young = account.buy("EURUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
    view = TerminalView(account.exchange)
    view.cut_history(3600)
    assert [old.order] == [order.ticket for order in view.history_orders(*FOREVER)]
    assert () == view.history_deals_of_position(young.order)
    assert 2 == view.position_count()
    view.heal_history()
    assert [young.deal] == [deal.ticket for deal in view.history_deals_of_position(young.order)]
    assert 1 == len(view.history_orders_of_position(young.order))
