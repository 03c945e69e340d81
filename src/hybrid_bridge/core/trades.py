"""The results of this bridge's trades: which are over, and what each brought, from the account's deals.

Pure. A trade is a whole position, from the deal that opened it to the one with which its net volume returned
to 0 or turned over; on a netting account several entries may have part in one. execution/settling asks the
terminal and journals what is found here; the guard asks which results are still awaited.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport, Deal
from hybrid_bridge.core.events import EntrySettled, Event, TradeClosed
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.records import EngineState, OrderRecord
from hybrid_bridge.core.requests import own_number
from hybrid_bridge.core.traces import VOLUME_TOLERANCE

ENTRY_IN, ENTRY_INOUT = 0, 2  # DEAL_ENTRY_* (MQL5 reference, ENUM_DEAL_ENTRY)
MONEY_DIGITS = 8  # Finer than any currency's smallest unit; what is left below is a float's rounding error.


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its opening to its end.

    Attributes:
        numbers: this bridge's entries that took part in it last.
        deal: that ended it; 0 while it is open.
        profit: account currency, swap, commission and fees included.
        closed_msc: when it ended, UTC milliseconds; None while the server's clock is unknown.
    """

    numbers: tuple[int, ...]
    position: int
    symbol: str
    deal: int
    profit: float
    closed_msc: int | None


@dataclass(slots=True)
class _Part:
    """A trade while its deals are added up; volumes are negative for what was sold."""

    net: float = 0.0
    money: tuple[float, ...] = ()
    numbers: tuple[int, ...] = ()
    last: Deal | None = None

    @property
    def is_over(self) -> bool:
        return self.last is not None and abs(self.net) <= VOLUME_TOLERANCE


def find_unknown_results(state: EngineState, limits: Limits, report: AccountReport) -> list[OrderRecord]:
    """Return this bridge's filled entries that a look does not show and whose result is not known.

    On a netting account an entry is in the position in which it was seen before, not in any of the symbol:
    what was opened or turned over since is another one.
    """
    if not state.unsettled:
        return []
    numbers = {(own_number(limits.magic, held.magic), held.side) for held in report.positions}
    tickets = {(ticket, held.side) for held in report.positions for ticket in (held.ticket, held.identifier)}
    open_tickets = set() if report.account.hedging else {held.ticket for held in report.positions}

    def is_shown(record: OrderRecord) -> bool:
        number, side = record.intent.number, record.intent.side
        ticket = record.answer.ticket if record.answer is not None else 0
        marked = (number, side) in numbers or (ticket > 0 and (ticket, side) in tickets)
        return marked or state.held_in.get(number) in open_tickets

    return [record for record in state.unsettled.values() if not is_shown(record)]


def opening_deals(record: OrderRecord, deals: Iterable[Deal]) -> list[Deal]:
    """Return the deals that an entry's own order made."""
    return [deal for deal in deals if _is_of(deal, record)]


def is_complete(record: OrderRecord, deals: Iterable[Deal]) -> bool:
    """Tell whether these deals are all that an entry's order is known to have made."""
    told = record.answer.volume if record.answer is not None else 0.0
    dealt = math.fsum(deal.volume for deal in opening_deals(record, deals))
    return dealt > 0 and dealt >= told - VOLUME_TOLERANCE


def _is_of(deal: Deal, record: OrderRecord) -> bool:
    # Brokers keep the magic; where one does not, the comment and the deal's number are the other witnesses.
    request = record.order.request if record.order is not None else None
    if request is None or deal.side is not record.intent.side:
        return False  # What a position's stop closes bears the position's magic.
    if deal.magic:
        return deal.magic == request.magic
    named = record.answer is not None and deal.ticket == record.answer.deal
    return named or (bool(request.comment) and deal.comment == request.comment)


def number_by(records: Iterable[OrderRecord]) -> Callable[[Deal], int]:
    """Return a function that tells whose entry made a deal: its number, 0 when it is none of these."""
    entries = list(records)
    by_magic = {record.order.request.magic: [record] for record in entries if record.order is not None}

    def number_of(deal: Deal) -> int:
        candidates = by_magic.get(deal.magic, []) if deal.magic else entries
        return next((record.intent.number for record in candidates if _is_of(deal, record)), 0)

    return number_of


def trades_of(deals: Sequence[Deal], number_of: Callable[[Deal], int]) -> tuple[Trade, ...] | None:
    """Put the deals of one position together to trades, the earliest first; the last may be open still.

    Args:
        deals: all of one position.
        number_of: whose entry made a deal, 0 for any other's.
    Returns:
        None when they cannot be all: one closes what none has opened.
    """
    parts = [_Part()]
    for deal in sorted(deals, key=lambda deal: (deal.time_msc or 0, deal.ticket)):
        if parts[-1].is_over:
            parts.append(_Part())
        if deal.entry not in (ENTRY_IN, ENTRY_INOUT) and not _closes(parts[-1], deal):
            return None
        _add(parts, deal, number_of(deal))
    begun = [part for part in parts if part.last is not None]
    return tuple(_trade(part, begun[place + 1 :]) for place, part in enumerate(begun))


def _signed(deal: Deal) -> float:
    return deal.volume if deal.side is Side.BUY else -deal.volume


