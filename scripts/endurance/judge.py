"""Whether the topic holds every tick that was played: once, in order, unchanged, numbered without holes.

Pure. Knows the played files and the topic's messages and nothing of the bridge.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.endurance.played import Quote

ANCHOR = 20  # Ticks that tell where in the file the bridge began.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the tick topic, in the order in which it was read."""

    symbol: str
    seq: int
    time_msc: int
    bid: float
    ask: float


@dataclass(slots=True)
class Finding:
    """What is wrong with one symbol's ticks.

    Attributes:
        compared: messages in the topic.
        missing: ticks played since the bridge began that the topic does not have.
        doubled: messages whose number was there already.
        out_of_order: messages whose number is below that of the one before.
        differing: ticks that are not the one that was played in their place.
        holes: numbers that no message has.
        examples: a few of all these, in words.
    """

    compared: int = 0
    missing: int = 0
    doubled: int = 0
    out_of_order: int = 0
    differing: int = 0
    holes: int = 0
    examples: list[str] | None = None

    @property
    def clean(self) -> bool:
        """Tell whether something was compared and nothing is wrong."""
        wrong = self.missing + self.doubled + self.out_of_order + self.differing + self.holes
        return self.compared > 0 and wrong == 0


def judge(messages: Sequence[Message], played: Mapping[str, Sequence[Quote]]) -> dict[str, Finding]:
    """Judge every symbol that was played.

    Args:
        messages: as they stand in the topic; those of a symbol in the order of its partition.
        played: what the terminal has played, by symbol.
    """
    by_symbol: dict[str, list[Message]] = {symbol: [] for symbol in played}
    for message in messages:
        by_symbol.setdefault(message.symbol, []).append(message)
    return {symbol: _judge_symbol(found, played.get(symbol, ())) for symbol, found in by_symbol.items()}


def _judge_symbol(messages: Sequence[Message], played: Sequence[Quote]) -> Finding:
    finding = Finding(len(messages), examples=[])
    by_seq = _in_sequence(messages, finding)
    if not by_seq:
        finding.missing = len(played)
        return finding
    first, last = min(by_seq), max(by_seq)
    finding.holes = last - first + 1 - len(by_seq)
    begin = _find_beginning([by_seq[seq] for seq in sorted(by_seq)[:ANCHOR]], played)
    if begin is None:
        finding.differing = len(by_seq)
        _tell(finding, f"its first ticks, from {by_seq[first]}, were not played")
        return finding
    _compare(by_seq, played, first - begin, finding)
    return finding


def _in_sequence(messages: Sequence[Message], finding: Finding) -> dict[int, Message]:
    """Return the messages by number, and count what comes twice or too early."""
    by_seq: dict[int, Message] = {}
    before = 0
    for message in messages:
        if message.seq in by_seq:
            finding.doubled += 1
            _tell(finding, f"{message.seq} comes twice")
        elif message.seq < before:
            finding.out_of_order += 1
            _tell(finding, f"{message.seq} comes after {before}")
        by_seq.setdefault(message.seq, message)
        before = max(before, message.seq)
    return by_seq


def _find_beginning(first: Sequence[Message], played: Sequence[Quote]) -> int | None:
    """Return the place in the file where the topic begins."""
    wanted = [(message.bid, message.ask) for message in first]
    for place in range(len(played) - len(wanted) + 1):
        if [(quote.bid, quote.ask) for quote in played[place : place + len(wanted)]] == wanted:
            return place
    return None


def _compare(by_seq: Mapping[int, Message], played: Sequence[Quote], offset: int, finding: Finding) -> None:
    """Compare tick by tick; `offset` is a number minus the place of its tick in the file."""
    seqs = sorted(by_seq)
    shift_msc = by_seq[seqs[0]].time_msc - played[seqs[0] - offset].time_msc
    for place in range(seqs[0] - offset, len(played)):
        quote, message = played[place], by_seq.get(place + offset)
        if message is None:
            finding.missing += 1
            _tell(finding, f"{place + offset} is missing: {quote}")
        elif (message.time_msc - shift_msc, message.bid, message.ask) != quote:
            finding.differing += 1
            _tell(finding, f"{message} is not {quote}")
    surplus = len(seqs) - bisect_left(seqs, len(played) + offset)
    if surplus:
        finding.differing += surplus
        _tell(finding, f"{surplus} more than were played")


def _tell(finding: Finding, words: str) -> None:
    if finding.examples is not None and len(finding.examples) < SHOWN:
        finding.examples.append(words)
