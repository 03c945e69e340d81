"""The control client against real WebSocket servers, good ones and bad ones."""

import asyncio
import json
import logging
import re
import time
from dataclasses import replace

import psutil
import pytest
import structlog
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from hybrid_bridge.control.client import READS_PER_TURN, ControlClient
from hybrid_bridge.control.opening import FRAME_BYTES_MAX
from hybrid_bridge.control.state import ControlLimits, Link
from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    MalformedReceived,
    SignalReceived,
)
from hybrid_bridge.core.orders import Channel
from hybrid_bridge.errors import ChannelError, ConfigurationError
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import ControlSettings

SIGNAL = json.dumps({"type": "trading_signal", "data": {"symbol": "EURUSD", "action": "BUY", "volume": 0.1}})
CLOSE = json.dumps({"type": "close_position", "data": {"ticket": 7, "id": "last"}})
STOP = json.dumps({"type": "emergency_stop", "data": {"reason": "enough"}})
QUICK = ControlLimits(backoff_low_s=0.01, backoff_high_s=0.05, dwell_s=0.2)
TOKEN = "s3cret-token-that-nobody-may-see"


def outbox(*bodies: bytes) -> list[OutboxMessage]:
    return [OutboxMessage(seq, f"key-{seq}", body) for seq, body in enumerate(bodies, start=1)]


def signal(number: int) -> str:
    return json.dumps(
        {"type": "trading_signal", "data": {"symbol": "EURUSD", "action": "BUY", "id": str(number)}}
    )


