"""Which program runs this very Python, for those that start it again: lanes and programs beside the bridge.

On Windows, python.exe of a virtual environment is a small program that starts the real one and waits for it.
Started through it, a process would be two, the known process id the wrong one's, and killing it would leave
it to that program to end the other. So the real one is started, and told of the environment, as it would be.

Source: CPython 3.11, Lib/multiprocessing/popen_spawn_win32.py and PC/launcher.c.
"""

import sys

LAUNCHER = "__PYVENV_LAUNCHER__"


def program() -> str:
    """Return the program to start."""
    if sys.platform != "win32":
        return sys.executable
    # Not documented, but what multiprocessing, venv and pip stand on.
    return str(vars(sys)["_base_executable"])


def environment() -> dict[str, str]:
    """Return what has to be added to its environment, so that it finds what is installed in this one."""
    return {} if program() == sys.executable else {LAUNCHER: sys.executable}
