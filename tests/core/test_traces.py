"""How much of an order a look at the terminal shows as filled."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import MAGIC_BASE, NOW, make_intent, make_order, make_pending, make_position

from hybrid_bridge.core.account import Deal, HistoricOrder
from hybrid_bridge.core.appraisal import Findings
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind
from hybrid_bridge.core.requests import make_magic
from hybrid_bridge.core.traces import Trace, trace_of

MAGIC = make_magic(MAGIC_BASE, 1)
DEAL = Deal(801, 700, 700, "EURUSD", Side.BUY, 0, 0.04, 1.1, 0.0, 0.0, 0.0, MAGIC, "ai #1", NOW)
ENDED = HistoricOrder(700, 700, "EURUSD", 4, 0.1, 0.06, MAGIC, "ai #1")
HELD = make_position(ticket=700, volume=0.1, magic=MAGIC)


def trace(kind: IntentKind = IntentKind.ENTRY, **found: Any) -> Trace:
    """Return the trace of an order for 0.1 lots."""
    intent = make_intent(kind=kind, comment="ai")
    findings = replace(Findings(True, None, (), (), (), (), NOW), **found)
    return trace_of(intent, make_order(intent).request, findings)


@pytest.mark.parametrize(
    ("found", "volume"),
    [
        ({}, 0.0),
        ({"deals": (DEAL, replace(DEAL, ticket=802, volume=0.05))}, 0.09),
        ({"deals": (DEAL,), "history_orders": (ENDED,)}, 0.04),
        ({"deals": (DEAL,), "history_orders": (replace(ENDED, volume_current=0.0),)}, 0.1),
        ({"deals": (DEAL,), "positions": (HELD,)}, 0.1),
        ({"positions": (replace(HELD, volume=0.03),)}, 0.03),
        ({"positions": (replace(HELD, volume=1.3),)}, 0.1),
        ({"deals": (DEAL,), "positions": (replace(HELD, volume=1.3),)}, 0.04),
        ({"deals": (replace(DEAL, magic=MAGIC + 1),)}, 0.0),
    ],
    ids=[
        "nothing",
        "several deals",
        "deals and an order that agree",
        "an order that says more than the deals shown",
        "a position that shows more than the deals shown",
        "a position alone",
        "a netting position that holds more, alone",
        "a netting position that holds more, beside a deal",
        "the next intent's deal",
    ],
)
def test_the_volume_is_the_most_that_anything_of_its_own_shows(found: dict[str, Any], volume: float) -> None:
    assert trace(**found).volume == pytest.approx(volume)


def test_a_close_is_not_measured_by_the_position_it_closes() -> None:
    assert trace(IntentKind.CLOSE, positions=(HELD,)).volume == 0.0


def test_an_order_is_complete_once_it_has_ended_and_its_deals_add_up() -> None:
    assert [False, False, True] == [
        trace(deals=(DEAL,)).complete,
        trace(history_orders=(ENDED,)).complete,
        trace(deals=(DEAL,), history_orders=(ENDED,)).complete,
    ]


def test_the_ticket_is_the_position_s_and_until_there_is_one_the_order_s() -> None:
    waiting = make_pending(ticket=655, magic=MAGIC)

    assert [0, 655, 700, 700] == [
        trace().ticket,
        trace(orders=(waiting,)).ticket,
        trace(history_orders=(ENDED,)).ticket,
        trace(deals=(DEAL,), orders=(waiting,)).ticket,
    ]


@pytest.mark.parametrize(("state", "ended_unfilled"), [(2, True), (4, False), (5, True), (6, True)])
def test_cancelled_rejected_and_expired_without_a_fill_is_no_fill(state: int, ended_unfilled: bool) -> None:
    assert (
        ended_unfilled
        == trace(history_orders=(replace(ENDED, state=state, volume_current=0.1),)).ended_unfilled
    )
    assert not trace(history_orders=(replace(ENDED, state=state),)).ended_unfilled


def test_a_stop_that_closed_the_position_since_is_no_part_of_what_opened_it() -> None:
    entry = replace(ENDED, volume_current=0.0)
    stopped = replace(entry, ticket=705, volume_initial=0.04)
    closing = replace(DEAL, ticket=803, order=705, side=Side.SELL, entry=1, volume=0.04)
    found = trace(deals=(DEAL, closing), history_orders=(stopped, entry))
    assert (0.04, (DEAL,), entry) == (found.dealt, found.deals, found.ended)


def test_an_entry_that_made_a_netting_position_smaller_is_a_fill_all_the_same() -> None:
    assert trace(deals=(replace(DEAL, entry=1),)).dealt == pytest.approx(0.04)
