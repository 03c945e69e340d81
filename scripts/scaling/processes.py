"""What runs around a measured broker: fleets as processes of their own, and the backend that sends signals.

Owns starting and ending them. `run` asks the fleets and waits.
"""

import asyncio
import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Producer
from scripts.benchmarks.desk import encode_signal
from scripts.scaling.layout import Layout, login_of, signal_topic

READY_TIMEOUT_S = 120.0
ANSWER_SPARE_S = 60.0
STOP_TIMEOUT_S = 10.0
LINE_BYTES_MAX = 16 * 1024 * 1024
FLUSH_TIMEOUT_S = 10.0


class FleetProcess:
    """One fleet, from entering to leaving."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._command = [sys.executable, "-m", "scripts.scaling.fleet", *arguments]
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until its bridges are connected."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=LINE_BYTES_MAX
        )
        try:
            await self._line(READY_TIMEOUT_S)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        await self._stop()

    async def ask(self, order: dict[str, float]) -> dict[str, Any]:
        """Have it do something for a while; return what it saw."""
        process = self._started()
        if process.stdin is not None:
            process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._line(order["settle_s"] + order["seconds"] + ANSWER_SPARE_S)

    async def _line(self, timeout_s: float) -> dict[str, Any]:
        """Read a line.

        Raises:
            RuntimeError: when it ends or is silent; its own words are on standard error.
        """
        process = self._started()
        try:
            async with asyncio.timeout(timeout_s):
                line = await process.stdout.readline() if process.stdout is not None else b""
        except TimeoutError as error:
            raise RuntimeError(f"a fleet was silent for {timeout_s:g} s") from error
        if not line:
            raise RuntimeError("a fleet ended by itself; its words are above")
        return dict(json.loads(line))

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the fleet was not started")
        return self._process

    async def _stop(self) -> None:
        process = self._started()
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class SignalSender:
    """The backend: signals to each account in turn, each with the header that names it."""

    def __init__(self, bootstrap: str, run: str, layout: Layout, accounts: int) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
        self._run = run
        self._layout = layout
        self._accounts = accounts
        self._sent = 0

    def __enter__(self) -> Self:
        """Be ready to send."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is on its way."""
        self._producer.flush(FLUSH_TIMEOUT_S)

    async def send(self, per_account_s: float, lasts_s: float) -> int:
        """Send so many signals a second to each account; return how many went out."""
        if not per_account_s:
            return 0
        gap_s = 1 / (per_account_s * self._accounts)
        began_s = time.monotonic()
        self._sent = 0
        while (now_s := time.monotonic() - began_s) < lasts_s:
            if now_s >= self._sent * gap_s:
                self._post()
            else:
                await asyncio.sleep(self._sent * gap_s - now_s)
        return self._sent

    def _post(self) -> None:
        number = self._sent % self._accounts
        login = login_of(number)
        signal_id = f"{login}-{time.time_ns()}"
        self._producer.produce(
            signal_topic(self._run, self._layout, number),
            encode_signal(signal_id, "EURUSD", buy=True),
            key=login,
            headers=[("account", login.encode())],
        )
        self._producer.poll(0)
        self._sent += 1
