"""`hybrid-bridge audit-ticks`: is every tick of a range in the topic, once, in order and unchanged?

Reads the tick topic of this account and the terminal's own history, beside a running bridge or without one.
What is asked for, with what, and in which form the answer is given: that is decided here.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from hybrid_bridge import name_lookup
from hybrid_bridge.commands.options import add_env_file, instant, print_lines
from hybrid_bridge.errors import BridgeError, ConfigurationError

if TYPE_CHECKING:
    from hybrid_bridge.commands.auditing import AuditReport
    from hybrid_bridge.core.tick_audit import Example, Span
    from hybrid_bridge.settings import Settings, TerminalSettings
    from hybrid_bridge.terminal.lane import Lane

FIGURES = ("compared", "missing", "doubled", "out_of_order", "differing", "unknown", "holes", "unsent")
DESCRIPTION = """Compares the tick topic with the terminal's own history: is every tick there once, in order
and unchanged? It only reads. Exit code 0: everything is, and something was compared."""
NOTES = """missing: the terminal has it, the topic has not, though it has later ones. doubled: more often in
the topic than in the terminal. differing: another price or time. unknown: in the topic alone. holes: numbers
(seq) left out. unsent: after the newest tick in the topic, so not sent yet; with --complete that fails too,
so name a --to that the bridge has passed. Times: 2026-11-22, 2026-11-22T13:00, 2026-11-22T14:00+01:00 (UTC
where no offset is named), or how long ago: 30m, 2h, 3d."""
LATEST = (
    "TICK_MODE=latest: the bridge sends the newest price of each beat and leaves the others out on purpose,"
    " so there is nothing that the topic could be complete against; audit-ticks needs TICK_MODE=all"
)
# A PC's clock that is a little slow must not hide the ticks of the last moment.
FRESH_MSC = 3_600_000
# A terminal that runs answers at once; the package waits for another up to two minutes.
QUIET_S, TOLD_EVERY_S = 2.0, 15.0
LOOKS = 12
LOOK_EVERY_S = 0.25


def audit_ticks(arguments: Sequence[str]) -> int:
    """Audit a range and return the exit code: 1 when anything is wrong or nothing could be compared."""
    options = _parse(arguments)
    try:
        report = asyncio.run(_audit(options))
    except KeyboardInterrupt:
        print("interrupted: nothing can be said", file=sys.stderr)  # noqa: T201
        return 1
    verdict = _verdict(report, complete=options.complete)
    if options.json:
        print_lines([json.dumps(_record(report, verdict), indent=2) + "\n"])
    else:
        print_lines(f"{line}\n" for line in _lines(report, verdict))
    return 1 if verdict else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge audit-ticks",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    parser.add_argument(
        "--from", dest="since", type=instant, required=True, metavar="TIME", help="ticks from this time on"
    )
    parser.add_argument("--to", dest="until", type=instant, metavar="TIME", help="up to here (default: now)")
    parser.add_argument("--symbols", type=_symbols, metavar="LIST", help="only these (default: SYMBOLS)")
    parser.add_argument("--complete", action="store_true", help="what is not sent yet is a fault too")
    parser.add_argument("--json", action="store_true", help="for a program")
    options = parser.parse_args(arguments)
    now_msc = time.time_ns() // 1_000_000
    options.until = now_msc if options.until is None else min(options.until, now_msc)
    if options.since >= options.until:
        parser.error("--from must be earlier than --to and than now, or nothing can lie between them")
    return options


def _symbols(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", text) if name))
    if not names:
        raise argparse.ArgumentTypeError(f"must be names like EURUSD,XAUUSD, got {text!r}")
    return names


async def _audit(options: argparse.Namespace) -> "AuditReport":
    from hybrid_bridge.core.tick_audit import Span
    from hybrid_bridge.settings import load_settings

    name_lookup.use(asyncio.get_running_loop())
    settings = load_settings(options.env_file)
    if settings.tick_mode == "latest":
        raise ConfigurationError(LATEST)
    _only_errors_of_ours()
    span = Span(options.since, options.until)
    terminal = await _terminal(settings)
    if options.symbols is not None:
        terminal = replace(terminal, symbols=options.symbols)
    return await _with_lane(settings, terminal, span)


def _only_errors_of_ours() -> None:
    """Keep the parts' logs from the console: what goes wrong here is told once, at the end."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


async def _terminal(settings: "Settings") -> "TerminalSettings":
    """Return how the terminal is reached; the simulated one of a running bridge is found in STATE_DIR."""
    from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal

    if not settings.simulated or settings.sim_address:
        return settings.terminal
    simulated = SimulatedTerminal(settings)
    if not await simulated.find():
        raise ConfigurationError(
            "SIM_ADDRESS: no simulated terminal is named, and none of a bridge with this STATE_DIR runs;"
            " its ticks are gone once it ends"
        )
    return replace(settings.terminal, simulator_address=simulated.address)


async def _with_lane(settings: "Settings", terminal: "TerminalSettings", span: "Span") -> "AuditReport":
    """Audit with a way to the terminal of its own, so that a running bridge is not kept waiting."""
    from hybrid_bridge.terminal.lane import Lane
    from hybrid_bridge.terminal.lanes import lane_options

    changed = asyncio.Event()
    lane = Lane(replace(lane_options("audit", terminal), only_look=True), on_change=changed.set)
    try:
        async with asyncio.TaskGroup() as tasks:
            living = tasks.create_task(lane.run())
            try:
                await _until_ready(lane, changed)
                return await _run(settings, terminal, span, lane)
            finally:
                living.cancel()
    except* BridgeError as group:
        error = group.exceptions[0]
    raise error


