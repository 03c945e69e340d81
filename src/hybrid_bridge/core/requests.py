"""Trade requests: from what is wanted to the fields that the terminal takes.

Pure. Constants are MqlTradeRequest's (MQL5 reference, ENUM_TRADE_REQUEST_ACTIONS, ENUM_ORDER_TYPE,
ENUM_ORDER_TYPE_FILLING, SYMBOL_FILLING_MODE).
"""

from hybrid_bridge.core.account import Position
from hybrid_bridge.core.market import ExecutionMode, Quote, Side, SymbolSpec
from hybrid_bridge.core.orders import Intent, OrderRequest
from hybrid_bridge.core.sizing import round_to_tick

ACTION_DEAL, ACTION_SLTP, ACTION_REMOVE = 1, 6, 8
TYPE_BUY, TYPE_SELL = 0, 1
FILLING_FOK, FILLING_IOC, FILLING_RETURN = 0, 1, 2
SYMBOL_FILLING_FOK, SYMBOL_FILLING_IOC = 1, 2
DEVIATION_POINTS = 10  # What the package's own Buy and Sell use.
COMMENT_CHARS_MAX = 28  # The package takes 29; one build was seen to take 28.


def make_magic(base: int, number: int) -> int:
    """Return the magic that belongs to one intent alone: MT5_MAGIC << 32 | intent number."""
    return base << 32 | number


def split_magic(magic: int) -> tuple[int, int]:
    """Return the base and the intent number that a magic is made of, whoever made it."""
    return magic >> 32, magic & 0xFFFF_FFFF


def own_number(base: int, magic: int) -> int:
    """Return the intent number of a magic made with this base, 0 for any other."""
    made_with, number = split_magic(magic)
    return number if made_with == base else 0


def make_comment(text: str, number: int) -> str:
    """Join the sender's text and the intent's short id within the terminal's limit of UTF-16 units.

    What cannot be printed becomes a blank: a NUL would end the comment before the id.
    """
    tail = f"#{number:x}"
    shown = "".join(char if char.isprintable() else " " for char in text)
    units = shown.encode("utf-16-le")[: 2 * (COMMENT_CHARS_MAX - len(tail) - 1)]
    return f"{units.decode('utf-16-le', errors='ignore')} {tail}".strip()


def permitted_fillings(spec: SymbolSpec) -> tuple[int, ...]:
    """Return the fillings that the symbol permits for market orders, the one to try first in front.

    Returns:
        FOK first for request and instant execution; otherwise FOK and IOC by the symbol's flags, and RETURN
        under exchange execution or when the venue names neither.
    """
    immediate = spec.execution_mode in (ExecutionMode.REQUEST, ExecutionMode.INSTANT)
    fillings = []
    if immediate or spec.filling_mode & SYMBOL_FILLING_FOK:
        fillings.append(FILLING_FOK)
    if spec.filling_mode & SYMBOL_FILLING_IOC:
        fillings.append(FILLING_IOC)
    if not fillings or spec.execution_mode == ExecutionMode.EXCHANGE:
        fillings.append(FILLING_RETURN)
    return tuple(fillings)


def choose_filling(spec: SymbolSpec) -> int:
    """Choose the filling that a market order is tried with first."""
    return permitted_fillings(spec)[0]


def _order_type(side: Side) -> int:
    return TYPE_BUY if side is Side.BUY else TYPE_SELL


def entry_request(intent: Intent, volume: float, spec: SymbolSpec, quote: Quote, magic: int) -> OrderRequest:
    """Build a market order that opens `volume` lots with its stops."""
    side = _side(intent)
    return OrderRequest(
        action=ACTION_DEAL,
        symbol=intent.symbol,
        volume=volume,
        price=quote.entry_price(side),
        sl=round_to_tick(intent.stop_loss, spec),
        tp=round_to_tick(intent.take_profit, spec),
        deviation=DEVIATION_POINTS,
        type=_order_type(side),
        type_filling=choose_filling(spec),
        magic=magic,
        comment=make_comment(intent.comment, intent.number),
    )


def close_request(
    intent: Intent, position: Position, volume: float, spec: SymbolSpec, quote: Quote, magic: int
) -> OrderRequest:
    """Build the opposite deal that closes `volume` lots of a position, named by its ticket."""
    return OrderRequest(
        action=ACTION_DEAL,
        symbol=position.symbol,
        volume=volume,
        price=quote.exit_price(position.side),
        deviation=DEVIATION_POINTS,
        type=_order_type(position.side.opposite),
        type_filling=choose_filling(spec),
        magic=magic,
        position=position.ticket,
        comment=make_comment(intent.comment, intent.number),
    )


def modify_request(intent: Intent, position: Position, spec: SymbolSpec, magic: int) -> OrderRequest:
    """Build a change of stops; both are always sent, because an absent one would be cleared."""
    return OrderRequest(
        action=ACTION_SLTP,
        symbol=position.symbol,
        sl=round_to_tick(intent.stop_loss, spec),
        tp=round_to_tick(intent.take_profit, spec),
        magic=magic,
        position=position.ticket,
    )


def cancel_request(intent: Intent, magic: int) -> OrderRequest:
    """Build the removal of a pending order."""
    return OrderRequest(action=ACTION_REMOVE, order=intent.ticket, magic=magic)


def _side(intent: Intent) -> Side:
    if intent.side is None:
        raise ValueError(f"intent {intent.number} is an entry without a side")
    return intent.side
