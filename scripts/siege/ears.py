"""What the outside hears while the siege goes on: the backend's notes and the event topic, followed live.

Owns following them; judges nothing. The traffic learns from it which positions are open, the siege whether
everything has been answered.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

PASSING = {"duplicate", "unknown"}
BATCH = 500
METADATA_TIMEOUT_S = 30.0
_PLACE = re.compile(r"^([^/]+/\d+/\d+)/\d+$")


def final_status(result: dict[str, Any]) -> str:
    """Return a result's status if it can be the last word on its signal, else ""."""
    return "" if result["status"] in PASSING else str(result["status"])


def short_id(signal_id: str) -> str:
    """Return the id of a signal; of one that is called by its place, topic, partition and offset alone."""
    return _PLACE.sub(r"\1", signal_id)


class BackendEar:
    """Follows the backend's notes.

    Attributes:
        finals: the last word heard on each signal.
        positions: the latest list of open positions.
        status: the latest bridge_status, and when it was heard.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self.finals: dict[str, str] = {}
        self.positions: list[dict[str, Any]] = []
        self.status: dict[str, Any] = {}
        self.status_at_s = 0.0
        self._file = path.open(encoding="utf-8")
        self._rest = ""

    def look(self) -> None:
        """Take in what is new."""
        self._rest += self._file.read()
        *lines, self._rest = self._rest.split("\n")
        for line in filter(None, lines):
            with suppress(ValueError):  # A line that a kill cut short.
                note = json.loads(line)
                self._take(note["message"], note["at"])

    def _take(self, message: dict[str, Any], at_s: float) -> None:
        kind, data = message["type"], message["data"]
        if kind == "positions":
            self.positions = data
        elif kind == "bridge_status":
            self.status, self.status_at_s = data, at_s
        elif kind == "trade_result" and (status := final_status(data)):
            self.finals[short_id(data["signal_id"])] = status

    @property
    def halted(self) -> bool:
        """Tell whether the bridge last said that an emergency stop is in force."""
        return bool(self.status.get("emergency_stop"))

    @property
    def open_for_orders(self) -> bool:
        """Tell whether the bridge last said that it takes entries, and both channels are up."""
        channels = self.status.get("channels", {})
        up = [channels.get(name, {}).get("state") == "up" for name in ("websocket", "redpanda")]
        return bool(self.status) and not self.status["reason"] and all(up)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TopicEar:
    """Follows the event topic.

    Attributes:
        finals: the last word written on each signal.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.finals: dict[str, str] = {}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "siege-ear", "log_level": 0})
        partitions = self._consumer.list_topics(topic, METADATA_TIMEOUT_S).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])

    def look(self) -> None:
        """Take in what is new."""
        while messages := self._consumer.consume(BATCH, timeout=0):
            self._take(messages)

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            if message.error() is not None:
                continue
            event = json.loads(message.value())
            if event["type"] == "trade_result" and (status := final_status(event["data"])):
                self.finals[short_id(event["data"]["signal_id"])] = status

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()
