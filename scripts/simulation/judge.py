"""The judgement of one seed: was anything lost, doubled, left unexplained, or done against the limits?

Owns the collecting of what the rules go by. `what_is_open` alone looks into the living bridge, to know when
to stop waiting; what it says counts only when the bound has passed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.simulation.case import Case, Failure
from scripts.simulation.evidence import gather, read_ledger
from scripts.simulation.loss_rules import flattened_after_breach
from scripts.simulation.rules import as_told, cleared_after_stop, closes_once, judge_case

if TYPE_CHECKING:
    from scripts.simulation.life import Life
    from scripts.simulation.world import World


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found."""

    failures: tuple[Failure, ...]
    fills: int


def judge(world: "World", life: "Life", unhandled: list[str]) -> Verdict:
    """Judge a seed at its end."""
    case = make_case(world)
    failures = judge_case(case)
    open_still = what_is_open(world, life)
    if open_still:
        failures.append(Failure("unconverged", "", open_still))
    failures += [Failure("broken", "", text) for text in dict.fromkeys(unhandled)]
    if life.ended_by is not None:
        failures.append(Failure("broken", "", f"the bridge ended: {life.ended_by!r}"))
    fills = sum(1 for requests in case.evidence.entries.values() for request in requests if request.volume)
    return Verdict(tuple(failures), fills)


def make_case(world: "World") -> Case:
    """Collect what a world's judgement goes by."""
    deals = read_ledger(world.market.ledger_path)
    topic, orders = world.topic, world.orders
    delivered = {
        sent.key
        for sent in orders.sent.values()
        if any(offset in topic.delivered and offset not in topic.skipped for offset in sent.offsets)
        or world.backend.owes_an_answer(sent.key)
    }
    return Case(
        evidence=gather(deals, world.terminal.arrivals, world.backend.told),
        sent=orders.sent,
        delivered=frozenset(delivered),
        written=orders.written,
        stops=orders.stops,
        resumes=orders.resumes,
        settings=world.settings,
        start_ms=world.market.start_utc_ms,
        day_of_ms=world.market.day_of,
        clock_jumped="clock_jump" in world.faults.struck,
        views_hidden="hidden" in world.faults.struck,
        hedging=world.hedging,
        pending_ms=world.market.pending_since_ms(),
        link_down_s=tuple(world.faults.link_down_s),
        money=world.money,
        tightenings=tuple(orders.tightenings),
        disk_full_s=tuple(world.faults.disk_full_s),
    )


def what_is_open(world: "World", life: "Life") -> str:
    """Say what is still to be done; "" when all has converged."""
    bridge = life.bridge
    if bridge is None or bridge.executor.closed_because:
        return "the bridge is not open" if bridge is None else f"not open: {bridge.executor.closed_because}"
    doubtful = [record.intent.signal_id for record in bridge.recorder.state.in_doubt()]
    waiting = [pump._channel.name for pump in bridge.pumps if not pump._empty.is_set()]
    topic = world.topic
    open_parts = (
        f"in doubt: {', '.join(doubtful)}" if doubtful else "",
        f"outbox not empty: {', '.join(waiting)}" if waiting else "",
        f"offset {topic.committed} of {topic.end} committed" if topic.committed != topic.end else "",
        f"not answered: {', '.join(sorted(world.backend.open))}" if world.backend.open else "",
        _unsettled(world, bridge.recorder.state),
        f"{bridge.inbox.orders_waiting} orders wait" if bridge.inbox.orders_waiting else "",
        "a typed command waits" if any((world.state_dir / "commands").glob("*.json")) else "",
    )
    said = "; ".join(part for part in open_parts if part)
    if said:
        return said
    case = make_case(world)
    rules = (as_told, closes_once, cleared_after_stop, flattened_after_breach)
    return "; ".join(f"{failure.key} {failure.text}" for rule in rules for failure in rule(case))


def _unsettled(world: "World", state: Any) -> str:
    """Name the entries whose positions have ended and whose result the bridge does not know."""
    held = world.market.exchange.positions()
    magics, symbols = {row.magic for row in held}, {row.symbol for row in held}
    ended = [
        record.intent.signal_id
        for record in state.unsettled.values()
        if (
            record.order.request.magic not in magics if world.hedging else record.intent.symbol not in symbols
        )
    ]
    return f"result not known: {', '.join(ended)}" if ended else ""
