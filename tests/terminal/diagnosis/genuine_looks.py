"""Looks at a simulated terminal through the genuine package; run by test_genuine.py in a Windows Python.

Prints one line of JSON: for each set-up what every step came to, as [step, verdict, fault, seen].
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.findings import Fault, Finding, wrong
from hybrid_bridge.settings import Settings, TerminalSettings
from hybrid_bridge.simulator.control_client import SimulatorControl
from hybrid_bridge.terminal.diagnosis.asking import asked_worker
from hybrid_bridge.terminal.diagnosis.connection import connect, look_at_package
from hybrid_bridge.terminal.diagnosis.inspection import Subject, inspect
from hybrid_bridge.terminal.diagnosis.program import Installed
from hybrid_bridge.terminal.lane import LaneOptions

LOGIN = 10_000_001
Seen = list[list[str]]
Reach = Callable[[TerminalSettings], Awaitable[Seen]]


def settings(path: Path | str, **more: Any) -> TerminalSettings:
    made = {"mt5_login": LOGIN, "mt5_path": str(path), "symbols": "EURUSD", "mt5_timeout_ms": 1000, **more}
    return Settings(**made).terminal


def told(findings: Sequence[Finding]) -> Seen:
    return [[one.step, one.verdict, one.fault.key if one.fault else "", one.seen] for one in findings]


async def look(wanted: TerminalSettings, installed: Installed) -> Seen:
    """Go through every step, as `hybrid-bridge check terminal` does."""
    return told([finding async for finding in inspect(Subject(wanted, installed, 7), SystemClock())])


@asynccontextmanager
async def reaching(**environment: str) -> AsyncIterator[Reach]:
    """Give a function that connects without the looks that would have stopped before."""
    options = LaneOptions("check", "MetaTrader5", settings(""), environment)
    async with asked_worker(options) as asked:
        await look_at_package(asked)

        async def reach(wanted: TerminalSettings) -> Seen:
            fault = await connect(asked, wanted, wanted.path, 5.0)
            return told([wrong("connection", fault)] if isinstance(fault, Fault) else [])

        yield reach


async def without_terminal(folder: Path) -> dict[str, Seen]:
    """Every way in which there is none."""
    empty, program = folder / "empty" / "terminal64.exe", folder / "idle" / "terminal64.exe"
    for path, content in ((empty, b""), (program, Path(sys.executable).read_bytes())):
        path.parent.mkdir()
        path.write_bytes(content)
    nothing, nobody = Installed(), folder / "nobody"
    nobody.mkdir()
    both = Installed([str(empty), str(program)])
    found = {
        "no such path": await look(settings(folder / "terminal64.exe"), nothing),
        "a folder": await look(settings(program.parent), nothing),
        "not a program": await look(settings(empty), nothing),
        "not running": await look(settings(program), nothing),
        "running, shut": await look(settings(program), Installed((), [str(program)])),
        "none installed": await look(settings(""), nothing),
        "several installed": await look(settings(""), both),
    }
    async with reaching(APPDATA=str(nobody)) as reach:
        found["initialize: no such path"] = await reach(settings(folder / "terminal64.exe"))
        found["initialize: not a program"] = await reach(settings(empty))
        found["initialize: none installed"] = await reach(settings(""))
    return found


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "too old for the package": ("error", {"command": "hello", "code": -5}),
    "parameters refused": ("error", {"command": "hello", "code": -2}),
    "another error": ("error", {"command": "hello", "code": -1}),
    "not logged in yet": ("slow_start", {"seconds": 100}),
    "login refused": ("error", {"command": "authorisation", "code": -6}),
    "no answer": ("stall", {"command": "hello"}),
}
STANDING: dict[str, dict[str, dict[str, Any]]] = {
    "switches": {
        "autotrading_off": {},
        "api_off": {},
        "trading_off": {},
        "reject": {"command": "order_check", "retcode": 10019},
    },
    "account": {"link_down": {}, "other_account": {"login": 555}},
    "dies": {"lose_reply": {"command": "terminal_info", "skip": 1}},
}


async def at_terminal(program: Path, control: SimulatorControl) -> dict[str, Seen]:
    """Every way in which there is one that cannot be used."""
    found = {"all is well": await look(settings(program), Installed())}
    async with reaching() as reach:
        control.fault("error", command="authorisation", code=-6)
        found["wrong password"] = await reach(settings(program, mt5_password="wrong-one"))
        control.fault("error", command="authorisation", code=-6)
        control.fault("error", command="login", code=-7)
        found["one-time password"] = await reach(settings(program, mt5_password="secret"))
        control.fault("error", command="authorisation", code=-6)
        found["logged in by name"] = await reach(settings(program, mt5_password="secret"))
        for name, (fault, options) in FAULTS.items():
            control.fault(fault, **options)
            found[name] = await reach(settings(program))
            control.clear()
    for name, faults in STANDING.items():
        for fault, options in faults.items():
            control.fault(fault, **options)
        found[name] = await look(settings(program), Installed())
        control.clear()
    control.fault("experts_off")
    path_less = settings("", symbols="EURUSD,EURUSD.x")
    found["without a path"] = await look(path_less, Installed([str(program)]))
    return found


def main() -> dict[str, Seen]:
    """Go through everything once."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "Σ Broker & Übung"
        folder.mkdir()
        found = asyncio.run(without_terminal(folder))
        program = folder / "live" / "terminal64.exe"
        program.parent.mkdir()
        program.touch()
        simulator = subprocess.Popen(
            [
                *(sys.executable, "-m", "hybrid_bridge.simulator", "--die-with-parent"),
                *("--pipe", str(program), "--control", "127.0.0.1:0", "--password", "secret"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ),
        )
        assert simulator.stdout is not None
        ready = json.loads(simulator.stdout.readline())
        with SimulatorControl(ready["control"]) as control:
            found |= asyncio.run(at_terminal(program, control))
        simulator.kill()
        simulator.wait(10)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
