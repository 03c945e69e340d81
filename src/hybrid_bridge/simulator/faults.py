"""What can go wrong at a terminal, on demand: which call is held up, refused or loses its reply.

Owns the faults in force, their wording in SIM_FAULTS and on the control port, and the choice which
fault hits which call. Waits for nothing, closes nothing and knows no socket: the server does what
is decided here. `docs/simulator.md` has the table for users.

    SIM_FAULTS="latency:ms=80..200; stall:command=order_send,skip=2,seconds=0; reject:retcode=10006"

    latency        ms=150, or ms=80..200; tail=0.02,tail_ms=1500..4000: so many calls take so long
    stall          a call is held up: seconds (0, the default: until the faults are cleared)
    lose_reply     a call's connection is closed instead of an answer; cut=yes: in the middle of one
    reject         an order_send is answered with retcode, unexecuted; an order_check, if command says so
    error          a call is answered with code, a negative result, unexecuted
    placed         an order_send is answered 10008 and filled at the first tick after `seconds`
    partial        share (default 0.5) of a market order finds a counterparty
    zero_price     an order_send is answered with price 0.0
    rewrite        the server puts `comment` in place of the request's
    slow_start     a terminal is not authorised for so many seconds after each connection
    history_lag    for `seconds` after each connection, history lacks what is younger than back_s
    rate_limit     more than per_second orders in a second are answered 10024
    clock_jump     the server's clock jumps by seconds, which may be negative; cannot be cleared
    other_account  the terminal is logged in to another account: login, balance
    autotrading_off, api_off       the terminal, or its Python interface, lets no program trade
    trading_off, experts_off       the account may not trade, or not by programs
    market_closed                  every order is answered 10018, prices come all the same
    cross_ticks                    bid and ask of every tick are exchanged
    link_down                      no way to the broker: orders fail, prices stand still
    freeze_ticks                   prices stand still; these eight until the faults are cleared

    For those that hit single calls, stall to rewrite: skip (default 0: let so many matching calls pass
    first), times (default 1; 0: for ever), chance (default 1: of a matching call to be hit, drawn by
    seed). For stall, lose_reply and error: command (default order_send; any: every command). For
    stall, lose_reply, reject and error: executed, whether the terminal does what was asked first
    (default no, of a lost reply yes), and shown, how many seconds later the terminal shows what came of
    it (default 0; never: not until the faults are cleared).
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from hybrid_bridge.simulator.fault_options import (
    FaultError,
    Options,
    read_command,
    read_count,
    read_integer,
    read_range,
    read_share,
    read_time,
    read_time_or_never,
    read_truth,
    split_text,
)
from hybrid_bridge.simulator.latency import Latency, read_latency
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.wire import Command

__all__ = ["SWITCHES", "CallFault", "FaultBoard", "FaultError"]

SWITCHES: Final = (
    *("autotrading_off", "api_off", "trading_off", "experts_off"),
    *("market_closed", "cross_ticks", "link_down", "freeze_ticks"),
)
_HITS: Final = ("skip", "times", "chance")
_CALL: Final = ("command", *_HITS)
_DONE: Final = ("executed", "shown")
_CALL_FAULTS: Final[dict[str, tuple[str, ...]]] = {
    "stall": (*_CALL, "seconds", *_DONE),
    "lose_reply": (*_CALL, *_DONE, "cut"),
    "reject": ("retcode", "command", *_HITS, *_DONE),
    "error": (*_CALL, "code", *_DONE),
    "placed": (*_HITS, "seconds"),
    "partial": (*_HITS, "share"),
    "zero_price": _HITS,
    "rewrite": (*_HITS, "comment"),
}
_STATES: Final[dict[str, tuple[str, ...]]] = {
    "slow_start": ("seconds",),
    "history_lag": ("seconds", "back_s"),
    "rate_limit": ("per_second",),
    "clock_jump": ("seconds",),
    "other_account": ("login", "balance"),
}
_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "latency": ("ms", "tail", "tail_ms", "command"),
    **_CALL_FAULTS,
    **_STATES,
    **dict.fromkeys(SWITCHES, ()),
}
_REJECTED: Final = (Command.ORDER_SEND, Command.ORDER_CHECK)
_SECOND_NS: Final = 1_000_000_000


@dataclass(kw_only=True)
class CallFault:
    """A fault that hits single calls.

    Attributes:
        kind: its name.
        command: the command that it hits; None hits every one.
        skip: matching calls that pass before it hits.
        times: calls that it still hits; None: every one.
        chance: of a matching call to be hit.
        executed: whether the terminal does what was asked all the same.
        shown_s: how much later the terminal shows what came of it; None: when faults are cleared.
        cut: whether the connection closes in the middle of a reply.
        seconds: length of a stall, 0: until the faults are cleared; of the wait of a placed order.
        code: the retcode of reject, the negative result of error.
        share: of the volume that is filled.
        comment: what the server makes of the request's.
    """

    kind: str
    command: Command | None
    skip: int = 0
    times: int | None = 1
    chance: float = 1.0
    executed: bool = False
    shown_s: float | None = 0.0
    cut: bool = False
    seconds: float = 0.0
    code: int = 0
    share: float = 1.0
    comment: str = ""

    def hits(self, command: Command, draw: random.Random) -> bool:
        """Tell whether this call is hit, counting it."""
        if self.command is not None and self.command is not command:
            return False
        if self.chance < 1 and draw.random() >= self.chance:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    @property
    def is_spent(self) -> bool:
        """Tell whether it has hit all the calls that it was meant for."""
        return self.times == 0

    @property
    def terms(self) -> Terms:
        """Give how an order that it hits is carried out."""
        if self.kind == "placed":
            return Terms(held_msc=int(self.seconds * 1000))
        if self.kind == "partial":
            return Terms(fill_share=self.share)
        return Terms(comment=self.comment) if self.kind == "rewrite" else USUAL


class FaultBoard:
    """The faults in force.

    Args:
        seed: of whatever is drawn, so that a run can be repeated.
        latency_ms: the latency of orders without any fault, "150" or "80..200".

    Attributes:
        slow_start_s: how long after a connection the terminal is not authorised.
        history_lag: for how long history lags after a connection, and how far back; None: not at all.
        clock_jump_s: what is added to the server's clock.
        other_account: login and balance of the account that is logged in instead; None: the usual one.
    """

    def __init__(self, seed: int = 0, latency_ms: str = "0") -> None:
        self._random = random.Random(seed)  # noqa: S311 - a latency is no secret
        self._usual_latency = self._latency = Latency(usual_ms=read_range(latency_ms))
        self._switches: set[str] = set()
        self._calls: list[CallFault] = []
        self._recent_orders_ns: deque[int] = deque()
        self.clock_jump_s = 0.0
        self._lift_states()

    def _lift_states(self) -> None:
        self.slow_start_s = 0.0
        self.history_lag: tuple[float, float] | None = None
        self.other_account: tuple[int, float] | None = None
        self._orders_per_second: int | None = None

    def add(self, name: str, options: Options) -> None:
        """Put a fault in force.

        Args:
            name: as in the table above.
            options: its options; numbers and texts that read as such are taken alike.
        Raises:
            FaultError: if the name or an option is not known or does not make sense.
        """
        known = _OPTIONS.get(name)
        if known is None:
            raise FaultError(f"unknown fault {name!r}; known are {', '.join(_OPTIONS)}")
        for option in options:
            if option not in known:
                accepted = ", ".join(known) or "none"
                raise FaultError(f"{name} has no option {option!r}; it takes {accepted}")
        if name in SWITCHES:
            self._switches.add(name)
        elif name == "latency":
            self._latency = read_latency(options)
        elif name in _STATES:
            self._add_state(name, options)
        else:
            self._calls.append(_read_call_fault(name, options))

    def _add_state(self, name: str, options: Options) -> None:
        if name == "slow_start":
            self.slow_start_s = read_time(options.get("seconds", 100))
        elif name == "history_lag":
            lasts_s = read_time(options.get("seconds", 5))
            self.history_lag = lasts_s, read_time(options.get("back_s", 3600))
        elif name == "rate_limit":
            self._orders_per_second = read_count(options, "per_second", 1)
        elif name == "clock_jump":
            text = str(options.get("seconds", 0))
            self.clock_jump_s += read_time(text.removeprefix("-")) * (-1 if text.startswith("-") else 1)
        else:
            balance = read_time(options.get("balance", 10_000))
            self.other_account = read_count(options, "login", 99_999_999), balance

    def add_text(self, spec: str) -> None:
        """Put the faults of a SIM_FAULTS text in force.

        Raises:
            FaultError: as `add`.
        """
        for name, options in split_text(spec):
            self.add(name, options)

    def clear(self) -> None:
        """Lift every fault; orders take their usual time again. The clock stays where it is."""
        self._latency = self._usual_latency
        self._switches.clear()
        self._calls.clear()
        self._lift_states()

    def take(self, command: Command) -> CallFault | None:
        """Choose the fault that hits this call, and count the call."""
        hit = next((fault for fault in self._calls if fault.hits(command, self._random)), None)
        if hit is not None and hit.is_spent:
            self._calls.remove(hit)
        return hit

    def latency_s(self, command: Command) -> float:
        """Draw how long this call takes, in seconds."""
        return self._latency.draw_s(command, self._random)

    def is_too_many(self, now_ns: int) -> bool:
        """Count an order and tell whether there were too many within a second."""
        if self._orders_per_second is None:
            return False
        recent = self._recent_orders_ns
        while recent and recent[0] <= now_ns - _SECOND_NS:
            recent.popleft()
        if len(recent) >= self._orders_per_second:
            return True
        recent.append(now_ns)
        return False

    def is_on(self, switch: str) -> bool:
        """Tell whether one of SWITCHES is in force."""
        return switch in self._switches

    @property
    def ticks_flow(self) -> bool:
        """Tell whether the terminal gets new prices."""
        return self._switches.isdisjoint(("link_down", "freeze_ticks"))


def _read_call_fault(name: str, options: Options) -> CallFault:
    command = read_command(options) if "command" in _CALL_FAULTS[name] else Command.ORDER_SEND
    if name == "reject" and command not in _REJECTED:
        raise FaultError("reject: command must be order_send or order_check: no other answer has a retcode")
    times = read_count(options, "times", 1)
    return CallFault(
        kind=name,
        command=command,
        skip=read_count(options, "skip", 0),
        times=times or None,
        chance=read_share(options, "chance", 1.0),
        executed=read_truth(options, "executed", name == "lose_reply"),
        shown_s=read_time_or_never(options.get("shown", 0)),
        cut=read_truth(options, "cut", False),
        seconds=read_time(options.get("seconds", 0)),
        code=_read_code(name, options),
        share=read_share(options, "share", 0.5),
        comment=str(options.get("comment", "")),
    )


def _read_code(name: str, options: Options) -> int:
    if name not in ("reject", "error"):
        return 0
    option = "retcode" if name == "reject" else "code"
    if option not in options:
        raise FaultError(f"{name} needs {option}, for example {name}:{option}=...")
    code = read_integer(options[option], option)
    if (code < 0) != (name == "error"):
        sign = "negative" if name == "error" else "positive"
        raise FaultError(f"{name}: {option} must be {sign}, got {code}")
    return code