async def stopped(task: asyncio.Task) -> float:
    """Cancel a client's task; return how many seconds it took to end."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await task
    return time.monotonic() - began


# --- what comes in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [True, False])
async def test_a_signal_reaches_the_inbox_from_text_and_binary_frames(backend, start_client, inbox, as_text):
    client, _ = start_client(backend.url)
    connection = await backend.connection()
    await connection.send(SIGNAL.encode(), text=as_text)
    (received,) = await inbox.received(1)
    assert isinstance(received, SignalReceived)
    assert ("EURUSD", 0.1, Channel.WEBSOCKET) == (received.symbol, received.volume, received.source.channel)
    assert 1 == client.state.received


async def test_ids_made_on_arrival_never_repeat_even_after_a_restart(backend, start_client, inbox):
    for _ in range(2):
        _, task = start_client(backend.url)
        connection = await backend.connection()
        await connection.send(SIGNAL)
        await connection.send(SIGNAL)
        await inbox.received(len(inbox.items) + 2)
        await stopped(task)
    ids = [item.signal_id for item in inbox.items]
    assert 4 == len(set(ids))
    assert all(re.fullmatch(r"ws-[0-9a-f]{16}-\d+", one) for one in ids)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"no json", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b'{"type": "sell_everything", "data": {}}', "unknown_type"),
        (b'{"type": "close_position", "data": {"ticket": "seven"}}', "invalid_field"),
        (b'{"type": "close_position", "data": {"ticket": 7, "volume": NaN}}', "not_json"),
        (b'{"type": "close_position", "data": {"ticket": 7, "ticket": 8}}', "duplicate_key"),
        (b"[" * 50_000, "not_json"),
        (b'"' + b"x" * 70_000 + b'"', "too_long"),
        (b"", "not_json"),
    ],
)
async def test_a_malformed_message_costs_nothing_but_itself(backend, start_client, inbox, frame, reason):
    client, _ = start_client(backend.url)
    connection = await backend.connection()
    await connection.send(frame, text=True)
    await connection.send(CLOSE)
    malformed, close = await inbox.received(2)
    assert isinstance(malformed, MalformedReceived)
    assert reason == malformed.reason
    assert isinstance(close, CloseRequested)
    assert (1, 0) == (client.state.malformed, client.state.reconnects)


async def test_every_malformed_message_has_a_name_of_its_own_even_after_a_restart(
    backend, start_client, inbox
):
    for _ in range(2):
        _, task = start_client(backend.url)
        connection = await backend.connection()
        for _ in range(3):
            await connection.send("no json")
        await inbox.received(len(inbox.items) + 3)
        await stopped(task)
    assert 6 == len({item.message_id for item in inbox.items})


async def test_a_frame_far_too_long_is_explained_and_the_client_comes_back(
    backend, start_client, inbox, hasty_clock
):
    start_client(backend.url, clock=hasty_clock)
    connection = await backend.connection()
    with pytest.raises(ConnectionClosed):
        await connection.send("x" * (FRAME_BYTES_MAX + 1))
        await connection.recv()
    assert 1009 == connection.close_code
    again = await backend.connection()
    error = json.loads(await again.recv())
    assert ("error", "too_long") == (error["type"], error["data"]["reason"])
    assert "65536" in error["data"]["detail"]
    await again.send(CLOSE)
    assert isinstance((await inbox.received(1))[0], CloseRequested)


async def test_a_question_is_answered_in_order_on_the_same_connection(backend, start_client):
    start_client(backend.url, answer=lambda query: [query.request.encode(), b"and more"])
    connection = await backend.connection()
    for request in ("positions", "status"):
        await connection.send(json.dumps({"type": "get_data", "data": {"request": request}}))
    assert ["positions", "and more", "status", "and more"] == [await connection.recv() for _ in range(4)]


async def test_a_backend_that_asks_without_reading_is_hung_up_on(start_backend, start_client):
    backend = await start_backend(max_queue=1)
    limits = replace(QUICK, stop_s=0.4)
    client, _ = start_client(backend.url, answer=lambda query: [b"x" * 60_000] * 64, limits=limits)
    connection = await backend.connection()
    with pytest.raises(ConnectionClosed):
        while True:
            await connection.send(json.dumps({"type": "get_data", "data": {"request": "positions"}}))
    await backend.connection()
    assert "reads too slowly" in client.state.last_error


async def test_an_answer_function_that_fails_ends_the_client_with_its_error(backend, start_client):
    def fail(query):
        raise LookupError("a defect")

    _, task = start_client(backend.url, answer=fail)
    connection = await backend.connection()
    await connection.send(json.dumps({"type": "get_data", "data": {"request": "status"}}))
    with pytest.raises(ExceptionGroup, match="unhandled") as caught:
        async with asyncio.timeout(10):
            await task
    assert caught.group_contains(LookupError, match="a defect")


# --- floods ----------------------------------------------------------------------------------------------


class OrderCheckingInbox:
    """Takes everything, keeps nothing, and notes the first signal out of order."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0
        self.first_wrong = ""
        self.finished = asyncio.Event()

    async def put(self, item, settled=None) -> None:
        if item.signal_id != str(self.count) and not self.first_wrong:
            self.first_wrong = f"{item.signal_id} where {self.count} was due"
        self.count += 1
        if self.count == self.last:
            self.finished.set()


async def test_a_flood_is_taken_in_whole_in_order_and_without_a_cut(backend, start_client):
    count = 100_000
    flooded = OrderCheckingInbox(last=count)
    client, _ = start_client(backend.url, inbox=flooded)
    connection = await backend.connection()
    before = psutil.Process().memory_info().rss
    for number in range(count):
        await connection.send(signal(number))
    async with asyncio.timeout(60):
        await flooded.finished.wait()
    assert "" == flooded.first_wrong
    assert (0, 0) == (client.state.reconnects, client.state.refused)
    assert psutil.Process().memory_info().rss - before < 20_000_000


async def test_a_flood_leaves_the_rest_of_the_bridge_its_turns(backend, start_client):
    count = 3_000
    flooded = OrderCheckingInbox(last=count)
    client, _ = start_client(backend.url, inbox=flooded)
    connection = await backend.connection()
    most, before = 0, 0

    async def take_turns() -> None:
        nonlocal most, before
        while not flooded.finished.is_set():
            await asyncio.sleep(0)
            most, before = max(most, client.state.received - before), client.state.received

    turns = asyncio.gather(take_turns())
    for number in range(count):
        await connection.send(signal(number))
    await turns
    assert READS_PER_TURN >= most


