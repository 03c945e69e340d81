"""What a trader reads when an order is denied: the limit, what was seen instead, and what to do about it.

The tests beside the checks try where each limit lies; here every denial is read word for word, because a
denial that names the wrong limit, or none, sends a person looking in the wrong place.
"""

from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    NOW,
    fold,
    make_account,
    make_answer,
    make_appraisal,
    make_cancel,
    make_case,
    make_close,
    make_intent,
    make_limits,
    make_modify,
    make_order,
    make_position,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
    make_valuation,
    sending_events,
    state_with,
)

from hybrid_bridge.core import engine
from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.approval import approve
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial, IntentDenied, OrderSending, TradingState
from hybrid_bridge.core.identity import find_account_denial
from hybrid_bridge.core.inputs import OrderAppraised, ResumeRequested
from hybrid_bridge.core.market import Side, TradeMode
from hybrid_bridge.core.market_checks import find_frozen, find_stops_denial
from hybrid_bridge.core.orders import Channel, IntentKind, OrderState, Source
from hybrid_bridge.core.state import EngineState


def read(case: AppraisedCase) -> tuple[str, str, str, str]:
    """Return the only denial of an entry as its four texts."""
    signal = case.signal
    intent = make_intent(volume=signal.volume, side=signal.side, stop_loss=signal.stop_loss)
    verdict = approve(case, intent)
    assert isinstance(verdict, tuple), verdict
    (denial,) = verdict
    return texts(denial)


def texts(denial: Denial | None) -> tuple[str, str, str, str]:
    assert denial is not None
    return denial.check, denial.limit, denial.observed, denial.detail


def limited(**changes: Any) -> AppraisedCase:
    return make_case(limits=make_limits(**changes))


def stated(**changes: Any) -> AppraisedCase:
    return make_case(state=make_state(**changes))


def appraised(limits: dict[str, Any] | None = None, **changes: Any) -> AppraisedCase:
    return make_case(limits=make_limits(**limits or {}), appraisal=make_appraisal(**changes))


def at_account(limits: dict[str, Any] | None = None, **changes: Any) -> AppraisedCase:
    return appraised(limits, report=make_report(account=make_account(**changes)))


def at_terminal(**changes: Any) -> AppraisedCase:
    return appraised(report=make_report(terminal=make_terminal(**changes)))


def holding(*positions: Any, **limits: Any) -> AppraisedCase:
    return appraised(limits, report=make_report(positions=positions))


def entered(*instants: int, volume: float = 0.1) -> deque[Any]:
    return deque((at, make_intent(number, volume=volume)) for number, at in enumerate(instants, 1))


def reducing(signal: Any, **state: Any) -> AppraisedCase:
    """Return an entry while only less exposure is wanted and 0.5 lots are bought."""
    held = make_appraisal(report=make_report(positions=(make_position(),)))
    return make_case(signal, make_state(trading=TradingState.REDUCING, **state), appraisal=held)


def valued(limits: dict[str, Any], *positions: Any, **changes: Any) -> AppraisedCase:
    report = make_report(positions=positions, valuation=make_valuation(**changes))
    return appraised(limits, report=report)


