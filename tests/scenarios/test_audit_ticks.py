"""The audit of ticks as it is typed, on what a bridge wrote and on the same with faults planted in it."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from tests.scenarios.harness import Backend, BridgeProcess, Broker, Simulator, eventually, read_topic, utc_now

pytestmark = pytest.mark.scenario

SYMBOLS = ["EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "AUDUSD", "USDCHF", "USDCAD", "NZDUSD"]
PLACE = 9  # Of the tick that a fault is planted at.
TOPIC = "planted"

Message = dict[str, Any]


def plant(messages: dict[str, list[Message]]) -> dict[str, dict[str, int]]:
    """Plant one fault in each symbol's ticks; return what must be reported of each."""
    ticks = iter(messages.items())

    def next_ticks() -> tuple[str, list[Message]]:
        return next(ticks)

    expected: dict[str, dict[str, int]] = {}
    symbol, rows = next_ticks()
    del rows[PLACE]
    expected[symbol] = {"missing": 1, "holes": 1}
    symbol, rows = next_ticks()
    rows.insert(PLACE, rows[PLACE])
    expected[symbol] = {"doubled": 1}
    symbol, rows = next_ticks()
    rows[PLACE], rows[PLACE + 1] = rows[PLACE + 1], rows[PLACE]
    expected[symbol] = {"out_of_order": 1}
    symbol, rows = next_ticks()
    rows[PLACE] = {**rows[PLACE], "bid": rows[PLACE]["bid"] + 0.5}
    expected[symbol] = {"differing": 1}
    symbol, rows = next_ticks()
    late = rows[PLACE]["time_msc"] + 1
    rows[PLACE] = {**rows[PLACE], "time_msc": late, "time": f"{rows[PLACE]['time'][:-4]}{late % 1000:03d}Z"}
    expected[symbol] = {"differing": 1}
    symbol, rows = next_ticks()
    rows[PLACE:] = [{**row, "seq": row["seq"] + 3} for row in rows[PLACE:]]
    expected[symbol] = {"holes": 3}
    symbol, rows = next_ticks()
    rows[PLACE + 1 :] = [{**row, "seq": row["seq"] - 1} for row in rows[PLACE + 1 :]]
    del rows[PLACE]
    expected[symbol] = {"missing": 1}
    symbol, rows = next_ticks()
    expected[symbol] = {}
    return expected


def write(broker: str, messages: dict[str, list[Message]], account: str) -> None:
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    for symbol, rows in messages.items():
        for row in rows:
            body = json.dumps({"type": "tick_data", "data": row})
            producer.produce(TOPIC, body, key=symbol, headers={"account": account})
    assert producer.flush(10) == 0


def complaints(stderr: str) -> str:
    """Return what was said on standard error beside that a slow start is waited for."""
    lines = stderr.splitlines()
    return "\n".join(line for line in lines if not line.startswith("waiting for the terminal"))


async def test_a_whole_topic_is_clean_and_each_planted_fault_is_told_as_what_it_is(
    tmp_path: Path, broker: Broker, backend: Backend, make_bridge: Callable[..., BridgeProcess]
) -> None:
    simulator = Simulator(tmp_path, "--symbols", ",".join(SYMBOLS), "--seed", "11")
    simulator.start()
    with simulator.control() as control:
        control.change_speed(10)
    try:
        began = utc_now()
        bridge = make_bridge(
            **simulator.settings,
            REDPANDA_BOOTSTRAP_SERVERS=broker.address,
            BACKEND_WS_URL=backend.url,
            SYMBOLS=",".join(SYMBOLS),
        ).start()

        def by_symbol() -> dict[str, list[Message]]:
            found: dict[str, list[Message]] = defaultdict(list)
            for key, message in read_topic(broker.address, "market_ticks"):
                found[key.decode()].append(message["data"])
            return found

        def enough() -> bool:
            found = by_symbol() if bridge.log.count("Redpanda channel is up") else {}
            return len(found) == len(SYMBOLS) and min(map(len, found.values())) > PLACE + 5

        await eventually(enough)
        clean = bridge.command("audit-ticks", "--from", began, "--json")
        assert (0, "") == (clean.returncode, complaints(clean.stderr))
        told = json.loads(clean.stdout)
        assert told["clean"]
        assert min(row["compared"] for row in told["symbols"].values()) > PLACE

        assert bridge.stop() == 0
        bridge.settings["REDPANDA_TICK_TOPIC"] = TOPIC
        bridge.write_settings()
        messages = by_symbol()
        expected = plant(messages)
        account = "10000001" if simulator.settings["MT5_BACKEND"] == "terminal" else "simulator-10000001"
        write(broker.address, messages, account)
        planted = bridge.command("audit-ticks", "--from", began, "--json")
        bridge.settings["MT5_LOGIN"] = 4711
        bridge.write_settings()
        elsewhere = bridge.command("audit-ticks", "--from", began)
    finally:
        simulator.kill()

    assert elsewhere.returncode == 1
    assert complaints(elsewhere.stderr).startswith(
        "the terminal cannot be asked: account 10000001 is logged in, MT5_LOGIN"
    )
    assert planted.returncode == 1, planted.stderr
    told = json.loads(planted.stdout)
    figures = ("missing", "doubled", "out_of_order", "differing", "unknown", "holes")
    found = {
        symbol: {name: row[name] for name in figures if row[name]} for symbol, row in told["symbols"].items()
    }
    assert found == expected
    assert not told["clean"]
