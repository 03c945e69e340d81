"""The WebSocket over a sleep of the PC: old connections are read out and replaced, stops in them obeyed."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from tests.control.conftest import QUICK

from hybrid_bridge.control.state import Link
from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import OutboxMessage

STOP = json.dumps({"type": "emergency_stop", "data": {"reason": "enough"}})
HOUR_MS = 3_600_000


def signal(name: str) -> str:
    return json.dumps({"type": "trading_signal", "data": {"symbol": "EURUSD", "action": "BUY", "id": name}})


class Pc:
    """Sleeps in no time."""

    def __init__(self) -> None:
        self.standstills = 0
        self.slept_from_msc = 0

    def count(self) -> int:
        return self.standstills

    def before_msc(self) -> int:
        return self.slept_from_msc

    def sleep(self) -> None:
        self.standstills += 1
        self.slept_from_msc = time.time_ns() // 1_000_000 - HOUR_MS


@pytest.fixture
def pc() -> Pc:
    return Pc()


@pytest.fixture
def start(start_client, backend, pc):
    def begin(**options):
        return start_client(backend.url, standstills=pc.count, before_msc=pc.before_msc, **options)[0]

    return begin


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it hangs on sockets
            await asyncio.sleep(0.005)


def age_ms(item) -> int:
    return time.time_ns() // 1_000_000 - item.received_msc


async def test_the_connection_is_replaced_at_once_and_told_why(backend, start, pc):
    client = start()
    first = await backend.connection()
    await until(lambda: client.state.link is Link.UP)
    began = time.monotonic()
    pc.sleep()
    client.renew()
    second = await backend.connection()
    assert (2 > time.monotonic() - began, first is second) == (True, False)
    await first.wait_closed()
    assert (1001, "the PC slept, or the bridge was held up") == (first.close_code, first.close_reason)
    await until(lambda: client.state.link is Link.UP)
    assert (1, True) == (client.state.reconnects, "the PC slept" in client.state.last_error)


async def test_what_lay_in_the_old_connection_is_as_old_as_before_the_sleep(backend, start, inbox, pc):
    client = start()
    connection = await backend.connection()
    await connection.send(signal("before"))
    await inbox.received(1)
    pc.sleep()
    await connection.send(signal("in the buffer"))
    await connection.send(STOP)
    client.renew()
    renewed = await backend.connection()
    await renewed.send(signal("after"))
    items = await inbox.received(4)
    ages = {item.signal_id: age_ms(item) > HOUR_MS / 2 for item in items if isinstance(item, SignalReceived)}
    assert {"before": False, "in the buffer": True, "after": False} == ages
    assert 1 == sum(isinstance(item, EmergencyStopRequested) for item in items)


async def test_it_is_old_from_the_instant_of_waking_before_anybody_asks_for_a_renewal(
    backend, start, inbox, pc
):
    start()
    connection = await backend.connection()
    pc.sleep()
    await connection.send(signal("a"))
    (received,) = await inbox.received(1)
    assert isinstance(received, SignalReceived)
    assert age_ms(received) >= HOUR_MS


async def test_a_flood_that_lay_there_is_read_to_the_stop_behind_it(backend, start, inbox, pc):
    client = start()
    connection = await backend.connection()
    pc.sleep()
    for number in range(500):
        await connection.send(signal(str(number)))
    await connection.send(STOP)
    client.renew()
    await backend.connection()
    await until(lambda: any(isinstance(item, EmergencyStopRequested) for item in inbox.items))


async def test_a_backend_that_is_gone_holds_up_the_new_connection_for_seconds_at_most(backend, start, pc):
    client = start()
    first = await backend.connection()
    await until(lambda: client.state.link is Link.UP)
    first.transport.pause_reading()
    pc.sleep()
    client.renew()
    began = time.monotonic()
    await backend.connection()
    assert time.monotonic() - began < 6


async def test_waiting_for_the_next_attempt_ends_on_waking(start_backend, start_client, pc):
    backend = await start_backend()
    port = backend.port
    backend.server.close()
    await backend.server.wait_closed()
    limits = replace(QUICK, backoff_low_s=60.0, backoff_high_s=60.0)
    client, _ = start_client(
        f"ws://127.0.0.1:{port}/ws", limits=limits, standstills=pc.count, before_msc=pc.before_msc
    )
    await until(lambda: client.state.last_error)
    again = await start_backend(port)
    pc.sleep()
    client.renew()
    await again.connection()


async def test_a_delivery_that_ran_out_of_time_over_the_sleep_does_not_cut_what_is_still_to_be_read(
    backend, start, inbox, pc
):
    client = start(limits=replace(QUICK, deliver_s=0.3))
    connection = await backend.connection()
    await until(lambda: client.state.link is Link.UP)
    connection.transport.pause_reading()
    delivering = asyncio.ensure_future(client.deliver([OutboxMessage(1, "k", b"{}")]))
    await asyncio.sleep(0.05)
    pc.sleep()
    with pytest.raises(ChannelError, match="before the PC slept"):
        await delivering
    connection.transport.resume_reading()
    await connection.send(STOP)
    client.renew()
    await until(lambda: inbox.items)
    assert isinstance(inbox.items[0], EmergencyStopRequested)


async def test_news_of_before_the_sleep_is_not_sent_on_the_new_connection(backend, start, pc):
    client = start(on_connect=lambda: client.post_latest("bridge_status", b'"awake"'))
    first = await backend.connection()
    client.post_latest("account_info", b'"equity of yesterday"')
    async with asyncio.timeout(10):
        assert {'"awake"', '"equity of yesterday"'} == {await first.recv(), await first.recv()}
        pc.sleep()
        client.renew()
        second = await backend.connection()
        client.post_latest("positions", b'"of today"')
        assert {'"awake"', '"of today"'} == {await second.recv(), await second.recv()}


async def test_a_connection_made_after_the_sleep_is_left_alone(backend, start, inbox, pc):
    pc.sleep()
    client = start()
    connection = await backend.connection()
    await until(lambda: client.state.link is Link.UP)
    client.renew()
    await connection.send(signal("fresh"))
    (received,) = await inbox.received(1)
    assert (True, 0) == (age_ms(received) < HOUR_MS / 2, client.state.reconnects)
