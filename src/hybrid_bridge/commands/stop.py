"""`hybrid-bridge stop` and `hybrid-bridge resume`: left in STATE_DIR, where the bridge finds them.

They need no channel, no running bridge and no settings but STATE_DIR. Whether a resume was obeyed is read in
the journal afterwards.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge.commands.leaving import as_sent, leave, not_taken, why
from hybrid_bridge.commands.options import add_env_file, state_dir_of
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.journal.folding import fold_journal
from hybrid_bridge.journal.reading import find_journals
from hybrid_bridge.journal.words import plain
from hybrid_bridge.settings import look_up_settings

ACCOUNT_SETTINGS = ("mt5_login", "mt5_backend", "simulation_mode")
CLOSE_QUESTION = """Trading is halted; positions are left with their stops.
To close every position of the account too, those opened by hand as well, type CLOSE. Enter leaves them: """
NOT_HALTED = """NOTHING IS HALTED YET. If a bridge runs all the same, in another folder or held up: switch off
Algo Trading in the terminal, then close the bridge's window."""
CLOSE_LATER_QUESTION = """To have every position of the account closed too when a bridge starts here,
those opened by hand as well, type CLOSE. Enter leaves them: """
REASON_QUESTION = "Why is it safe to trade again? (kept in the journal; Enter alone changes nothing): "


def stop(arguments: Sequence[str]) -> int:
    """Halt trading and return the exit code: 1 when no bridge took it yet."""
    parser = argparse.ArgumentParser(
        "hybrid-bridge stop", description="Halt trading at once; it stays halted."
    )
    add_env_file(parser)
    parser.add_argument("--reason", default="hybrid-bridge stop", help="kept in the journal and the log")
    parser.add_argument(
        "--close-positions",
        action="store_true",
        help="close every position of the account too, those opened by hand as well",
    )
    parser.add_argument("--ask", action="store_true", help="halt at once, then ask whether to close them")
    options = parser.parse_args(arguments)
    state_dir = state_dir_of(options)
    code = _halt(state_dir, options.reason, close_positions=options.close_positions)
    question = CLOSE_LATER_QUESTION if code else CLOSE_QUESTION
    if options.ask and not options.close_positions and _answer(question).lower() == "close":
        code = _halt(state_dir, options.reason, close_positions=True)
    return code


def _halt(state_dir: Path, reason: str, *, close_positions: bool) -> int:
    body: dict[str, object] = {"reason": as_sent(reason), "cancel_orders": True}
    if close_positions:
        body["close_positions"] = True
    if not leave(state_dir, "emergency_stop", body):
        return _fail(f"{not_taken(state_dir, 'emergency_stop')}\n{NOT_HALTED}")
    print("emergency_stop: the bridge has taken it; its log says 'EMERGENCY STOP'", flush=True)  # noqa: T201
    return 0


def resume(arguments: Sequence[str]) -> int:
    """Lift a halt and return the exit code: 1 when trading is not resumed."""
    parser = argparse.ArgumentParser("hybrid-bridge resume", description="Lift a halt.")
    add_env_file(parser)
    told = parser.add_mutually_exclusive_group(required=True)
    told.add_argument("--reason", type=why, help="why it is safe again; kept in the journal")
    told.add_argument("--ask", action="store_true", help="ask for the reason")
    options = parser.parse_args(arguments)
    state_dir = state_dir_of(options)
    if options.ask:
        options.reason = _answer(REASON_QUESTION)
        if not options.reason:
            return _fail("resume_trading: no reason was given, so nothing was changed")
    if not leave(state_dir, "resume_trading", {"reason": as_sent(options.reason)}):
        return _fail(not_taken(state_dir, "resume_trading"))
    state = _look(options, state_dir)
    if state is None:
        return _fail("resume_trading: the bridge has taken it; its log says whether trading is resumed")
    if state.trading is not TradingState.ACTIVE:
        why_not = f"trading is still {state.trading.value}: {plain(state.halt_reason)}"
        return _fail(f"resume_trading: refused, {why_not}; the log says what to do")
    print("resume_trading: trading is resumed")  # noqa: T201
    return 0


def _answer(question: str) -> str:
    """Ask the person at the console; "" when nothing is typed, or nobody can."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _look(options: argparse.Namespace, state_dir: Path) -> EngineState | None:
    """Return what the bridge's journal says now; None where it is not clear which journal that is."""
    journals = find_journals(state_dir)
    if len(journals) == 1:
        return fold_journal(next(iter(journals.values())))
    try:
        account = look_up_settings(ACCOUNT_SETTINGS, options.env_file).account
    except ConfigurationError:
        return None
    return fold_journal(journals[account]) if account in journals else None


def _fail(told: str) -> int:
    print(told, file=sys.stderr)  # noqa: T201
    return 1
