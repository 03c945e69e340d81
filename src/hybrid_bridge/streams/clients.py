"""Building aiokafka's clients and getting rid of them in bounded time.

Owns the options that all clients share. aiokafka 0.14 has no way to abandon a client whose broker hangs:
its stop() then waits as long as the broker does. `close_client` asks politely first and then cuts, which
needs names that aiokafka keeps to itself; the tests notice when they change. Called by the other modules
of this folder.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.lenient import read_leniently
from hybrid_bridge.streams.security import security_options

REQUEST_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 1.5
CUT_TIMEOUT_S = 1.0

# aiokafka 0.14 lets errors of its own out when a connection vanishes between two of its awaits, and when the
# broker's answers to a login are no good: a SCRAM signature that does not prove that it knows the password.
SLIPS = (AssertionError, KeyError, AttributeError, ValueError)
# Everything that a client raises when the other side fails.
TROUBLE = (KafkaError, OSError, TimeoutError, *SLIPS)

# Of a coordinator with a group, and of one without.
_COORDINATOR_TASKS = (
    "_coordination_task",
    "_heartbeat_task",
    "_commit_refresh_task",
    "_reset_committed_task",
)

_slips_told: deque[str] = deque(maxlen=50)

log = structlog.get_logger(__name__)


def connection_options(
    settings: StreamSettings, request_timeout_s: float = REQUEST_TIMEOUT_S
) -> dict[str, Any]:
    """Return the keyword arguments that every aiokafka client of the bridge is built with."""
    _quieten_aiokafka()
    read_leniently()
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": "hybrid-mt5-bridge",
        "request_timeout_ms": int(request_timeout_s * 1000),
        "metadata_max_age_ms": 60_000,
        "retry_backoff_ms": 200,
        **security_options(settings.security),
    }


def _quieten_aiokafka() -> None:
    """Keep aiokafka from logging every attempt to reconnect: the channels log each cause once, in words.

    What it logs when everything is wanted must not have passwords in it.
    """
    logger = logging.getLogger("aiokafka")
    if logger.level == logging.NOTSET and logging.getLogger().getEffectiveLevel() > logging.DEBUG:
        logger.setLevel(logging.CRITICAL)
    logging.getLogger("aiokafka.conn").addFilter(_carries_no_login)  # Adding it again changes nothing.


def _carries_no_login(record: logging.LogRecord) -> bool:
    """Tell whether a log record of aiokafka's is free of what was said to log in.

    aiokafka 0.14 logs each request and response whole; with PLAIN the request is the password.
    """
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(type(one).__name__.startswith("SaslAuthenticate") for one in arguments)


@contextmanager
def own_cancellation_only() -> Iterator[None]:
    """Turn a CancelledError that nobody asked this task for into a KafkaError.

    aiokafka 0.14 cancels tasks of its own and then awaits them, in Fetcher.close() for one. What comes out
    looks like a cancellation of the caller, and would end a loop of the bridge without a word.
    """
    task = asyncio.current_task()
    # Not 0 in a task that lives on: a TaskGroup whose child fails while it waits for the others leaves one.
    asked_before = task.cancelling() if task is not None else 0
    try:
        yield
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling() > asked_before:
            raise
        raise KafkaError("the Kafka client cancelled a task of its own") from error


def log_failure(channel: str, error: BaseException) -> None:
    """Log what made a client fail, for whoever looks into it; the channel's state has it in words.

    An error that should not be is logged with its trace, but the same one not again at each attempt.
    """
    told = f"{channel}: {error!r}"
    if isinstance(error, SLIPS) and told not in _slips_told:
        _slips_told.append(told)
        log.warning("Unexpected error in the Kafka client", channel=channel, exc_info=error)
    else:
        log.debug("Kafka client failed", channel=channel, cause=repr(error))


@asynccontextmanager
async def groupless_consumer(
    settings: StreamSettings, fetch_bytes_max: int, wait_ms: int
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a started consumer that belongs to no group and commits nothing; close it at the end.

    Args:
        fetch_bytes_max: of one partition, in one answer.
        wait_ms: how long the broker may hold a fetch that has nothing to bring.
    """
    consumer = AIOKafkaConsumer(
        **connection_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=fetch_bytes_max,
        fetch_max_wait_ms=wait_ms,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await close_client(consumer)


async def close_client(client: AIOKafkaClient | AIOKafkaConsumer) -> None:
    """Close a client within about two and a half seconds, whatever its broker does."""
    consumer = client if isinstance(client, AIOKafkaConsumer) else None
    network: AIOKafkaClient = client if consumer is None else consumer._client
    transports = list(_transports(network))
    stopping = asyncio.ensure_future(network.close() if consumer is None else consumer.stop())
    try:
        await asyncio.wait({stopping}, timeout=STOP_TIMEOUT_S)
    finally:
        transports.extend(_transports(network))
        for transport in transports:
            transport.abort()
        await _cancel([stopping, *_consumer_tasks(consumer), network._sync_task])
        if stopping.done() and not stopping.cancelled() and stopping.exception() is not None:
            log.debug("Kafka client did not stop cleanly", cause=repr(stopping.exception()))


def _transports(network: AIOKafkaClient) -> Iterator[asyncio.WriteTransport]:
    for connection in network._conns.values():
        if connection._writer is not None:
            yield connection._writer.transport


def _consumer_tasks(consumer: AIOKafkaConsumer | None) -> Iterator[asyncio.Task[Any] | None]:
    if consumer is None:
        return
    if consumer._coordinator is not None:
        for name in _COORDINATOR_TASKS:
            yield getattr(consumer._coordinator, name, None)
    if consumer._fetcher is not None:
        yield consumer._fetcher._fetch_task
        yield from consumer._fetcher._pending_tasks


async def _cancel(tasks: list[asyncio.Future[Any] | None]) -> None:
    left = {task for task in tasks if task is not None and not task.done()}
    for _ in range(3):  # A task of aiokafka may spend its first cancellation on a task that it waits for.
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CUT_TIMEOUT_S / 3)
    if left:
        log.warning("Tasks of a Kafka client did not end", tasks=len(left))
