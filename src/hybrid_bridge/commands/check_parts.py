"""The three things that `hybrid-bridge check` looks at: how each is set up, looked at and spoken of.

Owns which settings each part reads and what it is handed of this PC. Called by `check`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.control.advice import shown_url
from hybrid_bridge.control.diagnosis.inspection import inspect as inspect_backend
from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal
from hybrid_bridge.findings import Finding, Verdict
from hybrid_bridge.health import HealthChecker
from hybrid_bridge.journal.instance_lock import find_holder
from hybrid_bridge.settings import Settings, StreamSettings
from hybrid_bridge.settings.terminals import find_terminals
from hybrid_bridge.streams.diagnosis.inspection import inspect as inspect_redpanda
from hybrid_bridge.terminal.diagnosis.inspection import Subject
from hybrid_bridge.terminal.diagnosis.inspection import inspect as inspect_terminal
from hybrid_bridge.terminal.diagnosis.program import Installed

_REDPANDA = tuple(name for name in Settings.model_fields if name.startswith("redpanda_"))
_WHICH_TERMINAL = ("mt5_login", "mt5_backend", "simulation_mode", "sim_address", "state_dir")
NO_ACCOUNT = "no-account"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to look at.

    Attributes:
        title: how a sentence about it begins.
        names: the settings that it reads.
        joint: those of them that must go together with the others.
        about: what a program reads of it beside the steps.
    """

    name: str
    title: str
    names: tuple[str, ...]
    joint: tuple[str, ...]
    heading: Callable[[Settings], str]
    about: Callable[[Settings], Mapping[str, object]]
    look: Callable[[Settings], AsyncIterator[Finding]]


def _terminal_heading(settings: Settings) -> str:
    if settings.simulated:
        name = "SIMULATION_MODE=true" if settings.simulation_mode else "MT5_BACKEND=simulator"
        return f"Terminal: the simulated one ({name}), no real one and no real money"
    return f"Terminal: MetaTrader 5, {settings.mt5_path or 'MT5_PATH is empty'}"


async def _look_at_terminal(settings: Settings) -> AsyncIterator[Finding]:
    if settings.simulated:
        terminal, installed = SimulatedTerminal(settings), Installed()
        if not settings.sim_address and not await terminal.find():
            text = "it does not run: the bridge starts it with itself (SIM_ADDRESS is empty)"
            yield Finding("simulated terminal", Verdict.SKIPPED, text)
            return
        settings = settings.model_copy(update={"sim_address": settings.sim_address or terminal.address})
    else:
        running = [terminal["path"] for terminal in HealthChecker.check_mt5_process()["terminals"]]
        installed = Installed(find_terminals(), running)
    subject = Subject(settings.terminal, installed, settings.mt5_magic)
    async for finding in inspect_terminal(subject, SystemClock()):
        yield finding


def _streams(settings: Settings) -> StreamSettings:
    streams = settings.streams
    if settings.mt5_login is None and not settings.simulated:
        group_id = settings.redpanda_group_id or f"hybrid-bridge-{NO_ACCOUNT}"
        return replace(streams, account=NO_ACCOUNT, group_id=group_id)
    return streams


def _look_at_redpanda(settings: Settings) -> AsyncIterator[Finding]:
    return inspect_redpanda(_streams(settings), SystemClock())


def _about_redpanda(settings: Settings) -> Mapping[str, object]:
    streams = _streams(settings)
    return {
        "servers": streams.bootstrap_servers,
        "protocol": streams.security.protocol,
        "account": streams.account,
    }


def _redpanda_heading(settings: Settings) -> str:
    streams = settings.streams
    return f"Redpanda at {streams.bootstrap_servers}, {streams.security.protocol}"


def _look_at_backend(settings: Settings) -> AsyncIterator[Finding]:
    return inspect_backend(settings.control, find_holder(Path(settings.state_dir)))


PARTS = {
    part.name: part
    for part in (
        Part(
            "terminal",
            "The terminal",
            (
                *_WHICH_TERMINAL,
                *("mt5_password", "mt5_server", "mt5_path", "mt5_timeout_ms", "mt5_magic"),
                *("mt5_server_utc_offset", "symbols"),
            ),
            (),
            _terminal_heading,
            lambda settings: {"backend": settings.terminal.backend, "login": settings.mt5_login},
            _look_at_terminal,
        ),
        Part(
            "redpanda",
            "Redpanda",
            (*_REDPANDA, *_WHICH_TERMINAL, "signal_max_age_s", "journal_retention_days"),
            _REDPANDA,
            _redpanda_heading,
            _about_redpanda,
            _look_at_redpanda,
        ),
        Part(
            "backend",
            "The backend",
            ("backend_ws_url", "backend_auth_token", "state_dir"),
            (),
            lambda settings: f"Backend at {shown_url(settings.backend_ws_url)}",
            lambda settings: {"url": shown_url(settings.backend_ws_url)},
            _look_at_backend,
        ),
    )
}
