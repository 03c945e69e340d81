"""The bench's own broker: looked at from outside while it works, and gone afterwards."""

import time
from pathlib import Path

import psutil
import pytest
from scripts.benchmarks.contenders import open_sink, stream_settings
from scripts.benchmarks.kafka import Kafka, why_not
from scripts.benchmarks.market import Market

pytestmark = pytest.mark.not_on_windows("scripts/bench measures on POSIX only")

SYMBOLS = ("EURUSD", "USDJPY")


@pytest.mark.kafka
async def test_what_the_broker_spends_and_keeps_is_seen_and_it_ends_with_the_measurement(
    tmp_path: Path,
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    async with Kafka(tmp_path) as broker:
        assert 0 == broker.bytes_on_disk("t")
        cpu_s, pid = broker.cpu_s(), broker.pid
        sink = await open_sink(stream_settings(broker.address, "t"), SYMBOLS)
        try:
            await sink.publish(Market(SYMBOLS).beat(300, time.time_ns() // 1_000_000))
            # Batches are kept as they were sent.
            assert sink.bytes_sent == broker.bytes_on_disk("t")
        finally:
            await sink.close()
        assert 0 == broker.bytes_on_disk("other")
        assert broker.cpu_s() > cpu_s > 0
        assert broker.rss_mb() > 50
    assert not psutil.pid_exists(pid)
