"""A position's record."""

from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradePosition

SHORT = Position(
    ticket=5,
    identifier=4,
    symbol="EURUSD",
    type=mt5.POSITION_TYPE_SELL,
    volume=Decimal("0.30"),
    price_open=Decimal("1.0851000000"),
    margin_per_lot=Decimal(1),
    time_msc=1_700_000_000_123,
    time_update_msc=1_700_000_001_456,
    sl=1.09,
    magic=2**63,
    comment="c",
    swap=Decimal("-1.10"),
)


def test_the_record_holds_plain_values_in_the_packages_fields() -> None:
    expected = TradePosition(
        ticket=5,
        time=1_700_000_000,
        time_msc=1_700_000_000_123,
        time_update=1_700_000_001,
        time_update_msc=1_700_000_001_456,
        type=1,
        magic=2**63,
        identifier=4,
        reason=mt5.POSITION_REASON_EXPERT,
        volume=0.3,
        price_open=1.0851,
        sl=1.09,
        price_current=1.08,
        swap=-1.1,
        profit=15.3,
        symbol="EURUSD",
        comment="c",
    )
    record = SHORT.record(1.08, Decimal("15.30"))
    assert expected == record
    assert [type(value) for value in expected] == [type(value) for value in record]


def test_a_short_position_is_closed_by_buying() -> None:
    assert (False, mt5.ORDER_TYPE_BUY) == (SHORT.is_buy, SHORT.closing_type)
