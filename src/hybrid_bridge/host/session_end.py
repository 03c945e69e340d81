"""The end of the session: log-off, shutdown and restart as Windows tells them to programs with windows.

Called by endings. Owns a window that nobody sees, in a thread of its own. Windows tells a console program of
the session's end only as long as it has not loaded user32.dll, which some library always has; windows it
always tells. The same window takes `taskkill` without /F and Task Scheduler's "End", which close windows.

Windows is asked to end this program before all others: while the terminal and the lanes' processes, which
have the usual turn, are still there.

Source: Microsoft, WM_QUERYENDSESSION, WM_ENDSESSION, ShutdownBlockReasonCreate, SetProcessShutdownParameters.
"""

import sys

if sys.platform == "win32":
    import ctypes
    import threading
    import time
    from ctypes import wintypes
    from typing import Any

    import structlog

    from hybrid_bridge.host.console import granted_s
    from hybrid_bridge.host.endings import CLOSE_TIMEOUT_S, Ending, Endings, hold

    log = structlog.get_logger(__name__)

    CLASS_NAME = "HybridMt5BridgeSessionEnd"
    TITLE = "Hybrid MT5 Bridge"  # Windows shows it to who waits for the PC to shut down.
    REASON = "Ends the order on its way and writes its journal. This takes a few seconds."
    WM_CLOSE = 0x0010
    WM_QUERYENDSESSION = 0x0011
    WM_QUIT = 0x0012
    WM_ENDSESSION = 0x0016
    ENDSESSION_LOGOFF = 0x80000000
    # Those at 0x280 are the others; beyond 0x3FF Windows reserves them for itself.
    SHUTDOWN_FIRST = 0x3FF

    _LRESULT = ctypes.c_ssize_t
    _Procedure = ctypes.WINFUNCTYPE(_LRESULT, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)

    class _WindowClass(ctypes.Structure):
        _fields_ = (
            ("style", wintypes.UINT),
            ("procedure", _Procedure),
            ("class_extra", ctypes.c_int),
            ("window_extra", ctypes.c_int),
            ("instance", wintypes.HINSTANCE),
            ("icon", wintypes.HICON),
            ("cursor", wintypes.HANDLE),
            ("background", wintypes.HBRUSH),
            ("menu_name", wintypes.LPCWSTR),
            ("class_name", wintypes.LPCWSTR),
        )

    def watch(endings: Endings) -> None:
        """Announce the session's end and hold it until all is done; without windows, say so in the log."""
        _kernel32().SetProcessShutdownParameters(SHUTDOWN_FIRST, 0)
        watcher = SessionWindow(endings)
        endings.at_the_end(watcher.close)

    class SessionWindow:
        """The window and its thread."""

        def __init__(self, endings: Endings) -> None:
            self._endings = endings
            self._user32 = _user32()
            self._procedure = _Procedure(self._on_message)
            self._ready = threading.Event()
            self._holds = False
            self._thread = threading.Thread(target=self._run, name="session end", daemon=True)
            self._thread.start()

        def close(self) -> None:
            """End the thread and the window with it, unless that holds the end of the session just now."""
            if not self._holds and self._ready.wait(CLOSE_TIMEOUT_S):
                self._user32.PostThreadMessageW(self._thread.native_id, WM_QUIT, 0, 0)
                self._thread.join(CLOSE_TIMEOUT_S)

        def _run(self) -> None:
            user32 = self._user32
            instance = _kernel32().GetModuleHandleW(None)
            described = _WindowClass(procedure=self._procedure, instance=instance, class_name=CLASS_NAME)
            user32.RegisterClassW(ctypes.byref(described))
            # A top-level window that is never shown: one for messages alone would not be told.
            window = user32.CreateWindowExW(0, CLASS_NAME, TITLE, 0, 0, 0, 0, 0, None, None, instance, None)
            if not window:
                problem = ctypes.WinError(ctypes.get_last_error())
                self._endings.wait_listened_to()
                log.warning("Log-off and shutdown will not be noticed in time", problem=str(problem))
                return
            self._ready.set()
            message = wintypes.MSG()
            while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                user32.DispatchMessageW(ctypes.byref(message))
            user32.DestroyWindow(window)
            user32.UnregisterClassW(CLASS_NAME, instance)

        def _on_message(self, window: int, message: int, given: int, more: int) -> int:
            if message == WM_QUERYENDSESSION:
                # Another program may still prevent it, so nothing is stopped yet.
                self._user32.ShutdownBlockReasonCreate(window, REASON)
                return 1
            if message == WM_ENDSESSION:
                if given:
                    cause = "the user logs off" if more & ENDSESSION_LOGOFF else "the PC shuts down"
                    self._endings.announce(Ending(cause, time.monotonic() + granted_s()))
                    self._holds = True
                    hold()
                self._user32.ShutdownBlockReasonDestroy(window)
                return 0
            if message == WM_CLOSE:
                self._endings.announce(Ending("it was asked to close", None))
                return 0
            return int(self._user32.DefWindowProcW(window, message, given, more))

    def _kernel32() -> Any:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.GetModuleHandleW.restype = wintypes.HMODULE
        return kernel32

    def _user32() -> Any:
        user32 = ctypes.WinDLL("user32", use_last_error=True)
        user32.RegisterClassW.argtypes = (ctypes.POINTER(_WindowClass),)
        user32.CreateWindowExW.restype = wintypes.HWND
        user32.CreateWindowExW.argtypes = (
            *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD),
            *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
            *(wintypes.HWND, wintypes.HMENU, wintypes.HINSTANCE, wintypes.LPVOID),
        )
        user32.DefWindowProcW.restype = _LRESULT
        user32.DefWindowProcW.argtypes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
        user32.GetMessageW.argtypes = (
            ctypes.POINTER(wintypes.MSG),
            wintypes.HWND,
            wintypes.UINT,
            wintypes.UINT,
        )
        user32.DispatchMessageW.argtypes = (ctypes.POINTER(wintypes.MSG),)
        user32.UnregisterClassW.argtypes = (wintypes.LPCWSTR, wintypes.HINSTANCE)
        user32.DestroyWindow.argtypes = (wintypes.HWND,)
        user32.ShutdownBlockReasonCreate.argtypes = (wintypes.HWND, wintypes.LPCWSTR)
        user32.ShutdownBlockReasonDestroy.argtypes = (wintypes.HWND,)
        user32.PostThreadMessageW.argtypes = (wintypes.DWORD, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
        return user32
