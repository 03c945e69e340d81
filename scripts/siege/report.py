"""The report of a siege, for people: what was done to the bridge and what became of the signals."""

from collections import Counter
from collections.abc import Iterable

from scripts.siege.judge import CONTRADICTED, DOUBLED, FORBIDDEN, LOST, Verdict, rss_growth
from scripts.siege.siege import Outcome

REASONS_SHOWN = 14
BREACHES_SHOWN = 20


def render(outcome: Outcome, verdict: Verdict) -> str:
    """Return the whole report."""
    return "\n".join((*_blows(outcome), *_signals(outcome, verdict), *_rest(outcome, verdict)))


def _counted(counts: Counter[str], most: int | None = None) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common(most)) or "none"


def _blows(outcome: Outcome) -> Iterable[str]:
    blows = outcome.assault.blows
    kills = outcome.assault.kills()
    others = Counter(f"{blow.what} {blow.whom}" for blow in blows if blow.what not in ("kill", "fault"))
    faults = Counter(blow.detail for blow in blows if blow.what == "fault")
    yield f"kills        {kills.total():,}: {_counted(kills)}"
    yield f"hangs, links {_counted(others)}"
    yield f"faults       {_counted(faults)}"
    ways = Counter(stop.way for stop in outcome.stops.windows)
    yield f"stops        {len(outcome.stops.windows)} ({_counted(ways)}), came back {outcome.stops.came_back}"


def _signals(outcome: Outcome, verdict: Verdict) -> Iterable[str]:
    cases = [case for case in verdict.cases.values() if case.kind == "entry"]
    commands = [case for case in verdict.cases.values() if case.kind != "entry"]
    named = [case for case in cases if not case.unnamed]
    by_way = Counter(" and ".join(sorted(case.ways)) for case in cases)
    yield f"signals      {len(cases):,}: {_counted(by_way)}"
    yield f"  shapes     {_counted(Counter(case.flavour for case in cases))}"
    yield f"  outcomes   {_counted(Counter(case.outcome for case in named))}"
    yield f"  reasons    {_counted(Counter(case.reason for case in named), REASONS_SHOWN)}"
    ends = Counter(f"{case.kind} {case.outcome}" for case in commands)
    yield f"commands     {len(commands):,}: {_counted(ends)}"
    yield f"malformed    {sum(wanted.kind == 'nonsense' for wanted in outcome.evidence.wanted):,}"
    entries = [deal for deal in outcome.evidence.deals if deal["entry"] == 0]
    deals = f"{len(outcome.evidence.deals):,}, entries {len(entries):,}"
    yield f"deals        {deals}, closed by stops {verdict.closed_by_stops:,}"


def _rest(outcome: Outcome, verdict: Verdict) -> Iterable[str]:
    lives = outcome.evidence.lives
    yield f"sends to Redpanda repeated {outcome.ways.failures:,}; limits {outcome.evidence.limits}"
    ticks = f"{verdict.ticks:,} published, holes {verdict.tick_holes}, repeated {verdict.tick_repeats}"
    yield f"ticks        {ticks}"
    yield f"lives of the bridge {len(lives)}, memory grew by {rss_growth(outcome.evidence) / 1e6:.1f} MB"
    yield f"longest time from a start to the first decision {verdict.longest_recovery_s:.1f} s"
    converged = "yes" if outcome.converged else f"NO, {len(outcome.waiting)} still wait"
    yield f"converged {converged}, after {outcome.peace_s:.0f} s of peace; {outcome.seconds:.0f} s in all"
    for breach in verdict.breaches[:BREACHES_SHOWN]:
        yield f"BREACH: {breach}"
    if len(verdict.breaches) > BREACHES_SHOWN:
        yield f"... and {len(verdict.breaches) - BREACHES_SHOWN:,} more"
    faults = (LOST, DOUBLED, CONTRADICTED, FORBIDDEN)
    counts = ", ".join(f"{fault} {verdict.count(fault)}" for fault in faults)
    yield f"{counts}, breaches {len(verdict.breaches)}"
