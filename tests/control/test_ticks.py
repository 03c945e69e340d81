"""Ticks over the WebSocket."""

import asyncio
import json

from hybrid_bridge.control.ticks import WebSocketTickSink
from hybrid_bridge.core.market import SequencedTick, Tick, TickCursor


def ticks(symbol: str, first: int, last: int) -> list[SequencedTick]:
    return [
        SequencedTick(Tick(symbol, 1.1 + seq / 100_000, 1.2, 0.0, 0, 1_700_000_000_000 + seq), seq)
        for seq in range(first, last + 1)
    ]


async def test_the_latest_tick_of_each_symbol_and_beat_is_sent(backend, start_client):
    client, _ = start_client(backend.url)
    sink = WebSocketTickSink(client)
    connection = await backend.connection()
    await sink.publish(ticks("EURUSD", 1, 5) + ticks("GBPUSD", 1, 3))
    received = [json.loads(await connection.recv()) for _ in range(2)]
    assert ["tick_data", "tick_data"] == [message["type"] for message in received]
    assert [("EURUSD", 5), ("GBPUSD", 3)] == [
        (message["data"]["symbol"], message["data"]["seq"]) for message in received
    ]


async def test_publishing_without_a_connection_returns_at_once_and_only_the_newest_is_sent_later(
    start_backend, start_client
):
    backend = await start_backend()
    client, _ = start_client(backend.url)
    sink = WebSocketTickSink(client)
    async with asyncio.timeout(10):
        for seq in range(1, 1001):
            await sink.publish(ticks("EURUSD", seq, seq))
    connection = await backend.connection()
    assert 1000 == json.loads(await connection.recv())["data"]["seq"]


async def test_a_websocket_has_nothing_to_recover(backend, start_client):
    client, _ = start_client(backend.url)
    assert {"EURUSD": 0} == await WebSocketTickSink(client).recover([TickCursor("EURUSD", 1, 1, 1)])
