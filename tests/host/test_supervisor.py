"""What is started again, after which wait, and what never: with real processes."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid_bridge.errors import BridgeError
from hybrid_bridge.host.supervisor import (
    Ended,
    Failed,
    Patience,
    Started,
    Supervisor,
    Told,
    is_failure,
    is_stop,
)

HASTE = Patience(first_s=0.05, longest_s=0.1, failures_max=3, steady_s=60.0)
# Ends with the next of the exit codes in a file; "wait" waits to be ended, "kill" is killed.
CHILD = """
import pathlib, psutil, sys, time
path = pathlib.Path(sys.argv[1])
code, *left = path.read_text().split()
path.write_text(" ".join(left))
while code == "wait":
    time.sleep(0.05)
if code == "kill":
    psutil.Process().kill()
sys.exit(int(code))
"""

# Ends when it is asked to, as the bridge does: by a signal, on Windows by its window.
LISTENER = """
import threading
from hybrid_bridge.host.endings import watch_endings
asked = threading.Event()
endings = watch_endings()
with endings.passed_to(lambda _: asked.set()):
    asked.wait()
endings.done()
"""


class Watch:
    """A supervisor of a process that ends as told, and what was heard of it."""

    def __init__(self, folder: Path, codes: str, patience: Patience = HASTE) -> None:
        path = folder / "codes"
        path.write_text(codes)
        self.left = path.read_text
        self.told: list[Told] = []
        self.on_told: Callable[[Told], None] = lambda _: None
        self.supervisor = Supervisor([sys.executable, "-c", CHILD, str(path)], {}, self._hear, patience)

    def _hear(self, told: Told) -> None:
        self.told.append(told)
        self.on_told(told)

    async def run(self) -> int:
        async with asyncio.timeout(60):
            return await self.supervisor.run()

    @property
    def starts(self) -> int:
        return sum(isinstance(told, Started) for told in self.told)

    @property
    def last(self) -> Told:
        return self.told[-1]


class TestEndings:
    @pytest.mark.parametrize("code", [0, 2, 3, 4])
    async def test_what_needs_a_person_or_was_asked_for_is_never_started_again(
        self, tmp_path: Path, code: int
    ) -> None:
        watch = Watch(tmp_path, f"{code} 0")
        assert code == await watch.run()
        assert (1, Ended(code, 0), "0") == (watch.starts, watch.last, watch.left())

    async def test_a_failure_is_started_again_until_it_ends_well(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1 1 0")
        assert 0 == await watch.run()
        failed = [(told.code, told.failures, told.wait_s) for told in watch.told if isinstance(told, Failed)]
        assert [(1, 1, 0.05), (1, 2, 0.1)] == failed
        assert 3 == watch.starts

    async def test_a_killed_bridge_is_started_again(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "kill 0")
        assert 0 == await watch.run()
        assert (2, True) == (watch.starts, isinstance(watch.told[1], Failed))

    async def test_it_gives_up_after_so_many_failures_in_a_row(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1 1 1 0")
        assert 1 == await watch.run()
        assert (3, Ended(1, 3), "0") == (watch.starts, watch.last, watch.left())

    async def test_a_bridge_that_ran_well_for_long_counts_from_the_beginning(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1 1 1 1 0", Patience(0.01, 0.01, 2, steady_s=0.0))
        assert 0 == await watch.run()
        assert [1] * 4 == [told.failures for told in watch.told if isinstance(told, Failed)]

    async def test_a_program_that_is_not_there_is_told(self) -> None:
        supervisor = Supervisor(["no-such-program"], {}, lambda _: None)
        with pytest.raises(BridgeError, match=r"cannot start no-such-program: .*start_bridge\.bat"):
            await supervisor.run()

    def test_waits_grow_and_have_an_end(self) -> None:
        patience = Patience()
        assert [5.0, 10.0, 20.0] == [patience.wait_s(failures) for failures in (1, 2, 3)]
        assert 300.0 == patience.wait_s(9)

    @pytest.mark.parametrize("code", [0, 0xC000013A, 0x40010004, 0xC0000142, -2, -15])
    def test_a_closed_window_ctrl_c_and_the_end_of_the_session_are_no_failures(self, code: int) -> None:
        assert (True, False) == (is_stop(code), is_failure(code))

    @pytest.mark.parametrize("code", [1, 0xC0000005, 0xC0000409, -9, -11])
    def test_crashes_and_kills_are_failures(self, code: int) -> None:
        assert (False, True) == (is_stop(code), is_failure(code))


class TestStop:
    async def test_during_the_wait_starts_nothing_any_more(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1 0", Patience(first_s=3600.0, longest_s=3600.0))
        watch.on_told = lambda told: watch.supervisor.stop() if isinstance(told, Failed) else None
        begun = time.monotonic()
        assert 0 == await watch.run()
        assert time.monotonic() - begun < 60
        assert (1, "0") == (watch.starts, watch.left())

    async def test_before_the_start_starts_nothing(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1")
        watch.supervisor.stop()
        assert (0, []) == (await watch.run(), watch.told)

    @pytest.mark.not_on_windows("POSIX signals")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_while_it_runs_passes_the_signal_on_and_waits_for_the_end(
        self, tmp_path: Path, number: int
    ) -> None:
        watch = Watch(tmp_path, "wait 0")
        watch.on_told = lambda told: watch.supervisor.stop(number) if isinstance(told, Started) else None
        assert 0 == await watch.run()
        assert (1, Ended(-number, 0)) == (watch.starts, watch.last)

    async def test_while_it_is_being_started_ends_what_the_console_did_not_tell(self) -> None:
        supervisor = Supervisor([sys.executable, "-c", LISTENER], {}, lambda _: None)
        # Ctrl-C in the instant before the process is there, which so never hears of it.
        asyncio.get_running_loop().call_soon(supervisor.stop, signal.SIGINT)
        try:
            async with asyncio.timeout(30):
                assert 0 == await supervisor.run()
        finally:
            if supervisor._process is not None and supervisor._process.returncode is None:
                supervisor._process.kill()

    async def test_a_failure_while_stopping_is_not_started_again(self, tmp_path: Path) -> None:
        watch = Watch(tmp_path, "1 0")
        # As a console asks: the supervisor hears of it, and the bridge by itself.
        watch.on_told = lambda _: watch.supervisor._stopping.set()
        assert 1 == await watch.run()
        assert (1, Ended(1, 0)) == (watch.starts, watch.last)
