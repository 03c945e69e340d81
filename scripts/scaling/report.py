"""The figures of scripts/scale as tables for a terminal. Pure; `run` prints them."""

from collections.abc import Sequence
from typing import Any

from scripts.benchmarks.table import show

HEADINGS = (
    "layout", "phase", "ticks/s", "publishes/s", "broker %", "bridges %", "batch B/tick", "disk B/tick",
    "wire B/tick", "wire B/s bridge", "beat p50", "p99 ms", "signal p50", "p99 ms", "connections", "late/s",
    "load",
)  # fmt: skip
NEED_HEADINGS = (
    "accounts", "topics", "ticks/s", "cores", "in MB/s", "signals out MB/s", "disk GB", "replicas",
)  # fmt: skip


def render(rows: Sequence[dict[str, Any]], base: dict[str, Any], bridges: int) -> str:
    """Return the table of phases; processor time is in percent of a core."""
    idle = {row["layout"]: row["wire_total"] for row in rows if not row["ticks"]}
    alone = f"the broker with nobody connected: {show(_percent(base['broker_cpu']))} % of a core"
    lines = _table([HEADINGS, *(_row(row, idle[row["layout"]], bridges) for row in rows)])
    return f"{lines}\n{alone}, {show(base['broker_rss_mb'])} MB"


def render_reckoning(found: dict[str, Any]) -> str:
    """Return prices and needs; says why there are none without a broker that can be looked at."""
    if not found:
        return "no prices: processor time and disk of a broker that runs elsewhere are not seen from here"
    prices = ", ".join(f"{name} {show(value)}" for name, value in found["prices"].items())
    needs = [NEED_HEADINGS, *(_need(need) for need in found["needs"])]
    return f"prices: {prices}\n{_table(needs)}"


def _row(row: dict[str, Any], idle_wire: float, bridges: int) -> tuple[str, ...]:
    ticks = row["ticks"]
    return (
        row["layout"],
        row["phase"],
        show(ticks),
        show(row["publishes"]),
        show(_percent(row["broker_cpu"])),
        show(_percent(row["cpu_s"])),
        show(_each(row["batch_bytes"], ticks)),
        show(_each(row["disk_bytes"], ticks)),
        show(_each(row["wire_total"] - idle_wire, ticks)),
        show(row["wire_total"] / bridges),
        *(show(row[name]) for name in ("beat_ms_p50", "beat_ms_p99", "signal_ms_p50", "signal_ms_p99")),
        show(row["connections"]),
        show(row["late"]),
        show(row["load"]),
    )


def _percent(cores: float | None) -> float | None:
    return None if cores is None else cores * 100


def _each(amount: float | None, count: float) -> float | None:
    return None if amount is None or not count else amount / count


def _need(need: dict[str, Any]) -> tuple[str, ...]:
    kind = "shared" if need["shared"] else "own"
    names = ("ticks", "cores", "ingress_mb_s", "egress_mb_s", "disk_gb", "replicas")
    return (show(need["accounts"]), kind, *(show(need[name]) for name in names))


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
