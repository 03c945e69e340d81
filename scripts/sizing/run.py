"""The table of what sized orders lose at their stops: `scripts/size`.

Owns the command line and the table. Exit code 1 when an order lost more than it may, or left more than one
volume step unused.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[2]
# The root holds a launcher of the package's name: the package must be found first.
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from scripts.sizing.comparison import RISK_PERCENT, Trial, compare  # noqa: E402
from scripts.sizing.kinds import ACCOUNTS  # noqa: E402

HEADINGS = (
    "account", "symbol", "kind", "side", "stop", "reserve", "slipped", "lots", "may lose", "lost", "over",
    "steps spare",
)  # fmt: skip


def row(trial: Trial) -> tuple[str, ...]:
    """Return a trial as the table shows it."""
    digits = 0 if trial.account.unit == 1.0 else 2
    head = (
        trial.account.currency, trial.symbol, trial.kind, str(trial.side), f"{trial.stop_loss:.10g}",
        f"{trial.reserve:g}", f"{trial.slipped:g}",
    )  # fmt: skip
    if trial.denial:
        return (*head, "denied", f"{trial.limit:,.{digits}f}", "-", "-", "-")
    money = (f"{amount:,.{digits}f}" for amount in (trial.limit, trial.lost, trial.over))
    return (*head, f"{trial.lots:g}", *money, f"{trial.spare:.2f}")


def render(trials: list[Trial]) -> str:
    """Return the table and what it comes to."""
    rows = [HEADINGS, *(row(trial) for trial in trials)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in rows]
    sent = [trial for trial in trials if not trial.denial]
    worst = max(sent, key=lambda trial: trial.over / trial.account.unit)
    least = max((trial for trial in sent if trial.slipped == trial.reserve), key=lambda trial: trial.spare)
    lines += sorted({f"denied: {trial.symbol}: {trial.denial}" for trial in trials if trial.denial})
    unsound = sum(not trial.is_sound for trial in trials)
    most = f"{worst.over:+.2f} {worst.account.currency} ({worst.symbol} {worst.side})"
    unused = f"{least.spare:.2f} ({least.account.currency}, {least.symbol} {least.side})"
    lines += [
        f"{len(trials)} orders at {RISK_PERCENT:g} % of equity, {len(sent)} of them sent; unsound: {unsound}",
        f"most above the limit: {most}",
        f"most left unused, in volume steps: {unused}",
    ]
    return "\n".join(lines)


def main() -> int:
    """Make every trial and print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="sizing-") as folder:
        trials = [trial for kind in ACCOUNTS for trial in asyncio.run(compare(kind, Path(folder)))]
    print(render(trials))
    return 0 if all(trial.is_sound for trial in trials) else 1


if __name__ == "__main__":
    sys.exit(main())
