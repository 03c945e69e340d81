"""What Windows does to a program at its end, done to a program under test; Windows only.

A console event reaches a program as a thread that Windows starts in it at CtrlRoutine, and Windows waits for
that thread before it ends the program. `deliver` does the first; `Delivered.held` tells of the second.
"""

import ctypes
import subprocess
import sys
from ctypes import wintypes

CTRL_C_EVENT = 0
CTRL_BREAK_EVENT = 1
CTRL_CLOSE_EVENT = 2
CTRL_LOGOFF_EVENT = 5
CTRL_SHUTDOWN_EVENT = 6
WM_CLOSE = 0x0010
WM_QUERYENDSESSION = 0x0011
WM_ENDSESSION = 0x0016
ENDSESSION_LOGOFF = -0x80000000
WAIT_TIMEOUT = 0x102
SMTO_NORMAL = 0

# Ctrl-C as it is typed: to all programs of a console that is not ours.
PRESS_CTRL_C = """
import ctypes, sys
kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
kernel32.FreeConsole()
if not kernel32.AttachConsole(int(sys.argv[1])) or not kernel32.SetConsoleCtrlHandler(None, True):
    raise ctypes.WinError(ctypes.get_last_error())
if not kernel32.GenerateConsoleCtrlEvent(0, 0):
    raise ctypes.WinError(ctypes.get_last_error())
"""

if sys.platform == "win32":
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.GetModuleHandleW.restype = wintypes.HMODULE
    _kernel32.GetProcAddress.restype = ctypes.c_void_p
    _kernel32.GetProcAddress.argtypes = (wintypes.HMODULE, ctypes.c_char_p)
    _kernel32.CreateRemoteThread.restype = wintypes.HANDLE
    _kernel32.CreateRemoteThread.argtypes = (
        *(wintypes.HANDLE, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p),
        *(wintypes.DWORD, ctypes.c_void_p),
    )
    _kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    _user32 = ctypes.WinDLL("user32", use_last_error=True)
    _user32.FindWindowExW.restype = wintypes.HWND
    _user32.FindWindowExW.argtypes = (wintypes.HWND, wintypes.HWND, wintypes.LPCWSTR, wintypes.LPCWSTR)
    _user32.GetWindowThreadProcessId.argtypes = (wintypes.HWND, ctypes.POINTER(wintypes.DWORD))
    _user32.SendMessageTimeoutW.argtypes = (
        *(wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM, wintypes.UINT, wintypes.UINT),
        ctypes.c_void_p,
    )

    class Delivered:
        """An event on its way through a program."""

        def __init__(self, thread: int) -> None:
            self._thread = thread

        def held(self, within_s: float) -> bool:
            """Tell whether the program has kept it for so long."""
            waited = _kernel32.WaitForSingleObject(self._thread, round(within_s * 1000))
            return int(waited) == WAIT_TIMEOUT

        def close(self) -> None:
            _kernel32.CloseHandle(self._thread)

    def deliver(process: "subprocess.Popen[str]", event: int) -> Delivered:
        """Have a program told of a console event, as Windows does it."""
        library = _kernel32.GetModuleHandleW("kernelbase.dll")
        routine = _kernel32.GetProcAddress(library, b"CtrlRoutine")
        assert routine, "this Windows keeps CtrlRoutine elsewhere"
        handle = int(process._handle)
        thread = _kernel32.CreateRemoteThread(handle, None, 0, routine, event, 0, None)
        if not thread:
            raise ctypes.WinError(ctypes.get_last_error())
        return Delivered(thread)

    def window_of(process_id: int, class_name: str) -> int:
        """Return a process's window of a class, 0 for none."""
        window = None
        while window := _user32.FindWindowExW(None, window, class_name, None):
            owner = wintypes.DWORD()
            _user32.GetWindowThreadProcessId(window, ctypes.byref(owner))
            if owner.value == process_id:
                return int(window)
        return 0

    def send(window: int, message: int, given: int, more: int, timeout_s: float) -> int | None:
        """Send a message; return the answer, None when none came in time."""
        answer = ctypes.c_size_t()
        answered = _user32.SendMessageTimeoutW(
            window, message, given, more, SMTO_NORMAL, round(timeout_s * 1000), ctypes.byref(answer)
        )
        return answer.value if answered else None

    def title_of(window: int) -> str:
        """Return a window's title."""
        text = ctypes.create_unicode_buffer(100)
        _user32.GetWindowTextW(wintypes.HWND(window), text, 100)
        return text.value

    def is_visible(window: int) -> bool:
        """Tell whether a window is to be seen."""
        return bool(_user32.IsWindowVisible(wintypes.HWND(window)))

    def press_ctrl_c(process_id: int) -> None:
        """Press Ctrl-C in the console of a program."""
        subprocess.run(
            [sys.executable, "-c", PRESS_CTRL_C, str(process_id)],
            check=True,
            timeout=30,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
