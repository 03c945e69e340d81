"""What the venue's and the package's codes mean, and what a reply proves about an order.

One table for the trade server's return codes, one for the package's last_error codes. Whatever is in neither
proves nothing: it is UNKNOWN, and the terminal is asked what happened. Used by `trade_lane` and `lane`.

Each row names the source of its meaning. What a code proves is this bridge's reading of that meaning: NO only
where the venue or the package says that it did not act, UNKNOWN wherever it may have acted all the same.
"""

from dataclasses import dataclass
from enum import StrEnum

from hybrid_bridge.core.orders import Answer, SubmitOutcome
from hybrid_bridge.terminal.operations import SubmitReply
from hybrid_bridge.terminal.package import SUCCESS
from hybrid_bridge.terminal.rows import SendRow

ACTION_DEAL, ACTION_PENDING = 1, 5
CHANGE_ACTIONS = (6, 7)  # TRADE_ACTION_SLTP, TRADE_ACTION_MODIFY

PLACED, DONE, DONE_PARTIAL, NO_CHANGES, POSITION_CLOSED = 10008, 10009, 10010, 10025, 10036

_YES, _NO, _UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


class Authority(StrEnum):
    """Where the meaning of a code is known from."""

    REFERENCE = "MQL5 reference, Trade Server Return Codes"
    REPORTED = "MQL5 reference, Trade Server Return Codes; seen to fill afterwards on live accounts"
    MEASURED = "texts and occasions measured with the genuine package 5.0.6231"
    LIVE = "measured with the genuine package 5.0.6231; its occasions reported from live terminals"
    READING = "MQL5 reference, which names it in half a sentence; read here with caution"


_REFERENCE, _REPORTED, _READING = Authority.REFERENCE, Authority.REPORTED, Authority.READING
_MEASURED, _LIVE = Authority.MEASURED, Authority.LIVE


@dataclass(frozen=True, slots=True)
class Retcode:
    """One return code of the trade server.

    Attributes:
        answer: what it proves in general; `classify_reply` knows the exceptions.
        retriable: a certain no that may be tried once more with a fresh quote and a fresh risk check.
        halts: no order can succeed before a person has mended something.
        advice: what that person should do; empty unless it halts.
    """

    number: int
    name: str
    meaning: str
    source: Authority
    answer: Answer
    retriable: bool = False
    halts: bool = False
    advice: str = ""