MEND = "set it to false, restart, then resume"
HALTED = {"trading": TradingState.HALTED, "halt_reason": "login 1, expected 7001"}
ACCOUNT = [
    (
        at_account(trade_allowed=False),
        ("a trading login", "read-only login", "log in with the trading password"),
    ),
    (
        at_account(trade_expert=False),
        ("automated trading", "forbidden by the broker", "ask the broker"),
    ),
    (
        at_terminal(api_disabled=True),
        (
            "Python API allowed",
            "disabled",
            "clear Tools > Options > Expert Advisors > Disable automated trading via external Python API",
        ),
    ),
    (
        at_terminal(trade_allowed=False),
        ("AutoTrading on", "off", "press Algo Trading in the terminal"),
    ),
    (
        at_terminal(connected=False),
        ("terminal connected", "no link to the broker", "check the terminal's network"),
    ),
    (
        make_case(make_signal(account=7002)),
        ("7001", "7002", "the signal names another account"),
    ),
]
SWITCHES = [
    (
        limited(trading_enabled=False),
        ("trading_enabled", "TRADING_ENABLED=true", "false", "set TRADING_ENABLED=true and restart to trade"),
    ),
    (
        limited(emergency_stop=True),
        ("emergency_stop", "EMERGENCY_STOP=false", "true", MEND),
    ),
    (
        stated(emergency=True, halt_reason="panic"),
        ("emergency_stop", "no emergency stop", "stopped", "panic"),
    ),
    (
        stated(**HALTED),
        ("trading_state", "active", "halted", "login 1, expected 7001"),
    ),
    (
        stated(trading=TradingState.REDUCING),
        ("trading_state", "less exposure", "net 0 lots, change 0.1", "reducing only"),
    ),
    (
        reducing(make_signal(side=Side.SELL, stop_loss=1.102, volume=1.0), halt_reason="drawdown 5 %"),
        ("trading_state", "less exposure", "net 0.5 lots, change -1", "reducing only: drawdown 5 %"),
    ),
    (
        reducing(make_signal(side=Side.SELL, stop_loss=1.102, volume=None)),
        ("trading_state", "less exposure", "an entry without a volume", "reducing only"),
    ),
    (
        make_case(
            make_signal(volume=0.7),
            fold(
                make_state(trading=TradingState.REDUCING),
                [*sending_events(make_order(make_intent())), make_answer(1, OrderState.FILLED)],
            ),
        ),
        (
            "trading_state",
            "less exposure",
            "net of EURUSD not known, signal s-1 is yet to show",
            "reducing only",
        ),
    ),
    (
        make_case(
            state=make_state(tightened={"trading_enabled": 0.0}), limits=make_limits(trading_enabled=False)
        ),
        (
            "trading_enabled",
            "TRADING_ENABLED=true",
            "false",
            "switched off while the bridge runs; type `hybrid-bridge limits --restore` on the trading PC",
        ),
    ),
]
COUNTS = [
    (
        stated(entries=entered(NOW - 400)),
        (
            "duplicate_signal",
            "the like once in 1000 ms",
            "400 ms after signal s-1",
            "same symbol, side and volume under another id",
        ),
    ),
    (
        stated(daily_entries=10),
        ("daily_trades", "10 a day", "10", "entries resume on the broker's next day"),
    ),
    (
        make_case(
            state=make_state(entries=entered(NOW - 9, NOW - 8, NOW - 7, volume=0.7)),
            limits=make_limits(max_orders_per_minute=2),
        ),
        ("order_rate", "2 a minute", "3", "denied, not queued"),
    ),
    (
        make_case(
            state=make_state(entries=entered(NOW - 60_000, NOW - 8, NOW - 7, volume=0.7)),
            limits=make_limits(max_orders_per_minute=2),
        ),
        ("order_rate", "2 a minute", "2", "denied, not queued"),
    ),
    (
        holding(make_position(), make_position(symbol="GBPUSD"), max_open_positions=2),
        ("open_positions", "2", "2", "MAX_OPEN_POSITIONS"),
    ),
    (
        holding(make_position(), make_position(symbol="GBPUSD"), max_positions_per_symbol=1),
        ("open_positions", "1", "1", "MAX_POSITIONS_PER_SYMBOL"),
    ),
]
SYMBOL = [
    (
        limited(symbols=frozenset({"USDJPY", "GBPUSD"})),
        ("GBPUSD,USDJPY", "EURUSD", "add it to SYMBOLS to trade it"),
    ),
    (
        make_case(state=state_with(make_order(make_intent())), now_msc=NOW + 2_000),
        (
            "no order of unknown outcome on the symbol",
            "signal s-1 is unknown",
            "entries resume once the terminal shows what became of it",
        ),
    ),
    (
        appraised(spec=None),
        ("a symbol the terminal knows", "EURUSD", "not found"),
    ),
    (
        appraised(spec=make_spec(volume_step=0.0, volume_limit=NAN)),
        ("known trading rules", "no volume_step, volume_limit", "not yet loaded"),
    ),
    (
        appraised(spec=make_spec(trade_mode=TradeMode.CLOSE_ONLY)),
        ("BUY permitted", "close_only", "venue's rule"),
    ),
    (
        appraised(spec=make_spec(trade_mode=9)),
        ("BUY permitted", "trade mode 9", "venue's rule"),
    ),
]
PRICES = [
    (
        appraised(quote=None),
        ("quote_fresh", "a current quote", "none", "the terminal has no tick for the symbol"),
    ),
    (
        appraised(quote=make_quote(bid=1.2)),
        ("quote_fresh", "0 < bid <= ask", "bid 1.2 ask 1.1001", "no usable price"),
    ),
    (
        appraised(quote=make_quote(time_msc=None)),
        ("quote_fresh", "at most 5000 ms old", "age not known", "server clock not known yet"),
    ),
    (
        appraised(quote=make_quote(time_msc=NOW - 9_000)),
        ("quote_fresh", "at most 5000 ms old", "9000 ms", "market closed, link down or wrong clock"),
    ),
    (
        appraised({"max_spread_points": 9.5}),
        ("spread", "9.5 points", "10.0 points", "wait for a narrower spread"),
    ),
    (
        make_case(make_signal(price=1.1), limits=make_limits(max_price_drift_points=2.0)),
        ("price_collar", "2 points", "10.0 points", "signal saw 1.1"),
    ),
    (
        make_case(make_signal(stop_loss=0.0)),
        ("stop_loss", "a stop_loss", "none", "send stop_loss or set REQUIRE_STOP_LOSS=false"),
    ),
]
FALLS = [
    (
        at_account({"max_daily_loss_percent": 3.0}, equity=9_600.0),
        ("daily_loss", "3 %", "4.00 %", "equity 9600.00 from 10000.00"),
    ),
    (
        at_account({"max_drawdown_percent": 2.5}, equity=9_600.0),
        ("drawdown", "2.5 %", "4.00 %", "equity 9600.00 from 10000.00"),
    ),
    (
        make_case(state=make_state(day_equity=None), limits=make_limits(max_daily_loss_percent=3.0)),
        ("daily_loss", "3 %", "equity 10000.0, reference None", "the loss is not known"),
    ),
    (
        make_case(state=make_state(equity_peak=INF), limits=make_limits(max_drawdown_percent=2.5)),
        ("drawdown", "2.5 %", "equity 10000.0, reference inf", "the loss is not known"),
    ),
]
LEAST = make_spec(volume_min=2.0)
SIZES = [
    (
        make_case(make_signal(volume=0.75), limits=make_limits(max_volume=0.5)),
        ("volume", "at most 0.5 lots", "0.75 lots", "MAX_VOLUME"),
    ),
    (
        make_case(make_signal(volume=150.0)),
        ("volume", "at most 100 lots", "150 lots", "the symbol's volume_max"),
    ),
    (
        appraised(
            {"reduce_oversized": False},
            spec=make_spec(volume_limit=0.55),
            report=make_report(positions=(make_position(),)),
        ),
        ("volume", "at most 0.05 lots", "0.1 lots", "the symbol's volume_limit of 0.55, 0.5 held or waiting"),
    ),
    (
        appraised(
            spec=make_spec(volume_limit=0.55), report=make_report(positions=(make_position(volume=NAN),))
        ),
        ("volume", "at most 0.55 lots one way", "not known", "a position or order shows no volume"),
    ),
    (
        make_case(make_signal(volume=None), limits=make_limits(max_volume=0.005)),
        ("volume", "at most 0 lots", "0.01 lots, the least", "MAX_VOLUME"),
    ),
    (
        make_case(make_signal(volume=0.009)),
        ("volume", "at least 0.01 lots", "0 (asked 0.009)", "never rounded up"),
    ),
    (
        make_case(make_signal(volume=None), appraisal=make_appraisal(spec=LEAST)),
        (
            "risk_per_trade",
            "2 % of equity",
            "4.00 % with 2 lots, the least",
            "loss at the stop, commission and slippage reserve included",
        ),
    ),
    (
        make_case(make_signal(volume=None, stop_loss=0.0), limits=make_limits(require_stop_loss=False)),
        ("risk_per_trade", "a stop_loss to size from", "none", "send volume or stop_loss"),
    ),
    (
        appraised({"max_risk_percent": 1.5}, loss_at_stop=None),
        ("risk_per_trade", "1.5 % of equity", "not calculable", "no equity or no tick value"),
    ),
    (
        make_case(make_signal(volume=1.5), limits=make_limits(reduce_oversized=False)),
        (
            "risk_per_trade",
            "2 % of equity",
            "3.00 % with 1.5 lots",
            "loss at the stop, commission and slippage reserve included; OVERSIZED=deny",
        ),
    ),
]
RISK = {"max_open_risk_percent": 2.5}
UNBOUNDED = "no stop, or a loss that is not known"
OPEN_RISKS = [
    (
        valued(RISK, make_position(), position_losses={500: None}),
        ("2.5 % of equity", "unlimited by position 500", UNBOUNDED),
    ),
    (
        make_case(
            state=state_with(make_order(make_intent(symbol="GBPUSD", stop_loss=0.0))),
            limits=make_limits(**RISK),
        ),
        ("2.5 % of equity", "unlimited by signal s-1", UNBOUNDED),
    ),
    (
        make_case(make_signal(stop_loss=0.0), limits=make_limits(**RISK, require_stop_loss=False)),
        ("2.5 % of equity", "unlimited by this signal", UNBOUNDED),
    ),
    (
        valued(RISK, make_position(), position_losses={500: 380.0}),
        ("2.5 % of equity", "3.82 % with 0.01 lots, the least", "over all positions and orders"),
    ),
    (
        valued({**RISK, "reduce_oversized": False}, make_position(), position_losses={500: 240.0}),
        ("2.5 % of equity", "2.60 % with 0.1 lots", "over all positions and orders; OVERSIZED=deny"),
    ),
]
EXPOSED = {"max_exposure_percent": 600.0}
ALL_ORDERS = "over all positions, and all orders that may fill"
# One leg of the symbol alone: what is held of the pounds is paid for in the same dollars.
POUNDS = {name: Worth(name, name[:3], "USD", 110_000.0) for name in ("EURUSD", "GBPUSD")}
EXPOSURES = [
    (
        valued(EXPOSED, make_position(symbol="GBPUSD", volume=0.6), worths=POUNDS),
        ("600 % of equity in USD", "671.00 % with 0.01 lots, the least", ALL_ORDERS),
    ),
    (
        valued({**EXPOSED, "reduce_oversized": False}, make_position(symbol="GBPUSD"), worths=POUNDS),
        ("600 % of equity in USD", "660.00 % with 0.1 lots", f"{ALL_ORDERS}; OVERSIZED=deny"),
    ),
    (
        valued(EXPOSED, make_position(symbol="XAUUSD")),
        (
            "600 % of equity",
            "worth of XAUUSD not known",
            "a price or a rate to the account's currency is missing",
        ),
    ),
    (
        valued(EXPOSED, worths={}),
        (
            "600 % of equity",
            "worth of EURUSD not known",
            "a price or a rate to the account's currency is missing",
        ),
    ),
]
STRICT = {"reduce_oversized": False}
RESERVED = replace(make_order(make_intent(symbol="GBPUSD")), margin=9_950.0)
COSTS = [
    (
        appraised(margin=None),
        ("a calculable margin", "not calculable", "order_calc_margin gave nothing"),
    ),
    (
        at_account(free_margin=NAN),
        ("a known free margin", "nan", "the account is not loaded yet"),
    ),
    (
        at_account(STRICT, free_margin=50.0),
        ("50.00 free", "110.00 needed with 0.1 lots", "not enough money; OVERSIZED=deny"),
    ),
    (
        at_account(free_margin=5.0),
        ("5.00 free", "11.00 needed with 0.01 lots, the least", "not enough money"),
    ),
    (
        make_case(state=state_with(RESERVED), limits=make_limits(**STRICT)),
        (
            "50.00 free",
            "110.00 needed with 0.1 lots",
            "not enough money, 9950.00 reserved for orders; OVERSIZED=deny",
        ),
    ),
    (
        at_account({**STRICT, "min_margin_level_percent": 1_500.5}, margin=890.0),
        ("level 1500.5 %", "1000.00 % with 0.1 lots", "MIN_MARGIN_LEVEL_PERCENT; OVERSIZED=deny"),
    ),
    (
        at_account({"min_margin_level_percent": 100.0}, margin=NAN),
        ("level 100 %", "equity 10000.0, margin nan", "the level is not known"),
    ),
]
TABLE: list[tuple[AppraisedCase, tuple[str, ...]]] = [
    *((case, ("account", *expected)) for case, expected in ACCOUNT),
    *((case, ("symbol_allowed", *expected)) for case, expected in SYMBOL),
    *SWITCHES,
    *COUNTS,
    *PRICES,
    *FALLS,
    *SIZES,
    *((case, ("open_risk", *expected)) for case, expected in OPEN_RISKS),
    *((case, ("exposure", *expected)) for case, expected in EXPOSURES),
    *((case, ("margin", *expected)) for case, expected in COSTS),
]