async def test_a_full_inbox_stops_the_reading_and_holds_the_sender_back(backend, start_client, small_inbox):
    limits = replace(QUICK, patience_s=60.0, inputs_max=10)
    client, _ = start_client(backend.url, inbox=small_inbox, limits=limits)
    connection = await backend.connection()
    sent = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            while True:
                await connection.send(signal(sent))
                sent += 1
    assert client.state.received == 11  # ten in line, one in the reader's hand
    await small_inbox.open()
    received = await small_inbox.received(sent)
    assert [str(number) for number in range(sent)] == [item.signal_id for item in received[:sent]]
    assert (0, 0) == (client.state.reconnects, client.state.refused)


async def test_an_emergency_stop_overtakes_what_stands_in_line(backend, start_client, small_inbox):
    start_client(backend.url, inbox=small_inbox, limits=replace(QUICK, patience_s=60.0))
    connection = await backend.connection()
    for number in range(500):
        await connection.send(signal(number))
    await connection.send(STOP)
    (first,) = await small_inbox.received(1)
    assert isinstance(first, EmergencyStopRequested)
    await small_inbox.open()
    rest = await small_inbox.received(501)
    assert [str(number) for number in range(500)] == [item.signal_id for item in rest[1:]]


async def test_an_emergency_stop_is_found_behind_a_flood_that_nobody_takes(
    backend, start_client, small_inbox
):
    limits = replace(QUICK, patience_s=0.2, inputs_max=100)
    client, _ = start_client(backend.url, inbox=small_inbox, limits=limits)
    connection = await backend.connection()
    with structlog.testing.capture_logs() as logs:
        for number in range(5_000):
            await connection.send(signal(number))
        await connection.send(STOP)
        (first,) = await small_inbox.received(1)
    assert isinstance(first, EmergencyStopRequested)
    error = json.loads(await connection.recv())
    assert ("error", "overloaded") == (error["type"], error["data"]["reason"])
    assert (4_900, 0) == (client.state.refused, client.state.reconnects)
    assert 1 == len([line for line in logs if "refused" in line["event"]])


async def test_a_flood_of_broken_messages_is_turned_away_too(backend, start_client, small_inbox):
    limits = replace(QUICK, patience_s=0.2, inputs_max=100)
    client, _ = start_client(backend.url, inbox=small_inbox, limits=limits)
    connection = await backend.connection()
    for _ in range(2_000):
        await connection.send("no json")
    await connection.send(STOP)
    (first,) = await small_inbox.received(1)
    assert isinstance(first, EmergencyStopRequested)
    assert (1_900, 0) == (client.state.refused, client.state.reconnects)


# --- what goes out ---------------------------------------------------------------------------------------


async def test_while_down_the_latest_of_each_slot_is_kept_and_sent_on_connecting(start_backend, start_client):
    gone = await start_backend()
    port = gone.port
    gone.server.close()
    await gone.server.wait_closed()
    client, _ = start_client(f"ws://127.0.0.1:{port}/ws/mt5")
    for number in range(100_000):
        client.post_latest("account_info", f"account {number}".encode())
        client.post_latest("tick:EURUSD", f"tick {number}".encode(), keep=False)
    backend = await start_backend(port=port)
    connection = await backend.connection()
    assert ["account 99999", "tick 99999"] == [await connection.recv(), await connection.recv()]
    await connection.close()
    connection = await backend.connection()
    assert "account 99999" == await connection.recv()
    client.post_latest("positions", b"positions")
    assert "positions" == await connection.recv()


async def test_on_connect_is_called_at_every_connection_before_anything_is_sent(backend, start_client):
    seen = []

    def greet():
        seen.append(client.state.link)
        client.post_latest("bridge_status", f"status {len(seen)}".encode())

    client, _ = start_client(backend.url, on_connect=greet)
    for number in (1, 2):
        connection = await backend.connection()
        assert f"status {number}" == await connection.recv()
        await connection.close()
    assert [Link.UP, Link.UP] == seen


