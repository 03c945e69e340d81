"""Which computer the figures were taken on. Reads only; `run` prints it above the table."""

import os
import platform
from pathlib import Path

import psutil

CPU_INFO = Path("/proc/cpuinfo")


def describe() -> dict[str, str | int | float]:
    """Return cores, processor, memory, Python and operating system."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "python": platform.python_version(),
        "os": platform.platform(terse=True),
    }


def line(machine: dict[str, str | int | float]) -> str:
    """Return the description in one line."""
    return "{cores} cores, {cpu}, {memory_gb} GB, Python {python}, {os}".format_map(machine)


def _processor() -> str:
    try:
        text = CPU_INFO.read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = (row.partition(":")[2].strip() for row in text.splitlines() if row.startswith("model name"))
    return next(names, platform.machine())
