"""Everything that people type in the project's folder, as real processes."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from hybrid_bridge.settings import Settings

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "hybrid_bridge"
WHERE = "import hybrid_bridge.errors as e; print(e.__file__)"


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this Python without help from the test run's own path, settings and site folders."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and name.lower() not in Settings.model_fields
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def output_of(*arguments: str, cwd: Path = ROOT, **environment: str) -> str:
    result = run(*arguments, cwd=cwd, **environment)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def test_the_health_one_liners_print_readable_dicts() -> None:
    resources = output_of(
        "-c", "from run_bridge import HealthChecker; print(HealthChecker.check_system_resources())"
    )
    assert resources.startswith("{'ok': ")
    processes = output_of(
        "-c", "from run_bridge import HealthChecker; print(HealthChecker.check_mt5_process())"
    )
    assert "'detail': '" in processes


def test_the_path_one_liner_says_what_is_wrong_with_the_path() -> None:
    printed = output_of(
        "-c",
        "from config import validate_mt5_path; "
        "print(validate_mt5_path('C:/Program Files/No MetaTrader 5/terminal64.exe'))",
    )
    assert printed.startswith("Not usable: no file at C:/Program Files/No MetaTrader 5/terminal64.exe; ")


def test_config_offers_the_settings(tmp_path: Path) -> None:
    env = tmp_path / "my.env"
    env.write_text("MT5_LOGIN=4711", encoding="utf-8")
    program = "import sys, pathlib, config; print(config.load_settings(pathlib.Path(sys.argv[1])).mt5_login)"
    assert output_of("-c", program, str(env)) == "4711\n"
    assert output_of("-c", "from config import Settings; print(Settings().mt5_magic)") == "234000\n"


@pytest.mark.parametrize(
    "program",
    [
        WHERE,
        f"import hybrid_bridge; {WHERE}",
        f"from hybrid_bridge import errors; {WHERE}",
        f"import importlib; importlib.import_module('hybrid_bridge.errors'); {WHERE}",
        f"import config; {WHERE}",
        f"import run_bridge; {WHERE}",
        f"import hybrid_bridge as b; assert b.__version__ and b.__path__; {WHERE}",
    ],
)
def test_from_the_root_the_name_means_the_package(program: str) -> None:
    assert output_of("-c", program) == f"{PACKAGE / 'errors.py'}\n"


def test_without_the_package_being_installed_the_name_still_means_the_package() -> None:
    # -S leaves out site-packages, so neither an installed package nor its .pth file can help.
    assert output_of("-S", "-c", WHERE) == f"{PACKAGE / 'errors.py'}\n"


def test_the_package_is_found_when_the_root_comes_first_on_the_path(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(PACKAGE.parent)])
    assert output_of("-c", WHERE, cwd=tmp_path, PYTHONPATH=path) == f"{PACKAGE / 'errors.py'}\n"


@pytest.mark.parametrize(
    ("launcher", "program"), [("hybrid_bridge.py", "hybrid-bridge"), ("run_bridge.py", "run_bridge.py")]
)
@pytest.mark.parametrize("from_root", [True, False])
def test_the_launchers_reach_the_command_line_from_any_folder(
    tmp_path: Path, launcher: str, program: str, from_root: bool
) -> None:
    path = launcher if from_root else str(ROOT / launcher)
    assert f"usage: {program} " in output_of(path, "--help", cwd=ROOT if from_root else tmp_path)


@pytest.mark.parametrize("launcher", ["hybrid_bridge.py", "run_bridge.py"])
def test_wrong_settings_end_in_exit_code_2_and_a_list(tmp_path: Path, launcher: str) -> None:
    env = tmp_path / "wrong.env"
    env.write_text("MAX_RISK_PERCENT=all\nTICK_RATE_HZ=-1\nMT5_LOGIN=1\n", encoding="utf-8")
    result = run(str(ROOT / launcher), "--env-file", str(env), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
        "TICK_RATE_HZ",
        "MAX_RISK_PERCENT",
    ]


def test_python_m_works_from_the_root_and_from_elsewhere(tmp_path: Path) -> None:
    assert "usage: hybrid-bridge" in output_of("-m", "hybrid_bridge", "--help")
    elsewhere = output_of("-m", "hybrid_bridge", "--help", cwd=tmp_path, PYTHONPATH=str(PACKAGE.parent))
    assert "usage: hybrid-bridge" in elsewhere


def test_python_m_pytest_from_the_root_tests_the_package(tmp_path: Path) -> None:
    probe = tmp_path / "test_probe.py"
    probe.write_text(
        "import hybrid_bridge.errors\n"
        f"def test_it(): assert hybrid_bridge.errors.__file__ == {str(PACKAGE / 'errors.py')!r}\n",
        encoding="utf-8",
    )
    config = str(ROOT / "pyproject.toml")
    options = ["-q", "-p", "no:cacheprovider", "-c", config, f"--rootdir={ROOT}"]
    assert "1 passed" in output_of("-m", "pytest", *options, str(probe))


def test_the_installed_console_script_reaches_the_command_line(tmp_path: Path) -> None:
    script = next(Path(sysconfig.get_path("scripts")).glob("hybrid-bridge*"), None)
    if script is None:
        pytest.skip("the project is not installed in this Python; scripts/test installs it")
    result = subprocess.run(
        [script, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "usage: hybrid-bridge" in result.stdout


@pytest.mark.parametrize("launcher", ["hybrid_bridge.py", "run_bridge.py"])
def test_without_libraries_a_launcher_says_in_one_sentence_what_to_type(launcher: str) -> None:
    result = run("-S", launcher)
    assert (result.returncode, result.stdout) == (1, "")
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("Cannot start with ")
    assert "is not installed there; type " in sentence


@pytest.mark.parametrize("module", ["run_bridge", "config"])
def test_without_libraries_a_one_liner_says_in_one_sentence_what_to_type(module: str) -> None:
    result = run("-S", "-c", f"import {module}")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert "is not installed there; type " in sentence
