"""Looks at a real simulated terminal through a real worker process."""

from collections.abc import Sequence
from typing import Any

from tests.terminal.support import terminal_settings

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.findings import Fault, Finding
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.diagnosis.inspection import Subject, inspect
from hybrid_bridge.terminal.diagnosis.program import Installed

MAGIC = 234_000


def settings_for(address: str, **settings: Any) -> TerminalSettings:
    """Settings with which the bridge would use this simulated terminal."""
    return terminal_settings(**{"simulation_mode": True, "sim_address": address, **settings})


async def looked(settings: TerminalSettings, installed: Installed = Installed()) -> list[Finding]:  # noqa: B008
    """Go through every step."""
    return [finding async for finding in inspect(Subject(settings, installed, MAGIC), SystemClock())]


def faults(findings: Sequence[Finding]) -> list[Fault]:
    """What was found wrong, in order."""
    return [finding.fault for finding in findings if finding.fault is not None]


def keys(findings: Sequence[Finding]) -> list[str]:
    """The names of what was found wrong."""
    return [fault.key for fault in faults(findings)]


def step(findings: Sequence[Finding], name: str) -> Finding:
    """What a step came to."""
    (found,) = (finding for finding in findings if finding.step == name)
    return found
