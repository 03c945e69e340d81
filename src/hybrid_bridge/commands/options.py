"""What the commands' options share."""

import argparse
from pathlib import Path


def add_env_file(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which settings to read."""
    parser.add_argument(
        "--env-file", type=Path, metavar="PATH", help="settings file (default: .env, if there)"
    )


def state_dir_of(options: argparse.Namespace) -> Path:
    """Return STATE_DIR, whatever else is wrong with the settings.

    Raises:
        ConfigurationError: when it cannot be told.
    """
    from hybrid_bridge.settings import find_state_dir

    return find_state_dir(options.env_file)
