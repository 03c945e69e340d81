"""Clients are closed in bounded time, whatever their broker does, and leave nothing behind."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import SaslAuthenticateRequest
from structlog.testing import capture_logs
from tests.streams.support import EmbeddedBroker, eventually, frozen, send

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import (
    close_client,
    connection_options,
    log_failure,
    own_cancellation_only,
)


def group_consumer(settings: StreamSettings) -> AIOKafkaConsumer:
    options = connection_options(settings, 30.0)
    return AIOKafkaConsumer(**options, group_id="g", enable_auto_commit=False, auto_offset_reset="latest")


@asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


async def test_a_client_with_an_open_request_to_a_hung_broker_is_closed(
    broker: EmbeddedBroker, settings: StreamSettings
) -> None:
    client = AIOKafkaClient(**connection_options(settings, 30.0))
    await client.bootstrap()
    await client.set_topics([settings.tick_topic])
    with frozen(broker.pid):
        asking = asyncio.ensure_future(client.fetch_all_metadata())
        await asyncio.sleep(0.1)
        async with at_most(3):
            await close_client(client)
        await asyncio.wait([asking])
        assert isinstance(asking.exception(), KafkaError)


async def test_a_consumer_that_reads_from_a_hung_broker_is_closed(
    broker: EmbeddedBroker, settings: StreamSettings
) -> None:
    consumer = group_consumer(settings)
    await send(settings.bootstrap_servers, settings.signal_topic, [b"{}"])
    await consumer.start()
    consumer.subscribe([settings.signal_topic])
    await eventually(consumer.assignment, "the group has formed")
    await consumer.getmany(timeout_ms=100)
    with frozen(broker.pid):
        await asyncio.sleep(0.6)
        async with at_most(3):
            await close_client(consumer)


async def test_a_consumer_that_joins_a_group_at_a_hung_broker_is_closed(
    broker: EmbeddedBroker, settings: StreamSettings
) -> None:
    consumer = group_consumer(settings)
    await send(settings.bootstrap_servers, settings.signal_topic, [b"{}"])
    await consumer.start()
    with frozen(broker.pid):
        consumer.subscribe([settings.signal_topic])
        await asyncio.sleep(0.2)
        async with at_most(3):
            await close_client(consumer)


async def test_clients_that_never_started_are_closed(settings: StreamSettings) -> None:
    async with at_most(1):
        await close_client(group_consumer(settings))
        await close_client(AIOKafkaClient(**connection_options(settings)))


async def test_a_cancellation_that_nobody_asked_for_is_an_error() -> None:
    async def cancels_itself() -> None:
        with own_cancellation_only():
            raise asyncio.CancelledError

    with pytest.raises(KafkaError, match="cancelled a task of its own"):
        await asyncio.create_task(cancels_itself())


async def test_a_cancellation_that_was_asked_for_passes() -> None:
    async def waits() -> None:
        with own_cancellation_only():
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await waits()


async def test_cancellations_of_the_past_do_not_pass_for_one_that_was_asked_for() -> None:
    async def lives_on() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        assert task.cancelling() == 1
        with own_cancellation_only():
            raise asyncio.CancelledError

    with pytest.raises(KafkaError, match="cancelled a task of its own"):
        await asyncio.create_task(lives_on())


def test_what_is_said_to_log_in_is_not_logged(
    settings: StreamSettings, caplog: pytest.LogCaptureFixture
) -> None:
    connection_options(settings)
    connection_options(settings)
    logger = logging.getLogger("aiokafka.conn")
    request = SaslAuthenticateRequest(b"\0trader\0secret")
    with caplog.at_level(logging.DEBUG, "aiokafka"):
        logger.debug("Request to %s:%d %d: %s", "localhost", 9092, 7, request)
        logger.debug("Request to %s:%d %d: %s", "localhost", 9092, 8, "another one")
        logger.debug("Closing")
    assert ["Request to localhost:9092 8: another one", "Closing"] == caplog.messages
    assert 1 == len(logger.filters)


def test_an_error_that_should_not_be_is_logged_with_its_trace_once() -> None:
    with capture_logs() as logs:
        for text in ("first", "first", "second"):
            log_failure("redpanda ticks", ValueError(text))
        log_failure("redpanda events", ValueError("first"))
        log_failure("redpanda events", KafkaError("foreseen"))
    assert ["warning", "debug", "warning", "warning", "debug"] == [entry["log_level"] for entry in logs]
    assert ["first", "second", "first"] == [str(entry["exc_info"]) for entry in logs if "exc_info" in entry]