@pytest.mark.parametrize(("case", "expected"), TABLE, ids=[f"{row[1][0]}: {row[1][2]}" for row in TABLE])
def test_a_denial_says_what_is_allowed_what_was_seen_and_what_to_do(
    case: AppraisedCase, expected: tuple[str, ...]
) -> None:
    assert read(case) == expected


@pytest.mark.parametrize(
    ("account", "terminal", "limits", "expected"),
    [
        ({"login": 5}, {}, {}, ("account", "login 7001", "5", "another account is logged in")),
        (
            {"login": 0},
            {},
            {},
            ("account", "a logged-in account", "none", "the terminal is between two logins"),
        ),
        (
            {"server": "Broker-Live"},
            {},
            {},
            ("account", "server Broker-Demo", "Broker-Live", "another server is connected"),
        ),
        (
            {},
            {"path": "D:\\MT5"},
            {"terminal_path": "C:\\MT5\\terminal64.exe"},
            ("account", "C:\\MT5\\terminal64.exe", "D:\\MT5", "another terminal answered"),
        ),
    ],
)
def test_another_account_is_told_by_what_differs(
    account: dict[str, Any], terminal: dict[str, Any], limits: dict[str, Any], expected: tuple[str, ...]
) -> None:
    report = make_report(account=make_account(**account), terminal=make_terminal(**terminal))

    assert texts(find_account_denial(report, make_limits(**limits))) == expected


