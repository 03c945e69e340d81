"""What happened, told: one sentence an event, one story an order, one line an order in a table.

For the person at the console; programs read the export instead.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hybrid_bridge.core.events import (
    AccountCleared,
    BrokerDayOpened,
    DuplicateReceived,
    EntrySettled,
    EquityPeakRaised,
    EquityPeakReset,
    FundsMoved,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    LimitsRestored,
    LimitsTightened,
    OrderAnswered,
    OrderApproved,
    OrderRetried,
    OrderSending,
    PositionAdopted,
    PositionChanged,
    PositionEnded,
    TradeClosed,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import ApprovedOrder, Intent, IntentKind, Source
from hybrid_bridge.core.tightening import shown_setting
from hybrid_bridge.journal.lives import Life
from hybrid_bridge.journal.reading import StoredEvent
from hybrid_bridge.journal.words import aligned, day, iso, money, number_text, plain

HEADINGS = ["TIME UTC", "NUMBER", "SIGNAL", "WHAT", "SYMBOL", "SIDE", "VOLUME", "STATE", "PRICE", "TICKET"]
ORDER_NUMBERS = frozenset({1, 6, 8, 9})


def order_table(lives: Sequence[Life]) -> list[str]:
    """Return one line an order under headings."""
    rows = [[*HEADINGS, "REASON"], *(_order_row(life) for life in lives)]
    return aligned(rows, ORDER_NUMBERS)


def _order_row(life: Life) -> list[str]:
    intent, answer = life.intent, life.answer
    filled = answer.volume if answer is not None else 0.0
    asked = life.request.volume if life.request is not None else intent.volume if intent is not None else None
    ticket = answer.ticket if answer is not None else intent.ticket if intent is not None else 0
    price = answer.price if answer is not None else 0.0
    return [
        iso(life.received_msc),
        str(life.number),
        plain(life.signal_id),
        intent.kind.value if intent is not None else "",
        plain(intent.symbol) if intent is not None else "",
        intent.side.value if intent is not None and intent.side is not None else "",
        number_text(filled or asked or None),
        life.state.value,
        number_text(price or None),
        str(ticket) if ticket else "",
        plain(life.reason),
    ]


def event_table(events: Sequence[StoredEvent]) -> list[str]:
    """Return one line an event under headings."""
    rows = [["TIME UTC", "PLACE", "NUMBER", "WHAT HAPPENED"]]
    rows += [[iso(e.at_msc), str(e.seq), str(e.number or ""), sentence(e)] for e in events]
    return aligned(rows, frozenset({1, 2}))


def order_story(life: Life, events: Sequence[StoredEvent]) -> list[str]:
    """Return these events of an order's life, with the time since it came."""
    heading = f"Signal {plain(life.signal_id)} is intent {life.number}: {life.state.value}"
    rows = [[f"  {iso(e.at_msc)}", f"{e.at_msc - life.received_msc:+d} ms", sentence(e)] for e in events]
    return [heading, *aligned(rows, frozenset({1}))]


def sentence(stored: StoredEvent) -> str:
    """Return what an event says."""
    if stored.event is None:
        return f"{plain(stored.kind)}, which this version cannot read: {plain(str(stored.body))}"
    return _SENTENCES[type(stored.event)](stored.event)


def _source(source: Source) -> str:
    place = f" ({plain(source.place)})" if source.place else ""
    return f"{source.channel.value}{place}"


def _received(event: IntentReceived) -> str:
    intent = event.intent
    comment = f", comment {plain(intent.comment)!r}" if intent.comment else ""
    until = iso(intent.expires_msc)
    return f"received from {_source(intent.source)}: {_wish(intent)}{comment}; may be sent until {until}"


def _wish(intent: Intent) -> str:
    symbol = plain(intent.symbol)
    if intent.kind is IntentKind.CANCEL:
        return f"cancel order {intent.ticket}"
    stops = f"stop loss {_or_none(intent.stop_loss)}, take profit {_or_none(intent.take_profit)}"
    if intent.kind is IntentKind.MODIFY:
        return f"change position {intent.ticket} {symbol}: {stops}".replace("  ", " ")
    volume = number_text(intent.volume)
    if intent.kind is IntentKind.CLOSE:
        return f"close {f'{volume} lots' if volume else 'all'} of position {intent.ticket} {symbol}".rstrip()
    side = intent.side.value if intent.side is not None else "?"
    seen = f", price seen {number_text(intent.price)}" if intent.price is not None else ""
    return f"{side} {f'{volume} lots' if volume else 'as the risk allows'} {symbol}, {stops}{seen}"


def _or_none(price: float) -> str:
    return number_text(price) if price else "none"


def _denied(event: IntentDenied) -> str:
    said = "; ".join(
        f"{denial.check}: saw {denial.observed}, allowed {denial.limit} ({denial.detail})"
        for denial in event.denials
    )
    return f"denied, nothing was sent: {plain(said)}"


def _repeated(event: DuplicateReceived) -> str:
    content = "with another content" if event.conflict else "unchanged"
    return f"came again from {_source(event.source)}, {content}; not acted on"


