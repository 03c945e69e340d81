"""Look-ups in history."""

from hybrid_bridge.simulator.history import History
from hybrid_bridge.simulator.records import TradeDeal, TradeOrder


def test_spans_include_both_ends_and_keep_the_order() -> None:
    history = History()
    for ticket, time in enumerate((100, 200, 200, 300), start=1):
        history.deals.append(TradeDeal(ticket=ticket, time=time))
    assert [2, 3] == [deal.ticket for deal in history.deals.between(200, 200)]
    assert [2, 3, 4] == [deal.ticket for deal in history.deals.between(101, 300)]
    assert () == history.deals.between(301, 400)
    assert () == history.deals.between(300, 200)
    assert 4 == len(history.deals.all())


def test_orders_go_by_when_they_were_done() -> None:
    history = History()
    history.orders.append(TradeOrder(ticket=1, time_setup=500, time_done=600))
    assert 1 == len(history.orders.between(600, 600))
    assert () == history.orders.between(500, 500)


def test_records_are_found_by_ticket_and_position() -> None:
    history = History()
    deals = [TradeDeal(ticket=ticket, position_id=ticket % 2) for ticket in (1, 2, 3)]
    for deal in deals:
        history.deals.append(deal)
    assert deals[1] == history.deals.by_ticket(2)
    assert history.deals.by_ticket(9) is None
    assert (deals[0], deals[2]) == history.deals.of_position(1)
    # 0 is no position: balance operations have none.
    assert () == history.deals.of_position(0)
    assert () == history.deals.of_position(9)


def test_a_deal_is_found_by_its_own_ticket_and_by_its_orders() -> None:
    history = History()
    first, second = TradeDeal(ticket=21, order=7), TradeDeal(ticket=22, order=7)
    history.add_deal(first)
    history.add_deal(second)
    assert (first, second, first, None) == tuple(history.deal(ticket) for ticket in (21, 22, 7, 8))
