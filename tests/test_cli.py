"""The command line: which command is meant, and what is answered when none is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_bridge import cli


def refused(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_help_names_every_option_and_command(capsys):
    assert 0 == refused("--help")
    told = capsys.readouterr().out
    for word in ("--env-file", "--demo", "--ticks", "--duration", "--summary", "--log-format"):
        assert word in told
    for command in cli.COMMAND_TABLE:
        assert f"\n  {command} " in told


def test_nothing_that_takes_long_is_loaded_before_stops_are_noted():
    """Whatever is loaded before is a time in which a signal ends the process without order."""
    code = "import sys, hybrid_bridge.cli; print([name for name in sys.argv[1:] if name in sys.modules])"
    slow = ["asyncio", "pydantic", "pydantic_settings", "structlog", "msgspec", "aiokafka", "websockets"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    command = [sys.executable, "-c", code, *slow]
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert "[]\n" == loaded.stdout


def test_the_simulator_has_its_own_help(capsys):
    assert 0 == refused("simulator", "--help")
    assert "usage: hybrid-bridge simulator" in capsys.readouterr().out


def test_the_help_without_redpanda_says_so(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"], websocket_only=True)
    told = capsys.readouterr().out
    assert told.startswith("usage: run_bridge.py ")
    assert "over a WebSocket alone" in told
    assert "over Redpanda" not in told


@pytest.mark.parametrize("typed", ["stopp", "jornal", "run"])
def test_an_unknown_command_is_answered_with_those_there_are(capsys, typed):
    assert 2 == cli.main([typed, "--reason", "x"])
    told = capsys.readouterr().err
    assert told.startswith(f"unknown command: {typed}\n")
    for command in cli.COMMAND_TABLE:
        assert f"\n  {command} " in told


@pytest.mark.parametrize("command", list(cli.COMMAND_TABLE))
def test_every_command_has_its_own_help(capsys, command):
    assert 0 == refused(command, "--help")
    assert f"usage: hybrid-bridge {command}" in capsys.readouterr().out


def test_ctrl_c_while_a_command_loads_is_no_traceback(capsys, monkeypatch):
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMAND_TABLE, "check", interrupted)
    assert 1 == cli.main(["check"])
    assert "interrupted\n" == capsys.readouterr().err
