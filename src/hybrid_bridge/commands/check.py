"""`hybrid-bridge check`: whether Redpanda can be used from this PC, step by step, and why not.

It needs no running bridge and disturbs none: what it changes is a topic of its own, which it deletes again.
Which steps there are and their words: that is decided in streams.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace

import structlog

from hybrid_bridge import name_lookup
from hybrid_bridge.clock import SystemClock
from hybrid_bridge.commands.options import add_env_file, print_lines
from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.settings import Settings, StreamSettings, look_up_settings
from hybrid_bridge.streams.diagnosis.inspection import inspect

REDPANDA = tuple(name for name in Settings.model_fields if name.startswith("redpanda_"))
NAMES = (
    *REDPANDA,
    "mt5_login",
    "mt5_backend",
    "simulation_mode",
    "signal_max_age_s",
    "journal_retention_days",
)
NO_ACCOUNT = "no-account"
DESCRIPTION = """Looks at the way to Redpanda step by step: name, TCP, TLS, login, the addresses that the
broker advertises, topics, permissions, clock, and a message there and back. For each fault it says the cause,
what was seen, and the mend. A bridge that runs is not disturbed."""
NOTES = """exit codes: 0 all is well, 1 something is wrong, 2 the settings cannot be used. A note is worth
reading and no fault. The clock and the message there and back need a topic of the check's own,
hybrid-bridge-check- and the account, which is made and deleted again; where that is not permitted they are
left out."""
SHOWN = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "left out"}
STEP_WIDTH = 34


def check(arguments: Sequence[str]) -> int:
    """Look at the way to Redpanda and return the exit code: 1 when something is wrong."""
    options = _parse(arguments)
    settings = look_up_settings(NAMES, options.env_file, joint=REDPANDA)
    streams = settings.streams
    if settings.mt5_login is None and not settings.simulated:
        group_id = settings.redpanda_group_id or f"hybrid-bridge-{NO_ACCOUNT}"
        streams = replace(streams, account=NO_ACCOUNT, group_id=group_id)
    try:
        with _quiet_logs():
            findings = asyncio.run(_look(streams, live=not options.json))
    except KeyboardInterrupt:
        print("interrupted: nothing can be said", file=sys.stderr)  # noqa: T201
        return 1
    failed = any(finding.verdict is Verdict.FAILED for finding in findings)
    if options.json:
        print_lines([json.dumps(_record(streams, findings), indent=2) + "\n"])
    else:
        print_lines(_conclusion(findings))
    return 1 if failed else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge check",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    parser.add_argument("--json", action="store_true", help="for a program to read")
    return parser.parse_args(arguments)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep the channels' log lines out of the report, which says the same in order."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _look(streams: StreamSettings, *, live: bool) -> list[Finding]:
    name_lookup.use(asyncio.get_running_loop())
    found = []
    if live:
        print_lines([f"Redpanda at {streams.bootstrap_servers}, {streams.security.protocol}\n\n"])
    looking: AsyncIterator[Finding] = inspect(streams, SystemClock())
    async with aclosing(looking) as findings:  # type: ignore[type-var]
        async for finding in findings:
            found.append(finding)
            if live:
                print_lines(_lines(finding))
    return found


def _lines(finding: Finding) -> Iterator[str]:
    begin = f"  {SHOWN[finding.verdict]:<8}  {finding.step}"
    if finding.fault is None or finding.verdict is not Verdict.FAILED:
        yield f"{begin:<{STEP_WIDTH + 12}}  {finding.seen}".rstrip() + "\n"
        return
    yield begin + "\n"
    said = {"cause": finding.fault.cause, "seen": finding.fault.seen, "mend": finding.fault.mend}
    yield from (f"            {name}: {text}\n" for name, text in said.items() if text)


def _conclusion(findings: Sequence[Finding]) -> Iterable[str]:
    failed = [finding for finding in findings if finding.verdict is Verdict.FAILED]
    if not failed:
        return ["\nRedpanda can be used from this PC.\n"]
    more = f", then the {len(failed) - 1} after it" if len(failed) > 1 else ""
    return [f"\nRedpanda cannot be used as it is set up. Mend {failed[0].step!r}{more}; then check again.\n"]


def _record(streams: StreamSettings, findings: Sequence[Finding]) -> dict[str, object]:
    """Return the same for a program."""
    return {
        "ok": all(finding.verdict is not Verdict.FAILED for finding in findings),
        "servers": streams.bootstrap_servers,
        "protocol": streams.security.protocol,
        "account": streams.account,
        "steps": [
            {
                "step": finding.step,
                "verdict": finding.verdict.value,
                "seen": finding.seen if finding.fault is None else finding.fault.seen,
                "fault": None if finding.fault is None else finding.fault.key,
                "cause": None if finding.fault is None else finding.fault.cause,
                "mend": None if finding.fault is None else finding.fault.mend,
            }
            for finding in findings
        ],
    }
