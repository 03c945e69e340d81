"""`hybrid-bridge limits`: what is set, what is in force, what of it is used up; and how it is made stricter.

Looking only reads, while a bridge runs as well as without one. A change is left in STATE_DIR for the bridge,
which judges it; what came of it is read in the journal afterwards.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_bridge.commands.leaving import as_sent, leave, not_taken, why
from hybrid_bridge.commands.options import add_account, add_env_file, choose_journal, print_lines
from hybrid_bridge.configured import (
    TRADING_SETTINGS,
    SettingValue,
    limits_of,
    trading_values,
)
from hybrid_bridge.core.inputs import TighteningRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.losses import is_paused, paused_until_msc
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.core.tightening import (
    RULES,
    Refused,
    find_impossible,
    in_force,
    shown_name,
    shown_setting,
    shown_value,
    tighten,
)
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.guard_figures import tightened_shown
from hybrid_bridge.journal.folding import fold_journal
from hybrid_bridge.journal.reading import find_journals
from hybrid_bridge.journal.words import aligned, day, iso, plain
from hybrid_bridge.settings import Settings, look_up_settings

NAMES = ("state_dir", "mt5_login", "mt5_backend", "simulation_mode", "symbols", *TRADING_SETTINGS)
DESCRIPTION = """Shows the limits: as the settings have them, as they are in force, and what of them is used
up. Looking only reads: a bridge that runs is not disturbed."""
NOTES = """--tighten makes limits stricter at once, all that are named or none, and outlasts restarts. Nothing
makes them looser while the bridge runs but --restore, which takes every tightening back: then they are those
of the settings again. The settings are read now; a bridge that runs has those of its start."""
NOT_SET = {"cooldown_minutes": "rest of the day"}


@dataclass(frozen=True, slots=True)
class View:
    """What there is to be seen.

    Attributes:
        journal: None before the first start.
        limits: those in force, by the settings as they are now.
    """

    settings: Settings
    journal: Path | None
    state: EngineState
    limits: Limits


def limits(arguments: Sequence[str]) -> int:
    """Show or change the limits and return the exit code: 1 when a change is not in force."""
    options = _parse(arguments)
    settings = look_up_settings(NAMES, options.env_file)
    if options.tighten:
        return _tighten(options, settings)
    if options.restore:
        return _restore(options, settings)
    view = _look(options, settings)
    if options.json:
        print_lines([json.dumps(_record(view), indent=2) + "\n"])
    else:
        print_lines(f"{line}\n" for line in _lines(view))
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge limits",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    add_account(parser)
    parser.add_argument("--json", action="store_true", help="for a program to read")
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--tighten",
        nargs="+",
        action="extend",
        type=_limit,
        metavar="NAME=VALUE",
        help="make limits stricter, like MAX_RISK_PERCENT=1 or TRADING_ENABLED=false",
    )
    change.add_argument("--restore", action="store_true", help="take every tightening back")
    parser.add_argument("--reason", type=why, help="kept in the journal and the log; --restore needs one")
    options = parser.parse_args(arguments)
    if options.restore and options.reason is None:
        parser.error("--restore needs --reason: why it is safe again")
    if options.reason is not None and not (options.tighten or options.restore):
        parser.error("--reason goes with --tighten or --restore")
    return options


def _limit(text: str) -> tuple[str, bool | float]:
    """Read NAME=VALUE.

    Raises:
        argparse.ArgumentTypeError: when no limit can have that value.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    name, words = name.lower(), {"true": True, "false": False}
    value: bool | float | None = words.get(written.lower())
    try:
        value = float(written) if value is None else value
    except ValueError:
        value = None
    if not equals or value is None:
        like = "NAME=VALUE like MAX_RISK_PERCENT=0.5 or TRADING_ENABLED=false"
        raise argparse.ArgumentTypeError(f"must be {like}, got {text!r}")
    impossible = find_impossible(name, value)
    if impossible:
        known = "" if name in RULES else f"; those that can: {', '.join(known.upper() for known in RULES)}"
        raise argparse.ArgumentTypeError(f"{shown_name(name)}: {impossible}{known}")
    return name, value


def _look(options: argparse.Namespace, settings: Settings) -> View:
    """Read what the journal has to say.

    Raises:
        BridgeError: when it cannot be read, or it is not clear which is meant.
    """
    state_dir = Path(settings.state_dir)
    journals, account = find_journals(state_dir), options.account
    if account is None and settings.account in journals:
        account = settings.account
    path = choose_journal(state_dir, account) if journals or account is not None else None
    state = EngineState() if path is None else fold_journal(path)
    return View(settings, path, state, in_force(limits_of(settings), state.tightened))


