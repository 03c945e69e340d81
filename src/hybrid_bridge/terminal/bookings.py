"""The money paid into the account or out of it: what moves the equity and is neither profit nor loss.

Owns what the account's history says of it. A look at the account shows its figures and these bookings as of
one instant, for money that is in only one of them looks like a profit or a loss. Runs inside the worker only,
called by `session`.
"""

import time
from typing import TYPE_CHECKING, Any

from hybrid_bridge.terminal.package import Package, PackageError, row
from hybrid_bridge.terminal.rows import BookingRow

if TYPE_CHECKING:
    from hybrid_bridge.terminal.session import Log

# DEAL_TYPE_BALANCE, DEAL_TYPE_CREDIT, DEAL_TYPE_BONUS (MQL5 reference, ENUM_DEAL_TYPE).
BOOKING_TYPES = (2, 3, 6)
BOOKINGS_KEPT = 100
DAY_S = 86_400
LOOK_BACK_DAYS = 30
# The server's clock is ahead of or behind UTC by at most 14 hours.
CLOCK_SLACK_S = DAY_S
# The server's clock is set back by an hour once a year, and deals are booked a moment late.
OVERLAP_S = 2 * 3_600
# The terminal may show the new balance before the deal that made it.
SETTLING_S = 10.0
QUESTIONS_MAX = 3


class Bookings:
    """The latest deposits, withdrawals, credits and bonuses of one account."""

    def __init__(self) -> None:
        self._known: dict[int, BookingRow] = {}
        self._newest_deal_s = 0
        self._money: tuple[float, float] | None = None
        self._settled_at = 0.0
        self._failing = False

    @property
    def latest(self) -> list[BookingRow]:
        """What is known, oldest first."""
        return list(self._known.values())

    def catch_up(self, package: Package, log: "Log", account: Any) -> Any:
        """Ask the history for what is new, only when balance or credit have changed of late.

        Args:
            account: account_info's answer of just now.
        Returns:
            account_info's answer that goes with the bookings: the same, or one from after the question.
        Raises:
            PackageError: when the connection is gone. A history that does not answer otherwise is told, and
                asked again at the next look.
        """
        if _money(account) == self._money and time.monotonic() >= self._settled_at:
            return account
        for _ in range(QUESTIONS_MAX):
            asked_at = _money(account)
            if not self._ask(package, log):
                return account
            self._note(asked_at)
            account = package.call("account_info")
            if _money(account) == asked_at:
                break
        return account

    def _note(self, money: tuple[float, float]) -> None:
        if money != self._money:
            self._money = money
            self._settled_at = time.monotonic() + SETTLING_S

    def _ask(self, package: Package, log: "Log") -> bool:
        now_s = int(time.time())
        from_s = self._newest_deal_s - OVERLAP_S if self._newest_deal_s else now_s - LOOK_BACK_DAYS * DAY_S
        try:
            deals = package.call("history_deals_get", from_s, max(now_s, from_s) + CLOCK_SLACK_S)
        except PackageError as error:
            if package.link_lost:
                raise
            if not self._failing:
                log("warning", "The history does not tell whether money was paid in or out", error=str(error))
            self._failing = True
            return False
        self._failing = False
        self._learn(deals)
        return True

    def _learn(self, deals: Any) -> None:
        self._newest_deal_s = max((deal.time for deal in deals), default=self._newest_deal_s)
        found = {deal.ticket: row(BookingRow, deal) for deal in deals if deal.type in BOOKING_TYPES}
        ordered = sorted((self._known | found).values(), key=_place)
        self._known = {booking.ticket: booking for booking in ordered[-BOOKINGS_KEPT:]}


def _place(booking: BookingRow) -> tuple[int, int]:
    return booking.time_msc, booking.ticket


def _money(account: Any) -> tuple[float, float]:
    return account.balance, account.credit
