"""The signals that ask a process to end, and their way into a running loop.

Owns which they are and the handlers of the moment; what a stop does is its caller's affair: app, and the
supervisor's command. What Windows says that is no signal comes through `endings`.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def numbers() -> tuple[signal.Signals, ...]:
    """Return the signals to listen to; a lost terminal is none where nohup had that ignored."""
    if sys.platform == "win32":
        return signal.SIGINT, signal.SIGTERM, signal.SIGBREAK
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return signal.SIGINT, signal.SIGTERM
    return signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@contextmanager
def passed_to(stop: Callable[[int], None]) -> Iterator[None]:
    """Have `stop` called, in the running loop, with the number of every signal that asks for the end.

    Afterwards the handlers are those of before.
    """
    import asyncio  # Late: who starts a bridge listens before it imports what takes long.

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers()}
    for number in before:
        _listen(loop, number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            _leave(loop, number)
            signal.signal(number, handler)


if sys.platform == "win32":

    def _listen(loop: "asyncio.AbstractEventLoop", number: int, stop: Callable[[int], None]) -> None:
        signal.signal(number, lambda seen, _: loop.call_soon_threadsafe(stop, seen))
        # The handler wakes the loop itself. Python would also tell, with a traceback, that its own byte to
        # wake it found no room, which happens when the loop is writing its own just then.
        signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)

    def _leave(loop: "asyncio.AbstractEventLoop", number: int) -> None:
        pass

else:

    def _listen(loop: "asyncio.AbstractEventLoop", number: int, stop: Callable[[int], None]) -> None:
        loop.add_signal_handler(number, stop, number)

    def _leave(loop: "asyncio.AbstractEventLoop", number: int) -> None:
        loop.remove_signal_handler(number)
