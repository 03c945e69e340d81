"""A lane: one worker process, kept running, connected and verified, asked one thing at a time.

Owns the worker's life (start, connect, check of the account, restart with backoff, stop) and the promise of
every call: a result, CallFailed (the terminal said no), LaneUnavailable (certainly not written) or
LaneInterrupted (written, outcome unknown). Does not know what the operations mean; the adapters do.
`run` is driven by `lanes`; `call` is used by `market_lane` and `trade_lane`. A deadline that passed while the
PC slept begins anew, so that an order whose reply is at hand is not put in doubt; and what was seen of the
account before is no answer afterwards.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

import msgspec
import structlog

from hybrid_bridge.errors import CallFailed, LaneInterrupted, LaneUnavailable
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.deadline import within
from hybrid_bridge.terminal.framing import Failure
from hybrid_bridge.terminal.identity import mismatch
from hybrid_bridge.terminal.operations import (
    CONNECT,
    IDENTITY,
    OPERATIONS,
    SELECT,
    SUBMIT,
    A,
    ConnectArgs,
    ConnectReply,
    Nothing,
    Operation,
    R,
    SelectArgs,
    SelectReply,
)
from hybrid_bridge.terminal.retcodes import advise, overdue
from hybrid_bridge.terminal.waiting_calls import WAITING_MAX, Call, WaitingCalls
from hybrid_bridge.terminal.worker_process import STOP_GRACE_S, Reply, WorkerGone, WorkerProcess

log = structlog.get_logger(__name__)

# A lane that worked this long may be tried again at once when it fails.
STABLE_S = 10.0
# A lane that saw nothing of the account for so long looks who is there, as soon as nothing waits.
IDENTITY_AFTER_S = 3.0

_DECODERS = {name: msgspec.msgpack.Decoder(operation.reply) for name, operation in OPERATIONS.items()}
_FAILURE = msgspec.msgpack.Decoder(Failure)


class LanePhase(StrEnum):
    """Where a lane stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    CONNECTING = "connecting"
    READY = "ready"
    RESTARTING = "restarting"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class LaneState:
    """What bridge_status shows of a lane.

    Attributes:
        reason: why it is not ready; empty when it is.
        restarts: workers that had to be replaced.
        connects: connections that were made and verified.
        pid: the worker's process id, None while there is none.
    """

    name: str
    phase: LanePhase
    reason: str
    restarts: int
    connects: int
    pid: int | None


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """How a lane is made.

    Attributes:
        name: "market", "trade" or "audit".
        module: the MetaTrader5-shaped module that the worker imports.
        environment: added to the worker's environment.
        only_look: whether no account is ever named on connecting: who only looks must not switch the
            terminal, which has one account for all of its clients.
    """

    name: str
    module: str
    terminal: TerminalSettings
    environment: dict[str, str] = field(default_factory=dict)
    only_look: bool = False


class _ConnectFailed(Exception):
    """A connection that cannot be used, with the phase that the lane shows meanwhile."""

    def __init__(self, phase: LanePhase, reason: str) -> None:
        super().__init__(reason)
        self.phase = phase
        self.reason = reason


