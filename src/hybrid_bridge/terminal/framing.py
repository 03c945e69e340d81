"""Length-prefixed MessagePack frames: what daemon and worker say to each other over the worker's pipes.

A frame is `u32 length, little-endian | MessagePack`. Requests are `[id, op, args]`. The worker sends
`["reply", id, ok, result or Failure, link_lost, stranger]` and `["log", level, event, fields]`; stranger says
who is logged in instead of the account that was connected to, and is empty when nobody is.
Shared by both ends, so it stays light: no asyncio, no pydantic, no structlog.
"""

import struct
from typing import BinaryIO, Literal

import msgspec

LENGTH = struct.Struct("<I")
# The largest legal reply is a page of ticks of every symbol, a few MB; more is a torn or foreign stream.
FRAME_BYTES_MAX = 64 * 1024 * 1024

REPLY: Literal["reply"] = "reply"
LOG: Literal["log"] = "log"


class FrameError(ValueError):
    """The bytes are no frame: the stream is torn or something else wrote into it."""


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """Why an operation gave no result.

    Attributes:
        call: the package's function, or what else was being done.
        code: the package's last_error code, negative; 0 for an exception in the worker.
        text: the package's last_error text, or the exception's.
    """

    call: str
    code: int
    text: str


_encoder = msgspec.msgpack.Encoder()


def pack(message: object) -> bytes:
    """Return the frame of a message."""
    payload = _encoder.encode(message)
    return LENGTH.pack(len(payload)) + payload


def payload_length(prefix: bytes) -> int:
    """Return the number of bytes that follow a frame's four-byte prefix.

    Raises:
        FrameError: when no frame can be that long.
    """
    length: int = LENGTH.unpack(prefix)[0]
    if not 0 < length <= FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes; expected 1 to {FRAME_BYTES_MAX}")
    return length


def read_payload(stream: BinaryIO) -> bytes | None:
    """Read one frame from a blocking stream.

    Returns:
        Its payload, or None when the stream has ended.
    Raises:
        FrameError: when the stream ends inside a frame.
    """
    prefix = stream.read(LENGTH.size)
    if not prefix:
        return None
    if len(prefix) < LENGTH.size:
        raise FrameError("the stream ended inside a frame's length")
    length = payload_length(prefix)
    payload = stream.read(length)
    if len(payload) < length:
        raise FrameError(f"the stream ended after {len(payload)} of a frame's {length} bytes")
    return payload