async def test_an_answer_without_a_connection_is_refused(start_client):
    client, _ = start_client("ws://127.0.0.1:9/ws/mt5")
    with pytest.raises(ChannelError, match="no connection"):
        client.post(b"answer")


async def test_messages_go_out_as_text_frames(backend, start_client):
    client, _ = start_client(backend.url)
    client.post_latest("positions", b"[]")
    connection = await backend.connection()
    assert "[]" == await connection.recv()


# --- deliveries that must arrive -------------------------------------------------------------------------


async def test_a_delivery_returns_once_the_backend_has_everything_in_order(backend, start_client):
    client, _ = start_client(backend.url)
    delivery = asyncio.gather(client.deliver(outbox(b"one", b"two", b"three")))
    connection = await backend.connection()
    assert ["one", "two", "three"] == [await connection.recv() for _ in range(3)]
    async with asyncio.timeout(5):
        await delivery
    assert ("websocket", 3) == (client.name, client.state.sent)


async def test_a_delivery_cut_short_is_not_confirmed_and_can_be_made_again(start_backend, start_client):
    backend = await start_backend(max_queue=1)
    client, _ = start_client(backend.url)
    bulky = [f"{number} ".encode() + b"x" * 50_000 for number in range(200)]
    delivery = asyncio.gather(client.deliver(outbox(*bulky)))
    connection = await backend.connection()
    assert (await connection.recv()).startswith("0 ")
    connection.transport.abort()
    with pytest.raises(ChannelError, match="before the backend confirmed"):
        await delivery
    again = asyncio.gather(client.deliver(outbox(*bulky)))
    connection = await backend.connection()
    received = [(await connection.recv()).split()[0] for _ in range(200)]
    assert [str(number) for number in range(200)] == received
    await again


async def test_a_delivery_without_a_connection_waits_and_then_says_why(start_client, hung_tcp):
    client, _ = start_client(hung_tcp, limits=replace(QUICK, open_s=0.1, deliver_s=0.5))
    with pytest.raises(ChannelError, match=r"no connection to the backend: no answer within 0\.1 s"):
        await client.deliver(outbox(b"one"))


async def test_a_backend_that_confirms_nothing_is_cut_off(start_client, deaf_backend):
    client, _ = start_client(deaf_backend, limits=replace(QUICK, deliver_s=0.3))
    for _ in range(2):
        with pytest.raises(ChannelError, match=r"confirmed nothing within 0\.3 s"):
            await client.deliver(outbox(b"one"))
    assert client.state.reconnects >= 1
    assert "confirmed nothing" in client.state.last_error


async def test_a_backend_that_reads_nothing_is_cut_off(start_client, deaf_backend):
    client, _ = start_client(deaf_backend, limits=replace(QUICK, send_s=0.3, stop_s=0.2))
    async with asyncio.timeout(20):
        while not client.state.reconnects:
            client.post_latest("positions", b"x" * 60_000)
            await asyncio.sleep(0)
    assert "read nothing for 0.3 s" in client.state.last_error


async def test_a_backend_that_falls_silent_is_noticed_and_left_though_nothing_is_due(
    start_client, deaf_backend, until
):
    limits = replace(QUICK, ping_every_s=0.1, ping_timeout_s=0.2, stop_s=0.2)
    client, _ = start_client(deaf_backend, limits=limits)
    await until(lambda: client.state.reconnects)
    assert "ping timeout" in client.state.last_error


# --- connecting again ------------------------------------------------------------------------------------


async def refused_by(start_backend, start_client, clock, respond, attempts=3, **options):
    """Let a client knock at a backend that refuses; return the log lines and the waits."""
    knocks = asyncio.Semaphore(0)

    def refuse(connection, request):
        knocks.release()
        return respond(connection)

    backend = await start_backend(process_request=refuse)
    with structlog.testing.capture_logs() as logs:
        client, task = start_client(backend.url, clock=clock, **options)
        async with asyncio.timeout(20):
            for _ in range(attempts):
                await knocks.acquire()
        await stopped(task)
    return client, logs, clock.slept


