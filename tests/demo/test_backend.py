"""The demo backend as a real process, towards a plain WebSocket client and the bridge's own."""

import asyncio
import json
import signal
import sys
import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hybrid_bridge.control.client import ControlClient
from hybrid_bridge.control.ticks import WebSocketTickSink
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.messages.inbound import decode
from hybrid_bridge.messages.outbound import encode_tick
from hybrid_bridge.settings import ControlSettings


def tick(number: int) -> Tick:
    bid = round(1.1 + number * 0.00001, 5)
    return Tick("EURUSD", bid, round(bid + 0.0001, 5), 0.0, 0, time.time_ns() // 1_000_000)


class Clock:
    def utc_msc(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_it_trades_with_the_bridges_own_client_without_any_kafka(start_backend):
    backend = await start_backend("--token", "t0ken", "--every", "0.05")
    received: asyncio.Queue = asyncio.Queue()

    class Inbox:
        async def put(self, item, settled=None) -> None:
            await received.put(item)

    settings = ControlSettings(backend.ready["backend"], SecretStr("t0ken"))
    client = ControlClient(settings, Inbox(), Clock(), lambda query: [])
    sink = WebSocketTickSink(client)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(client.run())
        await backend.health_once(lambda health: health["bridge_connected"])
        number = 0
        while received.empty():
            number += 1
            await sink.publish([SequencedTick(tick(number), number)])
            await asyncio.sleep(0.002)
        running.cancel()
    item = received.get_nowait()
    assert isinstance(item, SignalReceived)
    assert ("EURUSD", None, True) == (item.symbol, item.volume, item.stop_loss > 0)
    assert abs(Clock().utc_msc() - (item.timestamp_msc or 0)) < 10_000
    health = await backend.health_once(lambda health: not health["bridge_connected"])
    assert health["signals"].keys() == {"websocket"}
    assert 30 <= health["ticks"] <= number


async def test_signals_go_over_both_channels_in_turn_and_are_what_the_bridge_understands(
    start_backend, broker
):
    backend = await start_backend("--bootstrap", broker, "--every", "0.1")
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})
    async with connect(backend.ready["backend"], proxy=None) as bridge:
        number, health = 0, {}
        async with asyncio.timeout(30):
            while health.get("signals", {}).get("redpanda", 0) < 3:
                for _ in range(20):
                    number += 1
                    producer.produce("market_ticks", encode_tick(tick(number), number), "EURUSD")
                producer.poll(0)
                health = await backend.health()
                await asyncio.sleep(0.05)
            over_websocket = [await bridge.recv(decode=False) for _ in range(health["signals"]["websocket"])]
    over_redpanda = await asyncio.to_thread(read_all, broker, "trading_signals", 3)
    assert abs(health["signals"]["redpanda"] - health["signals"]["websocket"]) <= 1
    source = Source(Channel.WEBSOCKET)
    signals = [decode(raw, source, 0, "none") for raw in over_websocket + over_redpanda]
    assert all(isinstance(one, SignalReceived) and one.volume is None for one in signals)
    assert len(signals) == len({one.signal_id for one in signals})
    assert "none" not in {one.signal_id for one in signals}


def read_all(broker: str, topic: str, count: int) -> list[bytes]:
    reader = Consumer({"bootstrap.servers": broker, "group.id": "look", "log_level": 2})
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    messages = reader.consume(count, 10)
    reader.close()
    return [message.value() for message in messages]


async def test_results_and_aged_positions_are_dealt_with(start_backend):
    backend = await start_backend("--every", "60", "--hold", "0")
    async with connect(backend.ready["backend"], proxy=None) as bridge, asyncio.timeout(20):
        for number in range(40):
            await bridge.send(encode_tick(tick(number), number), text=True)
        sent = json.loads(await bridge.recv())
        result = {
            "signal_id": sent["data"]["id"],
            "status": "filled",
            "action": "BUY",
            "symbol": "EURUSD",
            "volume": 0.5,
            "ticket": 77,
            "reason": "",
            "detail": "",
        }
        await bridge.send(json.dumps({"type": "trade_result", "data": result}))
        await bridge.send(json.dumps({"type": "positions", "data": [{"ticket": 77, "profit": 1.0}]}))
        close = json.loads(await bridge.recv())
    assert ("close_position", 77) == (close["type"], close["data"]["ticket"])
    assert {"filled": 1} == (await backend.health())["results"]


async def test_what_it_does_not_understand_costs_it_nothing(start_backend):
    backend = await start_backend()
    async with connect(backend.ready["backend"], proxy=None) as bridge:
        for raw in (b"no json", b"[]", b"{}", b'{"type": "tick_data", "data": {}}', b'"text"'):
            await bridge.send(raw, text=True)
        await bridge.send(encode_tick(tick(1), 1), text=True)
        health = await backend.health_once(lambda health: health["ticks"])
    assert 1 == health["ticks"]


async def test_told_to_listen_only_it_sends_nothing(start_backend):
    backend = await start_backend("--no-signals", "--every", "0")
    async with connect(backend.ready["backend"], proxy=None) as bridge:
        for number in range(200):
            await bridge.send(encode_tick(tick(number), number), text=True)
        health = await backend.health_once(lambda health: health["ticks"] == 200)
        await bridge.close()
        assert [] == [message async for message in bridge]
    assert {} == health["signals"]


@pytest.mark.parametrize(
    ("token", "path", "status"), [("", "/ws/mt5", 401), ("x", "/ws/mt5", 401), ("t", "/", 404)]
)
async def test_who_has_no_token_or_knocks_at_the_wrong_door_stays_outside(start_backend, token, path, status):
    backend = await start_backend("--token", "t")
    address = backend.ready["backend"].replace("/ws/mt5", path)
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, proxy=None, additional_headers={"Authorization": f"Bearer {token}"})
    assert status == refused.value.response.status_code


async def test_it_ends_when_asked_and_when_its_parent_goes(start_backend, broker):
    asked = await start_backend("--bootstrap", broker)
    asked.process.send_signal(signal.SIGTERM)
    left_alone = await start_backend("--bootstrap", broker)
    left_alone.process.stdin.close()
    # What Python calls a signal there ends a process at once.
    for backend, expected in ((asked, 1 if sys.platform == "win32" else 0), (left_alone, 0)):
        code, said = await backend.ended()
        assert (expected, False) == (code, "Traceback" in said)


async def test_a_port_that_is_taken_is_told_in_a_sentence(start_backend):
    first = await start_backend()
    port = first.ready["backend"].split(":")[2].split("/")[0]
    second = await start_backend("--port", port)
    code, said = await second.ended()
    assert ({}, 1) == (second.ready, code)
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "Traceback" not in said
