"""The whole way to an order, looked at step by step: what `hybrid-bridge check terminal` reports.

Owns the order of the steps and what a fault leaves out. Sends no order, starts no terminal, switches no
account. Called by the command.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from hybrid_bridge.errors import LaneError
from hybrid_bridge.findings import Fault, Finding, Verdict, well, wrong
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.diagnosis.asking import Asked, Silent, asked_worker
from hybrid_bridge.terminal.diagnosis.connection import (
    CONNECT_STEP,
    PACKAGE_STEP,
    connect,
    failure,
    look_at_package,
)
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.diagnosis.operations import STATE
from hybrid_bridge.terminal.diagnosis.program import Installed, Program
from hybrid_bridge.terminal.diagnosis.rehearsal import STEP as ORDER_STEP
from hybrid_bridge.terminal.diagnosis.rehearsal import rehearse_order
from hybrid_bridge.terminal.diagnosis.server_time import STEP as CLOCK_STEP
from hybrid_bridge.terminal.diagnosis.server_time import look_at_clock
from hybrid_bridge.terminal.diagnosis.standing import judge_state
from hybrid_bridge.terminal.diagnosis.symbols import PRICES_S, find_symbols, judge_symbol
from hybrid_bridge.terminal.lanes import lane_options
from hybrid_bridge.terminal.operations import Nothing

REACH_S = 5.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at.

    Attributes:
        installed: what is on this PC; counts for a genuine terminal alone.
        magic: MT5_MAGIC, as the rehearsed order bears it.
    """

    settings: TerminalSettings
    installed: Installed
    magic: int


async def inspect(subject: Subject, clock: Clock) -> AsyncIterator[Finding]:
    """Yield what each step came to; what a fault makes pointless is left out."""
    settings, path = subject.settings, ""
    if settings.backend == "simulator":
        found = await _look_at_simulator(settings.simulator_address)
        yield found
        if found.fault is not None:
            return
    else:
        program = Program(settings.path, subject.installed)
        for finding in _look_at_program(program):
            yield finding
            if finding.verdict is Verdict.FAILED:
                return
        path = program.path
    async for finding in _ask(subject, path, clock):
        yield finding


def _look_at_program(program: Program) -> Iterator[Finding]:
    if sys.platform != "win32":
        yield wrong("system", fault("not_windows", sys.platform))
        return
    yield program.look_at_path()
    yield program.look_at_process()


async def _look_at_simulator(address: str) -> Finding:
    """See whether the simulated terminal listens; its package would try for as long as a login may take."""
    step = "simulated terminal"
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError) as error:
        return wrong(step, fault("simulator_refused", str(error) or "no answer", address=address))
    writer.close()
    return well(step, f"listens at {address}")


async def _ask(subject: Subject, path: str, clock: Clock) -> AsyncIterator[Finding]:
    """Yield what the terminal itself is asked."""
    try:
        async with asked_worker(lane_options("check", subject.settings)) as asked:
            package = await look_at_package(asked)
            yield package
            if package.fault is not None:
                return
            try:
                async for finding in _ask_terminal(asked, subject, path, clock):
                    yield finding
            except (LaneError, Silent) as error:
                yield wrong("terminal's answers", failure(error))
    except OSError as error:
        yield wrong(PACKAGE_STEP, fault("worker_failed", str(error)))


async def _ask_terminal(asked: Asked, subject: Subject, path: str, clock: Clock) -> AsyncIterator[Finding]:
    settings = subject.settings
    found = await connect(asked, settings, path)
    if isinstance(found, Fault):
        yield wrong(CONNECT_STEP, found)
        return
    yield well(CONNECT_STEP, "accepted")
    state = await asked.ask(STATE, Nothing())
    for finding in judge_state(state, settings):
        yield finding
    prices_s = PRICES_S if state.terminal.connected else 0.0
    symbols = await find_symbols(asked, settings.symbols, clock, prices_s)
    for symbol in symbols:
        yield judge_symbol(symbol)
    why_not = "" if state.terminal.connected else "prices come from the broker alone"
    if not any(symbol.spec is not None and not symbol.refusal for symbol in symbols):
        why_not = why_not or "there is no symbol whose prices could tell"
    if why_not:
        yield Finding(CLOCK_STEP, Verdict.SKIPPED, why_not)
        yield Finding(ORDER_STEP, Verdict.SKIPPED, why_not)
        return
    yield await look_at_clock(asked, settings, clock)
    yield await rehearse_order(asked, symbols, subject.magic)