def _request(order: ApprovedOrder) -> str:
    request, quote = order.request, order.quote
    on = f" on {number_text(quote.bid)}/{number_text(quote.ask)}" if quote is not None else ""
    risk = f", {order.risk_money:.2f} at risk" if order.risk_money else ""
    what = f"{number_text(request.volume)} lots at {number_text(request.price)}{on}{risk}"
    about = f" for {plain(request.symbol)}" if request.symbol else ""
    return f"{what}{about}, magic {request.magic}, comment {plain(request.comment)!r}"


def _sending(event: OrderSending) -> str:
    said = "about to be sent: from here on it may have reached the venue"
    if event.server_day is None:
        return said
    return f"{said}, counted for the broker's day {day(event.server_day)}"


def _answered(event: OrderAnswered) -> str:
    parts = [event.state.value.replace("_", " ")]
    if event.volume:
        parts.append(f"{number_text(event.volume)} lots at {number_text(event.price)}")
    if event.ticket:
        parts.append(f"ticket {event.ticket}")
    if event.deal:
        parts.append(f"deal {event.deal}")
    code = " ".join(filter(None, (str(event.retcode or ""), event.reason)))
    why = ": ".join(filter(None, (code, event.detail)))
    return plain(f"{', '.join(parts)}{f' ({why})' if why else ''}")


def _latched(event: TradingStateChanged) -> str:
    duties = [("close positions", event.close_positions), ("cancel orders", event.cancel_orders)]
    to_do = " and ".join(text for text, wanted in duties if wanted)
    kind = "emergency stop: " if event.emergency else ""
    kind = f"{event.breach} is broken: " if event.breach else kind
    clear = f"; still to {to_do}" if to_do else ""
    return (
        f"{kind}trading is {event.state.value}: {plain(event.reason)} (from {_source(event.source)}){clear}"
    )


def _paid(event: FundsMoved) -> str:
    how = "in" if event.amount > 0 else "out"
    moved = [("the day's opening equity", event.today), ("the highest equity", event.peak)]
    marks = " and ".join(name for name, moves in moved if moves)
    counted = f"moves {marks} along" if marks else "was in the figures already"
    return f"{money(abs(event.amount))} paid {how} (deal {event.ticket}): {counted}"


def _closed(event: TradeClosed) -> str:
    numbers = ", ".join(map(str, event.numbers))
    whose = f" of intent {numbers}" if numbers else ""
    result = f"{money(event.profit)} after costs"
    ended = f"at {iso(event.closed_msc)} by deal {event.deal}"
    return f"trade{whose} on {plain(event.symbol)} ended {ended} with {result}, position {event.position}"


def _settled(event: EntrySettled) -> str:
    if event.profit is None:
        return "what its trade brought could not be learned; it counts neither as a loss nor as a win"
    return f"its trade is over and brought {money(event.profit)} after costs"


def _tightened(event: LimitsTightened) -> str:
    limits = ", ".join(f"{plain(name).upper()}={shown_setting(name, value)}" for name, value in event.limits)
    return f"limits made stricter: {limits}: {plain(event.reason)} (from {_source(event.source)})"


def _restored(event: LimitsRestored) -> str:
    return f"limits are those of the settings again: {plain(event.reason)} (from {_source(event.source)})"


def _adopted(event: PositionAdopted) -> str:
    whose = f"opened by intent {event.number}" if event.number else "not opened by the bridge"
    held = f"{event.side.value} {number_text(event.volume)} lots {plain(event.symbol)}"
    return f"position {event.ticket} seen: {held} at {number_text(event.price_open)}, {whose}"


def _changed(event: PositionChanged) -> str:
    held = f"{event.side.value} {number_text(event.volume)} lots at {number_text(event.price_open)}"
    return f"position {event.ticket} is now {held}"


_SENTENCES: dict[type, Callable[[Any], str]] = {
    IntentReceived: _received,
    IntentDenied: _denied,
    IntentExpired: lambda event: f"expired, nothing was sent: {plain(event.detail)}",
    DuplicateReceived: _repeated,
    OrderApproved: lambda event: f"approved: {_request(event.order)}",
    OrderSending: _sending,
    OrderRetried: lambda event: (
        f"refused ({event.retcode} {plain(event.reason)}), approved and sent again: {_request(event.order)}"
    ),
    OrderAnswered: _answered,
    TradingStateChanged: _latched,
    AccountCleared: lambda event: f"the account is clear, as the stop of {iso(event.since_msc)} asked",
    PositionAdopted: _adopted,
    PositionChanged: _changed,
    PositionEnded: lambda event: f"position {event.ticket} is gone",
    BrokerDayOpened: lambda event: (
        f"the broker's day {day(event.server_day)} began, equity {number_text(event.equity)}"
    ),
    EquityPeakRaised: lambda event: f"highest equity so far: {number_text(event.equity)}",
    EquityPeakReset: lambda event: f"drawdown is measured anew from an equity of {number_text(event.equity)}",
    FundsMoved: _paid,
    TradeClosed: _closed,
    EntrySettled: _settled,
    LimitsTightened: _tightened,
    LimitsRestored: _restored,
}
