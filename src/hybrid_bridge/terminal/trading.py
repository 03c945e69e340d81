"""The worker's operations about orders: appraise before, submit once, look afterwards.

Runs inside the worker only. Judges nothing: what a reply proves is decided by `retcodes` in the daemon.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from hybrid_bridge.terminal.operations import (
    AppraiseArgs,
    AppraiseReply,
    DealsArgs,
    DealsReply,
    LookArgs,
    LookReply,
    SubmitArgs,
    SubmitReply,
)
from hybrid_bridge.terminal.package import SUCCESS, PackageError, row
from hybrid_bridge.terminal.rows import DealRow, OrderRow, PositionRow, QuoteRow, SendRow, SymbolRow
from hybrid_bridge.terminal.session import Session
from hybrid_bridge.terminal.valuing import ORDER_TYPE_BUY, valued

ACTION_DEAL, ACTION_PENDING = 1, 5


def appraise(session: Session, args: AppraiseArgs) -> AppraiseReply:
    """Collect everything that the risk check needs to know about a wanted order."""
    package = session.package
    session.commission.refresh(package, session.log)
    spec = session.spec(args.symbol)
    quote = None if spec is None else package.ask("symbol_info_tick", args.symbol)
    newest = {args.symbol: quote.time_msc} if quote and quote.time_msc else {}
    report = session.look_at_account(newest)
    bids = {} if quote is None else {args.symbol: quote.bid}
    present = 0.0 if quote is None else quote.ask if args.type == ORDER_TYPE_BUY else quote.bid
    entry = args.entry_price or present
    profit = margin = None
    if spec is not None and entry > 0:
        reference = (args.type, args.symbol, spec.volume_max, entry)
        margin = package.ask("order_calc_margin", *reference)
        if args.stop_loss > 0:
            profit = package.ask("order_calc_profit", *reference, args.stop_loss)
    return AppraiseReply(
        spec=None if spec is None else row(SymbolRow, spec),
        quote=None if quote is None else row(QuoteRow, quote),
        profit_at_stop=profit,
        margin=margin,
        commission_per_lot=session.commission.per_lot(args.symbol),
        report=valued(session, report, bids, args.symbol) if args.valued else report,
    )


def submit(session: Session, args: SubmitArgs) -> SubmitReply:
    """See who is logged in, have an entry checked by the terminal, then send the request once.

    On another account a magic, a ticket or a sum of money means something else, or nothing: a close would
    find its position "closed already". Only what can fail for lack of money is checked: order_check is
    documented for that, and a close, a change or a cancellation must never be held back by it.

    The PC may have slept while the request lay in the pipe, or while it was checked: what is too late now is
    not sent.
    """
    package = session.package
    try:
        stranger = session.find_stranger()
    except PackageError as error:
        return SubmitReply(False, 0, "", None, error.code, error.text)
    if stranger:
        return SubmitReply(False, 0, "", None, SUCCESS, "", stranger)
    request = msgspec.structs.asdict(args)
    latest_msc = request.pop("latest_utc_msc")
    entry = args.action == ACTION_PENDING or (args.action == ACTION_DEAL and not args.position)
    if entry:
        check = package.raw("order_check")(request)
        code, text = package.last_error()
        if check is None:
            return SubmitReply(False, 0, "", None, code, text)
        if check.retcode != 0:
            return SubmitReply(False, check.retcode, check.comment, None, SUCCESS, "")
    late_ms = time.time_ns() // 1_000_000 - latest_msc
    if latest_msc and late_ms > 0:
        return SubmitReply(False, 0, "", None, SUCCESS, "", late_ms=late_ms)
    # One positional dict and no keywords at all: even an empty keyword dict makes the package refuse.
    result = package.raw("order_send")(request)
    code, text = package.last_error()
    return SubmitReply(True, 0, "", None if result is None else row(SendRow, result), code, text)


def look(session: Session, args: LookArgs) -> LookReply:
    """Collect everything that bears an order's magic or comment, or belongs to its position.

    Raises:
        PackageError: when a question was not answered, or another account answers: what that one lacks is
            no trace of anything.
    """
    package = session.package
    window = (args.from_server_s, args.to_server_s)
    connected = package.call("terminal_info").connected

    def matching(name: str, *arguments: int, named_by: tuple[str, ...] = ("position_id",)) -> list[Any]:
        test = _matcher(args, named_by)
        return [record for record in package.call(name, *arguments) if test(record)]

    # An order that was to be cancelled bears no mark of the cancellation: its own ticket names it.
    order_names = ("position_id", "ticket")
    # The present before the past: what is filled in between is then found in the history.
    orders = matching("orders_get", named_by=order_names)
    positions = matching("positions_get", named_by=("ticket",))
    history_orders = matching("history_orders_get", *window, named_by=order_names)
    deals = matching("history_deals_get", *window)
    if stranger := session.find_stranger():
        raise PackageError("look", SUCCESS, stranger)
    return LookReply(
        connected=connected,
        positions=[row(PositionRow, position) for position in positions],
        orders=[row(OrderRow, order) for order in orders],
        history_orders=[row(OrderRow, order) for order in history_orders],
        deals=[row(DealRow, deal) for deal in deals],
    )


def find_deals(session: Session, args: DealsArgs) -> DealsReply:
    """Collect the deals of many trades from one answer of the history.

    Raises:
        PackageError: as for `look`.
    """
    package = session.package
    connected = package.call("terminal_info").connected
    deals = package.call("history_deals_get", args.from_server_s, args.to_server_s)
    if stranger := session.find_stranger():
        raise PackageError("deals", SUCCESS, stranger)
    positions = {
        deal.position_id
        for deal in deals
        if deal.magic in args.magics or deal.comment in args.comments or deal.position_id in args.positions
    }
    wanted = [row(DealRow, deal) for deal in deals if deal.position_id in positions]
    return DealsReply(connected=connected, deals=wanted)


def _matcher(args: LookArgs, named_by: tuple[str, ...]) -> Callable[[Any], bool]:
    def test(record: Any) -> bool:
        return bool(
            (args.magic and record.magic == args.magic)
            or (args.comment and record.comment == args.comment)
            or (args.position and any(getattr(record, name) == args.position for name in named_by))
        )

    return test
