"""Latencies in bounded memory."""

from hybrid_bridge.figures import SAMPLES_KEPT, STAGES, ExecutorFigures, Laps, Latencies


def test_without_a_sample_nothing_is_claimed():
    assert {"count": 0, "p50": None, "p95": None, "p99": None, "max": None} == Latencies().summary_ms()


def test_one_sample_is_every_percentile():
    latencies = Latencies()
    latencies.add(0.0125)
    assert {"count": 1, "p50": 12.5, "p95": 12.5, "p99": 12.5, "max": 12.5} == latencies.summary_ms()


def test_percentiles_are_ranks_of_the_samples_in_milliseconds():
    latencies = Latencies()
    for number in reversed(range(101)):
        latencies.add(number / 1000)
    assert {"count": 101, "p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0} == latencies.summary_ms()


def test_only_the_most_recent_samples_are_kept_but_all_are_counted():
    latencies = Latencies()
    latencies.add(1000.0)
    for _ in range(SAMPLES_KEPT):
        latencies.add(0.001)
    assert {
        "count": SAMPLES_KEPT + 1,
        "p50": 1.0,
        "p95": 1.0,
        "p99": 1.0,
        "max": 1.0,
    } == latencies.summary_ms()


def test_figures_of_two_runs_are_apart():
    first, second = ExecutorFigures(), ExecutorFigures()
    first.received["websocket"] += 1
    first.signal_to_send.add(1.0)
    assert ({}, 0) == (dict(second.received), second.signal_to_send.count)


def test_each_lap_is_timed_from_the_end_of_the_one_before():
    clock = iter([10.5, 10.5, 12.0])
    laps = Laps(lambda: next(clock), started_s=10.0)
    for stage in ("inbox", "screen", "appraise"):
        laps.end(stage)
    assert [("inbox", 0.5), ("screen", 0.0), ("appraise", 1.5)] == laps.times_s


def test_the_laps_of_an_order_are_added_to_their_stages():
    figures, clock = ExecutorFigures(), iter([1.0, 3.0])
    laps = Laps(lambda: next(clock), started_s=0.0)
    laps.end("inbox")
    laps.end("send")
    figures.add_laps(laps)
    assert {"inbox": 1000.0, "send": 2000.0} == {
        stage: times.summary_ms()["max"] for stage, times in figures.stages.items() if times.count
    }
    assert list(STAGES) == list(figures.stages)
