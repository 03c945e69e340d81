import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.terminal.framing import (
    FRAME_BYTES_MAX,
    LENGTH,
    FrameError,
    pack,
    payload_length,
    read_payload,
)


@given(st.lists(st.one_of(st.integers(-(2**63), 2**64 - 1), st.text(), st.binary(), st.booleans())))
def test_what_is_packed_is_read_back_frame_by_frame(parts):
    import msgspec

    stream = io.BytesIO(pack(parts) + pack(["next"]))
    assert msgspec.msgpack.decode(read_payload(stream)) == parts
    assert msgspec.msgpack.decode(read_payload(stream)) == ["next"]
    assert read_payload(stream) is None


@pytest.mark.parametrize("cut", [1, 3, 4, 6])
def test_a_stream_that_ends_inside_a_frame_is_torn(cut):
    with pytest.raises(FrameError, match="ended"):
        read_payload(io.BytesIO(pack(["reply", 1])[:cut]))


@pytest.mark.parametrize("length", [0, FRAME_BYTES_MAX + 1, 0x6C6C6548])
def test_a_length_no_frame_has_is_refused(length):
    with pytest.raises(FrameError, match=f"a frame of {length} bytes"):
        payload_length(LENGTH.pack(length))