@pytest.mark.parametrize(
    ("status", "token", "advised"),
    [
        (401, "", "set BACKEND_AUTH_TOKEN"),
        (401, TOKEN, "check BACKEND_AUTH_TOKEN"),
        (403, TOKEN, "check BACKEND_AUTH_TOKEN"),
        (404, "", "check the path in BACKEND_WS_URL"),
        (429, "", "too many connections"),
        (503, "", "not ready"),
        (200, "", "not with a WebSocket"),
    ],
)
async def test_a_refusal_is_explained_once_and_tried_again(
    start_backend, start_client, hasty_clock, status, token, advised
):
    client, logs, slept = await refused_by(
        start_backend, start_client, hasty_clock, lambda c: c.respond(status, "no\n"), token=token
    )
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert 1 == len(warnings)
    assert f"HTTP {status}" in warnings[0]["why"]
    assert advised in warnings[0]["why"]
    assert warnings[0]["why"] == client.state.last_error
    assert TOKEN not in repr(logs)
    least = 5.0 if status in (401, 403, 404, 429) else 0.0
    assert all(wait >= least for wait in slept)


async def test_a_backend_that_asks_for_patience_gets_it(start_backend, start_client, hasty_clock):
    def respond(connection):
        response = connection.respond(429, "later\n")
        response.headers["Retry-After"] = "77"
        return response

    _, _, slept = await refused_by(start_backend, start_client, hasty_clock, respond)
    assert 77.0 == slept[0]


async def test_a_backend_that_accepts_and_closes_at_once_is_not_hammered(start_backend, start_client, clock):
    backend = await start_backend()
    limits = replace(QUICK, backoff_low_s=0.02, backoff_high_s=0.5, dwell_s=77.0)
    with structlog.testing.capture_logs() as logs:
        client, _ = start_client(backend.url, limits=limits)
        for _ in range(7):
            await (await backend.connection()).close()
    waits = [seconds for seconds in clock.slept if seconds != 77.0]
    assert [0.02, 0.04, 0.08, 0.16, 0.25, 0.25] == pytest.approx(waits[:6])
    assert client.state.link is not Link.UP or client.state.reconnects == 6
    told = [line["event"] for line in logs if line["log_level"] != "debug"]
    assert ["WebSocket connected", "WebSocket down"] == told


async def test_a_connection_that_lasted_begins_the_waits_anew(start_backend, start_client, clock):
    backend = await start_backend()
    limits = replace(QUICK, backoff_low_s=0.02, backoff_high_s=10.0, dwell_s=0.3)
    with structlog.testing.capture_logs() as logs:
        start_client(backend.url, limits=limits)
        for _ in range(3):
            await (await backend.connection()).close()
        lasting = await backend.connection()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await lasting.recv()
        await lasting.close()
        await backend.connection()
    waits = [seconds for seconds in clock.slept if seconds != 0.3]
    assert [0.02, 0.04, 0.08, 0.02] == pytest.approx(waits[:4])
    told = [line["event"] for line in logs if line["log_level"] != "debug"]
    assert ["WebSocket connected", "WebSocket down"] * 2 == told[:4]


async def test_a_backend_that_closes_as_not_allowed_points_to_the_token(
    start_backend, start_client, hasty_clock
):
    backend = await start_backend()
    client, _ = start_client(backend.url, clock=hasty_clock)
    await (await backend.connection()).close(1008, "who are you?")
    await backend.connection()
    assert "(1008 who are you?); check BACKEND_AUTH_TOKEN" in client.state.last_error


async def test_tls_towards_a_backend_without_it_is_explained(backend, start_client, until, hasty_clock):
    client, _ = start_client(backend.url.replace("ws://", "wss://"), clock=hasty_clock)
    await until(lambda: hasty_clock.slept)
    assert "check BACKEND_WS_URL: wss:// for a backend that speaks TLS" in client.state.last_error


