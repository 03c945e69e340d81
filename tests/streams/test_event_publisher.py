"""Outbox messages reach the event topic in order; a repeated call repeats nothing that was confirmed."""

import pytest
from tests.streams.support import EmbeddedBroker, SystemClock, frozen, read_topic, stream_settings

from hybrid_bridge.errors import ChannelError
from hybrid_bridge.ports import OutboxMessage
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.topics import partition_of


def messages(first: int, count: int, key: str = "s1") -> list[OutboxMessage]:
    """Return outbox messages, told apart by their bodies."""
    return [OutboxMessage(seq, key, b'{"n":%d}' % seq) for seq in range(first, first + count)]


async def test_messages_arrive_in_order_under_their_keys(
    settings: StreamSettings, clock: SystemClock
) -> None:
    channel = KafkaEventChannel(settings, clock)
    await channel.deliver(messages(1, 10))
    await channel.deliver(messages(11, 10))
    await channel.close()

    found = await read_topic(settings.bootstrap_servers, settings.event_topic, 20)
    assert [b'{"n":%d}' % seq for seq in range(1, 21)] == [message.value() for message in found]
    assert {b"s1"} == {message.key() for message in found}
    assert ("redpanda", Phase.UP, 20) == (channel.name, channel.state.phase, channel.acknowledged)


async def test_all_news_of_one_intent_are_in_one_partition_in_order_and_name_it(
    settings: StreamSettings, clock: SystemClock
) -> None:
    """The key is another for each news; chosen by it, the partitions of one order would differ."""
    ids = [f"s{number}" for number in range(8)]
    steps = ("unknown", "partial:0.1", "filled")
    news = [(name, f"{name}:{step}") for step in steps for name in ids]
    channel = KafkaEventChannel(settings, clock)
    await channel.deliver([OutboxMessage(seq, key, b"{}", name) for seq, (name, key) in enumerate(news, 1)])
    await channel.close()

    found = await read_topic(settings.bootstrap_servers, settings.event_topic, len(news))
    named: dict[bytes, list[tuple[int, bytes]]] = {}
    for message in found:
        headers = dict(message.headers())
        assert {"schema_version": b"1", "account": b"simulator"} == {
            name: value for name, value in headers.items() if name != "intent_id"
        }
        named.setdefault(headers["intent_id"], []).append((message.partition(), message.key()))
    places = {name.encode(): partition_of(name.encode(), 4) for name in ids}
    assert len(set(places.values())) > 1
    expected = {
        name: [(at, b"%b:%b" % (name, step.encode())) for step in steps] for name, at in places.items()
    }
    assert expected == named


async def test_a_message_about_no_intent_has_no_such_header(
    settings: StreamSettings, clock: SystemClock
) -> None:
    channel = KafkaEventChannel(settings, clock)
    await channel.deliver([OutboxMessage(1, "error:m-1", b"{}")])
    await channel.close()

    (message,) = await read_topic(settings.bootstrap_servers, settings.event_topic, 1)
    assert [("schema_version", b"1"), ("account", b"simulator")] == message.headers()
    assert partition_of(b"error:m-1", 4) == message.partition()


async def test_a_refused_port_is_named(refused_address: str, clock: SystemClock) -> None:
    channel = KafkaEventChannel(stream_settings(refused_address), clock, deliver_timeout_s=0.3)
    with pytest.raises(ChannelError, match="nothing listens on"):
        await channel.deliver(messages(1, 1))


async def test_what_was_confirmed_or_is_in_doubt_is_not_repeated_when_the_call_is(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock
) -> None:
    """Keys of several partitions: some batches may be confirmed and others not when the call fails."""
    batch = [OutboxMessage(seq, f"s{seq}", b'{"n":%d}' % seq) for seq in range(1, 31)]
    channel = KafkaEventChannel(settings, clock, deliver_timeout_s=1.0)
    await channel.deliver(batch[:10])
    with frozen(broker.pid), pytest.raises(ChannelError):
        await channel.deliver(batch[10:])
    await channel.deliver(batch[10:])
    await channel.close()

    found = await read_topic(settings.bootstrap_servers, settings.event_topic, 30)
    assert sorted(message.body for message in batch) == sorted(message.value() for message in found)
