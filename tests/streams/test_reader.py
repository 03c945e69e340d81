"""A reader goes on through every failure of its client, with waits that grow until the broker answers."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from aiokafka import errors as kafka
from tests.streams.support import SystemClock, stream_settings

from hybrid_bridge.streams.channel_state import Phase
from hybrid_bridge.streams.reader import BACKOFF_FIRST_S, BACKOFF_MAX_S, Reader, Stalled


class NotingClock(SystemClock):
    """Notes how long it was asked to sleep and does not sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Scripted(Reader):
    """A reader whose sessions do what the script says; after its end it reads on for ever."""

    def __init__(
        self, address: str, clock: NotingClock, script: Iterator[Callable[["Scripted"], object]]
    ) -> None:
        super().__init__("redpanda signals", stream_settings(address), clock)
        self.ended = asyncio.Event()
        self._script = script

    async def _session(self) -> None:
        step = next(self._script, None)
        if step is None:
            self.ended.set()
            await asyncio.Event().wait()
        elif asyncio.iscoroutine(doing := step(self)):
            await doing

    def answer_and_fail(self) -> None:
        self._note_answer()
        raise OSError("gone")


def fail_with(error: BaseException) -> Callable[[Scripted], None]:
    def step(_: Scripted) -> None:
        raise error

    return step


async def run_script(address: str, *script: Callable[[Scripted], object]) -> tuple[Scripted, list[float]]:
    clock = NotingClock()
    reader = Scripted(address, clock, iter(script))
    task = asyncio.create_task(reader.run())
    async with asyncio.timeout(20):
        await reader.ended.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    return reader, clock.slept


async def test_the_waits_grow_to_a_bound_and_begin_anew_once_the_broker_has_answered(
    refused_address: str,
) -> None:
    failing = [fail_with(OSError("refused"))] * 5
    reader, slept = await run_script(refused_address, *failing, Scripted.answer_and_fail, *failing[:1])

    longest = [1.0, 2.0, 4.0, BACKOFF_MAX_S, BACKOFF_MAX_S, BACKOFF_FIRST_S, 1.0]
    assert len(longest) == len(slept) == reader.rebuilds
    assert all(most / 2 <= wait <= most for most, wait in zip(longest, slept, strict=True))


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        TimeoutError(),
        kafka.KafkaConnectionError("gone"),
        KeyError("a slip of the client"),
        asyncio.CancelledError(),
        Stalled("no fetch was answered for 9 s"),
    ],
)
async def test_no_failure_of_the_client_ends_the_reader(refused_address: str, error: BaseException) -> None:
    reader, _ = await run_script(refused_address, fail_with(error))

    assert 1 == reader.rebuilds
    assert Phase.CONNECTING is reader.state.phase
    assert f"nothing listens on {refused_address}" in reader.state.last_error


async def test_a_cancellation_that_nobody_asked_for_ends_no_reader_whose_task_group_has_failed_before(
    refused_address: str,
) -> None:
    """A failed TaskGroup leaves its parent with a cancellation too many: the next one is not the app's."""

    async def fail_in_a_group(_: Scripted) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail_soon())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group

    async def fail_soon() -> None:
        raise OSError("gone")

    reader, _ = await run_script(refused_address, fail_in_a_group, fail_with(asyncio.CancelledError()))

    assert 2 == reader.rebuilds


async def test_a_session_that_ends_by_itself_is_no_outage(refused_address: str) -> None:
    reader, slept = await run_script(refused_address, Scripted._note_answer)

    assert (0, 0, 1) == (reader.rebuilds, reader.state.outages, len(slept))
    assert Phase.UP is reader.state.phase


async def test_a_mistake_of_our_own_is_not_retried(refused_address: str) -> None:
    reader = Scripted(refused_address, NotingClock(), iter([fail_with(ZeroDivisionError())]))
    with pytest.raises(ZeroDivisionError):
        await reader.run()
