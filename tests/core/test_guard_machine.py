"""The whole guard under any order of signals, fills, prices, looks, payments and restarts.

GUARD_EXAMPLES=20000 in the environment tries other, and more, runs than the suite does.
"""

import os

from hypothesis import Phase
from tests.core.examples import ALONE, examples, marks
from tests.core.guard_machine import GuardMachine

SEARCHED = "GUARD_EXAMPLES"
pytestmark = marks(SEARCHED)


class TestTheGuardUnderAnyOrderOfEvents(GuardMachine.TestCase):  # type: ignore[misc, name-defined]
    """Runs the machine; its rules and invariants are the tests."""

    # Making a failure as short as can be takes minutes.
    settings = examples(
        SEARCHED,
        220,
        stateful_step_count=40,
        phases=[Phase.generate, *([Phase.shrink] if SEARCHED in os.environ else [])],
    )


def test_the_suite_s_examples_are_drawn_where_no_other_test_has_loaded_anything() -> None:
    assert SEARCHED in os.environ or "test_the_suite_s_examples" in os.environ.get(ALONE, "")
