"""A bridge that was killed does not keep the next one waiting for its group."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.streams.support import (
    EmbeddedBroker,
    RecordingInbox,
    SystemClock,
    eventually,
    frozen,
    send,
    signal_message,
    stream_settings,
    unique_prefix,
)

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.former_member import LEAVE_TIMEOUT_S, FormerMember
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer

AT_ONCE_S = 3.0  # Half of a session; joining takes milliseconds, and a busy machine its time.
JOINING = """
import asyncio, sys
from pathlib import Path
from tests.streams.support import RecordingInbox, SystemClock, stream_settings
from dataclasses import replace
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer

async def main(address, prefix, group, folder):
    settings = replace(stream_settings(address, prefix=prefix, group=group), state_dir=Path(folder))
    consumer = KafkaSignalConsumer(settings, RecordingInbox(), SystemClock())
    task = asyncio.create_task(consumer.run())
    while not (Path(folder) / "member-simulator.json").exists() or consumer.state.phase != "up":
        await asyncio.sleep(0.02)
    print("joined", flush=True)
    await task

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def on_kafka(kafka_address: str, tmp_path: Path) -> StreamSettings:
    """Give settings with topics, a group and a state folder of this test's own."""
    prefix = unique_prefix()
    return replace(stream_settings(kafka_address, prefix=prefix, group=f"{prefix}group"), state_dir=tmp_path)


