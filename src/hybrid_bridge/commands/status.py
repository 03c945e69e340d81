"""`hybrid-bridge status`: whether a bridge runs here, how it is, and whether entries would be accepted.

It only reads: the lock tells whether a bridge lives, bridge_status.json what it said last. It needs no
channel and disturbs no bridge.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_bridge.commands.options import add_env_file, print_lines, state_dir_of
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.demo.stage import DEMO_DIR
from hybrid_bridge.journal.instance_lock import find_holder
from hybrid_bridge.journal.words import aligned, iso, plain
from hybrid_bridge.status_file import WRITE_INTERVAL_S, read_status

SILENT_S = 8 * WRITE_INTERVAL_S
NOTES = """exit codes: 0 a bridge runs and would accept an entry now; 1 it would not, or none runs; 2 the
settings cannot be used."""
ENDS = {
    "stopped": "it was asked to stop and stopped in order",
    "forced": "it was made to stop at once; an order on its way is looked for at the next start",
    "failed": "it ended with an error",
}
KILLED = (
    "it did not end in order: its process was killed, or the PC lost power. Orders on their way are looked "
    "for at the next start"
)
SILENT = (
    "the bridge runs but has said nothing for {age}. Where the PC did not just wake from sleep, it hangs: "
    "close its window, then start it again"
)

LIFT = "hybrid-bridge resume (7 in the menu)"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found.

    Attributes:
        state: running, starting, stopping or silent; stopped, forced, failed or killed; never where no bridge
            has run yet.
        why_not: why no entry is accepted, "" when one is.
        holder: the process that holds STATE_DIR, "" for none.
        age_s: how long ago the bridge said the rest, None where it has said nothing.
        record: what it said last; empty where it is not this bridge's.
    """

    state_dir: Path
    state: str
    why_not: str
    holder: str
    age_s: float | None
    record: Mapping[str, Any]


def status(arguments: Sequence[str]) -> int:
    """Show how the bridge is and return the exit code: 0 when an entry would be accepted."""
    options = _parse(arguments)
    state_dir = DEMO_DIR if options.demo else state_dir_of(options)
    seen = look(state_dir, time.time_ns() // 1_000_000)
    if options.json:
        print_lines([json.dumps(_record(seen), indent=2) + "\n"])
    else:
        print_lines(f"{line}\n" for line in _lines(seen))
        if not options.demo and not seen.holder and find_holder(DEMO_DIR):
            print_lines(["A demonstration runs in this folder: hybrid-bridge status --demo\n"])
    return 0 if not seen.why_not else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge status",
        description="Shows whether a bridge runs, how it is, and whether it would accept an entry.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    parser.add_argument("--demo", action="store_true", help="of the demonstration started in this folder")
    parser.add_argument("--json", action="store_true", help="for a program to read")
    options = parser.parse_args(arguments)
    if options.demo and options.env_file:
        parser.error("--demo and --env-file name two bridges; give one of them")
    return options


def look(state_dir: Path, now_msc: int) -> Look:
    """Find out how the bridge with this STATE_DIR is.

    Raises:
        BridgeError: when lock or status cannot be read.
    """
    # The lock first: a bridge that ends in between has written its end by then.
    holder = find_holder(state_dir) or ""
    record = read_status(state_dir)
    if holder and (record is None or record["ended"] or holder != f"process {record['pid']}"):
        return Look(state_dir, "starting", "the bridge is starting", holder, None, {})
    if record is None:
        return Look(state_dir, "never", "no bridge runs", holder, None, {})
    age_s = max(0.0, (now_msc - record["written_msc"]) / 1000)
    if not holder:
        ended = record["ended"]
        return Look(state_dir, ended["how"] if ended else "killed", "no bridge runs", holder, age_s, record)
    if age_s > SILENT_S:
        return Look(state_dir, "silent", SILENT.format(age=_span(age_s)), holder, age_s, record)
    told = record["status"]
    why_not = str(told["reason"])
    if told["state"] != "running":
        why_not = f"the bridge is {told['state']}"
    return Look(state_dir, str(told["state"]), why_not, holder, age_s, record)


def _span(seconds: float) -> str:
    """Say how long something is, in the unit that suits it."""
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length_s)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} s"


def _record(seen: Look) -> dict[str, object]:
    """Return it for a program."""
    return {
        "state": seen.state,
        "entries": not seen.why_not,
        "why_not": seen.why_not,
        "state_dir": str(seen.state_dir.absolute()),
        "holder": seen.holder,
        "age_s": None if seen.age_s is None else round(seen.age_s, 1),
        "last": seen.record or None,
    }