async def _until_ready(lane: "Lane", changed: asyncio.Event) -> None:
    began_s, pause_s = time.monotonic(), QUIET_S
    while not lane.ready:
        changed.clear()
        if lane.connect_failures:  # The package itself has waited 100 s for a terminal that was starting.
            raise BridgeError(f"the terminal cannot be asked: {lane.state.reason}")
        if lane.state.restarts:
            raise BridgeError(f"the terminal cannot be asked, its worker process failed: {lane.state.reason}")
        try:
            async with asyncio.timeout(pause_s):
                await changed.wait()
        except TimeoutError:
            _tell_waiting(time.monotonic() - began_s)
            pause_s = TOLD_EVERY_S


def _tell_waiting(waited_s: float) -> None:
    given_up = "given up after two minutes or so, Ctrl-C ends it sooner"
    told = f"waiting for the terminal, {waited_s:.0f} s so far ({given_up}): does it run, logged in?"
    print(told, file=sys.stderr, flush=True)  # noqa: T201


async def _run(
    settings: "Settings", terminal: "TerminalSettings", span: "Span", lane: "Lane"
) -> "AuditReport":
    from hybrid_bridge.commands.auditing import Audit
    from hybrid_bridge.core.clock_changes import ClockBook
    from hybrid_bridge.streams.tick_topic import TickTopic
    from hybrid_bridge.terminal.tick_history import TickHistory

    unknown = lane.selection.unknown
    symbols = [symbol for symbol in terminal.symbols if symbol not in unknown]
    clock, observed_s = ClockBook(), None
    if terminal.server_utc_offset_s is not None:
        clock.adopt(0, terminal.server_utc_offset_s)
        clock.fixed = True
    elif span.to_msc > time.time_ns() // 1_000_000 - FRESH_MSC:
        observed_s = await _observe_offset(lane)
    topic = TickTopic(settings.streams, span.from_msc)
    report = await Audit(span, symbols, topic, TickHistory(lane), clock, observed_s).run()
    for symbol, near in unknown.items():
        report.notes.append(
            f"{symbol}: the terminal does not have it; similar are {', '.join(near) or 'none'}"
        )
    return report


async def _observe_offset(lane: "Lane") -> int | None:
    """Look how far the server's clock is ahead now; None where too few ticks come to tell."""
    from hybrid_bridge.clock import SystemClock
    from hybrid_bridge.terminal.clock import ServerClock
    from hybrid_bridge.terminal.market_lane import TerminalMarketLane

    server_clock = ServerClock()
    market = TerminalMarketLane(lambda: lane, server_clock, SystemClock())
    for _ in range(LOOKS):
        await market.observe_clock()
        if server_clock.offset_s is not None:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return server_clock.offset_s


def _verdict(report: "AuditReport", *, complete: bool) -> str:
    """Say why the audit is not passed; empty when it is."""
    if report.wrong:
        return f"{report.wrong} faults"
    if not report.compared:
        return "nothing could be compared: the topic has no ticks of this account in the range"
    if complete and report.unsent:
        return f"{report.unsent} ticks are not in the topic yet"
    return ""


def _record(report: "AuditReport", verdict: str) -> dict[str, object]:
    """Return everything for a program."""
    from hybrid_bridge.journal.words import iso

    return {
        "clean": not verdict,
        "verdict": verdict,
        "from": iso(report.span.from_msc),
        "to": iso(report.span.to_msc),
        "total": _total(report),
        "symbols": {
            symbol: {
                **asdict(audit.figures),
                "begins": None if audit.begins_msc is None else iso(audit.begins_msc),
                "examples": [example._asdict() for example in audit.examples],
            }
            for symbol, audit in report.audits.items()
        },
        "clock": [asdict(change) for change in report.clock.changes],
        "records": report.read.records,
        "elsewhere": report.read.elsewhere,
        "unreadable": report.read.unreadable,
        "faults": report.faults,
        "notes": report.notes,
    }


def _total(report: "AuditReport") -> dict[str, int]:
    figures = [audit.figures for audit in report.audits.values()]
    return {name: sum(getattr(one, name) for one in figures) for name in FIGURES}


def _lines(report: "AuditReport", verdict: str) -> list[str]:
    """Return everything for a person."""
    from hybrid_bridge.journal.words import aligned, iso

    heads = ["symbol", *(name.replace("_", " ") for name in FIGURES)]
    rows = [heads]
    for symbol, audit in report.audits.items():
        rows.append([symbol, *(f"{getattr(audit.figures, name)}" for name in FIGURES)])
    rows.append(["total", *(f"{figure}" for figure in _total(report).values())])
    later = f"; {report.unsent} are not sent yet" if report.unsent else ""
    examples = [
        f"{symbol}: {_shown(example)}"
        for symbol, audit in report.audits.items()
        for example in audit.examples
    ]
    return [
        f"ticks from {iso(report.span.from_msc)} to {iso(report.span.to_msc)}",
        *aligned(rows, right=frozenset(range(1, len(heads)))),
        *examples,
        *(f"fault: {fault}" for fault in report.faults),
        *(f"note: {note}" for note in report.notes),
        f"NOT CLEAN: {verdict}" if verdict else f"clean: every tick once, in order, unchanged{later}",
    ]


def _shown(example: "Example") -> str:
    from hybrid_bridge.journal.words import iso

    def tick(row: tuple[int, float, float, float, int]) -> str:
        time_msc, bid, ask, last, volume = row
        deal = f" last {last} volume {volume}" if last or volume else ""
        return f"{iso(time_msc)} {bid}/{ask}{deal}"

    kind = example.kind.replace("_", " ")
    if example.topic is None or example.terminal is None or example.topic == example.terminal:
        row = example.topic or example.terminal
        return f"{kind} {tick(row)}" if row is not None else kind
    return f"{kind} topic {tick(example.topic)}, terminal {tick(example.terminal)}"
