"""Options that several commands have."""

import argparse
from pathlib import Path

from hybrid_bridge.commands.options import add_env_file, state_dir_of


def test_the_settings_file_that_is_named_tells_the_state_dir(folder):
    (folder / "two.env").write_text("STATE_DIR=two\nMAX_RISK_PERCENT=a lot\n")
    parser = argparse.ArgumentParser()
    add_env_file(parser)
    assert Path("two") == state_dir_of(parser.parse_args(["--env-file", "two.env"]))
    assert Path("state") == state_dir_of(parser.parse_args([]))
