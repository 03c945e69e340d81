"""The simulated worker process of a lane: the real operations on the simulated terminal, at simulated times.

Stands in for `terminal.worker_process.WorkerProcess`. Owns how long each step of a call takes, what happens
to a call whose worker dies: what was written to the terminal is carried out all the same.
"""

import asyncio
import io
from typing import TYPE_CHECKING, Any

import msgspec
from scripts.simulation.market import LOGIN
from scripts.simulation.terminal import Fate, Module, describe

from hybrid_bridge.terminal.package import Package
from hybrid_bridge.terminal.worker import Worker
from hybrid_bridge.terminal.worker_process import Reply, WorkerGone

if TYPE_CHECKING:
    from scripts.simulation.life import Life

LOOKS = ("report", "appraise")


class SimulatedWorker:
    """One worker from its start to its end; offers what Lane asks of WorkerProcess."""

    def __init__(self, life: "Life", name: str) -> None:
        self.pid = life.next_pid()
        self._life = life
        self._world = life.world
        self._name = name
        self._gone = asyncio.get_running_loop().create_future()
        self._module = Module(life.world.terminal)
        self._worker = Worker("simulated", io.BytesIO(), io.BytesIO())
        self._worker._session._package = Package(self._module)  # The module is this one, not an import.
        self._written = False
        life.workers.append(self)

    @classmethod
    async def start(cls, name: str, module: str, environment: dict[str, str]) -> "SimulatedWorker":
        """Start a worker."""
        del module, environment
        life: Life = asyncio.get_running_loop().life  # type: ignore[attr-defined]
        await asyncio.sleep(life.world.draw.uniform(0.05, 0.4))
        return cls(life, name)

    async def request(self, number: int, name: str, args: msgspec.Struct) -> Reply:
        """Write one request and wait for its reply."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._reply = reply
        if self._gone.done():
            raise WorkerGone("it was killed")
        raw = msgspec.Raw(msgspec.msgpack.encode(args))
        timeline, draw = self._world.timeline, self._world.draw
        self._written = False
        fate = Fate()
        if name == "submit":
            fate = self._world.faults.fate_of(args)
            self._world.note_written(self._life, args)
        read_s = draw.uniform(0.0002, 0.002)
        acts_s = self._world.faults.call_delay_s(name)
        timeline.after(read_s, lambda: self._read(number, name, raw, acts_s, fate, reply))
        return await reply

    def _read(
        self,
        number: int,
        name: str,
        raw: msgspec.Raw,
        acts_s: float,
        fate: Fate,
        reply: asyncio.Future[Reply],
    ) -> None:
        """The worker, if it still lives, reads the request and passes it to the terminal."""
        if not self._gone.done() and not self._life.dead:
            self._world.timeline.after(acts_s, lambda: self._act(number, name, raw, fate, reply))

    def _act(
        self, number: int, name: str, raw: msgspec.Raw, fate: Fate, reply: asyncio.Future[Reply]
    ) -> None:
        """The terminal acts, whoever still listens."""
        listening = not self._gone.done() and not self._life.dead
        if name != "submit" and not listening:
            return
        self._module.fate = fate
        ok, result = self._worker._perform(name, raw)
        session = self._worker._session
        encoded = msgspec.Raw(msgspec.msgpack.encode(result))
        if fate.hangs:
            return
        back_s = self._world.draw.uniform(0.0002, 0.003)
        answer = Reply(number, ok, encoded, session.link_lost, session.stranger)
        shown = (name, result) if ok and name in LOOKS else None
        self._world.timeline.after(back_s, lambda: self._answer(reply, answer, shown))

    def _answer(self, reply: asyncio.Future[Reply], answer: Reply, shown: tuple[str, Any] | None) -> None:
        if not self._life.dead and not self._gone.done() and not reply.done():
            reply.set_result(answer)
            if shown is not None:
                self._note_look(*shown)

    def _note_look(self, name: str, result: Any) -> None:
        """Note the account's figures on their way to the bridge."""
        account = (result if name == "report" else result.report).account
        if account.login == LOGIN:
            watch = name == "report" and self._name == "market"
            now_s, money = self._world.timeline.now_s, self._world.money
            money.note_look(now_s, self._life.number, account.equity, account.margin_level, watch=watch)

    async def read_frames(self) -> None:
        """Return never but by the worker's end."""
        await asyncio.shield(self._gone)
        raise WorkerGone("it ended with exit code -9")

    async def read_stderr(self) -> None:
        """Return at the worker's end: it prints nothing."""
        await asyncio.shield(self._gone)

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self._gone.done()

    def kill(self) -> None:
        """End it."""
        if not self._gone.done():
            self._gone.set_result(None)

    def die(self) -> None:
        """Crash by itself."""
        reply = getattr(self, "_reply", None)
        self.kill()
        if reply is not None and not reply.done():
            reply.set_exception(WorkerGone("it ended with exit code -11"))

    async def stop(self, grace_s: float) -> None:
        """End it, politely or not."""
        del grace_s
        self.kill()
        await asyncio.sleep(0.01)


def words(args: Any) -> str:
    """Name a submit request in the story."""
    return describe(args)
