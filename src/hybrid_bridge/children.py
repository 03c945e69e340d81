"""Programs of ours that run beside the bridge: the simulated terminal, the embedded broker, the demo backend.

Owns starting them, reading the one JSON line that each prints when it is ready, passing their stderr to the
log, and stopping them in a bounded time. app and the demo use it; the lanes have their own care.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from hybrid_bridge import interpreter, subprocesses
from hybrid_bridge.errors import BridgeError

log = structlog.get_logger(__name__)

# The first start on a PC with a virus scanner takes long: every library is looked through.
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0
LAST_WORDS_TIMEOUT_S = 1.0
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
        self._command = [interpreter.program(), "-m", module, *arguments]
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False
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
            self.ready = _read_ready(line)
        except (TimeoutError, ValueError) as error:
            await self.stop()
            said = await self._last_words(self._process)
            silence = f"no word from it in {READY_TIMEOUT_S:g} s"
            raise BridgeError(f"the {self.name} did not start: {said or str(error) or silence}") from error
        except BaseException:
            await self.stop()
            raise
        return self.ready

    async def _spawn(self) -> asyncio.subprocess.Process:
        stderr = asyncio.subprocess.PIPE if self._log_path is None else self._log_path.open("ab")
        try:
            process, _ = await subprocesses.start(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=LINE_BYTES_MAX,
                env={
                    **os.environ,
                    **interpreter.environment(),
                    "PYTHONPATH": _python_path(),
                    "PYTHONIOENCODING": "utf-8",  # Windows' own code page would garble names and paths.
                },
                **_apart(),
            )
            return process
        finally:
            if not isinstance(stderr, int):
                stderr.close()

    async def _last_words(self, process: asyncio.subprocess.Process) -> str:
        """Return the end of what it wrote to stderr, as far as that is to be had."""
        if self._log_path is not None:
            return f"see {self._log_path}"
        said, stream = b"", _stream(process.stderr)
        try:
            # A program of its own may hold the pipe open for ever.
            async with asyncio.timeout(LAST_WORDS_TIMEOUT_S):
                while part := await stream.read(LINE_BYTES_MAX):
                    said = (said + part)[-LINE_BYTES_MAX:]
        except TimeoutError:
            pass
        return said.decode(errors="replace").strip()

    async def watch(self) -> None:
        """Pass its stderr to the log until it is stopped.

        Raises:
            BridgeError: when it ends by itself.
        """
        process = self._process
        if process is None:
            raise BridgeError(f"the {self.name} was not started")
        if process.stderr is not None:
            async for line in _lines(process.stderr):
                log.info(line.decode(errors="replace").rstrip(), program=self.name)
        code = await process.wait()
        if self._stopped:
            return
        raise BridgeError(f"the {self.name} ended by itself with exit code {code}")

    async def stop(self) -> None:
        """End the program: asked first, killed after STOP_TIMEOUT_S."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._stopped = True
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _apart() -> dict[str, Any]:
    """Return the keywords that keep Ctrl-C from a program: it is for the bridge, which stops in order."""
    if sys.platform == "win32":
        # A console of its own, never shown: Ctrl-Break and closing the bridge's window pass it by as well.
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _read_ready(line: bytes) -> Mapping[str, object]:
    """Return what the line says.

    Raises:
        ValueError: when it is no JSON object.
    """
    said = json.loads(line)
    if not isinstance(said, dict):
        raise ValueError(f"it said {line[:100].rstrip()!r}; expected a JSON object")  # noqa: TRY004 - one kind of refusal
    return said


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Give line by line; one that is longer than LINE_BYTES_MAX is left out, and said so."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            line = f"(a line of more than {LINE_BYTES_MAX} bytes was left out)\n".encode()
        if not line:
            return
        yield line


def _stream(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise BridgeError("a child's output was not opened")
    return stream


def _python_path() -> str:
    """Return a PYTHONPATH under which the child finds this very package."""
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (str(SOURCE_ROOT), inherited) if part)
