"""The command line of the simulated terminal.

Owns its options, their defaults and their checking; `server` turns them into a running simulator.
"""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CURRENCIES
from hybrid_bridge.simulator.config import ACCOUNT_MODES, ExchangeConfig

Endpoint = tuple[str, int]
DEFAULT_LISTEN: Final = ("127.0.0.1", 18812)
TRADE_MODES: Final = {
    "full": mt5.SYMBOL_TRADE_MODE_FULL,
    "long_only": mt5.SYMBOL_TRADE_MODE_LONGONLY,
    "short_only": mt5.SYMBOL_TRADE_MODE_SHORTONLY,
    "close_only": mt5.SYMBOL_TRADE_MODE_CLOSEONLY,
    "disabled": mt5.SYMBOL_TRADE_MODE_DISABLED,
}
_ENDPOINT: Final = re.compile(r"(?:tcp://)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})")
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_RANGE: Final = re.compile(r"\d+(\.\d+)?(\.\.\d+(\.\d+)?)?")


@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    """What a simulated terminal is started with.

    Attributes:
        listen: host and port of the terminal; port 0 picks a free one; None: there is none.
        pipe: the terminal's program, whose named pipe is served; None: there is none.
        control: host and port of the control port; None: there is none.
        ticks: files to replay, oldest first in each; none: synthetic prices.
        ledger: where every deal is written; None: nowhere.
        speed: how many times faster than it happened a file is replayed.
        start: time of day in the files, HH:MM or HH:MM:SS, at which the replay begins; empty: 07:00,
            or the first tick of files that end before that.
        zone: the trade server's clock as `server_zone` words it; empty: utc_offset_s.
        at: the moment (UTC) at which the simulated time begins; None: now.
        enforce_sessions: whether symbols close outside their hours.
        liquidity: how many lots each side of a quote takes; 0: any volume.
        state: where the account is kept, so that a restarted terminal still knows it; None: nowhere.
        currency: of the account and of its deposit.
        symbols: what is in Market Watch; empty: the default.
        trade_modes: symbols that are not traded freely, with their SYMBOL_TRADE_MODE_*.
        build: what the terminal says of itself.
        order_latency_ms: "150", or "80..200".
        faults: faults in force from the start, as `faults` words them.
    """

    listen: Endpoint | None = DEFAULT_LISTEN
    pipe: Path | None = None
    control: Endpoint | None = None
    ticks: tuple[Path, ...] = ()
    ledger: Path | None = None
    speed: float = 1.0
    start: str = ""
    seed: int = 1
    balance: float = 10_000.0
    currency: str = "USD"
    account_mode: str = "hedging"
    symbols: tuple[str, ...] = ()
    trade_modes: tuple[tuple[str, int], ...] = ()
    build: int = ExchangeConfig.build
    login: int = 10_000_001
    password: str = ""
    server: str = "Simulator-Demo"
    utc_offset_s: int = 10_800
    zone: str = ""
    at: datetime | None = None
    enforce_sessions: bool = False
    liquidity: float = 0.0
    leverage: int = 100
    commission_per_lot: float = 0.0
    fee_per_lot: float = 0.0
    state: Path | None = None
    order_latency_ms: str = "0"
    faults: str = ""
    ready_file: Path | None = None
    die_with_parent: bool = False


def parse_options(arguments: Sequence[str]) -> SimulatorOptions:
    """Read the command line.

    Raises:
        SystemExit: with 2 and a word about what is wrong, or with 0 after --help.
    """
    found = vars(_parser().parse_args(arguments))
    given = {name: value for name, value in found.items() if value is not None}
    if "pipe" in given:
        given.setdefault("listen", None)
    lists = {name: tuple(given.get(name, ())) for name in ("ticks", "trade_modes")}
    return SimulatorOptions(**{**given, **lists})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hybrid-bridge simulator",
        description="A simulated MetaTrader 5 terminal with a demo account. It prints one line of "
        "JSON with its address when it is ready, and runs until SIGTERM or Ctrl-C.",
    )
    _add_connection_options(parser)
    _add_price_options(parser)
    _add_server_options(parser)
    _add_account_options(parser)
    return parser


def _add_connection_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--listen",
        type=_endpoint,
        metavar="HOST:PORT",
        help="where clients connect; port 0 picks a free one (default 127.0.0.1:18812, with --pipe none)",
    )
    group.add_argument(
        "--pipe",
        type=Path,
        metavar="PATH",
        help="Windows: serve the genuine MetaTrader5 package, for which this file is the terminal's "
        "program: MetaTrader5.initialize(PATH); an empty file will do",
    )
    group.add_argument(
        "--control",
        type=_endpoint,
        metavar="HOST:PORT",
        help="where faults and figures are asked for, as lines of JSON (default: nowhere)",
    )
    group.add_argument(
        "--ready-file",
        type=Path,
        metavar="PATH",
        help="also write the ready line to this file",
    )
    group.add_argument(
        "--die-with-parent",
        action="store_true",
        default=None,
        help="end when the starting process ends (other than on Linux: when stdin ends)",
    )
    group.add_argument(
        "--order-latency-ms",
        type=_latency,
        metavar="MS",
        help="how long every order takes, 150 or a range 80..200 (default 0)",
    )
    group.add_argument(
        "--faults",
        metavar="SPEC",
        default=os.environ.get("SIM_FAULTS"),
        help='faults from the start, for example "stall:skip=2,seconds=5; reject:retcode=10006" '
        "(default: the environment variable SIM_FAULTS)",
    )


