"""The fast tick encoder gives the contract's bytes, and the sequence number can be read back."""

from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.messages.outbound import encode_tick
from hybrid_bridge.streams.codecs import TickEncoder, decode_sequence

PRICES = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
TICKS = st.builds(
    Tick,
    symbol=st.text(min_size=1, max_size=29),
    bid=PRICES,
    ask=PRICES,
    last=PRICES,
    volume=st.integers(0, 2**63 - 1),
    time_msc=st.integers(0, 4_102_444_800_000),
)
SEQS = st.integers(1, 2**53)


@given(st.lists(st.tuples(TICKS, SEQS), min_size=1, max_size=5))
def test_the_bytes_equal_those_of_the_contracts_own_encoder(items: list[tuple[Tick, int]]) -> None:
    encoder = TickEncoder()

    assert [encode_tick(tick, seq) for tick, seq in items] == [
        encoder.encode(SequencedTick(tick, seq)) for tick, seq in items
    ]


def test_ticks_of_one_second_and_of_the_next_have_their_own_times() -> None:
    encoder = TickEncoder()
    ticks = [Tick("EURUSD", 1.0, 1.1, 0.0, 0, msc) for msc in (999, 1_000, 1_999, 999, 61_000)]

    assert [encode_tick(tick, 1) for tick in ticks] == [encoder.encode(SequencedTick(t, 1)) for t in ticks]


@given(TICKS, SEQS)
def test_symbol_and_sequence_number_are_read_back(tick: Tick, seq: int) -> None:
    assert (tick.symbol, seq) == decode_sequence(encode_tick(tick, seq))


def test_anything_else_in_the_topic_has_no_sequence_number() -> None:
    strange = [
        None,
        b"",
        b"{}",
        b"[1]",
        b'{"data":{"symbol":"EURUSD"}}',
        b'{"data":{"symbol":1,"seq":2}}',
        b'{"data":{"symbol":"EURUSD","seq":0}}',
        b'{"data":{"symbol":"EURUSD","seq":-5}}',
        b'{"data":{"symbol":"EURUSD","seq":9007199254740993}}',
        b'{"data":{"symbol":"EURUSD","seq":9223372036854775808}}',
        b"\xff",
    ]

    assert [None] * len(strange) == [decode_sequence(value) for value in strange]
