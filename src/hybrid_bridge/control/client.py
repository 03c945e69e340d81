"""The WebSocket to the trading backend: keeps it connected, reads what comes, writes what is due.

The reader only decodes and hands on (see intake); what is to be written waits in a bounded mailbox; results
are delivered by `deliver`, which returns only once the backend's side is proven to have them. How a
connection is made is `opening`'s. Decides nothing about trading. app builds one and drives `run`.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Sequence

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from hybrid_bridge.control import advice
from hybrid_bridge.control.advice import Trouble
from hybrid_bridge.control.backoff import reconnect_delay_s
from hybrid_bridge.control.credentials import authorization, crosses_network_in_clear
from hybrid_bridge.control.intake import Intake
from hybrid_bridge.control.mailbox import Mailbox
from hybrid_bridge.control.opening import check_url, open_connection
from hybrid_bridge.control.standing import Standing
from hybrid_bridge.control.state import ControlLimits, ControlState, Link
from hybrid_bridge.core.inputs import MalformedReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import ChannelError
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX, DataRequested, decode_or_reject, excerpt
from hybrid_bridge.messages.outbound import encode_error
from hybrid_bridge.ports import Clock, Inbox, OutboxMessage
from hybrid_bridge.settings import ControlSettings

log = structlog.get_logger(__name__)

READS_PER_TURN = 16  # Then the rest of the bridge has its turn, however fast messages come.
REFUSALS_TOLD_EVERY_S = 60.0
READ_OUT_S = 2.0  # For what an old connection still holds, if its other end is alive.
SLEPT = "the PC slept, or the bridge was held up"

GOING_AWAY, POLICY_VIOLATION, MESSAGE_TOO_BIG = 1001, 1008, 1009  # RFC 6455, section 7.4.1
CLOSE_REASON_CHARS = 100  # RFC 6455, section 5.5: at most 123 bytes.

_SOURCE = Source(Channel.WEBSOCKET)


class ControlClient:
    """One connection to the backend, made again whenever it ends; also ports.OutboxChannel "websocket".

    Args:
        inbox: receives every decoded input; its put must never block for an emergency stop.
        answer_query: gives the messages that answer a get_data, quickly and without waiting.
        on_connect: called at each new connection, after the latest kept messages became due again.
        draw: gives random numbers in [0, 1) for the reconnect waits.
        standstills: how often the PC slept, or this process was held up, until this very instant.
        before_msc: when this process ran for certain before the last of them, UTC milliseconds.
    Raises:
        ConfigurationError: when the address is none, or the token cannot stand in an HTTP header.
    """

    def __init__(
        self,
        settings: ControlSettings,
        inbox: Inbox,
        clock: Clock,
        answer_query: Callable[[DataRequested], Sequence[bytes]],
        *,
        on_connect: Callable[[], None] | None = None,
        limits: ControlLimits | None = None,
        draw: Callable[[], float] = random.random,
        standstills: Callable[[], int] = lambda: 0,
        before_msc: Callable[[], int] = lambda: 0,
    ) -> None:
        check_url(settings.ws_url)
        self._url = settings.ws_url
        self._shown_url = advice.shown_url(settings.ws_url)
        self._headers = authorization(settings.auth_token.get_secret_value())
        self._clock = clock
        self._answer_query = answer_query
        self._on_connect = on_connect
        self._limits = limits = limits or ControlLimits()
        self._draw = draw
        self._mailbox = Mailbox(limits.slots_max, limits.answers_max, limits.answer_bytes_max)
        self._intake = Intake(inbox, clock, limits.inputs_max, limits.patience_s)
        self._run_id = secrets.token_hex(8)  # so that made-up ids never repeat, restarts included
        self._connection: ClientConnection | None = None
        self._up = asyncio.Event()
        self._given_up: Trouble | None = None  # why this side ended the present connection
        self._standstills = standstills
        self._before_msc = before_msc
        self._opened_at = 0  # at how many standstills
        self._renewal = asyncio.Event()
        self._standing = Standing(self._shown_url, clock)
        self._refusals_told_at = -REFUSALS_TOLD_EVERY_S

    @property
    def name(self) -> str:
        """Return the name under which deliveries are recorded."""
        return "websocket"

    @property
    def state(self) -> ControlState:
        """Return how the connection stands, with its figures."""
        return self._standing.snapshot()

    def post_latest(self, slot: str, body: bytes, *, keep: bool = True) -> None:
        """Send a message as soon as may be; a later one in the same slot replaces it. Never blocks.

        Args:
            slot: what the message is the latest of, such as "account_info" or "tick:EURUSD".
            keep: whether it is sent again on every new connection.
        Raises:
            ChannelError: when there are too many slots.
        """
        self._mailbox.put_latest(slot, body, keep)

    def post(self, body: bytes) -> None:
        """Send an answer as soon as may be, in order, on the present connection or not at all.

        Raises:
            ChannelError: when there is no connection, or too many answers wait.
        """
        if self._connection is None:
            raise ChannelError("no connection to the backend to answer on")
        self._mailbox.put_answer(body)

    def renew(self) -> None:
        """Replace a connection from before a standstill, or connect at once; what is kept is news no more."""
        self._mailbox.forget_kept()
        self._renewal.set()

    @property
    def _is_old(self) -> bool:
        """Whether the present connection is one from before a standstill."""
        return self._standstills() != self._opened_at

    async def deliver(self, messages: Sequence[OutboxMessage]) -> None:
        """Send messages in order and return once the backend's side has received them all.

        A ping follows them; TCP keeps the order, so its pong proves their arrival.

        Raises:
            ChannelError: when the connection fails or deliver_s passes; any of them may have arrived.
        """
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(self._limits.deliver_s):
                connection = await self._connected()
                for message in messages:
                    await self._write_one(connection, message.body)
                await (await connection.ping())
        except TimeoutError as error:
            if connection is None:
                why = self._standing.last_error or "not yet"
                raise ChannelError(f"no connection to the backend: {why}") from error
            if self._is_old:  # The time may have passed at once; a stop may still be read from it.
                raise ChannelError(f"the backend confirmed nothing before {SLEPT}") from error
            text = f"the backend confirmed nothing within {self._limits.deliver_s:g} s; is it hung?"
            self._give_up(connection, text)
            raise ChannelError(text) from error
        except ConnectionClosed as error:
            self._forget(connection)
            raise ChannelError(f"the connection ended before the backend confirmed: {error}") from error

    async def run(self) -> None:
        """Stay connected until cancelled; then close within stop_s."""
        if self._headers and crosses_network_in_clear(self._url):
            log.warning("BACKEND_AUTH_TOKEN crosses the network unencrypted; use wss://", url=self._shown_url)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._intake.run())
                await self._stay_connected()
        finally:
            self._standing.enter(Link.DOWN)
            if len(self._intake):
                log.warning("Messages read from the WebSocket were not acted on", count=len(self._intake))

    async def _stay_connected(self) -> None:
        low_s, high_s = self._limits.backoff_low_s, self._limits.backoff_high_s
        while True:
            trouble = await self._connect_once()
            self._standing.enter(Link.DOWN)
            wait_s = reconnect_delay_s(self._standing.failures, self._draw, low_s, high_s)
            wait_s = max(wait_s, trouble.least_delay_s)
            self._standing.down(trouble, wait_s)
            await self._pause(wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Wait before the next attempt; a renewal ends it."""
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(one) for one in (self._clock.sleep(wait_s), self._renewal.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
        self._renewal.clear()

    async def _connect_once(self) -> Trouble:
        """Make one connection and serve it to its end; return why it ended, or was not made."""
        self._standing.enter(Link.CONNECTING)
        self._opened_at = self._standstills()
        try:
            connection = await open_connection(self._url, self._headers, self._limits)
        except InvalidStatus as error:
            response = error.response
            retry_after = response.headers.get("Retry-After")
            return advice.refused(response.status_code, bool(self._headers), retry_after)
        except (InvalidHandshake, InvalidURI) as error:
            return advice.not_websocket(str(error))
        except OSError as error:
            return advice.unreachable(error, self._limits.open_s)
        return await self._serve(connection)

    async def _serve(self, connection: ClientConnection) -> Trouble:
        """Read and write until the connection ends; return why."""
        self._note_up(connection)
        trouble: Trouble | None = None
        try:
            async with asyncio.TaskGroup() as group:
                loops = self._write(connection), self._settle(), self._replace_once_old(connection)
                beside = [group.create_task(loop) for loop in loops]
                trouble = await self._read(connection)
                for task in beside:
                    task.cancel()
        finally:
            self._forget(connection)
            self._standing.enter(Link.DOWN)
            if trouble is None:
                await self._say_goodbye(connection)
            else:
                await self._hang_up(connection, POLICY_VIOLATION, trouble.text)
        return trouble

    async def _settle(self) -> None:
        """Count the connection as good once it has lasted."""
        await self._clock.sleep(self._limits.dwell_s)
        self._standing.settled()

    async def _replace_once_old(self, connection: ClientConnection) -> None:
        """Close a connection from before a standstill once it is read out; the reader sees its end."""
        while not self._is_old:
            await self._renewal.wait()
            self._renewal.clear()
        self._forget(connection)
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(READ_OUT_S):
                # All that the backend sent before it read the ping comes ahead of its pong.
                await (await connection.ping())
        await self._hang_up(connection, GOING_AWAY, SLEPT)

    async def _read(self, connection: ClientConnection) -> Trouble:
        """Take in messages until the connection ends; return why."""
        try:
            while True:
                for _ in range(READS_PER_TURN):
                    raw = await connection.recv(decode=False)
                    self._standing.received += 1
                    await self._accept(raw)
                    if self._given_up is not None:
                        return self._given_up
                await asyncio.sleep(0)
        except ConnectionClosed as error:
            return self._given_up or self._explain_end(error)

    async def _accept(self, raw: bytes) -> None:
        """Hand one received message on."""
        fallback_id = f"ws-{self._run_id}-{self._standing.received}"
        now_msc = self._clock.utc_msc()
        received_msc = min(now_msc, self._before_msc()) if self._is_old else now_msc
        item = decode_or_reject(raw, _SOURCE, received_msc, fallback_id)
        if isinstance(item, DataRequested):
            self._answer(item)
            return
        if isinstance(item, MalformedReceived):
            self._standing.malformed += 1
        if not await self._intake.offer(item):
            self._refuse(raw)

    def _answer(self, query: DataRequested) -> None:
        for body in self._answer_query(query):
            try:
                self._mailbox.put_answer(body)
            except ChannelError as error:
                self._given_up = Trouble("too_slow", f"the backend reads too slowly: {error}")
                return

    def _refuse(self, raw: bytes) -> None:
        self._standing.refused += 1
        detail = (
            f"the bridge is too far behind; {self._standing.refused} messages were not taken since it started"
        )
        self._owe_error("overloaded", detail, excerpt(raw))
        now = self._clock.monotonic()
        if now - self._refusals_told_at >= REFUSALS_TOLD_EVERY_S:
            self._refusals_told_at = now
            log.warning(
                "Too far behind; messages from the WebSocket are refused",
                waiting=len(self._intake),
                refused=self._standing.refused,
            )

    def _owe_error(self, reason: str, detail: str, of: str) -> None:
        """Tell the backend; only the latest of each reason, so that a flood is not answered by a flood."""
        self._mailbox.put_latest(f"error:{reason}", encode_error(reason, detail, of), keep=False)

    async def _write(self, connection: ClientConnection) -> None:
        limit_s = self._limits.send_s
        try:
            while True:
                body = await self._mailbox.take()
                async with asyncio.timeout(limit_s):
                    await self._write_one(connection, body)
        except TimeoutError:
            if self._is_old:
                return  # It is about to be replaced, and read out before.
            text = f"the backend has read nothing for {limit_s:g} s; is it hung?"
            self._given_up = Trouble("too_slow", text)
            await self._hang_up(connection, POLICY_VIOLATION, text)
        except ConnectionClosed:
            return  # The reader sees it too, and tells why.

    async def _write_one(self, connection: ClientConnection, body: bytes) -> None:
        await connection.send(body, text=True)
        self._standing.sent += 1

    async def _say_goodbye(self, connection: ClientConnection) -> None:
        """Write what is due and close, as the bridge stops."""
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._limits.stop_s / 2):
                while (body := self._mailbox.take_now()) is not None:
                    await self._write_one(connection, body)
        await self._hang_up(connection, GOING_AWAY, "the bridge stops")

    async def _hang_up(self, connection: ClientConnection, code: int, reason: str) -> None:
        """Close, and be gone soon whatever the backend does."""
        try:
            async with asyncio.timeout(self._limits.stop_s / 2):
                await connection.close(code, reason[:CLOSE_REASON_CHARS])
        except TimeoutError:
            log.debug("The backend did not close in time", url=self._shown_url)
        finally:
            connection.transport.abort()
        await connection.wait_closed()

    def _give_up(self, connection: ClientConnection, text: str) -> None:
        """Cut a connection that would only be given the same messages again, on top of those not read."""
        if connection is self._connection:
            self._given_up = Trouble("too_slow", text)
        self._forget(connection)
        connection.transport.abort()

    def _forget(self, connection: ClientConnection | None) -> None:
        """Let nobody use this connection any more."""
        if connection is self._connection:
            self._connection = None
            self._up.clear()

    async def _connected(self) -> ClientConnection:
        """Wait for the connection."""
        while self._connection is None:
            await self._up.wait()
        return self._connection

    def _explain_end(self, error: ConnectionClosed) -> Trouble:
        sent, received = error.sent, error.rcvd
        if sent is None or (received is not None and error.rcvd_then_sent):
            code, reason = (received.code, received.reason) if received else (None, "")
            return advice.closed_by_backend(code, reason)
        if sent.code == MESSAGE_TOO_BIG:
            detail = f"{sent.reason}; at most {MESSAGE_BYTES_MAX} bytes a message, and one command in each"
            self._owe_error("too_long", detail, "")
        return advice.closed_by_bridge(sent.code, sent.reason)

    def _note_up(self, connection: ClientConnection) -> None:
        self._standing.up()
        self._given_up = None
        self._mailbox.reopen()
        self._connection = connection
        if self._on_connect is not None:
            self._on_connect()
        self._up.set()
