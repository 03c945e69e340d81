"""Where a terminal listens, without opening its pipe; with real pipes in test_genuine.py."""

import sys
from pathlib import Path

import pytest

from hybrid_bridge.terminal.diagnosis.pipe import listens, pipe_of


def test_the_pipe_of_the_usual_program_is_the_one_that_the_package_opens():
    """Measured with the genuine package."""
    path = "\\\\?\\c:\\program files\\metatrader 5\\terminal64.exe"
    hashed = "781AEDD6B227148DB36F632AFAB710BBA441CCEA07ED9EF5BC7B94FAED25BD12"
    assert f"\\\\.\\pipe\\MT5.Terminal.{hashed}" == pipe_of(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has pipes")
def test_elsewhere_nothing_listens(tmp_path: Path):
    assert not listens(tmp_path / "terminal64.exe")