class Lane:
    """One way to the terminal."""

    def __init__(
        self,
        options: LaneOptions,
        *,
        backoff: Backoff | None = None,
        on_change: Callable[[], None] = lambda: None,
        standstills: Callable[[], int] = lambda: 0,
    ) -> None:
        """Make a lane that does nothing yet.

        Args:
            on_change: called after every change of the lane's state.
            standstills: how often the PC slept, or this process was held up, until this very instant.
        """
        self._options = options
        self._standstills = standstills
        self._log = log.bind(lane=options.name)
        self._on_change = on_change
        self._backoff = backoff or Backoff()
        self._waiting = WaitingCalls()
        self._numbers = itertools.count(1)
        self._ready = asyncio.Event()
        self._ready_at_s: float | None = None
        self._phase = LanePhase.STARTING
        self._reason = ""
        self._restarts = 0
        self._connects = 0
        self._pid: int | None = None
        self._selection = SelectReply([], {})
        self._busy_with = ""
        self._account_seen_s = 0.0
        # A person who logged in to another account is not to be fought over the terminal: until the right
        # account is back, or the terminal is gone, a connect names no account and looks who is there.
        self._only_look = False
        self.connect_failures = 0

    @property
    def state(self) -> LaneState:
        """Where the lane stands now."""
        return LaneState(
            self._options.name, self._phase, self._reason, self._restarts, self._connects, self._pid
        )

    @property
    def ready(self) -> bool:
        """Whether calls are served: connected to the terminal and account of the settings."""
        return self._ready.is_set()

    @property
    def selection(self) -> SelectReply:
        """What the terminal said to the configured symbols at the last connect."""
        return self._selection

    async def wait_ready(self) -> None:
        """Return once calls are served."""
        await self._ready.wait()

    async def call(
        self, operation: Operation[A, R], args: A, still_wanted: Callable[[], bool] = lambda: True
    ) -> R:
        """Have one operation done.

        Args:
            still_wanted: asked when its turn has come; what is not wanted any more is not written.
        Raises:
            LaneUnavailable: it was not written: no turn within wait_s, wrong account, too many calls waiting.
            LaneInterrupted: it was written, the worker died or was killed at the deadline; or the PC slept.
            CallFailed: the terminal answered with an error.
        """
        if self._phase in (LanePhase.MISMATCH, LanePhase.STOPPED):
            raise self._unavailable()
        if self._waiting.full:
            raise LaneUnavailable(f"{self._options.name} lane: {WAITING_MAX} calls are waiting already")
        standstills = self._standstills()
        call = Call(next(self._numbers), operation, args, still_wanted=still_wanted)
        self._waiting.add(call)
        try:
            await asyncio.wait((call.result,), timeout=operation.wait_s)
            if not call.taken and not call.result.done():
                raise self._unavailable()
            # From here on the worker's deadline bounds the wait.
            result: R = await call.result
            self._refuse_old(operation, standstills)
            return result
        finally:
            if not call.taken and not call.result.done():
                self._waiting.withdraw(call)
            call.result.cancel()

    def _refuse_old(self, operation: Operation[A, R], standstills: int) -> None:
        """Refuse what was seen of the account before a standstill; what became of an order is never old."""
        if operation.shows_account and operation.name != SUBMIT.name and standstills != self._standstills():
            raise LaneInterrupted(f"{operation.name}: asked before the PC slept, or the bridge was held up")

    async def run(self) -> None:
        """Keep a worker running until cancelled; then stop it within a bounded time."""
        try:
            while True:
                self._enter(LanePhase.STARTING, self._reason)
                reason = await self._live()
                self._restarts += 1
                delay_s = self._backoff.next_s()
                self._enter(LanePhase.RESTARTING, reason)
                self._log.error("Lane's worker is replaced", reason=reason, delay_s=round(delay_s, 2))
                await asyncio.sleep(delay_s)
        finally:
            self._enter(LanePhase.STOPPED, "it was stopped")
            self._waiting.fail_all(self._unavailable())

    async def _live(self) -> str:
        """Run one worker from its start to its end; return why it ended."""
        options = self._options
        try:
            worker = await WorkerProcess.start(options.name, options.module, options.environment)
        except OSError as error:
            return f"its process cannot be started: {error}"
        self._pid = worker.pid
        grace_s = STOP_GRACE_S
        reason = ""
        try:
            async with asyncio.TaskGroup() as readers:
                readers.create_task(worker.read_frames())
                readers.create_task(worker.read_stderr())
                await self._use(worker)
        except* WorkerGone as group:
            reason = str(group.exceptions[0])
            grace_s = 0.0  # Dead, torn or hanging: nothing to be polite to.
        finally:
            self._enter(LanePhase.RESTARTING, reason)
            await worker.stop(grace_s)
            self._pid = None
        return reason

    async def _use(self, worker: WorkerProcess) -> NoReturn:
        """Connect and serve, again and again, until the worker is gone."""
        while True:
            await self._connect_until_verified(worker)
            self._enter(LanePhase.READY, "")
            while not (lost := await self._perform(worker, await self._next_call())):
                pass
            delay_s = self._backoff.next_s()
            self._enter(LanePhase.MISMATCH if self._only_look else LanePhase.CONNECTING, lost)
            self._log.error("Connection lost, connecting again", reason=lost, delay_s=round(delay_s, 2))
            await asyncio.sleep(delay_s)

    async def _next_call(self) -> Call:
        """Wait for the most urgent call; with none for a while, look whether terminal and account are there.

        A terminal that restarts tells nobody, and an account is switched under a connection that stays in
        order: without a look of its own an idle lane would find out by failing the next order. Whatever
        waits goes first, and the look comes no sooner than IDENTITY_AFTER_S after an order was appraised.
        """
        due_s = self._account_seen_s + IDENTITY_AFTER_S
        try:
            async with asyncio.timeout_at(due_s):
                return await self._waiting.next()
        except TimeoutError:
            if len(self._waiting):
                return await self._waiting.next()
            return Call(next(self._numbers), IDENTITY, Nothing(), taken=True)

    async def _connect_until_verified(self, worker: WorkerProcess) -> None:
        reported = ""
        if self._phase is not LanePhase.MISMATCH:
            self._enter(LanePhase.CONNECTING, self._reason)
        while True:
            try:
                found = await self._connect(worker)
            except _ConnectFailed as failed:
                self.connect_failures += 1
                self._enter(failed.phase, failed.reason)
                if failed.reason != reported:
                    self._log.error("Lane cannot be used", phase=failed.phase, reason=failed.reason)
                    reported = failed.reason
                await asyncio.sleep(self._backoff.next_s())
            else:
                self.connect_failures = 0
                self._connects += 1
                self._log.info(
                    "Lane ready", login=found.login, server=found.server, path=found.path, build=found.build
                )
                return

    async def _connect(self, worker: WorkerProcess) -> ConnectReply:
        """Connect once, compare who answered with the settings, select the symbols."""
        terminal = self._options.terminal
        only_look, self._only_look = self._only_look or self._options.only_look, False
        args = ConnectArgs(
            path=terminal.path if terminal.backend == "terminal" else "",
            login=None if only_look else terminal.login,
            password="" if only_look else terminal.password.get_secret_value(),
            server="" if only_look else terminal.server,
            timeout_ms=terminal.timeout_ms,
        )
        found = await self._ask(worker, CONNECT, args, extra_s=terminal.timeout_ms / 1000)
        self._only_look = only_look
        problem = mismatch(found, terminal)
        if problem:
            raise _ConnectFailed(LanePhase.MISMATCH, problem)
        self._only_look = False
        self._selection = await self._ask(worker, SELECT, SelectArgs(list(terminal.symbols)))
        return found

    async def _ask(
        self, worker: WorkerProcess, operation: Operation[A, R], args: A, extra_s: float = 0.0
    ) -> R:
        """Have an operation of the lane's own done, past the queue."""
        call = Call(next(self._numbers), operation, args, taken=True)
        await self._perform(worker, call, extra_s)
        try:
            result: R = await call.result
        except CallFailed as error:
            advice = advise(error.code, error.text)
            reason = f"{error}; {advice}" if advice else str(error)
            raise _ConnectFailed(LanePhase.CONNECTING, reason) from error
        return result

    async def _perform(self, worker: WorkerProcess, call: Call, extra_s: float = 0.0) -> str:
        """Have one call done; return why the lane must connect again, empty when it need not.

        Raises:
            WorkerGone: when the worker died or its deadline passed; the caller has its error already.
        """
        name, timeout_s = call.operation.name, call.operation.timeout_s + extra_s
        if not call.still_wanted():
            call.fail(LaneUnavailable(f"{self._options.name} lane: {name} was withdrawn before its turn"))
            return ""
        self._busy_with = name
        try:
            request = worker.request(call.number, name, call.args)
            reply = await within(timeout_s, request, self._standstills)
        except TimeoutError:
            reason = overdue(name, timeout_s)
            worker.kill()
            call.fail(LaneInterrupted(f"{self._options.name} lane: {reason}; the outcome is not known"))
            raise WorkerGone(reason) from None
        except (WorkerGone, asyncio.CancelledError):
            lost = f"{self._options.name} lane: worker lost during {name}; outcome not known"
            call.fail(LaneInterrupted(lost))
            raise
        finally:
            self._busy_with = ""
        if call.operation.shows_account:
            self._account_seen_s = asyncio.get_running_loop().time()
        self._settle(call, reply)
        if reply.stranger:
            self._only_look = True
            return reply.stranger
        return "the connection to the terminal was lost" if reply.link_lost else ""

    def _settle(self, call: Call, reply: Reply) -> None:
        name = call.operation.name
        try:
            if reply.ok:
                call.succeed(_DECODERS[name].decode(reply.result))
            else:
                failure = _FAILURE.decode(reply.result)
                call.fail(CallFailed(failure.call, failure.code, failure.text))
        except msgspec.MsgspecError as error:
            text = f"{self._options.name} lane: the reply to {name} cannot be read: {error}"
            self._log.error("Reply cannot be read", operation=name, error=str(error))
            call.fail(LaneInterrupted(text))

    def _enter(self, phase: LanePhase, reason: str) -> None:
        loop_s = asyncio.get_running_loop().time()
        if phase is LanePhase.READY:
            self._ready_at_s = loop_s
            self._ready.set()
        else:
            if self._ready_at_s is not None and loop_s - self._ready_at_s >= STABLE_S:
                self._backoff.reset()
            self._ready_at_s = None
            self._ready.clear()
        self._phase, self._reason = phase, reason
        if phase is LanePhase.MISMATCH:
            self._waiting.fail_all(self._unavailable())
        self._on_change()

    def _unavailable(self) -> LaneUnavailable:
        busy = f"busy with {self._busy_with}" if self._busy_with else ""
        reason = f": {self._reason or busy}" if self._reason or busy else ""
        return LaneUnavailable(f"{self._options.name} lane is {self._phase}{reason}")
