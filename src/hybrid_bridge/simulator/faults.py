"""What can go wrong at a terminal, on demand: which call is held up, refused or loses its reply.

Owns the faults in force, their wording in SIM_FAULTS and on the control port, and the choice which
fault hits which call. Waits for nothing, closes nothing and knows no socket: the server does what
is decided here.

    SIM_FAULTS="latency:ms=80..200; stall:command=order_send,skip=2,seconds=0; reject:retcode=10006"

    latency        ms=150, or ms=80..200; every order_send takes that long
    stall          a call is held up: seconds (0, the default: until the faults are cleared)
    lose_reply     a call's connection is closed instead of an answer
    reject         an order_send is answered with retcode, unexecuted
    error          a call is answered with code, a negative result, unexecuted
    autotrading_off, api_off       the terminal, or its Python interface, lets no program trade
    trading_off, experts_off       the account may not trade, or not by programs
    link_down                      no way to the broker: orders fail, prices stand still
    freeze_ticks                   prices stand still; these six until the faults are cleared

    For the second to fifth: command (default order_send; any: every command), skip (default 0: let
    so many matching calls pass first), times (default 1; 0: for ever). For stall and lose_reply:
    executed, whether the terminal does what was asked first (default yes; of a stall, no).
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hybrid_bridge.simulator.wire import Command

ANY_COMMAND: Final = "any"
SWITCHES: Final = (
    *("autotrading_off", "api_off", "trading_off", "experts_off"),
    *("link_down", "freeze_ticks"),
)
_CALL_OPTIONS: Final = ("command", "skip", "times")
_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "latency": ("ms",),
    "stall": (*_CALL_OPTIONS, "seconds", "executed"),
    "lose_reply": (*_CALL_OPTIONS, "executed"),
    "reject": ("retcode", "skip", "times"),
    "error": (*_CALL_OPTIONS, "code"),
    **dict.fromkeys(SWITCHES, ()),
}
_TRUTH: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class FaultError(ValueError):
    """A fault that makes no sense, with what was seen and what is accepted."""


@dataclass(kw_only=True)
class CallFault:
    """A fault that hits single calls.

    Attributes:
        kind: stall, lose_reply, reject or error.
        command: the command that it hits; None hits every one.
        skip: matching calls that pass before it hits.
        times: calls that it still hits; None: every one.
        executed: whether the terminal does what was asked before a stall or a lost reply.
        seconds: length of a stall; 0: until the faults are cleared.
        code: the retcode of reject, the negative result of error.
    """

    kind: str
    command: Command | None
    skip: int = 0
    times: int | None = 1
    executed: bool = False
    seconds: float = 0.0
    code: int = 0

    def hits(self, command: Command) -> bool:
        """Tell whether this call is hit, counting it."""
        if self.command is not None and self.command is not command:
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


class FaultBoard:
    """The faults in force.

    Args:
        seed: of the latencies, so that a run can be repeated.
        latency_ms: the latency of orders without any fault, "150" or "80..200".
    """

    def __init__(self, seed: int = 0, latency_ms: str = "0") -> None:
        self._random = random.Random(seed)  # noqa: S311 - a latency is no secret
        self._usual_latency_ms = self._latency_ms = _read_range(latency_ms)
        self._switches: set[str] = set()
        self._calls: list[CallFault] = []

    def add(self, name: str, options: Mapping[str, Any]) -> None:
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
            self._latency_ms = _read_range(options.get("ms", 0))
        else:
            self._calls.append(_read_call_fault(name, options))

    def add_text(self, spec: str) -> None:
        """Put the faults of a SIM_FAULTS text in force.

        Raises:
            FaultError: as `add`.
        """
        for item in filter(None, (part.strip() for part in spec.split(";"))):
            name, _, listed = item.partition(":")
            options: dict[str, str] = {}
            for pair in filter(None, (part.strip() for part in listed.split(","))):
                option, equals, value = pair.partition("=")
                if not equals:
                    raise FaultError(f"{item!r}: {pair!r} must read option=value")
                options[option.strip()] = value.strip()
            self.add(name.strip(), options)

    def clear(self) -> None:
        """Lift every fault; orders take their usual time again."""
        self._latency_ms = self._usual_latency_ms
        self._switches.clear()
        self._calls.clear()

    def take(self, command: Command) -> CallFault | None:
        """Choose the fault that hits this call, and count the call."""
        hit = next((fault for fault in self._calls if fault.hits(command)), None)
        if hit is not None and hit.is_spent:
            self._calls.remove(hit)
        return hit

    def order_latency_s(self) -> float:
        """Draw how long this order takes, in seconds."""
        return self._random.uniform(*self._latency_ms) / 1000

    def is_on(self, switch: str) -> bool:
        """Tell whether one of SWITCHES is in force."""
        return switch in self._switches

    @property
    def ticks_flow(self) -> bool:
        """Tell whether the terminal gets new prices."""
        return self._switches.isdisjoint(("link_down", "freeze_ticks"))


def _read_call_fault(name: str, options: Mapping[str, Any]) -> CallFault:
    times = _read_count(options, "times", 1)
    return CallFault(
        kind=name,
        command=_read_command(str(options.get("command", "order_send"))),
        skip=_read_count(options, "skip", 0),
        times=times or None,
        executed=_read_truth(options.get("executed", name == "lose_reply")),
        seconds=_read_number(options.get("seconds", 0)),
        code=_read_code(name, options),
    )


def _read_code(name: str, options: Mapping[str, Any]) -> int:
    if name not in ("reject", "error"):
        return 0
    option = "retcode" if name == "reject" else "code"
    if option not in options:
        raise FaultError(f"{name} needs {option}, for example {name}:{option}=...")
    code = _read_integer(options[option], option)
    if (code < 0) != (name == "error"):
        sign = "negative" if name == "error" else "positive"
        raise FaultError(f"{name}: {option} must be {sign}, got {code}")
    return code


def _read_command(text: str) -> Command | None:
    if text == ANY_COMMAND:
        return None
    try:
        return Command[text.upper()]
    except KeyError:
        known = ", ".join(command.name.lower() for command in Command)
        raise FaultError(f"unknown command {text!r}; known are any, {known}") from None


def _read_count(options: Mapping[str, Any], name: str, default: int) -> int:
    count = _read_integer(options.get(name, default), name)
    if count < 0:
        raise FaultError(f"{name} must be 0 or more, got {count}")
    return count


def _read_integer(value: object, name: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise FaultError(f"{name} must be a whole number, got {value!r}") from None


def _read_number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise FaultError(f"a time must be a number, got {value!r}") from None
    if not 0 <= number < float("inf"):
        raise FaultError(f"a time must be 0 or more, got {value!r}")
    return number


def _read_range(value: object) -> tuple[float, float]:
    low, dots, high = str(value).partition("..")
    shortest = _read_number(low)
    longest = _read_number(high) if dots else shortest
    if longest < shortest:
        raise FaultError(f"a range must not end before it starts, got {value!r}")
    return shortest, longest


def _read_truth(value: object) -> bool:
    try:
        return _TRUTH[str(value).lower()]
    except KeyError:
        raise FaultError(f"executed must be yes or no, got {value!r}") from None
