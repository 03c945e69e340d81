"""What follows from a symbol's description alone."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.symbols import SymbolSpec, day_of_week, minute_of_week

EURUSD, XAUUSD = catalogue_symbol("EURUSD"), catalogue_symbol("XAUUSD")


def server_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("symbol", "moment", "closed_for_s"),
    [
        ("EURUSD", "2026-06-05T23:59:59", 0),  # Friday
        ("EURUSD", "2026-06-06T00:00:00", 2 * 86400),
        ("EURUSD", "2026-06-07T23:59:59", 1),
        ("EURUSD", "2026-06-08T00:00:00", 0),
        ("XAUUSD", "2026-06-03T00:30:10", 1790),  # the hour after the close
        ("XAUUSD", "2026-06-03T01:00:00", 0),
        ("BTCUSD", "2026-06-06T12:00:00", 0),
        ("AAPL", "2026-06-03T16:29:59", 1),
        ("AAPL", "2026-06-03T22:59:59", 0),
        ("AAPL", "2026-06-03T23:00:00", 63000),
    ],
)
def test_sessions_open_and_close_by_the_servers_clock(symbol: str, moment: str, closed_for_s: int) -> None:
    spec = catalogue_symbol(symbol)
    assert closed_for_s == spec.closed_for_s(server_s(moment))
    assert (closed_for_s == 0) == spec.is_open(server_s(moment))


def test_days_are_counted_from_sunday() -> None:
    assert [0, 1, 6] == [day_of_week(server_s(f"2026-06-0{day}")) for day in (7, 1, 6)]
    assert 61 == minute_of_week(server_s("2026-06-07T01:01:59"))


@pytest.mark.parametrize(
    ("volume", "valid"),
    [(0.01, True), (0.1 + 0.2, True), (100.0, True), (0.0, False), (0.015, False), (100.01, False)],
)
def test_volumes_have_limits_and_a_step(volume: float, valid: bool) -> None:
    assert valid == EURUSD.volume_is_valid(volume)


def test_a_volume_is_made_exact() -> None:
    assert Decimal("0.30") == EURUSD.exact_volume(0.1 + 0.2)


@pytest.mark.parametrize(
    ("symbol", "price", "aligned"),
    [
        ("EURUSD", 1.08512, True),
        ("EURUSD", 1.085125, False),
        ("US500", 5200.25, True),
        ("US500", 5200.10, False),
        ("BTCUSD", 64000.01, True),
    ],
)
def test_prices_lie_on_the_tick_grid(symbol: str, price: float, aligned: bool) -> None:
    assert aligned == catalogue_symbol(symbol).price_is_aligned(price)


def test_the_tick_is_a_point_unless_said_otherwise() -> None:
    assert 1e-05 == EURUSD.tick_size == EURUSD.point
    assert (0.25, 0.01) == (catalogue_symbol("US500").tick_size, catalogue_symbol("US500").point)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", 0.0),
        ("contract_size", -1.0),
        ("volume_step", 0.0),
        ("volume_max", 0.001),
        ("swap_mode", 9),
        ("calc_mode", 64),
        ("sessions", ()),
        ("name", "X" * 30),
    ],
)
def test_a_description_the_books_cannot_follow_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"EURUSD|X{30}") as refused:
        changed: dict[str, object] = {field: value}
        replace(EURUSD, **changed)  # type: ignore[arg-type]
    assert field.split("_", maxsplit=1)[0] in str(refused.value)


def test_a_description_is_frozen() -> None:
    with pytest.raises(AttributeError):
        XAUUSD.digits = 2  # type: ignore[misc]
    assert isinstance(XAUUSD, SymbolSpec)
