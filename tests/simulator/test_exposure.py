"""The running sums of a symbol's positions."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.exposure import Exposure, units_per_lot
from hybrid_bridge.simulator.positions import Position

EURUSD = catalogue_symbol("EURUSD")
lots = st.decimals("0.01", "50", places=2)
prices = st.decimals("0.5", "2", places=5)


def position(side: int, volume: Decimal, price: Decimal, margin: str = "1085.1") -> Position:
    return Position(
        ticket=1,
        identifier=1,
        symbol="EURUSD",
        type=side,
        volume=volume,
        price_open=price,
        margin_per_lot=Decimal(margin),
        time_msc=0,
        time_update_msc=0,
        swap=Decimal("-0.01"),
    )


@given(st.lists(st.tuples(st.integers(0, 1), lots, prices), max_size=30), st.randoms())
def test_what_goes_in_and_comes_out_leaves_nothing(
    drawn: list[tuple[int, Decimal, Decimal]], random: object
) -> None:
    exposure = Exposure(EURUSD)
    positions = [position(*values) for values in drawn]
    for item in positions:
        exposure.add(item)
    random.shuffle(positions)  # type: ignore[attr-defined]
    for item in positions:
        exposure.remove(item)
    assert (0, 0, 0) == (exposure.margin(), exposure.swap, exposure.long.cost + exposure.short.cost)
    assert 0.0 == exposure.floating_estimate(1.1, 1.2)


@given(st.lists(st.tuples(st.integers(0, 1), lots, prices), min_size=1, max_size=30))
def test_margin_lies_between_the_larger_leg_and_both(
    drawn: list[tuple[int, Decimal, Decimal]],
) -> None:
    exposure = Exposure(EURUSD)
    for values in drawn:
        exposure.add(position(*values))
    larger = max(exposure.long.margin, exposure.short.margin)
    tiny = Decimal("1e-15")
    assert larger - tiny <= exposure.margin() <= exposure.long.margin + exposure.short.margin + tiny


def test_covered_volume_is_charged_the_hedged_share() -> None:
    exposure = Exposure(EURUSD)
    exposure.add(position(0, Decimal(3), Decimal("1.1"), margin="1100"))
    exposure.add(position(1, Decimal(1), Decimal("1.1"), margin="900"))
    # 2 lots uncovered at 1100; 1 covered at the mean of all: (3300 + 900) / 4 = 1050
    assert Decimal(3250) == exposure.margin()
    more = exposure.margin_with(False, Decimal(2), Decimal(1800))
    # 3 covered: (3300 + 2700) / 6 x 3
    assert Decimal(3000) == more


def test_a_lot_is_worth_its_contract_or_its_ticks() -> None:
    assert 100_000.0 == units_per_lot(EURUSD)
    assert 10.0 == units_per_lot(catalogue_symbol("US500"))
