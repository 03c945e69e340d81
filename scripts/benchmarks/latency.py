"""How long a signal takes, beside its floor: over Redpanda to order_send, over the WebSocket to the result.

Floor and bridge take turns, so that whatever else the computer does hits both. The instant of order_send is
noted by the simulated terminal, for both at the same place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from scripts.benchmarks.desk import Desk, Sent
from scripts.benchmarks.figures import Figure, Target, compare
from scripts.benchmarks.patience import PATIENCE_S

PAIRS, PAIRS_QUICK = 400, 80
WARM_UP_PAIRS = 20
# Longer than a bridge's work after the send takes: it must not meet the next signal of the floor.
GAP_S = 0.035
TARGETS: dict[int, Target | None] = {50: Target(2, of_ratio=True), 99: Target(3, of_ratio=True)}
UNTARGETED: dict[int, Target | None] = {50: None, 99: None}
NS_PER_MS = 1e6

# Sends one signal, by id and whether it buys.
Send = Callable[[str, bool], Awaitable[Sent]]


async def measure_redpanda(desk: Desk, quick: bool) -> list[Figure]:
    """Measure signals over the broker, from the moment it has them and from the backend's call."""

    async def send(signal_id: str, buy: bool) -> Sent:
        return desk.over_redpanda(signal_id, buy=buy)

    async def send_to_floor(signal_id: str, buy: bool) -> Sent:
        return desk.over_redpanda(signal_id, buy=buy, floor=True)

    own, floor = await take_turns(send, send_to_floor, desk.next_id, quick=quick)
    arrived = await until_arrived(desk, [*own, *floor])
    there = [
        [(arrived[key] - sent.there_ns) / NS_PER_MS for key, sent in side.items()] for side in (own, floor)
    ]
    called = [
        [(arrived[key] - sent.called_ns) / NS_PER_MS for key, sent in side.items()] for side in (own, floor)
    ]
    return [
        *compare("signal in Redpanda to order_send", "ms", there[0], there[1], TARGETS),
        *compare("backend's produce call to order_send", "ms", called[0], called[1], UNTARGETED),
    ]


async def measure_websocket(desk: Desk, quick: bool) -> list[Figure]:
    """Measure signals over the WebSocket, to order_send and to the result at the backend."""
    own, floor = await take_turns(
        lambda signal_id, buy: desk.over_websocket(signal_id, buy=buy),
        lambda signal_id, buy: desk.over_websocket(signal_id, buy=buy, floor=True),
        desk.next_id,
        quick=quick,
    )
    arrived = await until_arrived(desk, [*own, *floor])
    done = desk.backend.done_ns
    await desk.backend.until(lambda: all(key in done for key in (*own, *floor)), "the last result")
    sends = [
        [(arrived[key] - sent.called_ns) / NS_PER_MS for key, sent in side.items()] for side in (own, floor)
    ]
    results = [
        [(done[key] - sent.called_ns) / NS_PER_MS for key, sent in side.items()] for side in (own, floor)
    ]
    return [
        *compare("WebSocket signal to order_send", "ms", sends[0], sends[1], TARGETS),
        *compare("WebSocket signal to result", "ms", results[0], results[1], UNTARGETED),
    ]


async def take_turns(
    send: Send, send_to_floor: Send, next_id: Callable[[], str], *, quick: bool
) -> tuple[dict[str, Sent], dict[str, Sent]]:
    """Send to floor and bridge in turn; return what was sent to bridge and floor after the warm-up."""
    own: dict[str, Sent] = {}
    floor: dict[str, Sent] = {}
    for pair in range(WARM_UP_PAIRS + (PAIRS_QUICK if quick else PAIRS)):
        for call, kept in ((send_to_floor, floor), (send, own)):
            signal_id = next_id()
            sent = await call(signal_id, pair % 2 == 0)
            if pair >= WARM_UP_PAIRS:
                kept[signal_id] = sent
            await asyncio.sleep(GAP_S)
    return own, floor


async def until_arrived(desk: Desk, signal_ids: Collection[str]) -> dict[str, int]:
    """Return when each order reached the terminal; wait for the last ones.

    Raises:
        TimeoutError: when one does not come.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        arrived = desk.arrivals_ns()
        missing = [signal_id for signal_id in signal_ids if signal_id not in arrived]
        if not missing:
            return arrived
        if time.monotonic() > deadline_s:
            raise TimeoutError(
                f"{len(missing)} of {len(signal_ids)} signals did not reach the terminal: {missing[:5]}"
            )
        await asyncio.sleep(0.1)
