"""Processes that end while a program of theirs lives on, or that are given up while they start."""

import asyncio
import gc
import sys
import time
from typing import Any

import psutil
import pytest

from hybrid_bridge import subprocesses

# It starts a program that inherits its pipes, names it, and ends.
LEAVES_ONE_BEHIND = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(left.pid, flush=True)
raise SystemExit(7)
"""


FOR_LONG = "import time; time.sleep(100)"


async def started(text: str) -> tuple[asyncio.subprocess.Process, asyncio.SubprocessTransport]:
    pipe = asyncio.subprocess.PIPE
    return await subprocesses.start(
        sys.executable, "-c", text, limit=1000, stdin=pipe, stdout=pipe, stderr=pipe
    )


async def test_its_pipes_and_its_end_wait_for_no_program_that_it_left_behind() -> None:
    process, _ = await started(LEAVES_ONE_BEHIND)
    assert process.stdout is not None
    left = psutil.Process(int(await process.stdout.readline()))
    named_s = time.monotonic()
    try:
        assert (await process.stdout.read(), await process.wait(), left.is_running()) == (b"", 7, True)
        assert time.monotonic() - named_s < 50
    finally:
        left.kill()


async def test_one_that_is_given_up_while_it_starts_is_started_and_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    start, begun, go_on = loop.subprocess_exec, asyncio.Event(), asyncio.Event()
    before, completed = set(psutil.Process().children()), []

    async def held(*arguments: Any, **options: Any) -> Any:
        begun.set()
        await go_on.wait()  # a cancellation would end it here
        completed.append(await start(*arguments, **options))
        return completed[0]

    monkeypatch.setattr(loop, "subprocess_exec", held)
    starting = asyncio.create_task(started(FOR_LONG))
    await begun.wait()
    for _ in range(2):
        starting.cancel()
        await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert completed
    assert set(psutil.Process().children()) - before == set()


@pytest.mark.parametrize("turns", range(12))
async def test_one_that_is_given_up_at_any_moment_leaves_nothing_open(turns: int) -> None:
    before = set(psutil.Process().children())
    starting = asyncio.create_task(started(FOR_LONG))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    async with asyncio.timeout(20):
        try:
            process, transport = await starting
        except asyncio.CancelledError:
            pass
        else:  # It was there before the cancellation.
            transport.close()
            await process.wait()
    gc.collect()  # whatever was left open says so now
    assert set(psutil.Process().children()) - before == set()


async def test_one_that_cannot_be_started_says_so() -> None:
    with pytest.raises(OSError):
        await subprocesses.start("no such program, surely", limit=1000)
