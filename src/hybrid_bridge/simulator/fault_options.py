"""Reading the options of faults, as SIM_FAULTS and the control port word them.

Owns the kinds of values there are and the words with which a bad one is refused. Numbers and texts that
read as such are taken alike. Called by `faults` and `latency`.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from hybrid_bridge.simulator.wire import Command

Options = Mapping[str, Any]
ANY_COMMAND: Final = "any"
_TRUTH: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_NEVER: Final = "never"


class FaultError(ValueError):
    """A fault that makes no sense, with what was seen and what is accepted."""


def split_text(spec: str) -> list[tuple[str, dict[str, str]]]:
    """Take a SIM_FAULTS text apart: names of faults with their options.

    Raises:
        FaultError: for an option without a value.
    """
    found = []
    for item in filter(None, (part.strip() for part in spec.split(";"))):
        name, _, listed = item.partition(":")
        options: dict[str, str] = {}
        for pair in filter(None, (part.strip() for part in listed.split(","))):
            option, equals, value = pair.partition("=")
            if not equals:
                raise FaultError(f"{item!r}: {pair!r} must read option=value")
            options[option.strip()] = value.strip()
        found.append((name.strip(), options))
    return found


def read_command(options: Options, default: str = "order_send") -> Command | None:
    """Read which command is meant; None means every one."""
    text = str(options.get("command", default))
    if text == ANY_COMMAND:
        return None
    try:
        return Command[text.upper()]
    except KeyError:
        known = ", ".join(command.name.lower() for command in Command)
        raise FaultError(f"unknown command {text!r}; known are any, {known}") from None


def read_count(options: Options, name: str, default: int) -> int:
    """Read a whole number of 0 or more."""
    count = read_integer(options.get(name, default), name)
    if count < 0:
        raise FaultError(f"{name} must be 0 or more, got {count}")
    return count


def read_integer(value: object, name: str) -> int:
    """Read a whole number."""
    try:
        return int(str(value))
    except ValueError:
        raise FaultError(f"{name} must be a whole number, got {value!r}") from None


def read_number(value: object, name: str) -> float:
    """Read a number that is finite."""
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FaultError(f"{name} must be a number, got {value!r}")
    return number


def read_time(value: object) -> float:
    """Read a length of time, 0 or more."""
    try:
        number = float(str(value))
    except ValueError:
        raise FaultError(f"a time must be a number, got {value!r}") from None
    if not 0 <= number < float("inf"):
        raise FaultError(f"a time must be 0 or more, got {value!r}")
    return number


def read_time_or_never(value: object) -> float | None:
    """Read a length of time, or "never", which is None."""
    return None if value == _NEVER else read_time(value)


def read_share(options: Options, name: str, default: float) -> float:
    """Read a share or a probability, 0 to 1."""
    try:
        share = float(str(options.get(name, default)))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise FaultError(f"{name} must be a number from 0 to 1, got {options[name]!r}")
    return share


def read_range(value: object) -> tuple[float, float]:
    """Read "150" or "80..200"."""
    low, dots, high = str(value).partition("..")
    shortest = read_time(low)
    longest = read_time(high) if dots else shortest
    if longest < shortest:
        raise FaultError(f"a range must not end before it starts, got {value!r}")
    return shortest, longest


def read_truth(options: Options, name: str, default: bool) -> bool:
    """Read yes or no."""
    value = options.get(name, default)
    try:
        return _TRUTH[str(value).lower()]
    except KeyError:
        raise FaultError(f"{name} must be yes or no, got {value!r}") from None
