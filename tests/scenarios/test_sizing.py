"""What sized orders lose at their stops, by the simulated exchange's ledger: never more than they may.

For every kind of symbol, three account currencies, both sides, with and without slippage. The table of it is
printed by `scripts/size`.
"""

import pytest
from scripts.sizing.comparison import DISTANCES, SLIPS, compare
from scripts.sizing.kinds import ACCOUNTS, KINDS, WORTHLESS_KIND
from scripts.sizing.run import row

pytestmark = pytest.mark.scenario


@pytest.mark.parametrize("kind", ACCOUNTS, ids=lambda kind: kind.currency)
async def test_no_stop_costs_more_than_the_risk_and_no_step_more_would_fit(kind, tmp_path):
    trials = await compare(kind, tmp_path)
    unsound = ["  ".join(row(trial)) + trial.denial for trial in trials if not trial.is_sound]
    assert not unsound, "\n".join(unsound)
    assert len(trials) == len(KINDS) * 2 * len(DISTANCES) * len(SLIPS)
    sent = {(trial.symbol, trial.side) for trial in trials if not trial.denial}
    assert len(sent) == (len(KINDS) - 1) * 2
    denials = {trial.denial for trial in trials if trial.kind == WORTHLESS_KIND}
    assert all(denial.startswith("risk_per_trade: saw not calculable") for denial in denials)
