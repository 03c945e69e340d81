"""A running worker as the daemon sees it: its process, its frames, its standard error.

Owns one process from start to end. Decides nothing: `lane` says what to ask and when to give up.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from hybrid_bridge import interpreter, subprocesses
from hybrid_bridge.terminal import process_care
from hybrid_bridge.terminal.framing import LENGTH, LOG, REPLY, FrameError, pack, payload_length

log = structlog.get_logger(__name__)

# How long a worker gets to leave by itself; it does so as soon as its input ends, unless a call holds it.
STOP_GRACE_S = 1.0
KILL_GRACE_S = 5.0
STREAM_LIMIT = 1 << 20
STDERR_CHUNK = 4096
STDERR_LINE_MAX = 2000
SECRETS = frozenset({"MT5_PASSWORD", "BACKEND_AUTH_TOKEN"})


class WorkerGone(Exception):
    """The worker ended, was given up, or its stream is torn."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, its result not decoded yet."""

    number: int
    ok: bool
    result: msgspec.Raw
    link_lost: bool
    stranger: str


class WorkerProcess:
    """One worker; `read_frames` and `read_stderr` must run while requests are made."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, transport: asyncio.SubprocessTransport
    ) -> None:
        self._process = process
        self._transport = transport
        self._log = log.bind(lane=name, pid=process.pid)
        self._waiting: tuple[int, asyncio.Future[Reply]] | None = None
        self._frame = msgspec.msgpack.Decoder(list[msgspec.Raw])

    @classmethod
    async def start(cls, name: str, module: str, environment: dict[str, str]) -> "WorkerProcess":
        """Start a worker.

        Args:
            environment: added to the daemon's own, for this process only.
        Raises:
            OSError: when the process cannot be started.
        """
        process, transport = await subprocesses.start(
            interpreter.program(),
            # Without the working directory on the path: a file hybrid_bridge.py there would hide the package.
            "-P",
            "-m",
            "hybrid_bridge.terminal.worker",
            *("--module", module, "--name", name, "--parent", str(os.getpid())),
            limit=STREAM_LIMIT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(environment),
            **process_care.spawn_options(),
        )
        try:
            process_care.adopt(process.pid)
        except OSError:
            process.kill()
            await process.wait()
            raise
        return cls(name, process, transport)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def request(self, number: int, name: str, args: msgspec.Struct) -> Reply:
        """Write one request and wait for its reply; one at a time.

        Raises:
            WorkerGone: when the worker ended first; whether it acted is not known.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  a pipe was asked for
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting = (number, reply)
        try:
            stdin.write(pack([number, name, args]))
            await stdin.drain()
            return await reply
        except OSError as error:
            raise WorkerGone(f"its input is closed ({error})") from error
        finally:
            self._waiting = None

    async def read_frames(self) -> None:
        """Hand replies to their requests and remarks to the log, until the worker ends.

        Raises:
            WorkerGone: always, at the end.
        """
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  a pipe was asked for
        try:
            while True:
                length = payload_length(await stdout.readexactly(LENGTH.size))
                self._take(await stdout.readexactly(length))
        except asyncio.IncompleteReadError as error:
            raise self._gone(await self._how_it_ended()) from error
        except (FrameError, msgspec.MsgspecError, OSError) as error:
            raise self._gone(f"its output is torn ({error})") from error

    async def read_stderr(self) -> None:
        """Log what the package and the libraries in the worker print, until it ends."""
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101  a pipe was asked for
        rest = b""
        while chunk := await stderr.read(STDERR_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._log_line(line)
            if len(rest) > STDERR_LINE_MAX:
                self._log_line(rest)
                rest = b""
        self._log_line(rest)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._process.returncode is None:
            process_care.kill(self._process)

    async def stop(self, grace_s: float) -> None:
        """End the process: politely for `grace_s`, then not; returns within a bounded time.

        A cancellation meanwhile takes effect only once the process is gone: nothing may be left behind.
        """
        if self._process.stdin is not None:
            self._process.stdin.close()
        cancelled = await self._ended_within(grace_s)
        self.kill()
        cancelled = await self._ended_within(KILL_GRACE_S) or cancelled
        # A terminal that the worker launched may hold the other ends of its pipes.
        self._transport.close()
        if self._process.returncode is None:
            self._log.error("Worker does not end although it was killed", waited_s=KILL_GRACE_S)
        if cancelled is not None:
            raise cancelled

    async def _ended_within(self, seconds: float) -> asyncio.CancelledError | None:
        """Wait for the end; return the cancellation that cut the wait short, if one did."""
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return None
        except asyncio.CancelledError as cancelled:
            return cancelled
        return None

    def _take(self, payload: bytes) -> None:
        kind, *parts = self._frame.decode(payload)
        if kind == _REPLY and len(parts) == 5:
            number, ok, result, link_lost, stranger = parts
            self._reply(Reply(_integer(number), _truth(ok), result, _truth(link_lost), _text(stranger)))
        elif kind == _LOG and len(parts) == 3:
            level, event, fields = parts
            self._remark(_text(level), _text(event), _texts(fields))
        else:
            raise FrameError(f"a frame of {len(payload)} bytes is neither reply nor remark")

    def _reply(self, reply: Reply) -> None:
        if self._waiting is None or self._waiting[0] != reply.number:
            raise FrameError(f"a reply to request {reply.number}, which nobody waits for")
        future = self._waiting[1]
        if not future.done():
            future.set_result(reply)

    def _remark(self, level: str, event: str, fields: dict[str, str]) -> None:
        write = {"debug": self._log.debug, "info": self._log.info, "warning": self._log.warning}
        write.get(level, self._log.error)(event, **fields)

    def _log_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()[:STDERR_LINE_MAX]
        if text:
            self._log.warning("Worker printed", text=text)

    def _gone(self, reason: str) -> WorkerGone:
        gone = WorkerGone(reason)
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(gone)
        return gone

    async def _how_it_ended(self) -> str:
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                return f"it ended with exit code {await self._process.wait()}"
        except TimeoutError:
            return "it closed its output"


_REPLY = msgspec.Raw(msgspec.msgpack.encode(REPLY))
_LOG = msgspec.Raw(msgspec.msgpack.encode(LOG))
_integer = msgspec.msgpack.Decoder(int).decode
_truth = msgspec.msgpack.Decoder(bool).decode
_text = msgspec.msgpack.Decoder(str).decode
_texts = msgspec.msgpack.Decoder(dict[str, str]).decode


def _environment(extra: dict[str, str]) -> dict[str, Any]:
    """Return the daemon's environment without its secrets, with the way to this package."""
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in SECRETS}
    environment = inherited | {
        # The worker multiplies no matrices: numpy's thread pool would only cost memory.
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        **interpreter.environment(),
        **extra,
    }
    source = str(Path(__file__).resolve().parents[2])
    path = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = os.pathsep.join(part for part in (source, path) if part)
    return environment
