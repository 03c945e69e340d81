"""The task for Windows' Task Scheduler: its definition, and what schtasks.exe is told and says."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.host import scheduler
from hybrid_bridge.host.scheduler import (
    CONSOLE_ENCODING,
    LogonTask,
    TaskScheduler,
    TaskStanding,
    define,
    explain,
)

PYTHON = r"C:\Анна & co\.venv\Scripts\python.exe"
TASK = LogonTask("PC\\Анна", PYTHON, (r"C:\Анна & co\hybrid_bridge.py", "service", "run"), r"C:\Анна & co")

BOOLEAN, DURATION, TEXT = r"true|false", r"P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?", r".+"
# What the Task Scheduler takes, as far as it is used. Source: Task Scheduler schema, by complex type.
SCHEMA = {
    "RegistrationInfo": {"Author": TEXT, "Description": TEXT},
    "LogonTrigger": {"Enabled": BOOLEAN, "UserId": TEXT, "Delay": DURATION},
    "Principal": {"UserId": TEXT, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"},
    "Settings": {
        "MultipleInstancesPolicy": "Parallel|Queue|IgnoreNew|StopExisting",
        "DisallowStartIfOnBatteries": BOOLEAN,
        "StopIfGoingOnBatteries": BOOLEAN,
        "AllowHardTerminate": BOOLEAN,
        "StartWhenAvailable": BOOLEAN,
        "RunOnlyIfNetworkAvailable": BOOLEAN,
        "AllowStartOnDemand": BOOLEAN,
        "Enabled": BOOLEAN,
        "Hidden": BOOLEAN,
        "RunOnlyIfIdle": BOOLEAN,
        "WakeToRun": BOOLEAN,
        "ExecutionTimeLimit": DURATION,
        "Priority": r"\d|10",
    },
    "IdleSettings": {"StopOnIdleEnd": BOOLEAN, "RestartOnIdle": BOOLEAN},
    "RestartOnFailure": {"Interval": DURATION, "Count": r"[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]"},
    "Exec": {"Command": r".{1,260}", "Arguments": TEXT, "WorkingDirectory": r".{1,260}"},
}
FOLDERS = {"Task", "Triggers", "Principals", "Settings", "Actions"}


def local(element: Xml.Element) -> str:
    space, _, name = element.tag.rpartition("}")
    assert space == "{http://schemas.microsoft.com/windows/2004/02/mit/task"
    return name


def definition() -> Xml.Element:
    declaration, _, text = define(TASK).partition("\n")
    assert declaration == '<?xml version="1.0" encoding="UTF-16"?>'
    return Xml.fromstring(text)  # noqa: S314 - our own


def found(path: str) -> str | None:
    return definition().findtext("/".join(f"{{{scheduler.NAMESPACE}}}{name}" for name in path.split("/")))


class TestDefinition:
    def test_it_follows_the_schema_in_every_element(self) -> None:
        for element in definition().iter():
            for child in element:
                if len(child) or local(child) in FOLDERS:
                    continue
                allowed = SCHEMA[local(element)][local(child)]
                assert re.fullmatch(allowed, child.text or ""), (local(element), local(child), child.text)

    def test_its_actions_run_as_the_principal_that_is_defined(self) -> None:
        root = definition()
        ids = {element.get("id") for element in root.iter() if local(element) == "Principal"}
        assert {element.get("Context") for element in root.iter() if local(element) == "Actions"} == ids

    def test_it_starts_the_bridge_in_its_folder_with_every_letter_as_it_is(self) -> None:
        assert PYTHON == found("Actions/Exec/Command")
        assert r'"C:\Анна & co\hybrid_bridge.py" service run' == found("Actions/Exec/Arguments")
        assert r"C:\Анна & co" == found("Actions/Exec/WorkingDirectory")

    def test_it_starts_when_this_user_logs_on_in_the_session_that_the_user_sees(self) -> None:
        assert "PC\\Анна" == found("Triggers/LogonTrigger/UserId") == found("Principals/Principal/UserId")
        assert "InteractiveToken" == found("Principals/Principal/LogonType")

    def test_nothing_of_windows_ends_it_or_makes_it_slow(self) -> None:
        expected = {
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "ExecutionTimeLimit": "PT0S",
            "MultipleInstancesPolicy": "IgnoreNew",
            "RunOnlyIfIdle": "false",
            "IdleSettings/StopOnIdleEnd": "false",
            "Priority": "5",
        }
        assert expected == {name: found(f"Settings/{name}") for name in expected}

    def test_a_path_that_is_too_long_is_told_before_windows_tells_it_worse(self) -> None:
        deep = "C:\\" + "x" * 258
        with pytest.raises(ConfigurationError, match="at most 260 characters, and this one has 261"):
            define(LogonTask("PC\\Anna", PYTHON, (), deep))


class TestName:
    def test_each_user_folder_and_bridge_has_a_task_of_its_own(self) -> None:
        others = [
            LogonTask("PC\\Boris", TASK.program, TASK.arguments, TASK.folder),
            LogonTask(TASK.user, TASK.program, (*TASK.arguments, "--websocket-only"), TASK.folder),
            LogonTask(TASK.user, TASK.program, TASK.arguments, r"D:\bridge"),
        ]
        assert 4 == len({TASK.name, *(other.name for other in others)})

    def test_it_is_the_same_again_for_every_python_and_however_the_folder_was_typed(self) -> None:
        again = LogonTask(TASK.user, "C:\\other\\python.exe", TASK.arguments, TASK.folder.upper())
        assert TASK.name == again.name
        assert re.fullmatch("Hybrid MT5 Bridge [0-9a-f]{8}", TASK.name)


# Stands in for schtasks.exe: it keeps tasks in a folder, writes down what it was told, and answers in German.
STAND_IN = r"""
import pathlib, shutil, sys
home, words = pathlib.Path(sys.argv[1]), sys.argv[2:]
with (home / "calls").open("a", encoding="utf-8") as calls:
    calls.write(" ".join(words) + "\n")
given = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("/")}
task = home / (given.get("/tn", "none") + ".xml")
name = given.get("/tn")
def end(code, words, stream=sys.stdout):
    stream.buffer.write(words.encode(ENCODING, "replace"))
    sys.exit(code)
if (home / "broken").exists():
    end(1, "FEHLER: Der Aufgabenplanungsdienst ist nicht verf\u00fcgbar.\r\n", sys.stderr)
if words[0] == "/create":
    shutil.copy(given["/xml"], task)
    end(0, "ERFOLGREICH\r\n")
if words[0] == "/query" and name is None:
    listed = ["\\Microsoft\\Windows\\Defrag", *("\\" + path.stem for path in home.glob("*.xml"))]
    end(0, "".join(f'"{each}","Nicht zutreffend","Bereit"\r\n' for each in listed))
if not task.exists():
    end(1, "FEHLER: Das System kann die angegebene Datei nicht finden.\r\n", sys.stderr)
if words[0] == "/delete":
    task.unlink()
    end(0, "")
if "/xml" in words:
    end(0, task.read_text(encoding="utf-16"))
row = ["PC", "\\" + name, "Nicht zutreffend", "Bereit", "Interaktiv", "22.11.2026 07:31:02", RESULT, "Anna"]
end(0, ",".join(f'"{cell}"' for cell in row) + "\r\n")
"""


class StandIn:
    """A schtasks that keeps tasks in a folder."""

    def __init__(self, folder: Path, result: str = "267009") -> None:
        self.folder = folder
        program = folder / "schtasks.py"
        program.write_text(
            f"ENCODING, RESULT = {CONSOLE_ENCODING!r}, {result!r}\n{STAND_IN}", encoding="utf-8"
        )
        self.scheduler = TaskScheduler([sys.executable, str(program), str(folder)])

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


class TestTaskScheduler:
    def test_a_task_is_made_of_utf_16_and_its_file_is_gone_afterwards(self, stand_in: StandIn) -> None:
        stand_in.scheduler.create(TASK)
        assert define(TASK) == (stand_in.folder / f"{TASK.name}.xml").read_text(encoding="utf-16")
        (call,) = stand_in.calls
        told = re.fullmatch(rf"/create /tn {TASK.name} /xml (.+) /f", call)
        assert told
        assert not Path(told[1]).exists()

    def test_it_tells_what_it_knows_in_whatever_language_the_pc_speaks(self, stand_in: StandIn) -> None:
        stand_in.scheduler.create(LogonTask("PC\\Anna", r"C:\b\python.exe", (), r"C:\b"))
        name = LogonTask("PC\\Anna", r"C:\b\python.exe", (), r"C:\b").name
        expected = TaskStanding(True, r"C:\b\python.exe", "22.11.2026 07:31:02", 267009)
        assert expected == stand_in.scheduler.look(name)

    def test_a_task_that_was_switched_off_is_told(self, stand_in: StandIn) -> None:
        off = (
            define(TASK)
            .replace("</Hidden>", "</Hidden>")
            .replace("<Enabled>true</Enabled>\n    <Hidden>", "<Enabled>false</Enabled>\n    <Hidden>")
        )
        (stand_in.folder / f"{TASK.name}.xml").write_text(off, encoding="utf-16")
        standing = stand_in.scheduler.look(TASK.name)
        assert standing is not None
        assert not standing.enabled

    @pytest.mark.parametrize(
        ("said", "known"), [("-2147024894", 0x80070002), ("1", 1), ("3221225786", 0xC000013A), ("N/A", None)]
    )
    def test_a_result_is_one_number_however_windows_writes_it(
        self, tmp_path: Path, said: str, known: int | None
    ) -> None:
        stand_in = StandIn(tmp_path, result=said)
        stand_in.scheduler.create(TASK)
        standing = stand_in.scheduler.look(TASK.name)
        assert standing is not None
        assert known == standing.last_result

    def test_no_task_is_none_and_no_error(self, stand_in: StandIn) -> None:
        assert stand_in.scheduler.look(TASK.name) is None

    def test_a_task_is_removed(self, stand_in: StandIn) -> None:
        stand_in.scheduler.create(TASK)
        stand_in.scheduler.remove(TASK.name)
        assert stand_in.scheduler.look(TASK.name) is None

    def test_what_windows_says_against_it_is_passed_on_with_its_letters(self, stand_in: StandIn) -> None:
        (stand_in.folder / "broken").touch()
        said = "schtasks /create ended with code 1: FEHLER: Der Aufgabenplanungsdienst ist nicht verfügbar."
        with pytest.raises(BridgeError, match=re.escape(said)):
            stand_in.scheduler.create(TASK)
        with pytest.raises(BridgeError, match="nicht verfügbar"):
            stand_in.scheduler.look(TASK.name)

    def test_an_answer_without_a_word_is_none(self) -> None:
        silent = TaskScheduler([sys.executable, "-c", ""])
        with pytest.raises(BridgeError, match="schtasks /query ended with code 0: it gave no reason"):
            silent.look(TASK.name)

    def test_one_that_is_not_there_or_hangs_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scheduler, "SCHTASKS_TIMEOUT_S", 0.2)
        with pytest.raises(BridgeError, match=r"schtasks /delete: .*taskschd\.msc"):
            TaskScheduler(["no-such-program"]).remove(TASK.name)
        with pytest.raises(BridgeError, match="timed out"):
            TaskScheduler([sys.executable, "-c", "import time; time.sleep(60)"]).remove(TASK.name)


class TestWords:
    @pytest.mark.parametrize(
        ("result", "words"),
        [
            (0x41301, "it is running now (0x41301)"),
            (0xC000013A, "its window was closed (0xC000013A)"),
            (2, "the settings need a correction (0x2)"),
            (0x12345, "0x12345"),
        ],
    )
    def test_a_result_is_explained(self, result: int, words: str) -> None:
        assert words == explain(result)


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere than on Windows")
def test_elsewhere_it_says_that_there_is_none() -> None:
    with pytest.raises(ConfigurationError, match="a part of Windows"):
        scheduler.task_scheduler()
    with pytest.raises(ConfigurationError, match="a part of Windows"):
        scheduler.current_user()