def _lines(seen: Look) -> Iterator[str]:
    if not seen.holder:
        yield from _gone(seen)
    elif not seen.record:
        yield f"The bridge is starting ({seen.holder}); look again in a moment"
    else:
        yield from (line.rstrip() for line in aligned([*_rows(seen)]))


def _gone(seen: Look) -> Iterator[str]:
    where = seen.state_dir.absolute()
    if seen.state == "never":
        yield f"No bridge runs with STATE_DIR {where}, and none has yet"
        return
    ended = seen.record["ended"]
    yield f"No bridge runs with STATE_DIR {where}"
    when = f"The last one was seen {_span(seen.age_s or 0)} ago, at {iso(seen.record['written_msc'])}"
    yield f"{when}: {ENDS.get(seen.state, KILLED)}"
    if ended and ended["reason"]:
        yield f"  {plain(ended['reason'])}"
    if seen.state != "stopped":
        yield f"Its log: {seen.record['log_file']}"


def _rows(seen: Look) -> Iterator[list[str]]:
    """Yield a name and its value a line, what matters most first."""
    record, told = seen.record, seen.record["status"]
    up_s = (record["written_msc"] - record["started_msc"]) / 1000
    kind = "demonstration" if record["demo"] else str(record["mode"])
    yield [
        "bridge",
        f"{seen.state}, {kind}, version {record['version']}, {seen.holder}, up for {_span(up_s)}",
    ]
    halted = "trading is halted: " if told["trading_state"] == TradingState.HALTED.value else ""
    refused = f"NOT accepted: {halted}{plain(seen.why_not)}"
    yield ["entries", refused if seen.why_not else "accepted"]
    yield ["trading", _trading(told)]
    if told["clearing"]:
        yield ["clearing", _facts(told["clearing"])]
    yield ["account", _account(record["account_seen"])]
    for name, channel in told["channels"].items():
        yield [name, _channel(channel)]
    yield from _day(told)
    yield ["power", _power(told["power"])]
    yield ["log", str(record["log_file"])]


def _trading(told: Mapping[str, Any]) -> str:
    state = str(told["trading_state"])
    if told["emergency_stop"]:
        state += " by an emergency stop"
    if told["trading_state"] != TradingState.HALTED.value:
        return state
    first = "set EMERGENCY_STOP=false and restart, then " if told["limits"]["EMERGENCY_STOP"] else ""
    return f"{state}; to lift it, look at the account, {first}{LIFT}"


def _account(seen: Mapping[str, Any] | None) -> str:
    if seen is None:
        return "not seen yet"
    count = seen["positions"]
    positions = f"{count} position{'' if count == 1 else 's'}"
    money = f"equity {seen['equity']:,.2f} {seen['currency']}, balance {seen['balance']:,.2f}"
    return f"{seen['login']} on {plain(str(seen['server']))}, {money}, {positions}"


def _channel(channel: Mapping[str, Any]) -> str:
    """Say how a channel is, and why when it is not up."""
    if channel["state"] == "up":
        return "up"
    reasons = [channel.get("error", "")]
    reasons += [part.get("reason", "") for part in channel.values() if isinstance(part, dict)]
    why = next((plain(reason) for reason in reasons if reason), "")
    return f"{channel['state']}: {why}" if why else str(channel["state"])


def _day(told: Mapping[str, Any]) -> Iterator[list[str]]:
    counters, losses = told["counters"], told["losses"] or {}
    allowed = told["limits"]["MAX_DAILY_TRADES"]
    yield ["entries today", f"{counters['daily_entries']} of {allowed}"]
    for name, text in (("day_loss_percent", "loss today"), ("drawdown_percent", "drawdown")):
        if losses.get(name) is not None:
            yield [text, f"{losses[name]:.2f} %"]
    if losses.get("breach"):
        yield ["limit broken", plain(str(losses["breach"]))]
    if losses.get("paused"):
        until = losses.get("paused_until") or "the broker's next day"
        yield ["pause", f"after {losses['streak']} losses in a row, until {until}"]
    if counters["in_doubt"]:
        yield ["in doubt", f"{counters['in_doubt']} orders; they are looked for at the terminal"]
    if told["tightened"]:
        yield ["tightened", f"{', '.join(told['tightened'])}; see hybrid-bridge limits"]


def _power(power: Mapping[str, Any]) -> str:
    """Say whether the PC may go to sleep, and what there was of that."""
    shown = "the PC is kept awake" if power["kept_awake"] else "the PC may go to sleep"
    last = power["last_standstill"]
    if last is None:
        return shown
    return f"{shown}; awake again {power['standstills']} times, last: {last['what']}, since {last['since']}"


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain(str(value))}" for name, value in facts.items() if value is not None)
