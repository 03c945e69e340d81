"""A broker that keeps its data, for the bench: the one of scripts/kafka, where Java and Kafka are here.

Owns its process and nothing else; the folder is the caller's. Its processor time, its memory and what it has
on disk are looked at from outside.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

SCRIPT = Path(__file__).resolve().parents[1] / "kafka"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


def why_not() -> str:
    """Return why no such broker can be run here, "" when one can."""
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


class Kafka:
    """The broker as a process of its own, from entering to leaving.

    Attributes:
        address: host:port.
        pid: of the Java process.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare to run it with its data in a folder."""
        self.address = ""
        self.pid = 0
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: when it does not start.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [str(SCRIPT), "--port", str(_free_port()), "--data", str(self._folder / "data")]
        with (self._folder / "kafka.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                said = await self._process.stdout.readline() if self._process.stdout else b""
            ready = json.loads(said)
        except (TimeoutError, ValueError) as error:
            await self._stop()
            raise RuntimeError(f"Kafka did not start: see {self._folder / 'kafka.log'}") from error
        self.address, self.pid = ready["broker"], ready["pid"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        await self._stop()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, 9)
            await process.wait()

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        """Return its resident memory."""
        return float(psutil.Process(self.pid).memory_info().rss / 1024**2)

    def bytes_on_disk(self, prefix: str) -> int:
        """Return the size of the records of every topic whose name begins so, indices left out."""
        return sum(file.stat().st_size for file in (self._folder / "data").glob(f"log/{prefix}*/*.log"))


def _free_port() -> int:
    """Return a port that nothing listens on, below those that outgoing connections are given."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
