"""What single values are accepted."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hybrid_bridge.settings import fields as kinds


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.Symbols, " EURUSD, GBPUSD.a ,,#AAPL", ("EURUSD", "GBPUSD.a", "#AAPL")),
        (kinds.Symbols, ["EURUSD"], ("EURUSD",)),
        (kinds.UtcOffset, "Auto", "auto"),
        (kinds.UtcOffset, "-12600", "-12600"),
        (kinds.UtcOffset, "+10800", "+10800"),
        (kinds.RetentionDays, "0", 0),
        (kinds.RetentionDays, "7", 7),
        (kinds.Level, "debug", "DEBUG"),
        (kinds.WebSocketUrl, "wss://[::1]:8443/ws?a=b", "wss://[::1]:8443/ws?a=b"),
        (kinds.HttpUrl, "https://host/api", "https://host/api"),
        (kinds.Servers, "a:1, [::1]:65535", "a:1,[::1]:65535"),
        (kinds.Address, "", ""),
        (kinds.Topic, "market.ticks_1-a", "market.ticks_1-a"),
        (kinds.Path, ' "C:/x" ', "C:/x"),
    ],
)
def test_accepted(kind: Any, text: object, value: object) -> None:
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.Symbols, " , "),
        (kinds.Symbols, "EURUSD,EURUSD"),
        (kinds.Symbols, "X" * 30),
        (kinds.UtcOffset, "3"),
        (kinds.UtcOffset, "54000"),
        (kinds.UtcOffset, "UTC+3"),
        (kinds.UtcOffset, "٣٦٠٠"),
        (kinds.RetentionDays, "6"),
        (kinds.RetentionDays, "-1"),
        (kinds.RetentionDays, "7.5"),
        (kinds.Level, "LOUD"),
        (kinds.WebSocketUrl, "http://host/ws"),
        (kinds.WebSocketUrl, "ws://"),
        (kinds.WebSocketUrl, "ws://host:port/ws"),
        (kinds.WebSocketUrl, "ws://host:99999/ws"),
        (kinds.WebSocketUrl, "ws://host/a b"),
        (kinds.HttpUrl, "localhost:8000/api"),
        (kinds.Servers, "localhost"),
        (kinds.Servers, "localhost:0"),
        (kinds.Servers, "a:1,"),
        (kinds.Servers, "http://a:1"),
        (kinds.Address, "a:1,b:2"),
        (kinds.Topic, "a b"),
        (kinds.Topic, ".."),
        (kinds.Topic, "x" * 250),
        (kinds.Percent, "nan"),
        (kinds.Percent, "0"),
        (kinds.Percent, "100.1"),
        (kinds.Seconds, "inf"),
        (kinds.Positive, "-0.1"),
        (kinds.Count, "1.5"),
    ],
)
def test_refused(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)
