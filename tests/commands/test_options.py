"""Options that several commands have."""

import argparse
from pathlib import Path

import pytest

from hybrid_bridge.commands.options import (
    add_account,
    add_env_file,
    choose_journal,
    print_lines,
    state_dir_of,
)
from hybrid_bridge.errors import BridgeError, ConfigurationError


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
