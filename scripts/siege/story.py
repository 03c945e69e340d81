"""The story of one signal: every line that bears its name, from all that the siege left, in order of source.

Owns searching the folder. Written for whoever has to find out why a signal failed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.siege.ears import short_id
from scripts.siege.evidence import Evidence
from scripts.siege.judge import Case

LINE_CHARS = 600
LOGS = ("mt5_bridge.log", "terminal.out", "said.jsonl")


def tell(case: Case, evidence: Evidence, folder: Path) -> str:
    """Tell the whole story of one signal or command."""
    parts = [f"=== {case.id} ({case.kind}, {case.flavour}, sent by {', '.join(sorted(case.ways))})"]
    parts += [f"  {kind.upper()}: {what}" for kind, what in case.faults]
    number = next((number for name, number in evidence.numbers.items() if short_id(name) == case.id), None)
    names = [f'"{case.id}"', f'"{case.id}/', f"{case.id} "]
    parts.append(f"  number {number}, magic {(234_000 << 32 | number) if number else None}")
    parts += [f"  ledger: {json.dumps(deal)}" for deal in case.deals]
    for event in evidence.events:
        text = json.dumps(event)
        if any(name in text for name in names):
            parts.append(f"  event topic: {text}")
    for note in evidence.heard:
        text = json.dumps(note["message"])
        if any(name in text for name in names):
            parts.append(f"  backend heard at {note['at']:.3f}: {text}")
    parts += [
        f"  signal topic {record.offset}: {record.value.decode(errors='replace')}"
        for record in evidence.signals
        if any(name.encode() in record.value for name in names)
    ]
    parts += [f"  {line}" for line in _log_lines(folder, names)]
    return "\n".join(part[:LINE_CHARS] for part in parts)


def _log_lines(folder: Path, names: list[str]) -> Iterator[str]:
    for name in LOGS:
        path = folder / name
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
            if any(each in f"{line} " for each in names):
                yield f"{name}: {line}"
