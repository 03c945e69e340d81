"""start_bridge.bat: what can be read off it, and what it does when it is typed to in the cmd.exe of Wine."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.front_door import INSTALLATION, ROOT, SCRIPT, Door, compile_stand_in
from tests.windows_python import WindowsPython, windows_python

__all__ = ["windows_python"]

CONTENT = (ROOT / SCRIPT).read_bytes()
LINES = CONTENT.decode("ascii").splitlines()
FALLEN_INTO = {
    "menu",
    "chosen",
    "bridge",
    "start_bridge",
    "updated",
    "make_venv",
    "done",
    "after",
    "no_python",
}
EXPLORER = r'C:\Windows\system32\cmd.exe /c ""D:\my & bridge\start_bridge.bat" "'
CONSOLE = r'"C:\Windows\system32\cmd.exe"'
CHOICES = {
    "1": "hybrid",
    "2": "websocket",
    "3": "demo",
    "4": "check",
    "5": "status",
    "6": "stop",
    "7": "resume",
    "8": "settings",
    "9": "log",
    "10": "update",
    "11": "redpanda",
    "12": "limits",
    "13": "service",
    "0": "quit",
}
PAUSED = "Press any key to continue..."


def test_its_lines_end_as_windows_wants_them() -> None:
    # cmd.exe loses labels in files whose lines end in a line feed alone.
    assert CONTENT.count(b"\n") == CONTENT.count(b"\r\n") == len(LINES)


def test_every_jump_has_its_label_once_and_every_label_is_reached() -> None:
    labels = [line[1:].strip() for line in LINES if re.match(r":[a-z]", line)]
    code = [line for line in LINES if not line.startswith("rem")]
    jumps = {match[1] for line in code for match in re.finditer(r"\b(?:goto |call :)(\w+)", line)}
    assert sorted(set(labels)) == sorted(labels)
    assert jumps <= set(labels)
    assert set(labels) - jumps <= FALLEN_INTO


@pytest.mark.parametrize(("number", "word"), CHOICES.items())
def test_every_choice_is_in_the_menu_and_a_word_of_its_own(number: str, word: str) -> None:
    assert [line for line in LINES if re.match(rf"echo +{number}  [A-Z]", line)]
    assert [line for line in LINES if re.fullmatch(rf'if "%CHOICE%"=="{number}" +set "CHOICE={word}"', line)]
    assert [line for line in LINES if re.fullmatch(rf'if /i "%CHOICE%"=="{word}" +goto {word}', line)]


@pytest.mark.parametrize("word", sorted(set(CHOICES.values()) - {"quit"}))
def test_every_word_is_explained_at_the_top(word: str) -> None:
    assert [line for line in LINES if line.startswith(f"rem   start_bridge.bat {word} ")]


def test_the_files_that_it_starts_and_copies_are_there() -> None:
    for name in ("hybrid_bridge.py", "run_bridge.py", "start-redpanda.bat", ".env.example"):
        assert (ROOT / name).is_file()
        assert any(name in line for line in LINES)
    assert (ROOT / "src" / "hybrid_bridge" / "installation.py").is_file()


def test_what_is_echoed_is_no_redirection_and_no_second_command() -> None:
    told = [line for line in LINES if line.startswith("echo ")]
    assert [line for line in told if re.search(r"[<>|&]", line)] == []


@pytest.fixture(scope="module")
def stand_in(windows_python: WindowsPython, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_stand_in(tmp_path_factory.mktemp("stand_in"))


@pytest.fixture
def make_door(
    windows_python: WindowsPython, stand_in: Path, tmp_path: Path
) -> Iterator[Callable[[str], Door]]:
    """Give a maker of folders as they are after the download."""
    made: list[Door] = []

    def make(name: str) -> Door:
        made.append(Door(tmp_path / name, windows_python, stand_in))
        return made[-1]

    yield make
    for door in made:
        door.close()


@pytest.fixture
def new(make_door: Callable[[str], Door]) -> Door:
    """As it is after the download."""
    return make_door("my bridge")


@pytest.fixture
def door(new: Door) -> Door:
    """As it is after a first start."""
    new.set_up()
    return new


@pytest.mark.windows
class TestWords:
    @pytest.mark.parametrize(
        ("typed", "called"),
        [
            (["demo", "--duration", "9"], ["venv hybrid_bridge.py --demo --duration 9"]),
            (["check", "--json", "terminal"], ["venv hybrid_bridge.py check --json terminal"]),
            (["status", "--json"], ["venv hybrid_bridge.py status --json"]),
            (["STOP", "--close-positions"], ["venv hybrid_bridge.py stop --close-positions"]),
            (["resume", "--reason", '"all & well"'], ["venv hybrid_bridge.py resume --reason all & well"]),
            (
                ["limits", "--tighten", '"MAX_VOLUME=1"'],
                ["venv hybrid_bridge.py limits --tighten MAX_VOLUME=1"],
            ),
            (["service"], ["venv hybrid_bridge.py service status"]),
            (["service", "install", "--yes"], ["venv hybrid_bridge.py service install --yes"]),
            (["log"], ["venv hybrid_bridge.py log --notepad"]),
            (["settings"], ["notepad.exe .env"]),
            (["redpanda"], ["start-redpanda start"]),
            (["redpanda", "status"], ['start-redpanda "status"']),
            (["hybrid", "--help"], ["venv hybrid_bridge.py --help"]),
            (["websocket", "--env-file", "my.env"], ["venv run_bridge.py --env-file my.env"]),
            (
                ["hybrid", "--duration", "9"],
                ["venv hybrid_bridge.py terminals", "venv hybrid_bridge.py --duration 9"],
            ),
            (["websocket"], ["venv hybrid_bridge.py terminals", "venv run_bridge.py"]),
        ],
    )
    def test_each_starts_its_command_and_asks_nothing(self, door, typed, called):
        assert (0, called) == (door.run(*typed)[0], door.wait_for_calls(len(called)))

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (0, ""),
            (1, "Ended with an error (code 1), see above."),
            (2, "need a correction, see above. The settings are in"),
            (3, "Ended with an error (code 3), see above."),
            (-1073741510, "Ended with an error (code -1073741510), see above."),
        ],
    )
    def test_the_exit_code_of_the_bridge_is_passed_on_and_explained(self, door, code, words):
        door.answer(code, "hybrid_bridge.py --demo")
        found, said = door.run("demo")
        assert (code & 0xFF, True) == (found, words in said)
        assert ("Ended with" in said) is (code not in (0, 2))

    @pytest.mark.parametrize("word", ["check", "status", "stop", "resume"])
    def test_where_1_is_an_answer_it_is_no_error(self, door, word):
        door.answer(1, f"hybrid_bridge.py {word}")
        code, said = door.run(word, "--reason", "x")
        assert (1, False) == (code, "Ended with an error" in said)

    def test_a_word_that_is_none_is_told_the_choices(self, door):
        code, said = door.run("demmo")
        assert (1, []) == (code, door.calls)
        assert 'There is no choice "demmo"; the choices are hybrid, websocket, demo, check, status,' in said


@pytest.mark.windows
class TestMenu:
    def test_it_comes_again_until_one_quits(self, door):
        run = door.start()
        run.choose("11")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("2", "quit")
        assert 0 == run.end()
        terminal, bridge = "venv hybrid_bridge.py terminals", "venv run_bridge.py"
        assert ["start-redpanda start", terminal, bridge] == door.calls

    @pytest.mark.parametrize("typed", ["0", "", "QUIT"])
    def test_one_can_leave(self, door, typed):
        run = door.start()
        run.choose(typed)
        assert (0, []) == (run.end(), door.calls)

    @pytest.mark.parametrize("typed", ["14", '"', "a & echo oops", "-", "1 2"])
    def test_what_is_no_choice_does_nothing(self, door, typed):
        run = door.start()
        run.choose(typed)
        if typed != '"':
            run.read_until(PAUSED)
            run.type_line()
        run.choose("0")
        assert (0, []) == (run.end(), door.calls)
        assert "oops" not in run.said.replace("a & echo oops", "")
        assert (
            typed == '"' or f'There is no choice "{typed}"; type one of the numbers of the menu.' in run.said
        )

    @pytest.mark.parametrize("typed", [" 6", "6 ", "  STOP  "])
    def test_blanks_around_a_choice_do_not_keep_an_emergency_stop_from_being_sent(self, door, typed):
        run = door.start()
        run.choose(typed)
        run.read_until(PAUSED)
        run.type_line()
        run.choose("0")
        assert 0 == run.end()
        assert ["venv hybrid_bridge.py stop --ask --reason start_bridge.bat"] == door.calls

    def test_an_error_stays_to_be_read(self, door):
        door.answer(1, "run_bridge.py")
        run = door.start()
        run.choose("2")
        run.read_until("Ended with an error (code 1), see above.")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("0")
        assert 0 == run.end()

    def test_an_emergency_stop_is_not_asked_about_before_it_is_sent(self, door):
        run = door.start()
        run.choose("6")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("7")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("0")
        assert 0 == run.end()
        asked = [
            "venv hybrid_bridge.py stop --ask --reason start_bridge.bat",
            "venv hybrid_bridge.py resume --ask",
        ]
        assert asked == door.calls

    @pytest.mark.parametrize(("code", "asks"), [(0, False), (1, True), (2, False)])
    def test_starting_with_the_pc_is_offered_where_it_is_not_set_up(self, door, code, asks):
        door.answer(code, "hybrid_bridge.py service status")
        run = door.start()
        run.choose("13")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("0")
        assert 0 == run.end()
        called = ["venv hybrid_bridge.py service status", "venv hybrid_bridge.py service install"]
        assert called[: 1 + asks] == door.calls

    @pytest.mark.parametrize(("answer", "starts"), [("", True), ("b", False), ("B", False), ("no", True)])
    def test_a_terminal_that_is_not_ready_is_left_to_the_user(self, door, answer, starts):
        door.answer(1, "hybrid_bridge.py terminals")
        run = door.start()
        run.choose("2")
        run.read_until("B goes back to the menu: ")
        run.type_line(answer)
        run.choose("0")
        assert 0 == run.end()
        assert ["venv hybrid_bridge.py terminals", "venv run_bridge.py"][: 1 + starts] == door.calls

    def test_with_a_word_a_terminal_that_is_not_ready_holds_nothing_up(self, door):
        door.answer(1, "hybrid_bridge.py terminals")
        assert 0 == door.run("hybrid")[0]
        assert ["venv hybrid_bridge.py terminals", "venv hybrid_bridge.py"] == door.calls


@pytest.mark.windows
class TestWindow:
    def test_one_of_its_own_stays_until_an_error_was_read(self, door):
        door.answer(1, "hybrid_bridge.py terminals")
        door.answer(1, "venv hybrid_bridge.py --duration")
        run = door.start("hybrid", "--duration", "9", CMDCMDLINE=EXPLORER)
        run.read_until("Ended with an error (code 1), see above.")
        run.read_until(PAUSED)
        assert run.process.poll() is None
        run.type_line()
        assert 1 == run.end()

    @pytest.mark.parametrize("word", ["status", "check", "stop", "demo", "limits", "demmo"])
    def test_one_of_its_own_stays_until_an_answer_was_read(self, door, word):
        run = door.start(word, CMDCMDLINE=EXPLORER)
        run.read_until(PAUSED)
        run.type_line()
        run.end()

    @pytest.mark.parametrize("word", ["hybrid", "websocket", "settings", "log"])
    def test_one_of_its_own_closes_when_there_is_nothing_to_read(self, door, word):
        code, said = door.run(word, CMDCMDLINE=EXPLORER)
        assert (0, False) == (code, PAUSED in said)

    def test_where_nobody_can_sit_in_front_of_it_it_ends_by_itself(self, door):
        door.answer(3, "venv hybrid_bridge.py --duration")
        code, said = door.run("hybrid", "--duration", "9", before="set SESSIONNAME=", CMDCMDLINE=EXPLORER)
        assert (3, False, "timeout /t 60") == (code, PAUSED in said, door.calls[-1])

    @pytest.mark.parametrize("window", [CONSOLE, ""])
    def test_a_console_that_was_open_before_stays_by_itself(self, door, window):
        door.answer(1, "hybrid_bridge.py status")
        code, said = door.run("status", CMDCMDLINE=window)
        assert (1, False) == (code, PAUSED in said)

    def test_a_file_out_of_a_zip_says_to_unpack_it(self, door):
        shutil.rmtree(door.folder / "src")
        run = door.start("demo")
        run.read_until("unpack the whole ZIP into a folder of this PC")
        run.read_until(PAUSED)
        run.type_line()
        assert (1, []) == (run.end(), door.calls)


SUITABLE = f"{INSTALLATION} suitable"
INSTALL = "venv -m pip install --quiet --disable-pip-version-check --editable .[demo]"
NOTE = f"venv {INSTALLATION} done"
STARTED = ["venv hybrid_bridge.py --demo"]


@pytest.mark.windows
class TestInstalling:
    def test_from_nothing_everything_is_made(self, new):
        new.offer("py.exe")
        code, said = new.run("demo")
        made = [f"py.exe -3.13 {SUITABLE}", "py.exe -3.13 -m venv --clear .venv", INSTALL, NOTE]
        assert (0, [*made, *STARTED]) == (code, new.calls)
        assert said.index("Making .venv (once)") < said.index("Installing what the bridge needs")

    def test_what_is_ready_is_not_made_again(self, door):
        assert (0, STARTED) == (door.run("demo")[0], door.calls)

    def test_something_new_is_installed_into_what_is_there(self, door):
        door.answer(5, "installation.py state")
        assert (0, [INSTALL, NOTE, *STARTED]) == (door.run("demo")[0], door.calls)

    @pytest.mark.parametrize("code", [1, 3, 103, 9009, -1073741515])
    def test_what_was_moved_or_lost_its_python_is_made_anew(self, door, code):
        door.offer("python.exe")
        door.answer(code, "installation.py state")
        found, said = door.run("demo")
        made = [f"python.exe {SUITABLE}", "python.exe -m venv --clear .venv", INSTALL, NOTE]
        assert (0, [*made, *STARTED]) == (found, door.calls)
        assert ".venv cannot be used any more" in said

    def test_nothing_is_installed_under_a_bridge_that_runs(self, door):
        door.answer(4, "installation.py state")
        assert (1, []) == (door.run("demo")[0], door.calls)

    def test_python_is_looked_for_until_a_suitable_one_is_found(self, new):
        new.offer("py.exe")
        new.offer("python.exe")
        new.answer(103, "py.exe")
        new.answer(1, "py.exe -3 ")
        new.run("demo")
        looked = [f"py.exe -3{minor} {SUITABLE}" for minor in (".13", ".12", ".11", ".14", "")]
        assert [*looked, f"python.exe {SUITABLE}", "python.exe -m venv --clear .venv"] == new.calls[:7]

    def test_the_stores_python_is_taken_only_for_want_of_another(self, new):
        new.offer("python.exe")
        new.offer("python3.exe")
        new.answer(10, f"python.exe {SUITABLE}")
        new.run("demo")
        assert new.calls[2] == "python3.exe -m venv --clear .venv"

    def test_the_stores_python_is_better_than_none(self, new):
        new.offer("python.exe")
        new.answer(10, SUITABLE)
        code, said = new.run("demo")
        assert (0, "python.exe -m venv --clear .venv") == (code, new.calls[1])
        assert "Should the terminal not be reached: install Python 3.13" in said

    def test_one_that_the_user_names_goes_before_all(self, new):
        new.offer("py.exe")
        new.offer("my python & co.exe")
        new.run("demo", PYTHON="my python & co.exe")
        assert new.calls[1] == "my python & co.exe -m venv --clear .venv"

    @pytest.mark.parametrize("stub", [True, False])
    def test_without_any_it_says_where_to_get_one_and_stays(self, new, stub):
        if stub:
            new.offer("python.exe")
            new.answer(9009, "python.exe")
        run = new.start("demo", CMDCMDLINE=EXPLORER)
        run.read_until("No suitable Python was found: 64-bit, 3.11 or newer.")
        run.read_until("https://www.python.org/downloads/windows/")
        run.read_until(PAUSED)
        run.type_line()
        assert (1, False) == (run.end(), (new.folder / ".venv").exists())
        assert "A python that only opens the Microsoft Store is none" in run.said

    @pytest.mark.parametrize(
        ("fails", "words"),
        [
            ("-m venv", "Making .venv failed, see above."),
            ("-m pip", "Is there a connection to https://pypi.org?"),
        ],
    )
    def test_what_fails_is_said_and_tried_again_the_next_time(self, new, fails, words):
        new.offer("py.exe")
        new.answer(1, fails)
        code, said = new.run("demo")
        assert (1, True) == (code, words in said)
        assert not [call for call in new.calls if call.endswith(("done", "--demo"))]

    def test_a_stop_waits_for_no_installation(self, door):
        door.answer(5, "installation.py state")
        for word in ("stop", "status", "limits"):
            assert 0 == door.run(word)[0]
        assert [f"venv hybrid_bridge.py {word}" for word in ("stop", "status", "limits")] == door.calls

    def test_a_stop_installs_where_nothing_can_run_it(self, door):
        door.answer(1, "import hybrid_bridge.settings")
        door.answer(5, "installation.py state")
        assert 0 == door.run("stop")[0]
        assert ["venv hybrid_bridge.py stop"] == door.calls[2:]

    def test_the_first_start_lets_the_settings_be_filled_in(self, door):
        (door.folder / ".env").unlink()
        code, said = door.run("websocket")
        started = ["notepad.exe .env", "venv hybrid_bridge.py terminals", "venv run_bridge.py"]
        assert (0, started) == (code, door.calls)
        assert "#MT5_LOGIN=\n" == (door.folder / ".env").read_text(encoding="utf-8")
        assert "fill in MT5_LOGIN, MT5_PASSWORD and MT5_SERVER" in said
        assert "take away the # in front of each" in said


UPDATED = (
    "@echo off\r\n" + "rem Another one.\r\n" * 400 + ":new\r\necho the new one: %1 [%2]\r\nexit /b 7\r\n"
)


@pytest.mark.windows
class TestUpdate:
    def test_nothing_of_the_old_script_is_read_once_there_is_a_new_one(self, door):
        (door.folder / "new.bat").write_bytes(UPDATED.encode())
        code, said = door.run("update")
        assert (7, ["venv hybrid_bridge.py update"]) == (code, door.calls)
        assert "the new one: updated []" in said
        assert ["the new one: updated []"] == [line for line in said.splitlines() if line.strip()]

    def test_afterwards_what_is_new_is_installed(self, door):
        shutil.copy2(door.folder / SCRIPT, door.folder / "new.bat")
        door.answer(5, "installation.py state")
        code, said = door.run("update")
        assert (0, ["venv hybrid_bridge.py update", INSTALL, NOTE]) == (code, door.calls)
        assert "Everything is installed." in said

    def test_from_the_menu_it_comes_back_to_the_menu(self, door):
        shutil.copy2(door.folder / SCRIPT, door.folder / "new.bat")
        run = door.start()
        run.choose("10")
        run.read_until("Everything is installed.")
        run.read_until(PAUSED)
        run.type_line()
        run.choose("0")
        assert 0 == run.end()

    def test_one_that_fails_changes_nothing(self, door):
        door.answer(1, "hybrid_bridge.py update")
        code, said = door.run("update")
        assert (1, ["venv hybrid_bridge.py update"]) == (code, door.calls)
        assert "Ended with an error" not in said


@pytest.mark.windows
@pytest.mark.parametrize("name", ["a & b", "Мой мост", "100% (new)", "it's!", "caf\u00e9^2", "a;b,c=d"])
class TestFolders:
    def test_it_works_in_a_folder_of_any_name(self, make_door, name):
        odd = make_door(name)
        odd.offer("py.exe")
        code, _ = odd.run("websocket")
        assert (0, "venv run_bridge.py") == (code, odd.calls[-1])
        assert (odd.folder / ".env").exists()


@pytest.mark.windows
@pytest.mark.parametrize("code_page", [866, 1252, 65001])
def test_it_works_in_a_console_of_any_code_page(make_door, code_page):
    door = make_door("Мой мост & Co")
    door.set_up()
    code, said = door.run("status", before=f"chcp {code_page} >nul")
    assert (0, ["venv hybrid_bridge.py status"]) == (code, door.calls)
    assert "Press" not in said
