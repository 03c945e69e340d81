"""Record batches that aiokafka cannot read, read as far as can be and passed over where nothing can be.

Owns that no record which somebody was able to write keeps the bridge from the records behind it. aiokafka
0.14 raises at a header whose name is not UTF-8, and at a batch whose records do not decompress; a client
that is built anew fetches the same bytes again and raises again, for as long as the topic keeps them: no
signal and no emergency stop would come any more. A batch whose checksum is wrong is not read here: fetched
again, it may be right.

`read_leniently` puts these classes in the place of aiokafka's own; whoever builds clients calls it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import structlog
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH_AT, RECORDS_AT, MAGIC_AT = 8, 12, 16  # In a batch of any version: its length, what that covers.
MAGIC = 2  # Older ones have no headers.

log = structlog.get_logger(__name__)


def read_leniently() -> None:
    """Have every consumer of this process read with LenientRecords; a second call changes nothing."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords:
    """The batches of one answer to a fetch, as aiokafka.record.MemoryRecords gives them."""

    def __init__(self, raw: bytes) -> None:
        self._records = MemoryRecords(raw)
        self._raw = memoryview(raw)
        self._begin = 0

    def size_in_bytes(self) -> int:
        """Return the size of the answer."""
        return len(self._raw)

    def has_next(self) -> bool:
        """Return whether another whole batch is there."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """Return the next batch, None behind the last."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        length = int.from_bytes(self._raw[self._begin + LENGTH_AT : self._begin + RECORDS_AT], "big")
        end = self._begin + RECORDS_AT + length
        raw, self._begin = self._raw[self._begin : end], end
        return _LenientBatch(batch, raw) if raw[MAGIC_AT] >= MAGIC else batch


class _LenientBatch:
    """One batch, with all that aiokafka's own has."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except UnicodeDecodeError:
            yield from self._decode_leniently(read)
        except Exception as error:  # noqa: BLE001  Each library that decompresses raises what it likes.
            self._pass_over(error)

    def _decode_leniently(self, read: int) -> Iterator[Any]:
        """Yield what follows the records that were read already."""
        batch = _DefaultRecordBatchPy(self._raw)
        try:
            iter(batch)  # Decompresses.
            batch._buffer = _LenientText(batch._buffer)
            yield from islice(batch, read, None)
        except Exception as error:  # noqa: BLE001  As above.
            self._pass_over(error)

    def _pass_over(self, error: Exception) -> None:
        log.error(
            "Records on Redpanda cannot be read and are passed over",
            offset=self._batch.base_offset,
            until=self._batch.next_offset,
            cause=repr(error),
        )


class _LenientText(bytearray):
    """Bytes whose parts decode to text in any case."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _LenientText(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
