"""What the risk guard's checks are asked about: one entry, with the limits and the state, and the facts.

Values and what follows from them alone; every module of the guard builds on it, it builds on none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import OrderState
from hybrid_bridge.core.requests import own_number
from hybrid_bridge.core.state import EngineState, OrderRecord

CLOCK_TOLERANCE_MS = 2_000  # A quote or a sender's clock may be this far ahead of ours.


@dataclass(frozen=True, slots=True)
class Case:
    """One entry before the guard.

    Attributes:
        server_day: the broker's calendar day now; None while its clock is unknown.
    """

    signal: SignalReceived
    state: EngineState
    limits: Limits
    now_msc: int
    server_day: int | None


@dataclass(frozen=True, slots=True)
class AppraisedCase(Case):
    """One entry together with what the terminal says of it."""

    appraisal: Appraisal

    @property
    def report(self) -> AccountReport:
        """The account at the moment of the appraisal."""
        return self.appraisal.report


Check = Callable[[Case], Denial | None]
AppraisedCheck = Callable[[AppraisedCase], Denial | None]


def unseen_orders(case: AppraisedCase) -> list[OrderRecord]:
    """Return the orders that may hold a position which the look at the account does not show."""
    return find_unseen(case.state, case.limits, case.report, case.now_msc)


def find_unseen(state: EngineState, limits: Limits, report: AccountReport, now_msc: int) -> list[OrderRecord]:
    """Return the orders that may have done what a look at the account does not show.

    Those in doubt, fills of a moment ago, and entries that wait at the venue without being listed there.
    """
    placed = [record for record in state.watched.values() if record.state is OrderState.PLACED]
    if placed:
        listed = {own_number(limits.magic, order.magic) for order in report.orders}
        placed = [record for record in placed if record.intent.number not in listed]
    return [*state.in_doubt(), *state.unshown_fills(now_msc), *placed]
