"""What the simulated terminal alone bears: calls a second on one connection, and ticks a second fed.

The calls are made by this process through the package's functions, one after the other, against a terminal
in a process of its own. The ticks are a file's, replayed at such a speed that more are due than can be fed.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmarks.figures import Figure, Target

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator.catalogue import MAJORS
from hybrid_bridge.simulator.control_client import SimulatorControl

CALLS_PER_S = 5_000
TICKS_PER_S = 20_000
CALLS, CALLS_QUICK = 20_000, 5_000
STRETCHES = 20
FEED_S, FEED_QUICK_S = 5.0, 2.0
# Ticks of the file and their distance; played so much faster that 40,000 are due each second.
FILE_TICKS = 100_000
STEP_MSC, SPEED = 100, 571.0
DAY_MSC = 1_399_507_200_000


async def measure_simulator(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure calls, then ticks."""
    del bootstrap
    return await asyncio.to_thread(_measure, folder, quick)


def _measure(folder: Path, quick: bool) -> list[Figure]:
    folder.mkdir(parents=True, exist_ok=True)
    calls = CALLS_QUICK if quick else CALLS
    with _terminal() as (address, _):
        if not mt5.initialize(address):
            raise RuntimeError(f"the simulated terminal cannot be reached: {mt5.last_error()}")
        target = Target(CALLS_PER_S, at_least=True)
        figures = [
            Figure(
                "simulator: positions_get on one connection, best stretch",
                _rate(mt5.positions_get, calls),
                "/s",
                None,
                target,
            ),
            Figure(
                "simulator: account_info on one connection, best stretch",
                _rate(mt5.account_info, calls),
                "/s",
            ),
        ]
        mt5.shutdown()
    fed = _feed(folder, FEED_QUICK_S if quick else FEED_S)
    target = Target(TICKS_PER_S, at_least=True)
    return [*figures, Figure("simulator: ticks fed over seven symbols", fed, "/s", None, target)]


def _rate(call: Callable[[], object], calls: int) -> float:
    """Return the calls a second of the best stretch: in the others the machine did something else as well."""
    return max(_rate_of_stretch(call, calls // STRETCHES) for _ in range(STRETCHES))


def _rate_of_stretch(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - began)


def _feed(folder: Path, lasts_s: float) -> float:
    options = ["--start", "00:00", "--speed", str(SPEED)]
    for symbol in MAJORS:
        options += ["--ticks", str(_write_ticks(folder / f"{symbol}.csv", symbol))]
    with _terminal(*options) as (_, control):
        before, began = _ticks(control), time.perf_counter()
        time.sleep(lasts_s)
        return (_ticks(control) - before) / (time.perf_counter() - began)


def _ticks(control: SimulatorControl) -> int:
    return int(sum(control.stats()["ticks"].values()))


def _write_ticks(path: Path, symbol: str) -> Path:
    price = 150.0 if symbol.endswith("JPY") else 1.1
    lines = (
        f"{DAY_MSC + number * STEP_MSC},{price + number % 7 * 1e-3:.5f},{price + 0.01:.5f}"
        for number in range(FILE_TICKS)
    )
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


@contextmanager
def _terminal(*options: str) -> Iterator[tuple[str, SimulatorControl]]:
    command = [
        sys.executable,
        "-m",
        "hybrid_bridge.simulator",
        "--die-with-parent",
        "--listen",
        "127.0.0.1:0",
    ]
    process = subprocess.Popen(
        [*command, "--control", "127.0.0.1:0", *options],
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            ready = json.loads(process.stdout.readline() if process.stdout else b"")
            with SimulatorControl(ready["control"]) as control:
                yield ready["simulator"], control
        finally:
            process.terminate()
