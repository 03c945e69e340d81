"""The report of a trial, for people."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from scripts.endurance.judge import Finding
from scripts.endurance.trial import Outcome


def passed(outcome: Outcome, findings: Mapping[str, Finding]) -> bool:
    """Tell whether both judges found every symbol clean, and the bridge ended only when it was told to."""
    clean = bool(findings) and all(finding.clean for finding in findings.values())
    ended_well = not outcome.ended_alone and outcome.exit_code == 0
    return clean and outcome.calm and ended_well and outcome.audit.get("exit_code") == 0


def render(outcome: Outcome, findings: Mapping[str, Finding]) -> str:
    """Return the whole report."""
    return "\n".join((*_outages(outcome), *_ticks(outcome, findings), *_audit(outcome)))


def _outages(outcome: Outcome) -> Iterable[str]:
    kinds = sorted({(blow.what, blow.whom) for blow in outcome.blows})
    for what, whom in kinds:
        blows = [blow for blow in outcome.blows if (blow.what, blow.whom) == (what, whom)]
        fresh_s = [blow.fresh_after_s for blow in blows if blow.fresh_after_s is not None]
        away = _spread([blow.down_s for blow in blows])
        yield f"{what} {whom:7} {len(blows):3}: away {away}; then fresh ticks after {_spread(fresh_s)}"
    yield f"the bridge took {outcome.rss_peak / 1e6:.0f} MB at most; the trial {outcome.seconds:.0f} s"
    for code in outcome.ended_alone:
        yield f"BREACH: the bridge ended by itself with exit code {code}"
    if not outcome.calm:
        yield "BREACH: ticks did not become fresh again after the last outage"
    if outcome.exit_code:
        yield f"BREACH: asked to end, the bridge ended with exit code {outcome.exit_code}"


def _ticks(outcome: Outcome, findings: Mapping[str, Finding]) -> Iterable[str]:
    for symbol, finding in sorted(findings.items()):
        last = len(outcome.played.get(symbol, ()))
        yield f"{symbol}: played {last:,}, compared {finding.compared:,}, {_counts([finding])}"
        yield from (f"  {example}" for example in finding.examples or ())
    compared = sum(finding.compared for finding in findings.values())
    yield f"all: compared {compared:,}, {_counts(findings.values())}"


def _audit(outcome: Outcome) -> Iterable[str]:
    total = outcome.audit.get("total")
    said = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in total.items()) if total else "?"
    yield f"audit-ticks: {said}"
    for fault in outcome.audit.get("faults", ()):
        yield f"  {fault}"
    if code := outcome.audit.get("exit_code"):
        words = outcome.audit.get("verdict") or outcome.audit.get("words", "")
        yield f"BREACH: audit-ticks ended with exit code {code}: {words}"


def _counts(findings: Iterable[Finding]) -> str:
    found = list(findings)
    names = ("missing", "doubled", "out_of_order", "differing", "holes")
    counts = {name: sum(getattr(finding, name) for finding in found) for name in names}
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s, {max(seconds):.1f} s at most" if seconds else "?"
