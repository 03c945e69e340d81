"""What an idle bridge costs: memory and processor time at 10 beats a second, looked at from outside."""

import asyncio
from pathlib import Path

from scripts.benchmarks.figures import Figure, Target
from scripts.benchmarks.load import Load
from scripts.benchmarks.world import World

from hybrid_bridge.simulator.catalogue import CATALOGUE

FEW = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
MANY = tuple(spec.name for spec in CATALOGUE[:28])
# What the start leaves behind settles first.
SETTLE_S, WATCH_S = 5.0, 20.0
SETTLE_QUICK_S, WATCH_QUICK_S = 2.0, 4.0
RSS_MAX_MB = 50.0
CPU_MAX_PERCENT = 5.0


async def measure_footprint(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure with 4 and with 28 symbols."""
    few = await _measure(folder / "few", bootstrap, FEW, quick)
    many = await _measure(folder / "many", bootstrap, MANY, quick)
    return [*few, *many]


async def _measure(folder: Path, bootstrap: str, symbols: tuple[str, ...], quick: bool) -> list[Figure]:
    async with World(folder, bootstrap) as world:
        await world.start_broker(prompt=False)
        await world.start_simulator("--symbols", ",".join(symbols))
        bridge = await world.start_bridge(SYMBOLS=",".join(symbols), TICK_RATE_HZ=10)
        await asyncio.sleep(SETTLE_QUICK_S if quick else SETTLE_S)
        load = Load(bridge.pid)
        await asyncio.sleep(WATCH_QUICK_S if quick else WATCH_S)
        own_cpu, tree_cpu = load.cpu_percent()
        own_mb, tree_mb = load.rss_mb()
    name = f"idle, {len(symbols)} symbols at 10 Hz"
    cpu_target = Target(CPU_MAX_PERCENT) if symbols is FEW else None
    return [
        Figure(f"{name}: memory of the daemon", own_mb, "MB", target=Target(RSS_MAX_MB)),
        Figure(f"{name}: memory with its lanes", tree_mb, "MB"),
        Figure(f"{name}: processor time of the daemon", own_cpu, "% of a core", target=cpu_target),
        Figure(f"{name}: processor time with its lanes", tree_cpu, "% of a core"),
    ]
