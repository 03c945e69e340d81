"""Made ticks: repeatable, plausible, on the grid."""

from collections import Counter
from itertools import pairwise

import pytest

from hybrid_bridge.simulator.catalogue import CATALOGUE, catalogue_symbol
from hybrid_bridge.simulator.replay import SourceTick
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.synthetic import Synthetic, SyntheticSymbol

START = 1_800_000_000_123
MINUTE = 60_000


def symbol(spec: SymbolSpec, seed: int = 1, rate: float = 4.0) -> SyntheticSymbol:
    return SyntheticSymbol(
        spec, seed=seed, start_utc_msc=START, ticks_per_second=rate, closed_for_s=lambda _: 0
    )


def ticks_of(name: str, msc: int, **options: float) -> list[SourceTick]:
    return Synthetic([symbol(catalogue_symbol(name), **options)]).take_until(START + msc)  # type: ignore[arg-type]


def test_one_seed_gives_one_market_however_it_is_asked_for() -> None:
    def source() -> Synthetic:
        return Synthetic([symbol(spec) for spec in CATALOGUE[:5]])

    at_once = source().take_until(START + MINUTE)
    bit_by_bit = source()
    gathered = [tick for end in range(0, MINUTE + 1, 7) for tick in bit_by_bit.take_until(START + end)]
    gathered += bit_by_bit.take_until(START + MINUTE)
    assert at_once == gathered
    assert at_once != Synthetic([symbol(s, seed=2) for s in CATALOGUE[:5]]).take_until(START + MINUTE)


def test_a_symbol_is_the_same_whatever_others_there_are() -> None:
    alone = ticks_of("EURUSD", MINUTE)
    among = Synthetic([symbol(spec) for spec in CATALOGUE]).take_until(START + MINUTE)
    assert alone == [tick for tick in among if tick.symbol == "EURUSD"]


def test_ticks_come_oldest_first_and_none_before_the_start() -> None:
    ticks = Synthetic([symbol(spec) for spec in CATALOGUE]).take_until(START + MINUTE)
    times = [tick.utc_msc for tick in ticks]
    assert sorted(times) == times
    assert times[0] >= START
    assert times[-1] <= START + MINUTE


@pytest.mark.parametrize("rate", [0.5, 4.0, 200.0])
def test_the_rate_is_kept_on_average(rate: float) -> None:
    count = len(ticks_of("EURUSD", int(4000 / rate * 1000), rate=rate))
    assert 4000 == pytest.approx(count, rel=0.1)


def test_the_market_comes_in_bursts_with_several_ticks_in_a_millisecond() -> None:
    ticks = ticks_of("EURUSD", 30 * MINUTE)
    gaps = Counter(
        "same" if gap == 0 else "burst" if gap <= 15 else "pause"
        for gap in (late.utc_msc - early.utc_msc for early, late in pairwise(ticks))
    )
    assert all(gaps[kind] > len(ticks) * 0.1 for kind in ("same", "burst", "pause"))


def test_spreads_are_near_the_usual_one_and_widen_now_and_then() -> None:
    spreads = [round((tick.ask - tick.bid) * 1e5) for tick in ticks_of("EURUSD", 60 * MINUTE)]
    usual = sum(6 <= spread <= 10 for spread in spreads) / len(spreads)
    assert usual > 0.9
    assert max(spreads) > 20
    assert min(spreads) >= 1


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: str(spec.name))
def test_every_quote_is_on_the_grid_and_moves(spec: SymbolSpec) -> None:
    ticks = Synthetic([symbol(spec)]).take_until(START + 5 * MINUTE)
    for tick in ticks:
        assert tick.bid < tick.ask
        assert spec.price_is_aligned(tick.bid)
        assert spec.price_is_aligned(tick.ask)
        assert tick.bid == round(tick.bid, spec.digits)
    for early, late in pairwise(ticks):
        assert (early.bid, early.ask) != (late.bid, late.ask)


def test_a_price_stays_plausible_for_days() -> None:
    bids = [tick.bid for tick in ticks_of("EURUSD", 2 * 24 * 60 * MINUTE, rate=1.0)]
    assert 1.00 < min(bids) < max(bids) < 1.17
    assert max(bids) - min(bids) > 0.001


def test_no_tick_comes_while_the_market_is_closed() -> None:
    opens_s = START // 1000 + 3600
    closed = SyntheticSymbol(
        catalogue_symbol("EURUSD"),
        seed=1,
        start_utc_msc=START,
        ticks_per_second=4.0,
        closed_for_s=lambda utc_s: max(opens_s - utc_s, 0),
    )
    source = Synthetic([closed])
    assert [] == source.take_until(START + 59 * MINUTE)
    assert len(source.take_until(START + 62 * MINUTE)) > 100