async def test_the_token_is_sent_and_stands_in_no_log_even_at_debug(
    start_backend, start_client, hasty_clock, caplog
):
    caplog.set_level(logging.DEBUG)
    sent = []

    def look(connection, request):
        sent.append(request.headers.get("Authorization"))

    backend = await start_backend(process_request=look, logger=logging.getLogger("silent"))
    logging.getLogger("silent").setLevel(logging.CRITICAL)
    with structlog.testing.capture_logs() as logs:
        client, task = start_client(backend.url, token=TOKEN, clock=hasty_clock)
        await (await backend.connection()).close(1011, "trouble")
        await backend.connection()
        await stopped(task)
    assert [f"Bearer {TOKEN}"] * 2 == sent
    assert TOKEN not in caplog.text + repr(logs) + repr(client.state) + repr(vars(client)["_mailbox"])
    assert logs


async def test_a_token_that_crosses_the_network_in_clear_is_warned_of(start_client):
    with structlog.testing.capture_logs() as logs:
        _, task = start_client("ws://backend.invalid:1/ws", token=TOKEN)
        await asyncio.sleep(0)
        await stopped(task)
    assert any("unencrypted" in line["event"] for line in logs)


@pytest.mark.parametrize(
    "url", ["ws://localhost:99999/ws", "ws://localhost:port/ws", "ws://me:pass@host..name/", "ws://h/#x"]
)
def test_an_address_that_is_none_is_refused_at_once_and_shown_without_its_secrets(url, inbox, clock):
    settings = ControlSettings(url, SecretStr(""))
    with pytest.raises(ConfigurationError, match=r"BACKEND_WS_URL: .* expected an address like") as caught:
        ControlClient(settings, inbox, clock, lambda query: [])
    assert "pass" not in str(caught.value)


async def test_the_state_tells_down_connecting_and_up(start_backend, start_client, until, hung_tcp, clock):
    client, task = start_client(hung_tcp)
    assert Link.DOWN is client.state.link
    await asyncio.sleep(0)
    assert Link.CONNECTING is client.state.link
    await stopped(task)
    assert Link.DOWN is client.state.link
    backend = await start_backend()
    client, _ = start_client(backend.url)
    await (await backend.connection()).send(SIGNAL)
    await until(lambda: client.state.received)
    state = client.state
    assert (Link.UP, "", 0) == (state.link, state.last_error, state.reconnects)
    assert 0 <= clock.utc_msc() - state.since_msc < 10_000


# --- stopping --------------------------------------------------------------------------------------------


async def test_stopping_writes_what_is_due_and_says_goodbye(backend, start_client):
    client, task = start_client(backend.url)
    connection = await backend.connection()
    await client.deliver(outbox(b"result"))
    client.post_latest("bridge_status", b"stopping")
    assert await stopped(task) < 1.0
    assert ["result", "stopping"] == [await connection.recv(), await connection.recv()]
    with pytest.raises(ConnectionClosed):
        await connection.recv()
    assert (1001, "the bridge stops") == (connection.close_code, connection.close_reason)


async def test_stopping_does_not_wait_for_a_backend_that_never_answers(start_client, until, hung_tcp):
    client, task = start_client(hung_tcp)
    await until(lambda: client.state.link is Link.CONNECTING)
    assert await stopped(task) < 0.5


async def test_stopping_does_not_wait_for_a_backend_that_reads_nothing(start_client, until, deaf_backend):
    client, task = start_client(deaf_backend)
    await until(lambda: client.state.link is Link.UP)
    for number in range(1000):
        client.post_latest(f"slot {number}", b"x" * 60_000)
    assert await stopped(task) < 2.5


async def test_stopping_between_attempts_is_immediate_and_tells_what_was_not_acted_on(
    backend, start_client, until, small_inbox, clock
):
    limits = replace(QUICK, backoff_low_s=30.0, backoff_high_s=30.0)
    _, task = start_client(backend.url, inbox=small_inbox, limits=limits)
    connection = await backend.connection()
    await connection.send(SIGNAL)
    await connection.close()
    await until(lambda: 30.0 in clock.slept)
    with structlog.testing.capture_logs() as logs:
        assert await stopped(task) < 0.5
    assert [1] == [line["count"] for line in logs if "not acted on" in line["event"]]
