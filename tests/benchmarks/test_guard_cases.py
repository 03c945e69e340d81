"""What the guard's cost is measured on is what it is called."""

import pytest
from scripts.benchmarks.guard import decoded, decoded_floor, floor, guard
from scripts.benchmarks.guard_cases import POSITIONS, Case, every_case, make_case

from hybrid_bridge.core.events import IntentDenied, OrderApproved


@pytest.mark.parametrize("case", tuple(every_case()), ids=lambda case: case.name)
def test_a_case_ends_as_it_is_named_and_nothing_in_it_is_news(case: Case) -> None:
    for events in (guard(case), decoded(case)):
        kinds = [type(event) for event in events]  # type: ignore[attr-defined]

        assert (OrderApproved in kinds, IntentDenied in kinds) == (case.approved, not case.approved)
        assert len(kinds) == (3 if case.approved else 2)


@pytest.mark.parametrize("count", POSITIONS)
def test_as_many_positions_are_open_as_the_name_says(count: int) -> None:
    case = make_case(count)

    assert count == len(case.appraisal.report.positions) == len(case.state.positions)
    assert count == len(case.state.unsettled)


def test_the_floor_makes_the_same_request_without_a_guard() -> None:
    case = make_case(0)

    assert floor(case) == decoded_floor(case)
    assert floor(case).symbol == "EURUSD"
    assert floor(case).volume == case.spec.volume_min
