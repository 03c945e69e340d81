"""One message over both channels, by the bridge's own code: a topic's record and a WebSocket's frame.

Owns what stands around the decoders: a client that is not connected, an inbox that keeps what it is given, a
clock that is told the time. Compares what each made of a message with what it says.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import ConsumerRecord
from pydantic import SecretStr
from scripts.fuzzing.contract import Said

from hybrid_bridge.control.client import ControlClient
from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    Input,
    LimitsRestoreRequested,
    MalformedReceived,
    ModifyRequested,
    ResumeRequested,
    SignalReceived,
    TighteningRequested,
)
from hybrid_bridge.messages.inbound import DataRequested
from hybrid_bridge.messages.outbound import encode_error
from hybrid_bridge.settings import ControlSettings
from hybrid_bridge.streams.records import decode_record, find_stop

TOPIC = "trading_signals"
KINDS: dict[str, type] = {
    "trading_signal": SignalReceived,
    "close_position": CloseRequested,
    "modify_position": ModifyRequested,
    "emergency_stop": EmergencyStopRequested,
    "resume_trading": ResumeRequested,
    "tighten_limits": TighteningRequested,
    "restore_limits": LimitsRestoreRequested,
}


@dataclass(frozen=True, slots=True)
class OneChannel:
    """What one channel made of a message.

    Attributes:
        written_msc: when a record says that it was written; None where nothing tells.
    """

    name: str
    item: Input | DataRequested | None
    received_msc: int
    written_msc: int | None
    fallback: str

    def difference(self, said: Said | None, reasons: set[str]) -> str:
        """Say how that differs from what the message says; "" when it does not."""
        item = self.item
        if said is not None and said.kind == "get_data" and self.name == "redpanda":
            said, reasons = None, {"wrong_channel"}
        if said is None:
            if isinstance(item, MalformedReceived) and item.reason in reasons:
                return _unreadable(item)
            return f"{item}, expected a refusal for {sorted(reasons)}"
        expected = self._expected(said)
        if isinstance(item, DataRequested):
            return "" if said.kind == "get_data" and item.request == said.fields["request"] else f"{item}"
        if type(item) is not KINDS.get(said.kind):
            return f"{item}, expected {said}"
        found = {name: getattr(item, name) for name in expected}
        odd = {
            name: (found[name], value) for name, value in expected.items() if not _same(found[name], value)
        }
        return f"found and expected: {odd}" if odd else ""

    def _expected(self, said: Said) -> dict[str, Any]:
        """Return the attributes of the input that the message is."""
        fields = said.fields
        given = self.written_msc
        created = None if given is None else min(given, self.received_msc)
        match said.kind:
            case "trading_signal":
                made = self.written_msc if fields["timestamp"] is None else fields["timestamp"]
                plain = {name: fields[name] for name in SIGNAL_FIELDS}
                signal_id = said.given_id or self.fallback
                more = {"timestamp_msc": made, "expires_msc": fields["expires"], "signal_id": signal_id}
                return {**plain, **more, "received_msc": self.received_msc}
            case "close_position" | "modify_position":
                command = {"command_id": said.given_id or self.fallback, "created_msc": created}
                return {**fields, **command, "received_msc": self.received_msc}
            case "emergency_stop" | "tighten_limits":
                reason = fields["reason"] or f"{said.kind} {self.fallback}"
                return {**fields, "reason": reason, "received_msc": self.received_msc}
            case "resume_trading":
                return {**fields, "received_msc": self.received_msc if created is None else created}
        return fields


SIGNAL_FIELDS = ("symbol", "side", "volume", "stop_loss", "take_profit", "price", "comment", "account")


def _same(found: object, expected: object) -> bool:
    return found == expected and (isinstance(found, bool) == isinstance(expected, bool))


def _unreadable(item: MalformedReceived) -> str:
    told = msgspec.json.decode(encode_error(item.reason, item.detail, item.excerpt))["data"]
    if not told["reason"] or not told["detail"] or not item.message_id:
        return f"{item} has no reason, no detail or no name"
    return "" if len(told["of"]) < 1_500 and told["of"].isprintable() else f"excerpt {told['of']!r}"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a message on its way in.

    Attributes:
        stop: what the stop watcher made of it.
    """

    channels: tuple[OneChannel, OneChannel]
    stop: EmergencyStopRequested | None

    @property
    def redpanda(self) -> Input | DataRequested | None:
        """What the record became."""
        return self.channels[0].item

    @property
    def websocket(self) -> Input | DataRequested | None:
        """What the frame became."""
        return self.channels[1].item


class Channels:
    """Both ways in."""

    def __init__(self) -> None:
        self._now_msc = 0
        self._kept: list[Input | DataRequested] = []
        self._offset = 0
        control = ControlSettings("ws://localhost:8000/ws/mt5", SecretStr(""))
        self._client = ControlClient(control, self, self, self._answer)

    def hear(self, raw: bytes, now_msc: int, draw: random.Random) -> Heard:
        """Let a message come in over both channels."""
        self._now_msc = now_msc
        self._offset += 1
        written = draw.choice((now_msc, now_msc, now_msc - 20, now_msc + 5, now_msc - 61_000, -1, 0))
        record: ConsumerRecord[bytes, bytes] = ConsumerRecord(
            TOPIC, 0, self._offset, written, 0, None, raw, None, 0, len(raw), ()
        )
        item = decode_record(record, now_msc)
        place = f"{TOPIC}/0/{self._offset}"
        given = None if written < 0 else written
        name = place if given is None else f"{place}/{written}"
        redpanda = OneChannel("redpanda", item, now_msc, given, name)
        return Heard((redpanda, self._by_websocket(raw, now_msc)), find_stop(record, now_msc))

    def _by_websocket(self, raw: bytes, now_msc: int) -> OneChannel:
        self._kept.clear()
        self._client._standing.received += 1
        accepting = self._client._accept(raw)
        try:
            accepting.send(None)
            raise RuntimeError("the client waits although there is room")
        except StopIteration:
            pass
        line = self._client._intake._line
        kept = [*self._kept, *(entry[1] for entry in line)]
        line.clear()
        name = f"ws-{self._client._run_id}-{self._client._standing.received}"
        return OneChannel("websocket", kept[0] if len(kept) == 1 else None, now_msc, None, name)

    def _answer(self, query: DataRequested) -> Sequence[bytes]:
        self._kept.append(query)
        return ()

    async def put(self, item: Input, settled: object = None) -> None:
        """Take an input, as the bridge's inbox does."""
        del settled
        self._kept.append(item)

    def utc_msc(self) -> int:
        """Return the time it is told to be."""
        return self._now_msc

    def monotonic(self) -> float:
        """Return the same in seconds."""
        return self._now_msc / 1000

    async def sleep(self, delay_s: float) -> None:
        """Refuse: nothing waits here."""
        raise RuntimeError(f"the client waits {delay_s} s although there is room")
