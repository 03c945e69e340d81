"""The judge of a siege: looks at what is left and says of each signal whether it had exactly one effect.

Pure. Judges by the ledger, the topics and the backend's notes; the journal serves only to name which magic
belongs to which signal. Four things may be wrong with a signal: it was lost (accepted, and no final word or
no deal that a word promises), doubled (more than one order, or more lots than asked), contradicted (word and
ledger differ), or forbidden (a deal where none may be).
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scripts.siege.ears import final_status, short_id
from scripts.siege.evidence import Evidence
from scripts.siege.traffic import BRIDGE_MAGIC, REDPANDA
from scripts.siege.wanted import Wanted

ACTED = {"filled", "partial"}
TOLERANCE_LOTS = 1e-9
UNNAMED = "unnamed "
UNNAMED_BY_BRIDGE = "ws-"  # How the bridge calls a signal without an id from the WebSocket.
DAY_MSC = 86_400_000
MINUTE_S = 60.0
RSS_GROWTH_MAX = 64 * 1024 * 1024
SETTLED_AGE_S = 4.0
LOST, DOUBLED, CONTRADICTED, FORBIDDEN = "lost", "doubled", "contradicted", "forbidden"


@dataclass(slots=True)
class Case:
    """One signal or command: what was sent, what was said of it, what the ledger has."""

    id: str
    kind: str
    flavour: str
    volumes: list[float]
    ways: set[str]
    may_act: bool
    deals: list[dict[str, Any]] = field(default_factory=list)
    words: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def unnamed(self) -> bool:
        """Tell whether nobody can be told of it by name."""
        return self.id.startswith((UNNAMED, UNNAMED_BY_BRIDGE))

    @property
    def outcome(self) -> str:
        """Return the final status, or why there is none."""
        word = self.words.get("redpanda") or self.words.get("websocket")
        return str(word["status"]) if word else "unanswered"

    @property
    def reason(self) -> str:
        """Return status and reason, for counting."""
        word = self.words.get("redpanda") or self.words.get("websocket") or {}
        return f"{self.outcome} {word.get('reason', '')}".strip()


@dataclass(slots=True)
class Verdict:
    """What the judge found.

    Attributes:
        cases: every signal and command by id.
        breaches: what is wrong beyond single signals, one sentence each.
    """

    cases: dict[str, Case]
    breaches: list[str] = field(default_factory=list)
    ticks: int = 0
    tick_holes: int = 0
    tick_repeats: int = 0
    longest_recovery_s: float = 0.0
    closed_by_stops: int = 0

    def count(self, fault: str) -> int:
        """Count the signals and commands with this fault."""
        return sum(any(kind == fault for kind, _ in case.faults) for case in self.cases.values())

    @property
    def failed(self) -> list[Case]:
        """Return the signals and commands with any fault."""
        return [case for case in self.cases.values() if case.faults]

    @property
    def passed(self) -> bool:
        """Tell whether nothing at all is wrong."""
        return not self.failed and not self.breaches


def judge(evidence: Evidence) -> Verdict:
    """Judge everything."""
    cases = gather_cases(evidence)
    verdict = Verdict(cases)
    _assign_deals(evidence, verdict)
    for case in cases.values():
        _judge_case(case)
    _judge_stops(evidence, verdict)
    _judge_limits(evidence, verdict)
    _judge_letters(evidence, verdict)
    _judge_ticks(evidence, verdict)
    _judge_end(evidence, verdict)
    verdict.longest_recovery_s = _longest_recovery_s(evidence)
    return verdict


def gather_cases(evidence: Evidence) -> dict[str, Case]:
    """Put together what was accepted, under its id.

    What was given to the backend is sent until answered, so it counts; what was written to Redpanda counts
    if it stands in the topic. Signals without an id bear their place in the topic.
    """
    cases: dict[str, Case] = {}
    in_topic = _ids_in_topic(evidence)
    for wanted in evidence.wanted:
        if wanted.kind == "nonsense" or not wanted.id:
            continue
        if wanted.way != REDPANDA or wanted.id in in_topic:
            _add(cases, wanted.id, wanted)
    anonymous = {
        wanted.comment: wanted for wanted in evidence.wanted if not wanted.id and wanted.kind == "entry"
    }
    for signal_id, comment in _anonymous_in_topic(evidence):
        if comment in anonymous:
            _add(cases, signal_id, anonymous[comment])
    for wanted in anonymous.values():
        if wanted.way != REDPANDA:
            # Nobody can be told of it by name: it may be acted on or not, but once at most.
            _add(cases, f"{UNNAMED}{wanted.comment}", wanted)
    _take_words(evidence, cases)
    return cases


def _add(cases: dict[str, Case], signal_id: str, wanted: Wanted) -> None:
    case = cases.setdefault(
        signal_id, Case(signal_id, wanted.kind, wanted.flavour, [], set(), wanted.may_act)
    )
    case.volumes.append(wanted.volume)
    case.ways.add(wanted.way)


def _bodies(evidence: Evidence) -> Iterable[tuple[str, dict[str, Any]]]:
    for record in evidence.signals:
        try:
            body = json.loads(record.value)
        except (ValueError, RecursionError):
            continue
        if isinstance(body, dict) and isinstance(body.get("data"), dict):
            yield f"{evidence.signal_topic}/{record.partition}/{record.offset}", body["data"]


def _ids_in_topic(evidence: Evidence) -> set[str]:
    return {str(data["id"]) for _, data in _bodies(evidence) if "id" in data}


def _anonymous_in_topic(evidence: Evidence) -> list[tuple[str, str]]:
    return [
        (place, str(data["comment"]))
        for place, data in _bodies(evidence)
        if "id" not in data and "comment" in data
    ]


def _take_words(evidence: Evidence, cases: dict[str, Case]) -> None:
    """Keep the last final word on each signal from both channels."""
    said = {
        "redpanda": evidence.events,
        "websocket": [note["message"] for note in evidence.heard],
    }
    for channel, messages in said.items():
        for message in messages:
            if message["type"] != "trade_result" or not final_status(message["data"]):
                continue
            case = cases.get(short_id(message["data"]["signal_id"]))
            if case is not None:
                case.words[channel] = message["data"]


def _assign_deals(evidence: Evidence, verdict: Verdict) -> None:
    """Give each deal of the bridge to its signal: by magic, or by the comment it was sent with."""
    cases = verdict.cases
    of_number = {number: short_id(signal_id) for signal_id, number in evidence.numbers.items()}
    of_comment: dict[str, set[str]] = defaultdict(set)
    anonymous = dict(_anonymous_in_topic(evidence))
    for signal_id, case in cases.items():
        comment = anonymous.get(signal_id, signal_id.removeprefix(UNNAMED))
        if case.kind == "entry":
            of_comment[comment].add(signal_id)
    for deal in evidence.deals:
        if deal["magic"] >> 32 != BRIDGE_MAGIC:
            continue
        known = of_number.get(deal["magic"] & 0xFFFFFFFF)
        commented = (
            of_comment.get(str(deal["comment"]).partition(" #")[0], set()) if not deal["entry"] else set()
        )
        if known is not None and known.startswith(UNNAMED_BY_BRIDGE) and not commented:
            # Its comment was rewritten, so which of the signals without an id it was cannot be told.
            cases.setdefault(
                known, Case(known, "entry", "without id", [math.inf], {"websocket"}, may_act=True)
            )
        owner = known if known in cases else next(iter(commented)) if len(commented) == 1 else None
        if owner is not None:
            cases[owner].deals.append(deal)
        elif deal["entry"]:
            verdict.closed_by_stops += 1
        else:
            verdict.breaches.append(f"an entry that nobody asked for: {json.dumps(deal)}")


def _judge_case(case: Case) -> None:
    orders = {deal["order"] for deal in case.deals}
    volume = sum(deal["volume"] for deal in case.deals)
    most = max(case.volumes)
    if case.kind == "entry" and len(orders) > 1:
        case.faults.append((DOUBLED, f"{len(orders)} orders: {sorted(orders)}"))
    elif most and volume > most + TOLERANCE_LOTS:
        case.faults.append((DOUBLED, f"{volume:g} lots dealt, {most:g} asked"))
    if orders and not case.may_act:
        case.faults.append((FORBIDDEN, f"orders {sorted(orders)} for a signal that may not act"))
    if case.unnamed:
        return
    for channel in ("redpanda", "websocket"):
        _judge_word(case, channel, volume)
    both = [case.words[channel]["status"] for channel in sorted(case.words)]
    if len(set(both)) > 1:
        case.faults.append((CONTRADICTED, f"redpanda says {both[0]}, the websocket {both[1]}"))


def _judge_word(case: Case, channel: str, volume: float) -> None:
    word = case.words.get(channel)
    if word is None:
        case.faults.append((LOST, f"no final result on {channel}"))
    elif word["status"] == "placed":
        case.faults.append((LOST, f"still placed on {channel}"))
    elif word["status"] not in ACTED:
        if case.deals:
            case.faults.append(
                (CONTRADICTED, f"{channel} says {word['status']}, the ledger has {volume:g} lots")
            )
    elif case.kind == "modify":
        return
    elif not case.deals:
        if case.kind == "entry":
            case.faults.append((LOST, f"{channel} says {word['status']}, the ledger has nothing"))
    elif abs(word["volume"] - volume) > TOLERANCE_LOTS:
        case.faults.append((CONTRADICTED, f"{channel} says {word['volume']:g} lots, the ledger {volume:g}"))
    elif word["ticket"] != case.deals[0]["position"]:
        case.faults.append(
            (CONTRADICTED, f"{channel} says ticket {word['ticket']}, the ledger {case.deals[0]['position']}")
        )


def _judge_stops(evidence: Evidence, verdict: Verdict) -> None:
    """Nothing may enter while a stop is in force, but what was sent before it."""
    for case in verdict.cases.values():
        entries = [deal for deal in case.deals if deal["entry"] == 0]
        if case.kind != "entry" or not entries:
            continue
        sent_s = _sent_s(case) or entries[0]["utc_msc"] / 1000
        for stop in evidence.stops:
            if stop.began_s < sent_s < stop.ended_s:
                since_s = sent_s - stop.began_s
                case.faults.append(
                    (FORBIDDEN, f"sent {since_s:.3f} s after a stop ({stop.way}) was in force")
                )


def _sent_s(case: Case) -> float:
    word = case.words.get("redpanda") or case.words.get("websocket") or {}
    return _seconds(word["sent_at"]) if word.get("sent_at") else 0.0


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _judge_limits(evidence: Evidence, verdict: Verdict) -> None:
    entries = {
        deal["order"]: deal
        for deal in evidence.deals
        if deal["entry"] == 0 and deal["magic"] >> 32 == BRIDGE_MAGIC
    }
    days = Counter(deal["time_msc"] // DAY_MSC for deal in entries.values())
    _hold_to(verdict, evidence, "MAX_DAILY_TRADES", days[max(days)] if days else 0)
    _hold_to(verdict, evidence, "MAX_OPEN_POSITIONS", _most_open(evidence.deals))
    sent = sorted(
        filter(
            None, (_sent_s(case) for case in verdict.cases.values() if case.kind == "entry" and case.deals)
        )
    )
    most = max(
        (sum(at <= other < at + MINUTE_S for other in sent[i:]) for i, at in enumerate(sent)), default=0
    )
    _hold_to(verdict, evidence, "MAX_ORDERS_PER_MINUTE", most)


def _hold_to(verdict: Verdict, evidence: Evidence, name: str, seen: int) -> None:
    limit = evidence.limits.get(name)
    if limit is not None and seen > limit:
        verdict.breaches.append(f"{name} is {limit}, the ledger has {seen}")


def _most_open(deals: Iterable[dict[str, Any]]) -> int:
    held: dict[int, float] = defaultdict(float)
    most = 0
    for deal in deals:
        held[deal["position"]] += deal["volume"] if deal["entry"] == 0 else -deal["volume"]
        if held[deal["position"]] < TOLERANCE_LOTS:
            del held[deal["position"]]
        most = max(most, len(held))
    return most


def _judge_letters(evidence: Evidence, verdict: Verdict) -> None:
    """Every malformed message in the signal topic has its error in the event topic."""
    nonsense = {wanted.body.encode() for wanted in evidence.wanted if wanted.kind == "nonsense"}
    told = "\n".join(str(event["data"]["detail"]) for event in evidence.events if event["type"] == "error")
    for record in evidence.signals:
        place = f"(from {evidence.signal_topic}/{record.partition}/{record.offset})"
        if record.value in nonsense and place not in told:
            verdict.breaches.append(
                f"no error was reported for a malformed message {place}: {record.value[:60]!r}"
            )


def _judge_ticks(evidence: Evidence, verdict: Verdict) -> None:
    """Numbers per symbol run 1, 2, 3 ...; one that comes again must be the same tick."""
    seen: dict[str, dict[int, tuple[object, ...]]] = defaultdict(dict)
    for tick in evidence.ticks:
        data = tick["data"]
        known, facts = seen[data["symbol"]], (data["time_msc"], data["bid"], data["ask"])
        if data["seq"] in known:
            verdict.tick_repeats += 1
            if known[data["seq"]] != facts:
                verdict.breaches.append(
                    f"two ticks {data['symbol']} {data['seq']}: {known[data['seq']]} and {facts}"
                )
        elif data["seq"] != len(known) + 1:
            verdict.tick_holes += 1
            verdict.breaches.append(f"tick {data['symbol']} {len(known) + 1} is missing: {data['seq']} came")
        known[data["seq"]] = facts
    verdict.ticks = sum(map(len, seen.values()))


def _judge_end(evidence: Evidence, verdict: Verdict) -> None:
    say = verdict.breaches.append
    if evidence.committed != evidence.signal_end:
        say(f"offset {evidence.committed} is committed, the signal topic ends at {evidence.signal_end}")
    if evidence.lanes_left:
        say(f"lanes are left over: processes {evidence.lanes_left}")
    if evidence.exit_code != 0:
        say(f"the bridge ended with exit code {evidence.exit_code} when it was asked to stop")
    for at_s, name, code in evidence.ended_alone:
        say(f"the {name} ended by itself with exit code {code} at {_clock(at_s)}")
    for at_s, way in evidence.unheeded:
        say(f"an emergency stop ({way}) was not in force by {_clock(at_s)}")
    growth = rss_growth(evidence)
    if growth > RSS_GROWTH_MAX:
        say(f"the bridge's memory grew by {growth / 1e6:.0f} MB from its first life to its last")


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")


def rss_growth(evidence: Evidence) -> int:
    """Return by how much the bridge's settled memory grew over all its lives, in bytes."""
    weights = [
        rss
        for life in evidence.lives
        for age_s, rss in sorted((life.rss or {}).items())
        if age_s > SETTLED_AGE_S
    ]
    return max(weights) - weights[0] if weights else 0


def _longest_recovery_s(evidence: Evidence) -> float:
    """Return the longest time from a start of the bridge to its first decision."""
    decided = sorted(
        _seconds(event["data"]["done_at"])
        for event in evidence.events
        if event["type"] == "trade_result" and event["data"]["done_at"]
    )
    longest = 0.0
    for life in evidence.lives:
        first = next((at for at in decided if at > life.began_s), None)
        if first is not None and (not life.ended_s or first < life.ended_s):
            longest = max(longest, first - life.began_s)
    return longest
