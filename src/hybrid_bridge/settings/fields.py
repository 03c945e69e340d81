"""The kinds of values that settings can have: how a text is read and what is accepted.

A leaf of settings, used by nobody else. A check that fails raises ValueError whose text completes
the sentence "accepts ...".
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from hybrid_bridge.settings.path import clean_path

MAGIC_MAX = 2**31 - 1  # MT5_MAGIC << 32 must stay below 2**63: MQL5 reads magic back as a signed long.
SYMBOL_CHARS_MAX = 29  # The package refuses longer names (measured with 5.0.6231).
RETENTION_DAYS_MIN = 7  # A topic keeps its messages a week by default: what it brings again is still known.
UTC_OFFSET_MAX_S = 14 * 3600
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _clean_path(value: object) -> object:
    return clean_path(str(value))


def _split_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _check_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if not symbols:
        raise ValueError("at least one symbol, separated by commas")
    for symbol in symbols:
        if len(symbol) > SYMBOL_CHARS_MAX:
            raise ValueError(f"symbols of at most {SYMBOL_CHARS_MAX} characters; {symbol!r} is longer")
    repeated = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if repeated:
        raise ValueError(f"each symbol once; repeated: {', '.join(repeated)}")
    return symbols


def _check_offset(value: str) -> str:
    accepted = "'auto' or seconds east of UTC, a multiple of 900 within 14 hours, like 10800 for UTC+3"
    if value.lower() == "auto":
        return "auto"
    if not re.fullmatch(r"[+-]?[0-9]{1,5}", value):
        raise ValueError(accepted)
    if abs(int(value)) > UTC_OFFSET_MAX_S or int(value) % 900:
        raise ValueError(accepted)
    return value


def _check_retention(days: int) -> int:
    if 0 < days < RETENTION_DAYS_MIN:
        raise ValueError(f"{RETENTION_DAYS_MIN} days or more, or 0 to keep everything")
    return days


def _check_level(value: str) -> str:
    if value.upper() not in LEVELS:
        raise ValueError(f"one of {', '.join(LEVELS)}")
    return value.upper()


def _check_url(value: str, schemes: tuple[str, str], example: str) -> str:
    accepted = f"an address like {example} that begins with {schemes[0]}:// or {schemes[1]}://"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or a broken IPv6 address
        usable = False
    if not usable or re.search(r"\s", value):
        raise ValueError(accepted)
    return value


def _check_ws_url(value: str) -> str:
    return _check_url(value, ("ws", "wss"), "ws://localhost:8000/ws/mt5")


def _check_http_url(value: str) -> str:
    return _check_url(value, ("http", "https"), "http://localhost:8000/api")


def _check_server(server: str) -> str:
    text = server.strip()
    match = re.fullmatch(r"([^\s/,:\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    if not match:
        raise ValueError(f"host:port like localhost:9092; {text!r} is not host:port")
    if not 0 < int(match[2]) <= 65535:
        raise ValueError(f"a port from 1 to 65535; {text!r} has another")
    return text


def _check_servers(value: str) -> str:
    return ",".join(_check_server(server) for server in value.split(","))


def _check_address(value: str) -> str:
    return _check_server(value) if value else value


def _check_topic(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value) or value in {".", ".."}:
        raise ValueError("1 to 249 letters, digits, dots, hyphens and underscores")
    return value


Path = Annotated[str, BeforeValidator(_clean_path)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
Symbols = Annotated[Texts, AfterValidator(_check_symbols)]
UtcOffset = Annotated[str, AfterValidator(_check_offset)]
RetentionDays = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_check_retention)]
RetentionHours = Annotated[int, Field(ge=0, le=876_000)]
Partitions = Annotated[int, Field(ge=1, le=1_000)]
Level = Annotated[str, AfterValidator(_check_level)]
WebSocketUrl = Annotated[str, AfterValidator(_check_ws_url)]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
Servers = Annotated[str, AfterValidator(_check_servers)]
Address = Annotated[str, AfterValidator(_check_address)]
Topic = Annotated[str, AfterValidator(_check_topic)]
LOWER = BeforeValidator(_lower)
UPPER = BeforeValidator(_upper)
