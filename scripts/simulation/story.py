"""Tells what happened in a seed: all of it, or what concerns one signal.

Owns the words and the choice of lines. The same seed gives the same text, byte for byte.
"""

import re
from collections.abc import Iterable

from scripts.simulation.case import Failure
from scripts.simulation.world import Line, Outcome

# What concerns everybody.
COMMON = ("KILL", "bridge", "fault", "clock", "calm", "disk", "received")
LINES_MAX = 400


def tell(outcome: Outcome) -> str:
    """Tell a whole seed."""
    lines = [f"seed {outcome.seed}: {outcome.lives} lives, {outcome.signals} signals and commands"]
    lines += map(_line, outcome.story)
    lines += [f"judged: {_failure(failure)}" for failure in outcome.verdict.failures]
    if not outcome.verdict.failures:
        lines.append(f"judged: nothing lost, nothing doubled; {outcome.fills} fills")
    return "\n".join(lines)


def tell_failures(outcome: Outcome) -> str:
    """Tell what went wrong in a seed, each with the lines that concern it."""
    parts = []
    for failure in outcome.verdict.failures:
        parts.append(f"seed {outcome.seed}: {_failure(failure)}")
        parts += [f"    {_line(line)}" for line in about(outcome.story, failure.key)]
        parts.append(f"    again: scripts/simulate --seed {outcome.seed}")
    return "\n".join(parts)


def about(story: Iterable[Line], key: str) -> list[Line]:
    """Return the lines that concern a signal, or all when none is named."""
    if not key:
        return list(story)[-LINES_MAX:]
    name = re.compile(rf"(?<![0-9a-z]){re.escape(key)}(?![0-9a-z])")
    return [line for line in story if line.kind in COMMON or name.search(line.text)][-LINES_MAX:]


def _line(line: Line) -> str:
    return f"{line.at_s:10.4f} s  {line.kind:9} {line.text}"


def _failure(failure: Failure) -> str:
    return (
        f"{failure.kind.upper()} {failure.key}: {failure.text}"
        if failure.key
        else (f"{failure.kind.upper()}: {failure.text}")
    )
