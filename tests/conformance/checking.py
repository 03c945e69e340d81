"""What the checks have in common: a client of the package's shape, its terminals, and the noting of results.

Owns the starting of terminals for the client at hand, over a port for our module and over a pipe for the
genuine package, and the comparison of what was expected with what was seen, value and type alike.
"""

import importlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class Terminal:
    """A terminal in a process of its own.

    Attributes:
        target: what `initialize` takes to find it.
    """

    def __init__(self, target: str, command: list[str]) -> None:
        # Both programs end with their stdin, so that none is left when this process dies.
        self._process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} did not start; its words are above")
        self.ready: dict[str, Any] = json.loads(line)
        self.target = target or self.ready["simulator"]
        host, _, port = self.ready["control"].rpartition(":")
        self._control = socket.create_connection((host, int(port)), 10)
        self._lines = self._control.makefile("r", encoding="utf-8")

    def ask(self, **request: Any) -> Any:
        """Send a line to its control port and give the answer."""
        self._control.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._lines.readline())

    def end(self) -> None:
        """End the process at once, as a terminal that crashes does."""
        self._process.kill()
        self._process.wait(10)
        self._lines.close()
        self._control.close()


class Client:
    """A module of the package's shape, and where its terminals are.

    Args:
        module: name of the module.
        folder: an empty folder.
    """

    def __init__(self, module: str, folder: Path) -> None:
        self.mt5 = importlib.import_module(module)
        self.folder = folder
        self.results: list[dict[str, Any]] = []
        self._is_genuine = module == "MetaTrader5"

    def check(self, name: str, expected: Any, seen: Any) -> None:
        """Note whether what was seen is what was expected, types included."""
        wanted, found = described(expected), described(seen)
        self.results.append({"check": name, "ok": wanted == found, "expected": wanted, "seen": found})

    def check_call(self, name: str, expected: Any, error: tuple[int, str], call: Callable[[], Any]) -> None:
        """Note a call's result and the last_error that it leaves."""
        self.check(name, [expected, error], [call(), self.mt5.last_error()])

    @contextmanager
    def made_terminal(self) -> Iterator[Terminal]:
        """Run a terminal that answers as told."""
        program = self.program("made")
        where = ["--pipe", str(program)] if self._is_genuine else ["--listen"]
        terminal = Terminal(
            str(program) if self._is_genuine else "", [str(FOLDER / "made_terminal.py"), *where]
        )
        try:
            yield terminal
        finally:
            terminal.end()

    def simulator(self, *options: str, at: str = "") -> Terminal:
        """Start the simulated terminal, or start it again where one was."""
        command = ["-m", "hybrid_bridge.simulator", "--control", "127.0.0.1:0", "--die-with-parent"]
        if self._is_genuine:
            program = str(self.program("simulated"))
            return Terminal(program, [*command, "--pipe", program, *options])
        return Terminal("", [*command, "--listen", at or "127.0.0.1:0", *options])

    def program(self, name: str) -> Path:
        """Make the empty file that stands for a terminal's program."""
        path = self.folder / name / "terminal64.exe"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        return path


def shaped(kind: str, values: Iterable[Any]) -> Any:
    """Make what is described as a result of the package of this type."""
    return type(kind, (tuple,), {})(values)


def described(value: Any) -> str:
    """Describe a value with its type, and the values inside it with theirs."""
    kind = type(value).__name__
    if isinstance(value, tuple | list):
        inside = ", ".join(described(item) for item in value)
        return f"{kind}({inside})"
    if isinstance(value, dict):
        inside = ", ".join(f"{key!r}: {described(item)}" for key, item in value.items())
        return f"{kind}({inside})"
    if kind == "ndarray":
        form = (value.dtype.descr, value.dtype.itemsize, value.flags.writeable)
        return f"ndarray {form!r} {value.tolist()!r}"
    return f"{kind} {value!r}"
