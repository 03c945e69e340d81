"""What the demo backend makes of each message."""

import itertools

import pytest

from hybrid_bridge.demo.desk import REMEMBERED_MAX, Desk, Outgoing
from hybrid_bridge.demo.strategy import WARM_UP_TICKS, Momentum

NOW = 1_767_225_600_125  # 2026-01-01T00:00:00.125Z


@pytest.fixture
def desk() -> Desk:
    ids = (f"demo-{number}" for number in itertools.count(1))
    return Desk(Momentum(5_000), ids, hold_s=20.0)


def feed(desk: Desk, count: int = WARM_UP_TICKS) -> list[Outgoing]:
    answers = []
    for number in range(count):
        bid = round(1.1 + number * 0.00001, 5)
        tick = {"symbol": "EURUSD", "bid": bid, "ask": round(bid + 0.0001, 5), "time_msc": NOW}
        answers += desk.react({"type": "tick_data", "data": tick}, NOW)
    return answers


def result(signal_id: str, status: str, ticket: int = 0, action: str = "BUY") -> dict:
    content = {
        "signal_id": signal_id,
        "status": status,
        "action": action,
        "symbol": "EURUSD",
        "volume": 0.5,
        "ticket": ticket,
        "reason": "",
        "detail": "",
    }
    return {"type": "trade_result", "data": content}


def positions(*tickets: int) -> dict:
    return {"type": "positions", "data": [{"ticket": ticket, "profit": 1.5} for ticket in tickets]}


def test_ticks_become_a_signal_with_everything_but_a_volume(desk):
    (signal,) = feed(desk)
    assert "trading_signal" == signal.kind
    assert ("demo-1", "EURUSD", "BUY") == tuple(signal.content[name] for name in ("id", "symbol", "action"))
    assert "2026-01-01T00:00:00.125Z" == signal.content["timestamp"]
    assert "volume" not in signal.content
    assert {"type": "trading_signal", "data": signal.content} == signal.envelope
    assert WARM_UP_TICKS == desk.ticks


def test_an_own_position_is_closed_once_it_is_old_enough_and_asked_for_again_if_need_be(desk):
    feed(desk)
    desk.react(result("demo-1", "filled", ticket=7), NOW)
    assert [] == desk.react(positions(7), NOW + 19_999)
    (close,) = desk.react(positions(7), NOW + 20_000)
    assert Outgoing("close_position", {"ticket": 7, "id": "demo-2"}) == close
    assert [] == desk.react(positions(7), NOW + 21_000)
    (again,) = desk.react(positions(7), NOW + 40_000)
    assert ("close_position", 7, "demo-3") == (again.kind, again.content["ticket"], again.content["id"])


def test_a_position_that_is_gone_is_forgotten(desk):
    feed(desk)
    desk.react(result("demo-1", "filled", ticket=7), NOW)
    assert [] == desk.react(positions(), NOW + 30_000)
    assert [] == desk.react(positions(7), NOW + 60_000)


def test_other_peoples_positions_are_left_alone(desk):
    desk.react(result("somebody-1", "filled", ticket=7), NOW)
    assert [] == desk.react(positions(7, 8), NOW + 100_000)


def test_a_result_that_comes_over_both_channels_counts_once(desk):
    for _ in range(2):
        desk.react(result("demo-1", "denied"), NOW)
    desk.react(result("demo-2", "denied"), NOW)
    assert {"denied": 2} == desk.results


def test_memory_of_results_has_a_bound(desk):
    for number in range(3 * REMEMBERED_MAX):
        desk.react(result(f"demo-{number}", "denied"), NOW)
    assert REMEMBERED_MAX == len(desk._told)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "account_info", "data": {"balance": 1.0, "equity": 2.0, "currency": "USD"}},
        {"type": "error", "data": {"reason": "not_json", "detail": "x", "of": "y"}},
        {"type": "bridge_status", "data": {}},
        {"type": "of_the_future", "data": {}},
    ],
)
def test_other_messages_are_taken_note_of_without_an_answer(desk, message):
    assert [] == desk.react(message, NOW)
