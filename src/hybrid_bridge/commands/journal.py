"""`hybrid-bridge journal`: what happened, for a person or a program, from the journal in STATE_DIR.

It only reads, while a bridge runs as well as without one. Which journal, which part of it, in which form and
where to: that is decided here; reading and wording are the journal's.
"""

import argparse
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hybrid_bridge.commands.options import (
    add_account,
    add_env_file,
    choose_journal,
    instant,
    print_lines,
    state_dir_of,
)
from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.journal import export, story
from hybrid_bridge.journal.lives import Life, lives_of
from hybrid_bridge.journal.reading import StoredEvent, read_events

LAST = 20  # Orders or events that a table shows when nothing else is asked for.
DESCRIPTION = """Shows what happened, from the journal in STATE_DIR. It only reads: a bridge that runs is not
disturbed, and one that died is not changed."""
NOTES = """times are UTC. --since and --until take 2026-11-22, 2026-11-22T13:00, 2026-11-22T14:00+01:00, or
how long ago: 30m, 2h, 3d. jsonl and csv carry every field, times also as milliseconds since 1970; in csv a
text that begins with = + - or @ has an apostrophe in front, so that no spreadsheet takes it for a formula."""


def journal(arguments: Sequence[str]) -> int:
    """Show or export the journal and return the exit code."""
    options = _parse(arguments)
    path = choose_journal(state_dir_of(options), options.account)
    lines = _lines(options, read_events(path))
    if options.output is not None:
        _write(options.output, lines)
    else:
        print_lines(lines)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge journal",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_env_file(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--signal", metavar="ID", help="one order's whole life, event by event")
    what.add_argument("--events", action="store_true", help="every event instead of one line an order")
    parser.add_argument("--since", type=instant, metavar="TIME", help="what came at this time or later")
    parser.add_argument("--until", type=instant, metavar="TIME", help="what came before this time")
    parser.add_argument(
        "--last", type=_count, metavar="N", help=f"only the latest N (a table without a time: {LAST})"
    )
    parser.add_argument("--format", choices=("table", "jsonl", "csv"), default="table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a new file")
    add_account(parser)
    options = parser.parse_args(arguments)
    if None not in (options.since, options.until) and options.since >= options.until:
        parser.error("--until must be later than --since, or nothing can lie between them")
    return options


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)


def _lines(options: argparse.Namespace, events: Iterable[StoredEvent]) -> Iterator[str]:
    """Return what is asked for as lines, each with its end."""
    if options.events:
        return _of_events(options, (event for event in events if _within(options, event.at_msc)))
    lives = lives_of(events)
    if options.signal is not None:
        return _of_signal(options, lives)
    return _of_orders(options, [life for life in lives if _within(options, life.received_msc)])


def _within(options: argparse.Namespace, at_msc: int) -> bool:
    since, until = options.since, options.until
    return (since is None or at_msc >= since) and (until is None or at_msc < until)


def _last(options: argparse.Namespace) -> int | None:
    asked = options.last is not None or options.since is not None or options.until is not None
    return LAST if options.format == "table" and not asked else options.last


def _of_orders(options: argparse.Namespace, lives: list[Life]) -> Iterator[str]:
    last = _last(options)
    shown = lives[-last:] if last is not None else lives
    match options.format:
        case "jsonl":
            return export.json_lines(export.order_records(shown))
        case "csv":
            return export.order_csv(shown)
        case _:
            return _ended([*story.order_table(shown), *_more(len(shown), len(lives), "orders")])


def _of_events(options: argparse.Namespace, events: Iterable[StoredEvent]) -> Iterator[str]:
    last = _last(options)
    if options.format != "table":
        chosen = events if last is None else deque(events, last)
        if options.format == "csv":
            return export.event_csv(chosen)
        return export.json_lines(export.event_records(chosen))
    every = list(events)
    shown = every[-last:] if last is not None else every
    return _ended([*story.event_table(shown), *_more(len(shown), len(every), "events")])


def _of_signal(options: argparse.Namespace, lives: Iterable[Life]) -> Iterator[str]:
    """Return the life of a signal; an id that was forgotten and came again has several."""
    found = [life for life in lives if life.signal_id == options.signal]
    if not found:
        known = "it never came, or it ended longer ago than JOURNAL_RETENTION_DAYS"
        raise BridgeError(f"no order with the signal id {options.signal!r} in the journal: {known}")
    every = [(life, event) for life in found for event in life.events if _within(options, event.at_msc)]
    shown = every[-options.last :] if options.last is not None else every
    match options.format:
        case "jsonl":
            return export.json_lines(export.event_records(event for _, event in shown))
        case "csv":
            return export.event_csv(event for _, event in shown)
        case _:
            chosen = ((life, [event for owner, event in shown if owner is life]) for life in found)
            lines = [line for life, events in chosen for line in story.order_story(life, events)]
            return _ended([*lines, *_more(len(shown), len(every), "events")])


def _more(shown: int, there: int, what: str) -> list[str]:
    if not there:
        return [f"no {what}"]
    return [f"the latest {shown} of {there} {what}; --last N shows more"] if shown < there else []


def _ended(lines: Iterable[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _write(output: Path, lines: Iterable[str]) -> None:
    """Write a new file; what is there already is never written over, the journal least of all."""
    try:
        with output.open("x", encoding="utf-8", newline="") as file:
            try:
                file.writelines(lines)
            except BaseException:
                file.close()
                output.unlink()
                raise
    except FileExistsError as error:
        raise ConfigurationError(f"--output: {output} is there already; name another file") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise BridgeError(f"--output: {output} cannot be written ({why}); nothing is left of it") from error