def join_and_die(settings: StreamSettings) -> None:
    """Run a signal consumer in a process of its own until it has joined, and kill it."""
    prefix = settings.signal_topic.removesuffix("trading_signals")
    arguments = [settings.bootstrap_servers, prefix, settings.group_id, str(settings.state_dir)]
    with subprocess.Popen([sys.executable, "-c", JOINING, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert any(b"joined\n" == line for line in process.stdout), "it ended before"
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def running(settings: StreamSettings, clock: SystemClock) -> AsyncIterator[KafkaSignalConsumer]:
    """Run a signal consumer for the body, which begins once it is up."""
    consumer = KafkaSignalConsumer(settings, RecordingInbox(), clock)
    task = asyncio.create_task(consumer.run())
    try:
        await eventually(lambda: consumer.state.phase is Phase.UP, "the consumer is up", 30)
        yield consumer
    finally:
        task.cancel()
        await asyncio.wait([task])


def kept(settings: StreamSettings) -> dict[str, str]:
    assert settings.state_dir is not None
    found: dict[str, str] = json.loads((settings.state_dir / "member-simulator.json").read_text())
    return found


@pytest.mark.kafka
async def test_after_a_kill_the_next_bridge_reads_signals_at_once(
    on_kafka: StreamSettings, clock: SystemClock, tmp_path: Path
) -> None:
    address, topic = on_kafka.bootstrap_servers, on_kafka.signal_topic
    seconds = []
    for settings in (on_kafka, replace(on_kafka, state_dir=tmp_path / "lost")):
        await asyncio.to_thread(join_and_die, on_kafka)
        await send(address, topic, [signal_message(1)])
        sent = time.monotonic()
        async with running(settings, clock) as consumer:
            await eventually(lambda reads=consumer: reads.received == 1, "the signal")
        seconds.append(time.monotonic() - sent)

    with_memory_s, without_memory_s = seconds
    assert with_memory_s < AT_ONCE_S < without_memory_s, "else this test shows nothing"


@pytest.mark.kafka
async def test_what_is_kept_is_the_latest_client_and_leaving_twice_harms_nobody(
    on_kafka: StreamSettings, clock: SystemClock
) -> None:
    async with running(on_kafka, clock):
        first = kept(on_kafka)
    async with running(on_kafka, clock) as consumer:
        await eventually(lambda: kept(on_kafka) != first, "the second client's name")
        await FormerMember(replace(on_kafka, group_id="another"), clock).leave()
        assert 0 == consumer.rebuilds
    assert on_kafka.group_id == first["group"] == kept(on_kafka)["group"]
    assert first["member_id"].startswith("hybrid-mt5-bridge-")
    await FormerMember(on_kafka, clock).leave()


async def test_a_broker_that_hangs_costs_no_more_than_its_time(
    broker: EmbeddedBroker, settings: StreamSettings, clock: SystemClock, tmp_path: Path
) -> None:
    keep(tmp_path, json.dumps(remembered(tmp_path)).encode())
    started = time.monotonic()
    with frozen(broker.pid):
        await FormerMember(replace(settings, state_dir=tmp_path), clock).leave()
    assert time.monotonic() - started < LEAVE_TIMEOUT_S + 3


async def test_a_broker_out_of_reach_is_no_error_here(
    refused_address: str, clock: SystemClock, tmp_path: Path
) -> None:
    settings = replace(stream_settings(refused_address), state_dir=tmp_path)
    keep(tmp_path, json.dumps(remembered(tmp_path)).encode())
    await FormerMember(settings, clock).leave()


UNREADABLE = [
    b"",
    b"\x00" * 40,
    b"{",
    b"[]",
    b"{}",
    b"7",
    b'{"group":"hybrid-bridge-test"}',
    b'{"group":"hybrid-bridge-test","member_id":7}',
    b'{"group":"another","member_id":"m-1"}',
    b'{"group":"hybrid-bridge-test","member_id":"m-1"}',
]


@pytest.mark.parametrize("content", UNREADABLE)
async def test_a_file_that_says_nothing_of_this_group_is_as_good_as_none(
    refused_address: str, clock: SystemClock, tmp_path: Path, content: bytes
) -> None:
    """Half written in a power cut, or by another group: nothing is asked of any broker."""
    keep(tmp_path, content)
    started = time.monotonic()
    await FormerMember(replace(stream_settings(refused_address), state_dir=tmp_path), clock).leave()
    assert time.monotonic() - started < 0.1


@pytest.mark.parametrize(
    "elsewhere", [{"group": "another"}, {"place": "another-pc:/state"}, {"member_id": 7}], ids=str
)
async def test_another_groups_or_another_places_member_is_left_alone(
    refused_address: str, clock: SystemClock, tmp_path: Path, elsewhere: dict[str, object]
) -> None:
    """A STATE_DIR that was copied: the bridge that it was copied from may be alive, and reads on."""
    settings = replace(stream_settings(refused_address), state_dir=tmp_path)
    asked = []
    for facts in ({}, elsewhere):
        keep(tmp_path, json.dumps(remembered(tmp_path) | facts).encode())
        with capture_logs() as logs:
            await FormerMember(settings, clock).leave()
        asked.append(len(logs))
    assert [1, 0] == asked


@pytest.mark.kafka
async def test_a_copy_of_the_folder_does_not_put_out_the_bridge_that_it_was_copied_from(
    on_kafka: StreamSettings, clock: SystemClock, tmp_path: Path
) -> None:
    copy = replace(on_kafka, state_dir=tmp_path / "copy")
    async with running(on_kafka, clock) as consumer:
        await eventually((tmp_path / "member-simulator.json").exists, "the member's name")
        shutil.copytree(tmp_path, tmp_path / "copy")
        with capture_logs() as logs:
            await FormerMember(copy, clock).leave()
            assert [] == [entry["event"] for entry in logs]
            await FormerMember(on_kafka, clock).leave()
        assert ["Left the group in the name of a former client"] == [entry["event"] for entry in logs]
        assert Phase.UP == consumer.state.phase


async def test_a_folder_that_cannot_be_written_to_stops_nothing(
    settings: StreamSettings, clock: SystemClock, tmp_path: Path
) -> None:
    folder = tmp_path / "absent"
    async with running(replace(settings, state_dir=folder), clock):
        assert not folder.exists()


def keep(folder: Path, content: bytes) -> None:
    (folder / "member-simulator.json").write_bytes(content)


def remembered(folder: Path) -> dict[str, object]:
    """Return what a bridge before this one would have kept."""
    place = f"{socket.gethostname()}:{folder}"
    return {"group": "hybrid-bridge-test", "place": place, "member_id": "m-1"}
