"""A commit never passes a message that is not settled."""

from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.streams.offsets import OffsetLedger


def ledger_of(*offsets: int) -> OffsetLedger:
    """Return a ledger in which these offsets of partition 0 were read."""
    ledger = OffsetLedger()
    for offset in offsets:
        ledger.read(0, offset)
    return ledger


def test_nothing_is_committable_before_the_first_message_is_settled() -> None:
    ledger = ledger_of(5, 6, 7)
    ledger.settle(0, 6)
    ledger.settle(0, 7)

    assert {} == ledger.committable()
    assert ledger.unsettled == 1


def test_the_offset_after_the_last_settled_in_a_row_is_committable() -> None:
    ledger = ledger_of(5, 6, 7, 8)
    for offset in (6, 5, 8):
        ledger.settle(0, offset)

    assert {0: 7} == ledger.committable()


def test_gaps_that_compaction_leaves_do_not_stop_a_commit() -> None:
    ledger = ledger_of(5, 90)
    ledger.settle(0, 5)
    ledger.settle(0, 90)

    assert {0: 91} == ledger.committable()


def test_what_is_committed_is_not_committable_again() -> None:
    ledger = ledger_of(5)
    ledger.settle(0, 5)
    ledger.note_committed({0: 6})

    assert {} == ledger.committable()


def test_partitions_do_not_wait_for_each_other() -> None:
    ledger = ledger_of(5)
    ledger.read(1, 9)
    ledger.settle(1, 9)

    assert {1: 10} == ledger.committable()


def test_settling_twice_or_something_revoked_changes_nothing() -> None:
    ledger = ledger_of(5, 6)
    ledger.settle(0, 5)
    ledger.settle(0, 5)
    assert ledger.unsettled == 1

    ledger.revoke({0})
    ledger.settle(0, 6)

    assert {} == ledger.committable()
    assert ledger.unsettled == 0


def test_a_chosen_start_may_be_committed_even_below_an_earlier_commit() -> None:
    ledger = ledger_of(500)
    ledger.settle(0, 500)
    ledger.note_committed({0: 501})
    ledger.start(0, 3)

    assert {0: 3} == ledger.committable()


@given(st.permutations(range(12)), st.integers(0, 12))
def test_whatever_the_order_of_settling_a_commit_passes_settled_messages_only(
    order: list[int], count: int
) -> None:
    ledger = ledger_of(*range(12))
    settled = set(order[:count])
    for offset in order[:count]:
        ledger.settle(0, offset)

    row = next((offset for offset in range(12) if offset not in settled), 12)
    assert ({0: row} if row else {}) == ledger.committable()
    assert 12 - count == ledger.unsettled
