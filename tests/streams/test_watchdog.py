"""The watchdog: a quiet topic is no trouble, a client whose fetches go unanswered is."""

from aiokafka import TopicPartition

from hybrid_bridge.streams.watchdog import Watchdog

PARTITION = TopicPartition("signals", 0)
JOINED = {PARTITION}


class HandClock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def utc_msc(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Client:
    """What the watchdog looks at of a client: when the last fetch of each partition was answered."""

    def __init__(self) -> None:
        self.answered_at: int | None = None

    def assignment(self) -> set[TopicPartition]:
        return JOINED

    def last_poll_timestamp(self, _: TopicPartition) -> int | None:
        return self.answered_at


def looked(
    watchdog: Watchdog, client: Client, joined: set[TopicPartition] | None, records: bool = False
) -> bool:
    return watchdog.saw_answer(client, joined, records)  # type: ignore[arg-type]


def test_an_empty_answer_to_a_fetch_is_an_answer() -> None:
    clock, client = HandClock(), Client()
    watchdog = Watchdog(clock)
    looked(watchdog, client, JOINED)
    clock.now_s, client.answered_at = 5.0, 5_000

    assert looked(watchdog, client, JOINED)
    assert watchdog.silent_s == 0.0


def test_the_same_answer_does_not_count_twice() -> None:
    clock, client = HandClock(), Client()
    watchdog = Watchdog(clock)
    client.answered_at = 1_000
    assert looked(watchdog, client, JOINED)
    clock.now_s = 9.0

    assert not looked(watchdog, client, JOINED)
    assert watchdog.silent_s == 9.0


def test_records_are_an_answer_whatever_the_client_says() -> None:
    clock = HandClock()
    watchdog = Watchdog(clock)
    clock.now_s = 9.0

    assert looked(watchdog, Client(), JOINED, records=True)
    assert watchdog.silent_s == 0.0


def test_a_member_without_partitions_has_nothing_to_wait_for() -> None:
    assert looked(Watchdog(HandClock()), Client(), set())


def test_a_group_that_does_not_form_is_silent_and_its_forming_counts_anew() -> None:
    clock, client = HandClock(), Client()
    watchdog = Watchdog(clock)
    clock.now_s = 9.0
    assert not looked(watchdog, client, None)
    assert watchdog.silent_s == 9.0

    assert not looked(watchdog, client, JOINED)
    assert watchdog.silent_s == 0.0


def test_a_rest_counts_anew() -> None:
    clock = HandClock()
    watchdog = Watchdog(clock)
    clock.now_s = 9.0
    watchdog.rest()

    assert watchdog.silent_s == 0.0
