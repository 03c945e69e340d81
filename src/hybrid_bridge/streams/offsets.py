"""Which offset of each partition may be committed: everything before it is settled.

Owns the rule that a commit never passes a message that is not settled. Pure: no I/O, no clock. Used by
the signal consumer.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Partition:
    """One partition's messages that were read; `settled` by offset, in the order of reading."""

    settled: dict[int, bool] = field(default_factory=dict)
    next_offset: int = -1
    committed: int = -1


class OffsetLedger:
    """Keeps account of messages read and settled."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._unsettled = 0

    @property
    def unsettled(self) -> int:
        """Messages read and not yet settled."""
        return self._unsettled

    def start(self, partition: int, offset: int) -> None:
        """Note where reading starts by choice, to be committed at once; what was read before is void."""
        self.revoke({partition})
        self._partitions[partition] = _Partition(next_offset=offset)

    def read(self, partition: int, offset: int) -> None:
        """Note a message that was read and handed on."""
        entry = self._partitions.setdefault(partition, _Partition())
        if offset not in entry.settled:
            entry.settled[offset] = False
            self._unsettled += 1

    def settle(self, partition: int, offset: int) -> None:
        """Note that a message needs no second delivery; one that was revoked meanwhile is ignored."""
        entry = self._partitions.get(partition)
        if entry is None or entry.settled.get(offset, True):
            return
        entry.settled[offset] = True
        self._unsettled -= 1
        while entry.settled:
            first = next(iter(entry.settled))
            if not entry.settled[first]:
                break
            del entry.settled[first]
            entry.next_offset = first + 1

    def committable(self) -> dict[int, int]:
        """Return the offset to commit by partition, where it is new."""
        return {
            partition: entry.next_offset
            for partition, entry in self._partitions.items()
            if entry.next_offset > entry.committed
        }

    def note_committed(self, offsets: dict[int, int]) -> None:
        """Note what the broker has stored."""
        for partition, offset in offsets.items():
            entry = self._partitions.get(partition)
            if entry is not None:
                entry.committed = max(entry.committed, offset)

    def revoke(self, partitions: set[int]) -> None:
        """Forget partitions that another consumer may read from now on."""
        for partition in partitions:
            entry = self._partitions.pop(partition, None)
            if entry is not None:
                self._unsettled -= sum(not settled for settled in entry.settled.values())
