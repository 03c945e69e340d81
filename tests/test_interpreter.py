"""The program behind this Python: the true one, which still finds what is installed here."""

import subprocess
import sys

import pytest

from hybrid_bridge import interpreter


def test_elsewhere_than_on_windows_it_is_the_one_that_runs():
    if sys.platform == "win32":
        pytest.skip("tested with a virtual environment below")
    assert (sys.executable, {}) == (interpreter.program(), interpreter.environment())


def test_it_knows_the_environment_that_it_was_started_from(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / "my env"], check=True, timeout=120
    )
    inside = tmp_path / "my env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    # Starts itself again as the bridge starts its lanes; what both say of themselves is compared.
    code = (
        "import os, subprocess, sys\n"
        "from hybrid_bridge import interpreter\n"
        "if len(sys.argv) > 1:\n"
        "    print(sys.prefix, sys.executable, os.getpid(), sep='|', flush=True)\n"
        "else:\n"
        "    started = subprocess.Popen([interpreter.program(), '-c', sys.orig_argv[-1], 'again'],\n"
        "        env={**os.environ, **interpreter.environment()}, stdout=subprocess.PIPE, text=True)\n"
        "    said, _ = started.communicate(timeout=60)\n"
        "    print(sys.prefix, sys.executable, started.pid, sep='|')\n"
        "    print(said.strip())\n"
    )
    done = subprocess.run([inside, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    first, again = done.stdout.splitlines()
    assert first == again
    assert str(tmp_path / "my env").lower() == first.split("|")[0].lower()
