"""Messages that go out: values to bytes, the same for Redpanda and the WebSocket.

Owns the outbound half of the contract. Does no I/O. The app and the channels call the encoders.
Times are ISO 8601 UTC with Z; the milliseconds beside them are UTC too, never the broker's wall clock.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from hybrid_bridge.core.account import Account, Position
from hybrid_bridge.core.market import Side, Tick
from hybrid_bridge.core.results import TradeResult

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_encoder = msgspec.json.Encoder()


def iso_utc(msc: int) -> str:
    """Format UTC milliseconds as ISO 8601 with Z, like 2026-03-01T09:30:00.125Z."""
    return (_EPOCH + msc * _MILLISECOND).isoformat(timespec="milliseconds")[:-6] + "Z"


def encode(kind: str, data: object) -> bytes:
    """Encode one envelope."""
    return _encoder.encode({"type": kind, "data": data})


def encode_tick(tick: Tick, seq: int) -> bytes:
    """Encode one tick_data message."""
    return encode(
        "tick_data",
        {
            "symbol": tick.symbol,
            "bid": tick.bid,
            "ask": tick.ask,
            "last": tick.last,
            "volume": tick.volume,
            "time": iso_utc(tick.time_msc),
            "time_msc": tick.time_msc,
            "seq": seq,
        },
    )


def encode_account(account: Account) -> bytes:
    """Encode one account_info message."""
    return encode(
        "account_info",
        {
            "login": account.login,
            "server": account.server,
            "currency": account.currency,
            "leverage": account.leverage,
            "balance": account.balance,
            "equity": account.equity,
            "profit": account.profit,
            "margin": account.margin,
            "free_margin": account.free_margin,
            "margin_level": account.margin_level,
        },
    )


def encode_positions(positions: Sequence[Position]) -> bytes:
    """Encode one positions message."""
    return encode("positions", [_position(position) for position in positions])


def _position(position: Position) -> dict[str, object]:
    return {
        "ticket": position.ticket,
        "symbol": position.symbol,
        "type": 0 if position.side is Side.BUY else 1,
        "volume": position.volume,
        "profit": position.profit,
        "price_open": position.price_open,
        "price_current": position.price_current,
        "stop_loss": position.stop_loss,
        "take_profit": position.take_profit,
        "swap": position.swap,
        "magic": position.magic,
        "comment": position.comment,
        "time": None if position.time_msc is None else iso_utc(position.time_msc),
    }


def encode_error(reason: str, detail: str, of: str) -> bytes:
    """Encode one error message; `of` is the offending message, cut short."""
    return encode("error", {"reason": reason, "detail": detail, "of": of})


def encode_trade_result(result: TradeResult) -> bytes:
    """Encode one trade_result message."""
    return encode(
        "trade_result",
        {
            "signal_id": result.signal_id,
            "status": result.status,
            "symbol": result.symbol,
            "action": result.action,
            "requested_volume": result.requested_volume,
            "volume": result.volume,
            "price": result.price,
            "ticket": result.ticket,
            "retcode": result.retcode,
            "reason": result.reason,
            "detail": result.detail,
            "received_at": _moment(result.received_msc),
            "sent_at": _moment(result.sent_msc),
            "done_at": _moment(result.done_msc),
        },
    )


def _moment(msc: int) -> str | None:
    return iso_utc(msc) if msc else None
