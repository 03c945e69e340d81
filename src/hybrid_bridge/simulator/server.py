"""The simulated terminal as a program: `hybrid-bridge simulator`.

Owns the putting together of exchange, feed, server and control port out of the options, and the life
of the process. Prints exactly one line on stdout, when clients can connect:

    {"simulator": "127.0.0.1:18812", "pipe": null, "control": null}

Logs go to stderr. Ends with 0 when asked to, 2 for options that cannot be used, 1 when it fails.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from hybrid_bridge.simulator import lifetime
from hybrid_bridge.simulator.catalogue import CATALOGUE, MAJORS
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.control import ControlPort
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import FaultBoard, FaultError
from hybrid_bridge.simulator.feed import Feed, FeedError, FeedOptions, make_feed
from hybrid_bridge.simulator.ledger import Ledger, LedgerError
from hybrid_bridge.simulator.options import Endpoint, SimulatorOptions, parse_options
from hybrid_bridge.simulator.pipe_name import PipeError
from hybrid_bridge.simulator.savedstate import SavedState, SavedStateError
from hybrid_bridge.simulator.server_zone import ServerZone
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.terminal_server import TerminalServer, utc_now_msc

__all__ = ["SimulatorOptions", "TerminalServer", "main", "run_simulator"]

log = structlog.get_logger(__name__)

ENDED_IN_ORDER = 0
BAD_OPTIONS = 2


class OptionsError(Exception):
    """Options that parse but cannot be used, in words for the person who gave them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulated terminal from the command line.

    Args:
        arguments: the command line without the program's name; None: that of this process.
    Returns:
        The exit code.
    """
    options = parse_options(sys.argv[1:] if arguments is None else arguments)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return run_simulator(options)


def run_simulator(options: SimulatorOptions) -> int:
    """Run a simulated terminal until it is asked to stop.

    Returns:
        The exit code: 0 asked to stop, 2 options that cannot be used.
    """
    try:
        asyncio.run(_run(options))
    except OptionsError as error:
        log.error("Cannot start the simulated terminal.", reason=str(error))
        return BAD_OPTIONS
    return ENDED_IN_ORDER


async def _run(options: SimulatorOptions) -> None:
    with ExitStack() as stack:
        server, control = _build(options, stack)
        loop = asyncio.get_running_loop()
        lifetime.stop_on_signals(loop, server.stop)
        if options.die_with_parent:
            lifetime.stop_with_parent(loop, server.stop)
        addresses = await _listen(options, server, control, stack)
        _announce(json.dumps(addresses), options.ready_file)
        log.info("The simulated terminal is ready.", **addresses)
        await server.run()
        log.info("The simulated terminal has stopped.")


def _build(options: SimulatorOptions, stack: ExitStack) -> tuple[TerminalServer, ControlPort]:
    try:
        config = _exchange_config(options)
        now_msc = _clock(options)
        ledger = Ledger(options.ledger) if options.ledger else None
        if ledger is not None:
            stack.enter_context(ledger)
        state = stack.enter_context(SavedState(options.state, config)) if options.state else None
        exchange = Exchange(config, ledger, state)
        feed = _open_feed(options, config, now_msc())
        faults = FaultBoard(options.seed, options.order_latency_ms)
        faults.add_text(options.faults)
    except (ValueError, OSError, FeedError, FaultError, LedgerError, SavedStateError) as error:
        raise OptionsError(str(error)) from error
    server = TerminalServer(exchange, feed, faults, zone=config.server_zone, now_msc=now_msc)
    return server, ControlPort(server, faults, lifetime.kill_this_process)


def _clock(options: SimulatorOptions) -> Callable[[], int]:
    if options.at is None:
        return utc_now_msc
    shift_msc = int(options.at.timestamp() * 1000) - utc_now_msc()
    return lambda: utc_now_msc() + shift_msc


def _exchange_config(options: SimulatorOptions) -> ExchangeConfig:
    config = ExchangeConfig(
        symbols=_symbols(options),
        zone=ServerZone.read(options.zone) if options.zone else None,
        leverage=options.leverage,
        commission_per_lot=options.commission_per_lot,
        fee_per_lot=options.fee_per_lot,
        enforce_sessions=options.enforce_sessions,
        login=options.login,
        password=options.password,
        server=options.server,
        balance=options.balance,
        currency=options.currency,
        account_mode=options.account_mode,
        utc_offset_s=options.utc_offset_s,
        build=options.build,
        selected=options.symbols or MAJORS,
    )
    if options.pipe is None:
        return config
    return replace(config, terminal_path=str(options.pipe.resolve().parent))


def _symbols(options: SimulatorOptions) -> tuple[SymbolSpec, ...]:
    modes = dict(options.trade_modes)
    unknown = sorted(set(modes) - {spec.name for spec in CATALOGUE})
    if unknown:
        raise OptionsError(f"--trade-mode: the simulated trade server has no {', '.join(unknown)}")
    return tuple(
        replace(
            spec,
            liquidity=options.liquidity or spec.liquidity,
            trade_mode=modes.get(spec.name, spec.trade_mode),
        )
        for spec in CATALOGUE
    )


def _open_feed(options: SimulatorOptions, config: ExchangeConfig, start_utc_msc: int) -> Feed:
    feed = make_feed(
        FeedOptions(
            start_utc_msc=start_utc_msc,
            zone=config.server_zone,
            enforce_sessions=config.enforce_sessions,
            seed=options.seed,
            symbols=config.symbols,
            files=options.ticks,
            start=options.start,
            speed=options.speed,
        )
    )
    unknown = sorted(set(feed.shifts_msc) - {spec.name for spec in config.symbols})
    if unknown:
        raise OptionsError(
            f"--ticks: the simulated trade server has no {', '.join(unknown)}; "
            f"a file's name up to the first '-' or '.' is its symbol"
        )
    return feed


async def _listen(
    options: SimulatorOptions, server: TerminalServer, control: ControlPort, stack: ExitStack
) -> dict[str, str | None]:
    addresses: dict[str, str | None] = {"simulator": None, "pipe": None, "control": None}
    if options.listen is not None:
        with _explained(options.listen):
            await server.listen(*options.listen)
        addresses["simulator"] = _text(server.address)
    if options.control is not None:
        with _explained(options.control):
            listener = await control.listen(*options.control)
        stack.callback(listener.close)
        addresses["control"] = _text(listener.sockets[0].getsockname()[:2])
    if options.pipe is not None:
        addresses["pipe"] = await _open_pipe(options.pipe, server, stack)
    return addresses


@contextmanager
def _explained(listened_at: Endpoint) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptionsError(f"cannot listen at {_text(listened_at)}: {error}") from error


async def _open_pipe(program: Path, server: TerminalServer, stack: ExitStack) -> str:
    if sys.platform != "win32":
        raise OptionsError("--pipe: only Windows has the pipes of terminals; serve a port with --listen")
    from hybrid_bridge.simulator.pipe import TerminalPipe

    try:
        pipe = TerminalPipe(program)
        await pipe.open(server.serve_client)
    except PipeError as error:
        raise OptionsError(f"--pipe: {error}") from error
    stack.callback(pipe.close)
    return pipe.name


def _announce(line: str, ready_file: Path | None) -> None:
    if ready_file is not None:
        # A reader that polls for the file must never see half of it.
        unfinished = ready_file.with_name(ready_file.name + ".part")
        try:
            unfinished.write_text(line + "\n", encoding="utf-8")
            unfinished.replace(ready_file)
        except OSError as error:
            raise OptionsError(f"--ready-file: {error}") from error
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _text(address: Endpoint) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
