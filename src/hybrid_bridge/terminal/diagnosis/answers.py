"""The worker's answers to the check's questions.

Runs inside the worker only. Changes nothing but which symbols the Market Watch shows, as the bridge does when
it starts; never calls order_send.
"""

import sys
from typing import Any

import msgspec

from hybrid_bridge.terminal.diagnosis.operations import (
    AccountState,
    PackageReply,
    RehearseReply,
    StateReply,
    SymbolsArgs,
    SymbolsReply,
    SymbolState,
    TerminalState,
)
from hybrid_bridge.terminal.operations import Nothing, SubmitArgs
from hybrid_bridge.terminal.package import PackageError, row
from hybrid_bridge.terminal.rows import QuoteRow, SymbolRow
from hybrid_bridge.terminal.session import Session, near_matches


def tell_package(session: Session, _args: Nothing) -> PackageReply:
    """Import the module and say which it is."""
    version = getattr(session.package.module, "__version__", "")
    numpy = getattr(sys.modules.get("numpy"), "__version__", "")
    return PackageReply(str(version), str(numpy))


def tell_state(session: Session, _args: Nothing) -> StateReply:
    """Say what terminal and account permit now."""
    terminal = session.package.call("terminal_info")
    account = session.package.call("account_info")
    return StateReply(row(TerminalState, terminal), row(AccountState, account))


def tell_symbols(session: Session, args: SymbolsArgs) -> SymbolsReply:
    """Put the symbols into the Market Watch, as the bridge does, and say what became of each."""
    states = [_look_at(session, name) for name in args.symbols]
    session.symbols = [state.name for state in states if state.spec is not None and not state.refusal]
    return SymbolsReply(states)


def rehearse(session: Session, args: SubmitArgs) -> RehearseReply:
    """Have the terminal check a request, which is not sent."""
    request = msgspec.structs.asdict(args)
    del request["latest_utc_msc"]  # No part of it.
    result = session.package.call("order_check", request)
    return row(RehearseReply, result)


def _look_at(session: Session, name: str) -> SymbolState:
    package = session.package
    info = package.ask("symbol_info", name)
    if info is None:
        known = [symbol.name for symbol in package.ask("symbols_get") or ()]
        return SymbolState(name, None, near_matches(name, known), False, "", None)
    shown, refusal = bool(info.select and info.visible), ""
    if not shown:
        refusal = _select(session, name)
    quote = package.ask("symbol_info_tick", name)
    return SymbolState(
        name,
        row(SymbolRow, info),
        near=[],
        added=not shown and not refusal,
        refusal=refusal,
        quote=row(QuoteRow, quote) if _has_prices(quote) else None,
    )


def _select(session: Session, name: str) -> str:
    """Put a symbol into the Market Watch; return why it could not be, empty when it could."""
    try:
        session.package.call("symbol_select", name, True)
    except PackageError as error:
        if session.link_lost:
            raise
        return str(error)
    return ""


def _has_prices(quote: Any) -> bool:
    return quote is not None and quote.time_msc > 0
