"""The whole guard under any order of signals, fills, prices, looks, payments and restarts."""

import os

from hypothesis import HealthCheck, Phase, settings
from tests.core.guard_machine import GuardMachine

EXAMPLES = int(os.environ.get("GUARD_EXAMPLES", "220"))


class TestTheGuardUnderAnyOrderOfEvents(GuardMachine.TestCase):  # type: ignore[misc, name-defined]
    """Runs the machine; its rules and invariants are the tests."""

    settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=40,
        deadline=None,
        # Making a failure as short as can be takes minutes.
        phases=[Phase.generate, *([Phase.shrink] if "GUARD_EXAMPLES" in os.environ else [])],
        derandomize="GUARD_EXAMPLES" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
