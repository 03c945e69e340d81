"""Where this bridge was writing is kept now and then, and read by the next one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.execution.venue import ManualClock
from tests.streams.support import SystemClock, make_ticks, stream_settings

from hybrid_bridge.core.market import TickCursor
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams import tail
from hybrid_bridge.streams.tick_marks import KEEP_INTERVAL_S, TickMarks
from hybrid_bridge.streams.tick_publisher import KafkaTickSink


@pytest.fixture
def nowhere(tmp_path: Path) -> StreamSettings:
    return replace(stream_settings("any:9092"), state_dir=tmp_path)


def test_offsets_are_kept_at_once_and_then_now_and_then(nowhere: StreamSettings) -> None:
    clock = ManualClock()
    marks = TickMarks(nowhere, clock)
    seen = []
    for wait_s, offset in ((0, 5), (1, 6), (KEEP_INTERVAL_S - 2, 7), (1, 8), (1, 9), (KEEP_INTERVAL_S, 9)):
        clock.advance(wait_s)
        marks.keep({2: offset})
        seen.append(TickMarks(nowhere, clock).offsets)
    assert [{2: 5}, {2: 5}, {2: 5}, {2: 8}, {2: 8}, {2: 9}] == seen


def test_a_partition_that_was_quiet_keeps_its_place(nowhere: StreamSettings) -> None:
    clock = ManualClock()
    TickMarks(nowhere, clock).keep({0: 10, 3: 7})
    TickMarks(nowhere, clock).keep({0: 20})
    assert {0: 20, 3: 7} == TickMarks(nowhere, clock).offsets


def test_another_topics_places_are_nobodys(nowhere: StreamSettings) -> None:
    TickMarks(nowhere, ManualClock()).keep({0: 10})
    assert {} == TickMarks(replace(nowhere, tick_topic="other"), ManualClock()).offsets


DAMAGED = [
    {},
    {"offsets": 7},
    {"offsets": [1]},
    {"offsets": [["a", 1]]},
    {"offsets": [[0, None]]},
    {"offsets": None},
    {"offsets": [[0, float("inf")]]},
    {"offsets": [[float("nan"), 1]]},
]


@pytest.mark.parametrize("facts", DAMAGED)
def test_a_damaged_file_is_as_good_as_none(nowhere: StreamSettings, tmp_path: Path, facts: object) -> None:
    assert isinstance(facts, dict)
    (tmp_path / "marks-simulator.json").write_text(json.dumps({"topic": nowhere.tick_topic, **facts}))
    assert {} == TickMarks(nowhere, ManualClock()).offsets


async def test_a_bridge_that_was_killed_finds_its_ticks_though_others_wrote_far_more_since(
    settings: StreamSettings, clock: SystemClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch was confirmed, its cursor never stored: it must not be written again."""
    monkeypatch.setattr(tail, "FIRST_WINDOW", 10)
    monkeypatch.setattr(tail, "KNOWN_DEPTH", 50)
    here = replace(settings, state_dir=tmp_path)
    killed, other = KafkaTickSink(here, clock), KafkaTickSink(replace(settings, account="7002"), clock)
    for first in (1, 11):
        await killed.publish(make_ticks("EURUSD", first, 10))
    await other.publish(make_ticks("EURUSD", 1, 500))
    for sink in (killed, other):
        await sink.close()

    cursors = [TickCursor("EURUSD", 0, 0, 10)]
    found = {}
    for name, one in {"kept": here, "lost": replace(here, state_dir=tmp_path / "lost")}.items():
        reborn = KafkaTickSink(one, clock)
        found[name] = (await reborn.recover(cursors))["EURUSD"]
        await reborn.close()
    assert {"kept": 20, "lost": 0} == found
