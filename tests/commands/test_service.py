"""`service install`, `remove` and `status`: what they show, ask and do, with a stand-in for schtasks."""

import io
import sys
from pathlib import Path

import pytest
from tests.host.test_scheduler import StandIn

from hybrid_bridge import cli
from hybrid_bridge.commands import service
from hybrid_bridge.commands.supervising import FILE_NAME

USER = "PC\\Anna"


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A Task Scheduler with no task of ours."""
    (tmp_path / "tasks").mkdir()
    stand_in = StandIn(tmp_path / "tasks")
    monkeypatch.setattr(service, "_scheduler", lambda _: stand_in.scheduler)
    monkeypatch.setattr(service, "current_user", lambda: USER)
    return stand_in


def answer(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))


def made(tasks: StandIn) -> list[Path]:
    return list(tasks.folder.glob("*.xml"))


class TestInstall:
    def test_shows_what_it_will_do_and_does_nothing_without_a_yes(self, offline, tasks, monkeypatch, capsys):
        for typed in ("no\n", "\n", "yes please\n"):
            answer(monkeypatch, typed)
            assert 1 == cli.main(["service", "install"])
        said = capsys.readouterr().out
        launcher = Path(service.SOURCE_ROOT) / "hybrid_bridge.py"
        for shown in (f"30 seconds after {USER} logs on", str(launcher), str(offline.parent), "service run"):
            assert shown in said
        assert "services run in a session of their own" in said
        assert "never when you ended it" in " ".join(said.split())
        assert "Nothing was changed." in said
        assert [] == made(tasks)

    def test_makes_the_task_once_it_was_agreed_to(self, offline, tasks, monkeypatch, capsys):
        answer(monkeypatch, "Yes\n")
        assert 0 == cli.main(["service", "install"])
        (task,) = made(tasks)
        assert f'schtasks /run /tn "{task.stem}"' in capsys.readouterr().out
        definition = task.read_text(encoding="utf-16")
        assert f"<WorkingDirectory>{offline.parent}</WorkingDirectory>" in definition
        assert f"<Command>{sys.executable}</Command>" in definition

    def test_nobody_there_to_answer_is_told(self, offline, tasks, monkeypatch, capsys):
        answer(monkeypatch, "")
        assert 1 == cli.main(["service", "install"])
        assert "with --yes it does not ask" in capsys.readouterr().err
        assert [] == made(tasks)

    def test_other_settings_and_the_bridge_without_redpanda_are_handed_on(self, offline, tasks):
        other = offline.rename(offline.with_name("my other.env"))
        assert 0 == cli.main(
            ["service", "install", "--yes", "--env-file", "my other.env", "--websocket-only"]
        )
        (task,) = made(tasks)
        assert f'service run --env-file "{other}" --websocket-only' in task.read_text(encoding="utf-16")

    def test_settings_that_could_only_fail_are_refused_before(self, folder, tasks, capsys):
        (folder / ".env").write_text("MT5_LOGIN=no number\n")
        assert 2 == cli.main(["service", "install", "--yes"])
        assert "MT5_LOGIN" in capsys.readouterr().err
        assert 2 == cli.main(["service", "install", "--yes", "--env-file", "gone.env"])
        assert "name the settings of the bridge you mean" in capsys.readouterr().err
        assert [] == made(tasks)

    def test_a_task_that_is_there_is_replaced_and_that_is_said(self, offline, tasks, capsys):
        assert [0, 0] == [cli.main(["service", "install", "--yes"]) for _ in range(2)]
        assert "This replaces the task of this name" in capsys.readouterr().out
        assert 1 == len(made(tasks))


class TestRemove:
    def test_removes_what_was_installed_once_it_was_agreed_to(self, offline, tasks, monkeypatch, capsys):
        cli.main(["service", "install", "--yes"])
        answer(monkeypatch, "n\n")
        assert (1, 1) == (cli.main(["service", "remove"]), len(made(tasks)))
        assert "One that runs now goes on until you end it." in capsys.readouterr().out
        answer(monkeypatch, "yes\n")
        assert (0, []) == (cli.main(["service", "remove"]), made(tasks))

    def test_nothing_to_remove_is_no_fault(self, offline, tasks, capsys):
        assert 0 == cli.main(["service", "remove"])
        assert "does not start by itself" in capsys.readouterr().out


class TestStatus:
    def test_tells_how_the_task_stands_and_what_it_did_last(self, offline, tasks, capsys):
        cli.main(["service", "install", "--yes"])
        record = '{"at": "2026-11-22T07:31:02Z", "text": "the bridge has ended as asked"}'
        (offline.parent / "state").mkdir()
        (offline.parent / "state" / FILE_NAME).write_text(record)
        capsys.readouterr()
        assert 0 == cli.main(["service", "status"])
        said = capsys.readouterr().out
        assert f"{made(tasks)[0].stem}, switched on" in said
        assert "22.11.2026 07:31:02" in said
        assert "it is running now (0x41301)" in said
        assert "the bridge has ended as asked (2026-11-22T07:31:02Z)" in said

    def test_1_where_nothing_is_installed_with_what_to_type(self, offline, tasks, capsys):
        assert 1 == cli.main(["service", "status"])
        assert "hybrid-bridge service install" in capsys.readouterr().out

    def test_a_task_that_is_switched_off_or_lost_its_program_does_not_count(self, offline, tasks, capsys):
        cli.main(["service", "install", "--yes"])
        (task,) = made(tasks)
        definition = task.read_text(encoding="utf-16")
        off = definition.replace(
            "<Enabled>true</Enabled>\n    <Hidden>", "<Enabled>false</Enabled>\n    <Hidden>"
        )
        task.write_text(off, encoding="utf-16")
        assert 1 == cli.main(["service", "status"])
        assert "switched OFF in the Task Scheduler" in capsys.readouterr().out
        task.write_text(definition.replace(sys.executable, "C:\\gone\\python.exe"), encoding="utf-16")
        assert 1 == cli.main(["service", "status"])
        assert "which is NOT THERE" in capsys.readouterr().out

    def test_what_the_task_scheduler_says_against_it_is_passed_on(self, offline, tasks, capsys):
        (tasks.folder / "broken").touch()
        assert 1 == cli.main(["service", "status"])
        assert "taskschd.msc" in capsys.readouterr().err


class TestRun:
    @pytest.mark.parametrize(
        ("typed", "launcher"), [([], "hybrid_bridge.py"), (["--websocket-only"], "run_bridge.py")]
    )
    def test_starts_the_bridge_that_was_asked_for(self, offline, monkeypatch, typed, launcher):
        seen = []
        monkeypatch.setattr(service, "run_supervised", lambda *told: seen.append(told) or 3)
        assert 3 == cli.main(["service", "run", *typed])
        ((command, _, env_file),) = seen
        assert ([str(service.SOURCE_ROOT / launcher)], None) == (command[1:], env_file)

    def test_an_installed_package_has_no_launcher_and_starts_all_the_same(self, monkeypatch, tmp_path):
        monkeypatch.setattr(service, "SOURCE_ROOT", tmp_path)
        assert [sys.executable, "-m", "hybrid_bridge"] == service._launcher(websocket_only=False)
        assert "start(websocket_only=True)" in service._launcher(websocket_only=True)[2]


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere than on Windows")
def test_elsewhere_it_says_what_to_use(offline, capsys):
    assert 2 == cli.main(["service", "install"])
    said = capsys.readouterr().err
    assert "let its own service manager start the" in said
    assert f"WorkingDirectory={offline.parent}" in said
    assert "RestartPreventExitStatus=2 3 4" in said


@pytest.mark.parametrize("typed", [[], ["start"], ["install", "--now"]])
def test_what_is_no_word_of_it_is_refused(typed):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["service", *typed])
