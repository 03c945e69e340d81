"""Puts the simulated edges in the place of the real ones, for as long as a world runs.

Owns the list of what is exchanged: the clock, the worker process, the Kafka client, the WebSocket client, the
event and tick writers, the journal's thread, random waits. Everything else of the bridge is the real thing.
"""

import inspect
import random
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import structlog
from scripts.simulation import backend, topic
from scripts.simulation.life import InlineExecutor, SimulatedClock, WatchedInbox, WatchedJournal
from scripts.simulation.worker import SimulatedWorker

from hybrid_bridge import bridge
from hybrid_bridge.control import local_commands
from hybrid_bridge.core import account_watch, state
from hybrid_bridge.host.sleep import Reading, SleepMeter
from hybrid_bridge.journal import sqlite_thread
from hybrid_bridge.streams import reader, signal_consumer, stop_watcher
from hybrid_bridge.terminal import backoff, bookings, commission, lane, session, trading

if TYPE_CHECKING:
    from scripts.simulation.world import World

LOCAL_LOOK_S = 2.0  # A folder looked at four times a second would cost more than all the rest.
POLL_MS = 2_000
ORDERS_KEPT = 2  # Where the engine is to have a short memory.
KAFKA: dict[str, Any] = {
    "AIOKafkaConsumer": topic.SimulatedConsumer,
    "create_topic": topic.create_topic,
    "close_client": topic.close_client,
    "POLL_MS": POLL_MS,
}
LEVELS = ("warning", "error", "critical", "exception")


class NoCursors:
    """Stands in for the tick cursors' file: no ticks are published here."""

    def __init__(self, path: object) -> None:
        self.path = path

    def close(self) -> None:
        """Close nothing."""


@contextmanager
def staged(world: "World", *, tell: bool = False) -> Iterator[None]:
    """Exchange the edges, and put them back.

    Args:
        tell: whether the bridge's own log goes into the story.
    """
    changes = [*_changes(world), *world.planted]
    before = [(owner, name, inspect.getattr_static(owner, name)) for owner, name, _ in changes]
    log_before = structlog.get_config()
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        _set_log(world, tell=tell)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
        structlog.configure(**log_before)


def _changes(world: "World") -> list[tuple[Any, str, Any]]:
    time = SimpleNamespace(
        monotonic=lambda: world.timeline.now_s,
        time=lambda: world.pc_utc_ms / 1000,
        time_ns=lambda: world.pc_utc_ms * 1_000_000,
    )
    return [
        (bridge, "SystemClock", SimulatedClock),
        (bridge, "SleepMeter", _meter),
        (bridge, "SqliteJournal", WatchedJournal),
        (bridge, "SqliteCursorStore", NoCursors),
        (bridge, "PriorityInbox", WatchedInbox),
        (bridge, "ControlClient", backend.SimulatedControl),
        (bridge, "KafkaEventChannel", backend.SimulatedEvents),
        (bridge, "KafkaTickSink", backend.SimulatedTicks),
        (sqlite_thread, "ThreadPoolExecutor", InlineExecutor),
        (lane, "WorkerProcess", SimulatedWorker),
        (session, "time", time),
        (commission, "time", time),
        (bookings, "time", time),
        (trading, "time", time),
        (backoff, "random", random.Random(f"{world.seed}/backoff")),
        (reader, "random", random.Random(f"{world.seed}/reader")),
        (reader, "explain", topic.explain),
        (signal_consumer, "probe", topic.probe),
        (signal_consumer, "FormerMember", topic.NobodyBefore),
        *(
            (module, name, value)
            for module in (signal_consumer, stop_watcher)
            for name, value in KAFKA.items()
        ),
        (local_commands, "LOOK_INTERVAL_S", LOCAL_LOOK_S),
        *(
            (module, "CLOSED_ORDERS_KEPT", ORDERS_KEPT)
            for module in (state, account_watch)
            if world.short_memory
        ),
    ]


def _meter(clock: SimulatedClock) -> SleepMeter:
    """Return a meter by the simulated clocks: a PC's clock that is set ahead is a standstill to it."""
    return SleepMeter(clock, lambda: Reading(clock.monotonic(), clock.monotonic(), clock.utc_msc() / 1000))


def _set_log(world: "World", *, tell: bool) -> None:
    def take(_: object, level: str, event: MutableMapping[str, Any]) -> str:
        if level in LEVELS:
            words = ", ".join(f"{name}={value}" for name, value in event.items() if name != "event")
            text = f"{event['event']} ({words})" if words else event["event"]
            world.trace("log line", text.replace(str(world.state_dir), "STATE_DIR"))
        raise structlog.DropEvent

    lowest = 30 if tell else 50
    structlog.configure(
        processors=[take],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        cache_logger_on_first_use=False,
    )