def _closes(part: _Part, deal: Deal) -> bool:
    """Tell whether a deal makes what is open smaller, and does not turn it over."""
    left = part.net + _signed(deal)
    return abs(left) < abs(part.net) and (abs(left) <= VOLUME_TOLERANCE or left * part.net > 0)


def _add(parts: list[_Part], deal: Deal, number: int) -> None:
    part, volume = parts[-1], _signed(deal)
    left, costs = part.net + volume, (deal.commission, deal.fee)
    if deal.entry != ENTRY_INOUT or part.net * left >= 0 or abs(left) <= VOLUME_TOLERANCE:
        _book(part, deal, volume, (deal.profit, deal.swap, *costs), number)
        return
    # What closes the old position and what opens the new one share the costs by their lots.
    share = -part.net / volume
    _book(part, deal, -part.net, (deal.profit, deal.swap, *(cost * share for cost in costs)), 0)
    parts.append(_Part())
    _book(parts[-1], deal, left, tuple(cost * (1 - share) for cost in costs), number)


def _book(part: _Part, deal: Deal, volume: float, money: tuple[float, ...], number: int) -> None:
    part.net += volume
    part.money += money
    part.last = deal
    if number and number not in part.numbers:
        part.numbers += (number,)


def _trade(part: _Part, later: Sequence[_Part]) -> Trade:
    assert part.last is not None  # noqa: S101 - the caller asks for those with a deal
    elsewhere = {number for other in later for number in other.numbers}
    return Trade(
        numbers=tuple(number for number in part.numbers if number not in elsewhere),
        position=part.last.position_id,
        symbol=part.last.symbol,
        deal=part.last.ticket if part.is_over else 0,
        profit=round(math.fsum(part.money), MONEY_DIGITS),
        closed_msc=part.last.time_msc,
    )


def settle(
    record: OrderRecord,
    trades: Sequence[Trade],
    server_day: Callable[[int], int | None],
    now_msc: int,
) -> tuple[Event, ...]:
    """Return the events that tell the result of an entry's trade; none while it is not over or not known.

    Args:
        trades: of the position that the entry opened or changed.
        server_day: gives the broker's calendar day of an instant (UTC ms).
    """
    number, events = record.intent.number, list[Event]()
    own = [trade for trade in trades if number in trade.numbers]
    if not own or any(not _is_told(trade) for trade in own):
        return ()
    for trade in own:
        if trade.deal <= record.settled_deal or trade.closed_msc is None:
            continue  # Counted before a later part of the order came to light.
        day = server_day(trade.closed_msc)
        events.append(
            TradeClosed(
                trade.numbers,
                trade.position,
                trade.symbol,
                trade.deal,
                trade.profit,
                trade.closed_msc,
                day,
                now_msc,
            )
        )
        settled = (EntrySettled(one, trade.profit, trade.deal, now_msc) for one in trade.numbers)
        events.extend(settled)
    return tuple(events) or (EntrySettled(number, own[-1].profit, record.settled_deal, now_msc),)


def settle_all(
    records: Sequence[OrderRecord],
    deals: Sequence[Deal],
    number_of: Callable[[Deal], int],
    server_day: Callable[[int], int | None],
    now_msc: int,
) -> tuple[Event, ...]:
    """Return the events that tell the results of many entries' trades, each trade once.

    Args:
        records: whose results are asked for.
        deals: of their positions, as many as the history shows.
        number_of, server_day: as for `trades_of` and `settle`.
    """
    by_position, by_magic = _grouped(deals)
    trades: dict[int, tuple[Trade, ...]] = {}
    events, told = list[Event](), set[int]()
    for record in records:
        own = _possible_openings(record, by_magic)
        if record.intent.number in told or not is_complete(record, own):
            continue
        news = list[Event]()
        for position in sorted({deal.position_id for deal in opening_deals(record, own)}):
            if position not in trades:
                trades[position] = trades_of(by_position[position], number_of) or ()
            result = settle(record, trades[position], server_day, now_msc)
            if not result:
                break
            news.extend(result)
        else:
            events.extend(news)
            told.update(event.number for event in news if isinstance(event, EntrySettled))
    return tuple(events)


def _grouped(deals: Iterable[Deal]) -> tuple[dict[int, list[Deal]], dict[int, list[Deal]]]:
    """Return the deals of each position and those that bear each magic."""
    by_position, by_magic = dict[int, list[Deal]](), dict[int, list[Deal]]()
    for deal in deals:
        by_position.setdefault(deal.position_id, []).append(deal)
        by_magic.setdefault(deal.magic, []).append(deal)
    return by_position, by_magic


def _possible_openings(record: OrderRecord, by_magic: dict[int, list[Deal]]) -> list[Deal]:
    """Return the deals that may be an entry's own by their magic: it bears the entry's, or none."""
    magic = record.order.request.magic if record.order is not None else 0
    return [*(by_magic.get(magic, ()) if magic else ()), *by_magic.get(0, ())]


def _is_told(trade: Trade) -> bool:
    return trade.deal > 0 and trade.closed_msc is not None and math.isfinite(trade.profit)


def abandon_result(record: OrderRecord, now_msc: int) -> tuple[Event, ...]:
    """Return the event that ends the wait for a result which could not be learned."""
    return (EntrySettled(record.intent.number, None, record.settled_deal, now_msc),)