@pytest.mark.parametrize(
    ("side", "stops", "spec", "expected"),
    [
        (
            Side.BUY,
            (1.09, 0.0),
            {"tick_size": 0.0},
            ("stop_loss", "a known tick size", "0.0", "EURUSD is not loaded yet"),
        ),
        (
            Side.BUY,
            (1e-9, 0.0),
            {},
            ("stop_loss", "stop_loss of a tick or more", "1e-09", "would be sent as none"),
        ),
        (
            Side.SELL,
            (0.0, -1.0),
            {},
            ("stop_loss", "take_profit of a tick or more", "-1.0", "would be sent as none"),
        ),
        (
            Side.BUY,
            (1.2, 0.0),
            {},
            ("stop_loss", "stop_loss below 1.1", "1.2", "wrong side for BUY"),
        ),
        (
            Side.SELL,
            (1.0, 0.0),
            {},
            ("stop_loss", "stop_loss above 1.1", "1.0", "wrong side for SELL"),
        ),
        (
            Side.BUY,
            (0.0, 1.0),
            {},
            ("stop_loss", "take_profit above 1.1", "1.0", "wrong side for BUY"),
        ),
        (
            Side.SELL,
            (0.0, 1.2),
            {},
            ("stop_loss", "take_profit below 1.1", "1.2", "wrong side for SELL"),
        ),
        (
            Side.BUY,
            (1.09995, 0.0),
            {"stops_level": 20},
            (
                "stop_loss",
                "stop_loss at least 20 points away",
                "5.0 points",
                "inside the venue's stops level",
            ),
        ),
        (
            Side.SELL,
            (0.0, 1.09995),
            {"stops_level": 10, "freeze_level": 20},
            (
                "stop_loss",
                "take_profit at least 20 points away",
                "5.0 points",
                "inside the venue's freeze level",
            ),
        ),
    ],
)
def test_impossible_stops_are_told_by_side_and_distance(
    side: Side, stops: tuple[float, float], spec: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert texts(find_stops_denial(side, *stops, 1.1, make_spec(**spec))) == expected


def test_a_frozen_stop_is_told_by_its_distance() -> None:
    assert texts(find_frozen(1.0999, 0.0, 1.1, make_spec(freeze_level=20))) == (
        "stop_loss",
        "stop_loss more than 20 points away",
        "10.0 points",
        "frozen: it is about to be hit",
    )


# Commands


def judged(
    wanted: Any, state: EngineState | None = None, position: Any = None, **appraisal: Any
) -> tuple[str, str, str, str]:
    """Return the denial of a command as its four texts."""
    case = OrderAppraised(wanted, make_appraisal(**appraisal), position, "", NOW)
    *_, denied = engine.judge_appraised(state or make_state(), make_limits(), case)
    assert isinstance(denied, IntentDenied)
    (denial,) = denied.denials
    return texts(denial)


def test_a_command_about_no_position_is_told_its_ticket() -> None:
    expected = ("position", "an open position", "ticket 500", "no such position")

    assert judged(make_close()) == expected
    assert judged(make_modify(), position=make_position(), spec=None) == expected


CHANGES = [
    (
        make_modify(stop_loss=0.0),
        {},
        {},
        (
            "stop_loss",
            "a stop_loss",
            "none",
            "a stop may be moved but not taken away while REQUIRE_STOP_LOSS=true",
        ),
    ),
    (
        make_modify(stop_loss=1.08),
        {"trading": TradingState.REDUCING, "halt_reason": "daily_loss 3 %"},
        {"max_risk_percent": 99.0},
        (
            "trading_state",
            "active, or a loss that does not rise",
            "reducing, and the loss would rise",
            "daily_loss 3 %",
        ),
    ),
    (
        make_modify(stop_loss=1.08),
        {},
        {},
        ("risk_per_trade", "2 % of equity", "9.50 % with 0.5 lots", "loss of position 500 at the new stop"),
    ),
    (
        make_modify(stop_loss=1.08),
        {},
        {"max_risk_percent": 50.0, "max_open_risk_percent": 9.0},
        ("open_risk", "9 % of equity", "9.50 %", "over all positions and orders"),
    ),
    (
        make_modify(stop_loss=0.0),
        {},
        {"require_stop_loss": False, "max_open_risk_percent": 9.0},
        ("open_risk", "9 % of equity", "unlimited by position 500", UNBOUNDED),
    ),
]


@pytest.mark.parametrize(("wanted", "state", "limits", "expected"), CHANGES)
def test_a_change_that_raises_the_loss_is_told_which_limit_it_breaks(
    wanted: Any, state: dict[str, Any], limits: dict[str, Any], expected: tuple[str, ...]
) -> None:
    report = make_report(positions=(make_position(),))
    facts = make_appraisal(loss_at_stop=190_000.0, report=report)  # 100 lots from 1.099 to 1.08
    case = OrderAppraised(wanted, facts, make_position(), "", NOW)
    *_, denied = engine.judge_appraised(make_state(**state), make_limits(**limits), case)

    assert isinstance(denied, IntentDenied)
    assert [texts(denial) for denial in denied.denials] == [expected]


def test_a_close_of_too_much_is_told_what_could_be_closed() -> None:
    expected = ("volume", "0.01 to 0.5 lots", "0.6", "position 500")

    assert judged(make_close(volume=0.6), position=make_position()) == expected


def test_a_close_beside_a_doubt_is_told_which() -> None:
    doubtful = make_intent(kind=IntentKind.CLOSE, ticket=500)
    state = state_with(make_order(doubtful, position=500))
    netting = make_report(account=make_account(hedging=False))

    assert judged(make_close(), state, make_position(), report=netting) == (
        "position",
        "no deal of unknown outcome on the symbol",
        "signal s-1 is unknown",
        "on a netting account a second close could open the opposite position",
    )
    assert judged(make_close(volume=0.1), state, make_position()) == (
        "position",
        "no close of unknown outcome on the position, or closing all of it",
        "command s-1 is unknown",
        "both parts could be closed",
    )


def test_a_terminal_that_does_not_answer_is_told_with_its_problem() -> None:
    silent = ("account", "an answering terminal", "none", "lane down")

    for wanted in (make_signal(), make_close(), make_modify(), make_cancel()):
        case = OrderAppraised(wanted, None, None, "lane down", NOW)
        *_, denied = engine.judge_appraised(make_state(), make_limits(), case)

        assert isinstance(denied, IntentDenied)
        assert [texts(denial) for denial in denied.denials] == [silent]


def test_a_signal_from_the_future_is_told_how_far_ahead_it_is() -> None:
    _, denied = engine.receive(make_state(), make_limits(), make_signal(timestamp_msc=NOW + 2_500), NOW)

    assert isinstance(denied, IntentDenied)
    assert [texts(denial) for denial in denied.denials] == [
        ("expiry", "at most 2000 ms ahead", "2500 ms ahead of this PC's clock", "set both clocks by NTP")
    ]


# Resuming

LOCAL, REMOTE = Source(Channel.LOCAL), Source(Channel.WEBSOCKET)
BEFORE = ("resume", "a resume from after the halt", "one from before it")


@pytest.mark.parametrize(
    ("source", "limits", "at_msc", "expected"),
    [
        (
            REMOTE,
            {},
            NOW + 1,
            ("resume", "ALLOW_REMOTE_RESUME=true", "false", "type `hybrid-bridge resume` on the trading PC"),
        ),
        (LOCAL, {"emergency_stop": True}, NOW + 1, ("resume", "EMERGENCY_STOP=false", "true", MEND)),
        (LOCAL, {}, NOW, (*BEFORE, "send it again")),
        (
            REMOTE,
            {"allow_remote_resume": True},
            NOW,
            (*BEFORE, "send it again, or type `hybrid-bridge resume` on the trading PC"),
        ),
    ],
)
def test_a_resume_that_is_refused_is_told_what_would_be_taken(
    source: Source, limits: dict[str, Any], at_msc: int, expected: tuple[str, ...]
) -> None:
    state = make_state(trading=TradingState.HALTED, emergency=True, latched_msc=NOW)

    verdict = engine.resume(state, make_limits(**limits), ResumeRequested("go", source, at_msc), at_msc)

    assert isinstance(verdict, Denial)
    assert texts(verdict) == expected


# A close that the terminal does not show yet

AGAIN = "on a netting account a second close could open the opposite position; send it again in a moment"
NETTING = make_report(account=make_account(hedging=False))


def sent_to(number: int, answer: Any, *, sent_msc: int = NOW, **changes: Any) -> list[Any]:
    """Return the events of a command about position 500, sent and answered."""
    intent = make_intent(number, **{"kind": IntentKind.CLOSE, "ticket": 500, "volume": 0.5, **changes})
    return [*sending_events(make_order(intent), sent_msc), answer]


def filled(number: int, volume: float = 0.5, at_msc: int = NOW) -> Any:
    return make_answer(number, OrderState.FILLED, volume=volume, at_msc=at_msc)


def closing(events: list[Any], now_msc: int = NOW + 1_000) -> tuple[Any, ...]:
    command = make_close(received_msc=now_msc)
    case = OrderAppraised(command, make_appraisal(report=NETTING), make_position(), "", now_msc)
    return engine.judge_appraised(fold(make_state(), events), make_limits(), case)


@pytest.mark.parametrize(
    "later",
    [
        [],
        sent_to(2, filled(2), symbol="GBPUSD", ticket=501),
        sent_to(2, filled(2), ticket=501),
        sent_to(2, make_answer(2, OrderState.REJECTED), volume=0.2),
        sent_to(2, filled(2, 0.0), kind=IntentKind.MODIFY),
    ],
)
def test_a_close_of_what_was_just_closed_is_told_whatever_else_was_sent_since(later: list[Any]) -> None:
    *_, denied = closing([*sent_to(1, filled(1)), *later])

    assert isinstance(denied, IntentDenied)
    (denial,) = denied.denials
    assert texts(denial) == ("position", "a position of 0 lots, as command s-1 left it", "0.5 lots", AGAIN)


@pytest.mark.parametrize(
    "events",
    [
        sent_to(1, filled(1), ticket=501),
        sent_to(1, filled(1, 0.0), kind=IntentKind.MODIFY, volume=0.1),
        sent_to(1, make_answer(1, OrderState.REJECTED), volume=0.2),
    ],
)
def test_what_closed_nothing_of_a_position_is_in_no_close_s_way(events: list[Any]) -> None:
    assert isinstance(closing(events)[-1], OrderSending)


@pytest.mark.parametrize(("now_msc", "denied"), [(NOW + 60_000, True), (NOW + 60_001, False)])
def test_only_what_was_sent_in_the_last_minute_may_not_show_yet(now_msc: int, denied: bool) -> None:
    events = sent_to(1, filled(1, at_msc=NOW + 59_000))

    assert denied == isinstance(closing(events, now_msc)[-1], IntentDenied)


def test_how_near_the_stop_of_a_sell_is_is_told_in_points() -> None:
    denial = find_stops_denial(Side.SELL, 1.10015, 0.0, 1.1, make_spec(stops_level=20))

    assert texts(denial)[2] == "15.0 points"
