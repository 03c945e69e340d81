import pytest

from hybrid_bridge.terminal.commission import CommissionBook
from hybrid_bridge.terminal.package import PackageError

IN, OUT = 0, 1


def remarks_into(remarks):
    return lambda level, event, **fields: remarks.append((level, event))


def deal(ticket, entry, volume, commission, **fields):
    return {"ticket": ticket, "entry": entry, "volume": volume, "commission": commission} | fields


def learned(package, script, deals):
    script.say(deals=deals)
    book = CommissionBook()
    book.refresh(package, remarks_into([]))
    return book


def test_without_deals_nothing_is_known(package, script):
    assert learned(package, script, []).per_lot("EURUSD") == 0.0


def test_both_sides_are_added_up_by_volume(package, script):
    deals = [deal(1, IN, 1.0, -3.0), deal(2, IN, 0.5, -1.8), deal(3, OUT, 2.0, -5.0, fee=-1.0)]
    assert learned(package, script, deals).per_lot("EURUSD") == pytest.approx(3.2 + 3.0)


def test_one_known_side_counts_twice(package, script):
    assert learned(package, script, [deal(1, IN, 0.5, -1.5)]).per_lot("EURUSD") == pytest.approx(6.0)


def test_a_broker_that_charges_only_the_opening_is_understood(package, script):
    deals = [deal(1, IN, 1.0, -7.0), deal(2, OUT, 1.0, 0.0)]
    assert learned(package, script, deals).per_lot("EURUSD") == pytest.approx(7.0)


def test_symbols_are_kept_apart_and_bookings_are_no_deals(package, script):
    deals = [
        deal(1, IN, 1.0, -3.0, symbol="GBPUSD"),
        deal(2, IN, 0.0, 0.0, type=2, symbol=""),
        deal(3, OUT, 1.0, -2.0, type=1, symbol="GBPUSD"),
    ]
    book = learned(package, script, deals)
    assert (book.per_lot("GBPUSD"), book.per_lot("EURUSD")) == (5.0, 0.0)


def test_a_position_reopened_for_its_swap_tells_nothing_of_commission(package, script):
    deals = [deal(1, IN, 1.0, -3.0), deal(2, OUT, 1.0, 0.0, reason=7), deal(3, IN, 1.0, 0.0, reason=7)]
    assert learned(package, script, deals).per_lot("EURUSD") == 6.0


def test_a_rebate_never_makes_the_risk_smaller(package, script):
    assert learned(package, script, [deal(1, IN, 1.0, 2.0)]).per_lot("EURUSD") == 0.0


def test_it_asks_at_most_once_a_minute_and_counts_each_deal_once(package, script, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("hybrid_bridge.terminal.commission.time.monotonic", lambda: now[0])
    book = learned(package, script, [deal(1, IN, 1.0, -2.0), deal(2, OUT, 1.0, -2.0)])
    script.say(deals=[deal(1, IN, 1.0, -2.0), deal(2, OUT, 1.0, -2.0), deal(3, IN, 1.0, -6.0)])
    now[0] += 59
    book.refresh(package, remarks_into([]))
    assert book.per_lot("EURUSD") == 4.0
    now[0] += 2
    book.refresh(package, remarks_into([]))
    assert book.per_lot("EURUSD") == 6.0


def test_a_history_that_does_not_answer_is_said_and_does_no_harm(package, script):
    script.say(errors={"history_deals_get": [-1, "Terminal: Call failed"]})
    remarks = []
    CommissionBook().refresh(package, remarks_into(remarks))
    assert [level for level, _ in remarks] == ["warning"]


def test_a_lost_connection_is_passed_on(package, script):
    script.say(errors={"history_deals_get": [-10001, "IPC send failed"]})
    with pytest.raises(PackageError):
        CommissionBook().refresh(package, remarks_into([]))
