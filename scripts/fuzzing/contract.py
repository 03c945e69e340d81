"""The contract once more: what an inbound message says, or why it is refused. The reference, not the bridge.

Written from the contract's words alone and in another way than the bridge's decoder: one pass over the text
by RFC 8259's grammar, then plain checks of fields. Shares nothing with it but the names of the reasons.
`channels` compares the two.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

BYTES_MAX = 65_536
DEPTH_MAX = 200  # Far above what any message needs; where exactly a parser gives up is its own matter.
INT_DIGITS_MAX = 4_300
HALF_PAIR = "half of a surrogate pair, which is no text"
LIMITS_MAX = 50

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

TOKEN = re.compile(
    r"[ \t\n\r]*+(?:"
    r'("(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    r"|(-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?+([eE][+-]?[0-9]++)?+)"
    r"|([{}\[\]:,])"
    r"|(true|false|null)"
    r")"
)
BLANKS = re.compile(r"[ \t\n\r]*+")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None}
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))",
    re.ASCII,
)


class Refused(Exception):
    """The message is against the contract.

    Args:
        reasons: every name that may stand for what is wrong with it.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = set(reasons)


@dataclass(slots=True)
class Said:
    """What a message says.

    Attributes:
        kind: its type.
        fields: by name, as the contract types them; what was not given is None.
        given_id: the sender's, None when it gave none.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    given_id: str | None = None


def read(raw: bytes) -> Said:
    """Return what a message says.

    Raises:
        Refused: when it does not follow the contract.
    """
    if len(raw) > BYTES_MAX:
        raise Refused("too_long")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not_utf8") from error
    envelope, flaws = _parse(text)
    if HALF_PAIR in flaws:  # Where in a message this is told, before what else is wrong, is no matter.
        raise Refused("not_json", "invalid_field", "unknown_type", *flaws - {HALF_PAIR})
    if flaws:
        raise Refused(*flaws)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("type"), str):
        raise Refused("invalid_field")
    kind, data = envelope["type"], envelope.get("data", {})
    reader = READERS.get(kind)
    if reader is None:
        raise Refused("unknown_type")
    if not isinstance(data, dict):
        raise Refused("invalid_field")
    said = Said(kind)
    reader(data, said)
    return said


class _Parser:
    """One text, read from the front token by token."""

    __slots__ = ("at", "flaws", "source")

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0
        self.flaws: set[str] = set()

    def take(self) -> re.Match[str]:
        found = TOKEN.match(self.source, self.at)
        if found is None:
            raise Refused("not_json", *self.flaws)
        self.at = found.end()
        return found

    def take_mark(self) -> str:
        return str(self.take()[5])

    def value(self, depth: int = 0) -> Any:
        if depth > DEPTH_MAX:
            raise Refused("not_json", *self.flaws)
        found = self.take()
        match found.lastindex:
            case 1:
                return self.text(found[1])
            case 2:
                return self.number(found[2], whole=found[3] is found[4] is None)
            case 6:
                return WORDS[found[6]]
        if found[5] == "{":
            return self.object(depth)
        if found[5] == "[":
            return self.array(depth)
        raise Refused("not_json", *self.flaws)

    def object(self, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        while True:
            key = self.take()
            if key[5] == "}" and not fields:
                return fields
            if key[1] is None or self.take_mark() != ":":
                raise Refused("not_json", *self.flaws)
            name, value = self.text(key[1]), self.value(depth + 1)
            if name in fields:
                self.flaws.add("duplicate_key")
            fields[name] = value
            mark = self.take_mark()
            if mark == "}":
                return fields
            if mark != ",":
                raise Refused("not_json", *self.flaws)

    def array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        begun = self.at
        if self.take_mark() == "]":
            return items
        self.at = begun
        while True:
            items.append(self.value(depth + 1))
            mark = self.take_mark()
            if mark == "]":
                return items
            if mark != ",":
                raise Refused("not_json", *self.flaws)

    def number(self, text: str, *, whole: bool) -> int | float:
        if whole:
            if len(text.lstrip("-")) > INT_DIGITS_MAX:
                raise Refused("not_json", *self.flaws)
            return int(text)
        value = float(text)
        if value in (float("inf"), float("-inf")):
            self.flaws.add("invalid_field")
        return value

    def text(self, token: str) -> str:
        if "\\" not in token:
            return token[1:-1]
        units = ESCAPE.sub(_unescaped, token[1:-1])
        if units.isascii():
            return units
        try:
            return units.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.flaws.add(HALF_PAIR)
            return units


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else PLAIN.get(found[2], found[2])


def _parse(text: str) -> tuple[Any, set[str]]:
    parser = _Parser(text)
    value = parser.value()
    end = BLANKS.match(text, parser.at)
    if end is None or end.end() != len(text):
        raise Refused("not_json", *parser.flaws)
    return value, parser.flaws


def _text(value: Any, least: int, most: int) -> str:
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise Refused("invalid_field")
    return value


def _number(value: Any, *, above_zero: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("invalid_field")
    try:
        number = float(value)
    except OverflowError as error:
        raise Refused("invalid_field") from error
    if number < 0 or (above_zero and number == 0):
        raise Refused("invalid_field")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused("invalid_field")
    return value


def _time(value: Any) -> int:
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refused("invalid_field")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction = (found[7] or "").ljust(7, "0")
    micros = timedelta(microseconds=int(fraction[:6]) + (fraction[6] >= "5"))
    zone = UTC
    if found[8]:
        hours, minutes = int(found[9]), int(found[10])
        if hours > 23 or minutes > 59:
            raise Refused("invalid_field")
        east = timedelta(hours=hours, minutes=minutes)
        zone = timezone(east if found[8] == "+" else -east)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise Refused("invalid_field") from error
    return (moment - EPOCH + micros) // MILLISECOND


def _take_id(data: dict[str, Any], said: Said) -> None:
    value = data.get("id")
    if value is None:
        return
    if isinstance(value, str):
        said.given_id = _text(value, 1, 128)
    else:
        said.given_id = _text(str(_whole(value)), 1, 128)


def _optional(data: dict[str, Any], name: str, kind: Callable[[Any], Any]) -> Any:
    value = data.get(name)
    return None if value is None else kind(value)


def _ticket(data: dict[str, Any]) -> int:
    ticket = _whole(data.get("ticket"))
    if not 0 < ticket < 2**63:
        raise Refused("invalid_field")
    return ticket


def _lots(value: Any) -> float:
    return _number(value, above_zero=True)


def _price(value: Any) -> float:
    return _number(value, above_zero=False)


def _read_signal(data: dict[str, Any], said: Said) -> None:
    _take_id(data, said)
    if data.get("action") not in ("BUY", "SELL"):
        raise Refused("invalid_field")
    said.fields = {
        "symbol": _text(data.get("symbol"), 1, 29),
        "side": data["action"],
        "volume": _optional(data, "volume", _lots),
        "stop_loss": _optional(data, "stop_loss", _price) or 0.0,
        "take_profit": _optional(data, "take_profit", _price) or 0.0,
        "price": _optional(data, "price", _lots),
        "comment": _optional(data, "comment", lambda value: _text(value, 0, 500)) or "",
        "timestamp": _optional(data, "timestamp", _time),
        "expires": _optional(data, "expires_at", _time),
        "account": _optional(data, "account", _whole),
    }


def _read_close(data: dict[str, Any], said: Said) -> None:
    _take_id(data, said)
    said.fields = {"ticket": _ticket(data), "volume": _optional(data, "volume", _lots)}


def _read_modify(data: dict[str, Any], said: Said) -> None:
    _take_id(data, said)
    said.fields = {
        "ticket": _ticket(data),
        "stop_loss": _optional(data, "stop_loss", _price),
        "take_profit": _optional(data, "take_profit", _price),
    }
    if said.fields["stop_loss"] is None and said.fields["take_profit"] is None:
        raise Refused("invalid_field")


def _read_stop(data: dict[str, Any], said: Said) -> None:
    close, cancel, reason = data.get("close_positions"), data.get("cancel_orders", True), data.get("reason")
    if not (close is None or isinstance(close, bool)) or not isinstance(cancel, bool):
        raise Refused("invalid_field")
    if not (reason is None or isinstance(reason, str)):
        raise Refused("invalid_field")
    said.fields = {"close_positions": close, "cancel_orders": cancel, "reason": (reason or "")[:500]}


def _read_resume(data: dict[str, Any], said: Said) -> None:
    said.fields = {"reason": _text(data.get("reason"), 1, 500)}


def _read_query(data: dict[str, Any], said: Said) -> None:
    if data.get("request") not in ("account_info", "positions", "status"):
        raise Refused("invalid_field")
    said.fields = {"request": data["request"]}


def _read_tightening(data: dict[str, Any], said: Said) -> None:
    asked, reason = data.get("limits"), data.get("reason")
    if not isinstance(asked, dict) or not 1 <= len(asked) <= LIMITS_MAX:
        raise Refused("invalid_field")
    if not (reason is None or isinstance(reason, str)):
        raise Refused("invalid_field")
    limits = tuple((name.lower(), _yes_no_or_number(value)) for name, value in asked.items())
    said.fields = {"limits": limits, "reason": (reason or "")[:500]}


def _yes_no_or_number(value: Any) -> bool | float:
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        raise Refused("invalid_field")
    try:
        return float(value)
    except OverflowError as error:
        raise Refused("invalid_field") from error


READERS: dict[str, Callable[[dict[str, Any], Said], None]] = {
    "trading_signal": _read_signal,
    "close_position": _read_close,
    "modify_position": _read_modify,
    "emergency_stop": _read_stop,
    "resume_trading": _read_resume,
    "restore_limits": _read_resume,
    "tighten_limits": _read_tightening,
    "get_data": _read_query,
}
