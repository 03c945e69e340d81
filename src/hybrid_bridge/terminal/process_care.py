"""How a lane's process begins and ends: it never outlives the daemon, and Ctrl-C reaches only the daemon.

Owns what differs between operating systems. The daemon calls `spawn_options`, `adopt` and `kill`, the
worker calls `die_with_parent`.

Linux: the kernel kills the worker when the daemon's thread that started it ends (PR_SET_PDEATHSIG).
Other POSIX: a thread of the worker waits for the end of its standard input and watches its parent's id.
Windows: a job object that kills its processes when the daemon's handle to it closes, however that happens.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

PR_SET_PDEATHSIG = 1
SIGKILL = 9
PARENT_CHECK_MS = 1000
ORPHANED = 3  # The worker's exit code when its daemon is gone; nobody is left to read it.

if sys.platform == "win32":
    import ctypes
    import functools
    import subprocess
    from ctypes import wintypes

    JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000
    # What the worker starts stays outside the job: initialize() may launch the terminal, which must live on.
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK = 0x1000
    PROCESS_TERMINATE = 0x0001
    PROCESS_SET_QUOTA = 0x0100

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_user_time_limit", ctypes.c_int64),
            ("per_job_user_time_limit", ctypes.c_int64),
            ("limit_flags", wintypes.DWORD),
            ("minimum_working_set_size", ctypes.c_size_t),
            ("maximum_working_set_size", ctypes.c_size_t),
            ("active_process_limit", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_uint64 * 6),
            ("process_memory_limit", ctypes.c_size_t),
            ("job_memory_limit", ctypes.c_size_t),
            ("peak_process_memory_used", ctypes.c_size_t),
            ("peak_job_memory_used", ctypes.c_size_t),
        )

    @functools.cache
    def _kernel32() -> Any:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.CreateJobObjectW.restype = wintypes.HANDLE
        kernel32.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
        kernel32.SetInformationJobObject.argtypes = (
            wintypes.HANDLE,
            ctypes.c_int,
            ctypes.c_void_p,
            wintypes.DWORD,
        )
        kernel32.OpenProcess.restype = wintypes.HANDLE
        kernel32.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
        kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
        return kernel32

    @functools.cache
    def _job() -> Any:
        # Held for the daemon's whole life on purpose: closing the handle is what kills the lanes.
        kernel32 = _kernel32()
        job = kernel32.CreateJobObjectW(None, None)
        limits = _ExtendedLimits()
        limits.basic.limit_flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK
        if not job or not kernel32.SetInformationJobObject(
            job,
            JOB_OBJECT_EXTENDED_LIMIT_INFORMATION,
            ctypes.byref(limits),
            ctypes.sizeof(limits),
        ):
            raise ctypes.WinError(ctypes.get_last_error())
        return job

    def spawn_options() -> dict[str, Any]:
        """Return the keywords with which to start a worker's process."""
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}

    def kill(process: "asyncio.subprocess.Process") -> None:
        """End a worker that has not been seen to end."""
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    def adopt(pid: int) -> None:
        """Tie a just started worker to the daemon's life.

        Raises:
            OSError: when Windows refuses.
        """
        kernel32 = _kernel32()
        process = kernel32.OpenProcess(PROCESS_TERMINATE | PROCESS_SET_QUOTA, False, pid)
        if not process:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            if not kernel32.AssignProcessToJobObject(_job(), process):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            kernel32.CloseHandle(process)

    def die_with_parent(parent_pid: int, stdin_fd: int) -> None:
        """Leave it to the daemon's job object, which ends this process whatever it is doing."""

else:
    import select
    import threading

    def spawn_options() -> dict[str, Any]:
        """Return the keywords with which to start a worker's process."""
        return {"start_new_session": True}

    def kill(process: "asyncio.subprocess.Process") -> None:
        """End a worker that has not been seen to end."""
        # Not process.kill(): before 3.12 that may collect the exit status which asyncio is waiting for.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, SIGKILL)

    def adopt(pid: int) -> None:
        """Leave it to the worker, which ties itself to the daemon's life."""

    def die_with_parent(parent_pid: int, stdin_fd: int) -> None:
        """Arrange for this process to end when the daemon does; ends it at once if that is gone already."""
        if sys.platform == "linux":
            import ctypes

            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        else:
            watch_parent(parent_pid, stdin_fd)
        if os.getppid() != parent_pid:
            os._exit(ORPHANED)

    def watch_parent(parent_pid: int, stdin_fd: int) -> None:
        """Start the thread that ends this process once its parent or the other end of its stdin is gone."""
        threading.Thread(
            target=_wait_for_end, args=(parent_pid, stdin_fd), name="parent-watch", daemon=True
        ).start()

    def _wait_for_end(parent_pid: int, stdin_fd: int) -> None:
        hangup = select.poll()
        hangup.register(stdin_fd, 0)  # No events asked for: only the hang-up is reported.
        while os.getppid() == parent_pid and not hangup.poll(PARENT_CHECK_MS):
            pass
        os._exit(ORPHANED)
