"""The drawn market: like a real one in what compression and sequence numbers depend on."""

from scripts.benchmarks.market import BEAT_MSC, Market

NOW_MSC = 1_772_355_600_000
SYMBOLS = ("EURUSD", "USDJPY")


def test_the_same_seed_draws_the_same_ticks() -> None:
    assert Market(SYMBOLS, 3).beat(50, NOW_MSC) == Market(SYMBOLS, 3).beat(50, NOW_MSC)
    assert Market(SYMBOLS, 3).beat(50, NOW_MSC) != Market(SYMBOLS, 4).beat(50, NOW_MSC)


def test_each_symbol_is_numbered_without_holes_through_all_beats() -> None:
    market = Market(SYMBOLS)
    ticks = [tick for beat in range(20) for tick in market.beat(7, NOW_MSC + beat * BEAT_MSC)]
    for symbol in SYMBOLS:
        seqs = [item.seq for item in ticks if item.tick.symbol == symbol]
        assert list(range(1, len(seqs) + 1)) == seqs
        assert len(seqs) > 40


def test_ticks_lie_in_their_beat_oldest_first_with_the_ask_above_the_bid() -> None:
    ticks = [item.tick for item in Market(SYMBOLS).beat(200, NOW_MSC)]
    times = [tick.time_msc for tick in ticks]
    assert sorted(times) == times
    assert NOW_MSC - BEAT_MSC < times[0] <= times[-1] <= NOW_MSC
    assert all(0 < tick.bid < tick.ask for tick in ticks)


def test_a_price_has_no_more_digits_than_its_symbol() -> None:
    digits = {"EURUSD": 5, "USDJPY": 3}
    for item in Market(SYMBOLS).beat(200, NOW_MSC):
        for price in (item.tick.bid, item.tick.ask):
            assert price == round(price, digits[item.tick.symbol])