def _add_price_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("prices")
    group.add_argument(
        "--ticks",
        type=Path,
        action="append",
        metavar="FILE",
        help="replay this file of ticks; may be given again (default: synthetic prices)",
    )
    group.add_argument(
        "--speed",
        type=_speed,
        metavar="X",
        help="replay so many times faster than it happened (default 1)",
    )
    group.add_argument(
        "--start",
        type=_time_of_day,
        metavar="HH:MM[:SS]",
        help="begin the replay at this time of the files' day (default 07:00)",
    )
    group.add_argument("--seed", type=int, help="of everything that is drawn at random (default 1)")
    group.add_argument(
        "--at",
        type=_moment,
        metavar="MOMENT",
        help="begin at this moment instead of now, for example 2026-03-29T00:59:00 (UTC)",
    )
    group.add_argument(
        "--enforce-sessions",
        action="store_true",
        default=None,
        help="close each symbol outside its hours: no made ticks, orders answered 10018",
    )
    group.add_argument(
        "--liquidity",
        type=_amount,
        metavar="LOTS",
        help="lots that each side of a quote takes, beyond which orders are filled in part (default: any)",
    )


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("trade server")
    group.add_argument(
        "--symbols",
        type=_symbols,
        metavar="A,B",
        help="what is in Market Watch (default: the majors)",
    )
    group.add_argument(
        "--trade-mode",
        dest="trade_modes",
        type=_trade_mode,
        action="append",
        metavar="SYMBOL=MODE",
        help=f"how the broker lets a symbol be traded, one of {', '.join(TRADE_MODES)}; may be given again",
    )
    group.add_argument(
        "--utc-offset",
        dest="utc_offset_s",
        type=int,
        metavar="SECONDS",
        help="the trade server's wall clock minus UTC (default 10800)",
    )
    group.add_argument(
        "--zone",
        metavar="CLOCK",
        help="the trade server's clock where it changes with the season, instead of --utc-offset: "
        "NY+7 (midnight at New York's close), EET, Europe/Athens",
    )


def _add_account_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("account")
    group.add_argument("--balance", type=_amount, help="the deposit (default 10000)")
    group.add_argument(
        "--currency",
        type=_currency,
        metavar="CODE",
        help=f"of the account and its deposit, one of {', '.join(CURRENCIES)} (default USD)",
    )
    group.add_argument("--leverage", type=int, help="default 100")
    group.add_argument(
        "--commission",
        dest="commission_per_lot",
        type=_amount,
        metavar="AMOUNT",
        help="what each lot of each deal costs, in the account's currency (default 0)",
    )
    group.add_argument(
        "--fee",
        dest="fee_per_lot",
        type=_amount,
        metavar="AMOUNT",
        help="the same as a fee instead of a commission (default 0)",
    )
    group.add_argument("--account-mode", choices=ACCOUNT_MODES, help="default hedging")
    group.add_argument("--login", type=int, help="account number (default 10000001)")
    group.add_argument("--password", help="required at login when given (default: any will do)")
    group.add_argument("--build", type=int, help="of the terminal (default 6231)")
    group.add_argument("--server", help="name of the trade server (default Simulator-Demo)")
    group.add_argument(
        "--ledger", type=Path, metavar="FILE", help="append every deal to this file, as JSON lines"
    )
    group.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="keep the account in this file: started again with it, the terminal still knows its "
        "positions, orders, history and balance, however it ended",
    )


def _endpoint(text: str) -> Endpoint:
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        raise argparse.ArgumentTypeError(f"must read HOST:PORT, got {text!r}")
    return match[1].strip("[]"), int(match[2])


def _latency(text: str) -> str:
    if not _RANGE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be milliseconds or a range a..b, got {text!r}")
    return text


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return speed


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of 0 or more, got {text!r}")
    return amount


def _currency(text: str) -> str:
    currency = text.upper()
    if currency not in CURRENCIES:
        raise argparse.ArgumentTypeError(
            f"no pair converts to {text!r}; must be one of {', '.join(CURRENCIES)}"
        )
    return currency


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a moment like 2026-03-29T00:59:00 in UTC, got {text!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time_of_day(text: str) -> str:
    if not _TIME_OF_DAY.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must read HH:MM or HH:MM:SS, got {text!r}")
    return text


def _trade_mode(text: str) -> tuple[str, int]:
    symbol, _, mode = text.partition("=")
    if mode not in TRADE_MODES:
        known = ", ".join(TRADE_MODES)
        raise argparse.ArgumentTypeError(f"must read SYMBOL=MODE with one of {known}, got {text!r}")
    return symbol, TRADE_MODES[mode]


def _symbols(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"must name symbols, comma-separated, got {text!r}")
    return names
