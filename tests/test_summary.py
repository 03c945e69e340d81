"""The figures at the end of a run."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybrid_bridge import __version__, summary
from hybrid_bridge.bridge import Bridge
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.settings import Settings
from hybrid_bridge.summary import Summary

SYMBOLS = ("EURUSD", "XAUUSD")


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    """A whole bridge whose loops do not run."""
    bridge = Bridge(Settings(simulation_mode=True, state_dir=str(tmp_path), symbols=SYMBOLS), hybrid=True)
    yield bridge
    await bridge.close()


def make_summary(bridge: Bridge, control: str = "") -> Summary:
    return Summary(bridge, LoopLag(bridge.clock), SYMBOLS, control)


@contextlib.asynccontextmanager
async def control_port(answer: bytes | None) -> AsyncIterator[str]:
    """A control port that gives one answer, or none at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_it_holds_every_figure_of_the_contract_and_can_be_written(bridge):
    figures = await make_summary(bridge).gather()
    assert {
        "version",
        "duration_s",
        "ticks",
        "signals",
        "malformed",
        "results",
        "latency_ms",
        "loop_lag_max_ms",
        "rss_mb",
        "tree_rss_mb",
        "cpu_percent",
        "status",
    } == set(figures)
    assert {"generated", "published", "acknowledged", "per_second"} == set(figures["ticks"])
    assert __version__ == figures["version"]
    assert figures["tree_rss_mb"] >= figures["rss_mb"] > 10
    assert figures == json.loads(json.dumps(figures))


async def test_each_figure_is_that_of_the_part_that_counts_it(bridge):
    told = make_summary(bridge)
    told._started_s -= 10
    told._lag.max_ms = 12.345
    bridge.ticks.figures.published = 30
    bridge.ticks.figures.acknowledged = 20
    bridge.figures.received.update(websocket=2, redpanda=1)
    bridge.figures.statuses.update(filled=3)
    bridge.figures.malformed = 4
    bridge.figures.signal_to_send.add(0.001)
    bridge.figures.send_to_result.add(0.150)
    figures = await told.gather()
    assert {"generated": None, "published": 30, "acknowledged": 20, "per_second": 2.0} == figures["ticks"]
    assert ({"websocket": 2, "redpanda": 1}, {"filled": 3}, 4) == (
        figures["signals"],
        figures["results"],
        figures["malformed"],
    )
    assert (1.0, 150.0) == tuple(
        figures["latency_ms"][name]["p50"] for name in ("signal_to_send", "send_to_result")
    )
    assert (10.0, 12.3) == (figures["duration_s"], figures["loop_lag_max_ms"])
    assert bridge.board.bridge_status()["counters"] == figures["status"]["counters"]


async def test_only_ticks_of_the_own_symbols_count_as_generated(bridge):
    answer = b'{"ok": true, "ticks": {"EURUSD": 5, "XAUUSD": 2, "GBPUSD": 100}}\n'
    async with control_port(answer) as control:
        figures = await make_summary(bridge, control).gather()
    assert 7 == figures["ticks"]["generated"]


@pytest.mark.parametrize("answer", [None, b"", b'{"ok": tr', b'{"ok": false, "error": "no"}\n'])
async def test_a_terminal_that_gives_no_answer_costs_one_figure_and_little_time(bridge, monkeypatch, answer):
    monkeypatch.setattr(summary, "STATS_TIMEOUT_S", 0.2)
    async with asyncio.timeout(5), control_port(answer) as control:
        figures = await make_summary(bridge, control).gather()
    assert figures["ticks"]["generated"] is None


async def test_a_terminal_that_is_gone_costs_one_figure(bridge):
    async with control_port(None) as control:
        pass
    figures = await make_summary(bridge, control).gather()
    assert figures["ticks"]["generated"] is None
