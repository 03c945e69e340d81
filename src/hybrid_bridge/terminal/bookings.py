"""The money paid into the account or out of it: what moves the equity and is neither profit nor loss.

Owns what the account's history says of it, and whether its deals explain how the money has moved: money
whose booking is not seen yet looks like a profit or a loss. Runs inside the worker only, called by `session`.
"""

import math
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
# The server's clock is set back by an hour once a year, and deals are booked a moment late. A busy day has
# thousands of deals in that time: they are gone through where the newest do not explain the money, and now
# and then, and never by one order after the other.
OVERLAP_S = 2 * 3_600
WHOLE_OVERLAP_EVERY_S = 600.0
WHOLE_OVERLAP_PAUSE_S = 1.0
# The terminal may show money before the deal that moved it; longer than this it is not waited for.
PATIENCE_S = 60.0
QUESTIONS_MAX = 3
# What adding up a month's deals in binary may leave; far less than the smallest unit of any currency.
NOISE_SHARE, NOISE = 1e-10, 1e-6


class Bookings:
    """The latest deposits, withdrawals, credits and bonuses of one account."""

    def __init__(self) -> None:
        self._known: dict[int, BookingRow] = {}
        self._deal_times: dict[int, int] = {}
        self._newest_deal_s = 0
        # Balance and credit when they were explained last, and what deals seen since have moved.
        self._base: float | None = None
        self._moved = 0.0
        self._curious_until = 0.0
        self._whole_overlap_at = -math.inf
        self._patient_until: float | None = None
        self._adds_up = True
        self._failing = False

    @property
    def latest(self) -> list[BookingRow]:
        """What is known, oldest first."""
        return list(self._known.values())

    @property
    def explained(self) -> bool:
        """Whether deals account for what the money has moved by; held to be so where they never add up."""
        return self._patient_until is None or not self._adds_up

    def catch_up(self, package: Package, log: "Log", account: Any) -> Any:
        """Ask the history for what is new, when balance or credit have moved and until that is explained.

        Args:
            account: account_info's answer of just now.
        Returns:
            account_info's answer that goes with the bookings: the same, or one from after the question.
        Raises:
            PackageError: when the connection is gone. A history that does not answer otherwise is told, and
                asked again at the next look.
        """
        if not self._is_due(_money(account)):
            return account
        is_short = self._is_short_enough()
        account = self._question(package, log, account, 0 if is_short else OVERLAP_S)
        if is_short and not self._explains(_money(account)) and self._is_whole_due(WHOLE_OVERLAP_PAUSE_S):
            account = self._question(package, log, account, OVERLAP_S)
        self._weigh(_money(account), log)
        return account

    def _is_short_enough(self) -> bool:
        """Tell whether to ask for the deals from the newest known one on and no earlier ones."""
        doubtful = self._failing or self._patient_until is not None or time.monotonic() < self._curious_until
        pause_s = WHOLE_OVERLAP_PAUSE_S if doubtful else WHOLE_OVERLAP_EVERY_S
        return self._newest_deal_s > 0 and not self._is_whole_due(pause_s)

    def _is_whole_due(self, pause_s: float) -> bool:
        return time.monotonic() >= self._whole_overlap_at + pause_s

    def _question(self, package: Package, log: "Log", account: Any, overlap_s: int) -> Any:
        """Ask until the answer goes with the money, or the money stands still around it.

        Returns:
            account_info's answer that goes with the deals.
        """
        for _ in range(QUESTIONS_MAX):
            asked_at = _money(account)
            if not self._ask(package, log, overlap_s) or self._accounts_for(asked_at):
                break
            account = package.call("account_info")
            if _money(account) == asked_at:
                break
        return account

    def _is_due(self, money: float) -> bool:
        curious = time.monotonic() < self._curious_until
        return money != self._base or curious or self._patient_until is not None or self._failing

    def _ask(self, package: Package, log: "Log", overlap_s: int) -> bool:
        now_s = int(time.time())
        from_s = self._newest_deal_s - overlap_s if self._newest_deal_s else now_s - LOOK_BACK_DAYS * DAY_S
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
        if overlap_s:
            # What no question reaches back to any more needs not be told from what is new.
            self._deal_times = {ticket: at for ticket, at in self._deal_times.items() if at >= from_s}
            self._whole_overlap_at = time.monotonic()
        self._learn(deals)
        return True

    def _learn(self, deals: Any) -> None:
        fresh = [deal for deal in deals if deal.ticket not in self._deal_times]
        # Also what this answer lacks: a history may come late, and a deal counts once.
        self._deal_times |= {deal.ticket: deal.time for deal in fresh}
        self._newest_deal_s = max([self._newest_deal_s, *(deal.time for deal in fresh)])
        self._moved += math.fsum(deal.profit + deal.commission + deal.swap + deal.fee for deal in fresh)
        found = {deal.ticket: row(BookingRow, deal) for deal in fresh if deal.type in BOOKING_TYPES}
        ordered = sorted((self._known | found).values(), key=_place)
        self._known = {booking.ticket: booking for booking in ordered[-BOOKINGS_KEPT:]}

    def _weigh(self, money: float, log: "Log") -> None:
        """Compare how the money has moved with what deals have moved."""
        now_s = time.monotonic()
        if self._base is None:
            # What moved before the first answer is not known, and its deals may come late.
            self._curious_until = now_s + PATIENCE_S
            if not self._failing:
                self._settle(money)
        elif self._explains(money):
            self._adds_up = self._adds_up or money != self._base
            self._settle(money)
        elif self._patient_until is None:
            self._patient_until = now_s + PATIENCE_S
        elif now_s >= self._patient_until:
            log("warning", "No deal explains how the money on the account has moved", by=money - self._base)
            self._adds_up = False
            self._settle(money)

    def _explains(self, money: float) -> bool:
        """Tell whether the deals known account for the money, or it is back where it was."""
        return self._base is not None and (money == self._base or self._accounts_for(money))

    def _accounts_for(self, money: float) -> bool:
        """Tell whether the deals known are those that this money has in it."""
        if self._base is None:
            return False
        return math.isclose(money - self._base, self._moved, abs_tol=NOISE + NOISE_SHARE * abs(money))

    def _settle(self, money: float) -> None:
        self._base = money
        self._moved = 0.0
        self._patient_until = None


def _money(account: Any) -> float:
    money: float = account.balance + account.credit
    return money


def _place(booking: BookingRow) -> tuple[int, int]:
    return booking.time_msc, booking.ticket
