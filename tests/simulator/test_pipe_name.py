"""The pipe's name, and the file that it is made of."""

from pathlib import Path

import pytest

from hybrid_bridge.simulator.pipe_name import PipeError, pipe_name, require_program


def test_the_name_is_the_one_that_the_package_looks_for() -> None:
    # Measured with the genuine package: the usual installation.
    assert (
        "\\\\.\\pipe\\MT5.Terminal.781AEDD6B227148DB36F632AFAB710BBA441CCEA07ED9EF5BC7B94FAED25BD12"
        == pipe_name("\\\\?\\c:\\program files\\metatrader 5\\terminal64.exe")
    )


def test_a_path_with_half_a_surrogate_pair_has_a_name_too() -> None:
    assert pipe_name("\\\\?\\c:\\\ud800.exe") != pipe_name("\\\\?\\c:\\\ud801.exe")


def test_an_empty_file_is_program_enough(tmp_path: Path) -> None:
    program = tmp_path / "terminal64.exe"
    program.touch()
    require_program(program)


def test_a_missing_program_is_explained_with_the_way_to_make_it(tmp_path: Path) -> None:
    program = tmp_path / "terminal64.exe"
    with pytest.raises(PipeError) as caught:
        require_program(program)
    assert f'{program} does not exist; an empty file will do: type nul > "{program}"' == str(caught.value)


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(PipeError, match=r"there is no folder .*nowhere; make it, with an empty terminal64"):
        require_program(tmp_path / "nowhere" / "terminal64.exe")


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(PipeError) as caught:
        require_program(tmp_path)
    assert f"{tmp_path} is a folder; name the program in it, as in {tmp_path / 'terminal64.exe'}" == str(
        caught.value
    )
