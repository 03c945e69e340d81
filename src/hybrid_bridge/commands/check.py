"""`hybrid-bridge check`: whether terminal, Redpanda and backend can be used from this PC, step by step.

It needs no running bridge and disturbs none. Which steps there are and their words is decided where each of
the three is at home; here they are put together, printed and concluded upon.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager

import structlog

from hybrid_bridge import name_lookup
from hybrid_bridge.commands.check_parts import PARTS, Part
from hybrid_bridge.commands.options import add_env_file, print_lines
from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.settings import Settings, look_up_settings

DESCRIPTION = """Looks step by step at the ways that the bridge needs, and says for each fault the cause, what
was seen, and the mend:
  terminal  program, Python package, connection, account, switches, symbols, clock, and an order that is
            checked and never sent
  redpanda  name, TCP, TLS, login, the addresses that the broker advertises, topics, permissions, clock, and a
            message there and back
  backend   name, TCP, TLS, token, WebSocket
A bridge that runs is not disturbed."""
NOTES = """exit codes: 0 all is well, 1 something is wrong, 2 the settings cannot be used. A note is worth
reading and no fault. No terminal is started and no account switched; a terminal is asked to log in only where
it is logged in to none. Redpanda's clock and message need a topic of the check's own, hybrid-bridge-check-
and the account, which is made and deleted again; where that is not permitted they are left out."""
SHOWN = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "left out"}
STEP_WIDTH = 34
Found = list[tuple[Part, list[Finding]]]


def check(arguments: Sequence[str]) -> int:
    """Look at the chosen parts and return the exit code: 1 when something is wrong."""
    options = _parse(arguments)
    parts = [PARTS[name] for name in PARTS if name in options.parts or not options.parts]
    settings = look_up_settings(
        [name for part in parts for name in part.names],
        options.env_file,
        joint=[name for part in parts for name in part.joint],
    )
    try:
        with _quiet_logs():
            found = asyncio.run(_look(parts, settings, live=not options.json))
    except KeyboardInterrupt:
        print("interrupted: nothing can be said", file=sys.stderr)  # noqa: T201
        return 1
    if options.json:
        print_lines([json.dumps(_record(found, settings), indent=2) + "\n"])
    return 0 if all(_is_well(findings) for _, findings in found) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge check",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", type=_part, metavar="PART", help=f"{', '.join(PARTS)}; all by default"
    )
    add_env_file(parser)
    parser.add_argument("--json", action="store_true", help="for a program to read")
    return parser.parse_args(arguments)


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(PARTS)}, got {text!r}")
    return text


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep log lines out of the report, which says the same in order."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _look(parts: Sequence[Part], settings: Settings, *, live: bool) -> Found:
    name_lookup.use(asyncio.get_running_loop())
    found: Found = []
    for part in parts:
        if live:
            print_lines([*(["\n"] if found else []), f"{part.heading(settings)}\n\n"])
        findings = []
        looking: AsyncIterator[Finding] = part.look(settings)
        async with aclosing(looking) as steps:  # type: ignore[type-var]
            async for finding in steps:
                findings.append(finding)
                if live:
                    print_lines(_lines(finding))
        found.append((part, findings))
        if live:
            print_lines(_conclusion(part, findings))
    return found


def _is_well(findings: Sequence[Finding]) -> bool:
    return all(finding.verdict is not Verdict.FAILED for finding in findings)


def _lines(finding: Finding) -> Iterator[str]:
    begin = f"  {SHOWN[finding.verdict]:<8}  {finding.step}"
    if finding.fault is None or finding.verdict is not Verdict.FAILED:
        yield f"{begin:<{STEP_WIDTH + 12}}  {finding.seen}".rstrip() + "\n"
        return
    yield begin + "\n"
    said = {"cause": finding.fault.cause, "seen": finding.fault.seen, "mend": finding.fault.mend}
    yield from (f"            {name}: {text}\n" for name, text in said.items() if text)


def _conclusion(part: Part, findings: Sequence[Finding]) -> Iterable[str]:
    failed = [finding for finding in findings if finding.verdict is Verdict.FAILED]
    if failed:
        more = f", then the {len(failed) - 1} after it" if len(failed) > 1 else ""
        mend = f"Mend {failed[0].step!r}{more}; then check again."
        return [f"\n{part.title} cannot be used as it is set up. {mend}\n"]
    if all(finding.verdict is Verdict.SKIPPED for finding in findings):
        return [f"\n{part.title} was not looked at.\n"]
    return [f"\n{part.title} can be used from this PC.\n"]


def _record(found: Found, settings: Settings) -> dict[str, object]:
    """Return the same for a program."""
    return {
        "ok": all(_is_well(findings) for _, findings in found),
        "parts": [
            {
                "part": part.name,
                "ok": _is_well(findings),
                **part.about(settings),
                "steps": [_step(finding) for finding in findings],
            }
            for part, findings in found
        ],
    }


def _step(finding: Finding) -> dict[str, object]:
    fault = finding.fault
    return {
        "step": finding.step,
        "verdict": finding.verdict.value,
        "seen": finding.seen if fault is None else fault.seen,
        "fault": None if fault is None else fault.key,
        "cause": None if fault is None else fault.cause,
        "mend": None if fault is None else fault.mend,
    }
