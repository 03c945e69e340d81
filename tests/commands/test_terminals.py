"""`terminals`: what is said of the terminal before a start."""

import os
from pathlib import Path

import pytest

from hybrid_bridge import cli
from hybrid_bridge.commands.terminals import judge
from hybrid_bridge.health import Terminals
from hybrid_bridge.settings import Settings


def running(*paths: str) -> Terminals:
    found = [{"pid": number, "path": path} for number, path in enumerate(paths, 1)]
    return {"ok": bool(paths), "terminals": found, "detail": "as many run"}  # type: ignore[typeddict-item]


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "MetaTrader 5" / "terminal64.exe"
    path.parent.mkdir()
    path.write_bytes(b"MZ")
    return str(path)


def test_the_simulated_terminal_needs_none():
    assert judge(Settings(mt5_backend="simulator"), [], running())[0]
    assert judge(Settings(simulation_mode=True), [], running())[0]


class TestWithAPath:
    def test_one_that_runs_is_ready(self, program):
        assert (True, f"{program} runs") == judge(Settings(mt5_path=program), [], running(program))

    def test_the_spelling_of_its_path_does_not_matter(self, program):
        odd = program.replace("MetaTrader 5", f"MetaTrader 5{os.sep}..{os.sep}MetaTrader 5")
        assert judge(Settings(mt5_path=program), [], running(odd))[0]

    def test_one_whose_path_the_system_keeps_to_itself_may_be_it(self, program):
        assert judge(Settings(mt5_path=program), [], running(""))[0]

    def test_another_one_that_runs_does_not_count(self, program):
        good, said = judge(Settings(mt5_path=program), [program], running(r"D:\other\terminal64.exe"))
        assert (False, True) == (good, said.startswith(f"{program} does not run: start it"))
        assert "File > Login to Trade Account" in said

    def test_a_path_that_is_wrong_is_told_with_those_that_are_there(self, program):
        good, said = judge(Settings(mt5_path=f"{program}x"), [program], running(program))
        assert not good
        assert said.startswith("MT5_PATH: no file at ")
        assert said.endswith(f"set it to the one that you trade with:\n  MT5_PATH={program}")


class TestWithoutAPath:
    def test_the_only_one_that_runs_is_ready(self, program):
        assert (True, "as many run") == judge(Settings(), [program], running(program))

    def test_one_that_was_not_found_but_runs_is_ready(self):
        assert judge(Settings(), [], running(r"E:\portable\terminal64.exe"))[0]

    @pytest.mark.parametrize("runs", [True, False])
    def test_of_several_one_is_to_be_named(self, program, runs):
        good, said = judge(Settings(), [program, "other"], running(*[program] * runs))
        assert (False, f"\n  MT5_PATH={program}\n  MT5_PATH=other") == (good, said[said.index("\n") :])

    def test_one_that_does_not_run_is_to_be_started(self, program):
        good, said = judge(Settings(), [program], running())
        assert (False, True) == (good, said.startswith(f"{program} does not run: start it"))

    def test_none_at_all_is_to_be_installed(self):
        good, said = judge(Settings(), [], running())
        assert (False, True) == (good, "install it from your broker's page" in said)


def test_the_command_reads_the_settings_and_ends_with_a_code(folder, offline, capsys):
    assert 0 == cli.main(["terminals"])
    assert "The simulated terminal is used" in capsys.readouterr().out
    offline.write_text("MT5_PATH=C:/no/terminal64.exe\n")
    assert 1 == cli.main(["terminals"])
    assert "MT5_PATH: no file at C:/no/terminal64.exe" in capsys.readouterr().out


def test_other_settings_may_be_wrong_meanwhile(folder, offline, capsys):
    offline.write_text("SIMULATION_MODE=true\nMAX_RISK_PERCENT=a lot\n")
    assert 0 == cli.main(["terminals"])
