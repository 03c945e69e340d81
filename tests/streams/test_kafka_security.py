"""Every way to encrypt and to log in, at a broker that asks for it, and what the bridge must be allowed."""

import asyncio
import logging
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from pydantic import SecretStr
from tests.certificates import Authority
from tests.kafka_broker import SecureBroker
from tests.streams.support import (
    RecordingInbox,
    SystemClock,
    committed,
    eventually,
    frozen,
    make_ticks,
    read_topic,
    send,
    seqs_by_symbol,
    signal_message,
    stop_message,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.core.inputs import EmergencyStopRequested, SignalReceived
from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.reader import Reader
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

GUIDE = Path(__file__).parents[2] / "docs" / "redpanda.md"
PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
WAYS = [
    ("SSL", ""),
    ("MTLS", ""),
    *((protocol, mechanism) for protocol in ("SASL_PLAINTEXT", "SASL_SSL") for mechanism in PASSWORDS),
]
LOOK_S = 3.0  # Long enough to find the cause, also on a busy machine.
SETTLED_S = 60.0  # A busy machine takes that long.


def secured(
    broker: SecureBroker, listener: str, mechanism: str = "SCRAM-SHA-256", user: str = "admin"
) -> StreamSettings:
    """Return settings for one of the broker's ports, with topics and a group of this test's own."""
    prefix = unique_prefix()
    plain = stream_settings(broker.listeners[listener], prefix=prefix, group=f"{prefix}group")
    return replace(plain, security=broker.security(listener, mechanism, user))


@asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[None]:
    """Run a reader."""
    task = asyncio.create_task(reader.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def publish_patiently(sink: KafkaTickSink, first: int, count: int) -> None:
    """Publish as the poller does: the same ticks again after each failure."""
    while True:
        try:
            return await sink.publish(make_ticks("EURUSD", first, count))
        except ChannelError:
            await asyncio.sleep(0.1)


async def write_everything(settings: StreamSettings, clock: SystemClock) -> None:
    """Write ticks and an event, as the bridge does, and let a second life of it find its place."""
    for first in (1, 101):
        sink = KafkaTickSink(settings, clock)
        try:
            assert {"EURUSD": first - 1} == await sink.recover([TickCursor("EURUSD", 0, 0, 0)])
            await sink.publish(make_ticks("EURUSD", first, 100))
        finally:
            await sink.close()
    events = KafkaEventChannel(settings, clock)
    try:
        await events.deliver([OutboxMessage(1, "s1:filled", b"{}", "s1")])
    finally:
        await events.close()


async def read_everything(settings: StreamSettings, plain_address: str, clock: SystemClock) -> None:
    """Read a signal and a stop, as the bridge does."""
    inbox, topic = RecordingInbox(), settings.signal_topic
    consumer, watcher = KafkaSignalConsumer(settings, inbox, clock), StopWatcher(settings, inbox, clock)
    async with running(consumer), running(watcher):
        for reader in (consumer, watcher):
            await eventually(lambda: reader.state.phase is Phase.UP, f"{reader.state.name} is up", SETTLED_S)  # noqa: B023
        await send(plain_address, topic, [signal_message(1), stop_message("test")])
        await eventually(lambda: len(inbox.items) >= 3, "the signal once and the stop twice", SETTLED_S)
    kinds = sorted(type(item).__name__ for item, _ in inbox.items)
    assert [EmergencyStopRequested.__name__] * 2 + [SignalReceived.__name__] == kinds
    assert 2 == await asyncio.to_thread(committed, plain_address, settings.group_id, topic)


async def test_the_whole_channel_works_each_way(secure_broker: SecureBroker, clock: SystemClock) -> None:
    async with asyncio.TaskGroup() as ways:
        for listener, mechanism in WAYS:
            way = check_one_way(secure_broker, clock, secured(secure_broker, listener, mechanism))
            ways.create_task(way, name=f"{listener} {mechanism}")


async def check_one_way(broker: SecureBroker, clock: SystemClock, settings: StreamSettings) -> None:
    await write_everything(settings, clock)
    await read_everything(settings, broker.address, clock)
    ticks = await read_topic(broker.address, settings.tick_topic, 200)
    assert {"EURUSD": list(range(1, 201))} == seqs_by_symbol(ticks)
    events = await read_topic(broker.address, settings.event_topic, 1)
    assert [b"{}"] == [message.value() for message in events]


async def test_nothing_is_said_to_a_broker_whose_certificate_is_wrong(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    async def is_refused(listener: str) -> None:
        sink = KafkaTickSink(secured(secure_broker, listener), clock, publish_timeout_s=LOOK_S)
        with pytest.raises(ChannelError, match="certificate"):
            await sink.publish(make_ticks("EURUSD", 1, 1))
        assert sink.state.phase is Phase.DOWN

    await asyncio.gather(is_refused("SSL-EXPIRED"), is_refused("SSL-ELSEWHERE"))


async def test_nothing_is_said_to_a_broker_of_another_authority_until_the_file_names_its_own(
    secure_broker: SecureBroker, clock: SystemClock, tmp_path: Path
) -> None:
    """What is renewed on the disk is taken while the bridge runs."""
    path = tmp_path / "renewed.pem"
    path.write_bytes(Authority(tmp_path, "stranger").ca_file.read_bytes())
    settings = secured(secure_broker, "SASL_SSL")
    settings = replace(settings, security=replace(settings.security, ca_file=str(path)))
    sink, inbox = KafkaTickSink(settings, clock, publish_timeout_s=LOOK_S), RecordingInbox()
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    async with running(consumer):
        with pytest.raises(ChannelError, match="certificate"):
            await sink.publish(make_ticks("EURUSD", 1, 1))
        await eventually(lambda: consumer.state.phase is Phase.DOWN, "the consumer is refused")
        assert "REDPANDA_TLS_CA_FILE" in consumer.state.last_error

        path.write_bytes(secure_broker.authority.ca_file.read_bytes())
        await eventually(lambda: consumer.state.phase is Phase.UP, "the consumer is up", SETTLED_S)
        await sink.publish(make_ticks("EURUSD", 1, 1))
    await sink.close()


async def test_a_certificate_of_the_bridges_own_that_expired_is_renewed_while_it_runs(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    settings, authority = secured(secure_broker, "MTLS", user="trader"), secure_broker.authority
    secure_broker.permit("trader", "TOPIC", settings.tick_topic, "ALL")
    good = Path(settings.security.cert_file), Path(settings.security.key_file)
    renewed = [path.read_bytes() for path in good]
    authority.issue("client-trader", "trader", common_name="trader", expired=True)
    sink = KafkaTickSink(settings, clock, publish_timeout_s=LOOK_S)
    with pytest.raises(ChannelError, match=r"REDPANDA_TLS_CERT_FILE: the certificate in .* expired at"):
        await sink.publish(make_ticks("EURUSD", 1, 1))

    for path, content in zip(good, renewed, strict=True):
        path.write_bytes(content)
    await sink.publish(make_ticks("EURUSD", 1, 1))
    await sink.close()


async def test_what_the_guide_names_is_all_that_the_bridge_must_be_permitted(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    settings = secured(secure_broker, "SASL_SSL", user="trader")
    await asyncio.to_thread(make_topics, secure_broker.address, settings)
    permit_as_the_guide_says(secure_broker, settings, make=False)
    try:
        await write_everything(settings, clock)
        await read_everything(settings, secure_broker.address, clock)
    finally:
        secure_broker.forbid("trader")


def make_topics(address: str, settings: StreamSettings) -> None:
    topics = [settings.tick_topic, settings.signal_topic, settings.event_topic]
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for done in admin.create_topics([NewTopic(topic, 1, 1) for topic in topics]).values():
        done.result()


async def test_the_bridge_makes_its_topics_with_what_the_guide_names_for_that(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    settings = secured(secure_broker, "SASL_SSL", user="trader")
    permit_as_the_guide_says(secure_broker, settings, make=True)
    try:
        await write_everything(settings, clock)
        await read_everything(settings, secure_broker.address, clock)
    finally:
        secure_broker.forbid("trader")


def permit_as_the_guide_says(broker: SecureBroker, settings: StreamSettings, *, make: bool) -> None:
    """Permit what the lines for rpk name, those to create topics only where they are to be made."""
    names = {
        "market_ticks": settings.tick_topic,
        "trading_signals": settings.signal_topic,
        "trading_events": settings.event_topic,
        "hybrid-bridge-12345678": settings.group_id,
    }
    permitted = set()
    for line in re.findall(r"(?m)^    rpk security acl create .*", GUIDE.read_text(encoding="utf-8")):
        words = shlex.split(line)[4:]
        options = list(zip(words[::2], words[1::2], strict=True))
        operations = dict(options)["--operation"].upper().split(",")
        if "CREATE" not in operations or make:
            for option, name in options:
                if option in ("--topic", "--group") and name in names:
                    broker.permit("trader", option[2:].upper(), names[name], *operations)
                    permitted.add(name)
    assert set(names) == permitted


async def test_no_password_is_in_any_log_however_much_is_logged(
    secure_broker: SecureBroker,
    clock: SystemClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor what somebody could try passwords against: the proof that SCRAM sends."""
    said: list[str] = []

    async def log_in(settings: StreamSettings, password: str, timeout_s: float) -> None:
        security = replace(settings.security, password=SecretStr(password))
        sink = KafkaTickSink(replace(settings, security=security), clock, publish_timeout_s=timeout_s)
        try:
            await sink.publish(make_ticks("EURUSD", 1, 1))
        except ChannelError as error:
            said.append(str(error))
        finally:
            await sink.close()

    with caplog.at_level(logging.DEBUG):
        async with asyncio.TaskGroup() as logins:
            for mechanism in PASSWORDS:
                for user in ("admin", "odd"):
                    settings = secured(secure_broker, "SASL_PLAINTEXT", mechanism, user)
                    logins.create_task(log_in(settings, secure_broker.passwords[user], SETTLED_S))
                    logins.create_task(log_in(settings, "wrong-secret", LOOK_S))
    assert 6 == len(said), "the right password is taken, whatever its characters, and the wrong one is not"
    logged = caplog.text + "".join(capsys.readouterr()) + "".join(said) + repr(settings)
    assert "Request to" in logged
    for secret in ("secret", "sasl_auth_bytes", "biws"):
        assert secret not in logged


async def test_a_broker_that_does_not_prove_that_it_knows_the_password_is_told_nothing(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    settings = secured(secure_broker, "SASL_PLAINTEXT", "SCRAM-SHA-256")
    async with impostor(settings.bootstrap_servers) as address:
        settings = replace(settings, bootstrap_servers=address)
        sink, consumer = (
            KafkaTickSink(settings, clock, publish_timeout_s=1.0),
            KafkaSignalConsumer(settings, RecordingInbox(), clock),
        )
        async with running(consumer):
            with pytest.raises(ChannelError):
                await sink.publish(make_ticks("EURUSD", 1, 1))
            await eventually(lambda: consumer.rebuilds >= 2, "the consumer goes on trying", SETTLED_S)
    topics = AdminClient({"bootstrap.servers": secure_broker.address, "log_level": 0}).list_topics().topics
    assert settings.tick_topic not in topics


@asynccontextmanager
async def impostor(broker: str) -> AsyncIterator[str]:
    """Forward to a broker and spoil the signatures by which it proves that it knows a password."""
    host, _, port = broker.rpartition(":")

    def spoil(found: re.Match[bytes]) -> bytes:
        return b"v=" + (b"B" if found[1].startswith(b"A") else b"A") + found[1][1:]

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while got := await reader.read(65_536):
                writer.write(re.sub(rb"v=([A-Za-z0-9+/]{43}=)", spoil, got))
                await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_login_that_the_broker_lets_expire_costs_nothing(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    """The broker then closes the connection as soon as it is used again (KIP-368)."""
    settings = secured(secure_broker, "SASL_SSL-SHORT")
    sink = KafkaTickSink(settings, clock)
    inbox = RecordingInbox()
    consumer = KafkaSignalConsumer(settings, inbox, clock)
    async with running(consumer):
        await eventually(lambda: consumer.state.phase is Phase.UP, "the consumer is up", SETTLED_S)
        count = 0
        while sink._producer.connections < 2:
            await publish_patiently(sink, count + 1, 10)
            count += 10
        await send(secure_broker.address, settings.signal_topic, [signal_message(1)])
        await eventually(lambda: inbox.items, "the signal", SETTLED_S)
    await sink.close()

    ticks = await read_topic(secure_broker.address, settings.tick_topic, count)
    assert {"EURUSD": list(range(1, count + 1))} == seqs_by_symbol(ticks)


async def test_a_broker_that_hangs_behind_tls_costs_neither_loss_nor_repetition(
    secure_broker: SecureBroker, clock: SystemClock
) -> None:
    settings = secured(secure_broker, "SASL_SSL", "SCRAM-SHA-512")
    sink = KafkaTickSink(settings, clock, publish_timeout_s=0.5)
    await publish_patiently(sink, 1, 100)
    with frozen(secure_broker.pid):
        with pytest.raises(ChannelError):
            await sink.publish(make_ticks("EURUSD", 101, 100))
        await sink.close()
    await publish_patiently(sink, 101, 200)
    await sink.close()

    ticks = await read_topic(secure_broker.address, settings.tick_topic, 300)
    assert {"EURUSD": list(range(1, 301))} == seqs_by_symbol(ticks)
