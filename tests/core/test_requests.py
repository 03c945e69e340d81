"""Trade requests: the filling table, stops always in pairs, comments in UTF-16 units, magics of their own."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.core.builders import make_intent, make_position, make_quote, make_spec

from hybrid_bridge.core.market import ExecutionMode, Side
from hybrid_bridge.core.orders import IntentKind, OrderRequest
from hybrid_bridge.core.requests import (
    COMMENT_CHARS_MAX,
    cancel_request,
    choose_filling,
    close_request,
    entry_request,
    make_comment,
    make_magic,
    modify_request,
    own_number,
    permitted_fillings,
    split_magic,
)

FOK, IOC, RETURN = 0, 1, 2
REQUEST, INSTANT, MARKET, EXCHANGE = ExecutionMode


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("execution", "flags", "expected"),
    [
        (REQUEST, 0, FOK),
        (REQUEST, 1, FOK),
        (REQUEST, 2, FOK),
        (REQUEST, 3, FOK),
        (INSTANT, 0, FOK),
        (INSTANT, 2, FOK),
        (MARKET, 1, FOK),
        (MARKET, 2, IOC),
        (MARKET, 3, FOK),
        (MARKET, 0, RETURN),
        (MARKET, 4, RETURN),
        (MARKET, 6, IOC),
        (EXCHANGE, 0, RETURN),
        (EXCHANGE, 1, FOK),
        (EXCHANGE, 2, IOC),
        (EXCHANGE, 3, FOK),
    ],
)
def test_the_filling_is_one_that_the_symbol_permits(
    execution: ExecutionMode, flags: int, expected: int
) -> None:
    assert choose_filling(make_spec(execution_mode=int(execution), filling_mode=flags)) == expected


@pytest.mark.parametrize(
    ("execution", "flags", "expected"),
    [
        (REQUEST, 0, (FOK,)),
        (INSTANT, 3, (FOK, IOC)),
        (MARKET, 0, (RETURN,)),
        (MARKET, 1, (FOK,)),
        (MARKET, 3, (FOK, IOC)),
        (MARKET, 2, (IOC,)),
        (EXCHANGE, 0, (RETURN,)),
        (EXCHANGE, 3, (FOK, IOC, RETURN)),
        (EXCHANGE, 2, (IOC, RETURN)),
    ],
)
def test_every_filling_that_the_symbol_permits_is_known(
    execution: ExecutionMode, flags: int, expected: tuple[int, ...]
) -> None:
    assert permitted_fillings(make_spec(execution_mode=int(execution), filling_mode=flags)) == expected


@pytest.mark.parametrize(("base", "number"), [(1, 1), (234_000, 1_790_000_000), (2**31 - 1, 2**32 - 1)])
def test_a_magic_tells_what_it_was_made_of(base: int, number: int) -> None:
    assert split_magic(make_magic(base, number)) == (base, number)


def test_a_number_is_our_own_under_our_base_alone() -> None:
    assert own_number(234_000, make_magic(234_000, 7)) == 7
    assert own_number(234_000, make_magic(234_001, 7)) == 0
    assert own_number(234_000, 234_000) == 0


def test_a_buy_enters_at_the_ask_and_a_sell_at_the_bid() -> None:
    quote, spec = make_quote(bid=1.1, ask=1.1001), make_spec()

    buy = entry_request(make_intent(side=Side.BUY), 0.1, spec, quote, 5)
    sell = entry_request(make_intent(side=Side.SELL), 0.1, spec, quote, 5)

    assert (buy.type, buy.price) == (0, 1.1001)
    assert (sell.type, sell.price) == (1, 1.1)


def test_an_entry_carries_every_field_that_the_venue_needs() -> None:
    intent = make_intent(number=26, stop_loss=1.098104, take_profit=1.105006, comment="momentum")

    assert entry_request(intent, 0.25, make_spec(), make_quote(), 77) == OrderRequest(
        action=1,
        symbol="EURUSD",
        volume=0.25,
        price=1.1001,
        sl=1.0981,
        tp=1.10501,
        deviation=10,
        type=0,
        type_filling=FOK,
        magic=77,
        comment="momentum #1a",
    )


def test_an_entry_without_a_side_is_refused() -> None:
    with pytest.raises(ValueError, match="intent 3 is an entry without a side"):
        entry_request(make_intent(number=3, side=None), 0.1, make_spec(), make_quote(), 5)


@pytest.mark.parametrize(("side", "type_", "price"), [(Side.BUY, 1, 1.1), (Side.SELL, 0, 1.1001)])
def test_a_close_is_the_opposite_deal_named_by_its_ticket(side: Side, type_: int, price: float) -> None:
    intent = make_intent(number=2, kind=IntentKind.CLOSE, ticket=500)
    position = make_position(side=side)

    request = close_request(intent, position, 0.2, make_spec(), make_quote(), 77)

    assert (request.action, request.position, request.type, request.price) == (1, 500, type_, price)
    assert (request.symbol, request.volume, request.magic, request.comment) == ("EURUSD", 0.2, 77, "#2")
    assert (request.sl, request.tp, request.type_filling) == (0.0, 0.0, FOK)


def test_entry_and_close_are_filled_as_the_symbol_permits_and_may_slip_ten_points() -> None:
    spec = make_spec(filling_mode=2)
    close = make_intent(kind=IntentKind.CLOSE, ticket=500)

    opened = entry_request(make_intent(), 0.1, spec, make_quote(), 77)
    closed = close_request(close, make_position(), 0.1, spec, make_quote(), 77)

    assert [(request.type_filling, request.deviation) for request in (opened, closed)] == [
        (IOC, 10),
        (IOC, 10),
    ]


@pytest.mark.parametrize(("stop_loss", "take_profit"), [(1.09, 1.12), (1.09, 0.0), (0.0, 1.12), (0.0, 0.0)])
def test_a_change_sends_both_stops(stop_loss: float, take_profit: float) -> None:
    intent = make_intent(kind=IntentKind.MODIFY, stop_loss=stop_loss, take_profit=take_profit, ticket=500)

    request = modify_request(intent, make_position(), make_spec(), 77)

    assert (request.action, request.position, request.symbol, request.magic) == (6, 500, "EURUSD", 77)
    assert (request.sl, request.tp) == (stop_loss, take_profit)


def test_a_cancellation_names_the_order() -> None:
    intent = make_intent(kind=IntentKind.CANCEL, ticket=900)

    assert cancel_request(intent, 77) == OrderRequest(action=8, order=900, magic=77)


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("", 1, "#1"),
        ("   ", 1, "#1"),
        ("scalper", 255, "scalper #ff"),
        ("x" * 25, 1, "x" * 25 + " #1"),
        ("x" * 26, 1, "x" * 25 + " #1"),
        ("x" * 500, 2**32 - 1, "x" * 18 + " #ffffffff"),
        ("\N{ROCKET}" * 12, 1, "\N{ROCKET}" * 12 + " #1"),
        # Thirteen rockets are 26 units, one too many: half a rocket must not be sent.
        ("\N{ROCKET}" * 13, 1, "\N{ROCKET}" * 12 + " #1"),
        ("\ud800", 1, "#1"),
        ("a\x00b\nc", 1, "a b c #1"),
    ],
)
def test_a_comment_keeps_the_id_and_as_much_text_as_fits(text: str, number: int, expected: str) -> None:
    assert make_comment(text, number) == expected


@given(text=st.text(max_size=80), number=st.integers(1, 2**32 - 1))
@example("\N{ROCKET}" * 14, 16)
def test_a_comment_is_never_longer_than_the_terminal_takes(text: str, number: int) -> None:
    comment = make_comment(text, number)

    assert utf16_units(comment) <= COMMENT_CHARS_MAX
    assert comment.endswith(f"#{number:x}")


@given(base=st.integers(1, 2**31 - 1), numbers=st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=5))
@example(2**31 - 1, [2**32 - 1, 1])
def test_magics_are_unique_and_fit_a_signed_long(base: int, numbers: list[int]) -> None:
    magics = [make_magic(base, number) for number in numbers]

    assert len(set(magics)) == len(numbers)
    assert all(0 < magic < 2**63 and magic >> 32 == base for magic in magics)
