"""The console that the bridge runs in: what Windows says when its window is closed or the session ends.

Called by endings. Ctrl-C stays the signal that Python makes of it, and Ctrl-Break becomes one. Python's
library makes a SIGBREAK of the rest, too, but lets Windows know at once that it was seen to, on which Windows
ends the process in the middle of whatever it does.

Source: Microsoft, HandlerRoutine callback function and SetConsoleCtrlHandler.
"""

import sys

if sys.platform == "win32":
    import _thread
    import ctypes
    import signal
    import time
    from ctypes import wintypes

    from hybrid_bridge.host.endings import Ending, Endings, hold

    CTRL_BREAK_EVENT = 1
    CTRL_CLOSE_EVENT = 2
    CTRL_LOGOFF_EVENT = 5
    CTRL_SHUTDOWN_EVENT = 6
    CAUSES = {
        CTRL_CLOSE_EVENT: "the console's window was closed",
        CTRL_LOGOFF_EVENT: "the user logs off",
        CTRL_SHUTDOWN_EVENT: "the PC shuts down",
    }
    SPI_GETHUNGAPPTIMEOUT = 0x0078
    SPI_GETWAITTOKILLTIMEOUT = 0x007A
    # What Windows grants unless somebody changed it.
    GRANTED_S = 5.0

    _Routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    # Windows calls them for as long as the process lives.
    _kept: list[object] = []

    def watch(endings: Endings) -> None:
        """Announce the end of the console or of the session, and hold it until this process has ended.

        Also without a console: there is nothing to be told then.
        """

        def on_event(event: int) -> bool:
            if event == CTRL_BREAK_EVENT:
                # As Windows' C library does by itself; Wine's does not.
                _thread.interrupt_main(signal.SIGBREAK)
                return True
            cause = CAUSES.get(event)
            if cause is None:
                return False
            endings.announce(Ending(cause, time.monotonic() + granted_s()))
            return hold()

        routine = _Routine(on_event)
        _kept.append(routine)
        if not ctypes.WinDLL("kernel32", use_last_error=True).SetConsoleCtrlHandler(routine, True):
            raise ctypes.WinError(ctypes.get_last_error())

    def granted_s() -> float:
        """Return how long Windows waits for a program before it ends it: the shorter of its two patiences."""
        return min(_patience_s(SPI_GETHUNGAPPTIMEOUT), _patience_s(SPI_GETWAITTOKILLTIMEOUT))

    def _patience_s(which: int) -> float:
        milliseconds = wintypes.DWORD(0)
        user32 = ctypes.WinDLL("user32", use_last_error=True)
        asked = user32.SystemParametersInfoW(which, 0, ctypes.byref(milliseconds), 0)
        return milliseconds.value / 1000 if asked and milliseconds.value else GRANTED_S
