"""The place in the consumer group that a killed bridge left behind, given up by the next one.

A group waits for a member that is gone until its session is over: six seconds, more than a signal may be
old. So the name that the group knows this bridge by is kept in STATE_DIR, and the next client leaves the
group in that name before it joins in its own. It is nobody's any more: one bridge has STATE_DIR at a time,
and one client of the bridge the group. A copy of STATE_DIR does not count: the bridge that it was copied
from may well be alive. A group that never knew the name, or has forgotten it, answers so.

Used by the signal consumer. Whatever goes wrong here costs the wait and nothing else.
"""

import asyncio
import socket
from pathlib import Path

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.group import LeaveGroupRequest

from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.clients import TROUBLE, close_client, connection_options, own_cancellation_only
from hybrid_bridge.streams.kept_file import KeptFile

LEAVE_TIMEOUT_S = 3.0
RETRY_S = 0.2

log = structlog.get_logger(__name__)


class FormerMember:
    """What the group knew this bridge by before."""

    def __init__(self, settings: StreamSettings, clock: Clock) -> None:
        """Read what the bridge before this one has kept."""
        self._settings = settings
        self._clock = clock
        self._where = {"group": settings.group_id, "place": _place(settings.state_dir)}
        self._file = KeptFile(settings, "member")
        self._member_id = self._read()

    def note(self, consumer: AIOKafkaConsumer) -> None:
        """Keep the name that the group gave this client, as soon as it has one."""
        member_id: str = getattr(consumer._coordinator, "member_id", "")
        if not member_id or member_id == self._member_id:
            return
        self._member_id = member_id
        self._file.write({**self._where, "member_id": member_id})

    async def leave(self) -> None:
        """Leave the group in the former name, so that joining it again takes no wait."""
        if not self._member_id:
            return
        client = AIOKafkaClient(**connection_options(self._settings))
        try:
            with own_cancellation_only():
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await client.bootstrap()
                    await self._ask_until_answered(client)
        except TROUBLE as error:
            log.info("The group may wait for a former client of this bridge", cause=type(error).__name__)
        finally:
            await close_client(client)

    async def _ask_until_answered(self, client: AIOKafkaClient) -> None:
        while True:
            try:
                await self._ask(client)
            except kafka.BrokerResponseError as error:
                if not error.retriable:
                    raise
                await self._clock.sleep(RETRY_S)  # The group is still being loaded, or moves.
            else:
                return

    async def _ask(self, client: AIOKafkaClient) -> None:
        group = self._settings.group_id
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
        response = await client.send(coordinator, LeaveGroupRequest(group, self._member_id))
        error = kafka.for_code(response.error_code)
        if error is kafka.NoError:
            log.info("Left the group in the name of a former client", group=group)
        elif error is not kafka.UnknownMemberIdError:  # As after every orderly stop.
            raise error

    def _read(self) -> str:
        """Return the name kept for this group in this very place, "" for none."""
        kept = self._file.read()
        member_id = kept.get("member_id")
        same = all(kept.get(name) == value for name, value in self._where.items())
        return member_id if same and isinstance(member_id, str) else ""


def _place(folder: Path | None) -> str:
    """Name a folder so that its copy on this PC or on another has another name."""
    return "" if folder is None else f"{socket.gethostname()}:{folder.absolute()}"
