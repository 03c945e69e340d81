"""Processes that end while a program of theirs lives on."""

import asyncio
import sys
import time

import psutil

from hybrid_bridge import subprocesses

# It starts a program that inherits its pipes, names it, and ends.
LEAVES_ONE_BEHIND = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(left.pid, flush=True)
raise SystemExit(7)
"""


async def test_its_pipes_and_its_end_wait_for_no_program_that_it_left_behind() -> None:
    pipe = asyncio.subprocess.PIPE
    process, _ = await subprocesses.start(
        sys.executable, "-c", LEAVES_ONE_BEHIND, limit=1000, stdin=pipe, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    left = psutil.Process(int(await process.stdout.readline()))
    named_s = time.monotonic()
    try:
        assert (await process.stdout.read(), await process.wait(), left.is_running()) == (b"", 7, True)
        assert time.monotonic() - named_s < 50
    finally:
        left.kill()
