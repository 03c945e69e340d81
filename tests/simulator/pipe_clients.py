"""Programs that share the pipe of one simulated terminal; run by test_pipe.py in a Windows Python.

Prints one line of JSON with what was seen. `client` is what this program is to the clients it starts.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import MetaTrader5 as mt5  # noqa: N813 - as every program has it

CLIENTS = 3
ROUNDS = 60
SIMULATOR = [sys.executable, "-m", "hybrid_bridge.simulator"]


def start(*options: str) -> subprocess.Popen[str]:
    command = [*SIMULATOR, "--die-with-parent", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def refusal(program: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [*SIMULATOR, "--pipe", str(program)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return ended.returncode, ended.stderr


def connect_often(program: str) -> int:
    """Connect and leave again and again; the program itself cannot be started, so every miss fails."""
    return sum(mt5.initialize(program) and mt5.account_info() is not None for _ in range(ROUNDS))


def crowd(program: str) -> list[int]:
    others = [
        subprocess.Popen([sys.executable, __file__, program], stdout=subprocess.PIPE, text=True)
        for _ in range(CLIENTS)
    ]
    return [int(other.communicate(timeout=60)[0]) for other in others]


def main() -> dict[str, Any]:
    """Go through everything once."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "Σ Übung"
        folder.mkdir()
        program = folder / "Terminal64.EXE"
        found: dict[str, Any] = {"missing": refusal(program), "folder": refusal(folder)}
        program.touch()
        first = start("--pipe", str(program), "--listen", "127.0.0.1:0")
        assert first.stdout is not None
        found["ready"] = json.loads(first.stdout.readline())
        spellings = (
            program,
            str(program).upper(),
            str(program).replace("\\", "/"),
            folder / ".." / folder.name / program.name,
        )
        found["spellings"] = [mt5.initialize(str(spelling)) for spelling in spellings]
        found["path"] = mt5.terminal_info().path
        found["folder of the program"] = str(folder)
        found["second"] = refusal(program)
        found["crowd"] = crowd(str(program))
        first.kill()
        first.wait(10)
        second = start("--pipe", str(program))
        assert second.stdout is not None
        found["after a kill"] = [second.stdout.readline() != "", mt5.initialize(str(program))]
        mt5.shutdown()
        second.kill()
        second.wait(10)
    return found


if __name__ == "__main__":
    sys.stdout.write(str(connect_often(sys.argv[1])) if len(sys.argv) > 1 else json.dumps(main()))
