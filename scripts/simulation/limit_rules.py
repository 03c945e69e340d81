"""The rules on what orders may lose: each alone, all together, by currency, and the margin that they tie up.

Independent of the engine: everything is reckoned anew from the trade server's account at the moment at which
an order reached it. Where an outsider cannot tell what the bridge knew, the rule takes what speaks for the
bridge.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.simulation.case import Case, Failure, in_force
from scripts.simulation.evidence import Executed
from scripts.simulation.market import POINTS
from scripts.simulation.money import Holding, Snapshot, legs_of, loss_at_stop, loss_between

SHARE = 1.003  # A rate that moved between the question and the order.
SEEN_S = 20.0  # So long a position that somebody else opened may go unseen.
APPRAISED_S = 30.0  # An order may reach the terminal so long after what it was judged on.
DOUBT_S = 60.0  # So long it may not be known what became of a close.


@dataclass(frozen=True, slots=True)
class Entry:
    """One request to open something, with the account as it found it."""

    key: str
    executed: Executed
    before: Snapshot

    @property
    def at_s(self) -> float:
        """When it reached the terminal."""
        return self.executed.arrival.at_s

    @property
    def holding(self) -> Holding:
        """What it is when filled at the price that it names."""
        request = self.executed.arrival.request
        buy = request.type % 2 == 0
        return Holding(request.symbol, buy, request.volume, request.price, request.sl, self.at_s, own=True)


def entries_with_account(case: Case) -> Iterator[Entry]:
    """Return every entry that reached the terminal; none where the terminal hid what there was."""
    if case.views_hidden:
        return
    for key, requests in case.evidence.entries.items():
        for executed in requests:
            if executed.arrival.before is not None:
                yield Entry(key, executed, executed.arrival.before)


def best_equity(case: Case, entry: Entry) -> float:
    """Return the most that the account was worth while the entry was judged and sent."""
    return max(entry.before.equity, case.money.best_equity(entry.at_s, APPRAISED_S))


def known(holdings: tuple[Holding, ...], at_s: float) -> list[Holding]:
    """Return those that the bridge must count: its own, and what others opened a while ago."""
    return [held for held in holdings if held.own or held.since_s < at_s - SEEN_S]


def risk_inside(case: Case) -> Iterator[Failure]:
    """No entry loses more at its stop than the share of equity that may be lost."""
    for entry in entries_with_account(case):
        percent, wanted = in_force(case, "max_risk_percent", entry.at_s), entry.holding
        if not wanted.stop_loss or percent is None:
            continue
        reserve = case.settings.slippage_reserve_points * POINTS[wanted.symbol]
        distance = abs(wanted.price_open - wanted.stop_loss) + reserve
        lost = loss_between(wanted.symbol, wanted.volume, distance, wanted.stop_loss)
        allowed = best_equity(case, entry) * percent / 100
        if lost > allowed * SHARE:
            yield Failure("limit", entry.key, f"loses {lost:.2f} at its stop, {allowed:.2f} permitted")


def open_risk_inside(case: Case) -> Iterator[Failure]:
    """All that is open loses no more at its stops than may be lost at once."""
    percent = case.settings.max_open_risk_percent
    if percent is None:
        return
    for entry in entries_with_account(case):
        held = known(entry.before.positions + entry.before.waiting, entry.at_s)
        losses = [loss_at_stop(holding, entry.before.bids[holding.symbol]) for holding in held]
        own = loss_at_stop(entry.holding, entry.before.bids[entry.holding.symbol])
        allowed = best_equity(case, entry) * percent / 100
        if own is None or None in losses:
            yield Failure("limit", entry.key, "sent while something open had no stop")
        elif sum(loss for loss in losses if loss is not None) + own > allowed * SHARE:
            total = sum(loss for loss in losses if loss is not None) + own
            yield Failure("limit", entry.key, f"{total:.2f} at risk at once, {allowed:.2f} permitted")


def exposure_inside(case: Case) -> Iterator[Failure]:
    """No entry takes a currency's exposure beyond the limit, or beyond where it was."""
    percent = case.settings.max_exposure_percent
    if percent is None:
        return
    for entry in entries_with_account(case):
        allowed = best_equity(case, entry) * percent / 100
        certain, everything = known(entry.before.positions, entry.at_s), list(entry.before.positions)
        doubtful = _closing_lots(case, entry)
        found = [_over_exposed(entry, held, allowed, doubtful) for held in (certain, everything)]
        if all(found):
            yield Failure("limit", entry.key, found[0])


def _closing_lots(case: Case, entry: Entry) -> float:
    """Return the lots of the symbol that closes of late may have taken, or not."""
    return sum(
        request.arrival.request.volume
        for requests in case.evidence.closes.values()
        for request in requests
        if request.arrival.request.symbol == entry.holding.symbol
        and entry.at_s - DOUBT_S < request.arrival.at_s < entry.at_s
    )


def _over_exposed(entry: Entry, held: list[Holding], allowed: float, doubtful: float) -> str:
    legs: dict[str, float] = {}
    for holding in held:
        for currency, worth in _legs(holding, entry.before).items():
            legs[currency] = legs.get(currency, 0.0) + worth
    for currency, worth in _legs(entry.holding, entry.before).items():
        net = legs.get(currency, 0.0)
        slack = abs(worth) / entry.holding.volume * doubtful
        if abs(net + worth) > max(allowed, abs(net) + slack) * SHARE:
            return f"{currency} exposed by {abs(net + worth):.0f}, {allowed:.0f} permitted"
    return ""


def _legs(holding: Holding, account: Snapshot) -> dict[str, float]:
    return legs_of(holding.symbol, holding.buy, holding.volume, account.bids[holding.symbol])


def margin_inside(case: Case) -> Iterator[Failure]:
    """No entry takes the margin level below the limit."""
    least = case.settings.min_margin_level_percent
    if least is None:
        return
    for entry in entries_with_account(case):
        equity = best_equity(case, entry)
        # Opposite positions may cover each other: the entry alone is what it blocks at the least.
        used = max(entry.before.added_margin, entry.before.margin)
        if equity / used * 100 < least / SHARE:
            yield Failure(
                "limit", entry.key, f"margin level {equity / used * 100:.0f} %, {least:g} % at least"
            )


RULES = (risk_inside, open_risk_inside, exposure_inside, margin_inside)
