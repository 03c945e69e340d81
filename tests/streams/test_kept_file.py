"""A small file that is lost or damaged is as good as none."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.streams.support import stream_settings

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.kept_file import KeptFile


@pytest.fixture
def settings(tmp_path: Path) -> StreamSettings:
    return replace(stream_settings("any:9092"), account="7001", state_dir=tmp_path)


def test_what_is_kept_last_is_read_by_the_next_and_nothing_else_is_left(settings: StreamSettings) -> None:
    for number in (1, 2):
        KeptFile(settings, "any").write({"number": number, "name": "\u00fc"})
    assert {"number": 2, "name": "\u00fc"} == KeptFile(settings, "any").read()
    assert settings.state_dir is not None
    assert ["any-7001.json"] == [path.name for path in settings.state_dir.iterdir()]


def test_another_account_or_another_name_has_its_own(settings: StreamSettings) -> None:
    KeptFile(settings, "any").write({"number": 1})
    assert {} == KeptFile(settings, "other").read() == KeptFile(replace(settings, account="7"), "any").read()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 40, b"{", b"[1]", b"7", b"\xff\xfe", b"null", b"[" * 100_000]
)
def test_what_cannot_be_read_is_as_good_as_none(settings: StreamSettings, content: bytes) -> None:
    assert settings.state_dir is not None
    (settings.state_dir / "any-7001.json").write_bytes(content)
    file = KeptFile(settings, "any")
    assert {} == file.read()
    file.write({"number": 1})
    assert {"number": 1} == file.read()


def test_without_a_folder_nothing_is_kept() -> None:
    file = KeptFile(stream_settings("any:9092"), "any")
    file.write({"number": 1})
    assert {} == file.read()


def test_a_folder_that_is_not_there_is_told_once_and_stops_nothing(settings: StreamSettings) -> None:
    assert settings.state_dir is not None
    file = KeptFile(replace(settings, state_dir=settings.state_dir / "absent"), "any")
    with capture_logs() as logs:
        file.write({"number": 1})
        file.write({"number": 2})
    assert {} == file.read()
    assert ["warning"] == [entry["log_level"] for entry in logs]
    assert "No such file" in logs[0]["cause"]
