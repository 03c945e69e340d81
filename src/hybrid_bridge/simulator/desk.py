"""The dealing desk: takes trade requests, answers them.

Owns permissions, the choice of what a request's action means, request numbers and the form of the
answers. Checks and execution of each action live in their own modules. Called by the exchange for
order_send and order_check; both use the same checks, so they agree.

Source: MQL5 reference, MqlTradeRequest and MqlTradeResult; results observed with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.market_orders import execute_deal, plan_deal
from hybrid_bridge.simulator.pending_orders import (
    modify_order,
    place_order,
    plan_modify,
    plan_pending,
    plan_remove,
    remove_order,
)
from hybrid_bridge.simulator.position_requests import (
    change_levels,
    close_by,
    plan_close_by,
    plan_levels,
)
from hybrid_bridge.simulator.records import OrderCheckResult, OrderSendResult, TradeRequest
from hybrid_bridge.simulator.retcodes import CHECK_OK, COMMENTS, RefusedError
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terms import USUAL, Terms
from hybrid_bridge.simulator.venue import Venue


@dataclass
class Permissions:
    """What the terminal, the account and the link to the broker allow just now."""

    connected: bool = True
    terminal_trading: bool = True
    api_disabled: bool = False
    account_trading: bool = True
    account_experts: bool = True
    market_open: bool = True


class Desk:
    """Answers order_send and order_check."""

    def __init__(self, venue: Venue, permissions: Permissions) -> None:
        self._venue = venue
        self.permissions = permissions
        self._last_request = 0
        self._executors: dict[int, Callable[[TradeRequest, Terms], OrderSendResult]] = {
            mt5.TRADE_ACTION_DEAL: self._send_deal,
            mt5.TRADE_ACTION_PENDING: self._send_pending,
            mt5.TRADE_ACTION_SLTP: self._send_levels,
            mt5.TRADE_ACTION_MODIFY: self._send_modify,
            mt5.TRADE_ACTION_REMOVE: self._send_remove,
            mt5.TRADE_ACTION_CLOSE_BY: self._send_close_by,
        }

    def send(self, request: TradeRequest, terms: Terms = USUAL) -> OrderSendResult:
        """Carry a request out or say why not.

        Args:
            request: the request.
            terms: what befalls it besides its own words.
        Raises:
            TerminalError: -8 when the terminal does not let programs trade through the package.
        """
        if self.permissions.api_disabled and not terms.by_hand:
            raise TerminalError(mt5.RES_E_AUTO_TRADING_DISABLED)
        if not (self.permissions.terminal_trading or terms.by_hand):
            # Refused by the terminal itself: the request gets no number.
            retcode = mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
            return OrderSendResult(retcode=retcode, comment=COMMENTS[retcode], request=request)
        self._last_request += 1
        try:
            self._check_account(terms)
            worded = request if terms.comment is None else request._replace(comment=terms.comment)
            result = self._executor(request)(worded, terms)
        except RefusedError as refusal:
            result = OrderSendResult(retcode=refusal.retcode, bid=refusal.bid, ask=refusal.ask)
        return result._replace(
            comment=COMMENTS[result.retcode], request_id=self._last_request, request=request
        )

    def _check_account(self, terms: Terms) -> None:
        if not self.permissions.connected:
            raise RefusedError(mt5.TRADE_RETCODE_CONNECTION)
        if not (self.permissions.account_experts or terms.by_hand):
            raise RefusedError(mt5.TRADE_RETCODE_SERVER_DISABLES_AT)
        if not self.permissions.account_trading:
            raise RefusedError(mt5.TRADE_RETCODE_TRADE_DISABLED)
        if not self.permissions.market_open:
            raise RefusedError(mt5.TRADE_RETCODE_MARKET_CLOSED)

    def _executor(self, request: TradeRequest) -> Callable[[TradeRequest, Terms], OrderSendResult]:
        numbers = (request.volume, request.price, request.stoplimit, request.sl, request.tp)
        executor = self._executors.get(request.action)
        if executor is None or not all(isfinite(number) for number in numbers):
            raise RefusedError(mt5.TRADE_RETCODE_INVALID)
        return executor

    def _send_deal(self, request: TradeRequest, terms: Terms) -> OrderSendResult:
        return execute_deal(self._venue, plan_deal(self._venue, request, live=True), request, terms)

    def _send_pending(self, request: TradeRequest, terms: Terms) -> OrderSendResult:
        return place_order(self._venue, plan_pending(self._venue, request, live=True), terms)

    def _send_levels(self, request: TradeRequest, _: Terms) -> OrderSendResult:
        return change_levels(self._venue, plan_levels(self._venue, request, live=True))

    def _send_modify(self, request: TradeRequest, _: Terms) -> OrderSendResult:
        return modify_order(self._venue, plan_modify(self._venue, request, live=True))

    def _send_remove(self, request: TradeRequest, _: Terms) -> OrderSendResult:
        return remove_order(self._venue, plan_remove(self._venue, request, live=True))

    def _send_close_by(self, request: TradeRequest, terms: Terms) -> OrderSendResult:
        return close_by(self._venue, plan_close_by(self._venue, request, live=True), request, terms)

    def check(self, request: TradeRequest) -> OrderCheckResult:
        """Tell whether a request could be carried out and what the account would be after it."""
        try:
            margin = self._margin_after(request)
            retcode = CHECK_OK
        except RefusedError as refusal:
            margin = None
            retcode = refusal.retcode
        result = OrderCheckResult(retcode=retcode, comment=COMMENTS[retcode], request=request)
        if retcode not in (CHECK_OK, mt5.TRADE_RETCODE_NO_MONEY):
            return result
        figures = self._venue.funds.figures()
        if margin is not None:
            figures = figures._replace(margin=margin)
        return result._replace(
            balance=float(figures.balance),
            equity=float(figures.equity),
            profit=float(figures.profit),
            margin=float(figures.margin),
            margin_free=float(figures.margin_free),
            margin_level=float(figures.margin_level),
        )

    def _margin_after(self, request: TradeRequest) -> Decimal | None:
        """Check a request as the terminal does; give the account's margin after it if that changes."""
        self._executor(request)
        if request.action == mt5.TRADE_ACTION_DEAL:
            return plan_deal(self._venue, request, live=False).margin
        if request.action == mt5.TRADE_ACTION_PENDING:
            plan_pending(self._venue, request, live=False)
        elif request.action == mt5.TRADE_ACTION_SLTP:
            plan_levels(self._venue, request, live=False)
        elif request.action == mt5.TRADE_ACTION_MODIFY:
            plan_modify(self._venue, request, live=False)
        elif request.action == mt5.TRADE_ACTION_REMOVE:
            plan_remove(self._venue, request, live=False)
        else:
            plan_close_by(self._venue, request, live=False)
        return None
