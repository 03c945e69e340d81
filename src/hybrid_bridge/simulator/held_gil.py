"""A wait that stops the whole interpreter, as a call of the genuine package does.

Owns one trick: ctypes releases the interpreter's lock around the functions of a library, but not around
those of a `PyDLL`. A blocking `recv` called through one therefore holds the lock until the first byte of
a reply is there: no other thread of the process runs, no timeout fires, no signal handler either. Used
by `session` where SIM_HOLD_GIL is set.

Source: ctypes documentation, PyDLL; recv(2); the genuine package 5.0.6231 holds the lock for each whole call.
"""

import ctypes
import os
import socket
import sys
from typing import Final

VARIABLE: Final = "SIM_HOLD_GIL"
_ON: Final = ("1", "true", "yes")
_PEEK: Final = int(socket.MSG_PEEK)


def is_wanted() -> bool:
    """Tell whether this process is to stand still while it waits for a terminal.

    Raises:
        ValueError: if SIM_HOLD_GIL says neither yes nor no.
    """
    text = os.environ.get(VARIABLE, "").lower()
    if text not in (*_ON, "", "0", "false", "no"):
        raise ValueError(f"{VARIABLE} must be 1 or 0, got {text!r}")
    return text in _ON


def wait_for_bytes(connection: socket.socket) -> None:
    """Stand still until a connection has something to read or has ended; reads nothing."""
    library = ctypes.PyDLL("ws2_32" if sys.platform == "win32" else None)
    receive = library.recv
    receive.argtypes = [ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    receive(connection.fileno(), ctypes.create_string_buffer(1), 1, _PEEK)
