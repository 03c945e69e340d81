"""Looks at the computer: processor, memory, disk, and whether a MetaTrader 5 terminal runs.

Called, through run_bridge.py, by people who type a one-liner. It only reads; what the system does not tell
about a process stays empty.
"""

import sys
from pathlib import Path
from typing import NotRequired, TypedDict

import psutil

CPU_PERCENT_MAX = 90.0
MEMORY_PERCENT_MAX = 90.0
DISK_FREE_GB_MIN = 1.0
CPU_WINDOW_S = 0.3
TERMINAL_PROGRAM = "terminal64.exe"  # terminal.exe is MetaTrader 4's


class Figure(TypedDict):
    """One resource: how much of it is used or left, and whether that is enough."""

    ok: bool
    used_percent: float
    free_gb: NotRequired[float]
    path: NotRequired[str]


class Resources(TypedDict):
    """The computer's resources; `ok` when every one of them is."""

    ok: bool
    cpu: Figure
    memory: Figure
    disk: Figure


class Terminal(TypedDict):
    """A running terminal; the path is empty when the system does not tell it."""

    pid: int
    path: str


class Terminals(TypedDict):
    """Which terminals run; `ok` when at least one does."""

    ok: bool
    terminals: list[Terminal]
    detail: str


class HealthChecker:
    """Checks that people run by hand before they look any further."""

    @staticmethod
    def check_system_resources() -> Resources:
        """Measure processor, memory and the disk of the current folder; takes about 0.3 s."""
        cpu_percent = psutil.cpu_percent(interval=CPU_WINDOW_S)
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(Path.cwd()))
        disk_free_gb = _gigabytes(disk.free)
        result: Resources = {
            "ok": True,
            "cpu": {"ok": cpu_percent <= CPU_PERCENT_MAX, "used_percent": cpu_percent},
            "memory": {
                "ok": memory.percent <= MEMORY_PERCENT_MAX,
                "used_percent": memory.percent,
                "free_gb": _gigabytes(memory.available),
            },
            "disk": {
                "ok": disk_free_gb >= DISK_FREE_GB_MIN,
                "used_percent": disk.percent,
                "free_gb": disk_free_gb,
                "path": str(Path.cwd()),
            },
        }
        result["ok"] = result["cpu"]["ok"] and result["memory"]["ok"] and result["disk"]["ok"]
        return result

    @staticmethod
    def check_mt5_process() -> Terminals:
        """Look for running MetaTrader 5 terminals."""
        terminals = _running_terminals()
        return {"ok": bool(terminals), "terminals": terminals, "detail": _detail(len(terminals))}


def _gigabytes(count: int) -> float:
    return round(count / 1024**3, 1)


def _running_terminals() -> list[Terminal]:
    return [
        {"pid": process.pid, "path": _path_of(process)}
        for process in psutil.process_iter()
        if _name_of(process).lower() == TERMINAL_PROGRAM
    ]


def _name_of(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except (psutil.Error, OSError):  # as below; Wine tells no names
        return ""


def _path_of(process: psutil.Process) -> str:
    try:
        return str(process.exe())
    except (psutil.Error, OSError):  # it has ended, belongs to somebody else, or runs under Wine
        return ""


def _detail(count: int) -> str:
    if count:
        return f"{count} MetaTrader 5 terminal{'s run' if count > 1 else ' runs'}"
    if sys.platform != "win32":
        return "MetaTrader 5 runs on Windows, this is another system: use the simulated terminal (--demo)"
    return f"no {TERMINAL_PROGRAM} runs; start MetaTrader 5 and log in to your account"
