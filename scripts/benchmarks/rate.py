"""How many orders a second the bridge carries: a steady stream over both channels, and as many as it can.

The simulated terminal's ledger is the judge: every signal must have become one deal.
"""

import asyncio
import time

from scripts.benchmarks.desk import Desk
from scripts.benchmarks.figures import Figure, Target, percentile

SIGNALS_PER_S = 100
STREAM_S, STREAM_QUICK_S = 15, 4
BURST, BURST_QUICK = 1_500, 400
# A tenth of a second's signals: what is on its way at any moment is no backlog.
BACKLOG_MAX = SIGNALS_PER_S // 10
NS_PER_S = 1e9
NS_PER_MS = 1e6


async def measure_rate(desk: Desk, quick: bool) -> list[Figure]:
    """Measure the steady stream, then the highest rate."""
    return [
        *await _stream(desk, STREAM_QUICK_S if quick else STREAM_S),
        await _burst(desk, BURST_QUICK if quick else BURST),
    ]


async def _stream(desk: Desk, seconds: int) -> list[Figure]:
    """Send at a steady rate, over the channels in turn."""
    deals_before, sent_ns = desk.deals(), dict[str, int]()
    begin_s = time.monotonic()
    for number in range(SIGNALS_PER_S * seconds):
        await asyncio.sleep(max(0.0, begin_s + number / SIGNALS_PER_S - time.monotonic()))
        signal_id = desk.next_id()
        sent_ns[signal_id] = await _send(desk, number, signal_id)
    done = desk.backend.statuses
    backlog = sum(signal_id not in done for signal_id in sent_ns)
    await desk.backend.until(lambda: all(key in done for key in sent_ns), "the last result")
    filled = sum(done[signal_id] == "filled" for signal_id in sent_ns)
    arrived = desk.arrivals_ns()
    to_send_ms = [(arrived[key] - at_ns) / NS_PER_MS for key, at_ns in sent_ns.items() if key in arrived]
    name = f"{SIGNALS_PER_S} signals/s for {seconds} s"
    lost = len(sent_ns) - min(filled, desk.deals() - deals_before)
    return [
        Figure(f"{name}: not filled", lost, "orders", target=Target(0)),
        Figure(f"{name}: under way at the end", backlog, "orders", target=Target(BACKLOG_MAX)),
        Figure(f"{name}: signal to order_send, p50", percentile(to_send_ms, 50), "ms"),
        Figure(f"{name}: signal to order_send, p99", percentile(to_send_ms, 99), "ms"),
    ]


async def _burst(desk: Desk, count: int) -> Figure:
    """Send everything at once; the rate is that at which the orders reach the terminal."""
    signal_ids = [desk.next_id() for _ in range(count)]
    for number, signal_id in enumerate(signal_ids):
        await _send(desk, number, signal_id)
    done = desk.backend.statuses
    await desk.backend.until(lambda: all(key in done for key in signal_ids), "the last result of a burst")
    refused = sum(done[signal_id] != "filled" for signal_id in signal_ids)
    if refused:
        raise RuntimeError(f"{refused} of {count} signals of the burst were not filled")
    arrived = desk.arrivals_ns()
    times_ns = sorted(arrived[signal_id] for signal_id in signal_ids)
    rate = (count - 1) / (times_ns[-1] - times_ns[0]) * NS_PER_S
    return Figure(
        f"highest rate, {count} signals at once",
        rate,
        "orders/s",
        target=Target(SIGNALS_PER_S, at_least=True),
    )


async def _send(desk: Desk, number: int, signal_id: str) -> int:
    """Send over the channels in turn, two purchases after two sales; return when, wall clock."""
    buy = number % 4 < 2
    if number % 2 == 0:
        return desk.post_over_redpanda(signal_id, buy=buy)
    return (await desk.over_websocket(signal_id, buy=buy)).called_ns
