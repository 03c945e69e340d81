"""`hybrid-bridge terminals`: is the terminal that the bridge is to use installed, and does it run.

A quick look before a start: it starts nothing, asks no terminal anything and needs no account. Whether a
terminal can be traded with, `hybrid-bridge check` finds out.
"""

import argparse
import os
from collections.abc import Sequence

from hybrid_bridge.commands.options import add_env_file, print_lines
from hybrid_bridge.health import HealthChecker, Terminals
from hybrid_bridge.settings import Settings, look_up_settings, validate_mt5_path
from hybrid_bridge.settings.terminals import find_terminals

NAMES = ("mt5_backend", "simulation_mode", "mt5_path")
START_IT = (
    "start it and see that it is logged in (File > Login to Trade Account). The bridge can start it by "
    "itself, but not answer what a terminal asks on its first start"
)


def terminals(arguments: Sequence[str]) -> int:
    """Look for the terminal and return the exit code: 1 when something is to be done first."""
    parser = argparse.ArgumentParser(
        "hybrid-bridge terminals", description="Looks whether the terminal is installed and runs."
    )
    add_env_file(parser)
    options = parser.parse_args(arguments)
    settings = look_up_settings(NAMES, options.env_file)
    good, text = judge(settings, find_terminals(), HealthChecker.check_mt5_process())
    print_lines([f"{text}\n"])
    return 0 if good else 1


def judge(settings: Settings, installed: Sequence[str], running: Terminals) -> tuple[bool, str]:
    """Say whether the terminal is ready for a start, and if not, what to do.

    Args:
        installed: the programs of every terminal that was found.
    """
    if settings.simulated:
        return True, "The simulated terminal is used; MetaTrader 5 is not needed"
    if settings.mt5_path:
        check = validate_mt5_path(settings.mt5_path)
        if not check:
            return False, f"MT5_PATH: {check.detail}{_instead(installed)}"
        if not _runs(check.path, running):
            return False, f"{check.path} does not run: {START_IT}"
        return True, f"{check.path} runs"
    if len(installed) > 1:
        return False, f"MT5_PATH is not set, but there are several terminals{_instead(installed)}"
    if running["ok"]:
        return True, str(running["detail"])
    if not installed:
        return False, (
            "No MetaTrader 5 was found on this PC: install it from your broker's page and log in to your "
            "account there. If it is installed, set MT5_PATH to its terminal64.exe"
        )
    return False, f"{installed[0]} does not run: {START_IT}"


def _instead(installed: Sequence[str]) -> str:
    """Offer what is installed, one a line."""
    if not installed:
        return ""
    return "; set it to the one that you trade with:" + "".join(f"\n  MT5_PATH={path}" for path in installed)


def _runs(path: str, running: Terminals) -> bool:
    """Tell whether this one runs; one whose path the system does not tell may be it."""
    wanted = os.path.normcase(os.path.normpath(path))
    return any(
        not found["path"] or os.path.normcase(os.path.normpath(found["path"])) == wanted
        for found in running["terminals"]
    )
