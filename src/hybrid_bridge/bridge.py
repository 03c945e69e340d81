"""The bridge itself: its parts, put together, and the tasks that drive them.

Owns which part feeds which. app starts and stops it; nothing imports it but app. The stages of a stop follow
the flow: first what comes in, then the executor, then what goes out, then what everything stands on.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from hybrid_bridge import guard_figures
from hybrid_bridge.clock import SystemClock
from hybrid_bridge.configured import limits_of
from hybrid_bridge.control.client import ControlClient
from hybrid_bridge.control.local_commands import LocalCommands
from hybrid_bridge.control.ticks import WebSocketTickSink
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.events import TradingState
from hybrid_bridge.core.identity import find_account_denial, find_terminal_denial
from hybrid_bridge.core.inputs import AccountObserved
from hybrid_bridge.core.results import TradeResult, explain
from hybrid_bridge.execution.clearing import EmergencyClearing
from hybrid_bridge.execution.executor import Executor
from hybrid_bridge.execution.inbox import PriorityInbox
from hybrid_bridge.execution.outbox import OutboxPump
from hybrid_bridge.execution.recorder import Recorder
from hybrid_bridge.execution.recovery import Recovery
from hybrid_bridge.execution.settling import Settling
from hybrid_bridge.figures import ExecutorFigures
from hybrid_bridge.host.power import KeepAwake
from hybrid_bridge.host.sleep import SleepMeter
from hybrid_bridge.journal.cursors import SqliteCursorStore
from hybrid_bridge.journal.retention import Retention
from hybrid_bridge.journal.sqlite import SqliteJournal
from hybrid_bridge.messages.inbound import DataRequested
from hybrid_bridge.messages.outbound import encode, encode_account, encode_positions
from hybrid_bridge.settings import Settings
from hybrid_bridge.status import StatusBoard
from hybrid_bridge.streams.channel_state import ChannelState, tell_once
from hybrid_bridge.streams.event_publisher import KafkaEventChannel
from hybrid_bridge.streams.signal_consumer import KafkaSignalConsumer
from hybrid_bridge.streams.stop_watcher import StopWatcher
from hybrid_bridge.streams.tick_publisher import KafkaTickSink
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.lanes import Lanes
from hybrid_bridge.terminal.market_lane import TerminalMarketLane
from hybrid_bridge.terminal.poller import AccountPoller, TickPoller
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane
from hybrid_bridge.waking import Waking, power_shown

log = structlog.get_logger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]
FILLED = ("filled", "partial")


class Bridge:
    """Every part of a running bridge.

    Attributes:
        report: the latest look at the account, None before the first.
        board: what the bridge says of itself.
    """

    def __init__(self, settings: Settings, *, hybrid: bool) -> None:
        """Open the journal and build every part; nothing runs yet.

        Raises:
            JournalError, RecoveryRefused: when STATE_DIR's files cannot be used.
        """
        self._settings = settings
        self._hybrid = hybrid
        self.report: AccountReport | None = None
        self.clock = SystemClock()
        self.sleep = SleepMeter(self.clock)
        self.figures = ExecutorFigures()
        self.inbox = PriorityInbox(self.clock.monotonic)
        self._open_files()
        self._build_terminal()
        self._build_execution()
        self._build_channels()
        self._build_power()
        self.board = StatusBoard(self.recorder.state, self.figures)
        self._fill_board()

    def _open_files(self) -> None:
        folder, account = Path(self._settings.state_dir), self._settings.account
        channels = ["websocket", "redpanda"] if self._hybrid else ["websocket"]
        self.journal = SqliteJournal(folder / f"journal-{account}.sqlite", account, channels)
        self.retention = Retention(self.journal, self._settings.journal_retention_days, self.clock)
        self.cursors = SqliteCursorStore(folder / f"ticks-{account}.sqlite")

    def _build_terminal(self) -> None:
        terminal = self._settings.terminal
        self.server_clock = ServerClock(terminal.server_utc_offset_s)
        self.lanes = Lanes(terminal, self.sleep.look)
        self.market = TerminalMarketLane(self.lanes.for_market, self.server_clock, self.clock)
        self.trade = TerminalTradeLane(self.lanes.for_orders, self.server_clock, self.clock)

    def _build_execution(self) -> None:
        self.recorder = Recorder(
            self.journal,
            self.figures,
            self._wake_pumps,
            self._on_results,
            limits_of(self._settings),
            self.post_status,
        )
        server_day = self.server_clock.server_day
        # Results are asked for where ticks come from: no order waits behind that.
        history = TerminalTradeLane(self.lanes.for_market, self.server_clock, self.clock)
        self.settling = Settling(self.recorder, history, self.clock, server_day)
        self.executor = Executor(
            self.recorder,
            self.inbox,
            self.trade,
            self.clock,
            self.figures,
            server_day,
            self.settling.take,
            self.sleep.look,
        )
        self.recovery = Recovery(
            self.recorder, self.executor, self.trade, self.clock, self._connection, self.sleep.look
        )
        self.clearing = EmergencyClearing(self.recorder, self.executor, self.inbox, self.trade, self.clock)
        state_dir = Path(self._settings.state_dir)
        self.local_commands = LocalCommands(state_dir, self.inbox, self.clock)

    def _build_channels(self) -> None:
        self.control = ControlClient(
            self._settings.control,
            self.inbox,
            self.clock,
            self.answer,
            on_connect=self._on_connect,
            standstills=self.sleep.look,
            before_msc=self.sleep.before_msc,
        )
        self._control_pump = OutboxPump(self.journal, self.control, self.clock)
        self.pumps = [self._control_pump]
        self.stops: StopWatcher | None = None
        self.consumer: KafkaSignalConsumer | None = None
        self.events: KafkaEventChannel | None = None
        self.sink: KafkaTickSink | WebSocketTickSink = WebSocketTickSink(self.control)
        if self._hybrid:
            streams, look = self._settings.streams, self.sleep.look
            sink = self.sink = KafkaTickSink(streams, self.clock)
            self.stops = StopWatcher(streams, self.inbox, self.clock, standstills=look)
            self.consumer = KafkaSignalConsumer(
                streams, self.inbox, self.clock, obeyed=self.stops.obeyed, standstills=look
            )
            self.events = KafkaEventChannel(streams, self.clock)
            tell_once(sink.state, self.stops.state, self.consumer.state, self.events.state)
            self.pumps.append(OutboxPump(self.journal, self.events, self.clock))
        terminal = self._settings.terminal
        if not self._hybrid:
            # A WebSocket keeps no ticks for later: it carries the present price, numbered without holes.
            terminal = replace(terminal, tick_mode="latest")
        self.ticks = TickPoller(self.market, self.sink, self.cursors, self.clock, self.server_clock, terminal)
        self.account = AccountPoller(self.market, self._on_report, terminal.account_interval_s)

    def _build_power(self) -> None:
        self.power = KeepAwake(self._stays_awake, self.clock)
        sinks = (self.sink, self.events)
        self.waking = Waking(
            self.sleep,
            forget=(self._forget_report, self.control.renew, self.account.poke),
            doubt_clock=self.server_clock.doubt,
            see_anew=self.recovery.see_anew,
            reconnect=[sink.close for sink in sinks if isinstance(sink, KafkaTickSink | KafkaEventChannel)],
        )

    def _fill_board(self) -> None:
        self.board.why_no_entries = self._why_no_entries
        self.board.clearing = self.clearing.progress
        self.board.guard = {
            "limits": lambda: guard_figures.limits_shown(self._settings, self.recorder.limits),
            "tightened": self._tightened,
            "portfolio": self._portfolio,
            "losses": self._losses,
        }
        self.board.channels = {"terminal": self._terminal_state, "websocket": self._websocket_state}
        if self.consumer is not None:
            self.board.channels["redpanda"] = self._redpanda_state
        self.board.power = lambda: power_shown(self.sleep, self.power)
        self.board.counters = {
            "ticks_published": lambda: self.ticks.figures.published,
            "ticks_acknowledged": lambda: self.ticks.figures.acknowledged,
            "orders_waiting": lambda: self.inbox.orders_waiting,
        }

    def intake(self) -> Sequence[Loop]:
        """Return the loops that bring something in; the first to stop."""
        loops: list[Loop] = [self.account.run, self.local_commands.run]
        if self.consumer is not None and self.stops is not None:
            loops += [self.stops.run, self.consumer.run]
        return loops

    def core(self) -> Sequence[Loop]:
        """Return the loops that decide and execute."""
        executor = self.executor
        waking = [self.recovery.run, self.clearing.run, self.settling.run, self.waking.run]
        return [executor.run_orders, executor.run_facts, *waking, self.sleep.run]

    def outgoing(self) -> Sequence[Loop]:
        """Return the loops that deliver."""
        return [self.ticks.run, *(pump.run for pump in self.pumps)]

    def base(self) -> Sequence[Loop]:
        """Return the loops that everything stands on; the last to stop."""
        return [self.lanes.run, self.control.run, self.retention.run, self.power.run, self._tell_status]

    async def restore(self) -> None:
        """Bring the state back from the journal.

        Raises:
            RecoveryRefused, JournalError: when trading must not start.
        """
        await self.recovery.restore()
        self._name_tightened()

    async def obey_what_was_typed(self) -> None:
        """Hand over what was typed while no bridge ran; the loops of `core` must run, and no other yet."""
        await self.local_commands.take_all()

    async def close(self) -> None:
        """Close connections and files; the files also when a forced stop cuts this short."""
        try:
            if isinstance(self.sink, KafkaTickSink):
                await self.sink.close()
            if self.events is not None:
                await self.events.close()
        finally:
            self.cursors.close()
            self.journal.close()

    def answer(self, question: DataRequested) -> list[bytes]:
        """Return the messages that answer a get_data: never an account as it was before an outage."""
        if question.request == "status":
            return [self.status_message()]
        away = _away(self.lanes.for_market())
        if away or self.report is None:
            detail = f"{away or 'the terminal has not been asked yet'}; ask again"
            return [encode("error", {"reason": "not_ready", "detail": detail, "of": question.request})]
        if question.request == "account_info":
            return [encode_account(self.report.account)]
        return [encode_positions(self.report.positions)]

    def status_message(self) -> bytes:
        """Return a bridge_status message."""
        return encode("bridge_status", self.board.bridge_status())

    def shown(self) -> dict[str, object]:
        """Return what somebody at this PC is shown: the status, and the account as it was last seen."""
        account, report = None, self.report
        if report is not None:
            seen = report.account
            account = {
                "login": seen.login,
                "server": seen.server,
                "currency": seen.currency,
                "balance": seen.balance,
                "equity": seen.equity,
                "positions": len(report.positions),
            }
        return {"status": self.board.bridge_status(), "account_seen": account}

    def post_status(self) -> None:
        """Tell the backend how the bridge is."""
        self.control.post_latest("bridge_status", self.status_message())

    async def _tell_status(self) -> None:
        """Post the status as often as the account, also while the terminal is away."""
        while True:
            self.post_status()
            await self.clock.sleep(self._settings.account_interval_s)

    def _on_connect(self) -> None:
        self.post_status()
        self._control_pump.channel_up()

    def _stays_awake(self) -> bool:
        return self._settings.keep_awake and self.recorder.limits.trading_enabled

    def _connection(self) -> object:
        """Name what the terminal is seen through: after a sleep it shows old things until ticks are fresh."""
        return self.lanes.connects, self.server_clock.offset_s

    def _forget_report(self) -> None:
        """Show nobody the account as it was before a sleep."""
        self.report = None

    def _wake_pumps(self) -> None:
        for pump in self.pumps:
            pump.wake()

    def _on_results(self, results: Sequence[TradeResult]) -> None:
        if any(result.status in FILLED for result in results):
            self.account.poke()

    async def _on_report(self, report: AccountReport) -> None:
        self.report = report
        self.control.post_latest("account_info", encode_account(report.account))
        self.control.post_latest("positions", encode_positions(report.positions))
        await self.inbox.put(AccountObserved(report))

    def _why_no_entries(self) -> str:
        """Return the first reason for which an entry would be denied now, whatever it asks for."""
        if self.executor.closed_because:
            return self.executor.closed_because
        if self.recorder.state.trading is not TradingState.ACTIVE:
            return self.recorder.state.halt_reason
        if not self._settings.trading_enabled:
            return "TRADING_ENABLED is false; set it to true and start again to trade"
        if not self.recorder.limits.trading_enabled:
            return "TRADING_ENABLED was tightened to false; `hybrid-bridge limits --restore` takes that back"
        if away := _away(self.lanes.for_orders()):
            return away
        denial = find_terminal_denial(self.report) if self.report is not None else None
        if denial is not None:
            return explain((denial,))
        if not self.server_clock.transitions:  # One that is only doubted, after a sleep, still dates quotes.
            return "entries wait for a fresh tick: the offset of the server's clock is not known yet"
        return ""

    def _believed_report(self) -> AccountReport | None:
        """Return the latest look, unless the terminal is out of sight or shows another account."""
        if self.report is None or _away(self.lanes.for_market()):
            return None
        return None if find_account_denial(self.report, self.recorder.limits) else self.report

    def _tightened(self) -> dict[str, guard_figures.Tightened]:
        settings = self._settings
        return guard_figures.tightened_shown(settings, limits_of(settings), self.recorder.state)

    def _name_tightened(self) -> None:
        """Say at the start which limits are not those of the settings."""
        tightened = self._tightened()
        if tightened:
            mend = "`hybrid-bridge limits` shows them, `hybrid-bridge limits --restore` takes that back"
            log.warning(
                "Limits are tighter than the settings", **guard_figures.in_words(tightened), mend=mend
            )

    def _portfolio(self) -> Mapping[str, object] | None:
        report, recorder = self._believed_report(), self.recorder
        if report is None:
            return None
        return guard_figures.portfolio_shown(recorder.state, recorder.limits, report, self.clock.utc_msc())

    def _losses(self) -> Mapping[str, object]:
        recorder, report, now_msc = self.recorder, self._believed_report(), self.clock.utc_msc()
        server_day = self.server_clock.server_day(now_msc)
        return guard_figures.losses_shown(recorder.state, recorder.limits, report, now_msc, server_day)

    def _terminal_state(self) -> Mapping[str, object]:
        lanes = self.lanes.status()
        ready = self.lanes.for_orders().ready and self.lanes.for_market().ready
        return {"state": "up" if ready else "down", **lanes}

    def _websocket_state(self) -> Mapping[str, object]:
        state = self.control.state
        return {
            "state": state.link.value,
            "error": state.last_error,
            "sent": state.sent,
            "received": state.received,
            "reconnects": state.reconnects,
        }

    def _redpanda_state(self) -> Mapping[str, object]:
        parts = {"signals": self.consumer, "stops": self.stops, "events": self.events, "ticks": self.sink}
        states: dict[str, ChannelState] = {
            name: part.state
            for name, part in parts.items()
            if part is not None and not isinstance(part, WebSocketTickSink)
        }
        # Events connect when there is something to say: until then they are no news of the channel.
        judged = [state for name, state in states.items() if name != "events" or state.phase == "down"]
        worst = next((state for state in judged if state.phase != "up"), None)
        return {
            "state": "up" if worst is None else worst.phase.value,
            "error": "" if worst is None else worst.last_error,
            **{name: state.phase.value for name, state in states.items()},
            "elsewhere": self.consumer.elsewhere if self.consumer is not None else 0,
        }


def _away(lane: Lane) -> str:
    """Say why a lane does not reach the terminal; "" when it does."""
    return "" if lane.ready else f"the terminal is not connected: {lane.state.reason or lane.state.phase}"