RETCODES: dict[int, Retcode] = {
    code.number: code
    for code in (
        Retcode(10004, "REQUOTE", "the price moved; the venue offers a new one", _REFERENCE, _NO, True),
        Retcode(10006, "REJECT", "the venue rejected the request", _REFERENCE, _NO),
        Retcode(10007, "CANCEL", "the request was cancelled by the trader", _REFERENCE, _NO),
        # Of a market order it says only that it waits; the deal must show before it counts.
        Retcode(PLACED, "PLACED", "the order is placed", _REFERENCE, _UNKNOWN),
        Retcode(DONE, "DONE", "the request is done", _REFERENCE, _YES),
        Retcode(DONE_PARTIAL, "DONE_PARTIAL", "only a part of the volume was filled", _REFERENCE, _YES),
        Retcode(10011, "ERROR", "the venue had an error while processing the request", _REFERENCE, _UNKNOWN),
        Retcode(
            10012,
            "TIMEOUT",
            "the venue did not answer in time; the order may still fill",
            _REPORTED,
            _UNKNOWN,
        ),
        Retcode(10013, "INVALID", "the request is invalid", _REFERENCE, _NO),
        Retcode(
            10014, "INVALID_VOLUME", "the volume is outside the symbol's limits or steps", _REFERENCE, _NO
        ),
        Retcode(10015, "INVALID_PRICE", "the price is on the wrong side or not on a tick", _REFERENCE, _NO),
        Retcode(
            10016,
            "INVALID_STOPS",
            "stop loss or take profit is too close or on the wrong side",
            _REFERENCE,
            _NO,
        ),
        Retcode(
            10017, "TRADE_DISABLED", "trading is disabled for the symbol or the account", _REFERENCE, _NO
        ),
        Retcode(10018, "MARKET_CLOSED", "the market is closed", _REFERENCE, _NO),
        Retcode(10019, "NO_MONEY", "there is not enough free margin", _REFERENCE, _NO),
        Retcode(10020, "PRICE_CHANGED", "the price changed", _REFERENCE, _NO, True),
        Retcode(10021, "PRICE_OFF", "there is no quote to fill at", _REFERENCE, _NO, True),
        Retcode(10022, "INVALID_EXPIRATION", "the order's expiration is not permitted", _REFERENCE, _NO),
        # Something happened to the order meanwhile, perhaps a fill: not a proof of anything.
        Retcode(10023, "ORDER_CHANGED", "the order's state changed meanwhile", _READING, _UNKNOWN),
        Retcode(10024, "TOO_MANY_REQUESTS", "requests come too often for the venue", _REFERENCE, _NO),
        Retcode(NO_CHANGES, "NO_CHANGES", "the request changes nothing", _REFERENCE, _NO),
        Retcode(
            10026,
            "SERVER_DISABLES_AT",
            "the broker has disabled automated trading for this account",
            _REFERENCE,
            _NO,
            halts=True,
            advice="ask the broker to enable automated trading for the account",
        ),
        Retcode(
            10027,
            "CLIENT_DISABLES_AT",
            "automated trading is off in the terminal",
            _REFERENCE,
            _NO,
            halts=True,
            advice="press the terminal's Algo Trading button until it is green",
        ),
        Retcode(10028, "LOCKED", "the request is locked for processing", _READING, _NO),
        Retcode(
            10029, "FROZEN", "the order or position is too close to the market to be changed", _REFERENCE, _NO
        ),
        # To be tried again with another of the fillings that the symbol permits.
        Retcode(10030, "INVALID_FILL", "the symbol does not permit this filling mode", _REFERENCE, _NO, True),
        Retcode(
            10031, "CONNECTION", "the terminal has no connection to the trade server", _REFERENCE, _UNKNOWN
        ),
        Retcode(10032, "ONLY_REAL", "permitted on real accounts only", _REFERENCE, _NO),
        Retcode(10033, "LIMIT_ORDERS", "the account's limit of pending orders is reached", _REFERENCE, _NO),
        Retcode(
            10034, "LIMIT_VOLUME", "the symbol's limit of volume in one direction is reached", _REFERENCE, _NO
        ),
        Retcode(10035, "INVALID_ORDER", "the order type is not permitted for the symbol", _REFERENCE, _NO),
        Retcode(POSITION_CLOSED, "POSITION_CLOSED", "the position is closed already", _REFERENCE, _NO),
        Retcode(
            10038, "INVALID_CLOSE_VOLUME", "the volume to close is larger than the position", _REFERENCE, _NO
        ),
        Retcode(10039, "CLOSE_ORDER_EXIST", "an order to close the position exists already", _REFERENCE, _NO),
        Retcode(
            10040, "LIMIT_POSITIONS", "the account's limit of open positions is reached", _REFERENCE, _NO
        ),
        Retcode(
            10041,
            "REJECT_CANCEL",
            "the pending order was rejected at activation and cancelled",
            _REFERENCE,
            _NO,
        ),
        Retcode(10042, "LONG_ONLY", "only buying is permitted on the symbol", _REFERENCE, _NO),
        Retcode(10043, "SHORT_ONLY", "only selling is permitted on the symbol", _REFERENCE, _NO),
        Retcode(10044, "CLOSE_ONLY", "only closing is permitted on the symbol", _REFERENCE, _NO),
        Retcode(
            10045, "FIFO_CLOSE", "positions must be closed in the order of their opening", _REFERENCE, _NO
        ),
        Retcode(
            10046, "HEDGE_PROHIBITED", "opposite positions on one symbol are not permitted", _REFERENCE, _NO
        ),
    )
}


@dataclass(frozen=True, slots=True)
class LastError:
    """One last_error code of the package.

    Attributes:
        answer: what it proves about an order when order_send returned None with it.
        advice: what the user should do when it stands in the way of a connection or an order; may be empty.
        halts: no order can succeed before a person has followed the advice.
    """

    number: int
    name: str
    meaning: str
    source: Authority
    answer: Answer
    advice: str = ""
    halts: bool = False


