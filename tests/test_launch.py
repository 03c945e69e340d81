"""What the launchers say when they cannot start, and to whom they hand over."""

import sys
from pathlib import Path

import pytest

from hybrid_bridge import cli, launch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def make_venv(root: Path) -> Path:
    windows = sys.platform == "win32"
    python = root / ".venv" / ("Scripts/python.exe" if windows else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def test_a_missing_library_ends_in_one_sentence() -> None:
    with pytest.raises(SystemExit) as caught, launch.explained():
        raise ModuleNotFoundError("No module named 'aiokafka.errors'", name="aiokafka.errors")
    sentence = str(caught.value.code)
    assert sentence.startswith(f"Cannot start with {sys.executable}: the library aiokafka is not installed")
    assert "; type " in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("name", [None, "hybrid_bridge.cli"])
def test_a_fault_of_the_bridge_itself_is_not_explained_away(name: str | None) -> None:
    with pytest.raises(ModuleNotFoundError), launch.explained():
        raise ModuleNotFoundError("missing", name=name)


def test_an_old_python_ends_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed; type "), launch.explained():
        pytest.fail("must not go on")


def test_where_everything_is_installed_already_that_python_is_named(root: Path) -> None:
    python = make_venv(root)
    assert launch.remedy(root) == f'type "{python}" in its place, where everything is installed'


@pytest.mark.parametrize(("platform", "name"), [("linux", "scripts/demo"), ("win32", "start_bridge.bat")])
def test_where_nothing_is_installed_the_installing_command_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, platform: str, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert launch.remedy(root) == f'type "{root / name}", which installs everything'


def test_inside_the_environment_that_lacks_something_it_is_installed_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_venv(root)
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))
    assert launch.remedy(root).endswith("which installs everything")


def test_an_installed_bridge_names_no_script_that_is_not_there(tmp_path: Path) -> None:
    assert launch.remedy(tmp_path) == "install hybrid-mt5-bridge again, with its extra demo"


@pytest.mark.parametrize("websocket_only", [True, False])
def test_starting_hands_over_to_the_command_line(
    monkeypatch: pytest.MonkeyPatch, websocket_only: bool
) -> None:
    seen: list[bool] = []

    def main(argv: list[str] | None = None, *, websocket_only: bool = False) -> int:
        seen.append(websocket_only)
        return 7

    monkeypatch.setattr(cli, "main", main)
    assert (launch.start(websocket_only=websocket_only), seen) == (7, [websocket_only])
