"""An outage is logged once per cause, its end once."""

from structlog.testing import capture_logs

from hybrid_bridge.streams.channel_state import ChannelState, Phase, tell_once


class SetClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def utc_msc(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_cause_is_logged_once_per_outage_and_the_recovery_once() -> None:
    clock = SetClock()
    with capture_logs() as logs:
        state = ChannelState("redpanda ticks", clock)
        state.up()
        for cause in ("refused", "refused", "silent", "refused"):
            clock.now_s += 1
            state.down(cause)
            state.connecting()
        clock.now_s += 6
        state.up()
        state.up()
        state.down("refused")

    assert [
        ("Redpanda channel is up", None),
        ("Redpanda channel is down", "refused"),
        ("Redpanda channel is down", "silent"),
        ("Redpanda channel is up again", None),
        ("Redpanda channel is down", "refused"),
    ] == [(line["event"], line.get("cause")) for line in logs]
    assert logs[3]["outage_s"] == 9.0


def test_an_outage_counts_from_its_beginning_however_often_it_is_reported() -> None:
    clock = SetClock()
    state = ChannelState("redpanda ticks", clock)
    state.up()
    clock.now_s = 2_000.0
    state.down("refused")
    clock.now_s = 3_000.0
    state.connecting()
    assert (state.phase, state.since_msc) == (Phase.CONNECTING, 2_000_000)
    state.down("silent")

    assert (state.phase, state.since_msc, state.last_error) == (Phase.DOWN, 2_000_000, "silent")
    assert state.outages == 1


def test_the_last_error_is_kept_after_the_recovery() -> None:
    state = ChannelState("redpanda ticks", SetClock())
    state.down("refused")
    state.up()

    assert (state.phase, state.last_error) == (Phase.UP, "refused")


def test_connecting_does_not_take_an_open_channel_down() -> None:
    state = ChannelState("redpanda ticks", SetClock())
    assert state.phase is Phase.CONNECTING
    state.up()
    state.connecting()

    assert state.phase is Phase.UP


def test_channels_of_one_redpanda_tell_a_cause_in_full_once() -> None:
    clock = SetClock()
    ticks, events = ChannelState("redpanda ticks", clock), ChannelState("redpanda events", clock)
    tell_once(ticks, events)
    with capture_logs() as logs:
        for state in (ticks, events, ticks, events):
            state.down("nothing listens")
        events.down("forbidden")
        ticks.up()
        ticks.down("nothing listens")

    assert [
        ("redpanda ticks", "nothing listens"),
        ("redpanda events", "the same as of redpanda ticks"),
        ("redpanda events", "forbidden"),
        ("redpanda ticks", None),
        ("redpanda ticks", "nothing listens"),
    ] == [(line["channel"], line.get("cause")) for line in logs]
    assert ("forbidden", "nothing listens") == (events.last_error, ticks.last_error)


def test_one_channel_s_recovery_leaves_another_s_cause_told() -> None:
    clock = SetClock()
    ticks, events = ChannelState("redpanda ticks", clock), ChannelState("redpanda events", clock)
    tell_once(ticks, events)
    ticks.down("nothing listens")
    events.down("nothing listens")
    events.up()
    with capture_logs() as logs:
        events.down("nothing listens")

    assert ["the same as of redpanda ticks"] == [line["cause"] for line in logs]