_SAME_USER = (
    "run the bridge as the same user and with the same rights (administrator or not) as the terminal, "
    "and not from the Microsoft Store's Python"
)

LAST_ERRORS: dict[int, LastError] = {
    error.number: error
    for error in (
        # With no result beside it, even a success proves nothing.
        LastError(SUCCESS, "OK", "there is no error, yet no result either", _MEASURED, _UNKNOWN),
        LastError(-1, "FAIL", "the terminal failed to do it", _LIVE, _UNKNOWN),
        LastError(
            -2,
            "INVALID_PARAMS",
            "a parameter was refused",
            _MEASURED,
            _NO,
            "check MT5_LOGIN (digits), MT5_SERVER (as in the terminal's login window) and MT5_PATH",
        ),
        LastError(-3, "NO_MEMORY", "the terminal or the bridge ran out of memory", _MEASURED, _UNKNOWN),
        LastError(-4, "NOT_FOUND", "there is no such thing", _LIVE, _UNKNOWN),
        LastError(
            -5,
            "INVALID_VERSION",
            "terminal and MetaTrader5 package do not fit",
            _MEASURED,
            _UNKNOWN,
            "update the terminal (Help > Check for updates) and the package (pip install -U MetaTrader5)",
        ),
        LastError(
            -6,
            "AUTH_FAILED",
            "the login was refused",
            _LIVE,
            _UNKNOWN,
            "check MT5_LOGIN, MT5_PASSWORD and MT5_SERVER by logging in by hand; demo accounts expire",
        ),
        LastError(
            -7,
            "UNSUPPORTED",
            "this way of logging in is not supported (one-time password or certificate)",
            _MEASURED,
            _UNKNOWN,
            "log in by hand in the terminal and leave MT5_PASSWORD empty",
        ),
        LastError(
            -8,
            "AUTO_TRADING_DISABLED",
            "trading through the Python API is disabled in the terminal",
            _LIVE,
            _NO,
            'untick "Disable automated trading via external Python API" in Tools > Options > Expert Advisors',
            halts=True,
        ),
        LastError(-10000, "INTERNAL_FAIL", "a reply did not fit its question", _MEASURED, _UNKNOWN),
        LastError(-10001, "INTERNAL_FAIL_SEND", "the terminal stopped listening", _LIVE, _UNKNOWN),
        LastError(-10002, "INTERNAL_FAIL_RECEIVE", "the terminal's answer was lost", _LIVE, _UNKNOWN),
        LastError(
            -10003,
            "INTERNAL_FAIL_INIT",
            "the terminal could not be reached",
            _LIVE,
            _UNKNOWN,
            "check that MT5_PATH names the terminal64.exe you log in with, that the terminal is started, "
            "that Python integration is on in Tools > Options > Community (then restart the terminal); "
            + _SAME_USER,
        ),
        # Nothing is written without a connection, so nothing can have been done.
        LastError(-10004, "INTERNAL_FAIL_CONNECT", "there is no connection to the terminal", _LIVE, _NO),
        LastError(
            -10005,
            "INTERNAL_FAIL_TIMEOUT",
            "the terminal did not become ready in time",
            _LIVE,
            _UNKNOWN,
            "log in to the account by hand, close any dialog that is open in the terminal, check its "
            "internet connection; raise MT5_TIMEOUT_MS if it is only slow; " + _SAME_USER,
        ),
    )
}

# What -10003 says in more detail. Source: the package's texts, measured with 5.0.6231.
_INIT_ADVICE = (
    (
        "Process create failed",
        "MT5_PATH must name the terminal64.exe itself; it was not found or cannot start",
    ),
    ("not found", "no installed terminal was found; set MT5_PATH to your broker's terminal64.exe"),
    (
        "Pipe server didn't answer",
        "switch on Python integration in the terminal's Tools > Options > Community and restart it; "
        + _SAME_USER,
    ),
)


