"""How a test types Ctrl-C, as the person at the PC does.

Windows gives Ctrl-C to all programs of a console and to no other: a program that is to be stopped alone is
started with a console of its own, which is never shown, and a passer-by types into it.
"""

import signal
import subprocess
import sys
from typing import Any

# It leaves its own console for the other's, and must not be stopped by what it types there.
PASSER_BY = """
import ctypes, sys
kernel = ctypes.WinDLL("kernel32", use_last_error=True)
kernel.FreeConsole()
kernel.SetConsoleCtrlHandler(None, True)
if not kernel.AttachConsole(int(sys.argv[1])) or not kernel.GenerateConsoleCtrlEvent(0, 0):
    raise ctypes.WinError(ctypes.get_last_error())
"""
TYPING_TIMEOUT_S = 20.0


def own_console() -> dict[str, Any]:
    """Return the keywords with which to start a program that is stopped by `type_ctrl_c`."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def type_ctrl_c(process: "subprocess.Popen[Any]") -> None:
    """Type Ctrl-C for one program alone."""
    if sys.platform != "win32":
        process.send_signal(signal.SIGINT)
        return
    typed = [sys.executable, "-S", "-c", PASSER_BY, str(process.pid)]
    subprocess.run(typed, check=True, timeout=TYPING_TIMEOUT_S, creationflags=subprocess.CREATE_NO_WINDOW)
