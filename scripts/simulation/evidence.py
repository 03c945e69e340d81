"""What the judge goes by: the exchange's own ledger, the requests that reached it, and what the bridge told.

Owns the joining of the three, from outside: a request belongs to the signal that its comment names, a deal to
the request whose order the venue numbered. Nothing of the bridge's own memory is read.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.simulation.backend import Told
from scripts.simulation.orders import is_entry
from scripts.simulation.terminal import Arrival

ENTRY_IN, ENTRY_OUT, ENTRY_INOUT = 0, 1, 2
LOTS = 1e-8  # Below any volume step.


@dataclass(frozen=True, slots=True)
class LedgerDeal:
    """One line of the exchange's ledger.

    Attributes:
        result: profit, commission and swap together.
    """

    deal: int
    order: int
    position: int
    entry: int
    volume: float
    utc_ms: int
    result: float = 0.0


@dataclass(slots=True)
class Executed:
    """One request with the deals that came of it."""

    arrival: Arrival
    deals: list[LedgerDeal] = field(default_factory=list)

    @property
    def volume(self) -> float:
        """Lots that were dealt."""
        return sum(deal.volume for deal in self.deals)


@dataclass(slots=True)
class Evidence:
    """All of it.

    Attributes:
        entries: requests that open, by the signal that their comment names.
        closes: requests that close, by the position's ticket.
        told: results per signal id and channel, in the order of their arrival.
    """

    deals: list[LedgerDeal]
    entries: dict[str, list[Executed]]
    closes: dict[int, list[Executed]]
    told: dict[str, dict[str, list[dict[str, Any]]]]

    def last_told(self, key: str, channel: str) -> dict[str, Any] | None:
        """Return the last result of a signal on a channel, repetitions of old news left out."""
        results = [row for row in self.told.get(key, {}).get(channel, []) if row["status"] != "duplicate"]
        return results[-1] if results else None

    def executed(self, key: str) -> float:
        """Return the lots that were opened for a signal."""
        return sum(request.volume for request in self.entries.get(key, []))


def read_ledger(path: Path) -> list[LedgerDeal]:
    """Read the exchange's ledger."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        LedgerDeal(
            row["deal"], row["order"], row["position"], row["entry"], row["volume"], row["utc_msc"],
            row["profit"] + row["commission"] + row["swap"],
        )
        for row in rows
    ]  # fmt: skip


def signal_of(comment: str) -> str:
    """Return the signal that a request's comment names."""
    return comment.partition(" #")[0]


def gather(deals: list[LedgerDeal], arrivals: list[Arrival], told: list[Told]) -> Evidence:
    """Join ledger, requests and results."""
    by_order: dict[int, Executed] = {}
    entries: dict[str, list[Executed]] = defaultdict(list)
    closes: dict[int, list[Executed]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.stranger:
            continue
        executed = Executed(arrival)
        by_order.update({result.order: executed for result in arrival.results if result.order})
        if is_entry(arrival.request):
            entries[signal_of(arrival.request.comment)].append(executed)
        elif arrival.request.position and arrival.request.action == 1:
            closes[arrival.request.position].append(executed)
    for deal in deals:
        if deal.order in by_order:
            by_order[deal.order].deals.append(deal)
    return Evidence(deals, dict(entries), dict(closes), _results(told))


def _results(told: list[Told]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for message in told:
        envelope = json.loads(message.body)
        if envelope["type"] == "trade_result":
            row = envelope["data"]
            found.setdefault(row["signal_id"], {}).setdefault(message.channel, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """A position's life, UTC milliseconds; `closed_ms` is None while it is open."""

    position: int
    opened_ms: int
    closed_ms: int | None
    order: int


def positions(deals: list[LedgerDeal]) -> list[Span]:
    """Return every position that the ledger shows, with its life."""
    volumes: dict[int, float] = {}
    spans: dict[int, Span] = {}
    for deal in deals:
        if deal.entry == ENTRY_IN:
            if abs(volumes.get(deal.position, 0.0)) < LOTS:
                spans[deal.position] = Span(deal.position, deal.utc_ms, None, deal.order)
            volumes[deal.position] = volumes.get(deal.position, 0.0) + deal.volume
        elif deal.entry == ENTRY_INOUT:
            volumes[deal.position] = abs(deal.volume - volumes.get(deal.position, 0.0))
            spans[deal.position] = Span(deal.position, deal.utc_ms, None, deal.order)
        else:
            volumes[deal.position] = volumes.get(deal.position, 0.0) - deal.volume
            if volumes[deal.position] < LOTS and deal.position in spans:
                before = spans[deal.position]
                spans[deal.position] = Span(before.position, before.opened_ms, deal.utc_ms, before.order)
    return list(spans.values())