def _tighten(options: argparse.Namespace, settings: Settings) -> int:
    if len({name for name, _ in options.tighten}) < len(options.tighten):
        raise ConfigurationError("--tighten: a limit is named twice; name it once")
    wanted = dict[str, bool | float](options.tighten)
    reason = as_sent(options.reason or "hybrid-bridge limits --tighten")
    named = {name.upper(): value for name, value in wanted.items()}
    taken = leave(Path(settings.state_dir), "tighten_limits", {"limits": named, "reason": reason})
    after = _look(options, settings)
    if taken and all(_holds(after, name, value) for name, value in wanted.items()):
        now = ", ".join(f"{name.upper()}={shown_value(value)}" for name, value in wanted.items())
        print_lines([f"tighten_limits: in force now: {now}\n"])
        return 0
    request = TighteningRequested(tuple(wanted.items()), reason, Source(Channel.LOCAL), 0)
    verdict = tighten(after.limits, request, 0)
    refused = "; ".join(verdict.reasons) if isinstance(verdict, Refused) else ""
    if taken:
        _say(f"tighten_limits: refused, nothing was changed: {refused or 'the log of the bridge says why'}")
        return 1
    _say(not_taken(Path(settings.state_dir), "tighten_limits"))
    if refused:
        _say(f"but as the settings are now, it will be refused: {refused}")
    return 1


def _holds(view: View, name: str, value: float) -> bool:
    """Tell whether a limit was tightened to what was asked; what the settings have already is no event."""
    rule, tightened = RULES[name], view.state.tightened
    wanted = rule.to_limit(value)
    if wanted == getattr(limits_of(view.settings), rule.field):
        return True
    return name in tightened and wanted == rule.to_limit(tightened[name])


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    if not leave(Path(settings.state_dir), "restore_limits", {"reason": as_sent(options.reason)}):
        _say(not_taken(Path(settings.state_dir), "restore_limits"))
        return 1
    if not _look(options, settings).state.tightened:
        print_lines(["restore_limits: in force are the limits of the settings\n"])
        return 0
    _say("restore_limits: refused; limits were tightened after it was typed. Look at them and type it again")
    return 1


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the person at the console reads it


def _lines(view: View) -> list[str]:
    set_to = trading_values(view.settings, limits_of(view.settings))
    now = trading_values(view.settings, view.limits)
    rows = [
        [name.upper(), _shown(name, set_to[name]), _shown(name, now[name]), _story(view, name)]
        for name in TRADING_SETTINGS
    ]
    where = "no journal yet: no bridge was started" if view.journal is None else f"{view.journal}, times UTC"
    used = [[name, text] for name, text in _used(view).items()]
    return [
        *aligned([["LIMIT", "SETTING", "IN FORCE", "TIGHTENED"], *rows]),
        "",
        f"So far ({where}):",
        *aligned(used),
    ]


def _shown(name: str, value: SettingValue) -> str:
    return shown_value(value) if value is not None else NOT_SET.get(name, "off")


def _story(view: View, name: str) -> str:
    """Say who tightened a limit; also where the setting is stricter by now."""
    event = view.state.tightenings.get(name)
    if event is None:
        return ""
    value = shown_setting(name, view.state.tightened[name])
    return f"to {value} at {iso(event.at_msc)} by {event.source.channel.value}: {plain(event.reason)}"


def _used(view: View) -> dict[str, str]:
    state, limits_now = view.state, view.limits
    trading = state.trading.value
    if state.halt_reason and trading != "active":
        trading += f" since {iso(state.latched_msc)}: {plain(state.halt_reason)}"
    streak_max = limits_now.max_consecutive_losses
    streak = str(state.loss_streak) + (f" of {streak_max}" if streak_max is not None else "")
    if _is_paused(view):
        until_msc = paused_until_msc(state, limits_now)
        streak += "; entries pause until " + (
            "the broker's next day" if until_msc is None else iso(until_msc)
        )
    on = f" on the broker's day {day(state.server_day)}" if state.server_day is not None else ""
    return {
        "trading": trading,
        "limit broken": state.breach or "none",
        "entries": f"{state.daily_entries} of {limits_now.max_daily_trades}{on}",
        "losses in a row": streak,
        "equity at the day's opening": _money(state.day_equity),
        "highest equity": _money(state.equity_peak),
        "orders in doubt": str(len(state.doubtful)),
    }


def _is_paused(view: View) -> bool:
    now_msc = time.time_ns() // 1_000_000
    return is_paused(view.state, view.limits, now_msc, view.state.server_day)


def _money(amount: float | None) -> str:
    return "not known yet" if amount is None else f"{amount:.2f}"


def _record(view: View) -> dict[str, object]:
    """Return the same for a program."""
    state = view.state
    set_to = trading_values(view.settings, limits_of(view.settings))
    now = trading_values(view.settings, view.limits)
    paused = _is_paused(view)
    until_msc = paused_until_msc(state, view.limits) if paused else None
    return {
        "journal": None if view.journal is None else str(view.journal),
        "settings": {name.upper(): value for name, value in set_to.items()},
        "limits": {name.upper(): value for name, value in now.items()},
        "tightened": tightened_shown(view.settings, limits_of(view.settings), state),
        "used": {
            "trading_state": state.trading.value,
            "reason": state.halt_reason if state.trading.value != "active" else "",
            "emergency_stop": state.emergency,
            "breach": state.breach,
            "server_day": None if state.server_day is None else day(state.server_day),
            "daily_entries": state.daily_entries,
            "day_equity": state.day_equity,
            "equity_peak": state.equity_peak,
            "streak": state.loss_streak,
            "paused": paused,
            "paused_until": None if until_msc is None else iso(until_msc),
            "in_doubt": len(state.doubtful),
        },
    }
