"""Options that several commands have."""

import argparse
import errno
import time
from pathlib import Path

import pytest

from hybrid_bridge.commands.options import (
    add_account,
    add_env_file,
    choose_journal,
    instant,
    print_lines,
    state_dir_of,
)
from hybrid_bridge.errors import BridgeError, ConfigurationError


@pytest.mark.parametrize(
    ("typed", "ago_s"), [("30s", 30), ("1.5m", 90), ("2h", 7_200), ("3d", 259_200), (" 1w ", 604_800)]
)
def test_a_time_may_be_how_long_ago_it_was(typed, ago_s):
    assert abs(time.time() - ago_s - instant(typed) / 1000) < 5


@pytest.mark.parametrize(
    "typed", ["2026-01-01", "2026-01-01T00:00", "2026-01-01T00:00:00.000Z", "2026-01-01T02:00+02:00"]
)
def test_a_time_is_utc_where_it_names_no_offset(typed):
    assert 1_767_225_600_000 == instant(typed)


@pytest.mark.parametrize("typed", ["", "yesterday", "2h30m", "-1h", "5"])
def test_what_is_no_time_is_refused_with_what_would_be(typed):
    with pytest.raises(argparse.ArgumentTypeError, match="2026-11-22T13:00"):
        instant(typed)


def test_the_settings_file_that_is_named_tells_the_state_dir(folder):
    (folder / "two.env").write_text("STATE_DIR=two\nMAX_RISK_PERCENT=a lot\n")
    parser = argparse.ArgumentParser()
    add_env_file(parser)
    assert Path("two") == state_dir_of(parser.parse_args(["--env-file", "two.env"]))
    assert Path("state") == state_dir_of(parser.parse_args([]))


def test_the_only_journal_is_meant_and_of_several_the_one_that_is_named(folder):
    parser = argparse.ArgumentParser()
    add_account(parser)
    with pytest.raises(BridgeError, match="no journal in STATE_DIR"):
        choose_journal(Path(), None)
    one, two = Path("journal-1.sqlite"), Path("journal-2.sqlite")
    one.touch()
    assert one == choose_journal(Path(), parser.parse_args([]).account)
    two.touch()
    with pytest.raises(ConfigurationError, match=r"several journals in .*; say which: 1, 2"):
        choose_journal(Path(), None)
    assert two == choose_journal(Path(), parser.parse_args(["--account", "2"]).account)
    with pytest.raises(ConfigurationError, match=r"no journal of 3 in .*; there is 1, 2"):
        choose_journal(Path(), "3")


def test_lines_are_printed_as_they_are(capsys):
    print_lines(["a\n", "b\n"])
    assert "a\nb\n" == capsys.readouterr().out


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL])
def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch, tmp_path, number):
    """Windows says of a closed pipe that the argument is invalid."""

    def closing():
        yield "a line\n"
        raise OSError(number, "closed")

    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        print_lines(closing())


def test_a_disk_that_is_full_is_an_error(monkeypatch, tmp_path):
    def filling():
        yield "a line\n"
        raise OSError(errno.ENOSPC, "full")

    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        with pytest.raises(OSError, match="full"):
            print_lines(filling())