def advise(code: int, text: str) -> str:
    """Return what the user should do about an error of connecting; empty when nothing is known."""
    if code == -10003:
        for part, advice in _INIT_ADVICE:
            if part in text:
                return advice
    if code == 0 and "No module named" in text:
        return (
            "the MetaTrader5 package is installed on Windows only (pip install MetaTrader5); "
            "elsewhere set MT5_BACKEND=simulator or SIMULATION_MODE=true"
        )
    error = LAST_ERRORS.get(code)
    return error.advice if error else ""


def overdue(operation: str, timeout_s: float) -> str:
    """Say that an operation was not answered in time, and what to do where that is known."""
    late = f"{operation} took longer than {timeout_s:g} s"
    if operation != "connect":
        return late
    return (
        f"{late}; start the terminal by hand and log in, close every dialog that is open in it, or restart "
        "it if it hangs; " + _SAME_USER
    )


def classify_reply(reply: SubmitReply, action: int) -> SubmitOutcome:
    """Say what the terminal's reply to a request proves.

    Args:
        action: the request's TRADE_ACTION_* value, on which PLACED, NO_CHANGES and POSITION_CLOSED depend.
    """
    if reply.result is not None:
        return _classify_result(reply.result, action)
    if reply.stranger:
        return SubmitOutcome(Answer.NO, reason="other_account", detail=f"not sent: {reply.stranger}")
    if reply.late_ms:
        detail = f"not sent: {reply.late_ms} ms too late when its turn came at the terminal"
        return SubmitOutcome(Answer.NO, reason="expiry", detail=detail)
    if reply.check_retcode:
        return _refused_by_check(reply)
    return _classify_nothing(reply)


def _classify_result(result: SendRow, action: int) -> SubmitOutcome:
    known = RETCODES.get(result.retcode)
    answer = known.answer if known else Answer.UNKNOWN
    pending = action == ACTION_PENDING
    if (result.retcode == PLACED and pending) or (result.retcode == NO_CHANGES and action in CHANGE_ACTIONS):
        answer = Answer.YES
    refusal = known if answer is Answer.NO else None
    return SubmitOutcome(
        answer=answer,
        retcode=result.retcode,
        reason=_reason(known, result.retcode),
        detail=_detail(known, result.comment, action),
        order=result.order,
        deal=result.deal,
        volume=result.volume,
        price=result.price,
        placed=answer is Answer.YES and pending,
        retriable=refusal is not None and refusal.retriable,
        halts=refusal is not None and refusal.halts,
    )


def _refused_by_check(reply: SubmitReply) -> SubmitOutcome:
    """The request was never sent, so the answer is no whatever the code."""
    known = RETCODES.get(reply.check_retcode)
    return SubmitOutcome(
        answer=Answer.NO,
        retcode=reply.check_retcode,
        reason=_reason(known, reply.check_retcode),
        detail="refused by the terminal before sending: " + _detail(known, reply.check_comment),
        retriable=known is not None and known.retriable,
        halts=known is not None and known.halts,
    )


def _classify_nothing(reply: SubmitReply) -> SubmitOutcome:
    error = LAST_ERRORS.get(reply.code)
    answer = error.answer if error and reply.sent else Answer.UNKNOWN
    words = f"{error.meaning}: {reply.text}" if error else reply.text
    detail = f"{words} ({reply.code})"
    halts = error is not None and error.halts
    if error and halts:
        detail = f"{detail}; {error.advice}"
    reason = error.name.lower() if error else f"last_error_{reply.code}"
    return SubmitOutcome(
        answer=answer if reply.sent else Answer.NO,
        error_code=reply.code,
        reason="no_result" if reply.code == SUCCESS else reason,
        detail=detail if reply.sent else f"not sent, the terminal could not be asked before: {detail}",
        halts=halts,
    )


def _reason(known: Retcode | None, number: int) -> str:
    return known.name.lower() if known else f"retcode_{number}"


def _detail(known: Retcode | None, comment: str, action: int = 0) -> str:
    if known is None:
        return f"an undocumented return code; the venue says: {comment or 'nothing'}"
    words = f"{known.meaning} ({comment})" if comment else known.meaning
    if known.number == POSITION_CLOSED and action == ACTION_DEAL:
        # What was wanted is so, though this request did not do it: no reason to try again.
        return f"{words}: by its stop, by hand or by an earlier request; nothing is left to close"
    return f"{words}; {known.advice}" if known.advice else words
