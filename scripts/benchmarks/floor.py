"""The floors: what a signal costs with the bare client library and the same call to the terminal.

    python -m scripts.benchmarks.floor redpanda --bootstrap HOST:PORT --topic TOPIC --simulator HOST:PORT
    python -m scripts.benchmarks.floor websocket --url ws://... --simulator HOST:PORT

Decodes the JSON, has the lane submit the order, answers. No guard, no sizing, no journal, no second delivery
dropped, nothing published: nothing to trade with. Settings of the clients are the bridge's own.
"""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import msgspec
import structlog
import websockets
from aiokafka import AIOKafkaConsumer
from websockets.asyncio.client import connect

from hybrid_bridge.settings import Settings
from hybrid_bridge.streams import signal_consumer
from hybrid_bridge.streams.clients import connection_options
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.lanes import lane_options
from hybrid_bridge.terminal.operations import SUBMIT, SubmitArgs, SubmitReply

ACTION_DEAL = 1
FILLING_FOK = 0
DONE = 10009


class Signal(msgspec.Struct):
    """The fields of a signal that an order is made of."""

    id: str
    symbol: str
    action: str
    volume: float
    stop_loss: float


class Message(msgspec.Struct):
    """The envelope."""

    type: str
    data: Signal


_decode = msgspec.json.Decoder(Message).decode


async def submit(lane: Lane, signal: Signal) -> SubmitReply:
    """Have the order checked and sent.

    Raises:
        RuntimeError: when the venue refuses it; a floor that trades nothing measures nothing.
    """
    args = SubmitArgs(
        action=ACTION_DEAL,
        symbol=signal.symbol,
        volume=signal.volume,
        price=0.0,
        sl=signal.stop_loss,
        tp=0.0,
        deviation=10,
        type=0 if signal.action == "BUY" else 1,
        type_filling=FILLING_FOK,
        type_time=0,
        magic=1,
        order=0,
        position=0,
        comment=signal.id,
    )
    reply = await lane.call(SUBMIT, args)
    if reply.result is None or reply.result.retcode != DONE:
        raise RuntimeError(f"the floor's order was refused: {reply}")
    return reply


async def from_redpanda(lane: Lane, settings: Settings) -> None:
    """Read signals from the topic and send them, for ever."""
    consumer = AIOKafkaConsumer(
        settings.redpanda_signal_topic,
        **connection_options(settings.streams),
        group_id=settings.streams.group_id,
        enable_auto_commit=False,
        auto_offset_reset="latest",
        session_timeout_ms=signal_consumer.SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=signal_consumer.HEARTBEAT_MS,
        fetch_max_wait_ms=signal_consumer.FETCH_WAIT_MS,
    )
    await consumer.start()
    while not consumer.assignment():  # noqa: ASYNC110 - the bare library tells it by asking only
        await asyncio.sleep(0.05)
    for partition in consumer.assignment():
        await consumer.position(partition)
    _say({"reads": settings.redpanda_signal_topic})
    while True:
        fetched = await consumer.getmany(
            timeout_ms=signal_consumer.POLL_MS, max_records=signal_consumer.RECORDS_PER_POLL
        )
        for records in fetched.values():
            for record in records:
                await submit(lane, _decode(record.value).data)


async def from_websocket(lane: Lane, url: str) -> None:
    """Take signals from the backend, send them and answer with their results, for ever."""
    async with connect(url, compression=None, proxy=None) as connection:
        _say({"reads": url})
        try:
            async for raw in connection:
                received_ns = time.time_ns()
                signal = _decode(raw).data
                reply = await submit(lane, signal)
                await connection.send(msgspec.json.encode(_result(signal, reply, received_ns)))
        except websockets.ConnectionClosed:
            return


def _result(signal: Signal, reply: SubmitReply, received_ns: int) -> dict[str, Any]:
    row = reply.result
    data = {
        "signal_id": signal.id,
        "status": "filled",
        "symbol": signal.symbol,
        "action": signal.action,
        "price": row.price if row else 0.0,
        "ticket": row.order if row else 0,
        "received_at": received_ns // 1_000_000,
    }
    return {"type": "trade_result", "data": data}


async def run(options: argparse.Namespace) -> None:
    """Run one floor until the program that started it ends."""
    settings = Settings(
        mt5_backend="simulator",
        sim_address=options.simulator,
        symbols=options.symbol,
        redpanda_bootstrap_servers=options.bootstrap or "localhost:9092",
        redpanda_signal_topic=options.topic or "trading_signals",
        redpanda_group_id=f"floor-{time.time_ns()}",
    )
    lane = Lane(lane_options("trade", settings.terminal))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.run())
        await lane.wait_ready()
        work = (
            from_websocket(lane, options.url)
            if options.channel == "websocket"
            else from_redpanda(lane, settings)
        )
        tasks.create_task(work)
        await asyncio.to_thread(sys.stdin.buffer.read)
        raise SystemExit


def _say(fact: dict[str, str]) -> None:
    print(json.dumps(fact), flush=True)


def main() -> None:
    """Read the command line and run; standard output is for the line that says it is ready."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmarks.floor")
    parser.add_argument("channel", choices=("redpanda", "websocket"))
    parser.add_argument("--simulator", required=True, metavar="HOST:PORT")
    parser.add_argument("--symbol", default="EURUSD")
    parser.add_argument("--bootstrap", metavar="HOST:PORT")
    parser.add_argument("--topic")
    parser.add_argument("--url")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
