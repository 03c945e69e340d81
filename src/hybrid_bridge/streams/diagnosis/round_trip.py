"""How far this PC's clock and the broker's are apart, and how long a message takes there and back.

Owns a topic of its own for it, which is made, used and deleted again. Called by inspection.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DeleteTopicsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from hybrid_bridge.findings import Finding, Verdict, told, well, wrong
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import TROUBLE, own_cancellation_only
from hybrid_bridge.streams.diagnosis.causes import who
from hybrid_bridge.streams.diagnosis.faults import fault
from hybrid_bridge.streams.diagnosis.permissions import (
    ACKS_ALL,
    ANSWER_MS,
    ASK_AGAIN_S,
    answered,
    batch_of,
    find_topic,
)
from hybrid_bridge.streams.topics import ask_to_create, controller_of

TRIPS = 5
FETCH_BYTES = 65_536
LEADER_S = 10.0
NOTED_DIFFERENCE_S = 0.5
# The broker stamps what it takes with its own clock; an hour is enough should the topic be left behind.
CONFIGURATION = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "3600000")]
ROUND_TRIP = "round trip"
CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class _Trip:
    """One message there and back.

    Attributes:
        there_s: until the broker had confirmed it.
        whole_s: until it had been read.
        difference_s: the broker's clock minus this PC's, None when the broker put no time on it.
    """

    there_s: float
    whole_s: float
    difference_s: float | None


class RoundTrip:
    """Messages to a topic of the check's own and back."""

    def __init__(self, client: AIOKafkaClient, settings: StreamSettings, clock: Clock) -> None:
        """Use a client that has bootstrapped."""
        self.topic = f"hybrid-bridge-check-{settings.account}"
        self._client = client
        self._settings = settings
        self._clock = clock

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield what was measured.

        Raises:
            KafkaError, OSError, TimeoutError: when the topic cannot be asked for.
        """
        refused = await self._make_topic()
        if refused:
            for step in (CLOCK, ROUND_TRIP):
                yield Finding(step, Verdict.SKIPPED, f"not measured: topic {self.topic} {refused}")
            return
        try:
            findings = await self._measured()
        finally:
            left = await self._delete_topic()
        for finding in findings:
            yield finding
        if left:
            yield Finding(f"topic {self.topic}", Verdict.NOTE, f"could not be deleted again: {left}")

    async def _make_topic(self) -> str:
        """Make the topic and return "", or why that cannot be."""
        try:
            error = await ask_to_create(self._client, self.topic, 1, CONFIGURATION)
        except kafka.IncompatibleBrokerVersion:
            return "cannot be made: this broker makes none on request"
        if error in (kafka.NoError, kafka.TopicAlreadyExistsError):
            return ""
        if error in (kafka.TopicAuthorizationFailedError, kafka.ClusterAuthorizationFailedError):
            return f"may not be made by {who(self._settings)['user']}"
        return f"cannot be made: {answered(error)}"

    async def _delete_topic(self) -> str:
        """Delete the topic and return "", or why that failed."""
        try:
            with own_cancellation_only():
                response = await self._client.send(
                    controller_of(self._client), DeleteTopicsRequest([self.topic], ANSWER_MS)
                )
        except TROUBLE as error:
            return type(error).__name__
        error_kind = kafka.for_code(response.topic_error_codes[0][1])
        return "" if error_kind is kafka.NoError else answered(error_kind)

    async def _measured(self) -> list[Finding]:
        try:
            with own_cancellation_only():
                trips = await self._measure()
        except TROUBLE as error:
            return [wrong(ROUND_TRIP, fault("round_trip_failed", told(error), topic=self.topic))]
        return [self._judge_clock(trips), self._judge_trips(trips)]

    async def _measure(self) -> list[_Trip]:
        async with asyncio.timeout(LEADER_S):
            leader = await self._warm_up()
        return [await self._travel(leader, f"{self._settings.account} {number}") for number in range(TRIPS)]

    async def _warm_up(self) -> int:
        """Send a message until a topic that is just being made takes it; return who leads the topic."""
        while True:
            error, partitions = await find_topic(self._client, self.topic)
            if error is kafka.NoError and partitions and partitions[0][2] != -1:
                leader = int(partitions[0][2])
                try:
                    await self._travel(leader, "first")
                except kafka.BrokerResponseError as refused:
                    if not refused.retriable:
                        raise
                else:
                    return leader
            await asyncio.sleep(ASK_AGAIN_S)

    async def _travel(self, leader: int, text: str) -> _Trip:
        value, started, sent_msc = text.encode(), self._clock.monotonic(), self._clock.utc_msc()
        request = ProduceRequest(None, ACKS_ALL, ANSWER_MS, [(self.topic, [(0, batch_of(value, sent_msc))])])
        answer = (await self._client.send(leader, request)).topics[0][1][0]
        there_s = self._clock.monotonic() - started
        _, code, offset, stamped_msc, *_ = answer
        _raise_for(code)
        await self._read_back(leader, offset, value)
        whole_s = self._clock.monotonic() - started
        between_s = (stamped_msc - sent_msc) / 1000 - there_s / 2
        return _Trip(there_s, whole_s, between_s if stamped_msc > 0 else None)

    async def _read_back(self, leader: int, offset: int, value: bytes) -> None:
        request = FetchRequest(ANSWER_MS // 4, 1, FETCH_BYTES, 0, [(self.topic, [(0, offset, FETCH_BYTES)])])
        answer = (await self._client.send(leader, request)).topics[0][1][0]
        _raise_for(answer[1])
        if value not in (answer[-1] or b""):
            raise kafka.KafkaError(f"offset {offset} of {self.topic} is not what was written")

    def _judge_clock(self, trips: list[_Trip]) -> Finding:
        measured = [trip for trip in trips if trip.difference_s is not None]
        if not measured:
            return Finding(
                CLOCK, Verdict.SKIPPED, "not measured: the broker puts no time of its own on messages"
            )
        best = min(measured, key=lambda trip: trip.there_s)
        difference_s = best.difference_s or 0.0
        apart_s, age_s = abs(difference_s), self._settings.signal_max_age_s
        seen = f"the broker's is {apart_s:.2f} s {'ahead' if difference_s > 0 else 'behind'}"
        if apart_s > age_s / 2:
            return wrong(CLOCK, fault("clock_off", seen, difference_s=apart_s, age_s=age_s))
        if apart_s > NOTED_DIFFERENCE_S:
            return Finding(CLOCK, Verdict.NOTE, f"{seen}; have both set by an internet time server")
        return well(CLOCK, f"{seen}, within {max(1, best.there_s / 2 * 1000):.0f} ms")

    def _judge_trips(self, trips: list[_Trip]) -> Finding:
        whole = sorted(trip.whole_s * 1000 for trip in trips)
        there = sorted(trip.there_s * 1000 for trip in trips)
        middle = TRIPS // 2
        return well(
            ROUND_TRIP,
            f"a message is confirmed in {there[middle]:.1f} ms and read back in {whole[middle]:.1f} ms"
            f" (the slowest of {TRIPS}: {whole[-1]:.1f} ms)",
        )


def _raise_for(code: int) -> None:
    error = kafka.for_code(code)
    if error is not kafka.NoError:
        raise error
