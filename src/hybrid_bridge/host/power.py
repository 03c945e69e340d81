"""Keeps the PC from going to sleep by itself while the bridge is to trade.

Owns the request to Windows and the thread that holds it: it is the thread's own and ends with it, so a bridge
that is killed leaves nothing behind. The screen may go dark, and a person who closes the lid or chooses Sleep
still gets it: that no program can forbid. Elsewhere than on Windows nothing is asked for. app drives `run`.
"""

import asyncio
import sys
import threading
from collections.abc import Callable

import structlog

from hybrid_bridge.ports import Clock

log = structlog.get_logger(__name__)

LOOK_S = 2.0
# SetThreadExecutionState, winbase.h: the system stays awake until further notice.
ES_CONTINUOUS = 0x80000000
ES_SYSTEM_REQUIRED = 0x00000001
STAY_AWAKE = ES_CONTINUOUS | ES_SYSTEM_REQUIRED
ANSWER_TIMEOUT_S = 1.0  # Windows answers at once.

# Takes the new state of the calling thread; gives the one before, 0 when it is refused.
SetState = Callable[[int], int]

SET_STATE: SetState | None
if sys.platform == "win32":
    import ctypes

    _set_state = ctypes.WinDLL("kernel32").SetThreadExecutionState
    _set_state.argtypes, _set_state.restype = (ctypes.c_uint32,), ctypes.c_uint32
    SET_STATE = _set_state
else:
    SET_STATE = None


class _Holder(threading.Thread):
    """A thread that keeps the PC awake for as long as it lives."""

    def __init__(self, set_state: SetState) -> None:
        super().__init__(name="keep-awake", daemon=True)
        self.granted = False
        self._set_state = set_state
        self._answered = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        self.granted = self._set_state(STAY_AWAKE) != 0
        self._answered.set()
        if self.granted:
            self._over.wait()
            self._set_state(ES_CONTINUOUS)

    def ask(self) -> bool:
        """Begin; return whether the system agreed."""
        self.start()
        return self._answered.wait(ANSWER_TIMEOUT_S) and self.granted

    def release(self) -> None:
        """End the thread, and with it the request."""
        self._over.set()
        self.join(ANSWER_TIMEOUT_S)


class KeepAwake:
    """Asks the system to stay awake exactly while that is wanted."""

    def __init__(
        self, wanted: Callable[[], bool], clock: Clock, set_state: SetState | None = SET_STATE
    ) -> None:
        """Ask for nothing yet.

        Args:
            wanted: whether the PC is to stay awake now.
            set_state: sets the calling thread's state; None where the system has no such thing.
        """
        self._wanted = wanted
        self._clock = clock
        self._set_state = set_state
        self._holder: _Holder | None = None
        self._refused = False

    @property
    def held(self) -> bool:
        """Whether the PC is being kept awake."""
        return self._holder is not None and self._holder.granted

    async def run(self) -> None:
        """Ask and release as it is wanted, for ever; release at the end."""
        if self._set_state is None:
            log.debug("Nothing keeps this PC awake: only Windows can be asked", system=sys.platform)
        try:
            while True:
                await self._follow()
                await self._clock.sleep(LOOK_S)
        finally:
            self._release("the bridge stops")

    async def _follow(self) -> None:
        wanted = self._wanted()
        if not wanted:
            self._refused = False
            self._release("entries are off")
        elif self._holder is None and self._set_state is not None and not self._refused:
            await self._hold(self._set_state)

    async def _hold(self, set_state: SetState) -> None:
        holder = self._holder = _Holder(set_state)
        if await asyncio.to_thread(holder.ask):
            log.info("PC is kept awake while trading is enabled", setting="KEEP_AWAKE=true")
            return
        self._holder, self._refused = None, True
        holder.release()
        mend = "set Sleep to Never in Windows' Settings > System > Power"
        log.warning("Windows does not let the bridge keep the PC awake", mend=mend)

    def _release(self, why: str) -> None:
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.release()
            log.info("PC may sleep again", because=why)
