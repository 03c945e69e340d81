"""Programs of ours that run beside the bridge: the simulated terminal, the embedded broker, the demo backend.

Owns starting them, reading the one JSON line that each prints when it is ready, passing their stderr to the
log, and stopping them in a bounded time. app and the demo use it; the lanes have their own care.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from hybrid_bridge.errors import BridgeError

log = structlog.get_logger(__name__)

READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 3.0
LINE_BYTES_MAX = 65_536
SOURCE_ROOT = Path(__file__).resolve().parents[1]


class Child:
    """One program, from start to stop.

    Attributes:
        ready: what it said of itself when it was ready.
    """

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], *, log_path: Path | None = None
    ) -> None:
        """Describe the program `python -m module arguments`.

        Args:
            log_path: where its stderr goes; a program that may outlive the bridge needs it, for a pipe
                would break with the bridge. None passes it to the bridge's log.
        """
        self._log_path = log_path
        self.name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: asyncio.subprocess.Process | None = None
        self.ready: Mapping[str, object] = {}

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> Mapping[str, object]:
        """Start the program and wait for its line.

        Raises:
            BridgeError: when it ends, says something else or stays silent for too long.
        """
        self._process = await self._spawn()
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                line = await _stream(self._process.stdout).readline()
            self.ready = json.loads(line)
        except (TimeoutError, ValueError) as error:
            await self.stop()
            said = await self._last_words(self._process)
            raise BridgeError(
                f"the {self.name} did not start: {said or error or 'no word from it'}"
            ) from error
        return self.ready

    async def _spawn(self) -> asyncio.subprocess.Process:
        stderr = asyncio.subprocess.PIPE if self._log_path is None else self._log_path.open("ab")
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=LINE_BYTES_MAX,
                env={**os.environ, "PYTHONPATH": _python_path()},
                start_new_session=sys.platform != "win32",
            )
        finally:
            if not isinstance(stderr, int):
                stderr.close()

    async def _last_words(self, process: asyncio.subprocess.Process) -> str:
        if self._log_path is None:
            return (await _stream(process.stderr).read()).decode(errors="replace").strip()
        return f"see {self._log_path}"

    async def watch(self) -> None:
        """Pass its stderr to the log until it ends.

        Raises:
            BridgeError: when it ends by itself.
        """
        process = self._process
        if process is None:
            raise BridgeError(f"the {self.name} was not started")
        if process.stderr is not None:
            async for line in process.stderr:
                log.info(line.decode(errors="replace").rstrip(), program=self.name)
        code = await process.wait()
        raise BridgeError(f"the {self.name} ended by itself with exit code {code}")

    async def stop(self) -> None:
        """End the program: asked first, killed after STOP_TIMEOUT_S."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _stream(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise BridgeError("a child's output was not opened")
    return stream


def _python_path() -> str:
    """Return a PYTHONPATH under which the child finds this very package."""
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (str(SOURCE_ROOT), inherited) if part)
