"""What the risk guard costs per signal: microseconds of this process, no terminal and no journal in them.

Every limit is on. A signal is denied before the terminal is asked, denied on its facts, or approved with so
many positions open, each of them this bridge's own. The floor is the same signal made into a request with no
guard at all; where decoding is counted in, the floor decodes too, with the bare library. Both take turns.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.guard_cases import Case, every_case

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import IntentDenied, OrderApproved
from hybrid_bridge.core.inputs import OrderAppraised, SignalReceived
from hybrid_bridge.core.intents import make_intent
from hybrid_bridge.core.orders import OrderRequest
from hybrid_bridge.core.requests import entry_request, make_magic
from hybrid_bridge.messages.inbound import decode_or_reject

STRETCHES = 20
CALLS, CALLS_QUICK = 200, 50
US_PER_S = 1e6


class Signal(msgspec.Struct):
    """The fields of a signal that an order is made of."""

    id: str
    symbol: str
    action: str
    stop_loss: float


class Message(msgspec.Struct):
    """The envelope."""

    type: str
    data: Signal


_decode = msgspec.json.Decoder(Message).decode


async def measure_guard(folder: Path, bootstrap: str, quick: bool) -> list[Figure]:
    """Measure each case without decoding, then with it."""
    del folder, bootstrap
    return await asyncio.to_thread(_measure, CALLS_QUICK if quick else CALLS)


def _measure(calls: int) -> list[Figure]:
    figures = []
    for case in every_case():
        _see_that_it_ends_as_named(case)
        alone = _time(lambda case=case: guard(case), lambda case=case: floor(case), calls)  # type: ignore[misc]
        figures.append(Figure(f"guard: {case.name}", alone[0], "us", alone[1]))
    for case in every_case():
        whole = _time(
            lambda case=case: decoded(case),  # type: ignore[misc]
            lambda case=case: decoded_floor(case),  # type: ignore[misc]
            calls,
        )
        figures.append(Figure(f"guard with decoding: {case.name}", whole[0], "us", whole[1]))
    return figures


def _time(own: Callable[[], object], floor: Callable[[], object], calls: int) -> tuple[float, float]:
    """Return microseconds of one call of each, in its best stretch: in others the machine did more."""
    stretches = [(_stretch(own, calls), _stretch(floor, calls)) for _ in range(STRETCHES)]
    return min(pair[0] for pair in stretches), min(pair[1] for pair in stretches)


def _stretch(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls * US_PER_S


def guard(case: Case, signal: SignalReceived | None = None) -> object:
    """Take a signal through the guard as the executor does, up to the events that it would journal."""
    wanted = signal or case.signal
    ended = engine.receive(case.state, case.limits, wanted, case.now_msc, case.server_day)
    if ended:
        return ended
    appraised = OrderAppraised(wanted, case.appraisal, None, "", case.now_msc)
    return engine.judge_appraised(case.state, case.limits, appraised)


def floor(case: Case, signal: SignalReceived | None = None) -> OrderRequest:
    """Make the request with no guard: the least volume, whatever it may lose."""
    intent = make_intent(case.state, case.limits, signal or case.signal)
    magic = make_magic(case.limits.magic, intent.number)
    return entry_request(intent, case.spec.volume_min, case.spec, case.quote, magic)


def decoded(case: Case) -> object:
    """The same from the message's bytes on."""
    signal = decode_or_reject(case.raw, case.signal.source, case.now_msc, "w-1")
    if not isinstance(signal, SignalReceived):
        raise TypeError(f"no signal: {signal}")
    return guard(case, signal)


def decoded_floor(case: Case) -> OrderRequest:
    """The floor from the message's bytes on, decoded with the bare library."""
    _decode(case.raw)
    return floor(case)


def _see_that_it_ends_as_named(case: Case) -> None:
    """Refuse to measure something else than what the name says."""
    for events in (guard(case), decoded(case)):
        kinds = {type(event) for event in events}  # type: ignore[attr-defined]
        approved = OrderApproved in kinds and IntentDenied not in kinds
        if approved != case.approved:
            raise RuntimeError(f"{case.name}: ended as {events}")
