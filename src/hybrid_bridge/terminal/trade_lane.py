"""The trade lane as the executor sees it: core values in, core values out.

Implements `ports.TradeLane` and `ports.TradeHistory`. Owns the translation and the verdict on a reply
(through `retcodes`); the way to the terminal is a `Lane`, chosen anew for each call because both kinds of
work may share one.
"""

from collections.abc import Callable

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import (
    Appraisal,
    AppraisalQuery,
    DealsFound,
    DealsQuery,
    Findings,
    LookQuery,
)
from hybrid_bridge.core.orders import Answer, ApprovedOrder, OrderRequest, SubmitOutcome
from hybrid_bridge.errors import LaneError, LaneUnavailable
from hybrid_bridge.ports import Clock
from hybrid_bridge.terminal import values
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.operations import (
    APPRAISE,
    DEALS,
    LOOK,
    REPORT,
    SUBMIT,
    AppraiseArgs,
    AppraiseReply,
    DealsArgs,
    LookArgs,
    ReportArgs,
    ReportReply,
    SubmitArgs,
)
from hybrid_bridge.terminal.retcodes import classify_reply

# The history is asked for in server time: a day on either side covers every clock on earth.
LOOK_MARGIN_S = 86_400


class TerminalTradeLane:
    """Orders and questions about them, through the terminal."""

    def __init__(self, route: Callable[[], Lane], server_clock: ServerClock, clock: Clock) -> None:
        """Use the lane that `route` names at each call."""
        self._route = route
        self._server_clock = server_clock
        self._clock = clock

    async def appraise(self, query: AppraisalQuery) -> Appraisal:
        """Ask for everything the risk check needs, all of one instant.

        Raises:
            LaneError: when it cannot be had.
        """
        side = values.ORDER_TYPES[query.side]
        args = AppraiseArgs(query.symbol, side, query.stop_loss, query.valued, query.entry_price)
        reply = await self._route().call(APPRAISE, args)
        return self._appraisal(query.symbol, reply)

    async def submit(
        self, order: ApprovedOrder, still_wanted: Callable[[], bool] = lambda: True
    ) -> SubmitOutcome:
        """Send an approved order once; never raises for what the venue or the pipe does.

        Args:
            still_wanted: asked when its turn has come, right before it is written; False withdraws it.
        """
        # The worker may get to it later than anybody waits: the PC may sleep while it lies in the pipe.
        latest_msc = self._clock.utc_msc() + int(SUBMIT.timeout_s * 1000)
        args = submit_args(order.request, max(1, min(latest_msc, order.intent.expires_msc)))
        try:
            reply = await self._route().call(SUBMIT, args, still_wanted)
        except LaneUnavailable as error:
            return SubmitOutcome(Answer.NO, reason="lane_unavailable", detail=str(error))
        except LaneError as error:
            return SubmitOutcome(Answer.UNKNOWN, reason="lane_interrupted", detail=str(error))
        return classify_reply(reply, args.action)

    async def look(self, query: LookQuery) -> Findings:
        """Ask what the terminal shows of an order.

        Raises:
            LaneError: when any of the questions was not answered.
        """
        args = LookArgs(query.magic, query.comment, query.position, *self._window_s(query.since_msc))
        reply = await self._route().call(LOOK, args)
        positions = tuple(values.position(row, self._server_clock) for row in reply.positions)
        named = (position for position in positions if position.ticket == query.position)
        return Findings(
            connected=reply.connected,
            position=next(named, None),
            positions=positions,
            orders=tuple(values.pending_order(row) for row in reply.orders),
            history_orders=tuple(values.historic_order(row) for row in reply.history_orders),
            deals=values.deals(reply.deals, self._server_clock),
            at_msc=self._clock.utc_msc(),
        )

    async def deals_of(self, query: DealsQuery) -> DealsFound:
        """Ask for the deals of many trades at once.

        Raises:
            LaneError: when a question was not answered.
        """
        marks = (frozenset(query.magics), frozenset(query.comments), frozenset(query.positions))
        reply = await self._route().call(DEALS, DealsArgs(*marks, *self._window_s(query.since_msc)))
        return DealsFound(reply.connected, values.deals(reply.deals, self._server_clock))

    def _window_s(self, since_msc: int) -> tuple[int, int]:
        return since_msc // 1000 - LOOK_MARGIN_S, self._clock.utc_msc() // 1000 + LOOK_MARGIN_S

    async def report(self) -> AccountReport:
        """Look at account, positions and orders; what is open is not valued.

        Raises:
            LaneError: when it cannot be had.
        """
        return self._report(await self._route().call(REPORT, ReportArgs(valued=False)))

    def _appraisal(self, symbol: str, reply: AppraiseReply) -> Appraisal:
        spec = None if reply.spec is None else values.symbol_spec(reply.spec)
        report = self._report(reply.report)
        profit = reply.profit_at_stop
        return Appraisal(
            spec=spec,
            quote=None if reply.quote is None else values.quote(symbol, reply.quote, self._server_clock),
            reference_volume=spec.volume_max if spec else 0.0,
            loss_at_stop=None if profit is None else -profit,
            margin=reply.margin,
            commission_per_lot=reply.commission_per_lot,
            report=report,
        )

    def _report(self, reply: ReportReply) -> AccountReport:
        utc_msc = self._clock.utc_msc()
        return values.account_report(reply, self._server_clock, utc_msc)


def submit_args(request: OrderRequest, latest_utc_msc: int = 0) -> SubmitArgs:
    """Return a request with exactly the types that the package accepts (float is float, int is int)."""
    return SubmitArgs(
        action=int(request.action),
        symbol=request.symbol,
        volume=float(request.volume),
        price=float(request.price),
        sl=float(request.sl),
        tp=float(request.tp),
        deviation=int(request.deviation),
        type=int(request.type),
        type_filling=int(request.type_filling),
        type_time=int(request.type_time),
        magic=int(request.magic),
        order=int(request.order),
        position=int(request.position),
        comment=request.comment,
        latest_utc_msc=latest_utc_msc,
    )
