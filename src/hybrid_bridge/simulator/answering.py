"""What a terminal answers to a request, when, and how a fault spoils it.

Owns the way of one request: reading it, counting it, its latency, the fault that hits it, its execution
and its reply. An answer is given at once or later, through a callback, always exactly once. Knows no
socket: `connections` brings requests and carries answers away. Held by `terminal_server`.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import structlog

from hybrid_bridge.simulator import constants, wire
from hybrid_bridge.simulator.accounts import Accounts
from hybrid_bridge.simulator.faults import CallFault, FaultBoard
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.waits import Waits
from hybrid_bridge.simulator.wire import Command
from hybrid_bridge.simulator.wire_structs import WireError

log = structlog.get_logger(__name__)

# Arrivals of orders that are remembered.
_ARRIVALS_MAX: Final = 10_000
# Neither authorised nor refused: the package asks again.
_NOT_YET: Final = 1
# A reply is cut in the middle of its head.
_CUT_AT: Final = 6


class OrderArrival(NamedTuple):
    """An order_send as it reached the terminal, before anything is done about it.

    Attributes:
        time_ns: the computer's wall clock, nanoseconds since 1970.
    """

    magic: int
    comment: str
    time_ns: int


class Answer(NamedTuple):
    """What a connection is to carry away.

    Attributes:
        frame: what is sent; may be empty.
        hang_up: whether the connection is closed then.
    """

    frame: bytes
    hang_up: bool = False


Reply = Callable[[Answer], None]


class Answering:
    """Answer requests.

    Args:
        accounts: the accounts; the one that is logged in answers.
        faults: what goes wrong.

    Attributes:
        calls: requests per command since the start.
        arrivals: the latest order_send requests, oldest first.
        waits: what is still to come.
    """

    def __init__(self, accounts: Accounts, faults: FaultBoard) -> None:
        self.calls: Counter[Command] = Counter()
        self.arrivals: deque[OrderArrival] = deque(maxlen=_ARRIVALS_MAX)
        self.waits = Waits()
        self._accounts = accounts
        self._faults = faults
        self._known_lag: tuple[float, float] | None = None

    def answer(self, body: bytes, connected_s: float, reply: Reply) -> None:
        """Answer one request.

        Args:
            body: the request without its length.
            connected_s: when its client connected, by the monotonic clock.
            reply: called once, now or later.
        """
        try:
            command, parameters = wire.decode_request(body)
        except wire.UnknownCommandError as error:
            reply(Answer(wire.encode_error(error.number, constants.RES_E_UNSUPPORTED)))
            return
        except WireError as error:
            log.warning("Refusing a malformed request.", reason=str(error))
            number = wire.command_number(body)
            reply(Answer(wire.encode_error(number, constants.RES_E_INVALID_PARAMS)))
            return
        self.calls[command] += 1
        fault = self._faults.take(command)
        if command is Command.ORDER_SEND:
            self.arrivals.append(OrderArrival(parameters[0].magic, parameters[0].comment, time.time_ns()))
        elif command is Command.AUTHORISATION and self._is_starting(connected_s):
            reply(Answer(wire.encode_reply(command, _NOT_YET)))
            return
        elif command is Command.HELLO:
            self.lag_history()
        step = partial(self._finish, fault, command, parameters, reply)
        if wait_s := self._faults.latency_s(command):
            self.waits.after(wait_s, step)
        else:
            step()

    def _is_starting(self, connected_s: float) -> bool:
        return time.monotonic() - connected_s < self._faults.slow_start_s

    def history_lag_changed(self) -> None:
        """Begin to let history lag when that fault is put in force; it begins anew with each client."""
        if self._faults.history_lag is not self._known_lag:
            self._known_lag = self._faults.history_lag
            self.lag_history()

    def lag_history(self) -> None:
        """Let history lag for a while, if that fault is in force."""
        if self._faults.history_lag is None:
            return
        lasts_s, back_s = self._faults.history_lag
        view = self._accounts.current.view
        view.cut_history(back_s)
        self.waits.hold(lasts_s, view.heal_history)

    def _finish(
        self, fault: CallFault | None, command: Command, parameters: tuple[Any, ...], reply: Reply
    ) -> None:
        try:
            if command is Command.ORDER_SEND and self._faults.is_too_many(time.monotonic_ns()):
                reply(self._rejection(command, parameters, constants.TRADE_RETCODE_TOO_MANY_REQUESTS))
            elif fault is None:
                reply(Answer(self._execute(command, parameters)))
            else:
                log.info("A fault hits a call.", fault=fault.kind, command=command.name)
                self._finish_spoilt(fault, command, parameters, reply)
        except Exception:
            # A fault of the simulation itself: this client sees its terminal die, the others live.
            log.exception("Closing a client whose request could not be answered.")
            reply(Answer(b"", hang_up=True))

    def _finish_spoilt(
        self, fault: CallFault, command: Command, parameters: tuple[Any, ...], reply: Reply
    ) -> None:
        executed = self._execute_unseen(fault, command, parameters) if fault.executed else None
        if fault.kind == "error":
            reply(Answer(wire.encode_error(command, fault.code)))
        elif fault.kind == "reject":
            reply(self._rejection(command, parameters, fault.code))
        elif fault.kind == "lose_reply":
            begun = wire.encode_error(command, constants.RES_E_FAIL)[:_CUT_AT] if fault.cut else b""
            reply(Answer(begun, hang_up=True))
        elif fault.kind == "stall":
            resume = partial(self._resume, executed, command, parameters, reply)
            self.waits.hold(fault.seconds or None, resume)
        else:
            zero_price = fault.kind == "zero_price"
            reply(Answer(self._execute(command, parameters, fault.terms, zero_price=zero_price)))

    def _execute_unseen(self, fault: CallFault, command: Command, parameters: tuple[Any, ...]) -> bytes:
        """Do what was asked; the terminal shows what came of it later."""
        if fault.shown_s != 0:
            view = self._accounts.current.view
            view.freeze()
            self.waits.hold(fault.shown_s, view.thaw)
        return self._execute(command, parameters)

    def _resume(
        self, executed: bytes | None, command: Command, parameters: tuple[Any, ...], reply: Reply
    ) -> None:
        if executed is not None:
            reply(Answer(executed))
        else:
            self._finish(None, command, parameters, reply)

    def _rejection(self, command: Command, parameters: tuple[Any, ...], retcode: int) -> Answer:
        commands = self._accounts.current.commands
        reject = commands.reject_check if command is Command.ORDER_CHECK else commands.reject
        result: object = reject(parameters[0], retcode)
        return Answer(wire.encode_reply(command, result))

    def _execute(
        self,
        command: Command,
        parameters: tuple[Any, ...],
        terms: Terms = USUAL,
        *,
        zero_price: bool = False,
    ) -> bytes:
        commands = self._accounts.current.commands
        try:
            if command is Command.ORDER_SEND:
                result = commands.send_order(parameters[0], terms)
                return wire.encode_reply(command, result._replace(price=0.0) if zero_price else result)
            return wire.encode_reply(command, commands.answer(command, parameters))
        except TerminalError as error:
            return wire.encode_error(command, error.code)
        except WireError as error:
            log.error("An answer does not fit the protocol.", command=command.name, reason=str(error))
            return wire.encode_error(command, constants.RES_E_FAIL)
